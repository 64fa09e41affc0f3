"""Rises by relaxation: a jump and one or two exponentials of positive weight.

Near a steady state rate equations relax by exponentials of their Jacobian's eigenvalues; most of the light follows the
slowest ones.
"""

from __future__ import annotations

import numpy as np

from padesign.measured.few import AbstractFew, Times


class Relaxation(AbstractFew):
    """1 - exp(-t / slow), or 1 - share exp(-t / quick) - (1 - share) exp(-t / slow); numbers: slow, quick, share."""

    def __init__(self, times: Times, exponentials: int, jump: bool) -> None:
        self.jump, self.numbers = jump, 2 * exponentials - 1
        self._times = times

    def rise(self, u: np.ndarray, clock_s: np.ndarray) -> np.ndarray:
        slow = np.exp(-clock_s / self._times.any(u[..., 0, :]))
        if self.numbers == 1:
            return np.asarray(1.0 - slow)
        quick = np.exp(-clock_s / self._times.below(u[..., 1, :], u[..., 0, :]))
        return np.asarray(1.0 - slow + u[..., 2, :] * (slow - quick))
