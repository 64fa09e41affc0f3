"""One steady state at one irradiance: damped Newton on the log balance, and its exact derivatives.

The derivative of a steady state with respect to anything is one linear solve (implicit function theorem); the iteration
itself is never differentiated.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from padesign.kinetics.network import FLOOR_per_s, RateNetwork
from padesign.types import Index, LogPopulations, Populations, Scalar

TOLERANCE = 1e-10
"""Largest residual of the log balance that counts as a steady state."""
_LARGEST_STEP = 2.0


class SteadyState(NamedTuple):
    """Logarithms of the populations, their slope d log p / d log I, the residual reached, Newton iterations used."""

    log_populations: LogPopulations
    slope: Populations
    residual: Scalar
    iterations: Index

    @property
    def converged(self) -> Bool[Array, ""]:
        return jnp.asarray(self.residual <= TOLERANCE)


def newton(
    network: RateNetwork, guess: LogPopulations, log_irradiance: Scalar, max_iterations: int = 60
) -> SteadyState:
    """Newton from `guess` with steps of at most 2 in log population; not differentiable, see `attach_derivatives`."""

    def step(state: SteadyState) -> SteadyState:
        u = state.log_populations
        at = network.linearise(u, log_irradiance)
        residual = jnp.max(jnp.abs(at.residual))
        solved = jnp.linalg.solve(at.jacobian, jnp.stack([at.residual, -at.by_log_irradiance], axis=1))
        delta = solved[:, 0]
        shrink = jnp.minimum(1.0, _LARGEST_STEP / (jnp.max(jnp.abs(delta)) + 1e-300))
        stay = (residual <= 0.01 * TOLERANCE) | ~jnp.all(jnp.isfinite(delta))
        return SteadyState(jnp.where(stay, u, u - shrink * delta), solved[:, 1], residual, state.iterations + 1)

    def unfinished(state: SteadyState) -> Array:
        return (state.iterations < max_iterations) & ~(state.residual <= 0.01 * TOLERANCE)

    start = SteadyState(guess, jnp.zeros_like(guess), jnp.asarray(jnp.inf), jnp.asarray(0))
    return jax.lax.while_loop(unfinished, step, start)


def attach_derivatives(network: RateNetwork, solution: LogPopulations, log_irradiance: Scalar) -> LogPopulations:
    """The same populations, with exact first derivatives with respect to the network and the irradiance.

    Implicit function theorem: du = -J^-1 dF. Forward and reverse mode; second derivatives are not attached.
    """
    u = jax.lax.stop_gradient(solution)
    frozen = jax.lax.stop_gradient(network)
    jacobian = frozen.linearise(u, jax.lax.stop_gradient(log_irradiance)).jacobian
    change = network.residual(u, log_irradiance)
    return u - jnp.linalg.solve(jacobian, change - jax.lax.stop_gradient(change))


def tangent(network: RateNetwork, u: LogPopulations, log_irradiance: Scalar) -> Populations:
    """d log p / d log I along the curve of steady states."""
    at = network.linearise(u, log_irradiance)
    return -jnp.linalg.solve(at.jacobian, at.by_log_irradiance)


def low_power_start(network: RateNetwork, log_irradiance: Scalar, sweeps: int = 3) -> LogPopulations:
    """Guess at low power: each ion's own chain among the others at rest, then a few sweeps with the others updated."""
    irradiance = jnp.exp(log_irradiance)
    p = pump_off_equilibrium(network)
    for _ in range(sweeps):
        p = jnp.concatenate([stationary_distribution(rates).ravel() for rates in network.rates_per_s(p, irradiance)])
    return jnp.log(p)


def pump_off_equilibrium(network: RateNetwork) -> Populations:
    """Populations in the dark: each ion alone with its own decay and thermal rates."""
    return jnp.concatenate([stationary_distribution(dark).ravel() for dark in network.dark])


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
        q = q.at[:, :, n].set(jnp.where(below, into, q[:, :, n]))
        return q + jnp.where(below[:, None] & below[None, :], into[:, :, None] * out[:, None, :], 0.0)

    def substitute(n: Array, p: Array) -> Array:
        value = jnp.sum(jnp.where(index < n, p * q[:, :, n], 0.0), axis=1)
        return p.at[:, n].set(value + FLOOR_per_s)

    q = jax.lax.fori_loop(0, levels - 1, eliminate, leave)
    p = jax.lax.fori_loop(1, levels, substitute, jnp.zeros(rates.shape[:2]).at[:, 0].set(1.0))
    return p / p.sum(axis=1, keepdims=True)
