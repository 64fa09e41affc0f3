"""Avalanches whose answer is known: closed forms, published few-level models, and scipy on the reduced equations."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from scipy.constants import c, h
from scipy.integrate import solve_ivp
from scipy.optimize import root

from padesign.config import load_run_file
from padesign.config.build import build_network
from padesign.kinetics.text import parse_network
from padesign.observables.nonlinearity import states_on_sweep
from tests.systems.avalanche import BISTABLE, RATIO_1E4, SAMPLE_4, Avalanche
from tests.systems.solving import Measured, avalanche_light, measure, measure_avalanche

CONFIGS = Path(__file__).parents[2] / "configs"
WITH_UPCONVERSION = dataclasses.replace(RATIO_1E4, Q22=158.9, Q23=55.9)
states = jax.jit(states_on_sweep)


@functools.cache
def measured_config(name: str, band: str) -> Measured:
    run = load_run_file(CONFIGS / f"{name}.yaml").run
    low, high = run.excitation.irradiance_window_kW_per_cm2
    return measure(build_network(run).network(1064.0), band, low, high)


@pytest.mark.parametrize("model", [SAMPLE_4, RATIO_1E4, WITH_UPCONVERSION, BISTABLE])
def test_the_threshold_is_the_closed_form(model: Avalanche) -> None:
    assert measure_avalanche(model).threshold_kW_per_cm2 == pytest.approx(model.threshold_W_per_cm2() / 1e3, rel=1e-9)


def test_an_ion_that_rests_in_two_levels_avalanches_where_one_with_a_single_ground_level_does() -> None:
    """Two levels of equal share in fast exchange, absorption and cross-relaxation only from the upper: twice the rates.

    As in Eu, where 7F1 holds a third of the ions and makes resonances that 7F0 does not.
    """
    model = RATIO_1E4
    lines = ["X:0 -> X:1 @ 1e11 1/s", "X:1 -> X:0 @ 1e11 1/s"]
    for line in model.lines:
        what, _, value = line.partition(" @ ")
        rate, *unit = value.split()
        twice = 2.0 if what.startswith("X:1 ->") or "+ X:1 ->" in what else 1.0
        lines.append(f"{what} @ {twice * float(rate)!r} {' '.join(unit)}")
    light = parse_network({"X": ("0", *model.levels["X"])}, lines).network(model.wavelength_nm)
    found, expected = measure(light, "X:3 -> X:1", 1.0, 100.0), measure_avalanche(model)
    assert found.threshold_kW_per_cm2 == pytest.approx(expected.threshold_kW_per_cm2, rel=1e-6)
    assert found.S == pytest.approx(expected.S, rel=1e-6)
    assert float(found.threshold.slope_estimate) == pytest.approx(float(expected.threshold.slope_estimate), rel=1e-6)


@pytest.mark.parametrize("model", [SAMPLE_4, RATIO_1E4, WITH_UPCONVERSION])
def test_the_largest_slope_agrees_with_bisection_on_the_reduced_equations(model: Avalanche) -> None:
    S, at = model.steepest()
    found = measure_avalanche(model)
    assert found.S == pytest.approx(S, rel=1e-6)
    assert found.S_at_kW_per_cm2 == pytest.approx(at / 1e3, rel=1e-5)
    assert bool(found.exact.inside)


@pytest.mark.parametrize("model", [SAMPLE_4, RATIO_1E4, WITH_UPCONVERSION])
def test_the_slope_at_threshold_follows_the_normal_form(model: Avalanche) -> None:
    """S = 3/2 + W2/(2 sqrt(R1 c)) holds within 5 % of the exact slope; the estimate adds d ln r_3/d ln I to it."""
    found = measure_avalanche(model)
    assert model.steepest_closed_form() == pytest.approx(found.S, rel=0.05)
    assert float(found.threshold.slope_estimate) == pytest.approx(found.S, rel=0.05)
    assert float(found.threshold.slope_estimate) == pytest.approx(model.steepest_closed_form(), rel=1e-3)


@pytest.mark.parametrize("model", [SAMPLE_4, WITH_UPCONVERSION])
def test_populations_agree_with_bisection_on_the_reduced_equations(model: Avalanche) -> None:
    lam = np.log(1e3 * np.array([1.2, 5.0, 6.6, 6.7, 6.9, 20.0, 95.0]))
    found, residuals = states(avalanche_light(model).network, measure_avalanche(model).solution.trace, lam)
    assert float(residuals.max()) <= 1e-10
    for power, u in zip(np.exp(lam), found, strict=True):
        point = model.steady(float(power))
        assert np.exp(u[1:]) == pytest.approx([point.n2, point.n3], rel=1e-8)


def test_published_three_state_model_of_8_percent_tm() -> None:
    found = measured_config("three_state_tm", "Tm:3H4 -> Tm:3H6")
    assert found.threshold_kW_per_cm2 == pytest.approx(6.704, rel=0.005)
    assert found.S == pytest.approx(52.1, rel=0.005)
    assert found.S_at_kW_per_cm2 == pytest.approx(6.705, rel=0.005)


@pytest.mark.parametrize(("band", "S"), [("Tm:3H4 -> Tm:3H6", 15.72), ("Tm:3F3 -> Tm:3H6", 15.61)])
def test_published_five_state_model_of_4p5_percent_tm(band: str, S: float) -> None:
    found = measured_config("five_state_tm", band)
    assert found.S == pytest.approx(S, rel=0.01)
    assert found.S_at_kW_per_cm2 == pytest.approx(6.86, rel=0.01)


def five_states(irradiance_W_per_cm2: float) -> Callable[[float, np.ndarray], np.ndarray]:
    """dn/dt of the five-state model, written out from its table."""
    photon_J = h * c / 1064e-9
    R13, R25 = 3.8e-24 * irradiance_W_per_cm2 / photon_J, 2.8e-20 * irradiance_W_per_cm2 / photon_J
    A3, A4, A5 = 1000.0, 532.0, 532.0

    def rates(_: float, n: np.ndarray) -> np.ndarray:
        n1, n2, n3, n4, n5 = n
        cross, back = 767.0 * n4 * n1, 2339.0 * n2 * n2
        mix, unmix = 7428.0 * n5 * n2, 744.0 * n4 * n3
        d2 = -R25 * n2 - (164 + 29) * n2 + (0.02 * A3 + 94) * n3 + 0.11 * A4 * n4 + 0.04 * A5 * n5
        d2 += 2 * cross - 2 * back - mix + unmix
        d3 = R13 * n1 - (A3 + 94) * n3 + 0.06 * A4 * n4 + 0.13 * A5 * n5 + mix - unmix
        d4 = -A4 * n4 + 14537 * n5 - cross + back + mix - unmix
        d5 = R25 * n2 - (A5 + 14537) * n5 - mix + unmix
        return np.array([-(d2 + d3 + d4 + d5), d2, d3, d4, d5])

    return rates


@pytest.mark.parametrize("power_kW", [2.0, 6.5, 6.86, 7.5, 40.0])
def test_the_five_state_model_agrees_with_lsoda_and_a_root_of_scipy(power_kW: float) -> None:
    rates = five_states(power_kW * 1e3)
    late = solve_ivp(rates, (0.0, 50.0), [1.0, 0, 0, 0, 0], method="LSODA", rtol=1e-10, atol=1e-16).y[:, -1]
    scale = 1.0 / late[1:]
    exact = root(
        lambda y: rates(0.0, np.array([1 - (y / scale).sum(), *(y / scale)]))[1:] * scale, np.ones(4), tol=1e-13
    )
    assert np.abs(exact.fun).max() < 1e-6
    expected = exact.x / scale
    assert late[1:] == pytest.approx(expected, rel=1e-4)
    found = measured_config("five_state_tm", "Tm:3H4 -> Tm:3H6").solution
    u, _ = states(found.light.network, found.trace, np.log([power_kW * 1e3]))
    assert np.exp(u[0, 1:]) == pytest.approx(expected, rel=1e-6)


def test_the_slope_estimate_of_the_five_state_model_is_near_its_exact_slope() -> None:
    found = measured_config("five_state_tm", "Tm:3H4 -> Tm:3H6")
    assert float(found.threshold.slope_estimate) == pytest.approx(found.S, rel=0.15)


def test_without_feedback_there_is_no_threshold_and_the_margin_says_how_far() -> None:
    """k below (1-b) W3 never avalanches; the growth rate is then a closed form, minus W2 in the dark."""
    model = dataclasses.replace(SAMPLE_4, k=0.5 * (1 - SAMPLE_4.to_2) * SAMPLE_4.W3)
    found = measure_avalanche(model)
    assert not bool(found.threshold.exists)
    R2 = model.sigma_excited_cm2 * 1e5 * 1064e-9 / (h * c)
    matrix = np.array([[-R2 - model.W2, model.to_2 * model.W3 + 2 * model.k], [R2, -model.W3 - model.k]])
    assert float(found.threshold.margin) == pytest.approx(np.linalg.eigvals(matrix).real.max() / model.W2, rel=1e-8)
    assert found.S < 2.5
