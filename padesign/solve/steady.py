"""One steady state at one irradiance: damped Newton on the log balance, and its exact derivatives.

The derivative of a steady state with respect to anything is one linear solve (implicit function theorem); the iteration
itself is never differentiated.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from padesign.kinetics.network import AbstractNetwork, FLOOR_per_s, RateNetwork
from padesign.types import Index, LogPopulations, Populations, Scalar, ScalarLike

TOLERANCE = 1e-10
"""Largest residual of the log balance that counts as a steady state."""
_LARGEST_STEP = 2.0
_MOST_SWEEPS = 100
_SETTLED_SWEEP = 0.01
_NOTHING_log_W_per_cm2 = -20.0
"""ln of an irradiance of 2 nW/cm^2, by which nothing is excited."""


class Point(NamedTuple):
    """A point of a power curve: logarithms of the populations and of the irradiance, the residual reached, iterations.

    `along_populations`, `along_log_irradiance`: direction of the curve, scaled so that its product with the tangent
    that was given to `newton` is 1; the slope d log p / d log I at fixed irradiance.
    """

    log_populations: LogPopulations
    log_irradiance: Scalar
    along_populations: Populations
    along_log_irradiance: Scalar
    residual: Scalar
    iterations: Index

    @property
    def converged(self) -> Bool[Array, ""]:
        return jnp.asarray(self.residual <= TOLERANCE)


def newton(
    network: AbstractNetwork,
    guess: LogPopulations,
    log_irradiance: Scalar,
    tangent_populations: Populations | None = None,
    tangent_log_irradiance: ScalarLike = 1.0,
    max_iterations: ScalarLike = 60,
) -> Point:
    """Newton from a guess in the plane through it that is normal to a tangent, by default at fixed irradiance.

    Steps are at most 2 in log population. Not differentiable, see `attach_derivatives`.
    """
    n = network.n_unknowns
    border = jnp.zeros(n) if tangent_populations is None else tangent_populations / n
    bottom = jnp.append(border, tangent_log_irradiance)[None, :]
    unit = np.eye(n + 1)[n]

    def step(point: Point) -> Point:
        u, lam = point.log_populations, point.log_irradiance
        at = network.linearise(u, lam)
        residual = jnp.max(jnp.abs(at.residual))
        bordered = jnp.concatenate(
            [jnp.concatenate([at.jacobian, at.by_log_irradiance[:, None]], axis=1), bottom], axis=0
        )
        right = jnp.stack([jnp.append(at.residual, 0.0), unit], axis=1)
        delta, along = eliminated(bordered, right).T
        longest = jnp.max(jnp.abs(delta))
        shrink = jnp.minimum(1.0, _LARGEST_STEP / (longest + 1e-300))
        stay = (residual <= 0.01 * TOLERANCE) | ~jnp.isfinite(longest)
        moved = jnp.where(stay, 0.0, shrink * delta)
        return Point(u - moved[:n], lam - moved[n], along[:n], along[n], residual, point.iterations + 1)

    def unfinished(point: Point) -> Array:
        hopeless = jnp.isnan(point.residual)
        return (point.iterations < max_iterations) & ~(point.residual <= 0.01 * TOLERANCE) & ~hopeless

    one, zero = jnp.asarray(1.0), jnp.asarray(0)
    start = Point(guess, jnp.asarray(log_irradiance, dtype=float), jnp.zeros(n), one, jnp.asarray(jnp.inf), zero)
    return jax.lax.while_loop(unfinished, step, start)


def attach_derivatives(network: AbstractNetwork, solution: LogPopulations, log_irradiance: Scalar) -> LogPopulations:
    """The same populations, with exact first derivatives with respect to the network and the irradiance.

    Implicit function theorem: du = -J^-1 dF. Forward and reverse mode; second derivatives are not attached.
    """
    u = jax.lax.stop_gradient(solution)
    frozen = jax.lax.stop_gradient(network)
    jacobian = frozen.linearise(u, jax.lax.stop_gradient(log_irradiance)).jacobian
    change = network.residual(u, log_irradiance)
    return u - jax.lax.custom_linear_solve(
        lambda x: jacobian @ x,
        change - jax.lax.stop_gradient(change),
        lambda _, right: eliminated(jacobian, right[:, None])[:, 0],
        lambda _, right: eliminated(jacobian.T, right[:, None])[:, 0],
    )


def eliminated(matrix: Float[Array, "n n"], right: Float[Array, "n columns"]) -> Float[Array, "n columns"]:
    """The solution of linear equations, without derivatives.

    By Gaussian elimination of the matrix with the right-hand sides beside it. Those that come later must be permuted
    as its rows were, by a loop that takes long to compile and a tenth of the time of the elimination to run.
    """
    n = matrix.shape[0]
    upper = jax.lax.linalg.lu(jnp.concatenate([matrix, right], axis=1))[0]
    return jax.lax.linalg.triangular_solve(upper[:, :n], upper[:, n:], left_side=True)


def tangent(network: AbstractNetwork, u: LogPopulations, log_irradiance: Scalar) -> Populations:
    """d log p / d log I along the curve of steady states."""
    at = network.linearise(u, log_irradiance)
    return -jnp.linalg.solve(at.jacobian, at.by_log_irradiance)


def low_power_start(network: AbstractNetwork, log_irradiance: Scalar) -> LogPopulations:
    """Guess at low power: each ion's own chain among the others at rest, then sweeps with the others updated.

    Sweeps end when no population changes by more than a percent: beams that stay on may bring a particle far from rest
    before the swept one does anything, and populations then build up over tens of sweeps. As warm as the surroundings.
    """
    irradiance, cold = jnp.exp(log_irradiance), network.cold

    def sweep(state: tuple[Array, Populations, Scalar]) -> tuple[Array, Populations, Scalar]:
        k, p, _ = state
        found = _alone(cold, p, jnp.where(k == 0, 0.0, irradiance))
        return k + 1, found, jnp.max(jnp.abs(jnp.log(found) - jnp.log(p)))

    def unfinished(state: tuple[Array, Populations, Scalar]) -> Array:
        k, _, change = state
        return (k < _MOST_SWEEPS) & ~(change < _SETTLED_SWEEP)

    start = (jnp.asarray(0), jnp.zeros(cold.n_unknowns), jnp.asarray(jnp.inf))
    found = jnp.log(jax.lax.while_loop(unfinished, sweep, start)[1])
    return jnp.pad(found, (0, network.n_unknowns - cold.n_unknowns))


def at_rest(network: RateNetwork) -> Populations:
    """The state without the swept beam, in which other ions and steady beams have done what they do; exact derivatives.

    The steady state of the lowest branch at an irradiance that does nothing; the equilibrium of every ion alone where
    the iteration does not reach it.
    """
    frozen, lam = jax.lax.stop_gradient(network), jnp.asarray(_NOTHING_log_W_per_cm2)
    found = newton(frozen, low_power_start(frozen, lam), lam)
    alone = pump_off_equilibrium(network)
    safe = jnp.where(found.converged, found.log_populations, jnp.log(jax.lax.stop_gradient(alone)))
    return jnp.where(found.converged, jnp.exp(attach_derivatives(network, safe, lam)), alone)


def pump_off_equilibrium(network: RateNetwork) -> Populations:
    """Populations in the dark: each ion alone with its own decay and thermal rates."""
    return _alone(network, jnp.zeros(network.n_unknowns), jnp.asarray(0.0))


def _alone(network: RateNetwork, others: Populations, irradiance_W_per_cm2: Scalar) -> Populations:
    """Each ion's own stationary populations with the populations of the others held; all ions in one elimination."""
    rates = network.rates_per_s(others, irradiance_W_per_cm2)
    most = max(one.shape[1] for one in rates)
    padded = [jnp.pad(one, ((0, 0), (0, most - one.shape[1]), (0, most - one.shape[1]))) for one in rates]
    found = stationary_distribution(jnp.concatenate(padded))
    cells = np.cumsum([0] + [one.shape[0] for one in rates])
    blocks = [found[cells[s] : cells[s + 1], : one.shape[1]] for s, one in enumerate(rates)]
    return jnp.concatenate([block.ravel() for block in blocks])


