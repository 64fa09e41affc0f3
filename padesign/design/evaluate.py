"""One design simulated: every number that is reported of it, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padesign.design.compiled import solved
from padesign.design.fixed import FixedDesign
from padesign.design.problem import curve_columns
from padesign.design.scene import JUDGE_COARSENESS, Hosts, Scene, build_particle_network, check_hand_written
from padesign.design.tolerance import Scatter
from padesign.kinetics.light import Band, EmittingNetwork, visible_order
from padesign.kinetics.particle_network import Conditions, Geometry, Signature
from padesign.kinetics.text import TextNetwork
from padesign.observables.nonlinearity import Steepest, WindowSlope, log_emission, steepest, steepest_window
from padesign.observables.solution import (
    SCANNED_BEYOND_WINDOW,
    Solution,
    SteadyStateMethod,
    first_state,
    solve,
    threshold_limits,
)
from padesign.programs import program
from padesign.solve.continuation import Outcome
from padesign.solve.stability import Threshold, find_threshold

SHORTEST_nm, LONGEST_nm = 250.0, 2500.0
LEAST_SHARE = 0.02
"""Bands weaker than this share of their level's emission are not listed unless asked for."""


@dataclass(frozen=True)
class BandResult:
    """One emission band. `S` is exact, None where the curve jumps; `S_window` is the mean over `window_decades` on an
    upward sweep; `photons_per_s` at `photons_at_kW_per_cm2`, the upper end of the power window."""

    transition: str
    wavelength_nm: float | None
    S: float | None
    S_window: float
    window_decades: float
    S_at_kW_per_cm2: float
    photons_per_s: float
    photons_at_kW_per_cm2: float
    S_at_window_edge: bool
    """True when the slope is still rising at an end of the power window: the true maximum lies outside."""


@dataclass(frozen=True)
class Warmth:
    """How much warmer than its surroundings the particle is; None at a threshold that does not exist.

    `at_top` is the upper end of the power window. `hottest_K` along the whole curve inside the window, unstable parts
    included; above `rates_known_to_K` the rates are held.
    """

    rise_at_threshold_K: float | None
    rise_at_top_K: float
    heat_at_top_W: float
    top_kW_per_cm2: float
    hottest_K: float
    rates_known_to_K: float


