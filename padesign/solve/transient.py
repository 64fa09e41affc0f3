"""Populations against time: diffrax integrates the same network, with gradients through the integration.

Kvaerno5 (stiff, L-stable) with a stated first step: an automatic one makes gradients NaN. The derivative is taken
through the steps (`RecursiveCheckpointAdjoint`); the implicit adjoint is wrong for conserved populations. The stages
are solved by a chord iteration with its own absolute tolerance: near a steady state the stages (step times rate) go to
zero while their rounding does not, and the solver that diffrax takes by default then rejects every second step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import optimistix as optx
from jaxtyping import Array, Bool, Float

from padesign.kinetics.network import RateNetwork
from padesign.solve.profiles import AbstractProfile, Constant
from padesign.types import Populations, Scalar

FIRST_STEP_s = 1e-9
MAX_STEPS = 4096
_STAGE_ABSOLUTE_TOLERANCE = 1e-8


class Beam(eqx.Module):
    """A beam beside the swept one: `pump[s]` (cells, levels, levels) in s^-1 per W cm^-2, as in `RateNetwork`."""

    pump: tuple[Float[Array, "cells levels levels"], ...]
    peak_W_per_cm2: Scalar
    profile: AbstractProfile


def lit(network: RateNetwork, beams: Sequence[Beam], time_s: Scalar) -> RateNetwork:
    """The network in the light of the further beams at one time."""
    dark = network.dark
    for beam in beams:
        irradiance = beam.peak_W_per_cm2 * beam.profile.share(time_s)
        dark = tuple(rates + irradiance * pump for rates, pump in zip(dark, beam.pump, strict=True))
    return eqx.tree_at(lambda one: one.dark, network, dark)


class Trajectory(NamedTuple):
    """Populations (times, n_unknowns) at `times_s`; `converged` is False when the step limit was reached."""

    times_s: Float[Array, " times"]
    populations: Float[Array, "times n_unknowns"]
    converged: Bool[Array, ""]


def integrate(
    network: RateNetwork,
    start: Populations,
    irradiance_W_per_cm2: Scalar,
    times_s: Float[Array, " times"],
    *,
    profile: AbstractProfile | None = None,
    beams: Sequence[Beam] = (),
    relative_tolerance: float = 1e-8,
    absolute_tolerance: float = 1e-14,
    max_steps: int = MAX_STEPS,
    adjoint: diffrax.AbstractAdjoint | None = None,
) -> Trajectory:
    """Integrate dp/dt from `start` at time 0 and report at `times_s` (ascending).

    The irradiance is constant, or the peak of a `profile`; `beams` shine beside it. No step crosses a jump of any.
    """
    shape = Constant() if profile is None else profile

    def field(t: Any, p: Populations, args: Any) -> Populations:
        return lit(network, beams, t).derivative_per_s(p, irradiance_W_per_cm2 * shape.share(t))

    every = [shape, *(beam.profile for beam in beams)]
    jumps = jax.lax.stop_gradient(jnp.sort(jnp.concatenate([one.jumps_s() for one in every])))
    # Steps end at the reported times, between which the interpolation is of lower order than the steps.
    steps = diffrax.ClipStepSizeController(
        diffrax.PIDController(rtol=relative_tolerance, atol=absolute_tolerance),
        step_ts=jax.lax.stop_gradient(times_s),
        jump_ts=jumps if jumps.size else None,
    )
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(field),
        diffrax.Kvaerno5(root_finder=optx.Chord(relative_tolerance, _STAGE_ABSOLUTE_TOLERANCE)),
        t0=0.0,
        t1=times_s[-1],
        dt0=jnp.minimum(FIRST_STEP_s, times_s[-1] * 1e-3),
        y0=start,
        saveat=diffrax.SaveAt(ts=times_s),
        stepsize_controller=steps,
        max_steps=max_steps,
        adjoint=diffrax.RecursiveCheckpointAdjoint() if adjoint is None else adjoint,
        throw=False,
    )
    return Trajectory(times_s, jnp.asarray(solution.ys), solution.result == diffrax.RESULTS.successful)
