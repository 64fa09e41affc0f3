"""Every registered objective keeps the contract: words for the user, a finite smooth loss, exact gradients, JSON."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from importlib.metadata import entry_points

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.rise_time import RiseTime
from objectives.threshold import Threshold
from padesign.config import load_run_text
from padesign.config.build import build_objective
from padesign.config.installed import OBJECTIVE_GROUP
from padesign.design.objective import AbstractObjective, Verdict
from padesign.kinetics.light import EmittingNetwork
from padesign.observables.solution import Solution, solve
from tests.systems.avalanche import BISTABLE, SAMPLE_4, Avalanche
from tests.systems.differences import central
from tests.systems.solving import avalanche_light

BAND = '"X:3 -> X:1"'
WRITTEN = {
    "nonlinearity": f"{{kind: nonlinearity, emission: {BAND}}}",
    "threshold": f"{{kind: threshold, emission: {BAND}}}",
    "gain": f"{{kind: gain, emission: {BAND}, min_photons_per_s: 100}}",
    "brightness": f"{{kind: brightness, emission: {BAND}, at_irradiance_kW_per_cm2: 8}}",
    "resolution": f"{{kind: resolution, emission: {BAND}, at_irradiance_kW_per_cm2: 8}}",
    "colour": "{kind: colour, target: red, at_irradiance_kW_per_cm2: 8}",
    "colour_change": "{kind: colour_change, from_irradiance_kW_per_cm2: 3, to_irradiance_kW_per_cm2: 9}",
    "rise_time": f"{{kind: rise_time, emission: {BAND}, times_threshold: 1.2, percent: 50}}",
    "hysteresis": f"{{kind: hysteresis, emission: {BAND}}}",
    "thermal_sensitivity": f"{{kind: thermal_sensitivity, emission: {BAND}, at_irradiance_kW_per_cm2: 8}}",
    "lifetime": f"{{kind: lifetime, emission: {BAND}, target_ms: 0.2}}",
    "composite": f"""
  kind: composite
  parts:
    - {{objective: {{kind: brightness, emission: {BAND}, at_irradiance_kW_per_cm2: 8}}, weight: 1}}
    - {{objective: {{kind: resolution, emission: {BAND}, at_irradiance_kW_per_cm2: 8}}, weight: 0.5}}
    - {{objective: {{kind: thermal_sensitivity, emission: {BAND}, at_irradiance_kW_per_cm2: 8}}, at_least: 1}}
    - {{objective: {{kind: threshold, emission: {BAND}}}, at_most: 5}}""",
}
KNOBS = ("ground-state absorption", "excited-state absorption", "decay", "transfer")
NAMES = sorted(point.name for point in entry_points(group=OBJECTIVE_GROUP))


def objective(name: str) -> AbstractObjective:
    lines = "\n".join(f"    - {line!r}" for line in SAMPLE_4.lines)
    text = f"""\
