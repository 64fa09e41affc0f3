"""Where a bistable curve turns: the ends of its hysteresis."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from padesign.kinetics.light import Band
from padesign.kinetics.network import RateNetwork
from padesign.observables.bracket import Bracket, bracket_between
from padesign.observables.nonlinearity import log_emission, trace_slopes
from padesign.observables.solution import Solution
from padesign.solve.continuation import Trace
from padesign.solve.steady import Point, newton
from padesign.types import LogPopulations, Scalar

_STEPS = 10


class Folds(NamedTuple):
    """ln of the irradiance (W cm^-2) at which an upward sweep jumps and at which a downward one falls back.

    `log_contrast` is ln of the emission above over below at the geometric middle of the two; meaningful where `exist`.
    The two irradiances carry exact first derivatives, the contrast none with respect to the states.
    """

    log_up: Scalar
    log_down: Scalar
    log_contrast: Scalar
    exist: Bool[Array, ""]


def folds(solution: Solution, band: Band) -> Folds:
    """The first fold upward and the lowest after it.

    Cubics through the points of the trace and their tangents say between which points they are; the fold itself is
    found on the curve.
    """
    trace = solution.trace
    lam, along = trace.log_irradiance, trace.tangent_log_irradiance
    valid = trace.valid[:-1] & trace.valid[1:]
    turns_back = valid & (along[:-1] > 0.0) & (along[1:] <= 0.0)
    turns_on = valid & (along[:-1] < 0.0) & (along[1:] >= 0.0)
    up = jnp.argmax(turns_back)
    after = turns_on & (jnp.arange(turns_on.size) > up)
    down = jnp.argmin(jnp.where(after, jax.vmap(lambda k: _extreme(trace, k))(jnp.arange(turns_on.size)), jnp.inf))
    frozen = jax.lax.stop_gradient(solution.light.network)
    found = jax.lax.map(lambda k: _turning_point(frozen, trace, k), jnp.stack([up, down]))
    log_up, log_down = (
        _attached(solution.light.network, jax.tree.map(lambda part, k=k: part[k], found)) for k in (0, 1)
    )
    middle = jax.lax.stop_gradient(0.5 * (log_up + log_down))
    weights = solution.light.weights(band)
    emission = jax.vmap(lambda u: log_emission(weights, u))(trace.log_populations)
    slopes = trace_slopes(trace, weights)
    place = jnp.arange(lam.size)

    def at(first: Array, last: Array) -> Scalar:
        """Emission at the middle on the stretch of the trace from `first` to `last`, from its nearest point."""
        inside = trace.valid & (place >= first) & (place <= last)
        k = jnp.argmin(jnp.where(inside, jnp.abs(lam - middle), jnp.inf))
        return emission[k] + slopes[k] * (middle - lam[k])

    contrast = at(down + 1, trace.count - 1) - at(jnp.asarray(0), up)
    return Folds(log_up, log_down, contrast, jnp.any(turns_back) & jnp.any(after))


class _Turn(NamedTuple):
    """A point of the curve and the direction of the curve there, whose share along ln I is next to nothing."""

    log_populations: LogPopulations
    log_irradiance: Scalar
    along_populations: LogPopulations


def _turning_point(network: RateNetwork, trace: Trace, k: Array) -> _Turn:
    """Where the curve between the points k and k + 1 of the trace runs along no power."""
    ends = [jnp.append(trace.log_populations[j], trace.log_irradiance[j]) for j in (k, k + 1)]
    ways = [jnp.append(trace.tangent_populations[j], trace.tangent_log_irradiance[j]) for j in (k, k + 1)]
    apart = ends[1] - ends[0]
    n = network.n_unknowns
    arc = jnp.sqrt(jnp.mean(apart[:n] ** 2) + apart[n] ** 2)
    sign = jnp.sign(ways[0][n])

    def on_curve(s: Scalar) -> Point:
        """From the cubic at the share s of the way onto the curve, across its direction there."""
        two, three = 3.0 * apart - arc * (2.0 * ways[0] + ways[1]), arc * (ways[0] + ways[1]) - 2.0 * apart
        at = ends[0] + s * arc * ways[0] + s**2 * two + s**3 * three
        way = (1.0 - s) * ways[0] + s * ways[1]
        return newton(network, at[:n], at[n], way[:n], way[n])

    def look(j: Array, state: tuple[Bracket, Scalar, Scalar]) -> tuple[Bracket, Scalar, Scalar]:
        bracket, best, least = state
        s = bracket.next(j)
        bend = sign * on_curve(s).along_log_irradiance
        better = jnp.abs(bend) < least
        return bracket.narrowed(j, s, bend), jnp.where(better, s, best), jnp.minimum(jnp.abs(bend), least)

    start = (bracket_between(jnp.asarray(0.0), jnp.asarray(1.0)), jnp.asarray(0.5), jnp.asarray(jnp.inf))
    found = on_curve(jax.lax.fori_loop(0, _STEPS, look, start)[1])
    return _Turn(found.log_populations, found.log_irradiance, found.along_populations)


def _attached(network: RateNetwork, turn: _Turn) -> Scalar:
    """ln I of a fold with its exact derivative: -l.dF / l.(dF/d ln I) with l J = 0, from the bordered system."""
    u, lam, along = jax.lax.stop_gradient(turn)
    at = jax.lax.stop_gradient(network).linearise(u, lam)
    n = network.n_unknowns
    bordered = jnp.block([[at.jacobian, at.by_log_irradiance[:, None]], [along[None, :], jnp.zeros((1, 1))]])
    left = jnp.linalg.solve(bordered.T, jnp.zeros(n + 1).at[n].set(1.0))[:n]
    change = left @ network.residual(u, lam)
    return lam - (change - jax.lax.stop_gradient(change))


def _extreme(trace: Trace, k: Array) -> Scalar:
    """ln I where the cubic between the points k and k + 1 of the trace turns."""
    low, high = trace.log_irradiance[k], trace.log_irradiance[k + 1]
    apart = trace.log_populations[k + 1] - trace.log_populations[k]
    arc = jnp.sqrt(jnp.mean(apart**2) + (high - low) ** 2)
    a, b = arc * trace.tangent_log_irradiance[k], arc * trace.tangent_log_irradiance[k + 1]
    # The cubic is low + a s + two s^2 + three s^3; its derivative a + 2 two s + 3 three s^2 goes from a to b, whose
    # signs differ, so exactly one of its roots lies between the points.
    d = high - low
    two, three = 3.0 * d - 2.0 * a - b, a + b - 2.0 * d
    root = jnp.sqrt(jnp.maximum(two**2 - 3.0 * three * a, 0.0))
    sum_ = two + jnp.where(two >= 0.0, root, -root)
    near = -a / jnp.where(sum_ == 0.0, 1e-300, sum_)
    far = -sum_ / jnp.where(three == 0.0, 1e-300, 3.0 * three)
    s = jnp.where((near >= 0.0) & (near <= 1.0), near, far)
    return low + a * s + two * s**2 + three * s**3
