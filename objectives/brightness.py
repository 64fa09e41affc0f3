"""Maximise the photons per second of one emission band at a stated irradiance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp

from padesign.design.objective import AbstractObjective, Verdict, missing_band, outside_window
from padesign.observables.solution import Solution
from padesign.types import Scalar


@final
class Brightness(AbstractObjective):
    """Spontaneous photons per second of the band from one particle, in all directions, on an upward sweep."""

    emission: str = eqx.field(static=True)
    at_irradiance_kW_per_cm2: float = eqx.field(static=True)

    name: ClassVar[str] = "brightness"
    unit: ClassVar[str] = "photons/s"
    maximise: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "spontaneous photons per second of the band from one particle, in all directions, at the stated irradiance "
        "on an upward sweep"
    )
    blind_to: ClassVar[str] = "nonlinearity, and how much of the light a microscope collects"
    without_value: ClassVar[str] = "no light at the stated irradiance"

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Brightness:
        return cls(**options)  # type: ignore[arg-type]

    def loss(self, solution: Solution) -> Scalar:
        return -self._log_photons(solution)

    def judge(self, solution: Solution) -> Verdict:
        photons = jnp.exp(self._log_photons(solution))
        threshold = solution.threshold(solution.band(self.emission))
        return Verdict(
            photons,
            jnp.isfinite(photons) & (photons > 0.0),
            {},
            {
                "photons_per_s": photons,
                "photons_at_kW_per_cm2": jnp.asarray(self.at_irradiance_kW_per_cm2),
                "threshold_kW_per_cm2": jnp.where(threshold.exists, jnp.exp(threshold.log_irradiance) / 1e3, jnp.nan),
            },
        )

    def curve_label(self, solution: Solution) -> str | None:
        return self.emission

    def check(self, solution: Solution) -> str:
        return missing_band(solution, self.emission) or outside_window(solution, self.at_irradiance_kW_per_cm2)

    def _log_photons(self, solution: Solution) -> Scalar:
        at = math.log(1e3 * self.at_irradiance_kW_per_cm2)
        return solution.log_photons_per_s([solution.band(self.emission)], jnp.asarray(at))[0]
