"""The published particle of 8 % Tm in padesign: its network, and its power curve at the powers of the Monte Carlo."""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.monte_carlo.rates import Rates, rates_of_particle
from experiments.monte_carlo.sites import lattice_sum_per_nm6
from padesign.config import load_run_file
from padesign.config.build import build_scene, build_space
from padesign.design.evaluate import fixed_geometry, set_values
from padesign.kinetics.particle_network import particle_model
from padesign.observables.nonlinearity import states_on_sweep
from padesign.observables.solution import solve

SYSTEM = Path(__file__).parents[2] / "configs" / "systems" / "lee2021_tm8.yaml"
NEAREST = "host.nearest_distance_nm"
CELLS = 4


class Particle(NamedTuple):
    """The system of the run file. `values` of the host, radii and fraction of the doped core, outer radius."""

    rates: Rates
    values: dict[str, float]
    temperature_K: float
    fraction: float
    core_radius_nm: float
    outer_radius_nm: float


class Curve(NamedTuple):
    """Continuum at some powers: mean numbers of ions (powers, levels), exact S, threshold [kW/cm^2] and ions.

    `pair_per_s` (powers, processes) is how often each process of two ions happens in the particle.
    """

    number: np.ndarray
    S: float
    threshold_kW_per_cm2: float
    ions: float
    pair_per_s: np.ndarray


@functools.cache
def _scene():
    run = load_run_file(SYSTEM).run
    space, scene = build_space(run), build_scene(run)
    sets = dict(run.parameter_sets)
    return run, space, scene, space.signature(CELLS, sets), set_values(space, sets)


def particle() -> Particle:
    """The published particle as plain numbers."""
    _, space, scene, signature, hosts = _scene()
    model, geometry = particle_model(signature), fixed_geometry(space)
    wavelength = space.wavelengths_nm[0]
    light, parts = jax.jit(model.build)(geometry, hosts, scene.conditions(wavelength))
    rates = rates_of_particle(model, light, parts, hosts[0], (wavelength, scene.temperature_K))
    radii = np.cumsum(np.asarray(geometry.thickness_nm))
    values = {name: float(value) for name, value in hosts[0].items()}
    fraction = float(np.asarray(geometry.fraction)[0, 0])
    return Particle(rates, values, scene.temperature_K, fraction, float(radii[0]), float(radii[-1]))


def lattice_distance_nm() -> float:
    """The nearest distance with which mean field, 4 pi n/(3 r^3), has the lattice's sum of r^-6."""
    density = particle().values["host.cation_density_nm3"]
    return (4.0 * math.pi * density / (3.0 * lattice_sum_per_nm6())) ** (1.0 / 3.0)


def continuum(powers_kW_per_cm2: np.ndarray, nearest_nm: float | None = None) -> Curve:
    """The curve of padesign, if wanted with another nearest distance."""
    run, _, _, signature, hosts = _scene()
    if nearest_nm is not None:
        hosts = tuple({**host, NEAREST: jnp.asarray(nearest_nm)} for host in hosts)
    light, parts, solution = _solver()(hosts)
    band = solution.band(str(next(iter(run.emission or ()))))
    states, _ = states_on_sweep(light.network, solution.trace, jnp.log(1e3 * jnp.asarray(powers_kW_per_cm2)))
    p = np.exp(np.asarray(states)).reshape(len(powers_kW_per_cm2), CELLS, -1)
    ions = np.asarray(light.ions_in_cell[0])
    process = particle_model(signature).processes
    density = np.asarray(parts.density_nm3)[:, 0]
    strength = np.asarray(parts.C6_nm6_per_s)[:, None, None] * np.asarray(parts.factor)
    strength = strength * (ions[:, None] * np.asarray(parts.kernel_per_nm3) * density)
    happens = np.einsum("kxy,pxk,pyk->pk", strength, p[:, :, process.donor_from], p[:, :, process.acceptor_from])
    threshold = float(np.exp(solution.threshold(band).log_irradiance) / 1e3)
    number = np.einsum("x,pxl->pl", ions, p)
    return Curve(number, float(solution.steepest(band).value), threshold, float(ions.sum()), happens)


@functools.cache
def _solver():
    _, space, scene, signature, _ = _scene()
    low, high = scene.irradiance_window_kW_per_cm2

    @jax.jit
    def build_and_solve(hosts):
        conditions = scene.conditions(space.wavelengths_nm[0])
        light, parts = particle_model(signature).build(fixed_geometry(space), hosts, conditions)
        return light, parts, solve(light, low, high, coarseness=0.5)

    return build_and_solve
