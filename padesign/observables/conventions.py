"""The thresholds, the gain and the saturation that the field reads off power curves, each under its own definition.

The conventions are those in use for photon avalanches: linear stability; the power of largest slope; the intersection
of the two straight lines on logarithmic axes (LuNASI group, `calc_threshold.m`); the first power where the local slope
exceeds a stated value (2 or 5); gain I(2P)/I(P); saturation where the slope has fallen back to a stated value. All are
read on a slow upward sweep and carry exact first derivatives.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool

from padesign.kinetics.light import Band
from padesign.observables.nonlinearity import (
    Steepest,
    log_emission,
    on_sweep,
    slope,
    solve_on_sweep,
    trace_slopes,
    upward_sweep,
)
from padesign.observables.solution import Solution
from padesign.solve.bracket import bracket_between
from padesign.solve.steady import attach_derivatives
from padesign.types import Scalar, ScalarLike

_STEPS = 24
_NODES = 8
"""Of Gauss's rule over the window of a line."""
_GRID = 1024
"""Powers at which the middle of a line is looked for."""
_CLOSE, _EQUAL = 0.1, 1e-6
"""How far (in ln I) the middle may lie from the best one of the grid, and from where it is found in the end."""
_NEWTON = 4
DOUBLING_DECADES = 0.3010299956639812
"""Width of the window from P to 2P."""


class Crossing(NamedTuple):
    """The power (ln of W cm^-2) at which something happens; without meaning where it does not `exist`."""

    log_irradiance: Scalar
    exists: Bool[Array, ""]


class Line(NamedTuple):
    """A straight line through a stretch of the curve: what is largest of it, its middle (ln I), whether both exist."""

    value: Scalar
    log_irradiance: Scalar
    exists: Bool[Array, ""]


def intersection_of_tangents(solution: Solution, band: Band, steepest: Steepest) -> Scalar:
    """ln I where the tangent at the lower end of the window meets the tangent at the steepest point, both on log axes.

    Without a derivative of the steepest point's location, which the intersection does not need (the tangent of an
    inflection turns about it).
    """
    network, weights = solution.network, solution.light.weights(band)
    frozen = jax.lax.stop_gradient(network)
    x0, x1 = jax.lax.stop_gradient((solution.log_irradiance_min, steepest.log_irradiance))
    low = attach_derivatives(network, solve_on_sweep(frozen, solution.trace, x0).log_populations, x0)
    y0, s0 = log_emission(weights, low), slope(network, weights, low, x0)
    y1, s1 = log_emission(weights, steepest.log_populations), steepest.value
    return ((y0 - s0 * x0) - (y1 - s1 * x1)) / (s1 - s0)


def steepest_line(solution: Solution, band: Band, window_decades: float) -> Line:
    """The steepest straight line through ln(emission) against ln I over a window, by least squares with even weights.

    So are slopes read off measured points. The line's slope is 12/w^3 times the integral of x y(x) over the window of
    width w about its middle, here by Gauss's rule.
    """
    width = window_decades * math.log(10.0)
    t, share = np.polynomial.legendre.leggauss(_NODES)
    return _largest(solution, band, 0.5 * width * t, 3.0 * share * t / width)


def doubling_of_lines(solution: Solution, band: Band, window_decades: float) -> Line:
    """Largest ln I_em(2P)/I_em(P) when either is the middle of a straight line over a window (its mean over it)."""
    width = window_decades * math.log(10.0)
    t, share = np.polynomial.legendre.leggauss(_NODES)
    offsets = 0.5 * width * t
    apart = 0.5 * math.log(2.0)
    return _largest(
        solution, band, np.concatenate([offsets - apart, offsets + apart]), 0.5 * np.concatenate([-share, share])
    )


