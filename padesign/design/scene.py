"""What is the same for every design of a run, and how one particle is put into it and solved."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.mixed import check_processes, with_processes
from padesign.kinetics.particle_network import Conditions, Geometry, Placed, ProcessRates, Signature, particle_model
from padesign.kinetics.self_heating import with_self_heating
from padesign.observables.solution import Solution, SteadyStateMethod, solve
from padesign.particle.surroundings import BULK, Surroundings
from padesign.types import Scalar, ScalarLike

JUDGE_COARSENESS = 0.5


@dataclass(frozen=True)
class Scene:
    """What is the same for every design of a run."""

    irradiance_window_kW_per_cm2: tuple[float, float]
    temperature_K: float
    beams: tuple[tuple[float, float], ...] = ()
    """Further beams that stay on: (wavelength in nm, irradiance in kW cm^-2)."""
    surroundings: Surroundings = BULK
    thermal_resistance_K_per_W: float | None = None
    """Between particle and surroundings; None keeps the particle at `temperature_K`."""
    add_processes: tuple[str, ...] = ()
    replace_processes: tuple[str, ...] = ()
    method: SteadyStateMethod = "continuation"
    cells_per_layer: int = 2
    judge_cells_per_layer: int = 4

    def conditions(self, wavelength_nm: float) -> Conditions:
        """What the rates depend on beside the particle, with the swept laser at this wavelength."""
        wavelengths, irradiances = zip(*self.beams, strict=True) if self.beams else ((), ())
        return Conditions(
            jnp.asarray(wavelength_nm),
            jnp.asarray(self.temperature_K),
            jnp.asarray(wavelengths, dtype=float),
            1e3 * jnp.asarray(irradiances, dtype=float),
            self.surroundings,
            None if self.thermal_resistance_K_per_W is None else jnp.asarray(self.thermal_resistance_K_per_W),
        )


Hosts = tuple[dict[str, Any], ...]


def build_particle_network(
    signature: Signature, geometry: Geometry, hosts: Hosts, conditions: Conditions, scene: Scene
) -> EmittingNetwork:
    """The network of one particle, with the processes that the scene adds by hand."""
    return network_of_placed(signature, particle_model(signature).place(geometry, hosts), hosts, conditions, scene)


def network_of_placed(
    signature: Signature, placed: Placed, hosts: Hosts, conditions: Conditions, scene: Scene
) -> EmittingNetwork:
    """`build_particle_network` of a particle whose ions have been placed."""
    model = particle_model(signature)

    def at(temperature_K: Scalar) -> tuple[EmittingNetwork, ProcessRates]:
        here = dataclasses.replace(conditions, temperature_K=temperature_K)
        light, parts = model.light(placed, hosts, here)
        return with_processes(light, here.wavelength_nm, scene.add_processes, scene.replace_processes), parts

    if conditions.thermal_resistance_K_per_W is None:
        return at(conditions.temperature_K)[0]
    return with_self_heating(at, conditions)


def check_hand_written(
    signature: Signature, geometry: Geometry, hosts: Hosts, conditions: Conditions, scene: Scene
) -> None:
    """Raise `InputError` for a hand-written process of the scene that does not fit this particle's levels."""
    if scene.add_processes or scene.replace_processes:
        light, _ = jax.jit(particle_model(signature).build)(geometry, hosts, conditions)
        wavelength_nm, temperature_K = float(conditions.wavelength_nm), float(conditions.temperature_K)
        check_processes(light, wavelength_nm, temperature_K, scene.add_processes, scene.replace_processes)


class Lit(NamedTuple):
    """The network of a particle, and where it was asked for how that changes with temperature."""

    light: EmittingNetwork
    per_kelvin: EmittingNetwork | None


def lit_particle(
    signature: Signature,
    placed: Placed,
    hosts: Hosts,
    conditions: Conditions,
    scene: Scene,
    thermal: bool = False,
    pump_scale: ScalarLike = 1.0,
) -> Lit:
    """The network of a particle whose ions have been placed; `thermal` adds how its rates change with temperature.

    `pump_scale` moves the power curve along the power axis, by default not at all.
    """

    def build(at: Conditions) -> EmittingNetwork:
        light = network_of_placed(signature, placed, hosts, at, scene)
        return eqx.tree_at(lambda it: it.network.pump, light, tuple(pump_scale * x for x in light.network.pump))

    if not thermal:
        return Lit(build(conditions), None)
    return Lit(*jax.jvp(lambda T: build(conditions.warmed(T)), (conditions.temperature_K,), (jnp.asarray(1.0),)))


def solve_lit(lit: Lit, scene: Scene, coarseness: float) -> Solution:
    """The solved power curve of a network."""
    low, high = scene.irradiance_window_kW_per_cm2
    return solve(lit.light, low, high, method=scene.method, coarseness=coarseness, per_kelvin=lit.per_kelvin)


def solve_particle(
    signature: Signature,
    geometry: Geometry,
    hosts: Hosts,
    conditions: Conditions,
    scene: Scene,
    coarseness: float,
    thermal: bool = False,
    pump_scale: ScalarLike = 1.0,
) -> Solution:
    """The solved power curve of one particle; the rest as for `lit_particle`."""
    placed = particle_model(signature).place(geometry, hosts)
    lit = lit_particle(signature, placed, hosts, conditions, scene, thermal, pump_scale)
    return solve_lit(lit, scene, coarseness)