@dataclass(frozen=True)
class Evaluation:
    """A simulated system. `outcome` is "ok" or says what failed; then the numbers are missing."""

    outcome: str
    threshold_kW_per_cm2: float | None
    threshold_scanned_to_kW_per_cm2: float
    bistable: bool
    slope_estimate: float | None
    ions_per_particle: dict[str, float]
    bands: tuple[BandResult, ...]
    curves: dict[str, dict[str, list[float]]]
    largest_residual: float
    notes: tuple[str, ...] = ()
    warmth: Warmth | None = None
    """None without self-heating."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@program(static_argnums=(1, 2))
def _measure(
    solution: Solution, bands: tuple[Band, ...], window_decades: float
) -> tuple[Steepest, WindowSlope, jax.Array, Threshold, tuple[jax.Array, jax.Array] | None]:
    weights = jnp.stack([solution.light.weights(band) for band in bands])

    def one(w: jax.Array) -> tuple[Steepest, WindowSlope]:
        network, trace = solution.network, solution.trace
        low, high = solution.log_irradiance_min, solution.log_irradiance_max
        return steepest(network, trace, w, low, high), steepest_window(network, trace, w, window_decades, low, high)

    exact, window = jax.lax.map(one, weights)
    threshold = solution.threshold(bands[0])
    powers = jnp.stack([threshold.log_irradiance, solution.log_irradiance_max])[0 if solution.light.heated else 1 :]
    states = solution.states(powers)
    photons = jnp.exp(jax.vmap(log_emission, in_axes=(0, None))(weights, states[-1]))
    return exact, window, photons, threshold, solution.warmth(states, powers)


def evaluate_solution(
    solution: Solution, labels: Sequence[str] | None = None, window_decades: float = 0.05
) -> Evaluation:
    """Read every reported number off a solved system; `labels` picks the bands, by default all that matter."""
    light = solution.light
    bands = [solution.band(x) for x in labels] if labels else visible_order(light, SHORTEST_nm, LONGEST_nm, LEAST_SHARE)
    trace = solution.trace
    ions = {ion: float(np.sum(held)) for (ion, _), held in zip(light.levels, light.ions_in_cell, strict=True)}
    outcome = Outcome(int(trace.outcome)).text
    if outcome != "ok" or not bands:
        reason = outcome if outcome != "ok" else "the system has no radiative transition"
        return Evaluation(reason, None, 0.0, False, None, ions, (), {}, float("inf"))
    measured = jax.tree.map(np.asarray, _measure(solution, tuple(bands), window_decades))
    exact, window, photons, threshold, warmth = measured
    bistable = bool(trace.has_fold)
    top = float(f"{float(np.exp(solution.log_irradiance_max) / 1e3):.12g}")
    results = []
    for k, band in enumerate(bands):
        wavelength = float(light.wavelength_nm(band))
        results.append(
            BandResult(
                band.label,
                wavelength if np.isfinite(wavelength) else None,
                None if bistable else float(exact.value[k]),
                float(window.value[k]),
                window_decades,
                float(np.exp(exact.log_irradiance[k]) / 1e3),
                float(photons[k]),
                top,
                not bool(exact.inside[k]) and not bistable,
            )
        )
    exists = bool(threshold.exists)
    lowest = float(threshold_limits(solution.log_irradiance_min, solution.log_irradiance_max)[0])
    notes = ()
    if exists and float(threshold.log_irradiance) <= lowest + 1e-6:
        exists, notes = False, ("no threshold: the system is unstable already without the swept beam",)
    valid = np.asarray(trace.valid)
    return Evaluation(
        "ok",
        float(np.exp(threshold.log_irradiance) / 1e3) if exists else None,
        SCANNED_BEYOND_WINDOW * top,
        bistable,
        float(threshold.slope_estimate) if exists and threshold.curvature_per_s > 0 else None,
        ions,
        tuple(results),
        {band.label: curve_columns(solution, band.label) for band in bands},
        float(np.max(np.asarray(trace.residual)[valid])),
        notes,
        None if warmth is None else warmth_of(solution, warmth[0], warmth[1], exists, top),
    )


def warmth_of(
    solution: Solution, rise_K: np.ndarray, heat_W: np.ndarray, threshold_exists: bool, top_kW_per_cm2: float
) -> Warmth | None:
    """From rise and heat at the threshold and at the upper end of the window; None without self-heating."""
    heated, trace = solution.light.heated, solution.trace
    if heated is None:
        return None
    inside = np.asarray(trace.valid & (trace.log_irradiance <= solution.log_irradiance_max))
    hottest = np.max(np.asarray(trace.log_populations)[inside, -1])
    return Warmth(
        float(rise_K[0]) if threshold_exists else None,
        float(rise_K[1]),
        float(heat_W[1]),
        top_kW_per_cm2,
        float(heated.temperature_K * np.exp(hottest)),
        float(heated.places_K[-1]),
    )


def solve_design(design: FixedDesign) -> Solution:
    """Solve a fixed design."""
    check_hand_written(design.signature, design.geometry, design.hosts, design.conditions, design.scene)
    return solved(*design)


def batch_curves(design: FixedDesign, label: str, scatter: Scatter) -> list[dict[str, list[float]]]:
    """Power curves of one band of the particles of a batch around a design; those without one are missing."""
    signature, scene, target, hosts, conditions = design
    solutions = (solved(signature, scene, made, hosts, conditions) for made in scatter.made(target))
    return [curve_columns(one, label) for one in solutions if int(one.trace.outcome) == Outcome.COMPLETE]


def threshold_kW_per_cm2(design: FixedDesign) -> float | None:
    """Threshold alone, without a power curve; None where there is none."""
    found = _threshold(*design)
    return float(np.exp(found.log_irradiance) / 1e3) if bool(found.exists) else None


@program(static_argnums=(0, 1))
def _threshold(
    signature: Signature, scene: Scene, geometry: Geometry, hosts: Hosts, conditions: Conditions
) -> Threshold:
    light = build_particle_network(signature, geometry, hosts, conditions, scene)
    low, high = (jnp.log(1e3 * end) for end in scene.irradiance_window_kW_per_cm2)
    network = light.network if light.heated is None else light.at(first_state(light, low))[0].network
    return find_threshold(network, jnp.ones(network.n_unknowns), *threshold_limits(low, high))


@program(static_argnums=(2,))
def _solve_light(light: EmittingNetwork, window: tuple[float, float], method: SteadyStateMethod) -> Solution:
    return solve(light, window[0], window[1], method=method, coarseness=JUDGE_COARSENESS)


def solve_text(network: TextNetwork, wavelength_nm: float, scene: Scene) -> Solution:
    """Solve a hand-written network."""
    return _solve_light(network.network(wavelength_nm), scene.irradiance_window_kW_per_cm2, scene.method)
