"""Following the power curve: through folds, to extreme powers, and the same numbers from a finer trace."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.design.evaluate import evaluate_solution
from padesign.observables.nonlinearity import states_on_sweep, steepest, trace_slopes, upward_sweep
from padesign.solve.continuation import MAX_POINTS, Outcome, Trace, trace_curve
from padesign.solve.steady import low_power_start, newton
from padesign.solve.transient import integrate
from tests.systems.avalanche import BISTABLE, SAMPLE_4
from tests.systems.particles import TM_BAND, TM_GEOMETRY, build, measure_tm, tm_signature
from tests.systems.solving import avalanche_light, measure_avalanche

states = jax.jit(states_on_sweep)
trace_from_to = jax.jit(trace_curve, static_argnums=4)
long_run = jax.jit(lambda network, start, power: integrate(network, start, power, jnp.array([1.0, 300.0, 600.0])))


def rows(trace: Trace) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Irradiance (W/cm^2), populations and direction of every point."""
    valid = np.asarray(trace.valid)
    populations = np.exp(np.asarray(trace.log_populations)[valid])
    return np.exp(np.asarray(trace.log_irradiance)[valid]), populations, np.asarray(trace.tangent_log_irradiance)[valid]


def branch(direction: np.ndarray) -> list[np.ndarray]:
    """Runs of points with one sign of the tangent."""
    cuts = np.flatnonzero(np.diff(np.sign(direction))) + 1
    return np.split(np.arange(len(direction)), cuts)


def test_a_folded_curve_is_traced_over_three_branches_and_each_point_is_exact() -> None:
    trace = measure_avalanche(BISTABLE).solution.trace
    assert int(trace.outcome) == Outcome.COMPLETE
    power, p, direction = rows(trace)
    lower, middle, upper = branch(direction)
    assert bool(trace.has_fold)
    assert np.all(direction[lower] > 0) and np.all(direction[middle] < 0) and np.all(direction[upper] > 0)
    assert min(len(lower), len(middle), len(upper)) >= 4
    for irradiance, population in zip(power, p, strict=True):
        point = BISTABLE.at_excited(float(population[1] + population[2]))
        assert irradiance == pytest.approx(point.irradiance_W_per_cm2, rel=1e-8)
        assert population[1:4] == pytest.approx([point.n2, point.n3, point.free_quencher], rel=1e-8)


def test_the_folds_are_where_the_curve_turns() -> None:
    power, p, direction = rows(measure_avalanche(BISTABLE).solution.trace)
    lower, middle, upper = branch(direction)
    (x_up, I_up), (x_down, I_down) = BISTABLE.folds()
    excited = p[:, 1] + p[:, 2]
    assert excited[lower].max() < x_up < excited[middle].min()
    assert excited[middle].max() < x_down < excited[upper].min()
    assert I_down < power[middle].min() and power[middle].max() < I_up
    assert power.max() > I_up > power[lower].max() > 0.98 * I_up


def test_the_branch_between_the_folds_is_unstable_and_the_others_are_stable() -> None:
    """Eigenvalues of the Jacobian of dp/dt; one is zero for each conserved species."""
    trace = measure_avalanche(BISTABLE).solution.trace
    network = avalanche_light(BISTABLE).network
    jacobian = jax.jit(jax.jacfwd(network.derivative_per_s))
    species = len(network.dark)
    for irradiance, p, forward in zip(*rows(trace), strict=True):
        if abs(forward) < 0.04:
            continue
        values = np.sort(np.linalg.eigvals(np.asarray(jacobian(p, irradiance))).real)
        rest = np.delete(values, np.argsort(np.abs(values))[:species])
        assert (rest.max() > 0.0) == (forward < 0.0)
        assert np.count_nonzero(rest > 0.0) <= 1


def test_a_jump_has_a_window_slope_and_no_exact_one() -> None:
    result = evaluate_solution(measure_avalanche(BISTABLE).solution, ["X:3 -> X:1"])
    assert result.outcome == "ok" and result.bistable
    (band,) = result.bands
    assert band.S is None
    assert math.isfinite(band.S_window)
    single = evaluate_solution(measure_avalanche(SAMPLE_4).solution, ["X:3 -> X:1"])
    assert not single.bistable
    assert single.bands[0].S == pytest.approx(SAMPLE_4.steepest()[0], rel=1e-6)
    assert result.slope_estimate is None


