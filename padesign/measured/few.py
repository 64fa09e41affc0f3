"""Rises by few numbers: each is the probit of a number that is spread evenly over what it may be."""

from __future__ import annotations

import functools
import math
from abc import abstractmethod

import numpy as np
from scipy.special import ndtr

from padesign.measured.groups import Lit
from padesign.measured.laplace import AbstractFamily

_SMALL = 1e-4
_TRIED = 256
"""Members drawn from the prior, the likeliest of which are starts."""
_STARTS = 3


class AbstractFew(AbstractFamily):
    """light = exp(z0) (jump + (1 - jump) rise), with ln light a priori within one e-fold of the rough plateau, and the
    jump and all numbers of the rise functions of evenly distributed u = Phi(z)."""

    few = True
    jump: bool
    numbers: int

    @abstractmethod
    def rise(self, u: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        """From 0 to 1 (..., times), for `numbers` u (..., numbers, 1)."""

    @property
    def size(self) -> int:
        """Number of numbers with the level and the jump."""
        return 1 + int(self.jump) + self.numbers

    @property
    def precision(self) -> np.ndarray:
        return np.eye(self.size)

    @property
    def log_determinant(self) -> float:
        return 0.0

    def light(self, z: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        u = ndtr(z[..., 1:, None])
        jump = u[..., 0, :] if self.jump else 0.0
        return np.asarray(np.exp(z[..., :1]) * (jump + (1.0 - jump) * self.rise(u[..., int(self.jump) :, :], clock_s)))

    def slopes(self, z: np.ndarray, light: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        away = _SMALL * np.eye(self.size)
        above, below = np.split(self.light(np.concatenate([z + away, z - away]), clock_s), 2)
        return np.asarray((above - below) / (2.0 * _SMALL))

    def starts(self, lit: Lit) -> np.ndarray:
        tried = _spread(self.size)
        likely = lit.log_likelihood(lit.top * self.light(tried, lit.clock_s))
        return tried[np.argsort(-likely)[:_STARTS]]


class Times:
    """Times of which any is as likely as any other on a logarithmic scale, from a bin to the span of the trace."""

    def __init__(self, bin_s: float, span_s: float) -> None:
        self._low, self._width = math.log(bin_s), math.log(span_s / bin_s)

    def any(self, u: np.ndarray) -> np.ndarray:
        """In s."""
        return np.asarray(np.exp(self._low + self._width * u))

    def below(self, u: np.ndarray, longer: np.ndarray) -> np.ndarray:
        """Spread from a bin to a `longer` one, given by its own u."""
        return np.asarray(np.exp(self._low + self._width * u * longer))


@functools.cache
def _spread(size: int) -> np.ndarray:
    """Numbers (members, size) drawn from the prior; the level at its middle."""
    z = np.random.default_rng(1).standard_normal((_TRIED, size))
    z[:, 0] *= 0.1
    return z
