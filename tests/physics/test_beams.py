"""Several beams with courses of their own and modulated light: what must hold whatever the rates are."""

from __future__ import annotations

import functools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.config import load_run_text
from padesign.config.build import build_design
from padesign.design.beams import ModulationAnswer, beams_apart, beams_in_time, modulated
from padesign.design.dynamics import resting
from padesign.design.scene import JUDGE_COARSENESS, build_particle_network
from padesign.observables.solution import Solution, solve
from padesign.solve.profiles import AbstractProfile, Constant, Switched
from padesign.solve.steady import low_power_start, pump_off_equilibrium
from padesign.solve.transient import Beam
from tests.systems.avalanche import SAMPLE_4
from tests.systems.run_files import SMALL_TM
from tests.systems.solving import avalanche_light

LIGHT = avalanche_light(SAMPLE_4)
BAND = "X:3 -> X:1"
TIMES = 60e-3 * jnp.linspace(1e-6, 1.0, 200)
ALWAYS, LATER = Switched(jnp.asarray(0.0), jnp.asarray(1.0)), Switched(jnp.asarray(10e-3), jnp.asarray(1.0))


@functools.cache
def solved() -> Solution:
    return jax.jit(lambda light: solve(light, 1.0, 100.0, coarseness=JUDGE_COARSENESS))(LIGHT)


def emission(first_kW: float, second_kW: float, second: AbstractProfile = ALWAYS) -> np.ndarray:
    """Emission of the three-state model under two beams of one wavelength, the first switched on at 0."""
    band = solved().band(BAND)
    beams = (Beam(LIGHT.network.pump, jnp.asarray(1e3 * second_kW), second),)
    trace = beams_in_time(LIGHT, (band,), jnp.asarray(1e3 * first_kW), ALWAYS, beams, TIMES)
    assert bool(trace.converged)
    return np.asarray(trace.photons_per_s)[:, 0]


def test_two_beams_of_one_wavelength_are_one_and_a_dark_one_is_none() -> None:
    alone = emission(30.0, 0.0)
    assert emission(10.0, 20.0) == pytest.approx(alone, rel=1e-6)
    steady = float(jnp.exp(solved().log_photons_per_s([solved().band(BAND)], jnp.log(30e3))[0]))
    assert alone[-1] == pytest.approx(steady, rel=1e-3) and alone[0] < 1e-6 * steady


def test_a_beam_acts_from_when_it_is_switched_on() -> None:
    late, alone, both = emission(10.0, 20.0, LATER), emission(10.0, 0.0), emission(10.0, 20.0)
    before = np.asarray(TIMES) < 10e-3
    assert late[before] == pytest.approx(alone[before], rel=1e-6)
    assert late[-1] > 1.5 * alone[-1] and late[50] < both[50]


def test_a_beam_that_has_long_been_on_has_made_its_steady_state() -> None:
    """Nothing changes when the first beam stays dark, and the emission is that of the curve at its power."""
    seen = emission(0.0, 12.0, Constant())
    steady = float(jnp.exp(solved().log_photons_per_s([solved().band(BAND)], jnp.log(12e3))[0]))
    assert seen == pytest.approx(steady, rel=1e-6)


@pytest.mark.parametrize("times_threshold", [0.3, 1.1, 3.0, 30.0])
def test_the_start_of_a_curve_holds_what_beams_that_stay_on_have_done(times_threshold: float) -> None:
    """Also where they make the avalanche: Newton would wander from a start that is far off."""
    steady = times_threshold * SAMPLE_4.threshold_W_per_cm2()
    network = LIGHT.network
    lit = eqx.tree_at(
        lambda it: it.dark, network, tuple(d + steady * w for d, w in zip(network.dark, network.pump, strict=True))
    )
    start = low_power_start(lit, jnp.asarray(0.0))
    assert float(jnp.max(jnp.abs(lit.residual(start, jnp.asarray(0.0))))) < 0.01


def waves(frequency_Hz: float, periods: float, depth: float = 0.5) -> ModulationAnswer:
    solution = solved()
    numbers = (jnp.log(2e4), jnp.asarray(depth), jnp.asarray(frequency_Hz))
    answer = modulated(solution, (solution.band(BAND),), jnp.asarray(periods), *numbers)
    assert bool(answer.converged)
    return jax.tree.map(lambda one: float(np.ravel(one)[0]), answer)


def test_slow_light_is_followed_along_the_curve_and_fast_light_is_its_mean() -> None:
    solution = solved()
    powers = 2e4 * (1.0 - 0.25 * (1.0 - np.sin(2.0 * math.pi * (np.arange(128) + 1.0) / 128)))
    curve = np.array([float(solution.log_photons_per_s([solution.band(BAND)], jnp.log(p))[0]) for p in powers[::8]])
    slow = waves(0.5, 3.0)
    assert slow.mean_photons_per_s == pytest.approx(np.exp(curve).mean(), rel=2e-3)
    assert abs(slow.lag_degrees) < 3.0
    high, low = np.exp(curve.max()), np.exp(curve.min())
    assert slow.modulation == pytest.approx((high - low) / (high + low), rel=0.02)
    fast = waves(2e4, 500.0)
    assert fast.drift < 1e-4 and fast.over_steady == pytest.approx(1.0, rel=2e-3)
    assert fast.modulation < 0.1 * slow.modulation and 45.0 < fast.lag_degrees <= 100.0


def test_the_beams_of_a_particle_are_taken_apart_exactly() -> None:
    """Dark rates with the beam on are those with it off plus its irradiance times its pump."""
    text = SMALL_TM.replace("excitation: {", "excitation: {also: [{wavelength_nm: 808, irradiance_kW_per_cm2: 2}], ")
    design = build_design(load_run_text(text).run)
    off, (pump,) = beams_apart(*design)
    on = jax.jit(functools.partial(build_particle_network, design.signature, scene=design.scene))(
        design.geometry, design.hosts, design.conditions
    )
    for with_it, without, per_unit in zip(on.network.dark, off.network.dark, pump, strict=True):
        assert np.asarray(with_it) == pytest.approx(np.asarray(without + 2e3 * per_unit), rel=1e-12)
        assert float(jnp.max(per_unit)) > 0.0
    rest = np.asarray(resting(on))
    assert np.abs(np.asarray(on.network.derivative_per_s(jnp.asarray(rest), jnp.asarray(0.0)))).max() < 1e-6
    assert np.asarray(resting(off)) == pytest.approx(np.asarray(pump_off_equilibrium(off.network)), abs=1e-12)
