"""Switching on, pulses and slow scans, against closed forms and the curve of steady states."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.design.dynamics import (
    decay,
    jumps,
    paired_pulses,
    pulse_train,
    ramp_in_stretches,
    switch_on,
    turning_points,
)
from padesign.design.scene import JUDGE_COARSENESS
from padesign.observables.solution import Solution, solve
from padesign.observables.traces import rise
from padesign.solve.profiles import Pulses, Ramp, Sine
from tests.systems.avalanche import BISTABLE, SAMPLE_4, Avalanche
from tests.systems.differences import central
from tests.systems.solving import avalanche_light

BAND = "X:3 -> X:1"
_solve = jax.jit(lambda light: solve(light, 1.0, 100.0, coarseness=JUDGE_COARSENESS))


@functools.cache
def solved(system: Avalanche) -> Solution:
    return _solve(avalanche_light(system))


def times_ms(power_kW: float) -> np.ndarray:
    """t10, t50, t90 of the three-state model."""
    solution = solved(SAMPLE_4)
    answer = switch_on(solution, (solution.band(BAND),), 1e3 * power_kW, 0.02)
    assert bool(answer.trace.converged) and bool(answer.finished[0])
    return 1e3 * np.asarray(answer.time_s)[:, 0]


def test_the_rise_is_slowest_at_the_threshold() -> None:
    """Within 3 % of the linear threshold (6.70) for 50 % and 90 %, tens of times slower than far from it."""
    powers = 6.7044 * np.array([0.5, 0.8, 0.95, 0.985, 1.0, 1.015, 1.03, 1.1, 1.5, 3.0])
    t50, t90 = np.array([times_ms(power)[1:] for power in powers]).T
    for found in (t50, t90):
        k = int(np.argmax(found))
        assert abs(powers[k] / 6.7044 - 1.0) <= 0.031
        assert found[k] > 10.0 * max(found[0], found[-1])


def test_far_below_threshold_the_rise_is_that_of_the_metastable_level() -> None:
    """n3 follows 1 - exp(-W t), W = W2 (1 - P/P_th), after its own lifetime 1/(W3 + k)."""
    power, threshold = 1.0, SAMPLE_4.threshold_W_per_cm2() / 1e3
    W, late = SAMPLE_4.W2 * (1.0 - power / threshold), 1.0 / (SAMPLE_4.W3 + SAMPLE_4.k)
    expected = [1e3 * (math.log(1.0 / (1.0 - share)) / W + late) for share in (0.1, 0.5, 0.9)]
    assert times_ms(power) == pytest.approx(expected, rel=0.01)


def test_the_derivative_of_a_rise_time_equals_differences() -> None:
    light = avalanche_light(SAMPLE_4)
    weights = light.weights(solved(SAMPLE_4).band(BAND))[None]

    def log_times(log_power: jax.Array) -> jax.Array:
        return jnp.log(rise(light, weights, jnp.exp(log_power), steady, 3.0).time_s[:, 0])

    at = jnp.asarray(math.log(7.5e3))
    steady = jnp.exp(solved(SAMPLE_4).log_photons_per_s([solved(SAMPLE_4).band(BAND)], at))
    exact = np.asarray(jax.jit(jax.jacrev(log_times))(at))
    run = jax.jit(log_times)
    found, _ = central(lambda h: np.asarray(run(at + h)), 3e-4)
    assert exact == pytest.approx(found, rel=1e-4)
    assert np.all(exact < -1.0)


def test_slow_scans_jump_at_the_folds_with_a_delay_that_falls_as_the_scan_to_the_two_thirds() -> None:
    """Both folds to 1e-6 from the trace; the jump comes late by a share that goes as (scan time)^(-2/3)."""
    solution = solved(BISTABLE)
    band = solution.band(BAND)
    turns = turning_points(solution, band)
    (_, up), (_, down) = BISTABLE.folds()
    assert bool(turns.exist)
    assert math.exp(float(turns.log_up)) == pytest.approx(up, rel=1e-6)
    assert math.exp(float(turns.log_down)) == pytest.approx(down, rel=1e-6)
    assert float(turns.log_contrast) > math.log(1e4)

    def late(scan_s: float) -> tuple[float, float]:
        told: list[float] = []
        answer = ramp_in_stretches(solution.light, (band,), 1e3, 1e5, scan_s, told.append)
        assert told == sorted(told) and told[-1] == 1.0
        log_up, log_down, converged = jumps(answer, 0)
        assert bool(converged)
        return float(log_up) - math.log(up), math.log(down) - float(log_down)

    (fast_up, fast_down), (slow_up, slow_down) = late(30.0), late(300.0)
    assert math.log10(fast_up / slow_up) == pytest.approx(2 / 3, abs=0.12)
    assert math.log10(fast_down / slow_down) == pytest.approx(2 / 3, abs=0.25)
    assert late(3000.0)[0] < 0.004


def test_a_system_without_folds_says_so() -> None:
    solution = solved(SAMPLE_4)
    assert not bool(turning_points(solution, solution.band(BAND)).exist)


def test_longer_pulses_emit_superlinearly_and_a_pulse_as_long_as_the_period_is_constant_light() -> None:
    """Far above threshold and after many lifetimes a train without gaps is the steady state."""
    solution = solved(SAMPLE_4)
    band, network = solution.band(BAND), solution.light.network

    def mean(width_s: float, count: int) -> float:
        power, width, period = jnp.asarray(2e4), jnp.asarray(width_s), jnp.asarray(40e-3)
        answer = pulse_train(solution.light, (band,), count, power, width, period)
        assert bool(answer.converged)
        p = np.exp(np.asarray(answer.log_mean_populations))
        assert sum(p) == pytest.approx(1.0, abs=1e-9)
        return float(np.asarray(solution.light.weights(band)) @ p)

    assert mean(20e-3, 4) > 4.0 * mean(10e-3, 4)
    steady = float(jnp.exp(solution.log_photons_per_s([band], jnp.log(2e4))[0]))
    assert network.n_unknowns == 3 and mean(40e-3 * (1 - 1e-9), 4) == pytest.approx(steady, rel=1e-3)


def test_light_between_pulses_is_counted_however_fast_it_fades() -> None:
    """Far below threshold n3 decays by itself in the dark: photons after a pulse are the last rate over its loss."""
    solution = solved(SAMPLE_4)
    width, period = 1e-3, 40e-3
    numbers = (jnp.asarray(1.1e3), jnp.asarray(width), jnp.asarray(period))
    answer = pulse_train(solution.light, (solution.band(BAND),), 4, *numbers)
    times, photons = np.asarray(answer.times_s), np.asarray(answer.photons_per_s)[:, 0]
    off = int(np.searchsorted(times, 0.999999 * width))
    expected = 1.0 / (SAMPLE_4.W3 + SAMPLE_4.k)
    assert expected < 1e-2 * period
    assert float(np.trapezoid(photons[off:], times[off:])) == pytest.approx(expected * photons[off], rel=0.01)


def test_far_below_threshold_the_emission_decays_as_its_levels_do() -> None:
    """The closed form of the two linear levels in the dark: n3' = -(W3 + k) n3, after which n2 feeds nothing upward."""
    solution = solved(SAMPLE_4)
    band = solution.band(BAND)
    answer = decay(solution, (band,), jnp.log(1.1e3), jnp.asarray(0.05))
    expected = 1.0 / (SAMPLE_4.W3 + SAMPLE_4.k)
    assert bool(answer.trace.converged)
    assert float(answer.one_over_e_s[0]) == pytest.approx(expected, rel=0.01)
    assert float(answer.mean_lifetime_s[0]) == pytest.approx(expected, rel=0.02)


