"""Rises that are nearly of a family by few numbers: a smooth factor about 1 beside it.

What a simple model leaves out is a smooth function of unknown size (Kennedy & O'Hagan, J. R. Stat. Soc. B 63, 425
(2001)); without it, a family that is nearly true makes times too certain.
"""

from __future__ import annotations

import math

import numpy as np

from padesign.measured.few import AbstractFew
from padesign.measured.groups import Lit
from padesign.measured.laplace import AbstractFamily, fit
from padesign.measured.smooth import Splines


class Near(AbstractFamily):
    """light of a simple family times exp(spline of ln clock); numbers: its own, coefficients (knots,).

    The spline is a random walk of slope that begins at the end of the trace, where it hardly differs from 0.
    """

    few = False

    def __init__(self, simple: AbstractFew, splines: Splines, strength: float) -> None:
        self._simple, self._splines = simple, splines
        knots, size = splines.size, simple.size
        walk = np.concatenate(
            [np.diff(np.eye(knots), 2, axis=0), np.diff(np.eye(knots)[-2:], axis=0), np.eye(knots)[-1:]]
        )
        self._precision = np.eye(size + knots)
        self._precision[size:, size:] = strength * walk.T @ walk
        self._log_determinant = knots * math.log(strength)

    @property
    def precision(self) -> np.ndarray:
        return self._precision

    @property
    def log_determinant(self) -> float:
        return self._log_determinant

    def light(self, z: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        return self._simple.light(z[..., : self._simple.size], clock_s) * self._splines.factor(
            z[..., self._simple.size :], clock_s
        )

    def slopes(self, z: np.ndarray, light: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        first, rest = z[: self._simple.size], z[self._simple.size :]
        few = self._simple.slopes(first, light, clock_s) * self._splines.factor(rest, clock_s)
        return np.concatenate([few, light * self._splines.basis(clock_s).T])

    def starts(self, lit: Lit) -> np.ndarray:
        return np.append(fit(self._simple, lit).mode, np.zeros(self._splines.size))[None, :]
