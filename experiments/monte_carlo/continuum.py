"""The published particle of 8 % Tm in padesign: its network, and its power curve at the powers of the Monte Carlo."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.monte_carlo.rates import Rates, rates_of_particle
from experiments.monte_carlo.sites import HOST
from padesign.config import RunFile, load_run_file
from padesign.config.build import build_design
from padesign.design.fixed import FixedDesign
from padesign.kinetics.particle_network import particle_model
from padesign.observables.nonlinearity import states_on_sweep
from padesign.observables.solution import solve
from padesign.parameters.hosts import load_host
from padesign.parameters.lattice_sum import mean_field_distance_nm

SYSTEM = Path(__file__).parents[2] / "configs" / "systems" / "lee2021_tm8.yaml"
NEAREST, MEAN_FIELD = "host.nearest_distance_nm", "host.mean_field_distance_nm"
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
def _design() -> tuple[RunFile, FixedDesign]:
    run = load_run_file(SYSTEM).run
    return run, build_design(run, CELLS)


def particle() -> Particle:
    """The published particle as plain numbers."""
    _, one = _design()
    model, temperature_K = particle_model(one.signature), one.scene.temperature_K
    light, parts = jax.jit(model.build)(one.geometry, one.hosts, one.conditions)
    wavelength_nm = float(one.conditions.wavelength_nm)
    rates = rates_of_particle(model, light, parts, one.hosts[0], (wavelength_nm, temperature_K))
    radii = np.cumsum(np.asarray(one.geometry.thickness_nm))
    values = {name: float(value) for name, value in one.hosts[0].items()}
    fraction = float(np.asarray(one.geometry.fraction)[0, 0])
    return Particle(rates, values, temperature_K, fraction, float(radii[0]), float(radii[-1]))


def lattice_distance_nm() -> float:
    """The distance with which mean field, 4 pi n/(3 r^3), has the lattice's sum of r^-6."""
    return mean_field_distance_nm(load_host(HOST))


def continuum(powers_kW_per_cm2: np.ndarray, mean_field_nm: float | None = None) -> Curve:
    """The curve of padesign, if wanted with another distance of the mean field."""
    run, one = _design()
    hosts = one.hosts
    if mean_field_nm is not None:
        hosts = tuple({**host, MEAN_FIELD: jnp.asarray(mean_field_nm)} for host in hosts)
    light, parts, solution = _solver()(hosts)
    band = solution.band(str(next(iter(run.emission or ()))))
    states, _ = states_on_sweep(light.network, solution.trace, jnp.log(1e3 * jnp.asarray(powers_kW_per_cm2)))
    p = np.exp(np.asarray(states)).reshape(len(powers_kW_per_cm2), CELLS, -1)
    ions = np.asarray(light.ions_in_cell[0])
    process = particle_model(one.signature).processes
    density = np.asarray(parts.density_nm3)[:, 0]
    strength = np.asarray(parts.C6_nm6_per_s)[:, None, None] * np.asarray(parts.factor)
    strength = strength * (ions[:, None] * np.asarray(parts.kernel_per_nm3) * density)
    happens = np.einsum("kxy,pxk,pyk->pk", strength, p[:, :, process.donor_from], p[:, :, process.acceptor_from])
    threshold = float(np.exp(solution.threshold(band).log_irradiance) / 1e3)
    number = np.einsum("x,pxl->pl", ions, p)
    return Curve(number, float(solution.steepest(band).value), threshold, float(ions.sum()), happens)


@functools.cache
def _solver():
    _, one = _design()
    low, high = one.scene.irradiance_window_kW_per_cm2

    @jax.jit
    def build_and_solve(hosts):
        light, parts = particle_model(one.signature).build(one.geometry, hosts, one.conditions)
        return light, parts, solve(light, low, high, coarseness=0.5)

    return build_and_solve
