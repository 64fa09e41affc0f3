"""Several beams, each with a course in time of its own, and a beam whose power is modulated."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from padesign.design.dynamics import LONG, emission_weights
from padesign.design.scene import Hosts, Scene, build_particle_network
from padesign.kinetics.light import Band, EmittingNetwork
from padesign.kinetics.network import RateNetwork
from padesign.kinetics.particle_network import Conditions, Geometry, Signature
from padesign.observables.nonlinearity import states_on_sweep
from padesign.observables.solution import Solution
from padesign.observables.traces import EmissionTrace, emission_trace
from padesign.programs import program
from padesign.solve.profiles import AbstractProfile, Constant, Sine
from padesign.solve.settle import settle
from padesign.solve.steady import low_power_start
from padesign.solve.transient import Beam, integrate
from padesign.types import Populations, Scalar, ScalarLike

_PER_PERIOD = 128
_NOTHING_log_W_per_cm2 = -20.0

Pump = tuple[Float[Array, "cells levels levels"], ...]


class ModulationAnswer(NamedTuple):
    """The last of many periods, (bands,) each: mean photons per second, that over the steady emission at the mean
    irradiance, (largest - smallest)/(largest + smallest), lag of the first harmonic behind the light in degrees, and by
    which share the mean still differs from that of the period before."""

    mean_photons_per_s: Float[Array, " bands"]
    over_steady: Float[Array, " bands"]
    modulation: Float[Array, " bands"]
    lag_degrees: Float[Array, " bands"]
    drift: Float[Array, " bands"]
    converged: Bool[Array, ""]


@program(static_argnums=(1,))
def modulated(
    solution: Solution,
    bands: tuple[Band, ...],
    periods: ScalarLike,
    log_peak: Scalar,
    depth: Scalar,
    frequency_Hz: Scalar,
) -> ModulationAnswer:
    """From the steady state at the mean irradiance through `periods` of a sine: 1 - `depth` to 1 of the peak."""
    network = solution.light.network
    log_mean = log_peak + jnp.log(1.0 - 0.5 * depth)
    start = jnp.exp(states_on_sweep(network, solution.trace, log_mean[None])[0][0])
    phase = jnp.arange(1, 2 * _PER_PERIOD + 1) / _PER_PERIOD
    times = (periods - 2 + phase) / frequency_Hz
    path = integrate(network, start, jnp.exp(log_peak), times, profile=Sine(frequency_Hz, depth), max_steps=LONG)
    photons = path.populations @ emission_weights(solution.light, bands).T
    before, last = photons[:_PER_PERIOD], photons[_PER_PERIOD:]
    mean = jnp.mean(last, axis=0)
    turn = 2.0 * jnp.pi * phase[_PER_PERIOD:]
    lag = jnp.arctan2(-jnp.cos(turn) @ last, jnp.sin(turn) @ last)
    high, low = jnp.max(last, axis=0), jnp.min(last, axis=0)
    return ModulationAnswer(
        mean,
        mean / jnp.exp(solution.log_photons_per_s(list(bands), log_mean)),
        (high - low) / (high + low),
        jnp.degrees(lag),
        jnp.abs(jnp.mean(before, axis=0) / mean - 1.0),
        path.converged,
    )


@program(static_argnums=(0, 1))
def beams_apart(
    signature: Signature, scene: Scene, geometry: Geometry, hosts: Hosts, conditions: Conditions
) -> tuple[EmittingNetwork, tuple[Pump, ...]]:
    """The network with the further beams off, and what a unit of each of them pumps.

    The rates are linear in every irradiance, so that the pump is their derivative, without cancellation.
    """

    def shone_on(irradiances: Array) -> EmittingNetwork:
        at = eqx.tree_at(lambda one: one.beams_W_per_cm2, conditions, irradiances)
        return build_particle_network(signature, geometry, hosts, at, scene)

    off = jnp.zeros_like(conditions.beams_W_per_cm2)
    by_beam = jax.jacfwd(lambda irradiances: shone_on(irradiances).network.dark)(off)
    return shone_on(off), tuple(tuple(rates[..., b] for rates in by_beam) for b in range(off.size))


@program(static_argnums=(1,))
def beams_in_time(
    light: EmittingNetwork,
    bands: tuple[Band, ...],
    peak_W_per_cm2: Scalar,
    profile: AbstractProfile,
    beams: tuple[Beam, ...],
    times_s: Float[Array, " times"],
) -> EmissionTrace:
    """The bands while every beam follows its own profile; one with `Constant` has been on since long before time 0."""
    start = _before(light.network, peak_W_per_cm2, profile, beams)
    weights = emission_weights(light, bands)
    return emission_trace(light, weights, peak_W_per_cm2, times_s, profile, start, LONG, beams)


def _before(
    network: RateNetwork, peak_W_per_cm2: Scalar, profile: AbstractProfile, beams: tuple[Beam, ...]
) -> Populations:
    """The state in the light of the steady beams alone, as they have made it from rest."""
    dark = network.dark
    steady = [(beam.pump, beam.peak_W_per_cm2) for beam in beams if isinstance(beam.profile, Constant)]
    steady += [(network.pump, peak_W_per_cm2)] if isinstance(profile, Constant) else []
    for pump, irradiance in steady:
        dark = tuple(rates + irradiance * one for rates, one in zip(dark, pump, strict=True))
    shone_on = jax.lax.stop_gradient(eqx.tree_at(lambda one: one.dark, network, dark))
    nothing = jnp.asarray(_NOTHING_log_W_per_cm2)
    return jnp.exp(settle(shone_on, low_power_start(shone_on, nothing), nothing)[0])
