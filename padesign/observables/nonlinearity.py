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

from padesign.kinetics.network import AbstractNetwork
from padesign.solve.bracket import Bracket, bracket_between
from padesign.solve.continuation import Trace
from padesign.solve.steady import Point, attach_derivatives, newton, tangent
from padesign.solve.turning import attached, first_jump, no_jump, turns_back
from padesign.types import LogPopulations, Scalar, ScalarLike

_ROOT_STEPS = 12
_WINDOW_STEPS = 11
_HALVINGS = 40
_TINY = 1e-300
_BEYOND_JUMP = 1e-9
"""How far (in ln I) beyond a fold the upper branch is looked at."""

Weights = Float[Array, " n_unknowns"]
"""Photons per second of a band for each unknown at population 1."""


class Steepest(NamedTuple):
    """Largest exact slope `value` at `log_irradiance`; `inside` is False when it lies at an end of the window."""

    value: Scalar
    log_irradiance: Scalar
    log_populations: LogPopulations
    inside: Bool[Array, ""]


class WindowSlope(NamedTuple):
    """Largest mean slope `value` over a window; its two ends, and whether the solves there converged.

    `at_jump`: the window ends where the curve jumps, and only then the ends carry derivatives.
    """

    value: Scalar
    log_irradiance_low: Scalar
    log_irradiance_high: Scalar
    log_emission_low: Scalar
    log_emission_high: Scalar
    converged: Bool[Array, ""]
    at_jump: Bool[Array, ""]


def log_emission(weights: Weights, u: LogPopulations) -> Scalar:
    """Natural logarithm of the photons per second of a band."""
    return jnp.log(jnp.sum(weights * jnp.exp(u)) + _TINY)


def slope(network: AbstractNetwork, weights: Weights, u: LogPopulations, log_irradiance: Scalar) -> Scalar:
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


def solve_on_sweep(network: AbstractNetwork, trace: Trace, log_irradiance: Scalar) -> Point:
    """The steady state on the upward sweep at one power, without derivatives."""
    guess = on_sweep(trace, trace.log_populations, trace.tangent_populations, log_irradiance)
    return newton(network, guess, log_irradiance)


def states_on_sweep(
    network: AbstractNetwork, trace: Trace, log_irradiances: Float[Array, " powers"]
) -> tuple[Float[Array, "powers n_unknowns"], Float[Array, " powers"]]:
    """Steady states on the upward sweep with exact first derivatives attached, and the residuals reached."""
    frozen, trace, fixed = jax.lax.stop_gradient((network, trace, log_irradiances))
    found = jax.lax.map(lambda lam: solve_on_sweep(frozen, trace, lam), fixed)
    return _attached(network, found.log_populations, log_irradiances), found.residual


_attached = jax.vmap(attach_derivatives, in_axes=(None, 0, 0))


class _Best(NamedTuple):
    """The best candidate so far: larger `score` wins, `tie_break` (larger wins) where scores agree to rounding."""

    score: Scalar
    tie_break: Scalar
    log_irradiance: Scalar
    log_populations: Array
    residual: Scalar

    def or_better(self, other: _Best) -> _Best:
        tie = jnp.abs(other.score - self.score) <= 1e-9 * jnp.abs(self.score)
        better = jnp.where(tie, other.tie_break > self.tie_break, other.score > self.score)
        return jax.tree.map(lambda new, old: jnp.where(better, new, old), other, self)


def _nothing_yet(like: Array) -> _Best:
    none = jnp.asarray(-jnp.inf)
    return _Best(none, none, jnp.asarray(0.0), jnp.zeros_like(like), jnp.asarray(jnp.inf))


def steepest(
    network: AbstractNetwork, trace: Trace, weights: Weights, log_irradiance_min: Scalar, log_irradiance_max: Scalar
) -> Steepest:
    """Largest exact slope on the upward sweep between two powers; the value carries exact first derivatives.

    Where the maximum lies inside, its location needs no derivative (envelope theorem).
    """
    frozen, fixed_weights = jax.lax.stop_gradient((network, weights))
    lam = trace.log_irradiance
    allowed = upward_sweep(trace) & (lam >= log_irradiance_min) & (lam <= log_irradiance_max)
    at_points = jnp.where(allowed, trace_slopes(trace, fixed_weights), -jnp.inf)
    k = jnp.argmax(at_points)
    low = jnp.clip(lam[jnp.maximum(k - 1, 0)], log_irradiance_min, log_irradiance_max)
    high = jnp.clip(lam[jnp.minimum(k + 1, trace.count - 1)], log_irradiance_min, log_irradiance_max)
    middle = jnp.clip(lam[k], log_irradiance_min, log_irradiance_max)

    def look(k: Array, state: tuple[Bracket, _Best, _Best]) -> tuple[Bracket, _Best, _Best]:
        """One more solve: at both ends, at the best point of the trace, then where the slope stops to rise."""
        bracket, flattest, highest = state
        at = jnp.where(k == 2, middle, bracket.next(k))
        point = solve_on_sweep(frozen, trace, at)
        u = point.log_populations
        along = (point.along_populations, jnp.ones_like(at))
        height, bend = jax.jvp(lambda x, y: slope(frozen, fixed_weights, x, y), (u, at), along)
        here = _Best(-jnp.abs(bend), height, at, u, point.residual)
        edge = _Best(jnp.where(k < 3, height, -jnp.inf), height, at, u, point.residual)
        return bracket.narrowed(k, at, bend), flattest.or_better(here), highest.or_better(edge)

    nothing = _nothing_yet(trace.log_populations[0])
    start = (bracket_between(low, high), nothing, nothing)
    bracket, flattest, highest = jax.lax.fori_loop(0, 3 + _ROOT_STEPS, look, start)
    inside = bracket.encloses
    best = jax.tree.map(lambda a, b: jnp.where(inside, a, b), flattest, highest)
    u = attach_derivatives(network, best.log_populations, best.log_irradiance)
    return Steepest(slope(network, weights, u, best.log_irradiance), best.log_irradiance, u, inside)


