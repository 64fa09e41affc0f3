"""Numbers that were read off measured files of one design, and the same numbers of the model."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np

from padesign.calibration.forward import AbstractForward, Fitted, Outcome
from padesign.calibration.schema import Measured
from padesign.calibration.system import FittedSystem, solve_fitted
from padesign.config.load import load_run_file
from padesign.design.scene import Scene
from padesign.errors import InputError
from padesign.kinetics.particle_network import Conditions, Geometry, Signature
from padesign.observables.conventions import (
    Line,
    doubling_of_lines,
    first_slope_above,
    intersection_of_tangents,
    steepest_line,
)
from padesign.observables.solution import Solution
from padesign.observables.traces import FRACTIONS, rise
from padesign.programs import program

SLOPE_ABOVE = 5.0
_LONGER = 30.0
"""A rise is followed for so many times the measured time."""
_LASERS_AGREE_nm = 2.0
_TEMPERATURES_AGREE_K = 2.0


@final
class MeasuredForward(AbstractForward):
    """All numbers of one design, from one solved curve.

    The error of the irradiance axis is added to that of thresholds. Several thresholds of one file (or S and gain, or
    several times) are one measurement read in several ways: their errors are widened by the root of their number.
    """

    def __init__(
        self, observations: Sequence[Measured], fitted: Fitted, folder: Path, irradiance_sigma_ln: float
    ) -> None:
        first = observations[0]
        if first.design is None:
            cure = "write `design: RUN_FILE` in the observation, or analyse with --design"
            raise InputError(f"`{first.kind}` of {first.source} does not say what was measured", cure=cure)
        file = folder / first.design
        run = load_run_file(file).run
        sources = ", ".join(dict.fromkeys(one.source for one in observations))
        super().__init__(run.name, sources, first.use)
        self._system = FittedSystem(run, fitted, file)
        self._kinds = tuple((one.kind, _detail(one)) for one in observations)
        self._at = [_irradiance(one) for one in observations]
        self._longest = [_LONGER * one.value for one in observations]
        for one in observations:
            self._agree(one)
        alike = Counter((one.source, _family(one)) for one in observations)
        self.labels = tuple(_label(one) for one in observations)
        self.units = tuple(one.unit for one in observations)
        self.ln_observed = np.log([one.value for one in observations])
        axis = np.array([irradiance_sigma_ln if _family(one) == "threshold" else 0.0 for one in observations])
        told = np.array([one.sigma_ln for one in observations])
        self.sigma_ln = np.hypot(told, axis) * np.sqrt([alike[one.source, _family(one)] for one in observations])
        self.at_least = np.zeros(len(observations), dtype=bool)

    def _agree(self, one: Measured) -> None:
        """Raises where the file names another laser or temperature than the design."""
        run, told = self._system.run, one.conditions
        pairs = (
            ("wavelength_nm", told.wavelength_nm, run.excitation.wavelength_nm, _LASERS_AGREE_nm),
            ("temperature_K", told.temperature_K, run.temperature_K, _TEMPERATURES_AGREE_K),
        )
        for name, measured, designed, within in pairs:
            if measured is not None and abs(measured - float(designed)) > within:  # type: ignore[arg-type]
                what = f"{one.source} was measured at {name} {measured:g}, its design {one.design} has {designed}"
                raise InputError(what, cure="give it a design with the conditions of the measurement")

    def traced(self, theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        return self._found(theta)[:2]

    def predict(self, theta: np.ndarray) -> Outcome:
        ln, by_theta, exists = self._found(jnp.asarray(theta))
        there = np.asarray(exists)
        flags = [f"no {name} on this curve" for name, found in zip(self.labels, there, strict=True) if not found]
        return Outcome(np.asarray(ln), np.asarray(by_theta), np.zeros((len(self.labels), 0)), tuple(flags))

    def _found(self, theta: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        one, design = self._system, self._system.design
        return _numbers(
            design.signature,
            design.scene,
            one.keys,
            (one.band, self._kinds),
            theta,
            design.geometry,
            one.values,
            one.carried,
            design.conditions,
            jnp.asarray(self._at),
            jnp.asarray(self._longest),
        )

    def covers(self) -> dict[str, Any]:
        return self._system.covers()


def _family(one: Measured) -> str:
    kind = one.kind.partition("_")[0]
    return "steepness" if kind in ("S", "gain") else kind


def _detail(one: Measured) -> float:
    """What a kind depends on beside the curve: its window, or the share that is reached."""
    if one.kind != "rise_time":
        return one.conditions.window_decades
    if one.conditions.fraction not in FRACTIONS:
        known = ", ".join(f"{share:g}" for share in FRACTIONS)
        raise InputError(f"`fraction` of {one.source} is {one.conditions.fraction:g}", cure=f"known: {known}")
    return one.conditions.fraction


def _irradiance(one: Measured) -> float:
    """ln(W cm^-2) at which a rise was seen."""
    if one.kind != "rise_time":
        return 0.0
    if one.conditions.irradiance_kW_per_cm2 is None:
        cure = "write `irradiance_kW_per_cm2` among its conditions"
        raise InputError(f"a rise time of {one.source} does not say at which irradiance it was seen", cure=cure)
    return math.log(1e3 * one.conditions.irradiance_kW_per_cm2)


def _label(one: Measured) -> str:
    if one.kind == "rise_time":
        return f"t{100.0 * one.conditions.fraction:g}"
    return f"S over {one.conditions.window_decades:g} decade" if one.kind == "S" else one.kind


@program(static_argnums=(0, 1, 2, 3))
def _numbers(
    signature: Signature,
    scene: Scene,
    keys: tuple[str, ...],
    wanted: tuple[str, tuple[tuple[str, float], ...]],
    theta: jax.Array,
    geometry: Geometry,
    values: tuple[dict[str, Any], ...],
    carried: jax.Array,
    conditions: Conditions,
    log_irradiance: jax.Array,
    longest_s: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """ln of every number (n,), derivatives by theta (n, keys), and which of them exist (n,)."""
    band, kinds = wanted

    def measure(theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        solution = solve_fitted(signature, scene, keys, theta, geometry, values, carried, conditions)
        widths = dict.fromkeys(detail for kind, detail in kinds if kind in ("S", "threshold_steepest"))
        lines = {width: steepest_line(solution, solution.band(band), width) for width in widths}
        found = [
            _number(solution, band, kind, detail, lines.get(detail), log_irradiance[k], longest_s[k])
            for k, (kind, detail) in enumerate(kinds)
        ]
        return jnp.stack([ln for ln, _ in found]), jnp.stack([there for _, there in found])

    ln, pull, exists = jax.vjp(measure, theta, has_aux=True)
    (by_theta,) = jax.lax.map(pull, jnp.eye(len(kinds)))
    return ln, by_theta, exists


def _number(
    solution: Solution,
    label: str,
    kind: str,
    detail: float,
    line: Line | None,
    log_irradiance: jax.Array,
    longest_s: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """ln of a number in the unit of the observation, and whether the curve has it."""
    band, to_kW = solution.band(label), math.log(1e3)
    match kind:
        case "S" if line is not None:
            return jnp.log(jnp.maximum(line.value, 1e-3)), line.exists
        case "threshold_steepest" if line is not None:
            return line.log_irradiance - to_kW, line.exists
        case "gain":
            doubled = doubling_of_lines(solution, band, detail)
            return doubled.value, doubled.exists
        case "threshold_tangents":
            return intersection_of_tangents(solution, band, solution.steepest(band)) - to_kW, ~solution.trace.has_fold
        case "threshold_slope_above_5":
            found = first_slope_above(solution, band, SLOPE_ABOVE)
            at = jnp.where(found.exists, found.log_irradiance, solution.log_irradiance_max)
            return at - to_kW, found.exists
        case "rise_time":
            log_steady = solution.log_photons_per_s([band], log_irradiance)
            weights = solution.light.weights(band)[None]
            seen = rise(solution.light, weights, jnp.exp(log_irradiance), jnp.exp(log_steady), longest_s)
            return jnp.log(seen.time_s[FRACTIONS.index(detail), 0]), seen.finished[0]
    raise ValueError(kind)
