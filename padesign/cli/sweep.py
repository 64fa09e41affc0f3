"""`padesign sweep`: one design over a range of one or two of its numbers, with one compiled program."""

from __future__ import annotations

import csv
import io
import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from padesign.cli.console import emit, finite, number, say, shown, table
from padesign.cli.definitions import calibration_note, sets_of
from padesign.cli.evaluate import own_hosts, used_definitions
from padesign.cli.fixed import demand_fixed
from padesign.cli.guard import NOTHING_FOUND
from padesign.config import LoadedRun, RunFile, load_run_file, load_run_text
from padesign.config.build import build_design, build_scene
from padesign.design.compiled import solved
from padesign.design.evaluate import BandResult, Evaluation, evaluate_solution
from padesign.errors import InputError

MOST_POINTS = 10_000
_AT = "photons_at_kW_per_cm2"
_COLUMNS = ("S", "S_window", "S_at_kW_per_cm2", "photons_per_s", _AT)
_OTHER_KEYS = ("temperature_K", "excitation.wavelength_nm")


@dataclass(frozen=True)
class Axis:
    """One variable of a sweep and its values."""

    path: str
    values: tuple[float, ...]

    @property
    def label(self) -> str:
        """`core Tm (mol%)` for `particle.layers.core.dopants_mol_percent.Tm`."""
        parts = self.path.removeprefix("particle.layers.").removeprefix("particle.").split(".")
        if "dopants_mol_percent" in parts:
            return f"{parts[0]} {parts[-1]} (mol%)"
        *owner, quantity = parts
        for suffix, unit in (("_nm", "nm"), ("_K", "K"), ("_cm1", "cm⁻¹")):
            if quantity.endswith(suffix):
                quantity = f"{quantity.removesuffix(suffix)} ({unit})"
        return " ".join([*(name for name in owner if name != "excitation"), quantity])


def parse_axis(text: str) -> Axis:
    """`KEY=START:STOP:COUNT` with `:log` for equal ratios; raises `InputError`."""
    key, _, spec = text.partition("=")
    parts = spec.split(":")
    logarithmic = len(parts) == 4 and parts[3] == "log"
    example = "write for instance --vary particle.layers.core.dopants_mol_percent.Tm=1:20:12"
    if not key.strip() or not (len(parts) == 3 or logarithmic):
        raise InputError(f"`--vary {text}` is not KEY=START:STOP:COUNT or KEY=START:STOP:COUNT:log", cure=example)
    try:
        start, stop, count = float(parts[0]), float(parts[1]), int(parts[2])
    except ValueError:
        raise InputError(f"`--vary {text}` must have numbers behind `=`, the last a whole one", cure=example) from None
    if not (math.isfinite(start) and math.isfinite(stop)) or not 1 <= count <= MOST_POINTS:
        raise InputError(f"`--vary {text}` must have finite ends and 1 to {MOST_POINTS} points", cure=example)
    if logarithmic and not (start > 0.0 and stop > 0.0):
        raise InputError(f"`--vary {text}`: a logarithmic range needs positive ends")
    space = np.geomspace if logarithmic else np.linspace
    return Axis(key.strip(), tuple(float(f"{value:.12g}") for value in space(start, stop, count)))


def sweep(file: Path, overrides: Sequence[str], vary: Sequence[str], out: Path | None) -> int:
    """Print the table; write sweep.csv and one figure per quantity into `out`."""
    axes = [parse_axis(text) for text in vary]
    if not 1 <= len(axes) <= 2:
        raise InputError(f"a sweep has one or two variables, not {len(axes)}")
    if len(axes) == 2 and axes[0].path == axes[1].path:
        raise InputError(f"`{axes[0].path}` is varied twice")
    if math.prod(len(axis.values) for axis in axes) > MOST_POINTS:
        raise InputError(f"a sweep has at most {MOST_POINTS} points")
    base = load_run_file(file, overrides)  # what is wrong with the file as it stands is told before any point is made
    for axis in axes:
        if not (axis.path.startswith("particle.") or axis.path in _OTHER_KEYS):
            raise InputError(f"`{axis.path}` cannot be varied", cure=f"this design has {', '.join(_numbers(base.run))}")
    text, name = base.text, base.file
    first = _at(text, name, overrides, axes, [axis.values[0] for axis in axes])
    if first.run.network is not None:
        raise InputError("a hand-written network has no numbers to sweep", cure="edit its lines", file=name)
    demand_fixed(first)
    results = list(evaluations(base, overrides, axes))
    good = [result for _, result in results if result.outcome == "ok"]
    if not good:
        say(f"no point gave a result: {results[0][1].outcome}")
        return NOTHING_FOUND
    bands = [band.transition for band in good[0].bands]
    rows = [_row(axes, values, result, bands) for values, result in results]
    _print(rows)
    definitions = used_definitions(first.run)
    for key in ("S", "S_window", "threshold_kW_per_cm2", "photons_per_s"):
        at = f" (here {good[0].bands[0].photons_at_kW_per_cm2:g} kW/cm²)" if key == "photons_per_s" else ""
        emit(f"{key}: {definitions[key]}{at}.")
    note = calibration_note(sets_of(first.run, own_hosts(first.run)))
    if note:
        emit(note)
    if out is not None:
        _write(out, axes, rows, bands)
    return 0


