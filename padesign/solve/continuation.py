"""The whole power curve: pseudo-arclength continuation of the log balance in (log populations, log irradiance).

The curve is followed by its arc length, so it passes folds: lower, unstable and upper branch come from one trace.
Steps are sized by how far the tangent predictor missed, so points gather where the curve bends (Allgower and Georg,
Introduction to Numerical Continuation Methods, SIAM 2003, chapters 2 and 6). A step over a fold is taken only from a
point close to it, so that an upward sweep knows to some 1e-5 where the jump is.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from padesign.kinetics.network import RateNetwork
from padesign.solve.steady import TOLERANCE, low_power_start, newton
from padesign.types import Populations, Scalar, ScalarLike

MAX_POINTS = 128
_MAX_ATTEMPTS = 600
_CORRECTOR_ITERATIONS = 7
_PREDICTOR_MISS = 0.05
_FIRST_STEP = 0.5
_LONGEST_STEP = 1.5
_SHORTEST_STEP = 1e-7
_FOLD_TANGENT = 0.005


class Outcome(IntEnum):
    """How a trace ended."""

    COMPLETE = 0
    NO_START = 1
    STEP_TOO_SHORT = 2
    TOO_MANY_POINTS = 3

    @property
    def text(self) -> str:
        return {
            Outcome.COMPLETE: "ok",
            Outcome.NO_START: "no steady state was found at the lowest power",
            Outcome.STEP_TOO_SHORT: "the power curve could not be followed to the highest power",
            Outcome.TOO_MANY_POINTS: f"the power curve needs more than {MAX_POINTS} points",
        }[self]


class Trace(NamedTuple):
    """Points along the curve of steady states, in the order they were found; rows from `count` on are padding.

    `log_irradiance`: ln(W cm^-2). `tangent_*`: unit tangent in the metric |du|^2 / n + |dlnI|^2; a negative
    `tangent_log_irradiance` marks the unstable branch between two folds. `residual`: largest log-balance residual.
    """

    log_irradiance: Float[Array, " points"]
    log_populations: Float[Array, "points n_unknowns"]
    tangent_log_irradiance: Float[Array, " points"]
    tangent_populations: Float[Array, "points n_unknowns"]
    residual: Float[Array, " points"]
    count: Int[Array, ""]
    outcome: Int[Array, ""]
    newton_solves: Int[Array, ""]

    @property
    def valid(self) -> Bool[Array, " points"]:
        return jnp.arange(self.log_irradiance.shape[0]) < self.count

    @property
    def has_fold(self) -> Bool[Array, ""]:
        return jnp.any(self.valid & (self.tangent_log_irradiance < 0.0))


class _State(NamedTuple):
    trace: Trace
    step: Scalar
    attempts: Int[Array, ""]


def _border(network: RateNetwork, u: Populations, lam: Scalar, tu: Populations, tl: Scalar) -> tuple[Array, Array]:
    """Residual of the log balance and the Jacobian bordered by the previous tangent."""
    at = network.linearise(u, lam)
    n = network.n_unknowns
    top = jnp.concatenate([at.jacobian, at.by_log_irradiance[:, None]], axis=1)
    bottom = jnp.concatenate([tu / n, tl[None]])[None, :]
    return at.residual, jnp.concatenate([top, bottom], axis=0)


def _corrected(
    network: RateNetwork, u: Populations, lam: Scalar, tu: Populations, tl: Scalar
) -> tuple[Populations, Scalar, Scalar, Populations, Scalar, Array]:
    """Newton in the plane through the predictor normal to the tangent; also the new unit tangent."""
    n = network.n_unknowns
    unit = jnp.zeros(n + 1).at[n].set(1.0)

    def step(state: tuple) -> tuple:
        u, lam, _, _, k = state
        residual, bordered = _border(network, u, lam, tu, tl)
        right = jnp.stack([jnp.append(residual, 0.0), unit], axis=1)
        solved = jnp.linalg.solve(bordered, right)
        delta, direction = solved[:, 0], solved[:, 1]
        worst = jnp.max(jnp.abs(residual))
        keep = worst <= 0.01 * TOLERANCE
        shrink = jnp.where(keep, 0.0, jnp.minimum(1.0, 1.0 / (jnp.max(jnp.abs(delta)) + 1e-300)))
        return u - shrink * delta[:n], lam - shrink * delta[n], worst, direction, k + 1

    def unfinished(state: tuple) -> Array:
        _, _, worst, _, k = state
        return (k < _CORRECTOR_ITERATIONS) & ~(worst <= 0.01 * TOLERANCE) & ~jnp.isnan(worst)

    start = (u, lam, jnp.asarray(1e300), jnp.append(tu, tl), jnp.asarray(0))
    u, lam, worst, direction, k = jax.lax.while_loop(unfinished, step, start)
    norm = jnp.sqrt(jnp.sum(direction[:n] ** 2) / n + direction[n] ** 2)
    return u, lam, worst, direction[:n] / norm, direction[n] / norm, k


def trace_curve(
    network: RateNetwork,
    log_irradiance_start: Scalar,
    log_irradiance_end: Scalar,
    coarseness: ScalarLike = 1.0,
    max_points: int = MAX_POINTS,
) -> Trace:
    """Follow the steady state from the low-power start to the first point at or beyond `log_irradiance_end`.

    `coarseness` below 1 asks for a smaller miss of the predictor and so for more points.
    """
    n = network.n_unknowns
    target = _PREDICTOR_MISS * coarseness**2
    first = newton(network, low_power_start(network, log_irradiance_start), log_irradiance_start, 200)
    du = first.slope
    norm = jnp.sqrt(jnp.sum(du**2) / n + 1.0)
    good = first.converged & jnp.all(jnp.isfinite(du))
    trace = Trace(
        jnp.full(max_points, log_irradiance_start, dtype=float),
        jnp.zeros((max_points, n)).at[0].set(first.log_populations),
        jnp.zeros(max_points).at[0].set(1.0 / norm),
        jnp.zeros((max_points, n)).at[0].set(du / norm),
        jnp.zeros(max_points).at[0].set(first.residual),
        jnp.where(good, 1, 0),
        jnp.where(good, -1, Outcome.NO_START),
        first.iterations,
    )

    def advance(state: _State) -> _State:
        trace, step, attempts = state
        k = trace.count - 1
        u, lam = trace.log_populations[k], trace.log_irradiance[k]
        tu, tl = trace.tangent_populations[k], trace.tangent_log_irradiance[k]
        reach = jnp.where(tl > 0.2, (log_irradiance_end - lam) / jnp.maximum(tl, 0.2) * 1.02 + 1e-3, step)
        length = jnp.minimum(step, jnp.maximum(reach, 0.02))
        guess_u, guess_lam = u + length * tu, lam + length * tl
        new_u, new_lam, worst, new_tu, new_tl, used = _corrected(network, guess_u, guess_lam, tu, tl)
        miss = jnp.sqrt(jnp.mean((new_u - guess_u) ** 2) + (new_lam - guess_lam) ** 2)
        turn = jnp.sum(new_tu * tu) / n + new_tl * tl
        accept = (worst <= TOLERANCE) & (miss < 6 * target) & (turn > 0.3) & jnp.all(jnp.isfinite(new_tu))
        over_fold = accept & (tl * new_tl < 0.0) & (jnp.abs(tl) > _FOLD_TANGENT)
        accept &= ~over_fold
        to_fold = 0.95 * length * jnp.abs(tl) / (jnp.abs(tl) + jnp.abs(new_tl))
        grow = jnp.clip(jnp.sqrt(target / (miss + 1e-12)), 0.35, 2.5)
        next_step = jnp.where(accept, jnp.minimum(length * grow, _LONGEST_STEP * coarseness), length * 0.4)
        next_step = jnp.where(over_fold, to_fold, next_step)
        at = jnp.where(accept, trace.count, max_points)

        def put(array: Array, value: Array) -> Array:
            return array.at[at].set(value, mode="drop")

        count = trace.count + accept
        outcome = jnp.where(accept & (new_lam >= log_irradiance_end), Outcome.COMPLETE, -1)
        outcome = jnp.where((outcome < 0) & (count >= max_points), Outcome.TOO_MANY_POINTS, outcome)
        outcome = jnp.where((outcome < 0) & (next_step < _SHORTEST_STEP), Outcome.STEP_TOO_SHORT, outcome)
        outcome = jnp.where((outcome < 0) & (attempts >= _MAX_ATTEMPTS), Outcome.STEP_TOO_SHORT, outcome)
        return _State(
            Trace(
                put(trace.log_irradiance, new_lam),
                put(trace.log_populations, new_u),
                put(trace.tangent_log_irradiance, new_tl),
                put(trace.tangent_populations, new_tu),
                put(trace.residual, worst),
                count,
                outcome,
                trace.newton_solves + used,
            ),
            next_step,
            attempts + 1,
        )

    state = _State(trace, jnp.asarray(_FIRST_STEP), jnp.asarray(0))
    return jax.lax.while_loop(lambda s: s.trace.outcome < 0, advance, state).trace
