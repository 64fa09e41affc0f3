"""Searches of small particles beside brute force, and what is said of a design beside differences. Long."""

from __future__ import annotations

import dataclasses
import functools
import itertools

import jax.numpy as jnp
import numpy as np
import pytest

from padesign.config import load_run_text
from padesign.config.build import build_problem
from padesign.design.problem import Problem
from padesign.design.transforms import Packing, start_point
from padesign.design.trial import Task
from padesign.kinetics.particle_network import Geometry

pytestmark = pytest.mark.verify

RUN = """\
version: 1
name: small
excitation: {wavelength_nm: 1064, irradiance_kW_per_cm2: {min: 1, max: 100}}
particle:
  interface_mixing_nm: 0
  max_level_cm1: 15500
  layers:
    - name: core
      host: beta-NaYF4
      diameter_nm: {min: 10, max: 20}
      dopants_mol_percent: {Tm: {min: 2, max: 12}}
    - {name: shell, host: beta-NaYF4, thickness_nm: {min: 1, max: 6}}
objective: OBJECTIVE
search: {starts: 3, steps: 30}
solver: {cells_per_layer: 1, judge_cells_per_layer: 1}
"""
STEEP = '{kind: nonlinearity, emission: "Tm:3H4 -> Tm:3H6", max_irradiance_kW_per_cm2: 40}'
LOW = '{kind: threshold, emission: "Tm:3H4 -> Tm:3H6", min_nonlinearity: 20}'


@functools.cache
def problem(objective: str, extra: str = "") -> Problem:
    return build_problem(load_run_text(RUN.replace("OBJECTIVE", objective) + extra).run)


def at(radius_nm: float, tm: float, shell_nm: float) -> Geometry:
    return Geometry(jnp.array([radius_nm, shell_nm]), jnp.array([[tm], [0.0]]), jnp.array(0.0))


@pytest.mark.parametrize("objective", [STEEP, LOW])
def test_a_search_from_scratch_finds_at_least_the_best_of_a_grid(objective: str) -> None:
    """9 x 9 x 6 designs judged one by one; two trials come within 1 % of the best of them or beat it."""
    one = problem(objective)
    grid = itertools.product(np.linspace(5, 10, 9), np.linspace(0.02, 0.12, 9), np.linspace(1, 6, 6))
    judged = [one.judge({}, at(r, x, t), np.inf) for r, x, t in grid]
    known = [c.value for c in judged if c.feasible and c.value is not None]
    found = [one.refine(Task({}, seed), lambda step, values: None) for seed in (1, 2)]
    values = [c.value for c in found if c.feasible and c.value is not None]
    assert known and values
    print(f"{one.objective_name}: grid {max(known):.4g} / {min(known):.4g}, search {values}")
    if one.maximise:
        assert max(values) >= 0.99 * max(known)
    else:
        assert min(values) <= 1.01 * min(known)


def test_sensitivities_are_the_differences_of_the_honest_numbers() -> None:
    one, h = problem(STEEP), 1e-3
    exact = one.sensitivities({}, one.space.particle({}, np.array([8.5, 5.0]), np.array([[0.08], [0.0]])))

    def logs(*moved: float) -> np.ndarray:
        candidate = one.judge({}, at(*moved), np.inf)
        return np.log([candidate.metrics[key] for key in ("S_exact", "threshold_kW_per_cm2")])

    for knob, k in (("core radius", 0), ("core Tm", 1), ("shell thickness", 2)):
        up, down = (np.array([8.5, 0.08, 5.0]) * np.exp(sign * h * np.eye(3)[k]) for sign in (1, -1))
        found = (logs(*up) - logs(*down)) / (2 * h)
        told = [exact[key][knob] for key in ("S_exact", "threshold_kW_per_cm2")]
        assert told == pytest.approx(found, rel=2e-3, abs=2e-4)


@pytest.mark.parametrize("parameters", ["false", "true"])
def test_the_quantile_claimed_of_a_batch_is_that_of_two_thousand_fresh_particles(parameters: str) -> None:
    """And the gradient that led there is the derivative of the loss of the batch; with the parameters' errors too."""
    extra = f"robust: {{samples: 6, judge_samples: 400, parameter_uncertainty: {parameters}}}\n"
    one = problem(STEEP, extra)
    bounds = one.space.bounds({})
    packing = Packing(bounds)
    x = packing.flat(start_point(bounds, np.random.default_rng(0), spread=0.0))
    gradient, h = packing.flat(one.loss(packing.point(x), bounds, {})[1]), 1e-5
    for k in range(x.size):
        ends = [float(one.loss(packing.point(x + sign * h * np.eye(x.size)[k]), bounds, {})[0]) for sign in (1, -1)]
        assert gradient[k] == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-3, abs=1e-4)
    candidate = one.refine(Task({}, 1), lambda step, values: None)
    assert candidate.value is not None and one.robust is not None
    layers = candidate.design["particle"]["layers"]
    made = at(layers[0]["thickness_nm"], layers[0]["dopants_mol_percent"]["Tm"] / 100, layers[1]["thickness_nm"])
    again = Problem(
        one.space,
        one.objective,
        one.scene,
        one.inner,
        one.parameter_sets,
        robust=dataclasses.replace(one.robust, seed=99),
    )
    fresh = again.claim({}, made, 2000)
    error = (fresh.high - fresh.low) / 2 + (
        candidate.metrics["value_at_most"] - candidate.metrics["value_at_least"]
    ) / 2
    print(f"claimed {candidate.value:.4g}, fresh {fresh}")
    assert candidate.value == pytest.approx(fresh.value, abs=2 * error)
