"""The noise of a measured power dependence: counting, reading and power, correlated between neighbours.

The variance of ln(signal) is counted^2 + reading^2 + (S power)^2: counting statistics, a relative error of every
reading, and a relative error of the power, which the local slope S of the curve amplifies. Reading and power errors
drift: points correlate, the less the farther apart, and no more from a number of points on (a moving mean of white
noise). The numbers come from the residuals of local cubics, whose own effect on them is taken out exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

_LENGTHS = np.geomspace(1.0, 8.0, 12)
_DEGREE = 3
_LEAST = 7
"""Points that a cubic goes through at least."""
_LAGS = 3
_DOUBT = 1.0
"""Standard deviations by which neighbours must correlate before the noise counts as correlated."""
_ROUNDS = 8
_OUTLIER = 3.0
"""Residuals larger than this many standard deviations count as that large."""


@dataclass(frozen=True)
class Noise:
    """`counted` (points,): of ln(signal) from counting; `drifting` (points,): from reading and power together.

    `reading`, `power`: relative standard deviations; `length`: points from which on they no more correlate.
    """

    counted: np.ndarray
    drifting: np.ndarray
    reading: float
    power: float
    length: float

    @property
    def sigma(self) -> np.ndarray:
        """Standard deviation of ln(signal) at every point."""
        return np.hypot(self.counted, self.drifting)

    def covariance(self) -> np.ndarray:
        """Covariance (points, points) of ln(signal)."""
        return _covariance(self.counted, self.drifting, self.length)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Noise (count, points) of ln(signal)."""
        root = np.linalg.cholesky(self.covariance() + 1e-14 * np.eye(self.counted.size))
        return rng.standard_normal((count, self.counted.size)) @ root.T

    def told(self) -> str:
        """One line for people."""
        drift = f"correlated over {self.length:.2g} points" if self.length > 1.0 else "without correlation"
        return f"noise beyond counting: reading {self.reading:.2%}, power {self.power:.2%}, {drift}"


def fitted_noise(x: np.ndarray, y: np.ndarray, counted: np.ndarray, slope: np.ndarray, width: float) -> Noise:
    """The noise under which cubics of `width` through ln(signal) `y` over ln(power) `x` miss as they do."""
    smoother = _cubics(x, np.hypot(counted, np.median(counted)), width)
    residual = y - smoother @ y
    left = np.eye(residual.size) - smoother
    drift = np.stack([np.ones_like(slope), slope**2], axis=1)
    found = Noise(counted, np.zeros_like(counted), 0.0, 0.0, 1.0)
    best = math.inf
    for length in _LENGTHS:
        reading, power = _sizes(residual, left, counted, drift, length)
        size = np.sqrt(drift @ np.array([reading, power]) ** 2)
        expected = left @ _covariance(counted, size, length) @ left.T
        scale = np.sqrt(np.diag(expected))
        z = np.clip(residual / scale, -_OUTLIER, _OUTLIER)
        seen = sum(float((z[lag:] * z[:-lag]).sum()) for lag in range(1, _LAGS + 1))
        share = expected / np.outer(scale, scale)
        due = sum(float(np.trace(share, offset=lag)) for lag in range(1, _LAGS + 1))
        if abs(seen - due) < best:
            best = abs(seen - due)
            found = Noise(counted, size, float(reading), float(power), float(length))
        if length == 1.0 and seen - due < _DOUBT * math.sqrt(_LAGS * y.size):
            break
    return found


def _cubics(x: np.ndarray, error: np.ndarray, width: float) -> np.ndarray:
    """The matrix (points, points) of weighted local cubics, whose curvature the curve of an avalanche needs."""
    rows = np.zeros((x.size, x.size))
    for k, at in enumerate(x):
        apart = np.abs(x - at)
        reach = max(0.5 * width, np.partition(apart, min(_LEAST, x.size) - 1)[min(_LEAST, x.size) - 1])
        near = np.flatnonzero(apart <= reach + 1e-12)
        powers = np.vander((x[near] - at) / reach, min(_DEGREE, near.size - 3) + 1, increasing=True) / error[near, None]
        rows[k, near] = np.linalg.pinv(powers)[0] / error[near]
    return rows


def _sizes(residual: np.ndarray, left: np.ndarray, counted: np.ndarray, drift: np.ndarray, length: float) -> np.ndarray:
    """Reading and power errors from squared residuals: weighted non-negative least squares, outliers cut."""
    chain = _chain(residual.size, length)
    fixed = left**2 @ counted**2
    columns = []
    for column in drift.T:
        spread = left * np.sqrt(column)
        columns.append(((spread @ chain) * spread).sum(axis=1))
    matrix = np.stack(columns, axis=1)
    squares, squared = residual**2, np.zeros(2)
    expected = fixed + float(np.median(squares))
    for _ in range(_ROUNDS):
        kept = np.minimum(squares, _OUTLIER**2 * expected)
        squared = nnls(matrix / expected[:, None], (kept - fixed) / expected)[0]
        expected = np.maximum(fixed + matrix @ squared, 1e-12)
    return np.sqrt(squared)


def _chain(n: int, length: float) -> np.ndarray:
    apart = np.abs(np.subtract.outer(np.arange(n), np.arange(n)))
    return np.maximum(1.0 - apart / length, 0.0)


def _covariance(counted: np.ndarray, drifting: np.ndarray, length: float) -> np.ndarray:
    return np.diag(counted**2) + np.outer(drifting, drifting) * _chain(counted.size, length)