def test_a_second_pulse_is_brighter_until_the_store_has_decayed() -> None:
    """Facilitation by the metastable level: falls with the pause, to 1 after many lifetimes of it."""
    solution = solved(SAMPLE_4)
    band = solution.band(BAND)

    def facilitation(pause_s: float) -> float:
        numbers = (jnp.asarray(x) for x in (1.5e4, 4e-3, pause_s))
        answer = paired_pulses(solution.light, (band,), *numbers)
        assert bool(answer.converged)
        return float(answer.second[0] / answer.first[0])

    soon, later, never = (facilitation(pause) for pause in (1e-3, 10e-3, 100e-3))
    assert soon > later > 1.05
    assert never == pytest.approx(1.0, abs=1e-3)


def test_the_derivative_of_a_second_pulse_equals_differences() -> None:
    """Of its photons with respect to the irradiance, through both jumps of the light."""
    solution = solved(SAMPLE_4)
    band = solution.band(BAND)

    def log_photons(log_power: jax.Array) -> jax.Array:
        answer = paired_pulses(solution.light, (band,), jnp.exp(log_power), jnp.asarray(4e-3), jnp.asarray(3e-3))
        return jnp.log(answer.second[0])

    at = jnp.asarray(math.log(1.5e4))
    found, _ = central(lambda h: np.asarray(log_photons(at + h)), 1e-3)
    assert float(jax.grad(log_photons)(at)) == pytest.approx(float(found), rel=1e-4)
    assert float(found) > 1.5


def test_profiles_are_what_they_say() -> None:
    pulses = Pulses(2.0, 5.0, 3)
    assert [float(pulses.share(t)) for t in (0.0, 1.9, 2.1, 5.1, 7.1, 11.0, 12.5, 16.0)] == [1, 1, 0, 1, 0, 1, 0, 0]
    assert np.asarray(pulses.jumps_s()).tolist() == [2.0, 5.0, 7.0, 10.0, 12.0]
    up_and_down = Ramp(0.01, 10.0)
    assert [float(up_and_down.share(t)) for t in (0.0, 5.0, 10.0, 15.0, 20.0)] == pytest.approx(
        [0.01, 0.1, 1, 0.1, 0.01]
    )
    wave = Sine(2.0, 0.5)
    assert [float(wave.share(t)) for t in (0.0, 0.125, 0.375)] == pytest.approx([0.75, 1.0, 0.5])
