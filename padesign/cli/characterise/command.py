"""`padesign characterise`: every number that an avalanche experiment measures, under the field's definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from padesign.cli.characterise.batch import scattered
from padesign.cli.characterise.image import imaged
from padesign.cli.characterise.light import SPECTRUM_nm, emitted
from padesign.cli.characterise.sections import Characterisation
from padesign.cli.characterise.slopes import amplification, nonlinearity, thresholds
from padesign.cli.characterise.slowing import slowing
from padesign.cli.characterise.warmth import by_warmth
from padesign.cli.console import clean, emit, emit_json, number, say, shown, table, unit_suffix
from padesign.cli.definitions import calibration_note, set_line, sets_of
from padesign.cli.evaluate import own_hosts
from padesign.cli.fixed import demand_fixed, solved_or_said
from padesign.cli.guard import NOTHING_FOUND, placed
from padesign.config import RunFile, load_run_file
from padesign.design.characterise import (
    readings,
    state_at,
)
from padesign.kinetics.light import Band
from padesign.observables.solution import Solution
from padesign.report.figure_style import FigureFiles


def characterise(file: Path, overrides: Sequence[str], as_json: bool, out: Path | None) -> int:
    """Print the numbers; write figures with their CSV into `out`."""
    loaded = load_run_file(file, overrides)
    demand_fixed(loaded)
    run = loaded.run
    with placed(loaded):
        solved = solved_or_said(run)
        if solved is None:
            return NOTHING_FOUND
        found = _characterise(run, *solved)
    sets = [] if run.network is not None else sets_of(run, own_hosts(run))
    if as_json:
        emit_json(_record(run, found, sets))
    else:
        _print(run, found)
        note = calibration_note(sets)
        if note:
            emit(note)
    if out is not None:
        for files in _draw(found, run.excitation.irradiance_window_kW_per_cm2, out):
            say(f"figure: {shown(files.png)}")
    return 0


def _characterise(run: RunFile, solution: Solution, bands: Sequence[Band]) -> Characterisation:
    options, band = run.characterise, bands[0]
    window = getattr(run.objective, "window_decades", 0.05)
    seen = readings(solution, band, window, options.slope_above, options.saturated_slope)
    asked = options.at_irradiance_kW_per_cm2
    log_at = float(seen.steepest.log_irradiance) if asked is None else math.log(1e3 * asked)
    state = state_at(solution, jnp.asarray(log_at))
    found = Characterisation(band.label, math.exp(log_at) / 1e3, [], seen.response, np.asarray(seen.beam_slope))
    found.sections = [
        nonlinearity(seen, solution, window),
        thresholds(seen, solution, options.slope_above),
        amplification(seen, options.saturated_slope),
        slowing(run, found, seen, solution, band),
        imaged(run, found, seen, solution, band),
        emitted(run, found, solution, bands, state, log_at),
        by_warmth(run, found, bands, log_at),
    ]
    if options.batch is not None:
        found.sections.insert(1, scattered(run, band.label, options.batch))
    return found


def _record(run: RunFile, found: Characterisation, sets: Sequence[Any]) -> dict[str, Any]:
    return {
        "name": run.name,
        "band": found.band,
        "at_kW_per_cm2": found.at_kW_per_cm2,
        "sections": {one.key: {line.key: line.value for line in one.lines} for one in found.sections},
        "notes": {one.key: one.note for one in found.sections if one.note},
        "units": {line.key: line.unit for one in found.sections for line in one.lines},
        "definitions": {line.key: line.definition for one in found.sections for line in one.lines},
        "parameter_sets": [set_line(one) for one in sets],
        "options": run.characterise.model_dump(),
    }


def _print(run: RunFile, found: Characterisation) -> None:
    emit(clean(f"{run.name}: {found.band}"))
    for section in found.sections:
        rows = [[one.label, f"{number(one.value, 4)}{unit_suffix(one.unit)}", one.definition] for one in section.lines]
        if rows:
            table(section.title, ["", "value", "definition"], rows, left=(0, 2))
        if section.note:
            emit(f"{section.title}: {section.note}." if not rows else f"{section.note}.")


def _draw(found: Characterisation, window: tuple[float, float], folder: Path) -> list[FigureFiles]:
    from padesign.report.colour_figures import chromaticity_figure, spectrum_figure
    from padesign.report.measurement_figures import image_figure, response_figure

    files = [response_figure(found.response, found.beam_slope, found.band, folder / "response", window)]
    if found.image is not None:
        files.append(image_figure(found.image, found.at_kW_per_cm2, folder / "image", found.scanned))
    if len(found.colours) > 1:
        power, x, y = zip(*found.colours, strict=True)
        files.append(chromaticity_figure(power, x, y, folder / "colour"))
    if found.spectrum is not None:
        files.append(spectrum_figure(SPECTRUM_nm, found.spectrum, found.at_kW_per_cm2, folder / "spectrum"))
    return files
