"""Maximise the hysteresis of a bistable particle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp

from padesign.design.objective import AbstractObjective, Verdict, log_slope, missing_band, shortfall
from padesign.observables.folds import Folds, folds
from padesign.observables.solution import Solution
from padesign.types import Scalar

_WINDOW_DECADES = 0.02
"""Width over which a curve without folds is asked for its steepness."""


@final
class Hysteresis(AbstractObjective):
    """Ratio of the irradiances at which an upward sweep jumps and a downward one falls back."""

    emission: str = eqx.field(static=True)
    min_photons_per_s: float | None = eqx.field(static=True, default=None)

    name: ClassVar[str] = "hysteresis"
    unit: ClassVar[str] = "1"
    maximise: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "P_up/P_down: irradiance of the fold at which an infinitely slow upward sweep jumps over that at which the way "
        "down falls back, both inside the followed curve; 1 without folds. Brightness is the band's photons per second "
        "at the window's upper end"
    )
    blind_to: ClassVar[str] = (
        "contrast between the branches, scan rate, noise that makes jumps early; a curve made with "
        "`solver.steady_state: diffrax` shows no folds"
    )
    without_value: ClassVar[str] = "the folds could not be found"

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Hysteresis:
        return cls(**options)  # type: ignore[arg-type]

    def loss(self, solution: Solution) -> Scalar:
        """-ln(P_up/P_down) with folds. Without, 1/S is the distance from the first one, where S is infinite."""
        band = solution.band(self.emission)
        steepness = jnp.exp(-log_slope(solution.steepest_window(band, _WINDOW_DECADES).value))
        brightness = solution.log_photons_per_s([band], solution.log_irradiance_max)[0]
        wanted = steepness - _log_ratio(folds(solution, band)) - solution.threshold(band).margin
        return wanted + shortfall(brightness, self.min_photons_per_s)

    def judge(self, solution: Solution) -> Verdict:
        band = solution.band(self.emission)
        turns = folds(solution, band)
        photons = jnp.exp(solution.log_photons_per_s([band], solution.log_irradiance_max)[0])
        violations = {}
        if self.min_photons_per_s:
            violations["min_photons_per_s"] = self.min_photons_per_s - photons
        return Verdict(
            jnp.exp(_log_ratio(turns)),
            jnp.isfinite(turns.log_up - turns.log_down) | ~turns.exist,
            violations,
            {
                "P_up_kW_per_cm2": jnp.where(turns.exist, jnp.exp(turns.log_up) / 1e3, jnp.nan),
                "P_down_kW_per_cm2": jnp.where(turns.exist, jnp.exp(turns.log_down) / 1e3, jnp.nan),
                "contrast": jnp.where(turns.exist, jnp.exp(turns.log_contrast), jnp.nan),
                "photons_per_s": photons,
                "photons_at_kW_per_cm2": jnp.exp(solution.log_irradiance_max) / 1e3,
                "bistable": turns.exist.astype(float),
            },
        )

    def curve_label(self, solution: Solution) -> str | None:
        return self.emission

    def check(self, solution: Solution) -> str:
        return missing_band(solution, self.emission)


def _log_ratio(turns: Folds) -> Scalar:
    return jnp.where(turns.exist, turns.log_up - turns.log_down, 0.0)