def _largest(solution: Solution, band: Band, offsets: np.ndarray, parts: np.ndarray) -> Line:
    """The largest sum of parts * y(c + offsets) over c, y = ln(emission) on the upward sweep inside the window.

    The middle c is found on the interpolated curve and then by Newton's method on exact slopes, which also gives its
    derivative; the value needs none of c where it is largest inside. Curves that jump have no such lines.
    """
    network, weights = solution.network, solution.light.weights(band)
    frozen, fixed, trace = jax.lax.stop_gradient((network, weights, solution.trace))
    bright = jnp.exp(trace.log_populations) @ fixed
    rates = (_slopes(solution, band) * trace.tangent_log_irradiance)[:, None]
    low, high = jax.lax.stop_gradient((solution.log_irradiance_min, solution.log_irradiance_max))
    grid = jnp.linspace(low, high, _GRID)
    emission = jnp.log(bright + 1e-300)[:, None]
    y = jax.lax.map(lambda lam: on_sweep(trace, emission, rates, lam)[0], grid)
    middles = jnp.linspace(low - offsets[0], high - offsets[-1], _GRID)
    sums = jnp.interp(middles[:, None] + offsets, grid, y) @ parts
    at = middles[jnp.argmax(sums)]

    def look(lam: Scalar) -> tuple[Array, Scalar, Scalar]:
        """State, slope and its change at one power."""
        point = solve_on_sweep(frozen, trace, lam)
        along = (point.along_populations, jnp.ones_like(lam))
        steep, bend = jax.jvp(lambda u, x: slope(frozen, fixed, u, x), (point.log_populations, lam), along)
        return point.log_populations, steep, bend

    def nearer(_: Array, at: Scalar) -> Scalar:
        _, slopes, bends = jax.lax.map(look, at + offsets)
        first, second = slopes @ parts, bends @ parts
        usable = (second < 0.0) & (jnp.abs(first) < _CLOSE * jnp.abs(second))
        return at - jnp.where(usable, first / jnp.where(usable, second, 1.0), 0.0)

    at = jax.lax.fori_loop(0, _NEWTON, nearer, at)
    found, _, bends = jax.lax.map(look, at + offsets)

    def with_derivatives(u: Array, lam: Scalar) -> tuple[Scalar, Scalar]:
        attached = attach_derivatives(network, u, lam)
        return log_emission(weights, attached), slope(network, weights, attached, lam)

    values, slopes = jax.vmap(with_derivatives)(found, at + offsets)
    first, second = slopes @ parts, bends @ parts
    inside = (second < 0.0) & (jnp.abs(first) < _EQUAL * jnp.abs(second))
    moved = (first - jax.lax.stop_gradient(first)) / jnp.where(inside, second, 1.0)
    return Line(values @ parts, at - jnp.where(inside, moved, 0.0), inside & ~trace.has_fold)


def first_slope_above(solution: Solution, band: Band, level: ScalarLike) -> Crossing:
    """The first power of the window at which the local slope reaches `level`."""
    allowed = _inside(solution)
    above = allowed & (_slopes(solution, band) >= level)
    k = jnp.argmax(above)
    inside = jnp.any(above) & jnp.any(allowed & (jnp.arange(allowed.size) < k))
    return _crossing(solution, band, level, k - 1, k, inside, rising=True)


def saturation(solution: Solution, band: Band, level: ScalarLike = 2.0) -> Crossing:
    """The first power above the steepest point at which the local slope has fallen to `level`."""
    allowed = _inside(solution)
    slopes = jnp.where(allowed, _slopes(solution, band), -jnp.inf)
    top = jnp.argmax(slopes)
    below = allowed & (jnp.arange(slopes.size) > top) & (slopes <= level)
    k = jnp.argmax(below)
    return _crossing(solution, band, level, k - 1, k, jnp.any(below) & (slopes[top] > level), rising=False)


