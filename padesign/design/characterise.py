"""What an experiment reads off one system: thresholds, gain, beam and batch averages, change with temperature."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from padesign.design.fixed import FixedDesign
from padesign.design.scene import JUDGE_COARSENESS, Hosts, Scene, solve_particle
from padesign.kinetics.light import Band, EmittingNetwork, find_band
from padesign.kinetics.particle_network import Conditions, Geometry, Signature, particle_model
from padesign.observables.beam import averaged_slope
from padesign.observables.conventions import Crossing, first_slope_above, gain, intersection_of_tangents, saturation
from padesign.observables.fluxes import Step
from padesign.observables.lifetime import dark_lifetime_s
from padesign.observables.nonlinearity import Steepest, WindowSlope, solve_on_sweep
from padesign.observables.response import Response, response
from padesign.observables.solution import Solution
from padesign.observables.traces import rise
from padesign.programs import program
from padesign.solve.stability import Threshold
from padesign.types import LogPopulations, Scalar

BATCH_POINTS = 512


class Readings(NamedTuple):
    """What is read off the curve of one band. `beam_slope` (points,) on the grid of `response`."""

    steepest: Steepest
    window: WindowSlope
    threshold: Threshold
    tangents: Scalar
    above: Crossing
    saturation: Crossing
    gain: tuple[Scalar, Scalar, Array]
    response: Response
    beam_slope: Float[Array, " points"]


@program(static_argnums=(1, 2, 3, 4))
def readings(solution: Solution, band: Band, window_decades: float, above: float, saturated: float) -> Readings:
    """Everything of one band under each convention, see `padesign.observables.conventions`."""
    steepest = solution.steepest(band)
    seen = response(solution, band)
    return Readings(
        steepest,
        solution.steepest_window(band, window_decades),
        solution.threshold(band),
        intersection_of_tangents(solution, band, steepest),
        first_slope_above(solution, band, above),
        saturation(solution, band, saturated),
        gain(solution, band),
        seen,
        averaged_slope(seen),
    )


@program()
def state_at(solution: Solution, log_irradiance: Scalar) -> LogPopulations:
    """The steady state at one power of the upward sweep."""
    return solve_on_sweep(solution.network, solution.trace, log_irradiance).log_populations


@program(static_argnums=(1,))
def dark_lifetimes_s(light: EmittingNetwork, bands: tuple[Band, ...]) -> Float[Array, " bands"]:
    """See `padesign.observables.lifetime`."""
    return jnp.stack([dark_lifetime_s(light, band) for band in bands])


@program(static_argnums=(0, 1, 2))
def by_temperature(
    signature: Signature,
    scene: Scene,
    labels: tuple[str, ...],
    geometry: Geometry,
    hosts: Hosts,
    conditions: Conditions,
    log_irradiance: Scalar,
) -> tuple[Float[Array, " bands"], Scalar]:
    """d ln(photons/s) / dT of every band at one power, and d ln(threshold) / dT of the first, in 1/K, both exact."""

    def numbers(temperature_K: Scalar) -> tuple[Array, Scalar]:
        at = conditions.warmed(temperature_K)
        solution = solve_particle(signature, geometry, hosts, at, scene, JUDGE_COARSENESS)
        bands = [find_band(solution.light.levels, label) for label in labels]
        return solution.log_photons_per_s(bands, log_irradiance), solution.threshold(bands[0]).log_irradiance

    one = jnp.ones_like(conditions.temperature_K)
    return jax.jvp(numbers, (conditions.temperature_K,), (one,))[1]


@program(static_argnums=(0, 1, 2))
def rise_by_temperature(
    signature: Signature,
    scene: Scene,
    label: str,
    geometry: Geometry,
    hosts: Hosts,
    conditions: Conditions,
    log_irradiance: Scalar,
    longest_s: Scalar,
) -> Float[Array, " fractions"]:
    """d ln(t10, t50, t90) / dT of a band after switching on, 1/K, exact through the integration."""

    def log_times(temperature_K: Scalar) -> Array:
        at = conditions.warmed(temperature_K)
        solution = solve_particle(signature, geometry, hosts, at, scene, JUDGE_COARSENESS)
        band = find_band(solution.light.levels, label)
        steady = jnp.exp(solution.log_photons_per_s([band], log_irradiance))
        weights = solution.light.weights(band)[None]
        return jnp.log(rise(solution.light, weights, jnp.exp(log_irradiance), steady, longest_s).time_s[:, 0])

    times, pull = jax.vjp(log_times, conditions.temperature_K)
    return jax.lax.map(lambda row: pull(row)[0], jnp.eye(times.size))


@program(static_argnums=(0, 1, 2))
def batch_response(
    signature: Signature,
    scene: Scene,
    label: str,
    thickness_nm: Float[Array, "samples layers"],
    fraction: Float[Array, "samples layers ions"],
    mixing_nm: Scalar,
    hosts: Hosts,
    conditions: Conditions,
) -> tuple[Float[Array, " points"], Float[Array, "samples points"]]:
    """ln I and ln photons per second of every particle of a batch, solved one after the other by one program."""

    def one(sample: tuple[Array, Array]) -> tuple[Array, Array]:
        made = Geometry(sample[0], sample[1], mixing_nm)
        solution = solve_particle(signature, made, hosts, conditions, scene, JUDGE_COARSENESS)
        seen = response(solution, find_band(solution.light.levels, label), BATCH_POINTS)
        return seen.log_irradiance, seen.log_photons_per_s

    grids, photons = jax.lax.map(one, (thickness_nm, fraction))
    return grids[0], photons


@program(static_argnums=(0,))
def _pair_constants(signature: Signature, geometry: Geometry, hosts: Hosts, conditions: Conditions) -> Array:
    return particle_model(signature).build(geometry, hosts, conditions)[1].C6_nm6_per_s


def transfer_weights(design: FixedDesign) -> dict[tuple[Step, Step], float]:
    """Pair constants in the first host by donor's and acceptor's step: how the parts of transfers belong together."""
    p = particle_model(design.signature).processes
    found = _pair_constants(design.signature, design.geometry, design.hosts, design.conditions)
    constants = np.asarray(found).tolist()
    donors = zip(p.donor.tolist(), p.donor_from.tolist(), p.donor_to.tolist(), strict=True)
    acceptors = zip(p.acceptor.tolist(), p.acceptor_from.tolist(), p.acceptor_to.tolist(), strict=True)
    return dict(zip(zip(donors, acceptors, strict=True), constants, strict=True))
