"""The nonlinearity S = d log I_em / d log I of one emission band: exact at one power, and its mean over a window.

* Exact S: the largest slope on the up-going branch, found between the points of the trace by the exact second
  derivative. Infinite at a fold, therefore not reported for a bistable curve.
* Window S: the largest mean slope over a stated window of log irradiance on an upward sweep, jumps included; finite at
  a fold, and what an experiment with that resolution sees.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from padesign.kinetics.network import RateNetwork
from padesign.solve.continuation import Trace
from padesign.solve.steady import attach_derivatives, newton, tangent
from padesign.types import LogPopulations, Scalar, ScalarLike

_ROOT_STEPS = 12
_WINDOW_STEPS = 11
_HALVINGS = 40
_TINY = 1e-300

Weights = Float[Array, " n_unknowns"]
"""Photons per second of a band for each unknown at population 1."""


class Steepest(NamedTuple):
    """Largest exact slope `value` at `log_irradiance`; `inside` is False when it lies at an end of the window."""

    value: Scalar
    log_irradiance: Scalar
    log_populations: LogPopulations
    inside: Bool[Array, ""]


class WindowSlope(NamedTuple):
    """Largest mean slope `value` over a window; its two ends, and whether the solves there converged."""

    value: Scalar
    log_irradiance_low: Scalar
    log_irradiance_high: Scalar
    log_emission_low: Scalar
    log_emission_high: Scalar
    converged: Bool[Array, ""]


def log_emission(weights: Weights, u: LogPopulations) -> Scalar:
    """Natural logarithm of the photons per second of a band."""
    return jnp.log(jnp.sum(weights * jnp.exp(u)) + _TINY)


def slope(network: RateNetwork, weights: Weights, u: LogPopulations, log_irradiance: Scalar) -> Scalar:
    """Exact local slope d ln I_em / d ln I at a steady state."""
    bright = weights * jnp.exp(u)
    return jnp.sum(bright * tangent(network, u, log_irradiance)) / (jnp.sum(bright) + _TINY)


def trace_slopes(trace: Trace, weights: Weights) -> Float[Array, " points"]:
    """Exact slopes at the points of a trace (meaningless in its padding)."""
    bright = weights * jnp.exp(trace.log_populations)
    along = jnp.sum(bright * trace.tangent_populations, axis=1) / (jnp.sum(bright, axis=1) + _TINY)
    return along / trace.tangent_log_irradiance


def upward_sweep(trace: Trace) -> Bool[Array, " points"]:
    """Points that a slow upward sweep visits: further than every point before, and stable."""
    lam = jnp.where(trace.valid, trace.log_irradiance, -jnp.inf)
    before = jnp.concatenate([jnp.array([-jnp.inf]), jax.lax.cummax(lam)[:-1]])
    return trace.valid & (lam > before) & (trace.tangent_log_irradiance > 0.0)


def on_sweep(
    trace: Trace, values: Float[Array, "points n"], rates: Float[Array, "points n"], log_irradiance: Scalar
) -> Float[Array, " n"]:
    """A quantity on the upward sweep at any power of the trace, by cubic interpolation along the arc.

    `values` and `rates` (its derivative along the trace) are given at the points. Across a jump the upper branch is
    continued downward from the first point that the sweep visits. The arc and not the power is the variable, because
    the quantity has no derivative with respect to the power at a fold.
    """
    later = upward_sweep(trace) & (trace.log_irradiance >= log_irradiance)
    j = jnp.where(jnp.any(later), jnp.argmax(later), trace.count - 1)
    i = jnp.maximum(j - 1, 0)
    low, high = trace.log_irradiance[i], trace.log_irradiance[j]
    tangent_low, tangent_high = trace.tangent_log_irradiance[i], trace.tangent_log_irradiance[j]
    apart = trace.log_populations[j] - trace.log_populations[i]
    arc = jnp.sqrt(jnp.mean(apart**2) + (high - low) ** 2)
    usable = (high > low) & (tangent_low > 0.0) & (log_irradiance >= low)

    def halve(_: Array, bracket: tuple) -> tuple:
        a, b = bracket
        middle = 0.5 * (a + b)
        below = _cubic(middle, low, high, arc * tangent_low, arc * tangent_high) < log_irradiance
        return jnp.where(below, middle, a), jnp.where(below, b, middle)

    a, b = jax.lax.fori_loop(0, _HALVINGS, halve, (jnp.asarray(0.0), jnp.asarray(1.0)))
    inside = _cubic(0.5 * (a + b), values[i], values[j], arc * rates[i], arc * rates[j])
    beyond = values[j] + rates[j] / jnp.maximum(tangent_high, 1e-9) * (log_irradiance - high)
    return jnp.where(usable, inside, beyond)


def _cubic(s: Scalar, low: Array, high: Array, rate_low: Array, rate_high: Array) -> Array:
    """Cubic with values and derivatives given at s = 0 and 1."""
    at_ends = (2 * s**3 - 3 * s**2 + 1) * low + (3 * s**2 - 2 * s**3) * high
    return at_ends + (s**3 - 2 * s**2 + s) * rate_low + (s**3 - s**2) * rate_high


def guess_on_sweep(trace: Trace, log_irradiance: Scalar) -> LogPopulations:
    """Log populations on the upward sweep, interpolated; a start for Newton."""
    return on_sweep(trace, trace.log_populations, trace.tangent_populations, log_irradiance)


def states_on_sweep(
    network: RateNetwork, trace: Trace, log_irradiances: Float[Array, " powers"]
) -> tuple[Float[Array, "powers n_unknowns"], Float[Array, " powers"]]:
    """Steady states on the upward sweep with exact first derivatives attached, and the residuals reached."""
    frozen, trace = jax.lax.stop_gradient((network, trace))

    def solve(lam: Scalar) -> tuple[LogPopulations, Scalar]:
        state = newton(frozen, guess_on_sweep(trace, lam), lam)
        return state.log_populations, state.residual

    found, residuals = jax.lax.map(solve, jax.lax.stop_gradient(log_irradiances))
    return jax.vmap(attach_derivatives, in_axes=(None, 0, 0))(network, found, log_irradiances), residuals


def steepest(
    network: RateNetwork, trace: Trace, weights: Weights, log_irradiance_min: Scalar, log_irradiance_max: Scalar
) -> Steepest:
    """Largest exact slope on the upward sweep between two powers; the value carries exact first derivatives.

    Where the maximum lies inside, its location needs no derivative (envelope theorem).
    """
    frozen = jax.lax.stop_gradient(network)
    fixed_weights = jax.lax.stop_gradient(weights)
    lam = trace.log_irradiance
    allowed = upward_sweep(trace) & (lam >= log_irradiance_min) & (lam <= log_irradiance_max)
    at_points = jnp.where(allowed, trace_slopes(trace, fixed_weights), -jnp.inf)
    k = jnp.argmax(at_points)
    low = jnp.clip(lam[jnp.maximum(k - 1, 0)], log_irradiance_min, log_irradiance_max)
    high = jnp.clip(lam[jnp.minimum(k + 1, trace.count - 1)], log_irradiance_min, log_irradiance_max)

    def bend(point: Scalar) -> tuple[Scalar, Scalar]:
        """Slope and its derivative with respect to ln I."""
        state = newton(frozen, guess_on_sweep(trace, point), point)
        along = (state.slope, jnp.ones_like(point))
        return jax.jvp(lambda x, y: slope(frozen, fixed_weights, x, y), (state.log_populations, point), along)

    def shrink(_: Array, state: tuple) -> tuple:
        a, b, fa, fb, side = state
        middle = jnp.where(fa - fb == 0.0, 0.5 * (a + b), (a * fb - b * fa) / (fb - fa))
        middle = jnp.where(jnp.isfinite(middle), jnp.clip(middle, a, b), 0.5 * (a + b))
        value = bend(middle)[1]
        rising = value > 0.0
        return (
            jnp.where(rising, middle, a),
            jnp.where(rising, b, middle),
            jnp.where(rising, value, jnp.where(side == -1, 0.5 * fa, fa)),
            jnp.where(rising, jnp.where(side == 1, 0.5 * fb, fb), value),
            jnp.where(rising, 1, -1),
        )

    ends = jnp.stack([low, high, jnp.clip(lam[k], log_irradiance_min, log_irradiance_max)])
    heights, bends = jax.lax.map(bend, ends)
    fa, fb = bends[0], bends[1]
    inside = (fa > 0.0) & (fb < 0.0)
    a, b, fa, fb, _ = jax.lax.fori_loop(0, _ROOT_STEPS, shrink, (low, high, fa, fb, jnp.asarray(0)))
    root = jnp.where(jnp.abs(fa) < jnp.abs(fb), a, b)
    edge = ends[jnp.argmax(heights)]
    best = jax.lax.stop_gradient(jnp.where(inside, root, edge))
    u = states_on_sweep(network, trace, best[None])[0][0]
    return Steepest(slope(network, weights, u, best), best, u, inside)


def steepest_window(
    network: RateNetwork,
    trace: Trace,
    weights: Weights,
    window_decades: ScalarLike,
    log_irradiance_min: Scalar,
    log_irradiance_max: Scalar,
) -> WindowSlope:
    """Largest mean slope over `window_decades` on the upward sweep, the window inside the two powers.

    Coarse search on the interpolated trace, then a bracketed search for equal slopes at both ends, each end solved
    exactly. The value carries exact first derivatives (envelope theorem for the location).
    """
    frozen, fixed_weights = jax.lax.stop_gradient((network, weights))
    width = window_decades * jnp.log(10.0)
    last = log_irradiance_max - width

    bright = fixed_weights * jnp.exp(trace.log_populations)
    emission = jnp.log(jnp.sum(bright, axis=1) + _TINY)[:, None]
    along = (trace_slopes(trace, fixed_weights) * trace.tangent_log_irradiance)[:, None]

    def rough(low: Scalar) -> Scalar:
        return (on_sweep(trace, emission, along, low + width) - on_sweep(trace, emission, along, low))[0] / width

    points = jnp.where(upward_sweep(trace), trace.log_irradiance, log_irradiance_min)
    last = jnp.maximum(last, log_irradiance_min)
    starts = jnp.concatenate([points - share * width for share in (0.0, 0.25, 0.5, 0.75, 1.0)])
    starts = jnp.clip(starts, log_irradiance_min, last)
    values = jax.vmap(rough)(starts)
    k = jnp.argmax(values)
    a = jnp.maximum(starts[k] - 0.3 * width, log_irradiance_min)
    b = jnp.minimum(starts[k] + 0.3 * width, last)

    def end(lam: Scalar) -> tuple[Scalar, Scalar]:
        state = newton(frozen, guess_on_sweep(trace, lam), lam)
        bright = fixed_weights * jnp.exp(state.log_populations)
        slope_here = jnp.sum(bright * state.slope) / (jnp.sum(bright) + _TINY)
        return log_emission(fixed_weights, state.log_populations), slope_here

    def refine(k: Array, state: tuple) -> tuple:
        """Both ends of the bracket and its start first, then false position (Illinois) with bisections in between.

        Values near the top agree to rounding; the slopes at the ends tell them apart.
        """
        a, b, fa, fb, best, best_value, best_rise, side = state
        middle = (a * fb - b * fa) / jnp.where(fa == fb, 1.0, fb - fa)
        middle = jnp.where((fa > 0.0) & (fb < 0.0) & (k % 3 > 0), jnp.clip(middle, a, b), 0.5 * (a + b))
        low = jnp.where(k < 3, jnp.stack([a, b, start])[jnp.minimum(k, 2)], middle)
        emission, slopes = jax.lax.map(end, jnp.stack([low, low + width]))
        value, rise = (emission[1] - emission[0]) / width, slopes[1] - slopes[0]
        tie = jnp.abs(value - best_value) < 1e-9 * jnp.abs(value)
        better = jnp.where(tie, jnp.abs(rise) < best_rise, value > best_value)
        rising = rise > 0.0
        first, inner = k < 2, k >= 2
        return (
            jnp.where(inner & rising, low, a),
            jnp.where(inner & ~rising, low, b),
            jnp.where((inner & rising) | (k == 0), rise, jnp.where(inner & (side < 0), 0.5 * fa, fa)),
            jnp.where((inner & ~rising) | (k == 1), rise, jnp.where(inner & (side > 0), 0.5 * fb, fb)),
            jnp.where(better, low, best),
            jnp.where(better, value, best_value),
            jnp.where(better, jnp.abs(rise), best_rise),
            jnp.where(first, 0.0, jnp.where(rising, 1.0, -1.0)),
        )

    start, zero = starts[k], jnp.asarray(0.0)
    state = (a, b, zero, zero, start, jnp.asarray(-jnp.inf), zero, zero)
    low = jax.lax.fori_loop(0, _WINDOW_STEPS, refine, state)[4]
    ends = jax.lax.stop_gradient(jnp.stack([low, low + width]))
    states, residuals = states_on_sweep(network, trace, ends)
    below, above = log_emission(weights, states[0]), log_emission(weights, states[1])
    return WindowSlope((above - below) / width, ends[0], ends[1], below, above, jnp.max(residuals) <= 1e-8)
