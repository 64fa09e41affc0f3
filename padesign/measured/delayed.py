"""Rises through several steps: a power of the time at first, which is what a ladder of levels gives."""

from __future__ import annotations

import math

import numpy as np

from padesign.measured.few import AbstractFew, Times

_MOST = 10.0
"""Steps, an assumption."""


class Delayed(AbstractFew):
    """(1 - exp(-t / tau))^n: n steps that have all been taken by t; numbers: tau, n from 1 on."""

    def __init__(self, times: Times, jump: bool) -> None:
        self.jump, self.numbers = jump, 2
        self._times = times

    def rise(self, u: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        one = -np.expm1(-clock_s / self._times.any(u[..., 0, :]))
        return np.asarray(one ** np.exp(math.log(_MOST) * u[..., 1, :]))