version: 1
name: contract
excitation: {{wavelength_nm: 1064, irradiance_kW_per_cm2: {{min: 1, max: 100}}}}
network:
  levels: {{X: ["1", "2", "3"]}}
  energies_cm1: {{"X:1": 0, "X:2": 5800, "X:3": 15400}}
  processes:
{lines}
objective: {WRITTEN[name]}
"""
    return build_objective(load_run_text(text).run)


def per_kelvin(light: EmittingNetwork) -> EmittingNetwork:
    """The change of rates of which a kelvin makes the decay 0.1 % and the transfer 0.3 % faster, as if measured."""

    def warmed(warmer_K: jax.Array) -> EmittingNetwork:
        decay, transfer = jnp.exp(1e-3 * warmer_K), jnp.exp(3e-3 * warmer_K)
        network = light.network
        parts = tuple(one * decay for one in network.dark), tuple(one * transfer for one in network.transfer)
        return eqx.tree_at(lambda one: (one.network.dark, one.network.transfer), light, parts)

    return jax.jvp(warmed, (jnp.asarray(0.0),), (jnp.asarray(1.0),))[1]


_solve = jax.jit(lambda light, change: solve(light, 1.0, 100.0, per_kelvin=change))


@functools.cache
def solved(system: Avalanche) -> Solution:
    light = avalanche_light(system)
    return _solve(light, per_kelvin(light))


def judged(one: AbstractObjective, solution: Solution) -> tuple[jax.Array, Verdict]:
    """Loss and verdict by one program."""
    return jax.jit(lambda at: (one.loss(at), one.judge(at)))(solution)


@functools.cache
def losses() -> Callable[[jax.Array, bool], tuple[jax.Array, jax.Array]]:
    """The losses of all objectives and the honest values as a function of ln changes of the rates; and by the knobs.

    One program for both; without `wanted` the derivatives are zeros.
    """
    light = avalanche_light(SAMPLE_4)
    energies = (jnp.asarray([0.0, 5800.0, 15400.0]),)
    all_ = [objective(name) for name in NAMES]

    def run(change: jax.Array) -> jax.Array:
        factor, network = jnp.exp(change), light.network
        pump = network.pump[0]
        pump = pump.at[:, 1, 0].mul(factor[0]).at[:, 2, 1].mul(factor[1])
        changed = eqx.tree_at(
            lambda n: (n.pump, n.dark, n.transfer),
            network,
            ((pump,), (network.dark[0] * factor[2],), (network.transfer[0] * factor[3],)),
        )
        shining = tuple(radiative * factor[2] for radiative in light.radiative_per_s)
        with_energies = eqx.tree_at(
            lambda one: (one.network, one.radiative_per_s, one.energies_cm1), light, (changed, shining, energies)
        )
        solution = solve(with_energies, 1.0, 100.0, per_kelvin=per_kelvin(with_energies))
        return jnp.stack([*(one.loss(solution) for one in all_), *(one.judge(solution).value for one in all_)])

    @jax.jit
    def both(change: jax.Array, wanted: bool) -> tuple[jax.Array, jax.Array]:
        values, pull = jax.vjp(run, change)
        rows = jnp.eye(values.size)

        def backward() -> jax.Array:
            return jax.lax.map(lambda row: pull(row)[0], rows)

        return values, jax.lax.cond(wanted, backward, lambda: jnp.zeros((values.size, change.size)))

    return both


@functools.cache
def derivatives() -> tuple[np.ndarray, np.ndarray]:
    """Exact ones and differences, (losses and values, knobs)."""
    run, zero = losses(), jnp.zeros(len(KNOBS))
    exact = np.asarray(run(zero, True)[1])
    units = np.eye(len(KNOBS))
    found = [central(lambda h, unit=unit: np.asarray(run(jnp.asarray(h * unit), False)[0]), 5e-4)[0] for unit in units]
    return exact, np.array(found).T


def test_every_registered_objective_is_tried_here() -> None:
    assert set(WRITTEN) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_objective_says_what_it_is(name: str) -> None:
    one = objective(name)
    assert one.name == name and isinstance(one.maximise, bool)
    for text in (one.unit, one.definition, one.blind_to, one.without_value):
        assert text.strip() == text and text
    assert not one.definition.endswith(".")
    assert "{" not in one.statement


def test_an_objective_states_the_numbers_that_were_asked_for() -> None:
    asked = Threshold("X:3 -> X:1", min_nonlinearity=12.0)
    assert "of at least 12" in asked.statement and "of at least 5" not in asked.statement


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_loss_and_value_equals_differences(name: str) -> None:
    exact, found = derivatives()
    for k in (NAMES.index(name), len(NAMES) + NAMES.index(name)):
        assert np.all(np.isfinite(exact[k]))
        scale = max(float(np.abs(found[k]).max()), 1e-6)
        assert exact[k] == pytest.approx(found[k], rel=1e-4, abs=1e-4 * scale), KNOBS


@pytest.mark.parametrize("name", NAMES)
def test_a_better_loss_is_a_better_value(name: str) -> None:
    """Along the steepest descent of the loss the value does not get worse."""
    _, found = derivatives()
    loss, value = found[NAMES.index(name)], found[len(NAMES) + NAMES.index(name)]
    gained = -float(loss @ value) * (1.0 if objective(name).maximise else -1.0)
    assert gained >= -1e-9 or name == "composite"


def test_a_composite_counts_its_weights_and_reports_every_part_and_limit() -> None:
    _, verdict = judged(objective("composite"), solved(SAMPLE_4))
    metrics = {key: float(value) for key, value in verdict.metrics.items()}
    expected = math.log(metrics["brightness"]) - 0.5 * math.log(metrics["resolution"])
    assert float(verdict.value) == pytest.approx(expected)
    violations = {key: float(value) for key, value in verdict.violations.items()}
    assert violations["threshold_at_most"] == pytest.approx(metrics["threshold"] - 5.0)
    assert violations["threshold_at_most"] > 0.0
    json.dumps(metrics)


def test_a_thermal_sensitivity_is_that_of_solving_again_at_another_temperature() -> None:
    """One kelvin warmer and colder, by the slope of the made-up rates."""
    light = avalanche_light(SAMPLE_4)
    change = per_kelvin(light)

    def log_photons(warmer_K: float) -> np.ndarray:
        made = jax.tree.map(lambda rate, by: rate + warmer_K * by, light, change)
        solution = _solve(made, change)
        return np.asarray(solution.log_photons_per_s([solution.band("X:3 -> X:1")], jnp.log(8e3)))[0]

    found, _ = central(log_photons, 0.05)
    verdict = objective("thermal_sensitivity").judge(solved(SAMPLE_4))
    assert float(verdict.metrics["change_percent_per_K"]) == pytest.approx(100.0 * float(found), rel=1e-5)
    assert objective("thermal_sensitivity").check(eqx.tree_at(lambda one: one.per_kelvin, solved(SAMPLE_4), None)) != ""


def test_a_lifetime_in_the_dark_is_that_of_all_rates_out_of_the_level() -> None:
    """1/(W3 + k): cross-relaxation with ions at rest takes part, and nothing comes back."""
    verdict = objective("lifetime").judge(solved(SAMPLE_4))
    lifetime_ms = 1e3 / (SAMPLE_4.W3 + SAMPLE_4.k)
    assert float(verdict.metrics["lifetime_ms"]) == pytest.approx(lifetime_ms, rel=1e-9)
    assert float(verdict.value) == pytest.approx(0.2 - lifetime_ms, rel=1e-9)


def test_a_rise_that_takes_too_long_has_no_value_but_a_slope() -> None:
    """At twice the threshold the rise takes some 50 ms; followed for 2 ms its loss says how much light is missing."""
    solution = solved(SAMPLE_4)
    short, whole = (RiseTime("X:3 -> X:1", times_threshold=2.0, longest_ms=ms) for ms in (2.0, 1000.0))
    assert not bool(short.judge(solution).valid) and bool(whole.judge(solution).valid)
    assert float(short.loss(solution)) > math.log(2.0) + 1.0


def test_a_hysteresis_is_the_ratio_of_the_folds_and_none_is_one() -> None:
    aim = objective("hysteresis")
    (loss, verdict), (flat, none) = judged(aim, solved(BISTABLE)), judged(aim, solved(SAMPLE_4))
    (_, up), (_, down) = BISTABLE.folds()
    assert float(verdict.value) == pytest.approx(up / down, rel=1e-8)
    assert float(loss) == pytest.approx(-math.log(up / down), abs=0.02)
    assert float(none.value) == 1.0 and float(flat) > float(loss)