def steepest_window(
    network: AbstractNetwork,
    trace: Trace,
    weights: Weights,
    window_decades: ScalarLike,
    log_irradiance_min: Scalar,
    log_irradiance_max: Scalar,
) -> WindowSlope:
    """Largest mean slope over `window_decades` on the upward sweep, the window inside the two powers.

    Coarse search on the interpolated trace, then a bracketed search for equal slopes at both ends, each end solved
    exactly; values near the top agree to rounding, and the slopes at the ends tell them apart. The value carries exact
    first derivatives (envelope theorem for the location).
    """
    frozen, fixed_weights = jax.lax.stop_gradient((network, weights))
    width = window_decades * jnp.log(10.0)
    last = jnp.maximum(log_irradiance_max - width, log_irradiance_min)

    bright = fixed_weights * jnp.exp(trace.log_populations)
    emission = jnp.log(jnp.sum(bright, axis=1) + _TINY)[:, None]
    along = (trace_slopes(trace, fixed_weights) * trace.tangent_log_irradiance)[:, None]
    points = jnp.where(upward_sweep(trace), trace.log_irradiance, log_irradiance_min)
    starts = jnp.concatenate([points - share * width for share in (0.0, 0.25, 0.5, 0.75, 1.0)])
    starts = jnp.clip(starts, log_irradiance_min, last)
    ends = jnp.stack([starts, starts + width])
    rough = jax.vmap(lambda lam: on_sweep(trace, emission, along, lam)[0])(ends.ravel()).reshape(ends.shape)
    start = starts[jnp.argmax(rough[1] - rough[0])]
    low = jnp.maximum(start - 0.3 * width, log_irradiance_min)
    high = jnp.minimum(start + 0.3 * width, last)

    jump = jax.lax.cond(trace.has_fold, lambda: first_jump(frozen, trace), lambda: no_jump(trace))
    to_jump = jump.log_irradiance + _BEYOND_JUMP - width
    inside = (to_jump >= log_irradiance_min) & (to_jump <= last)
    before = trace.log_irradiance[jnp.argmax(turns_back(trace))]

    def look_at(at: Array) -> tuple[_Best, Array]:
        """A window that starts there, and by how much the slope at its end exceeds that at its start."""
        found = jax.lax.map(lambda lam: solve_on_sweep(frozen, trace, lam), jnp.stack([at, at + width]))
        bright = fixed_weights * jnp.exp(found.log_populations)
        total = jnp.sum(bright, axis=1) + _TINY
        slopes = jnp.sum(bright * found.along_populations, axis=1) / total
        rise, bend = jnp.log(total[1] / total[0]), slopes[1] - slopes[0]
        return _Best(rise, -jnp.abs(bend), at, found.log_populations, jnp.max(found.residual)), bend

    def look(k: Array, state: tuple[Bracket, _Best, _Best]) -> tuple[Bracket, _Best, _Best]:
        """One more window: at both ends of the bracket, at its start, where both slopes are equal, then at a jump."""
        bracket, best, _ = state
        at = jnp.where(k == 2, start, bracket.next(k))
        # Between the last point before a fold and the fold itself the trace does not know of the lower branch.
        unseen = inside & (at + width > before) & (at < to_jump)
        here, bend = look_at(jnp.where(unseen | (k == _WINDOW_STEPS), to_jump, at))
        better = jax.tree.map(lambda old, new: jnp.where(k == _WINDOW_STEPS, old, new), best, best.or_better(here))
        return bracket.narrowed(k, at, bend), better, here

    nothing = _nothing_yet(trace.log_populations[:2])
    looks = _WINDOW_STEPS + inside.astype(int)
    _, best, held = jax.lax.fori_loop(0, looks, look, (bracket_between(low, high), nothing, nothing))
    is_held = inside & (held.score >= best.score)
    best = jax.tree.map(lambda a, b: jnp.where(is_held, a, b), held, best)
    # A window that ends where the curve jumps moves with the jump; at any other best place a move changes nothing.
    moved = jax.lax.cond(is_held, lambda: attached(network, jump), lambda: jnp.asarray(0.0))
    ends = jax.lax.stop_gradient(jnp.stack([best.log_irradiance, best.log_irradiance + width]))
    ends = ends + (moved - jax.lax.stop_gradient(moved))
    states = _attached(network, best.log_populations, ends)
    below, above = jax.vmap(log_emission, (None, 0))(weights, states)
    return WindowSlope((above - below) / width, ends[0], ends[1], below, above, best.residual <= 1e-8, is_held)
