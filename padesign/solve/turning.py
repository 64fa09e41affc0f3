"""Where a power curve turns back or on: a fold, found on the curve between two points of its trace."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from padesign.kinetics.network import AbstractNetwork
from padesign.solve.bracket import Bracket, bracket_between
from padesign.solve.continuation import Trace
from padesign.solve.steady import Point, eliminated, newton
from padesign.types import LogPopulations, Scalar

_STEPS = 10


class Turn(NamedTuple):
    """A point of the curve and the direction of the curve there, whose share along ln I is next to nothing."""

    log_populations: LogPopulations
    log_irradiance: Scalar
    along_populations: LogPopulations


def turns_back(trace: Trace) -> Bool[Array, " pairs"]:
    """Between which points (k and k + 1) the power stops to rise along the curve."""
    along = trace.tangent_log_irradiance
    return trace.valid[:-1] & trace.valid[1:] & (along[:-1] > 0.0) & (along[1:] <= 0.0)


def first_jump(network: AbstractNetwork, trace: Trace) -> Turn:
    """Where an upward sweep of a bistable curve jumps first."""
    return turning_point(network, trace, jnp.argmax(turns_back(trace)))


def no_jump(trace: Trace) -> Turn:
    """What stands for the jump of a curve that has none: one at infinite power."""
    nothing = jnp.zeros_like(trace.log_populations[0])
    return Turn(nothing, jnp.asarray(jnp.inf), nothing)


def turning_point(network: AbstractNetwork, trace: Trace, k: Array) -> Turn:
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

    def look(j: Array, state: tuple[Bracket, Turn, Scalar]) -> tuple[Bracket, Turn, Scalar]:
        bracket, best, least = state
        s = bracket.next(j)
        point = on_curve(s)
        bend = sign * point.along_log_irradiance
        here = Turn(point.log_populations, point.log_irradiance, point.along_populations)
        best = jax.tree.map(lambda new, old: jnp.where(jnp.abs(bend) < least, new, old), here, best)
        return bracket.narrowed(j, s, bend), best, jnp.minimum(jnp.abs(bend), least)

    none = Turn(jnp.full(n, jnp.nan), jnp.asarray(jnp.nan), jnp.full(n, jnp.nan))
    start = (bracket_between(jnp.asarray(0.0), jnp.asarray(1.0)), none, jnp.asarray(jnp.inf))
    return jax.lax.fori_loop(0, _STEPS, look, start)[1]


def attached(network: AbstractNetwork, turn: Turn) -> Scalar:
    """ln I of a fold with its exact derivative: -l.dF / l.(dF/d ln I) with l J = 0, from the bordered system."""
    u, lam, along = jax.lax.stop_gradient(turn)
    at = jax.lax.stop_gradient(network).linearise(u, lam)
    n = network.n_unknowns
    bordered = jnp.block([[at.jacobian, at.by_log_irradiance[:, None]], [along[None, :], jnp.zeros((1, 1))]])
    left = eliminated(bordered.T, jnp.eye(n + 1)[:, n:])[:n, 0]
    change = left @ network.residual(u, lam)
    return lam - (change - jax.lax.stop_gradient(change))
