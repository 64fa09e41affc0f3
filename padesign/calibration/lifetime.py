"""Lifetime of a level in the bulk at weak excitation against concentration."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padesign.calibration.forward import AbstractForward, Fitted, Outcome, fitted_values
from padesign.calibration.schema import Lifetimes
from padesign.errors import InputError
from padesign.kinetics.particle_network import Conditions, Geometry, Signature, particle_model
from padesign.programs import program
from padesign.solve.stability import excited_system
from padesign.types import ScalarLike

BULK_RADIUS_nm = 1e4
MAX_LEVEL_cm1 = 30000.0


class LifetimeForward(AbstractForward):
    """1 / (radiative + multiphonon + transfer losses of the level), one number per concentration."""

    def __init__(self, observation: Lifetimes, fitted: Fitted) -> None:
        super().__init__(observation.label, observation.source, observation.use)
        self._observation, self._fitted = observation, fitted
        if len(observation.mol_percent) != len(observation.lifetime_ms):
            raise InputError("`mol_percent` and `lifetime_ms` differ in length", path=(observation.label,))
        self._signature = Signature(
            (observation.ion,), ((True,),), (1,), (0,), (fitted.base.name,), MAX_LEVEL_cm1, False
        )
        levels = particle_model(self._signature).tables[observation.ion].level_ids
        if observation.level not in levels[1:]:
            raise InputError(f"{observation.ion} has no excited level `{observation.level}`", cure=", ".join(levels))
        self._level = levels.index(observation.level) - 1
        self.labels = tuple(f"{c:g} %" for c in observation.mol_percent)
        self.units = ("ms",) * len(self.labels)
        self.ln_observed = np.log(observation.lifetime_ms)
        self.sigma_ln = np.full(len(self.labels), observation.sigma_ln)
        self.at_least = np.zeros(len(self.labels), dtype=bool)

    def predict(self, theta: np.ndarray) -> Outcome:
        one = self._observation
        ln, jacobian = _lifetimes(
            self._signature,
            self._level,
            self._fitted.keys,
            jnp.asarray(theta),
            {key: float(value) for key, value in self._fitted.base.values.items()},
            jnp.asarray(one.mol_percent) / 100.0,
            float(one.temperature_K),
        )
        return Outcome(np.asarray(ln), np.asarray(jacobian), np.zeros((len(self.labels), 0)))

    def covers(self) -> dict[str, Any]:
        one = self._observation
        return {"ions": {one.ion: list(one.mol_percent)}, "temperature_K": [one.temperature_K], "pump_nm": []}


@program(static_argnums=(0, 1, 2))
def _lifetimes(
    signature: Signature,
    level: int,
    keys: tuple[str, ...],
    theta: jax.Array,
    values: dict[str, Any],
    fractions: jax.Array,
    temperature_K: ScalarLike,
) -> tuple[jax.Array, jax.Array]:
    """ln of the lifetimes in ms and derivatives; (concentrations,) and (concentrations, keys)."""

    def one(theta: jax.Array, fraction: jax.Array) -> jax.Array:
        geometry = Geometry(jnp.array([BULK_RADIUS_nm]), fraction.reshape(1, 1), jnp.asarray(0.0))
        conditions = Conditions(jnp.asarray(1000.0), jnp.asarray(temperature_K))
        light, _ = particle_model(signature).build(geometry, [fitted_values(values, keys, theta)], conditions)
        return jnp.log(1e3 / -excited_system(light.network).at_rest[level, level])

    def both(fraction: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.value_and_grad(one)(theta, fraction)

    return jax.lax.map(both, fractions)