def test_the_window_slope_of_a_jump_is_that_of_the_two_branches_at_the_fold() -> None:
    """The largest mean slope over 0.05 decade has its upper end on the upper branch where the lower one ends."""
    (x_up, I_up), (x_down, _) = BISTABLE.folds()
    width = 0.05 * math.log(10.0)
    above = BISTABLE.steady(I_up, 1.0001 * x_down)
    below = BISTABLE.steady(I_up * math.exp(-width), x_high=x_up)
    expected = math.log(above.n3 / below.n3) / width
    found = measure_avalanche(BISTABLE).window
    assert bool(found.converged)
    assert float(found.value) == pytest.approx(expected, rel=1e-3)
    assert float(np.exp(found.log_irradiance_high)) == pytest.approx(I_up, rel=1e-3)


@pytest.mark.parametrize("share_of_fold", [0.3, 0.9, 0.98, 0.995, 1.005, 1.02, 1.5])
def test_the_upward_sweep_is_what_a_long_integration_from_below_reaches(share_of_fold: float) -> None:
    """Below the fold the lower branch, above it the upper one, from the dark by diffrax."""
    found = measure_avalanche(BISTABLE).solution
    network = found.light.network
    power = share_of_fold * BISTABLE.folds()[0][1]
    dark = jnp.exp(low_power_start(network, jnp.log(1e-6)))
    run = long_run(network, dark, jnp.asarray(power))
    assert bool(run.converged)
    u, residual = states(network, found.trace, jnp.log(jnp.array([power])))
    assert float(residual[0]) <= 1e-10
    assert np.exp(u[0]) == pytest.approx(np.asarray(run.populations[-1]), rel=1e-5)


def test_a_curve_goes_on_to_1e9_kW_per_cm2_where_ground_states_are_empty() -> None:
    light, _ = build(tm_signature(1), TM_GEOMETRY)
    trace = trace_from_to(light.network, jnp.log(1e3), jnp.log(1e12), jnp.asarray(1.0), MAX_POINTS)
    assert int(trace.outcome) == Outcome.COMPLETE
    _, p, _ = rows(trace)
    assert float(trace.log_irradiance[int(trace.count) - 1]) >= math.log(1e12)
    assert p[:, 0].min() < 1e-2
    assert np.abs(p.sum(axis=1) - 1.0).max() < 1e-9
    assert float(trace.residual[: int(trace.count)].max()) <= 1e-10
    for points in (light.network, avalanche_light(SAMPLE_4).network):
        state = newton(points, low_power_start(points, jnp.log(1e12)), jnp.log(1e12), max_iterations=200)
        assert bool(state.converged)


def test_slopes_at_the_points_are_the_slopes_between_them() -> None:
    """The trapezoidal mean of the exact slopes is the rise of the emission, and S starts at 2 in the linear regime."""
    found = measure_tm(1)
    trace, weights = found.solution.trace, found.solution.light.weights(found.solution.band(TM_BAND))
    fine = trace_from_to(found.solution.light.network, jnp.log(10.0), jnp.log(1e5), jnp.asarray(0.1), 1024)
    valid = np.asarray(fine.valid)
    lam = np.asarray(fine.log_irradiance)[valid]
    emission = np.log(np.exp(np.asarray(fine.log_populations)[valid]) @ np.asarray(weights))
    S = np.asarray(trace_slopes(fine, weights))[valid]
    assert S[0] == pytest.approx(2.0, abs=0.02)
    trapezoid = np.concatenate([[0.0], np.cumsum(0.5 * (S[1:] + S[:-1]) * np.diff(lam))])
    assert emission - emission[0] == pytest.approx(trapezoid, abs=0.005)
    assert S.max() <= found.S * (1 + 1e-9)
    assert bool(np.all(np.asarray(upward_sweep(trace))[np.asarray(trace.valid)]))


def test_finer_traces_give_the_same_steepest_slope() -> None:
    found = measure_tm(1)
    network, weights = found.solution.light.network, found.solution.light.weights(found.solution.band(TM_BAND))
    low, high = jnp.log(1e3), jnp.log(1e5)
    read = jax.jit(steepest)
    for coarseness in (1.5, 0.6, 0.3):
        trace = trace_from_to(network, low - 4.6, high, jnp.asarray(coarseness), 1024)
        assert float(read(network, trace, weights, low, high).value) == pytest.approx(found.S, rel=1e-8)


def test_too_few_points_is_a_value_not_an_error() -> None:
    network = avalanche_light(SAMPLE_4).network
    trace = trace_from_to(network, jnp.log(1e3), jnp.log(1e5), jnp.asarray(0.1), 8)
    assert int(trace.outcome) == Outcome.TOO_MANY_POINTS
    assert "points" in Outcome(int(trace.outcome)).text
