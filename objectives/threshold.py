"""Minimise the avalanche threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp

from padesign.design.objective import AbstractObjective, Verdict, log_slope, missing_band, shortfall
from padesign.observables.solution import LinearThreshold, Solution, WindowSlope
from padesign.observables.unsolved import Unsolved
from padesign.types import Scalar

_BEYOND = 3.0
"""Distance in ln I beyond the scanned range that a design without any threshold counts as."""


@final
class Threshold(AbstractObjective):
    """Irradiance at which the unexcited particle becomes unstable (linear stability)."""

    emission: str = eqx.field(static=True)
    min_nonlinearity: float = eqx.field(static=True, default=5.0)
    min_photons_per_s: float | None = eqx.field(static=True, default=None)
    window_decades: float = eqx.field(static=True, default=0.05)

    name: ClassVar[str] = "threshold"
    unit: ClassVar[str] = "kW/cm^2"
    maximise: ClassVar[bool] = False
    definition: ClassVar[str] = (
        "linear-stability threshold: lowest irradiance at which the particle with every ion in its ground state is "
        "unstable against avalanching; within a few percent of the power of largest slope. Where the avalanche sets in "
        "below that (negative curvature, as in a bistable design), the middle of the steepest window. Counts only with "
        "S_window (over {window_decades} decade) of at least {min_nonlinearity}"
    )
    blind_to: ClassVar[str] = "how much steeper than `min_nonlinearity` the curve is, and rise time"
    without_value: ClassVar[str] = "no avalanche up to ten times the power window"
    guesses: ClassVar[bool] = True

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Threshold:
        return cls(**options)  # type: ignore[arg-type]

    def loss(self, solution: Solution) -> Scalar:
        band = solution.band(self.emission)
        threshold = solution.threshold(band)
        slope = solution.steepest_window(band, self.window_decades)
        brightness = solution.log_photons_per_s([band], solution.log_irradiance_max)[0]
        without = solution.log_irradiance_max + jnp.log(10.0) - _BEYOND * threshold.margin
        onset = self._log_onset(threshold, slope)
        # A moved onset follows the derivative of the linear threshold.
        followed = threshold.log_irradiance + jax.lax.stop_gradient(onset - threshold.log_irradiance)
        return (
            jnp.where(threshold.exists, followed, without)
            - jnp.log(1e3)
            + 3.0 * shortfall(log_slope(slope.value), self.min_nonlinearity)
            + shortfall(brightness, self.min_photons_per_s)
        )

    def guess(self, system: Unsolved) -> Scalar:
        log_onset, log_s = system.onset(self.emission)
        return log_onset - jnp.log(1e3) + 3.0 * shortfall(log_s, self.min_nonlinearity)

    def judge(self, solution: Solution) -> Verdict:
        band = solution.band(self.emission)
        threshold = solution.threshold(band)
        slope = solution.steepest_window(band, self.window_decades)
        exact = solution.steepest(band)
        photons = jnp.exp(solution.log_photons_per_s([band], solution.log_irradiance_max)[0])
        value = jnp.exp(self._log_onset(threshold, slope)) / 1e3
        violations = {"min_nonlinearity": self.min_nonlinearity - slope.value}
        if self.min_photons_per_s:
            violations["min_photons_per_s"] = self.min_photons_per_s - photons
        return Verdict(
            value,
            threshold.exists,
            violations,
            {
                "threshold_kW_per_cm2": jnp.where(threshold.exists, value, jnp.nan),
                "S_window": slope.value,
                "S_exact": jnp.where(solution.trace.has_fold, jnp.nan, exact.value),
                "S_at_kW_per_cm2": jnp.exp(exact.log_irradiance) / 1e3,
                "photons_per_s": photons,
                "photons_at_kW_per_cm2": jnp.exp(solution.log_irradiance_max) / 1e3,
                "bistable": solution.trace.has_fold.astype(float),
            },
        )

    def _log_onset(self, threshold: LinearThreshold, slope: WindowSlope) -> Scalar:
        """The linear threshold; where the avalanche sets in below it (negative curvature), the steepest window."""
        steepest = 0.5 * (slope.log_irradiance_low + slope.log_irradiance_high)
        early = (threshold.curvature_per_s < 0.0) & (steepest < threshold.log_irradiance)
        return jnp.where(early, steepest, threshold.log_irradiance)

    def curve_label(self, solution: Solution) -> str | None:
        return self.emission

    def check(self, solution: Solution) -> str:
        return missing_band(solution, self.emission)