def stationary_distribution(rates: Float[Array, "cells levels levels"]) -> Float[Array, "cells levels"]:
    """Stationary distribution of each cell's Markov chain with rates [x, to, from], normalised to 1.

    Elimination without subtraction (Grassmann, Taksar, Heyman, Oper. Res. 33, 1107 (1985)): every entry keeps full
    relative accuracy, however small.
    """
    levels = rates.shape[1]
    index = jnp.arange(levels)
    leave = jnp.swapaxes(rates, 1, 2)

    def eliminate(step: Array, q: Array) -> Array:
        n = levels - 1 - step
        below = index < n
        out = jnp.where(below, q[:, n, :], 0.0)
        into = jnp.where(below, q[:, :, n], 0.0) / (out.sum(axis=1, keepdims=True) + FLOOR_per_s)
        q = jnp.where(below[:, None] & (index == n), into[:, :, None], q)
        return q + jnp.where(below[:, None] & below[None, :], into[:, :, None] * out[:, None, :], 0.0)

    def substitute(n: Array, p: Array) -> Array:
        value = jnp.sum(jnp.where(index < n, p * q[:, :, n], 0.0), axis=1)
        return jnp.where(index == n, value[:, None] + FLOOR_per_s, p)

    q = jax.lax.fori_loop(0, levels - 1, eliminate, leave)
    p = jax.lax.fori_loop(1, levels, substitute, jnp.zeros(rates.shape[:2]) + (index == 0))
    return p / p.sum(axis=1, keepdims=True)
