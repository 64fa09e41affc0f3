"""Exact derivatives of what experiments read off in time, in power, in colour and in temperature, against differences.

Small systems whose whole set of numbers is one program; folds on a bistable one, temperature on a small particle.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.config import load_run_text
from padesign.config.build import build_design
from padesign.design.beams import modulated
from padesign.design.characterise import by_temperature, rise_by_temperature
from padesign.design.dynamics import decay, pulse_train, ramp, turning_points
from padesign.design.scene import JUDGE_COARSENESS, solve_particle
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.particle_network import Geometry
from padesign.observables.colour import chromaticity, lines_on_sweep
from padesign.observables.conventions import first_slope_above, half_emission, intersection_of_tangents, saturation
from padesign.observables.nonlinearity import states_on_sweep
from padesign.observables.solution import solve
from padesign.observables.spectrum import spectrum_per_nm
from padesign.observables.traces import rise
from padesign.observables.warming import log_photons_per_K
from tests.systems.avalanche import BISTABLE, SAMPLE_4
from tests.systems.differences import central
from tests.systems.particles import TM_BAND, values
from tests.systems.run_files import SMALL_TM
from tests.systems.solving import avalanche_light

BAND = "X:3 -> X:1"
POWER = jnp.log(9e3)
Found = tuple[np.ndarray, np.ndarray, np.ndarray]
KNOBS = ("decay", "pump", "excited-state absorption", "transfer")
OF_THE_CURVE = (
    "threshold by tangents",
    "threshold by the first slope above 5",
    "saturation power",
    "power of half the emission",
    "integral of the spectrum",
    "u'",
    "v'",
)
IN_TIME = (
    "t10",
    "t50",
    "t90",
    "time to 1/e",
    "mean lifetime after a steady state",
    "photons of a pulse",
    "emitting level in a train of pulses",
    "photons of a scan up",
    "photons of the way down",
    "mean emission in modulated light",
)


def changed(light: EmittingNetwork, log_change: jax.Array) -> EmittingNetwork:
    """Rates times exp(log_change), in the order of `KNOBS`."""
    factor, network = jnp.exp(log_change), light.network
    pump = tuple(factor[1] * one for one in network.pump)
    pump = (pump[0].at[:, 2, 1].mul(factor[2]), *pump[1:])
    dark, transfer = (
        tuple(by * one for one in part) for by, part in ((factor[0], network.dark), (factor[3], network.transfer))
    )
    return eqx.tree_at(
        lambda one: (one.network.dark, one.network.pump, one.network.transfer), light, (dark, pump, transfer)
    )


def coloured() -> EmittingNetwork:
    """The three-state model with two visible lines: 2 -> 1 at 625 nm and 3 -> 2 at 556 nm."""
    light = avalanche_light(SAMPLE_4)
    energies = (jnp.asarray([0.0, 16000.0, 34000.0]),)
    radiative = (light.radiative_per_s[0].at[:, 0, 1].set(160.0).at[:, 1, 2].set(90.0),)
    return eqx.tree_at(lambda one: (one.radiative_per_s, one.energies_cm1), light, (radiative, energies))


def of_the_curve(log_change: jax.Array) -> jax.Array:
    """Logarithms of all of `OF_THE_CURVE`."""
    light = changed(coloured(), log_change)
    solution = solve(light, 1.0, 100.0)
    band = solution.band(BAND)
    state = states_on_sweep(light.network, solution.trace, POWER[None])[0][0]
    nm = np.linspace(400.0, 800.0, 161)
    emitted, _ = lines_on_sweep(solution, POWER)
    colour = chromaticity(emitted.photons_per_s, emitted.wavelengths_nm)
    return jnp.stack(
        [
            intersection_of_tangents(solution, band, solution.steepest(band)),
            first_slope_above(solution, band, 5.0).log_irradiance,
            saturation(solution, band, 2.0).log_irradiance,
            half_emission(solution, band, POWER).log_irradiance,
            jnp.log(jnp.trapezoid(spectrum_per_nm(light, state, values(), ["Tm"], 295.0, nm), nm)),
            jnp.log(colour.u_prime),
            jnp.log(colour.v_prime),
        ]
    )


def in_time(log_change: jax.Array) -> jax.Array:
    """Logarithms of all of `IN_TIME`."""
    light = changed(avalanche_light(SAMPLE_4), log_change)
    solution = solve(light, 1.0, 100.0)
    band = solution.band(BAND)
    steady = jnp.exp(solution.log_photons_per_s([band], POWER))
    times = rise(light, light.weights(band)[None], jnp.exp(POWER), steady, 1.0).time_s[:, 0]
    fading = decay(solution, (band,), POWER, jnp.asarray(0.05))
    train = pulse_train(light, (band,), 2, jnp.asarray(1.5e4), jnp.asarray(4e-3), jnp.asarray(6e-3))
    scan = ramp(light, (band,), jnp.asarray(4e3), jnp.asarray(12e3), jnp.asarray(3.0)).trace.photons_per_s[:, 0]
    waves = modulated(solution, (band,), 3.0, jnp.log(1.2e4), jnp.asarray(0.4), jnp.asarray(100.0))
    half = scan.size // 2
    found = [
        fading.one_over_e_s[0],
        fading.mean_lifetime_s[0],
        jnp.trapezoid(train.photons_per_s[:, 0], train.times_s),
        jnp.exp(train.log_mean_populations[2]),
        jnp.sum(scan[:half]),
        jnp.sum(scan[half:]),
        waves.mean_photons_per_s[0],
    ]
    return jnp.log(jnp.concatenate([times, jnp.stack(found)]))


def both(function: Callable[[jax.Array], jax.Array], knobs: int, step: float) -> Found:
    """Exact derivatives and differences, (outputs, knobs), and the values there, by one program."""

    @jax.jit
    def run(at: jax.Array, wanted: bool) -> tuple[jax.Array, jax.Array]:
        found, pull = jax.vjp(function, at)

        def backward() -> jax.Array:
            return jax.lax.map(lambda row: pull(row)[0], jnp.eye(found.size))

        return found, jax.lax.cond(wanted, backward, lambda: jnp.zeros((found.size, knobs)))

    at, exact = (np.asarray(one) for one in run(jnp.zeros(knobs), True))
    slopes = [
        central(lambda h, unit=unit: np.asarray(run(jnp.asarray(h * unit), False)[0]), step)[0]
        for unit in np.eye(knobs)
    ]
    return exact, np.array(slopes).T, at


def agree(exact: np.ndarray, found: np.ndarray) -> None:
    """To 1e-4 of every derivative, or of a thousandth of the largest one where a knob hardly matters."""
    assert np.all(np.isfinite(exact)) and np.abs(found).max() > 1e-4
    scale = np.maximum(np.abs(found), 1e-3 * np.abs(found).max())
    assert np.all(np.abs(exact - found) <= 1e-4 * scale), (exact, found)


@functools.cache
def curve() -> Found:
    return both(of_the_curve, len(KNOBS), 5e-4)


@functools.cache
def time() -> Found:
    return both(in_time, len(KNOBS), 1e-3)


@pytest.mark.parametrize("name", OF_THE_CURVE)
def test_the_derivative_of_what_a_curve_shows_equals_differences(name: str) -> None:
    exact, found, _ = curve()
    agree(exact[OF_THE_CURVE.index(name)], found[OF_THE_CURVE.index(name)])


@pytest.mark.verify
@pytest.mark.parametrize("name", IN_TIME)
def test_the_derivative_of_what_is_seen_in_time_equals_differences(name: str) -> None:
    """Through every kind of integration; takes minutes to compile."""
    exact, found, _ = time()
    agree(exact[IN_TIME.index(name)], found[IN_TIME.index(name)])


def test_slope_thresholds_and_saturation_go_as_one_over_the_pump() -> None:
    exact, _, _ = curve()
    assert exact[1:3, 1] == pytest.approx(-1.0, abs=1e-6)


@pytest.mark.parametrize("end", ["up", "down"])
def test_the_derivative_of_a_fold_equals_differences(end: str) -> None:
    exact, found, _ = of_the_folds()
    k = ("up", "down").index(end)
    agree(exact[k], found[k])
    assert exact[k, 1] == pytest.approx(-1.0, abs=1e-6)


def test_a_window_that_ends_at_the_jump_moves_with_it() -> None:
    """The slope over it changes also because the place does: both ends of a window count where one is held."""
    exact, found, at = of_the_folds()
    agree(exact[2], found[2])
    assert at[3] == pytest.approx(at[0], abs=1e-8) and exact[3] == pytest.approx(exact[0])


@functools.cache
def of_the_folds() -> Found:
    def ends(log_change: jax.Array) -> jax.Array:
        solution = solve(changed(avalanche_light(BISTABLE), log_change), 1.0, 100.0)
        band = solution.band(BAND)
        turns, window = turning_points(solution, band), solution.steepest_window(band, 0.05)
        return jnp.stack([turns.log_up, turns.log_down, window.value, window.log_irradiance_high])

    return both(ends, len(KNOBS), 1e-3)


def test_the_change_with_temperature_equals_differences_and_has_derivatives_itself() -> None:
    """Intensity and threshold by temperature; the intensity's change by temperature, by radius and by share of ions."""
    design = build_design(load_run_text(SMALL_TM).run)
    power = jnp.log(3e4)

    def numbers(log_change: jax.Array) -> jax.Array:
        """ln of intensity and threshold, and d ln(intensity)/dT, by ln of temperature, of radius and of share."""
        warmer, larger, more = jnp.exp(log_change)
        geometry = Geometry(
            design.geometry.thickness_nm.at[0].mul(larger),
            design.geometry.fraction * more,
            design.geometry.interface_mixing_nm,
        )
        at = design.conditions.warmed(295.0 * warmer)
        solution = solve_particle(design.signature, geometry, design.hosts, at, design.scene, JUDGE_COARSENESS, True)
        band = solution.band(TM_BAND)
        per_K = log_photons_per_K(solution, [band], power)[0]
        return jnp.stack([solution.log_photons_per_s([band], power)[0], solution.threshold(band).log_irradiance, per_K])

    exact, found, at = both(numbers, 3, 5e-4)
    for one, other in zip(exact, found, strict=True):
        agree(one, other)
    photons, threshold = by_temperature(
        design.signature, design.scene, (TM_BAND,), design.geometry, design.hosts, design.conditions, power
    )
    assert float(photons[0]) == pytest.approx(found[0, 0] / 295.0, rel=1e-4)
    assert float(threshold) == pytest.approx(found[1, 0] / 295.0, rel=1e-4)
    assert at[2] == pytest.approx(float(photons[0]), rel=1e-8)


@pytest.mark.verify
def test_the_change_of_a_rise_time_with_temperature_equals_differences() -> None:
    design = build_design(load_run_text(SMALL_TM).run)
    power, longest = jnp.log(3e4), jnp.asarray(0.3)

    def log_times(log_change: jax.Array) -> jax.Array:
        at = design.conditions.warmed(295.0 * jnp.exp(log_change[0]))
        solution = solve_particle(design.signature, design.geometry, design.hosts, at, design.scene, JUDGE_COARSENESS)
        band = solution.band(TM_BAND)
        steady = jnp.exp(solution.log_photons_per_s([band], power))
        seen = rise(solution.light, solution.light.weights(band)[None], jnp.exp(power), steady, longest)
        return jnp.log(seen.time_s[:, 0])

    run = jax.jit(log_times)
    found, _ = central(lambda h: np.asarray(run(jnp.asarray([h]))), 1e-3)
    exact = rise_by_temperature(
        design.signature, design.scene, TM_BAND, design.geometry, design.hosts, design.conditions, power, longest
    )
    agree(np.asarray(exact), found / 295.0)
