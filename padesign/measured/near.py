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
    """light of `few` times exp(spline of ln clock); numbers: those of `few`, coefficients (knots,).

    The spline is a random walk of slope that begins at the end of the trace, where it hardly differs from 0.
    """

    def __init__(self, few: AbstractFew, splines: Splines, strength: float) -> None:
        self.few, self._splines = few, splines
        knots, size = splines.size, few.size
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
        return self.few.light(z[..., : self.few.size], clock_s) * self._splines.factor(z[..., self.few.size :], clock_s)

    def slopes(self, z: np.ndarray, light: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        first, rest = z[: self.few.size], z[self.few.size :]
        few = self.few.slopes(first, light, clock_s) * self._splines.factor(rest, clock_s)
        return np.concatenate([few, light * self._splines.basis(clock_s).T])

    def starts(self, lit: Lit) -> np.ndarray:
        return np.append(fit(self.few, lit).mode, np.zeros(self._splines.size))[None, :]
