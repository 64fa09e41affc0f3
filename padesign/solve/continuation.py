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
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from padesign.kinetics.network import AbstractNetwork
from padesign.solve.steady import TOLERANCE, low_power_start, newton
from padesign.types import Scalar, ScalarLike

MAX_POINTS = 256
_MAX_ATTEMPTS = 600
START_ITERATIONS = 200
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


def trace_curve(
    network: AbstractNetwork,
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
    start = low_power_start(network, log_irradiance_start)
    trace = Trace(
        jnp.full(max_points, log_irradiance_start, dtype=float),
        jnp.pad(start[None, :], ((0, max_points - 1), (0, 0))),
        jnp.asarray(np.eye(max_points)[0]),
        jnp.zeros((max_points, n)),
        jnp.zeros(max_points),
        jnp.asarray(0),
        jnp.asarray(-1),
        jnp.asarray(0),
    )

    def advance(state: _State) -> _State:
        trace, step, attempts = state
        first = trace.count == 0
        k = jnp.maximum(trace.count - 1, 0)
        u, lam = trace.log_populations[k], trace.log_irradiance[k]
        tu, tl = trace.tangent_populations[k], trace.tangent_log_irradiance[k]
        reach = jnp.where(tl > 0.2, (log_irradiance_end - lam) / jnp.maximum(tl, 0.2) * 1.02 + 1e-3, step)
        length = jnp.where(first, 0.0, jnp.minimum(step, jnp.maximum(reach, 0.02)))
        guess_u, guess_lam = u + length * tu, lam + length * tl
        patience = jnp.where(first, START_ITERATIONS, _CORRECTOR_ITERATIONS)
        new = newton(network, guess_u, guess_lam, tu, tl, patience)
        new_u, new_lam, worst = new.log_populations, new.log_irradiance, new.residual
        norm = jnp.sqrt(jnp.sum(new.along_populations**2) / n + new.along_log_irradiance**2)
        new_tu, new_tl = new.along_populations / norm, new.along_log_irradiance / norm
        miss = jnp.sqrt(jnp.mean((new_u - guess_u) ** 2) + (new_lam - guess_lam) ** 2)
        turn = jnp.sum(new_tu * tu) / n + new_tl * tl
        on_course = (miss < 6 * target) & (turn > 0.3)
        accept = (worst <= TOLERANCE) & (first | on_course) & jnp.all(jnp.isfinite(new_tu))
        over_fold = accept & ~first & (tl * new_tl < 0.0) & (jnp.abs(tl) > _FOLD_TANGENT)
        accept &= ~over_fold
        to_fold = 0.95 * length * jnp.abs(tl) / (jnp.abs(tl) + jnp.abs(new_tl))
        grow = jnp.clip(jnp.sqrt(target / (miss + 1e-12)), 0.35, 2.5)
        next_step = jnp.where(accept, jnp.minimum(length * grow, _LONGEST_STEP * coarseness), length * 0.4)
        next_step = jnp.where(over_fold, to_fold, jnp.where(first, step, next_step))

        def put(array: Array, value: Array) -> Array:
            row = jnp.where(accept, value, array[trace.count])
            return jax.lax.dynamic_update_index_in_dim(array, row, trace.count, 0)

        count = trace.count + accept
        outcome = jnp.where(accept & (new_lam >= log_irradiance_end), Outcome.COMPLETE, -1)
        outcome = jnp.where(first & ~accept, Outcome.NO_START, outcome)
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
                trace.newton_solves + new.iterations,
            ),
            next_step,
            attempts + 1,
        )

    state = _State(trace, jnp.asarray(_FIRST_STEP), jnp.asarray(0))
    return jax.lax.while_loop(lambda s: s.trace.outcome < 0, advance, state).trace
