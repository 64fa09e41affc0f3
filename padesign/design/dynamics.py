"""One system in time: switched on, pulsed, or scanned slowly up and down in power."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from padesign.kinetics.light import Band, EmittingNetwork
from padesign.observables.folds import Folds, folds
from padesign.observables.nonlinearity import states_on_sweep
from padesign.observables.solution import Solution
from padesign.observables.traces import EmissionTrace, Rise, emission_of, emission_trace, first_time_s, rise
from padesign.programs import program
from padesign.solve.profiles import Pulses, Ramp, Slope
from padesign.solve.steady import at_rest
from padesign.solve.transient import integrate
from padesign.types import LogPopulations, Populations, Scalar

_PER_PERIOD = 256
_PER_SCAN = 1024
_STRETCHES = 16
"""Parts of the way up, and of the way down."""
_LONGER = 10
"""Times that a rise is followed for longer before it is given up."""
_SETTLING = 0.05
"""Share of the way up in which the emission still rises from nothing."""
LONG = 65536
"""Steps that an integration may take."""


class PulseAnswer(NamedTuple):
    """The last period of a train: photons per second (times, bands) in it, mean populations over all of it."""

    times_s: Float[Array, " times"]
    photons_per_s: Float[Array, "times bands"]
    log_mean_populations: LogPopulations
    converged: Bool[Array, ""]


class DecayAnswer(NamedTuple):
    """A decay: the bands against time, the time to 1/e of the first value, the area over the first value (bands,)."""

    trace: EmissionTrace
    one_over_e_s: Float[Array, " bands"]
    mean_lifetime_s: Float[Array, " bands"]


class PairAnswer(NamedTuple):
    """Photons of the first and of the second of two equal pulses (bands,)."""

    first: Float[Array, " bands"]
    second: Float[Array, " bands"]
    converged: Bool[Array, ""]


class RampAnswer(NamedTuple):
    """A slow scan: irradiance (times,) in W cm^-2 and the emission of the bands; the second half is the way down."""

    irradiance_W_per_cm2: Float[Array, " times"]
    trace: EmissionTrace


def emission_weights(light: EmittingNetwork, bands: tuple[Band, ...]) -> Float[Array, "bands n_unknowns"]:
    """Photons per second of every band for each unknown at population 1."""
    return jnp.stack([light.weights(band) for band in bands])


@program(static_argnums=(1,))
def _switch_on(solution: Solution, bands: tuple[Band, ...], log_irradiance: Scalar, longest_s: Scalar) -> Rise:
    steady = jnp.exp(solution.log_photons_per_s(list(bands), log_irradiance))
    return rise(solution.light, emission_weights(solution.light, bands), jnp.exp(log_irradiance), steady, longest_s)


def switch_on(solution: Solution, bands: tuple[Band, ...], irradiance_W_per_cm2: float, shortest_s: float) -> Rise:
    """A rise followed until it is steady: from `shortest_s` on, ever three times as long.

    The wait is a matter of the build-up from the first few excited ions, which no rate about the steady state tells.
    """
    longest = shortest_s
    for _ in range(_LONGER):
        answer = _switch_on(solution, bands, jnp.log(irradiance_W_per_cm2), jnp.asarray(longest))
        if bool(jnp.all(answer.finished)):
            break
        longest *= 3.0
    return answer


@program(static_argnums=(1, 2))
def pulse_train(
    light: EmittingNetwork,
    bands: tuple[Band, ...],
    count: int,
    irradiance_W_per_cm2: Scalar,
    width_s: Scalar,
    period_s: Scalar,
) -> PulseAnswer:
    """From rest through `count` pulses; the last period is reported."""
    profile = Pulses(width_s, period_s, count)
    begin = (count - 1) * period_s
    # Half of the points while the light is on, half after it, where levels empty at rates that differ by orders.
    lit, dark = jnp.linspace(1e-4, 1.0, _PER_PERIOD // 2), jnp.geomspace(1e-5, 1.0, _PER_PERIOD // 2)
    within = jnp.concatenate([lit * width_s, width_s + dark * (period_s - width_s)])
    times = begin + jnp.maximum(within, 1e-9)
    start = at_rest(light.network)
    path = integrate(light.network, start, irradiance_W_per_cm2, times, profile=profile, max_steps=LONG)
    weights = emission_weights(light, bands)
    step = times[1:] - times[:-1]
    mean = step @ (0.5 * (path.populations[1:] + path.populations[:-1])) / jnp.sum(step)
    log_mean = jnp.log(jnp.maximum(mean, 1e-300))
    return PulseAnswer(times - begin, path.populations @ weights.T, log_mean, path.converged)


@program(static_argnums=(1,))
def decay(solution: Solution, bands: tuple[Band, ...], log_irradiance: Scalar, longest_s: Scalar) -> DecayAnswer:
    """Off at time 0 from the steady state of the upward sweep, followed for `longest_s`."""
    network = solution.light.network
    start = jnp.exp(states_on_sweep(network, solution.trace, log_irradiance[None])[0][0])
    times = longest_s * jnp.concatenate([jnp.zeros(1), jnp.geomspace(1e-6, 1.0, _PER_PERIOD)])
    trace = emission_trace(
        solution.light, emission_weights(solution.light, bands), jnp.asarray(0.0), times, start=start
    )
    first = trace.photons_per_s[0]
    fallen = trace._replace(photons_per_s=-trace.photons_per_s, photons_per_s2=-trace.photons_per_s2)
    step = times[1:] - times[:-1]
    area = step @ (0.5 * (trace.photons_per_s[1:] + trace.photons_per_s[:-1]))
    return DecayAnswer(trace, first_time_s(fallen, -first / jnp.e), area / first)


@program(static_argnums=(1,))
def paired_pulses(
    light: EmittingNetwork, bands: tuple[Band, ...], irradiance_W_per_cm2: Scalar, width_s: Scalar, pause_s: Scalar
) -> PairAnswer:
    """Two pulses from rest; each is counted while it is on."""
    profile = Pulses(width_s, width_s + pause_s, 2)
    share = jnp.linspace(0.0, 1.0, _PER_PERIOD)
    # Ascending times that stay clear of the jumps, where the light is not defined to the last bit.
    once = width_s * (1e-6 + (1.0 - 2e-6) * share)
    times = jnp.concatenate([once, width_s + pause_s + once])
    start = at_rest(light.network)
    path = integrate(light.network, start, irradiance_W_per_cm2, times, profile=profile, max_steps=LONG)
    photons = path.populations @ emission_weights(light, bands).T
    halves = [jnp.trapezoid(part, once, axis=0) for part in (photons[:_PER_PERIOD], photons[_PER_PERIOD:])]
    return PairAnswer(halves[0], halves[1], path.converged)


@program(static_argnums=(1,))
def ramp(
    light: EmittingNetwork, bands: tuple[Band, ...], lowest_W_per_cm2: Scalar, highest_W_per_cm2: Scalar, scan_s: Scalar
) -> RampAnswer:
    """From rest up in `scan_s` and down again, evenly in ln I."""
    profile = Ramp(lowest_W_per_cm2 / highest_W_per_cm2, scan_s)
    times = scan_s * jnp.linspace(1e-6, 2.0, 2 * _PER_SCAN)
    trace = emission_trace(light, emission_weights(light, bands), highest_W_per_cm2, times, profile, max_steps=LONG)
    return RampAnswer(highest_W_per_cm2 * jax.vmap(profile.share)(times), trace)


@program(static_argnums=(1,))
def _stretch(
    light: EmittingNetwork,
    bands: tuple[Band, ...],
    start: Populations,
    first_W_per_cm2: Scalar,
    last_W_per_cm2: Scalar,
    over_s: Scalar,
) -> tuple[RampAnswer, Populations]:
    """One stretch of a scan, and the state at its end."""
    profile = Slope(1.0, last_W_per_cm2 / first_W_per_cm2, over_s)
    count = _PER_SCAN // _STRETCHES
    times = over_s * jnp.arange(1, count + 1) / count
    path = integrate(light.network, start, first_W_per_cm2, times, profile=profile, max_steps=LONG)
    trace = emission_of(light, emission_weights(light, bands), path, first_W_per_cm2, profile)
    return RampAnswer(first_W_per_cm2 * jax.vmap(profile.share)(times), trace), path.populations[-1]


def ramp_in_stretches(
    light: EmittingNetwork,
    bands: tuple[Band, ...],
    lowest_W_per_cm2: float,
    highest_W_per_cm2: float,
    scan_s: float,
    done: Callable[[float], None],
) -> RampAnswer:
    """The same as `ramp`; `done` is told the share of the whole way after every stretch."""
    edges = np.geomspace(lowest_W_per_cm2, highest_W_per_cm2, _STRETCHES + 1)
    edges = np.concatenate([edges, edges[-2::-1]])
    state, parts = resting(light), []
    for k, ends in enumerate(itertools.pairwise(edges.tolist())):
        first, last = (jnp.asarray(end) for end in ends)
        part, state = _stretch(light, bands, state, first, last, jnp.asarray(scan_s / _STRETCHES))
        begin = k * scan_s / _STRETCHES
        parts.append(part._replace(trace=part.trace._replace(times_s=begin + part.trace.times_s)))
        done((k + 1) / (2 * _STRETCHES))
    traces = [part.trace for part in parts]
    return RampAnswer(
        jnp.concatenate([part.irradiance_W_per_cm2 for part in parts]),
        EmissionTrace(
            jnp.concatenate([one.times_s for one in traces]),
            jnp.concatenate([one.photons_per_s for one in traces]),
            jnp.concatenate([one.photons_per_s2 for one in traces]),
            jnp.all(jnp.stack([one.converged for one in traces])),
        ),
    )


@program()
def resting(light: EmittingNetwork) -> Populations:
    """See `padesign.solve.steady.at_rest`."""
    return at_rest(light.network)


@program(static_argnums=(1,))
def turning_points(solution: Solution, band: Band) -> Folds:
    """See `padesign.observables.folds.folds`."""
    return folds(solution, band)


def jumps(answer: RampAnswer, band: int) -> tuple[Scalar, Scalar, Bool[Array, ""]]:
    """ln of the irradiances at which the emission rises and falls fastest in time; whether the solve converged.

    Between reported times by the parabola through the three largest speeds.
    """
    half = answer.irradiance_W_per_cm2.size // 2
    log_photons = jnp.log(answer.trace.photons_per_s[:, band] + 1e-300)
    speed = log_photons[1:] - log_photons[:-1]
    power = jnp.log(answer.irradiance_W_per_cm2)
    middle = 0.5 * (power[1:] + power[:-1])
    place = jnp.arange(speed.size)

    def fastest(speeds: Array, allowed: Array) -> Scalar:
        k = jnp.clip(jnp.argmax(jnp.where(allowed, speeds, -jnp.inf)), 1, speeds.size - 2)
        left, here, right = jnp.log(jnp.maximum(speeds[k - 1], 1e-12)), jnp.log(speeds[k]), speeds[k + 1]
        right = jnp.log(jnp.maximum(right, 1e-12))
        bend = left - 2.0 * here + right
        shift = jnp.clip(0.5 * (left - right) / jnp.where(bend < 0.0, bend, -1.0), -0.5, 0.5)
        return middle[k] + shift * (middle[k + 1] - middle[k])

    up = fastest(speed, (place > _SETTLING * half) & (place < half - 1))
    down = fastest(-speed, place >= half)
    return up, down, answer.trace.converged
