"""Which number of a design matters: exact logarithmic derivatives of what is reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from padesign.design.objective import AbstractObjective
from padesign.design.scene import JUDGE_COARSENESS, Hosts, Scene, solve_particle
from padesign.kinetics.light import find_band
from padesign.kinetics.particle_network import Conditions, Geometry, Signature
from padesign.programs import program

VALUE = "value"
_WATCHED = ("S_exact", "threshold_kW_per_cm2", "photons_per_s")

Sensitivities = Mapping[str, Mapping[str, float]]
"""d ln(number) / d ln(knob), by number ("S_exact") and knob ("core radius", "core Tm")."""


@program(static_argnums=(0, 1, 2))
def slopes(
    signature: Signature,
    scene: Scene,
    objective: AbstractObjective,
    geometry: Geometry,
    hosts: Hosts,
    conditions: Conditions,
) -> tuple[dict[str, Array], dict[str, tuple[Array, Array]]]:
    """The reported numbers of one design, and their derivatives by thickness (1/nm) and fraction."""

    names: list[str] = []

    def numbers(thickness_nm: Array, fraction: Array) -> Array:
        moved = Geometry(thickness_nm, fraction, geometry.interface_mixing_nm)
        solution = solve_particle(signature, moved, hosts, conditions, scene, JUDGE_COARSENESS, objective.thermal)
        verdict = objective.judge(solution)
        found = {VALUE: verdict.value, **{key: verdict.metrics[key] for key in _WATCHED if key in verdict.metrics}}
        names[:] = found
        return jnp.stack(list(found.values()))

    values, pull = jax.vjp(numbers, geometry.thickness_nm, geometry.fraction)
    rows = jax.lax.map(pull, jnp.eye(len(names)))
    derivatives = {name: (rows[0][k], rows[1][k]) for k, name in enumerate(names)}
    return {name: values[k] for k, name in enumerate(names)}, derivatives


class Derivatives(NamedTuple):
    """Exact derivatives of one number (its natural logarithm) by the design and by the constants of every host slot."""

    geometry: Geometry
    hosts: Hosts


@program(static_argnums=(0, 1, 2))
def by_everything(
    signature: Signature, scene: Scene, label: str, geometry: Geometry, hosts: Hosts, conditions: Conditions
) -> tuple[Derivatives, Derivatives]:
    """Of the linear-stability threshold, and of the largest exact slope S, with one backward pass each."""

    def numbers(geometry: Geometry, hosts: Hosts) -> Array:
        solution = solve_particle(signature, geometry, hosts, conditions, scene, JUDGE_COARSENESS)
        band = find_band(solution.light.levels, label)
        return jnp.stack([solution.threshold(band).log_irradiance, jnp.log(solution.steepest(band).value)])

    _, back = jax.vjp(numbers, geometry, hosts)
    return Derivatives(*back(jnp.array([1.0, 0.0]))), Derivatives(*back(jnp.array([0.0, 1.0])))


def logarithmic(
    values: Mapping[str, Array], derivatives: Mapping[str, tuple[Array, Array]], knobs: Mapping[str, float]
) -> Sensitivities:
    """The same as d ln / d ln of every knob; `knobs` are their values in the order of the flat geometry.

    Knobs that are 0 and numbers that are not finite or not positive are left out; of
    S at a jump, for instance, there is no derivative.
    """
    found: dict[str, dict[str, float]] = {}
    for name, value in values.items():
        flat = np.concatenate([np.ravel(one) for one in derivatives[name]])
        if float(value) > 0.0 and np.isfinite(flat).all() and np.isfinite(value):
            shares = {key: float(x * d / value) for (key, x), d in zip(knobs.items(), flat, strict=True) if x > 0.0}
            found[name] = shares
    return found


def band(value: float, shares: Mapping[str, float], spread: Mapping[str, float]) -> tuple[float, float]:
    """One standard deviation around `value` when every knob errs by its relative `spread`, to first order in ln."""
    error = float(np.sqrt(sum((shares.get(knob, 0.0) * by) ** 2 for knob, by in spread.items())))
    return value * float(np.exp(-error)), value * float(np.exp(error))
