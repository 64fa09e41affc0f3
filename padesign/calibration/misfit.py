"""What a calibration makes small: observed numbers and, as further observations at zero, the prior."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from padesign.calibration.forward import AbstractForward


@dataclass(frozen=True)
class Misfit:
    """Residuals of all numbers that are no bound, (n,), and of the prior, (keys,), each in units of its error.

    Half of their sum of squares is the negative logarithm of the posterior density up to a constant. `kept` are the
    places of the fitted numbers in every forward model, `errors_ln` their errors. Arrays may be of NumPy or of JAX.
    """

    kept: tuple[np.ndarray, ...]
    ln_observed: np.ndarray
    errors_ln: np.ndarray
    prior_sigma_ln: np.ndarray

    def of_observations(self, ln: Any) -> Any:
        """Residuals (n,) of the logarithms of predictions (n,)."""
        return (ln - self.ln_observed) / self.errors_ln

    def of_prior(self, theta: Any) -> Any:
        """Residuals (keys,) of the parameters."""
        return theta / self.prior_sigma_ln

    def minus_log_density(self, ln: Any, theta: Any) -> Any:
        """Half of the sum of squares, a scalar."""
        return 0.5 * ((self.of_observations(ln) ** 2).sum() + (self.of_prior(theta) ** 2).sum())


def places(forwards: Sequence[AbstractForward]) -> tuple[np.ndarray, ...]:
    """Where the numbers are that are no bounds, per forward model."""
    return tuple(np.flatnonzero(~one.at_least) for one in forwards)
