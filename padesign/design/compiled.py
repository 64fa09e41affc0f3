"""The programs that a design problem compiles: loss with gradient, judgement, both for one particle and for a batch.

Choices, hosts, bounds and wavelength are data, not structure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from padesign.design.objective import AbstractObjective, Verdict
from padesign.design.robust import Errors, Robust
from padesign.design.scene import (
    JUDGE_COARSENESS,
    Hosts,
    Lit,
    Scene,
    build_particle_network,
    lit_particle,
    solve_lit,
    solve_particle,
)
from padesign.design.space import Bounds
from padesign.design.transforms import Unconstrained, forward
from padesign.kinetics.particle_network import Conditions, Geometry, Placed, Signature, particle_model
from padesign.observables.solution import Solution
from padesign.observables.unsolved import Unsolved
from padesign.programs import Gradient, program
from padesign.types import ScalarLike


class Batch(NamedTuple):
    """Errors of every particle, and the parameter values of its world (samples,) where these differ."""

    errors: Errors
    worlds: Hosts | None


def _batch_loss(
    objective: AbstractObjective,
    robust: Robust,
    batch: Batch,
    target: Geometry,
    hosts: Hosts,
    solved_at: Callable[[Geometry, Hosts], Solution],
) -> jax.Array:
    """The statistic of the losses of a batch, and of its values where those count."""

    def one(own: Batch) -> tuple[jax.Array, jax.Array]:
        solution = solved_at(robust.made(target, own.errors), hosts if own.worlds is None else own.worlds)
        if not robust.counts_values:
            return objective.loss(solution), jnp.asarray(jnp.nan)
        verdict = objective.judge(solution)
        return objective.loss(solution), jnp.where(verdict.valid, verdict.value, jnp.nan)

    losses, values = jax.lax.map(one, batch)
    return robust.loss(losses, values, objective.maximise)


class Aim(NamedTuple):
    """What is compiled once for the losses of a campaign."""

    signature: Signature
    scene: Scene
    objective: AbstractObjective

    def preferring(self, preferences: jax.Array) -> AbstractObjective:
        """The objective with these weights of its parts, where it has several."""
        return self.objective.preferring(preferences) if self.objective.varies else self.objective


def _place(
    aim: Aim,
    z: Unconstrained,
    bounds: Bounds,
    hosts: Hosts,
    conditions: Conditions,
    mixing_nm: ScalarLike,
    pump_scale: ScalarLike,
) -> Placed:
    return particle_model(aim.signature).place(forward(z, bounds, mixing_nm), hosts)


def _light(
    aim: Aim,
    placed: Placed,
    bounds: Bounds,
    hosts: Hosts,
    conditions: Conditions,
    mixing_nm: ScalarLike,
    pump_scale: ScalarLike,
) -> Lit:
    return lit_particle(aim.signature, placed, hosts, conditions, aim.scene, aim.objective.thermal, pump_scale)


def _loss_of_lit(aim: Aim, lit: Lit, preferences: jax.Array) -> jax.Array:
    return aim.preferring(preferences).loss(solve_lit(lit, aim.scene, 1.0))


loss_and_gradient = Gradient((_place, _light), _loss_of_lit)
"""Of one particle: called with (aim, z, (bounds, hosts, conditions, mixing in nm, pump scale), (preferences,))."""


@program(static_argnums=(0, 1))
def batch_loss_and_gradient(
    aim: Aim,
    robust: Robust,
    batch: Batch,
    preferences: jax.Array,
    z: Unconstrained,
    bounds: Bounds,
    hosts: Hosts,
    conditions: Conditions,
    mixing_nm: ScalarLike,
    pump_scale: ScalarLike,
) -> tuple[jax.Array, Unconstrained]:
    """Of a batch of particles."""
    objective = aim.preferring(preferences)

    def solved_at(geometry: Geometry, world: Hosts) -> Solution:
        numbers = geometry, world, conditions, aim.scene, 1.0, objective.thermal, pump_scale
        return solve_particle(aim.signature, *numbers)

    def loss(z: Unconstrained) -> jax.Array:
        return _batch_loss(objective, robust, batch, forward(z, bounds, mixing_nm), hosts, solved_at)

    return jax.value_and_grad(loss)(z)


@program(static_argnums=(0, 1, 2))
def guess(
    signature: Signature,
    scene: Scene,
    objective: AbstractObjective,
    z: Unconstrained,
    bounds: Bounds,
    hosts: Hosts,
    conditions: Conditions,
    mixing_nm: ScalarLike,
) -> jax.Array:
    light = build_particle_network(signature, forward(z, bounds, mixing_nm), hosts, conditions, scene)
    low, high = (jnp.log(1e3 * jnp.asarray(end)) for end in scene.irradiance_window_kW_per_cm2)
    return objective.guess(Unsolved(light, low, high))


@program(static_argnums=(0, 1, 2))
def judge(
    signature: Signature,
    scene: Scene,
    objective: AbstractObjective,
    geometry: Geometry,
    hosts: Hosts,
    conditions: Conditions,
) -> tuple[Verdict, Solution]:
    solution = solve_particle(signature, geometry, hosts, conditions, scene, JUDGE_COARSENESS, objective.thermal)
    return objective.judge(solution), solution


@program(static_argnums=(0, 1, 2, 3))
def batch_values(
    signature: Signature,
    scene: Scene,
    objective: AbstractObjective,
    robust: Robust,
    batch: Batch,
    geometry: Geometry,
    hosts: Hosts,
    conditions: Conditions,
) -> jax.Array:
    """The honest value of every particle of a batch, NaN where it has none."""

    def one(own: Batch) -> jax.Array:
        made, world = robust.made(geometry, own.errors), hosts if own.worlds is None else own.worlds
        solution = solve_particle(signature, made, world, conditions, scene, JUDGE_COARSENESS, objective.thermal)
        verdict = objective.judge(solution)
        return jnp.where(verdict.valid, verdict.value, jnp.nan)

    return jax.lax.map(one, batch)


@program(static_argnums=(0, 1))
def solved(signature: Signature, scene: Scene, geometry: Geometry, hosts: Hosts, conditions: Conditions) -> Solution:
    """The solved power curve on the judging grid of powers, compiled once per signature."""
    return solve_particle(signature, geometry, hosts, conditions, scene, JUDGE_COARSENESS)
