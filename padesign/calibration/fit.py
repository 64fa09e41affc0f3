"""Maximum of the posterior by Levenberg-Marquardt, and its Laplace approximation.

Parameters are logarithms of factors on the base set, normal by the priors. An observation's error and the spread that
its unstated sizes give it are added in square; the latter follows the derivatives at the last solution. Where the
observations disagree with the model by more than their errors, all errors are widened alike until chi^2 is the number
of observations (R. T. Birge, Phys. Rev. 40, 207 (1932)), and the fit is repeated with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from padesign.calibration.forward import AbstractForward, Outcome
from padesign.calibration.misfit import Misfit, places

ROUNDS = 3
"""Fits in a row; each renews the spreads of unstated sizes and the widening of errors."""


@dataclass(frozen=True)
class Posterior:
    """`theta` (n,) at the maximum, `covariance` (n, n), prior spreads (n,) and how the search ended."""

    theta: np.ndarray
    covariance: np.ndarray
    prior_sigma_ln: np.ndarray
    chi_square: float
    """Of the observations, with their errors as stated."""
    excess: float
    """Factor by which all errors were widened."""
    n_observations: int
    evaluations: int
    converged: bool
    information: np.ndarray
    """(n, n) of the observations alone, in units of the prior: eigenvalues above 1 beat the prior."""
    misfit: Misfit
    """What was made small in the last round."""

    @property
    def directions(self) -> tuple[np.ndarray, np.ndarray]:
        """Eigenvalues (descending) and vectors (columns) of the information matrix."""
        values, vectors = np.linalg.eigh(self.information)
        return values[::-1], vectors[:, ::-1]


def spread_ln(outcome: Outcome, forward: AbstractForward) -> np.ndarray:
    """Spread of predictions (n,) from sizes that the source does not state."""
    return np.sqrt(np.sum((outcome.by_size * forward.size_sigma_ln) ** 2, axis=1))


def fit(
    forwards: Sequence[AbstractForward],
    prior_sigma_ln: np.ndarray,
    start: np.ndarray | None = None,
    max_evaluations: int = 30,
    rounds: int = ROUNDS,
    told: Callable[[str], None] = lambda text: None,
) -> Posterior:
    """Fit to every observation that is no bound."""
    theta = np.zeros_like(prior_sigma_ln) if start is None else start
    memory: dict[bytes, list[Outcome]] = {}

    def outcomes(theta: np.ndarray) -> list[Outcome]:
        key = theta.tobytes()
        if key not in memory:
            memory.clear()
            memory[key] = [forward.predict(theta) for forward in forwards]
        return memory[key]

    kept = places(forwards)
    observed = np.concatenate([one.ln_observed[k] for one, k in zip(forwards, kept, strict=True)])
    evaluations, converged, excess, used = 0, False, 1.0, 1.0
    for _ in range(rounds):
        errors = np.concatenate(
            [
                excess * np.hypot(one.sigma_ln, spread_ln(out, one))[k]
                for one, out, k in zip(forwards, outcomes(theta), kept, strict=True)
            ]
        )
        misfit = Misfit(kept, observed, errors, prior_sigma_ln)

        def residuals(theta: np.ndarray, misfit: Misfit = misfit) -> np.ndarray:
            ln = np.concatenate([out.ln[k] for out, k in zip(outcomes(theta), kept, strict=True)])
            return np.concatenate([misfit.of_observations(ln), misfit.of_prior(theta)])

        def jacobian(theta: np.ndarray, misfit: Misfit = misfit) -> np.ndarray:
            rows = np.concatenate([out.by_parameter[k] for out, k in zip(outcomes(theta), kept, strict=True)])
            return np.concatenate([rows / misfit.errors_ln[:, None], np.diag(1.0 / prior_sigma_ln)])

        found = least_squares(
            residuals,
            theta,
            jacobian,  # type: ignore[arg-type]
            method="lm",
            x_scale=prior_sigma_ln,
            ftol=1e-4,
            xtol=1e-4,
            max_nfev=max_evaluations,
        )
        theta, evaluations, converged = found.x, evaluations + int(found.nfev), bool(found.success)
        chi_square = float(np.sum(residuals(theta)[: len(observed)] ** 2)) * excess**2
        used, excess = excess, max(1.0, np.sqrt(chi_square / len(observed)))
        told(f"chi² {chi_square:.1f} of {len(observed)} after {evaluations} evaluations")
    rows = jacobian(theta)[: len(observed)]
    precision = rows.T @ rows + np.diag(prior_sigma_ln**-2)
    scaled = rows * prior_sigma_ln
    covariance = np.linalg.inv(precision)
    return Posterior(
        theta,
        covariance,
        prior_sigma_ln,
        chi_square,
        used,
        len(observed),
        evaluations,
        converged,
        scaled.T @ scaled,
        misfit,
    )


def extra_scatter_ln(misses_ln: np.ndarray, known_variance: np.ndarray) -> float:
    """Standard deviation of a further normal error, by maximum likelihood of what predictions missed.

    `misses_ln` (n,) are logarithms of observed over predicted, `known_variance` (n,) the variances that are accounted
    for. 0 where these explain the misses.
    """

    def minus_log_likelihood(sigma: float) -> float:
        variance = known_variance + sigma**2
        return float(0.5 * np.sum(np.log(variance) + misses_ln**2 / variance))

    grid = np.linspace(0.0, 3.0 * max(1e-3, float(np.abs(misses_ln).max())), 301)
    return float(grid[int(np.argmin([minus_log_likelihood(sigma) for sigma in grid]))])
