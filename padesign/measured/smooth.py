"""Rises of any smooth shape: ln light is a spline of ln clock, the time since the light was switched.

Prior: a random walk of the spline's slope, so that powers of the time (and constants) are free and everything else has
to be paid for (Eilers & Marx, Statist. Sci. 11, 89 (1996)). The walk begins at the end of the trace, with a level
near the rough plateau and a slope of order one.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.interpolate import BSpline

from padesign.measured.groups import Lit
from padesign.measured.laplace import AbstractFamily

STRENGTHS = tuple(np.geomspace(1e-1, 1e5, 13).tolist())
"""Weights of the squared second differences of the spline's coefficients. Half as many move a hidden begin."""
_STEP = 0.2
"""Distance of knots in ln clock."""
_DEGREE = 3
_LARGEST = 50.0


class Splines:
    """Knots from half a bin to the span, and the last basis that was asked for."""

    def __init__(self, bin_s: float, span_s: float) -> None:
        low, high = math.log(0.5 * bin_s), math.log(span_s)
        self._knots = low + _STEP * np.arange(-_DEGREE, math.ceil((high - low) / _STEP) + _DEGREE + 1)
        self.size = self._knots.size - _DEGREE - 1
        self._last: tuple[np.ndarray, np.ndarray] = np.empty(0), np.empty((0, self.size))

    def basis(self, clock_s: np.ndarray) -> np.ndarray:
        """Splines (times, knots) at times since the switching."""
        if self._last[0] is not clock_s:
            x = np.clip(np.log(clock_s), self._knots[_DEGREE], self._knots[-_DEGREE - 1])
            self._last = clock_s, np.asarray(BSpline.design_matrix(x, self._knots, _DEGREE).toarray())
        return self._last[1]

    def factor(self, coefficients: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        """exp of splines (..., times) with coefficients (..., knots)."""
        return np.asarray(np.exp(np.clip(coefficients @ self.basis(clock_s).T, -_LARGEST, _LARGEST)))


class Smooth(AbstractFamily):
    """Splines with one strength of the prior; numbers: coefficients (knots,)."""

    few = False

    def __init__(self, splines: Splines, strength: float) -> None:
        self._splines, size = splines, splines.size
        second = np.diff(np.eye(size), 2, axis=0)
        level, slope = np.eye(size)[-1], np.diff(np.eye(size)[-2:], axis=0)[0] / _STEP
        self._precision = strength * second.T @ second + np.outer(level, level) + np.outer(slope, slope)
        self._log_determinant = (size - 2) * math.log(strength) - 2.0 * math.log(_STEP)

    @property
    def precision(self) -> np.ndarray:
        return self._precision

    @property
    def log_determinant(self) -> float:
        return self._log_determinant

    def light(self, z: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        return self._splines.factor(z, clock_s)

    def slopes(self, z: np.ndarray, light: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        return np.asarray(light * self._splines.basis(clock_s).T)

    def starts(self, lit: Lit) -> np.ndarray:
        return np.zeros((1, self._splines.size))
