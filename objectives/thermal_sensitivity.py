"""Maximise the relative change of an emission, or of a ratio of two, with temperature."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from padesign.design.objective import AbstractObjective, Verdict, missing_band, outside_window, shortfall
from padesign.observables.solution import Solution
from padesign.observables.warming import log_photons_per_K
from padesign.types import Scalar

_ROUNDING_per_K = 1e-6
"""Change with temperature below which the loss flattens, so that it is smooth where the change turns its sign."""


@final
class ThermalSensitivity(AbstractObjective):
    """Magnitude of d ln(emission)/dT at one irradiance; of a ratio where a second band is named."""

    emission: str = eqx.field(static=True)
    at_irradiance_kW_per_cm2: float = eqx.field(static=True)
    ratio_to: str | None = eqx.field(static=True, default=None)
    min_photons_per_s: float | None = eqx.field(static=True, default=None)

    name: ClassVar[str] = "thermal_sensitivity"
    unit: ClassVar[str] = "%/K"
    maximise: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "relative sensitivity: magnitude of d ln(photons/s)/dT of the band at the stated irradiance on an upward sweep "
        "and the run's temperature, exact; of its ratio to the band `ratio_to` where that is named"
    )
    blind_to: ClassVar[str] = (
        "the sign of the change, heating by the laser, expansion of the lattice, and whatever else of the particle "
        "changes with temperature but is not in the parameter set"
    )
    without_value: ClassVar[str] = "no light at the stated irradiance"
    isothermal: ClassVar[bool] = True
    thermal: ClassVar[bool] = True

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> ThermalSensitivity:
        return cls(**options)  # type: ignore[arg-type]

    def loss(self, solution: Solution) -> Scalar:
        size = jnp.sqrt(self._per_K(solution) ** 2 + _ROUNDING_per_K**2)
        return -jnp.log(size) + shortfall(self._log_photons(solution), self.min_photons_per_s)

    def judge(self, solution: Solution) -> Verdict:
        per_K = self._per_K(solution)
        photons = jnp.exp(self._log_photons(solution))
        violations = {}
        if self.min_photons_per_s:
            violations["min_photons_per_s"] = self.min_photons_per_s - photons
        return Verdict(
            100.0 * jnp.abs(per_K),
            jnp.isfinite(per_K) & (photons > 0.0),
            violations,
            {
                "change_percent_per_K": 100.0 * per_K,
                "photons_per_s": photons,
                "photons_at_kW_per_cm2": jnp.asarray(self.at_irradiance_kW_per_cm2),
            },
        )

    def curve_label(self, solution: Solution) -> str | None:
        return self.emission

    def check(self, solution: Solution) -> str:
        changes = jax.tree.leaves(solution.per_kelvin)
        if not any(np.any(np.asarray(one)) for one in changes):
            return "the rates of this system do not depend on temperature, so it is no thermometer"
        missing = (missing_band(solution, band) for band in self._bands)
        return next(filter(None, missing), "") or outside_window(solution, self.at_irradiance_kW_per_cm2)

    @property
    def _bands(self) -> tuple[str, ...]:
        return (self.emission,) if self.ratio_to is None else (self.emission, self.ratio_to)

    @property
    def _log_at(self) -> Scalar:
        return jnp.asarray(math.log(1e3 * self.at_irradiance_kW_per_cm2))

    def _per_K(self, solution: Solution) -> Scalar:
        found = log_photons_per_K(solution, [solution.band(band) for band in self._bands], self._log_at)
        return found[0] if self.ratio_to is None else found[0] - found[1]

    def _log_photons(self, solution: Solution) -> Scalar:
        """Of the dimmer band."""
        bands = [solution.band(band) for band in self._bands]
        return jnp.min(solution.log_photons_per_s(bands, self._log_at))
