"""diffrax beside the steady-state solver: long integrations, whole curves, conservation on the way."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from padesign.kinetics.light import EmittingNetwork
from padesign.observables.nonlinearity import states_on_sweep
from padesign.solve.continuation import Trace
from padesign.solve.steady import pump_off_equilibrium
from padesign.solve.transient import Trajectory, integrate
from tests.systems.avalanche import BISTABLE, SAMPLE_4
from tests.systems.particles import TM_BAND, measure_tm
from tests.systems.solving import measure, measure_avalanche

states = jax.jit(states_on_sweep)
run = jax.jit(integrate)
TIMES_s = jnp.array([1e-6, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 1.0, 20.0])


def from_dark(light: EmittingNetwork, power_kW: float) -> Trajectory:
    """Switched on at time 0 from the pump-off state."""
    return run(light.network, pump_off_equilibrium(light.network), jnp.asarray(1e3 * power_kW), TIMES_s)


@functools.cache
def system(name: str) -> tuple[EmittingNetwork, Trace]:
    found = {
        "three states": lambda: measure_avalanche(SAMPLE_4),
        "a quencher": lambda: measure_avalanche(BISTABLE),
        "8 % Tm particle": lambda: measure_tm(1),
    }[name]()
    return found.solution.light, found.solution.trace


@pytest.mark.parametrize("name", ["three states", "a quencher", "8 % Tm particle"])
@pytest.mark.parametrize("power_kW", [2.0, 60.0])
def test_a_long_integration_ends_in_the_steady_state(name: str, power_kW: float) -> None:
    light, trace = system(name)
    late = from_dark(light, power_kW)
    assert bool(late.converged)
    u, residual = states(light.network, trace, jnp.log(jnp.array([1e3 * power_kW])))
    assert float(residual[0]) <= 1e-10
    assert np.asarray(late.populations[-1]) == pytest.approx(np.exp(u[0]), rel=1e-5)


@pytest.mark.parametrize("name", ["three states", "8 % Tm particle"])
def test_populations_keep_their_sum_and_their_sign_on_the_way(name: str) -> None:
    light, _ = system(name)
    on_the_way = from_dark(light, 60.0)
    for p in on_the_way.populations:
        assert float(p.min()) > -1e-12
        for block in light.network.split(p):
            assert np.abs(block.sum(axis=1) - 1.0).max() < 1e-10


def test_the_rise_agrees_with_lsoda() -> None:
    """The same network by scipy's LSODA from dp/dt written as a NumPy function."""
    light, _ = system("three states")
    dark, pump, transfer = (
        np.asarray(part[0]) for part in (light.network.dark, light.network.pump, light.network.transfer)
    )

    def slope(_: float, p: np.ndarray) -> np.ndarray:
        rates = dark[0] + 1e4 * pump[0] + transfer[0] @ p
        return rates @ p - rates.sum(axis=0) * p

    times = np.asarray(TIMES_s)[2:]
    other = solve_ivp(slope, (0.0, 20.0), [1.0, 0.0, 0.0], "LSODA", times, rtol=1e-10, atol=1e-16)
    ours = from_dark(light, 10.0)
    assert np.asarray(ours.populations)[2:] == pytest.approx(other.y.T, rel=1e-5)


@pytest.mark.parametrize("name", ["three states", "8 % Tm particle"])
def test_the_curve_by_integration_gives_the_same_numbers(name: str) -> None:
    """S and threshold to 1e-6, and the derivatives of S with respect to every pump rate to 1e-4."""
    light, _ = system(name)
    band, low, high = ("X:3 -> X:1", 5.0, 9.0) if name == "three states" else (TM_BAND, 10.0, 20.0)
    a, b = measure(light, band, low, high), measure(light, band, low, high, "diffrax")
    assert int(b.solution.trace.outcome) == 0
    assert b.S == pytest.approx(a.S, rel=1e-6)
    assert float(b.window.value) == pytest.approx(float(a.window.value), rel=1e-6)
    assert b.threshold_kW_per_cm2 == pytest.approx(a.threshold_kW_per_cm2, rel=1e-12)