def gain(solution: Solution, band: Band, log_cap: Scalar | None = None) -> tuple[Scalar, Scalar, Bool[Array, ""]]:
    """Largest I(2P)/I(P), the P where it is (ln of W cm^-2), and whether the solves converged."""
    window = solution.steepest_window(band, DOUBLING_DECADES, log_cap)
    return 2.0**window.value, window.log_irradiance_low, window.converged


def half_emission(solution: Solution, band: Band, log_irradiance: Scalar) -> Crossing:
    """The power at which the emission is half of that at `log_irradiance`, on the sweep below it."""
    network, weights = solution.network, solution.light.weights(band)
    frozen, fixed = jax.lax.stop_gradient((network, weights))
    top = jax.lax.stop_gradient(log_irradiance)
    goal = log_emission(fixed, solve_on_sweep(frozen, solution.trace, top).log_populations) - jnp.log(2.0)
    low = solution.trace.log_irradiance[0]

    def value(lam: Scalar) -> Scalar:
        return goal - log_emission(fixed, solve_on_sweep(frozen, solution.trace, lam).log_populations)

    found = _fall(value, low, top)
    u_top = attach_derivatives(network, solve_on_sweep(frozen, solution.trace, top).log_populations, log_irradiance)
    u = attach_derivatives(network, solve_on_sweep(frozen, solution.trace, found).log_populations, found)
    excess = log_emission(weights, u_top) - jnp.log(2.0) - log_emission(weights, u)
    steep = jax.lax.stop_gradient(slope(frozen, fixed, u, found))
    at = found + (excess - jax.lax.stop_gradient(excess)) / steep
    return Crossing(at, jnp.abs(jax.lax.stop_gradient(excess)) < 1e-6)


def _inside(solution: Solution) -> Array:
    lam = solution.trace.log_irradiance
    within = (lam >= solution.log_irradiance_min) & (lam <= solution.log_irradiance_max)
    return upward_sweep(solution.trace) & within


def _slopes(solution: Solution, band: Band) -> Array:
    return trace_slopes(solution.trace, jax.lax.stop_gradient(solution.light.weights(band)))


def _crossing(
    solution: Solution, band: Band, level: ScalarLike, before: Array, after: Array, exists: Array, *, rising: bool
) -> Crossing:
    """Between two points of the trace: where the exact slope is `level`, with its derivative."""
    network, weights = solution.network, solution.light.weights(band)
    frozen, fixed = jax.lax.stop_gradient((network, weights))
    trace = solution.trace
    low, high = trace.log_irradiance[jnp.maximum(before, 0)], trace.log_irradiance[after]
    sign = 1.0 if rising else -1.0

    def state(lam: Scalar) -> Array:
        return solve_on_sweep(frozen, trace, lam).log_populations

    found = _fall(lambda lam: sign * (level - slope(frozen, fixed, state(lam), lam)), low, high)
    point = solve_on_sweep(frozen, trace, found)
    along = (point.along_populations, jnp.ones_like(found))
    bend = jax.jvp(lambda u, lam: slope(frozen, fixed, u, lam), (point.log_populations, found), along)[1]
    u = attach_derivatives(network, point.log_populations, found)
    here = slope(network, weights, u, found)
    at = found - (here - jax.lax.stop_gradient(here)) / jax.lax.stop_gradient(bend)
    return Crossing(at, exists)


def _fall(function, low: Scalar, high: Scalar) -> Scalar:  # type: ignore[no-untyped-def]
    """Where a function that is positive at `low` and negative at `high` is zero."""

    def look(k: Array, state: tuple) -> tuple:
        bracket, best, least = state
        at = bracket.next(k)
        value = function(at)
        better = jnp.abs(value) < least
        return bracket.narrowed(k, at, value), jnp.where(better, at, best), jnp.minimum(jnp.abs(value), least)

    start = (bracket_between(low, high), high, jnp.asarray(jnp.inf))
    return jax.lax.stop_gradient(jax.lax.fori_loop(0, _STEPS, look, start)[1])
