"""report.html of a run folder: the same facts as report.md as one page that opens without a network."""

from __future__ import annotations

import itertools
import math
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from padesign import __version__
from padesign.cli.console import number, typed, unit_suffix
from padesign.cli.definitions import PLANE_WAVE, assumptions, calibration_note, numbers_of
from padesign.cli.designs import Row, batch_note, columns, layers_text, name_of_value, particle_of
from padesign.cli.page import BATCH, FILES, MEANING, front_text, row_range_notes, sensitivity_table
from padesign.config import RunFile
from padesign.config.build import build_robust
from padesign.design.objective import AbstractObjective
from padesign.parameters import ParameterSet
from padesign.particle.layers import Particle
from padesign.report import charts
from padesign.report.html import render
from padesign.report.power_curve_figure import within
from padesign.search import CampaignResult, RunFolder, TrialRecord
from padesign.search.importance import importances
from padesign.search.journal import has_result

_PACKAGES = ("jax", "equinox", "optax", "optuna", "diffrax")
_COSTS = (
    ("threshold_kW_per_cm2", "threshold (kW/cm²)"),
    ("photons_per_s", "brightness (photons/s)"),
    ("visible_photons_per_s", "visible brightness (photons/s)"),
    ("diameter_nm", "diameter (nm)"),
)
_MOST_HISTORIES = 8


def campaign_page(
    run: RunFile,
    result: CampaignResult,
    rows: Sequence[Row],
    objective: AbstractObjective,
    sets: Sequence[ParameterSet],
    folder: RunFolder,
    pictures: Mapping[str, str],
    recipes: Mapping[str, str],
) -> str:
    """The page. `pictures` holds the cross-section of each row as an address by label, `recipes` the recipe's path."""
    name = name_of_value(run, result.objective)
    shown = _charts(run, result, rows, f"{name}{unit_suffix(result.unit)}")
    header, cells = columns(name, result.unit, rows)
    context = {
        "name": run.name,
        "notes": " ".join((run.notes or "").split()),
        "summary": _summary(run, result, rows, name),
        "warnings": [note for note in (calibration_note(sets), *row_range_notes(run, rows, sets)) if note],
        "cards": [_card(row, name, result.unit, pictures, recipes) for row in rows if row.trial is not None],
        "sensitivities": [
            {"label": row.label, **table} for row in rows if (table := sensitivity_table(row, result.objective))
        ],
        "batch": " ".join(
            f"{row.label}: {text}" for row in rows[:1] for text in batch_note(run, row.candidate, row.particle)
        ),
        "comparison": {"header": header, "rows": cells, "text": [0, len(header) - 1]},
        "published": [f"{row.label}: {row.published['source']}" for row in rows if row.published],
        "meaning": MEANING,
        "plane_wave": PLANE_WAVE.capitalize() + (f". {BATCH[:-1].replace('`', '')}" if run.robust is not None else ""),
        "definitions": _definitions(rows, objective),
        "sets": [
            {
                "name": one.name,
                "host": one.host,
                "state": "Calibrated." if one.calibrated else "Not calibrated against measurements.",
                "validity": one.validity,
                "digest": one.digest,
            }
            for one in sets
        ],
        "assumptions": _assumptions(rows, sets, run.temperature_K),
        "commands": _commands(folder, rows),
        "provenance": _provenance(),
        "run_file": folder.config.read_text(encoding="utf-8"),
        "files": {"header": ["file", "what"], "rows": [list(item) for item in FILES.items()], "text": [0, 1]},
    }
    return render("campaign.html", context, shown)


def _summary(run: RunFile, result: CampaignResult, rows: Sequence[Row], name: str) -> list[str]:
    """The result in words."""
    better = "larger" if result.maximise else "smaller"
    count = len(result.trials)
    lines = [
        f"{count} trial{'s' * (count != 1)}, {result.feasible} of them with a design that meets every requirement; "
        f"{result.stopped_because}. Wanted: {name}, {better} is better."
    ]
    if (robust := build_robust(run)) is not None:
        lines.append(robust.meaning)
    designs = [row for row in rows if row.trial is not None]
    if not designs:
        return [*lines, "No design meets the requirements."]
    best = designs[0]
    lines.append(
        f"The best design has {name} {number(best.candidate.value)}{unit_suffix(result.unit)}: "
        f"{layers_text(best.particle)}; {best.particle.diameter_nm:.1f} nm in all."
    )
    lines += front_text(result)
    for row in rows:
        if row.published and row.candidate.value is not None:
            value = f"{number(row.candidate.value)}{unit_suffix(result.unit)}"
            lines.append(f"The published particle {row.label} has {value} in the same model.")
    return lines


def _card(row: Row, name: str, unit: str, pictures: Mapping[str, str], recipes: Mapping[str, str]) -> dict[str, Any]:
    numbers = [
        (label, f"{number(value)}{unit_suffix(of)}") for label, value, of, _ in numbers_of(row.candidate.metrics)
    ]
    if row.band is not None:
        low, high = (number(end) for end in row.band)
        numbers.append(("within usual errors of the synthesis", f"{low} to {high}"))
    return {
        "label": row.label,
        "value": number(row.candidate.value),
        "value_name": f"{name}{unit_suffix(unit)}",
        "numbers": [*numbers, ("laser", f"{row.candidate.design['wavelength_nm']:g} nm")],
        "layers": layers_text(row.particle),
        "notes": list(row.candidate.notes),
        "picture": pictures.get(row.label, ""),
        "recipe": recipes.get(row.label, ""),
    }


