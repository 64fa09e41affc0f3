"""Maximise the avalanche gain I(2P)/I(P) of one emission band."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp

from padesign.design.objective import AbstractObjective, Verdict, log_slope, missing_band, shortfall
from padesign.observables.conventions import DOUBLING_DECADES, gain
from padesign.observables.solution import Solution
from padesign.types import Scalar


@final
class Gain(AbstractObjective):
    """Largest ratio of the emission at twice the irradiance to that at the irradiance, on an upward sweep."""

    emission: str = eqx.field(static=True)
    min_photons_per_s: float | None = eqx.field(static=True, default=None)

    name: ClassVar[str] = "gain"
    unit: ClassVar[str] = "1"
    maximise: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "avalanche gain: largest I(2P)/I(P) of the band on an upward sweep, P and 2P inside the power window; "
        "brightness is the band's photons per second at the window's upper end"
    )
    blind_to: ClassVar[str] = "at which irradiance the gain is reached, and rise time"
    without_value: ClassVar[str] = "no gain in the power window"

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Gain:
        return cls(**options)  # type: ignore[arg-type]

    def loss(self, solution: Solution) -> Scalar:
        band = solution.band(self.emission)
        slope = solution.steepest_window(band, DOUBLING_DECADES).value
        brightness = solution.log_photons_per_s([band], solution.log_irradiance_max)[0]
        return -log_slope(slope) - solution.threshold(band).margin + shortfall(brightness, self.min_photons_per_s)

    def judge(self, solution: Solution) -> Verdict:
        band = solution.band(self.emission)
        value, at, converged = gain(solution, band)
        threshold = solution.threshold(band)
        photons = jnp.exp(solution.log_photons_per_s([band], solution.log_irradiance_max)[0])
        violations = {}
        if self.min_photons_per_s:
            violations["min_photons_per_s"] = self.min_photons_per_s - photons
        return Verdict(
            value,
            converged & jnp.isfinite(value),
            violations,
            {
                "gain_from_kW_per_cm2": jnp.exp(at) / 1e3,
                "threshold_kW_per_cm2": jnp.where(threshold.exists, jnp.exp(threshold.log_irradiance) / 1e3, jnp.nan),
                "photons_per_s": photons,
                "photons_at_kW_per_cm2": jnp.exp(solution.log_irradiance_max) / 1e3,
                "bistable": solution.trace.has_fold.astype(float),
            },
        )

    def curve_label(self, solution: Solution) -> str | None:
        return self.emission

    def check(self, solution: Solution) -> str:
        return missing_band(solution, self.emission)
