"""The rate network: conservation, its linearisation, the log balance, stationary chains of any smallness."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.kinetics.network import FLOOR_per_s, RateNetwork
from padesign.solve.stability import excited_levels, excited_system
from padesign.solve.steady import (
    attach_derivatives,
    low_power_start,
    newton,
    pump_off_equilibrium,
    stationary_distribution,
    tangent,
)
from tests.systems.networks import exact_stationary, random_network, random_populations

SHAPE = ((2, 4), (1, 3))
linearise = jax.jit(lambda network, u, lam: network.linearise(u, lam))
residual = jax.jit(lambda network, u, lam: network.residual(u, lam))
by_autodiff = jax.jit(jax.jacfwd(lambda network, u, lam: network.residual(u, lam), argnums=(1, 2)))
derivative = jax.jit(lambda network, p, irradiance: network.derivative_per_s(p, irradiance))
gain_loss = jax.jit(lambda network, p, irradiance: network.gain_loss(p, irradiance))
solve = jax.jit(
    lambda network, guess, log_irradiance, most: newton(network, guess, log_irradiance, max_iterations=most)
)
start = jax.jit(low_power_start)
stationary = jax.jit(stationary_distribution)


@pytest.fixture(scope="module")
def networks() -> list[RateNetwork]:
    rng = np.random.default_rng(1)
    return [random_network(rng, SHAPE) for _ in range(6)]


def test_populations_are_conserved_in_every_cell_of_every_species(networks: list[RateNetwork]) -> None:
    rng = np.random.default_rng(2)
    for network in networks:
        p = jnp.asarray(random_populations(rng, SHAPE, 12.0, "any"))
        change = network.split(derivative(network, p, 3e4))
        gains = network.split(gain_loss(network, p, 3e4)[0])
        for block, gain in zip(change, gains, strict=True):
            assert np.all(np.abs(block.sum(axis=1)) <= 1e-13 * np.asarray(gain).sum(axis=1))


def test_the_derivative_is_the_master_equation_written_out(networks: list[RateNetwork]) -> None:
    """dp_a/dt = sum_b R_ab p_b - R_ba p_a with R = dark + I pump + transfer p, loop by loop."""
    rng = np.random.default_rng(3)
    network = networks[0]
    p = random_populations(rng, SHAPE, 6.0, "any")
    irradiance, expected, begin = 7e3, np.zeros_like(p), 0
    for dark, pump, transfer in zip(network.dark, network.pump, network.transfer, strict=True):
        cells, levels = dark.shape[:2]
        for x in range(cells):
            for a in range(levels):
                for b in range(levels):
                    rate = float(dark[x, a, b] + irradiance * pump[x, a, b]) + float(np.asarray(transfer[x, a, b]) @ p)
                    flow = rate * p[begin + x * levels + b]
                    expected[begin + x * levels + a] += flow
                    expected[begin + x * levels + b] -= flow
        begin += cells * levels
    scale = np.asarray(gain_loss(network, p, irradiance)[0])
    assert np.all(np.abs(derivative(network, p, irradiance) - expected) <= 1e-12 * scale.max())


@pytest.mark.parametrize("top", ["ground", "excited", "any"])
def test_the_linearisation_equals_automatic_differentiation(networks: list[RateNetwork], top: str) -> None:
    rng = np.random.default_rng(4)
    for network in networks:
        u = jnp.log(jnp.asarray(random_populations(rng, SHAPE, 15.0, top)))
        lam = jnp.asarray(rng.uniform(0.0, 14.0))
        at = linearise(network, u, lam)
        by_u, by_lam = by_autodiff(network, u, lam)
        assert np.allclose(at.residual, residual(network, u, lam), rtol=1e-12, atol=1e-12)
        assert np.allclose(at.jacobian, by_u, rtol=1e-10, atol=1e-12)
        assert np.allclose(at.by_log_irradiance, by_lam, rtol=1e-10, atol=1e-12)


def test_the_log_balance_is_zero_at_a_steady_state_and_nowhere_near_it(networks: list[RateNetwork]) -> None:
    rng = np.random.default_rng(5)
    lam = jnp.asarray(np.log(1e3))
    for network in networks:
        state = solve(network, start(network, lam), lam, 200)
        assert bool(state.converged)
        p = jnp.exp(state.log_populations)
        gain, _ = gain_loss(network, p, jnp.exp(lam))
        assert np.all(np.abs(derivative(network, p, jnp.exp(lam))) <= 1e-9 * gain)
        assert [float(x) for block in network.split(p) for x in block.sum(axis=1)] == pytest.approx(
            [1.0] * 3, abs=1e-12
        )
        for k in range(network.n_unknowns):
            shift = np.zeros(network.n_unknowns)
            shift[k] = 1e-5
            assert np.max(np.abs(residual(network, state.log_populations + shift, lam))) > 1e-8
        shift = rng.normal(0.0, 1e-5, network.n_unknowns)
        assert np.max(np.abs(residual(network, state.log_populations + shift, lam))) > 1e-8


def test_a_steady_state_found_in_populations_has_no_log_balance() -> None:
    """The other direction, from a chain whose stationary state is solved exactly."""
    rng = np.random.default_rng(6)
    network = random_network(rng, ((1, 5),))
    network = RateNetwork(network.dark, network.pump, (jnp.zeros_like(network.transfer[0]),), network.labels)
    exact = exact_stationary(np.asarray(network.dark[0][0] + 1e3 * network.pump[0][0]))
    u = jnp.log(jnp.asarray([float(x) for x in exact]))
    assert np.max(np.abs(network.residual(u, jnp.log(1e3)))) < 1e-10


def test_a_stationary_distribution_keeps_its_relative_accuracy_down_to_1e_40() -> None:
    """Against rational arithmetic, up to the floor that keeps unfed levels finite."""
    rng = np.random.default_rng(7)
    smallest = []
    for _ in range(10):
        rates = 10.0 ** rng.uniform(-1.0, 7.0, (5, 5)) * (1.0 - np.eye(5))
        rates[np.tril_indices(5, -1)] *= 10.0 ** rng.uniform(-10.0, -6.0, 10)
        rates[2:, :2] = 0.0
        rates[3:, 2], rates[4, 3], rates[2, 1] = 0.0, 1e-9, 1e-14 * rng.uniform(1.0, 5.0)
        rates[3, 2] = 1e-13
        exact = exact_stationary(rates)
        found = np.asarray(stationary(jnp.asarray(rates)[None])[0])
        smallest.append(float(min(exact)))
        for p, q in zip(found, exact, strict=True):
            assert abs(p - float(q)) <= 1e-12 * float(q) + 2 * FLOOR_per_s
    assert min(smallest) < 1e-38


def test_the_ends_of_derivatives_agree_with_solving_again(networks: list[RateNetwork]) -> None:
    """d log p / d log I and d log p / d rate by the implicit function theorem against solving at shifted values."""
    network, lam = networks[1], jnp.asarray(np.log(3e3))
    u = solve(network, start(network, lam), lam, 200).log_populations
    step = 1e-4

    def at(scale: float, power: float) -> np.ndarray:
        moved = RateNetwork(tuple(d * scale for d in network.dark), network.pump, network.transfer, network.labels)
        return np.asarray(solve(moved, u, lam + power, 200).log_populations)

    by_power = (at(1.0, step) - at(1.0, -step)) / (2 * step)
    assert np.allclose(jax.jit(tangent)(network, u, lam), by_power, rtol=1e-6, atol=1e-7)

    def attached(scale: jax.Array) -> jax.Array:
        moved = RateNetwork(tuple(d * scale for d in network.dark), network.pump, network.transfer, network.labels)
        return attach_derivatives(moved, u, lam)

    by_rate = (at(1 + step, 0.0) - at(1 - step, 0.0)) / (2 * step)
    assert np.allclose(jax.jit(jax.jacfwd(attached))(1.0), by_rate, rtol=1e-6, atol=1e-7)
    assert np.allclose(jax.jit(jax.jacrev(attached))(1.0), by_rate, rtol=1e-6, atol=1e-7)


def test_the_excited_system_is_the_jacobian_about_the_frozen_pump_off_state(networks: list[RateNetwork]) -> None:
    """d/dt of what comes on top of the pump-off populations, which partners do not drain: B e + source."""
    network, lam = networks[2], jnp.asarray(np.log(2e3))
    system, keep = jax.jit(excited_system)(network), excited_levels(network)
    rest = pump_off_equilibrium(network)
    loss = network.gain_loss(rest, jnp.exp(lam))[1]

    def excess(small: jax.Array) -> jax.Array:
        on_top = jnp.zeros_like(rest).at[keep].set(small)
        return (network.gain_loss(rest + on_top, jnp.exp(lam))[0] - loss * on_top)[keep]

    zero = jnp.zeros(len(keep))
    expected = jax.jit(jax.jacfwd(excess))(zero)
    lit = excess(zero) - network.gain_loss(rest, jnp.asarray(0.0))[0][keep]
    assert np.allclose(system.matrix(lam), expected, rtol=1e-12, atol=1e-12)
    assert np.allclose(system.source(lam), lit, rtol=1e-12, atol=1e-12)
    off = np.asarray(system.matrix(lam)) - np.diag(np.diag(np.asarray(system.matrix(lam))))
    assert np.all(off >= 0.0)
