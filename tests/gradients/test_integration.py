"""Derivatives through a time integration, and of a curve made by integration."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.kinetics.light import EmittingNetwork, find_band
from padesign.observables.solution import SteadyStateMethod, solve
from padesign.solve.steady import pump_off_equilibrium
from padesign.solve.transient import integrate
from tests.systems.avalanche import SAMPLE_4
from tests.systems.differences import central
from tests.systems.particles import TM_GEOMETRY, build, tm_signature
from tests.systems.solving import avalanche_light


def with_rates(light: EmittingNetwork, log_change: jax.Array) -> EmittingNetwork:
    """Every dark rate, every pump rate and every transfer rate multiplied by a factor each (3,)."""
    factor = jnp.exp(log_change)
    network = light.network
    parts = [
        tuple(k * x for x in part)
        for k, part in zip(factor, (network.dark, network.pump, network.transfer), strict=True)
    ]
    return eqx.tree_at(lambda x: (x.network.dark, x.network.pump, x.network.transfer), light, tuple(parts))


def on_the_rise(light: EmittingNetwork, log_change: jax.Array, times_s: jax.Array, irradiance: float) -> jax.Array:
    """Log of the emitting level (the last but none of the first four) at some times after switching on."""
    network = with_rates(light, log_change).network
    level = min(3, network.n_unknowns - 1)
    return jnp.log(
        integrate(network, pump_off_equilibrium(network), jnp.asarray(irradiance), times_s).populations[:, level]
    )


@pytest.mark.parametrize(
    ("name", "times_s", "irradiance"),
    [("three states", [3e-3, 1e-2, 3e-2], 1.0e4), ("8 % Tm particle", [3e-3, 1e-2, 3e-2], 2.5e4)],
)
def test_the_derivative_of_a_rise_equals_differences(name: str, times_s: list[float], irradiance: float) -> None:
    """Emission at three times on the rise, with respect to all dark, pump and transfer rates: 1e-4 relative."""
    light = avalanche_light(SAMPLE_4) if name == "three states" else build(tm_signature(1), TM_GEOMETRY)[0]
    times = jnp.array(times_s)
    run = jax.jit(lambda light, z: on_the_rise(light, z, times, irradiance))
    exact = np.asarray(
        jax.jit(jax.jacrev(lambda light, z: on_the_rise(light, z, times, irradiance), argnums=1))(light, jnp.zeros(3))
    )
    assert np.all(np.isfinite(exact)) and np.abs(exact).min() > 1e-3
    for k in range(3):
        unit = np.eye(3)[k]
        found, _ = central(lambda h, unit=unit: np.asarray(run(light, jnp.asarray(h * unit))), 1e-3)
        assert exact[:, k] == pytest.approx(found, rel=1e-4)


def test_a_curve_by_integration_has_the_derivatives_of_the_continuation() -> None:
    """Of S, window S, threshold and log photons by all dark, pump and transfer rates: 1e-5 of the largest of each.

    The pump as a whole only shifts the curve along the power axis: no derivative of S, and -1 of the threshold.
    """
    light = avalanche_light(SAMPLE_4)
    band = find_band(light.levels, "X:3 -> X:1")

    def read(z: jax.Array, method: SteadyStateMethod) -> jax.Array:
        solution = solve(with_rates(light, z), 5.0, 9.0, method=method)
        photons = solution.log_photons_per_s([band], jnp.log(8e3))[0]
        window = solution.steepest_window(band, 0.05).value
        return jnp.stack([solution.steepest(band).value, window, solution.threshold(band).log_irradiance, photons])

    jacobian = jax.jit(jax.jacrev(read), static_argnums=1)
    a, b = (np.asarray(jacobian(jnp.zeros(3), method)) for method in ("continuation", "diffrax"))
    largest = np.abs(a).max(axis=1, keepdims=True)
    assert np.all(largest > 0.1)
    assert b / largest == pytest.approx(a / largest, abs=1e-5)
    assert a[:2, 1] / largest[:2, 0] == pytest.approx([0.0, 0.0], abs=1e-6)
    assert a[2, 1] == pytest.approx(-1.0, rel=1e-9)
