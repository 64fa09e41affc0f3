"""One compiled program per shape of network: its power curve, slopes and threshold."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from padesign.kinetics.light import EmittingNetwork, find_band
from padesign.observables.nonlinearity import steepest, steepest_window
from padesign.observables.solution import LEAD_IN
from padesign.solve.continuation import trace_curve
from padesign.solve.stability import find_threshold


class Numbers(NamedTuple):
    """S, where it is, S over 0.05 decade, threshold (kW/cm^2), the estimate of S, and how the curve ended."""

    S: jax.Array
    S_at_kW: jax.Array
    S_window: jax.Array
    threshold_kW: jax.Array
    estimate: jax.Array
    outcome: jax.Array


@functools.partial(jax.jit, static_argnums=4)
def _read(
    light: EmittingNetwork, weights: jax.Array, window_kW: jax.Array, coarseness: jax.Array, points: int
) -> Numbers:
    low, high = jnp.log(window_kW * 1e3)
    network = light.network
    trace = trace_curve(network, low - LEAD_IN, high, coarseness, points)
    exact = steepest(network, trace, weights, low, high)
    window = steepest_window(network, trace, weights, 0.05, low, high)
    threshold = find_threshold(network, weights, low, high)
    return Numbers(
        exact.value,
        jnp.exp(exact.log_irradiance) / 1e3,
        window.value,
        jnp.exp(threshold.log_irradiance) / 1e3,
        threshold.slope_estimate,
        trace.outcome,
    )


def numbers(
    light: EmittingNetwork, band: str, window_kW: tuple[float, float], coarseness: float = 1.0, points: int = 128
) -> Numbers:
    """Everything about one band between two powers."""
    weights = light.weights(find_band(light.levels, band))
    return _read(light, weights, jnp.array(window_kW), jnp.asarray(coarseness), points)