def _definitions(rows: Sequence[Row], objective: AbstractObjective) -> list[tuple[str, str]]:
    found = [(objective.name, objective.statement), ("not part of the aim", objective.blind_to)]
    if rows:
        found += [(label, text) for label, _, _, text in numbers_of(rows[0].candidate.metrics)]
    return found


def _assumptions(rows: Sequence[Row], sets: Sequence[ParameterSet], temperature_K: float) -> list[str]:
    if not rows or not rows[0].particle.layers:
        return []
    used = {layer.host for layer in rows[0].particle.layers}
    return assumptions(rows[0].particle, [one for one in sets if one.host in used], temperature_K)


def _commands(folder: RunFolder, rows: Sequence[Row]) -> list[str]:
    place = typed(folder.path)
    lines = [f"padesign run {typed(folder.config)}", f"padesign resume {place} --trials N"]
    first = next((row.trial for row in rows if row.trial is not None), None)
    if first is not None:
        lines.append(f"padesign recipe {place} --trial {first}")
    return [*lines, f"padesign ui {place}"]


def _provenance() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"padesign {__version__}, Python {platform.python_version()}, {packages}."


# ---------------------------------------------------------------------------------------------------------- charts
def _charts(run: RunFile, result: CampaignResult, rows: Sequence[Row], value_name: str) -> dict[str, charts.Chart]:
    found: dict[str, charts.Chart] = {}
    drawn = {row.label: row.candidate for row in rows if row.candidate.curve}
    if drawn:
        window = run.excitation.irradiance_window_kW_per_cm2
        marks = {label: candidate.metrics for label, candidate in drawn.items()}
        found["power"] = charts.power_chart({label: within(one.curve, window) for label, one in drawn.items()}, marks)
    trials = sorted(result.trials, key=lambda record: record.number)
    with_value = [record for record in trials if record.candidate.value is not None]
    if len(with_value) > 1:
        values = [record.candidate.value if has_result(record.candidate) else None for record in with_value]
        best = _best_so_far(values, result.maximise)
        found["history"] = charts.history_chart([r.number for r in with_value], values, best, value_name)
        found |= _trade(with_value, rows, value_name)
        numbers = design_columns(with_value)
        told = [float(record.candidate.value or 0.0) for record in with_value]
        shares = importances(numbers, told, maximise=result.maximise)
        if shares:
            found["importance"] = charts.importance_chart(shares)
        if numbers:
            found["parallel"] = charts.parallel_chart(numbers, told, value_name, result.maximise)
    histories = {
        f"trial {r.number}": r.candidate.history for r in result.trials[:_MOST_HISTORIES] if r.candidate.history
    }
    if any(len(records) > 1 for records in histories.values()):
        found["descent"] = charts.descent_chart(histories)
    return found


def _trade(trials: Sequence[TrialRecord], rows: Sequence[Row], value_name: str) -> dict[str, charts.Chart]:
    """Value against the first cost that the trials have and that varies."""
    references = [row for row in rows if row.trial is None and row.candidate.value is not None]
    for key, title in _COSTS:
        seen = [record.candidate.metrics.get(key) for record in trials]
        values = [record.candidate.value for record in trials]
        if len({number(x) for x in seen if x is not None}) < 2 or seen == values:
            continue
        points = [
            {
                "label": f"trial {record.number}",
                "feasible": has_result(record.candidate),
                "cost": record.candidate.metrics.get(key),
                "value": record.candidate.value,
                "photons": record.candidate.metrics.get("photons_per_s", 0.0),
            }
            for record in trials
        ]
        published = [
            {"label": row.label, "cost": row.candidate.metrics.get(key), "value": row.candidate.value}
            for row in references
        ]
        return {"trade": charts.trade_chart(points, ("cost", title), ("value", value_name), "photons", published)}
    return {}


def design_columns(trials: Sequence[TrialRecord]) -> dict[str, list[float]]:
    """Every number of the designs that varies among them: layer sizes and shares; what is absent counts 0."""
    designs = [_numbers(particle_of(record.candidate)) for record in trials]
    names = list(dict.fromkeys(itertools.chain.from_iterable(designs)))
    found = {name: [one.get(name, 0.0) for one in designs] for name in names}
    wavelengths = [float(record.candidate.design["wavelength_nm"]) for record in trials]
    found["laser (nm)"] = wavelengths
    return {name: column for name, column in found.items() if max(column) > min(column)}


def _numbers(particle: Particle) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for k, layer in enumerate(particle.layers):
        size = "diameter" if k == 0 else "thickness"
        numbers[f"{layer.name} {size} (nm)"] = (2.0 if k == 0 else 1.0) * layer.thickness_nm
        numbers |= {f"{layer.name} {ion} (mol%)": share for ion, share in layer.dopants_mol_percent.items()}
    return numbers


def _best_so_far(values: Sequence[float | None], maximise: bool) -> list[float | None]:
    found: list[float | None] = []
    best: float | None = None
    for value in values:
        if value is not None and math.isfinite(value) and (best is None or (value > best) == maximise):
            best = value
        found.append(best)
    return found


def recipe_of(row: Row, files: Sequence[str]) -> str:
    """The recipe's page of a design among the files of a run folder; empty where there is none."""
    names = [name for name in files if name.startswith("recipes/") and Path(name).suffix == ".html"]
    return next((name for name in names if row.trial is not None and f"trial_{row.trial:04d}" in name), "")
