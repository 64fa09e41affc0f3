"""The power curve without continuation: at each power of a grid, integrate with diffrax until nothing changes.

The independent way to the same curve, and the slow one: near threshold the slowest rate is 1 to 10 s^-1 against
1e7 s^-1 of relaxation. It goes up in power, each power starting from the state before, as an upward sweep in the
laboratory does, so it sees the lower branch of a bistable curve and its jump, and never the unstable branch.
"""

from __future__ import annotations

from typing import Any

import diffrax
import jax
import jax.numpy as jnp

from padesign.kinetics.network import RateNetwork
from padesign.solve.continuation import MAX_POINTS, Outcome, Trace
from padesign.solve.steady import low_power_start, tangent
from padesign.types import LogPopulations, Scalar

LONGEST_TIME_s = 1e4
SETTLED_residual = 1e-9
_MAX_STEPS = 8192


def settle(network: RateNetwork, start: LogPopulations, log_irradiance: Scalar) -> tuple[LogPopulations, Scalar]:
    """Log populations after integrating until the log balance is below 1e-9 (or 1e4 s), and the balance reached.

    The unknowns are log populations, du/dt = gain/p - loss, so that the smallest keep their relative accuracy.
    """
    irradiance = jnp.exp(log_irradiance)

    def field(t: Any, u: LogPopulations, args: Any) -> LogPopulations:
        p = jnp.exp(u)
        gain, loss = network.gain_loss(p, irradiance)
        return gain / p - loss

    def settled(t: Any, y: LogPopulations, args: Any, **_: object) -> jax.Array:
        return jnp.max(jnp.abs(network.residual(y, log_irradiance))) < SETTLED_residual

    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Kvaerno5(),
        t0=0.0,
        t1=LONGEST_TIME_s,
        dt0=1e-9,
        y0=start,
        saveat=diffrax.SaveAt(t1=True),
        stepsize_controller=diffrax.PIDController(rtol=1e-7, atol=1e-9),
        max_steps=_MAX_STEPS,
        event=diffrax.Event(settled),
        adjoint=diffrax.ForwardMode(),
        throw=False,
    )
    u = jnp.asarray(solution.ys)[-1]
    return u, jnp.max(jnp.abs(network.residual(u, log_irradiance)))


def settle_curve(
    network: RateNetwork, log_irradiance_start: Scalar, log_irradiance_end: Scalar, points: int = 96
) -> Trace:
    """The power curve on an even grid of log irradiance, as a `Trace` (padded to the length of a continuation)."""
    grid = jnp.linspace(log_irradiance_start, log_irradiance_end, points)
    n = network.n_unknowns

    def climb(u: LogPopulations, lam: Scalar) -> tuple[LogPopulations, tuple]:
        settled, residual = settle(network, u, lam)
        direction = tangent(network, settled, lam)
        norm = jnp.sqrt(jnp.sum(direction**2) / n + 1.0)
        return settled, (settled, direction / norm, 1.0 / norm, residual)

    _, (states, along, along_lam, residual) = jax.lax.scan(climb, low_power_start(network, grid[0]), grid)
    ok = jnp.all(jnp.isfinite(states)) & jnp.all(residual < 1e-6)

    def pad(x: jax.Array) -> jax.Array:
        return jnp.concatenate([x, jnp.broadcast_to(x[-1:], (MAX_POINTS - points, *x.shape[1:]))])

    return Trace(
        pad(grid),
        pad(states),
        pad(along_lam),
        pad(along),
        pad(residual),
        jnp.asarray(points),
        jnp.where(ok, Outcome.COMPLETE, Outcome.STEP_TOO_SHORT),
        jnp.asarray(0),
    )
