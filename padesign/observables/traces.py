"""Emission against time, and the times that are read off it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from padesign.kinetics.light import EmittingNetwork
from padesign.solve.profiles import AbstractProfile
from padesign.solve.steady import at_rest
from padesign.solve.transient import Beam, Trajectory, integrate, lit
from padesign.types import Scalar, ScalarLike

FRACTIONS = (0.1, 0.5, 0.9)
RISE_POINTS = 192
_EARLIEST = 1e-6
"""First reported time of a rise, as a share of its length."""
_STEADY = 0.01
_HALVINGS = 40


class EmissionTrace(NamedTuple):
    """Photons per second (times, bands) at `times_s`, and their derivative with respect to time."""

    times_s: Float[Array, " times"]
    photons_per_s: Float[Array, "times bands"]
    photons_per_s2: Float[Array, "times bands"]
    converged: Bool[Array, ""]


class Rise(NamedTuple):
    """A switch-on: `time_s` (fractions, bands) until the emission reaches each of `FRACTIONS` of its steady value.

    `finished` (bands,): the last value is within a percent of the steady one; otherwise the wait was too short.
    """

    trace: EmissionTrace
    time_s: Float[Array, "fractions bands"]
    finished: Bool[Array, " bands"]


def emission_trace(
    light: EmittingNetwork,
    weights: Float[Array, "bands n_unknowns"],
    irradiance_W_per_cm2: Scalar,
    times_s: Float[Array, " times"],
    profile: AbstractProfile | None = None,
    start: Float[Array, " n_unknowns"] | None = None,
    max_steps: int = 16384,
    beams: Sequence[Beam] = (),
) -> EmissionTrace:
    """Integrate from the particle at rest (or `start`) and see the bands; differentiable through the integration."""
    first = at_rest(light.network) if start is None else start
    peak, course = irradiance_W_per_cm2, profile
    path = integrate(light.network, first, peak, times_s, profile=course, beams=beams, max_steps=max_steps)
    return emission_of(light, weights, path, irradiance_W_per_cm2, profile, beams)


def emission_of(
    light: EmittingNetwork,
    weights: Float[Array, "bands n_unknowns"],
    path: Trajectory,
    irradiance_W_per_cm2: Scalar,
    profile: AbstractProfile | None = None,
    beams: Sequence[Beam] = (),
) -> EmissionTrace:
    """What is seen of populations that were integrated in this light."""

    def speed(t: Scalar, p: Array) -> Array:
        share = jnp.asarray(1.0) if profile is None else profile.share(t)
        return lit(light.network, beams, t).derivative_per_s(p, irradiance_W_per_cm2 * share)

    change = jax.vmap(speed)(path.times_s, path.populations)
    return EmissionTrace(path.times_s, path.populations @ weights.T, change @ weights.T, path.converged)


def rise(
    light: EmittingNetwork,
    weights: Float[Array, "bands n_unknowns"],
    irradiance_W_per_cm2: Scalar,
    steady_photons_per_s: Float[Array, " bands"],
    longest_s: ScalarLike,
) -> Rise:
    """Switch on at time 0 from the particle at rest and wait `longest_s`; the steady emission is known beforehand."""
    times = longest_s * jnp.geomspace(_EARLIEST, 1.0, RISE_POINTS)
    trace = emission_trace(light, weights, irradiance_W_per_cm2, times)
    found = jnp.stack([first_time_s(trace, share * steady_photons_per_s) for share in FRACTIONS])
    finished = jnp.abs(trace.photons_per_s[-1] / steady_photons_per_s - 1.0) < _STEADY
    return Rise(trace, found, finished)


def first_time_s(trace: EmissionTrace, level: Float[Array, " bands"]) -> Float[Array, " bands"]:
    """The first time at which each band reaches `level` (bands,); the last time where it does not.

    Between reported times the emission is the cubic with its exact derivatives; the time carries exact derivatives
    (dt = -dI / (dI/dt) at fixed time).
    """

    def one(values: Array, speeds: Array, goal: Scalar) -> Scalar:
        times = trace.times_s
        above = values >= goal
        k = jnp.maximum(jnp.argmax(above), 1)
        t0, step = times[k - 1], times[k] - times[k - 1]

        def cubic(s: Scalar) -> Scalar:
            ends = (2 * s**3 - 3 * s**2 + 1) * values[k - 1] + (3 * s**2 - 2 * s**3) * values[k]
            return ends + step * ((s**3 - 2 * s**2 + s) * speeds[k - 1] + (s**3 - s**2) * speeds[k])

        def halve(_: Array, ends: tuple) -> tuple:
            low, high = ends
            middle = 0.5 * (low + high)
            below = cubic(middle) < goal
            return jnp.where(below, middle, low), jnp.where(below, high, middle)

        start = (jnp.asarray(0.0), jnp.asarray(1.0))
        at = jax.lax.stop_gradient(jax.lax.fori_loop(0, _HALVINGS, halve, start)[0])
        excess = cubic(at) - goal
        steep = jax.lax.stop_gradient(jax.grad(cubic)(at))
        refined = at - (excess - jax.lax.stop_gradient(excess)) / jnp.where(steep == 0.0, 1.0, steep)
        return jnp.where(jnp.any(above), t0 + step * refined, times[-1])

    return jax.vmap(one, in_axes=(1, 1, 0))(trace.photons_per_s, trace.photons_per_s2, level)
