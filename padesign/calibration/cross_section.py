"""Absorption cross-section of a level at one wavelength."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padesign.calibration.forward import AbstractForward, Fitted, Outcome, fitted_values
from padesign.calibration.schema import CrossSection
from padesign.errors import InputError
from padesign.kinetics.particle_network import Signature, particle_model
from padesign.programs import program
from padesign.spectroscopy.ion import ion_rates
from padesign.spectroscopy.radiative import photon_energy_J
from padesign.types import ScalarLike


class CrossSectionForward(AbstractForward):
    """Rate per irradiance times the photon energy, summed over the lines upward from the level."""

    def __init__(self, observation: CrossSection, fitted: Fitted) -> None:
        super().__init__(observation.label, observation.source, observation.use)
        self._observation, self._fitted = observation, fitted
        self._signature = Signature((observation.ion,), ((True,),), (1,), (0,), (fitted.base.name,), 30000.0, False)
        levels = particle_model(self._signature).tables[observation.ion].level_ids
        if observation.level not in levels:
            raise InputError(f"{observation.ion} has no level `{observation.level}`", cure=", ".join(levels))
        self._level = levels.index(observation.level)
        self.labels = (f"from {observation.level} at {observation.wavelength_nm:g} nm",)
        self.units = ("cm^2",)
        self.ln_observed = np.log([observation.cross_section_cm2])
        self.sigma_ln = np.array([observation.sigma_ln])
        self.at_least = np.zeros(1, dtype=bool)

    def traced(self, theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        one = self._observation
        values = {key: float(value) for key, value in self._fitted.base.values.items()}
        ln, slope = _cross_section(
            self._signature,
            one.ion,
            self._level,
            self._fitted.keys,
            theta,
            values,
            float(one.wavelength_nm),
            float(one.temperature_K),
        )
        return ln[None], slope[None]

    def predict(self, theta: np.ndarray) -> Outcome:
        ln, by_parameter = self.traced(jnp.asarray(theta))
        return Outcome(np.asarray(ln), np.asarray(by_parameter), np.zeros((1, 0)))

    def covers(self) -> dict[str, Any]:
        one = self._observation
        return {"ions": {}, "temperature_K": [one.temperature_K], "pump_nm": [one.wavelength_nm]}


@program(static_argnums=(0, 1, 2, 3))
def _cross_section(
    signature: Signature,
    ion: str,
    level: int,
    keys: tuple[str, ...],
    theta: jax.Array,
    values: dict[str, Any],
    wavelength_nm: ScalarLike,
    temperature_K: ScalarLike,
) -> tuple[jax.Array, jax.Array]:
    def ln(theta: jax.Array) -> jax.Array:
        table = particle_model(signature).tables[ion]
        rates = ion_rates(table, fitted_values(values, keys, theta), wavelength_nm, temperature_K)
        upward = rates.pump[level + 1 :, level].sum()
        return jnp.log(upward * photon_energy_J(wavelength_nm))

    return jax.value_and_grad(ln)(theta)
