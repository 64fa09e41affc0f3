"""A particle that its own light warms: its temperature belongs to the steady state, like its populations.

Nd is swept at 1064 nm, which it absorbs from a level that only warmth fills, beside a beam of 808 nm that warms it: the
case in which heat feeds itself. The network at the temperature that is found is built and solved anew here.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.typing import ArrayLike

from padesign.cli.evaluate import warmth_lines
from padesign.constants import JOULE_PER_cm1
from padesign.design.evaluate import warmth_of
from padesign.design.scene import Scene, build_particle_network
from padesign.kinetics.light import EmittingNetwork, find_band
from padesign.kinetics.particle_network import Conditions, Geometry
from padesign.observables.balance import photon_balance
from padesign.observables.colour import lines
from padesign.observables.solution import Solution, solve
from padesign.solve.steady import newton
from tests.systems.differences import central
from tests.systems.particles import geometry, signature, values

SIGNATURE = signature(["Nd"], [[True], [False]], [1, 0], max_level_cm1=15000.0)
SHAPE = geometry([20.0, 3.0], [[50.0], [0.0]])
WINDOW_kW = (1.0, 3000.0)
T0_K, SWEPT_nm, BEAM_nm, BEAM_kW = 295.0, 1064.0, 808.0, 0.1
SCENE = Scene(WINDOW_kW, T0_K)
HOSTS = (values(),)
BAND = "Nd:4F3/2 -> Nd:4I9/2"
POWERS_kW = (1.0, 300.0, 3000.0)


def conditions(R_K_per_W: ArrayLike) -> Conditions:
    beam = jnp.array([BEAM_nm]), jnp.array([1e3 * BEAM_kW])
    at = Conditions(jnp.asarray(SWEPT_nm), jnp.asarray(T0_K), *beam)
    return dataclasses.replace(at, thermal_resistance_K_per_W=jnp.asarray(R_K_per_W))


class Seen(NamedTuple):
    """States at `POWERS_kW`, how much warmer than the surroundings, the heat, photons per second of `BAND`."""

    solution: Solution
    log_populations: jax.Array
    rise_K: jax.Array
    heat_W: jax.Array
    log_photons: jax.Array


def heated(shape: Geometry, at: Conditions) -> Seen:
    light = build_particle_network(SIGNATURE, shape, HOSTS, at, SCENE)
    solution = solve(light, *WINDOW_kW)
    powers = jnp.log(1e3 * jnp.array(POWERS_kW))
    states = solution.states(powers)
    warmth = solution.warmth(states, powers)
    assert warmth is not None
    return Seen(solution, states, *warmth, jnp.log(jnp.exp(states) @ light.weights(find_band(light.levels, BAND))))


_heated = jax.jit(heated)
_isothermal = jax.jit(lambda at: build_particle_network(SIGNATURE, SHAPE, HOSTS, at, SCENE))
_steady = jax.jit(newton)


@functools.cache
def warmed(R_K_per_W: float) -> Seen:
    return _heated(SHAPE, conditions(R_K_per_W))


def isothermal(temperature_K: float, beam_nm: float, swept_nm: float) -> EmittingNetwork:
    """The network built at a temperature, with one of the beams beside the swept one."""
    beam = jnp.array([beam_nm]), jnp.array([1e3 * BEAM_kW])
    return _isothermal(Conditions(jnp.asarray(swept_nm), jnp.asarray(temperature_K), *beam))


def at_one_temperature(temperature_K: float, power_kW: float, guess: jax.Array) -> tuple[EmittingNetwork, np.ndarray]:
    """The network built at a temperature, and its steady state next to a guess."""
    light = isothermal(temperature_K, BEAM_nm, SWEPT_nm)
    found = _steady(light.network, guess, jnp.log(1e3 * power_kW))
    assert bool(found.converged)
    return light, np.asarray(found.log_populations)


def test_without_thermal_resistance_the_curve_is_the_isothermal_one() -> None:
    seen = warmed(0.0)
    assert np.asarray(seen.rise_K) == pytest.approx(0.0, abs=1e-12)
    for k, power in enumerate(POWERS_kW):
        _, u = at_one_temperature(T0_K, power, seen.log_populations[k, :-1])
        assert np.asarray(seen.log_populations[k, :-1]) == pytest.approx(u, abs=1e-11)


def test_a_little_heat_warms_by_resistance_times_the_heat_of_the_cold_particle() -> None:
    cold, warm = warmed(0.0), warmed(1e9)
    assert np.asarray(warm.rise_K / (1e9 * cold.heat_W)) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize(("R_K_per_W", "power_kW"), [(1e13, 3000.0), (2e14, 300.0), (1e15, 1.0)])
def test_a_warm_particle_is_the_one_built_at_its_temperature_and_loses_what_light_brings(
    R_K_per_W: float, power_kW: float
) -> None:
    """2, 38 and 134 K of warmth: populations of the network built there, and the light of both beams less all emitted.

    The rates at that temperature are interpolated, the light is counted on the network that is built there.
    """
    seen, k = warmed(R_K_per_W), POWERS_kW.index(power_kW)
    temperature_K = T0_K + float(seen.rise_K[k])
    light, u = at_one_temperature(temperature_K, power_kW, seen.log_populations[k, :-1])
    assert np.asarray(seen.log_populations[k, :-1]) == pytest.approx(u, abs=1e-5)
    beam = isothermal(temperature_K, SWEPT_nm, BEAM_nm)  # the same with the roles of the beams exchanged
    brought = 0.0
    for one, wavelength_nm, power in ((light, SWEPT_nm, power_kW), (beam, BEAM_nm, BEAM_kW)):
        taken = photon_balance(one, jnp.asarray(u), jnp.log(1e3 * power)).absorbed_per_s
        brought += JOULE_PER_cm1 * 1e7 / wavelength_nm * float(taken)
    shone = lines(light, jnp.asarray(u))
    emitted = JOULE_PER_cm1 * float(jnp.sum(shone.photons_per_s * 1e7 / shone.wavelengths_nm))
    assert 0.01 * brought < emitted < 0.95 * brought
    assert R_K_per_W * (brought - emitted) == pytest.approx(temperature_K - T0_K, rel=2e-5)


def test_heat_that_feeds_itself_folds_the_curve_and_is_told() -> None:
    seen = warmed(1e14)
    assert not bool(warmed(1e13).solution.trace.has_fold)
    assert bool(seen.solution.trace.has_fold)
    ends = np.asarray(seen.rise_K)[[0, -1]], np.asarray(seen.heat_W)[[0, -1]]
    found = warmth_of(seen.solution, *ends, True, POWERS_kW[-1])
    assert found is not None
    assert found.hottest_K > found.rates_known_to_K == pytest.approx(2 * T0_K)
    said = " ".join(warmth_lines(found))
    assert "13.7 K at the threshold, 1.41e3 K at 3000 kW/cm²" in said
    assert "its rates are those of 590 K" in said


def test_derivatives_by_resistance_and_radius_are_those_of_differences() -> None:
    """Of emission times warmth at 300 kW/cm^2, 94 K above the surroundings; in reverse mode, as a search asks for."""

    def number(seen: Seen) -> jax.Array:
        return seen.log_photons[1] + jnp.log(seen.rise_K[1])

    def resized(radius_nm: ArrayLike) -> Geometry:
        return dataclasses.replace(SHAPE, thickness_nm=SHAPE.thickness_nm.at[0].set(radius_nm))

    def at(log_R: jax.Array, radius_nm: jax.Array) -> jax.Array:
        return number(heated(resized(radius_nm), conditions(jnp.exp(log_R))))

    log_R, radius = np.log(3e14), float(SHAPE.thickness_nm[0])
    exact = jax.jit(jax.grad(at, argnums=(0, 1)))(jnp.asarray(log_R), jnp.asarray(radius))
    differences = (
        central(lambda step: np.asarray(number(_heated(SHAPE, conditions(np.exp(log_R + step))))), 1e-4),
        central(lambda step: np.asarray(number(_heated(resized(radius + step), conditions(np.exp(log_R))))), 1e-3),
    )
    for found, (expected, error) in zip(exact, differences, strict=True):
        assert abs(expected) > 0.1
        assert float(found) == pytest.approx(float(expected), abs=float(error) + 1e-6)
