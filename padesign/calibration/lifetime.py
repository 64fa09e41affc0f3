"""Lifetime of a level in the bulk at weak excitation against concentration, read as the measurement was."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padesign.calibration.decay import Decay, decay_of, integral_over_maximum_s, one_over_e_s
from padesign.calibration.forward import AbstractForward, Fitted, Outcome, fitted_values
from padesign.calibration.schema import Lifetimes
from padesign.errors import InputError
from padesign.kinetics.particle_network import Conditions, Geometry, Signature, particle_model
from padesign.programs import program
from padesign.solve.stability import excited_system
from padesign.spectroscopy.transfer_law import HOPS
from padesign.types import ScalarLike

BULK_RADIUS_nm = 1e4
MAX_LEVEL_cm1 = 30000.0
SLOWEST_per_s = 1e-3
"""Added to the hopping rate, which must be positive."""


class LifetimeForward(AbstractForward):
    """One number per concentration, read off the decay of `padesign.calibration.decay` as the observation says."""

    def __init__(self, observation: Lifetimes, fitted: Fitted) -> None:
        super().__init__(observation.label, observation.source, observation.use)
        self._observation, self._fitted = observation, fitted
        if len(observation.mol_percent) != len(observation.lifetime_ms):
            raise InputError("`mol_percent` and `lifetime_ms` differ in length", path=(observation.label,))
        self._signature = Signature(
            (observation.ion,), ((True,),), (1,), (0,), (fitted.base.name,), MAX_LEVEL_cm1, False
        )
        levels = particle_model(self._signature).tables[observation.ion].level_ids
        for name in filter(None, (observation.level, observation.fed_by)):
            if name not in levels[1:]:
                raise InputError(f"{observation.ion} has no excited level `{name}`", cure=", ".join(levels))
        self._level = levels.index(observation.level)
        self._feed = levels.index(observation.fed_by) if observation.fed_by else None
        self.labels = tuple(f"{c:g} %" for c in observation.mol_percent)
        self.units = ("ms",) * len(self.labels)
        self.ln_observed = np.log(observation.lifetime_ms)
        self.sigma_ln = np.full(len(self.labels), observation.sigma_ln)
        self.at_least = np.zeros(len(self.labels), dtype=bool)

    def traced(self, theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        one = self._observation
        return _lifetimes(
            self._signature,
            (self._level, self._feed),
            (one.reading, one.prompt_share),
            self._fitted.keys,
            theta,
            {key: float(value) for key, value in self._fitted.base.values.items()},
            jnp.asarray(one.mol_percent) / 100.0,
            float(one.temperature_K),
        )

    def predict(self, theta: np.ndarray) -> Outcome:
        ln, by_parameter = self.traced(jnp.asarray(theta))
        return Outcome(np.asarray(ln), np.asarray(by_parameter), np.zeros((len(self.labels), 0)))

    def covers(self) -> dict[str, Any]:
        one = self._observation
        return {"ions": {one.ion: list(one.mol_percent)}, "temperature_K": [one.temperature_K], "pump_nm": []}


@program(static_argnums=(0, 1, 2, 3))
def _lifetimes(
    signature: Signature,
    levels: tuple[int, int | None],
    reading: tuple[str, float],
    keys: tuple[str, ...],
    theta: jax.Array,
    values: dict[str, Any],
    fractions: jax.Array,
    temperature_K: ScalarLike,
) -> tuple[jax.Array, jax.Array]:
    """ln of the lifetimes in ms and derivatives; (concentrations,) and (concentrations, keys)."""
    model = particle_model(signature)
    process = model.processes

    def one(theta: jax.Array, fraction: jax.Array) -> jax.Array:
        geometry = Geometry(jnp.array([BULK_RADIUS_nm]), fraction.reshape(1, 1), jnp.asarray(0.0))
        conditions = Conditions(jnp.asarray(1000.0), jnp.asarray(temperature_K))
        light, parts = model.build(geometry, [fitted_values(values, keys, theta)], conditions)
        at_rest, dark = excited_system(light.network).at_rest, light.network.dark[0][0]

        def decay(level: int) -> Decay:
            loss = dark[:, level].sum() - dark[level, level]
            hops = process.exchange & (process.donor_from == level) & (process.acceptor_from == 0)
            hopping = HOPS * jnp.sum(parts.C6_nm6_per_s[np.flatnonzero(hops)]) * parts.density_nm3[0, 0] ** 2
            return decay_of(loss, -at_rest[level - 1, level - 1] - loss, hopping + SLOWEST_per_s)

        own, feed = levels
        if reading[0] == "one_over_e":
            return jnp.log(1e3 * one_over_e_s(decay(own)))
        if feed is None:
            return jnp.log(-1e3 / at_rest[own - 1, own - 1])
        return jnp.log(1e3 * integral_over_maximum_s(decay(own), decay(feed), reading[1]))

    def both(fraction: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.value_and_grad(one)(theta, fraction)

    return jax.lax.map(both, fractions)
