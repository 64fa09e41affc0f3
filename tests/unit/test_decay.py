"""Decays among ions at random sites: their limits, what is read off them, and derivatives."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.calibration.decay import Decay, decay_of, integral_over_maximum_s, one_over_e_s

LOSS, TRANSFER = 600.0, 900.0
decay = jax.jit(decay_of)


@pytest.mark.parametrize("hopping", [1e-3, 450.0, 1e6])
@pytest.mark.parametrize("transfer", [1.0, TRANSFER, 5e4])
def test_the_integral_of_a_decay_is_that_of_the_law(transfer: float, hopping: float) -> None:
    assert float(decay(LOSS, transfer, hopping).integral_s) == pytest.approx(1.0 / (LOSS + transfer), rel=2e-3)


def test_without_hopping_it_is_the_decay_of_inokuti_and_hirayama() -> None:
    """exp(-k t - gamma sqrt(t)), whose integral is (1 - q)/k with x = gamma/(2 sqrt(k)) and q = sqrt(pi) x erfcx(x)."""
    from scipy.optimize import root_scalar
    from scipy.special import erfcx

    q = TRANSFER / (LOSS + TRANSFER)
    found = root_scalar(lambda x: math.sqrt(math.pi) * x * erfcx(x) - q, bracket=(1e-6, 50.0))
    gamma = 2.0 * math.sqrt(LOSS) * found.root
    static = decay(LOSS, TRANSFER, 1e-9)
    for time in (1e-5, 1e-4, 1e-3):
        assert float(static.at(time)) == pytest.approx(math.exp(-LOSS * time - gamma * math.sqrt(time)), rel=1e-3)


def test_fast_hopping_makes_it_exponential() -> None:
    found = decay(LOSS, TRANSFER, 1e8)
    assert 1e3 * float(one_over_e_s(found)) == pytest.approx(1e3 / (LOSS + TRANSFER), rel=0.01)


def test_a_trace_that_is_fed_has_the_integral_over_the_maximum_of_its_convolution() -> None:
    own, feed = Decay(jnp.array([1.0]), jnp.array([600.0])), Decay(jnp.array([1.0]), jnp.array([1500.0]))
    time = np.linspace(0.0, 0.05, 200_001)
    fed = 1500.0 / 900.0 * (np.exp(-600.0 * time) - np.exp(-1500.0 * time))
    trace = 0.7 * np.exp(-600.0 * time) + 0.3 * fed / fed.max()
    expected = np.trapezoid(trace, time) / trace.max()
    assert float(integral_over_maximum_s(own, feed, 0.7)) == pytest.approx(expected, rel=1e-4)
    assert float(integral_over_maximum_s(own, feed, 1.0)) == pytest.approx(1.0 / 600.0, rel=1e-12)


def test_derivatives_of_both_readings_are_differences() -> None:
    def readings(rates: jax.Array) -> jax.Array:
        own, feed = decay_of(*rates), decay_of(1500.0, 2.0 * rates[1], 50.0)
        return 1e3 * (one_over_e_s(own) + integral_over_maximum_s(own, feed, 0.7))

    at = jnp.array([LOSS, TRANSFER, 450.0])
    both = jax.jit(jax.value_and_grad(readings))
    exact = np.asarray(both(at)[1])
    for k, step in enumerate(0.01 * at):
        up, down = (float(both(at.at[k].add(sign * step))[0]) for sign in (1.0, -1.0))
        assert exact[k] == pytest.approx((up - down) / (2.0 * float(step)), rel=1e-3)
