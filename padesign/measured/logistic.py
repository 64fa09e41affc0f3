"""Rises by growth that saturates, as an avalanche has it: every excited ion makes others, as long as there are some."""

from __future__ import annotations

import math

import numpy as np

from padesign.measured.few import AbstractFew, Times

_LARGEST = 1e4
"""Growth factor of what is there at the begin, an assumption: a delay of nine times of growth."""


class Logistic(AbstractFew):
    """(1 - e) / (1 + b e), e = exp(-t / tau): 1 / (1 + b e) less what it is at the begin; numbers: tau, b from 1 on."""

    def __init__(self, times: Times, jump: bool) -> None:
        self.jump, self.numbers = jump, 2
        self._times = times

    def rise(self, u: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        fallen = np.exp(-clock_s / self._times.any(u[..., 0, :]))
        return np.asarray((1.0 - fallen) / (1.0 + np.exp(math.log(_LARGEST) * u[..., 1, :]) * fallen))