def _numbers(run: RunFile) -> list[str]:
    """Sizes and shares of a design by their paths, and the other numbers that can be varied."""
    found = []
    for layer in run.particle.layers if run.particle is not None else ():
        place = f"particle.layers.{layer.name}"
        found.append(f"{place}.{'thickness_nm' if layer.diameter_nm is None else 'diameter_nm'}")
        found += [f"{place}.dopants_mol_percent.{ion}" for ion in layer.dopants_mol_percent]
    return [*found, *_OTHER_KEYS]


def evaluations(
    base: LoadedRun, overrides: Sequence[str], axes: Sequence[Axis]
) -> Iterator[tuple[tuple[float, ...], Evaluation]]:
    """The solved system at every point. Numbers are data of one compiled program, so no point compiles again.

    Every point is read as a run file of its own, so a value out of range is told like any other mistake.
    """
    points = list(itertools.product(*(axis.values for axis in axes)))
    loaded = [_at(base.text, base.file, overrides, axes, values) for values in points]
    scene = build_scene(base.run)  # its temperature is not used: `Conditions` carries the one of the point
    for values, one in zip(points, loaded, strict=True):
        run = one.run
        solution = solved(*build_design(run)._replace(scene=scene))
        yield values, evaluate_solution(solution, run.emission, getattr(run.objective, "window_decades", 0.05))


def _at(text: str, name: str, overrides: Sequence[str], axes: Sequence[Axis], values: Sequence[float]) -> LoadedRun:
    here = [f"{axis.path}={value!r}" for axis, value in zip(axes, values, strict=True)]
    return load_run_text(text, name, [*overrides, *here])


def _row(axes: Sequence[Axis], values: Sequence[float], result: Evaluation, bands: Sequence[str]) -> dict[str, Any]:
    row: dict[str, Any] = {axis.path: value for axis, value in zip(axes, values, strict=True)}
    row |= {
        "outcome": result.outcome,
        "threshold_kW_per_cm2": result.threshold_kW_per_cm2,
        "bistable": result.bistable,
    }
    found: dict[str, BandResult] = {band.transition: band for band in result.bands}
    for transition in bands:
        band = found.get(transition)
        for key in _COLUMNS:
            row[f"{transition}: {key}" if len(bands) > 1 else key] = None if band is None else getattr(band, key)
    return finite(row)


def _print(rows: Sequence[dict[str, Any]]) -> None:
    keys = [key for key in rows[0] if key != "bistable" and not key.endswith(_AT)]
    if all(row["outcome"] == "ok" for row in rows):
        keys.remove("outcome")

    def cell(value: object) -> str:
        return value if isinstance(value, str) else number(value, 4)  # type: ignore[arg-type]

    header = [key.removeprefix("particle.layers.").replace("dopants_mol_percent", "mol%") for key in keys]
    table("", header, [[cell(row[key]) for key in keys] for row in rows], left=())


def _write(folder: Path, axes: Sequence[Axis], rows: Sequence[dict[str, Any]], bands: Sequence[str]) -> None:
    from padesign.report.figures import sweep_figure

    try:
        folder.mkdir(parents=True, exist_ok=True)
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        (folder / "sweep.csv").write_text(text.getvalue(), encoding="utf-8")
    except OSError as error:
        raise InputError(f"`{folder}` cannot be written: {error.strerror or error}") from error
    emit(shown(folder / "sweep.csv"))
    top = next(value for row in rows for key, value in row.items() if key.endswith(_AT) and value is not None)
    quantities = {"threshold_kW_per_cm2": ("threshold", "threshold (kW/cm²)")}
    for transition in bands:
        head = f"{transition}: " if len(bands) > 1 else ""
        stem = f"_{transition.replace(' -> ', '_to_').replace(':', '_').replace('/', '-')}" if head else ""
        quantities[f"{head}S_window"] = (f"S_window{stem}", f"S_window, {transition}")
        quantities[f"{head}photons_per_s"] = (f"photons{stem}", f"photons/s at {top:g} kW/cm², {transition}")
    for key, (stem, label) in quantities.items():
        values = np.array([math.nan if row[key] is None else row[key] for row in rows], dtype=float)
        if not np.isfinite(values).any():
            continue
        second = axes[1].values if len(axes) == 2 else None
        shaped = values.reshape([len(axis.values) for axis in axes]).tolist()
        labels = [*(axis.label for axis in axes), label]
        files = sweep_figure(axes[0].values, second, shaped, labels, folder / stem)
        emit(shown(files.png))
