"""One compiled program that reads every number off a network, shared by all tests."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padesign.kinetics.light import EmittingNetwork, find_band
from padesign.kinetics.network import RateNetwork
from padesign.kinetics.text import parse_network
from padesign.observables.nonlinearity import Steepest, WindowSlope, steepest, steepest_window
from padesign.observables.solution import Solution, SteadyStateMethod, solve
from padesign.solve.stability import Threshold, find_threshold
from padesign.solve.steady import low_power_start, newton
from tests.systems.avalanche import Avalanche


class Measured(NamedTuple):
    """The curve of one network and what is read off it for one band."""

    solution: Solution
    exact: Steepest
    window: WindowSlope
    threshold: Threshold

    @property
    def S(self) -> float:
        return float(self.exact.value)

    @property
    def S_at_kW_per_cm2(self) -> float:
        return float(np.exp(self.exact.log_irradiance)) / 1e3

    @property
    def threshold_kW_per_cm2(self) -> float:
        return float(np.exp(self.threshold.log_irradiance)) / 1e3


def measure_light(
    light: EmittingNetwork, weights: jax.Array, window_kW: jax.Array, method: SteadyStateMethod = "continuation"
) -> Measured:
    """Curve, slopes and threshold between two powers (2,) in kW/cm^2; pure."""
    solution = solve(light, window_kW[0], window_kW[1], method=method)
    low, high = solution.log_irradiance_min, solution.log_irradiance_max
    network, trace = light.network, solution.trace
    return Measured(
        solution,
        steepest(network, trace, weights, low, high),
        steepest_window(network, trace, weights, 0.05, low, high),
        find_threshold(network, weights, low, high),
    )


_measure = jax.jit(measure_light, static_argnums=3)
_steady = jax.jit(lambda network, lam: newton(network, low_power_start(network, lam), lam, max_iterations=300))


def measure(
    light: EmittingNetwork,
    band: str | jax.Array,
    low_kW: float,
    high_kW: float,
    method: SteadyStateMethod = "continuation",
) -> Measured:
    """The same for a band or for weights (n_unknowns,), compiled once per shape of network."""
    weights = light.weights(find_band(light.levels, band)) if isinstance(band, str) else band
    return _measure(light, weights, jnp.array([low_kW, high_kW]), method)


@functools.cache
def avalanche_light(model: Avalanche) -> EmittingNetwork:
    """The network of an analytic avalanche, by way of its text."""
    return parse_network(model.levels, model.lines).network(model.wavelength_nm)


@functools.cache
def measure_avalanche(model: Avalanche, method: SteadyStateMethod = "continuation") -> Measured:
    """The 3 -> 1 band of an analytic avalanche between 1 and 100 kW/cm^2."""
    return measure(avalanche_light(model), "X:3 -> X:1", 1.0, 100.0, method)


def steady_state(network: RateNetwork, irradiance_W_per_cm2: float) -> np.ndarray:
    """Populations in the order of the network."""
    state = _steady(network, jnp.log(irradiance_W_per_cm2))
    assert bool(state.converged)
    return np.exp(np.asarray(state.log_populations))
