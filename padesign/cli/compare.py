"""`padesign compare`: designs, the best designs of runs and measured power dependences side by side."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from padesign.cli import definitions
from padesign.cli.campaign import read_run
from padesign.cli.console import clean, emit, emit_json, number, say, shown, table, unit_suffix
from padesign.cli.definitions import calibration_note, set_line, sets_of
from padesign.cli.designs import layers_text, particle_of
from padesign.cli.evaluate import simulate
from padesign.config import load_run_file
from padesign.config.blocks.excitation import spot_irradiance_kW_per_cm2
from padesign.config.build import build_objective, build_particle, build_scene
from padesign.errors import InputError
from padesign.measured import analyse_power, read_measurement
from padesign.observables.read_off import read_off, slope_over, upward_sweep
from padesign.parameters import ParameterSet
from padesign.recipe.escape import cell
from padesign.report.comparison_figure import ComparedCurve, comparison_figure
from padesign.search import RunFolder, rank
from padesign.search.journal import has_result
from padesign.search.runfolder import write_text

_POWERS = ("threshold_steepest", "threshold_tangents", "threshold_slope_above_5", "saturation")
COLUMNS: dict[str, tuple[str, str, str]] = {
    "S_over": ("S over {window:g} decade", "1", "largest mean slope over {window:g} decade on an upward sweep"),
    "S_exact": ("S (exact)", "1", definitions.S),
    "threshold": ("threshold, linear stability", "kW/cm^2", definitions.THRESHOLD),
    "threshold_steepest": ("threshold, steepest", "kW/cm^2", "irradiance at which the local slope is largest"),
    "threshold_tangents": (
        "threshold, tangents",
        "kW/cm^2",
        "where the tangent at the lower end (measured: the line through the points before the rise) meets the steepest",
    ),
    "threshold_slope_above_5": ("threshold, slope above 5", "kW/cm^2", "first irradiance at which the slope reaches 5"),
    "gain": ("gain I(2P)/I(P)", "1", "largest I(2P)/I(P)"),
    "saturation": ("saturation", "kW/cm^2", "first irradiance above the steepest at which the slope has fallen to 2"),
    "photons_per_s": (
        "brightness at {top:.3g} kW/cm²",
        "photons/s",
        "photons of the band per second and particle (hand-written network: ion), at the highest irradiance all have",
    ),
    "diameter_nm": ("diameter", "nm", definitions.DIAMETER),
}
"""What is compared: label, unit and definition of each number."""


@dataclass(frozen=True)
class Compared:
    """One column of the comparison. `intervals` hold the ends of 95 % intervals of measured numbers."""

    label: str
    kind: str
    what: str
    numbers: Mapping[str, float | None]
    curve: ComparedCurve
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sets: tuple[ParameterSet, ...] = ()


def compare(
    sources: Sequence[Path],
    column: str | None,
    window_decades: float,
    spot_fwhm_um: float | None,
    as_json: bool,
    out: Path | None,
) -> int:
    """Print the table; write comparison.csv and the figure into `out`."""
    if len(sources) < 2:
        raise InputError("there is nothing to compare with", cure="name two or more designs, runs or measured files")
    for source in sources:  # told before any of them is computed
        if not source.exists():
            raise InputError("does not exist", cure="check the path", file=str(source))
    found: list[Compared] = []
    for source in sources:
        one = _read(source, column, window_decades, spot_fwhm_um)
        taken = [other.label for other in found]
        label = one.label if one.label not in taken else f"{one.label} ({len(found) + 1})"
        found.append(replace(one, label=label, curve=one.curve._replace(label=label)))
    top = _common_top(found)
    found = [_with_brightness(one, top) for one in found]
    if as_json:
        emit_json(_record(found, window_decades, top))
    else:
        _print(found, window_decades, top)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "comparison.csv", _csv(found, window_decades, top))
        say(f"table: {shown(out / 'comparison.csv')}")
        say(f"figure: {shown(comparison_figure([one.curve for one in found], out / 'curves').png)}")
    return 0


def _read(source: Path, column: str | None, window: float, spot_fwhm_um: float | None) -> Compared:
    if source.is_dir():
        return _run(source, window)
    if source.suffix.lower() in (".yaml", ".yml"):
        return _design(source, window)
    return _measured(source, column, window, spot_fwhm_um)


def _design(file: Path, window: float) -> Compared:
    loaded = load_run_file(file)
    run = loaded.run
    result, sets = simulate(loaded)
    if result.outcome != "ok":
        raise InputError(f"gives no curve: {result.outcome}", file=str(file))
    band = result.bands[0]
    particle = None if run.network is not None else build_particle(run)
    numbers = {
        "S_exact": band.S,
        "threshold": result.threshold_kW_per_cm2,
        "diameter_nm": None if particle is None else particle.diameter_nm,
    }
    what = f"{band.transition}: " + ("hand-written network" if particle is None else layers_text(particle))
    low_high = build_scene(run).irradiance_window_kW_per_cm2
    return _simulated(run.name, "design", what, numbers, result.curves[band.transition], low_high, window, sets)


def _run(path: Path, window: float) -> Compared:
    folder = RunFolder.open(path)
    run = read_run(folder)
    records = [one for one in rank(folder.read_trials(), build_objective(run).maximise) if has_result(one.candidate)]
    if not records or not records[0].candidate.curve:
        raise InputError(f"the run {shown(path)} has no feasible design with a curve", cure="let it finish first")
    best = records[0]
    metrics, particle = best.candidate.metrics, particle_of(best.candidate)
    numbers = {
        "S_exact": metrics.get("S_exact"),
        "threshold": metrics.get("threshold_kW_per_cm2"),
        "diameter_nm": particle.diameter_nm,
    }
    what = f"best design, trial {best.number}: {layers_text(particle)}"
    low_high = build_scene(run).irradiance_window_kW_per_cm2
    sets = sets_of(run, [layer.host for layer in particle.layers])
    return _simulated(folder.name, "run", what, numbers, best.candidate.curve, low_high, window, sets)


def _simulated(
    label: str,
    kind: str,
    what: str,
    numbers: Mapping[str, float | None],
    curve: Mapping[str, Sequence[float]],
    low_high: tuple[float, float],
    window: float,
    sets: Sequence[ParameterSet],
) -> Compared:
    sweep = upward_sweep(curve, *low_high)
    power = np.exp(sweep.log_power)
    drawn = ComparedCurve(
        label, power[::10], np.exp(sweep.log_photons[::10]), np.zeros(0), power[::10], sweep.slope[::10]
    )
    read = {**read_off(sweep)._asdict(), "S_over": slope_over(sweep, window)}
    return Compared(label, kind, what, {**numbers, **read}, drawn, sets=tuple(sets))


def _measured(file: Path, column: str | None, window: float, spot_fwhm_um: float | None) -> Compared:
    data = read_measurement(file, column)
    if data.kind != "power":
        raise InputError(
            "is a time trace, which has no power dependence", cure="padesign analyse reads it", file=str(file)
        )
    result = analyse_power(data, window)
    scale, notes = 1.0, list(result.remarks)
    if result.unit != "kW/cm^2":
        if spot_fwhm_um is None:
            raise InputError(
                f"has laser powers in {result.unit}, which no design can be compared with",
                cure="give the spot: --spot-fwhm-um",
                file=str(file),
            )
        scale = spot_irradiance_kW_per_cm2(1.0, spot_fwhm_um)
        notes.append(f"peak irradiance of a Gaussian spot of {spot_fwhm_um:g} um: 1 mW is {number(scale)} kW/cm²")
    numbers: dict[str, float | None] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for key, one in result.numbers.items():
        name, factor = ("S_over" if key == "S" else key), (scale if key in _POWERS else 1.0)
        numbers[name] = None if one.value is None else factor * one.value
        if one.low is not None and one.high is not None:
            intervals[name] = (factor * one.low, factor * one.high)
    good = result.used
    curve = ComparedCurve(
        file.stem,
        scale * result.power[good],
        result.signal[good],
        result.sigma[good],
        scale * result.slope_at,
        result.slope,
    )
    return Compared(file.stem, "measured", file.name, numbers, curve, intervals, tuple(notes))


# ---------------------------------------------------------------------------------------------------------- output
def _common_top(found: Sequence[Compared]) -> float:
    """Highest irradiance that all simulated curves have; infinite where nothing is simulated."""
    tops = [one.curve.power.max() for one in found if not one.curve.measured]
    return float(min(tops, default=math.inf))


def _with_brightness(one: Compared, top: float) -> Compared:
    if one.curve.measured:
        return one
    log_photons = np.interp(math.log(top), np.log(one.curve.power), np.log(one.curve.emission))
    return replace(one, numbers={**one.numbers, "photons_per_s": math.exp(log_photons)})


def _columns(found: Sequence[Compared], window: float, top: float) -> dict[str, tuple[str, str, str]]:
    """Those that at least one of the compared has."""
    return {
        key: (label.format(window=window, top=top), unit, definition.format(window=window))
        for key, (label, unit, definition) in COLUMNS.items()
        if any(one.numbers.get(key) is not None for one in found)
    }


def _print(found: Sequence[Compared], window: float, top: float) -> None:
    used = _columns(found, window, top)
    rows = []
    for key, (label, unit, _) in used.items():
        cells = []
        for one in found:
            value, ends = one.numbers.get(key), one.intervals.get(key)
            between = "" if ends is None or value is None else f" ({number(ends[0])} to {number(ends[1])})"
            cells.append(f"{number(value, 4)}{between}")
        rows.append([f"{label}{unit_suffix(unit)}", *cells])
    table("", ["", *(one.label for one in found)], rows)
    for one in found:
        emit(clean(f"{one.label}: {one.kind}, {one.what}"))
        for text in one.notes:
            emit(clean(f"  {text}"))
    for label, _, definition in used.values():
        emit(f"{label}: {definition}.")
    if any(one.intervals for one in found):
        emit("in brackets: 95 % intervals of measured numbers")
    note = calibration_note({one.digest: one for item in found for one in item.sets}.values())
    if note:
        emit(note)


def _record(found: Sequence[Compared], window: float, top: float) -> dict[str, Any]:
    used = _columns(found, window, top)
    return {
        "compared": [
            {
                "label": one.label,
                "kind": one.kind,
                "what": one.what,
                "numbers": {key: one.numbers.get(key) for key in used},
                "intervals_95": {key: list(ends) for key, ends in one.intervals.items()},
                "notes": list(one.notes),
                "parameter_sets": [set_line(each) for each in one.sets],
            }
            for one in found
        ],
        "units": {key: unit for key, (_, unit, _) in used.items()},
        "definitions": {key: text for key, (_, _, text) in used.items()},
    }


def _csv(found: Sequence[Compared], window: float, top: float) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", "unit", *(f(cell(one.label)) for one in found for f in (str, _low, _high))])
    for key, (_, unit, _) in _columns(found, window, top).items():
        row: list[Any] = [key, unit]
        for one in found:
            low, high = one.intervals.get(key, (None, None))
            row += [one.numbers.get(key), low, high]
        writer.writerow(["" if x is None or (isinstance(x, float) and not math.isfinite(x)) else x for x in row])
    return text.getvalue()


def _low(label: object) -> str:
    return f"{label} 95 % low"


def _high(label: object) -> str:
    return f"{label} 95 % high"
