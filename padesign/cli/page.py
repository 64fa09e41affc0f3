"""report.md of a run folder: what was found, what the numbers mean and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from padesign import __version__
from padesign.cli.console import number
from padesign.cli.definitions import PLANE_WAVE, assumptions, calibration_note, label_of, range_notes
from padesign.cli.designs import Row, batch_note, columns, name_of_value, usual_errors
from padesign.config import RunFile
from padesign.config.build import build_robust
from padesign.design.objective import AbstractObjective
from padesign.design.sensitivity import VALUE
from padesign.parameters import ParameterSet
from padesign.search import CampaignResult

MEANING = (
    "By how many percent a result changes when a size or share grows by one percent and everything else stays: exact "
    "derivatives d ln(result) / d ln(size or share) at the design"
)
BATCH = (
    "Values of a batch are what the run file's block `robust` asks for; every other number is of the particle as drawn."
)
FILES = {
    "report.html": "the report to look at: one page with interactive figures, needs no network",
    "report.md": "the same as text",
    "config.yaml": "the run file as it was given",
    "resolved.json": "the same with every default written out",
    "designs.csv": "every trial, best first",
    "comparison.csv": "the table above with all numbers",
    "summary.json": "the same for programs",
    "trials/": "every trial in full: choice, design, numbers, steps, power curve",
    "figures/": "figures as SVG and PNG, with their data as CSV",
    "recipes/": "synthesis recipes: a page to print, the same as Markdown, CSV for the balance, JSON for programs",
    "parameter_sets/": "every physical constant that was used, with its source",
    "study.journal": "the search's memory, needed by `padesign resume`",
    "mlflow.db, mlartifacts/": "the record that `padesign ui` shows",
}


def report_page(
    run: RunFile,
    result: CampaignResult,
    rows: Sequence[Row],
    objective: AbstractObjective,
    sets: Sequence[ParameterSet],
    files: Sequence[str],
) -> str:
    """The page as Markdown; `files` are those of the run folder, relative to it."""
    parts = [f"# {_safe(run.name)}", ""]
    if run.notes:
        parts += [_safe(run.notes.strip()), ""]
    aim = "Maximise" if result.maximise else "Minimise"
    parts += [
        f"{aim} **{objective.name}**: {objective.statement}.",
        "",
        *([robust.meaning, ""] if (robust := build_robust(run)) is not None else []),
        f"Not part of the aim: {objective.blind_to}.",
        "",
        f"{len(result.trials)} trials, {result.feasible} feasible; {result.stopped_because}.",
        "",
        *(line for text in front_text(result) for line in (text, "")),
        "## Best designs",
        "",
        *_table(*columns(name_of_value(run, result.objective), result.unit, rows)),
        "",
        PLANE_WAVE.capitalize() + ".",
        "",
        *((BATCH, "") if run.robust is not None else ()),
    ]
    for row in rows:
        if table := sensitivity_table(row, result.objective):
            parts += [f"## What {_safe(row.label)} depends on", ""]
            parts += [*_table(table["header"], table["rows"]), "", f"{MEANING}.", ""]
    for note in [calibration_note(sets), *row_range_notes(run, rows, sets)]:
        parts += [f"**{note}**", ""] if note else []
    parts += [f"* {_safe(row.label)}: {_safe(str(row.published['source']))}" for row in rows if row.published]
    parts += ["", "## Figures", ""]
    order = ("figures/power", "figures/design", "figures/reference", "figures/history")
    pictures = [name for start in order for name in files if name.startswith(start) and name.endswith(".png")]
    parts += [f"![{name}]({name})" for name in pictures]
    bands = dict.fromkeys(text for row in rows for text in batch_note(run, row.candidate, row.particle))
    parts += [line for text in bands for line in ("", _safe(text))]
    notes = [f"* {_safe(row.label)}: {_safe(note)}" for row in rows for note in row.candidate.notes]
    parts += ["", "## Notes", "", *notes] if notes else []
    recipes = [name for name in files if name.startswith("recipes/") and name.endswith(".html")]
    if recipes:
        parts += ["", "## Recipes", "", *(f"* [{name}]({name})" for name in recipes)]
    if rows and rows[0].particle.layers:
        parts += ["", "## Assumptions behind design 1", ""]
        used = {layer.host for layer in rows[0].particle.layers}
        own = [one for one in sets if one.host in used]
        parts += [f"* {line}" for line in assumptions(rows[0].particle, own, run.temperature_K)]
    parts += ["", "## Parameter sets", ""]
    parts += [f"* {one.name} ({one.host}), sha256 {one.digest}. {one.validity}" for one in sets]
    parts += ["", "## Files", "", *(f"* `{name}`: {what}" for name, what in FILES.items()), ""]
    parts += [f"padesign {__version__}", ""]
    return "\n".join(parts)


def row_range_notes(run: RunFile, rows: Sequence[Row], sets: Sequence[ParameterSet]) -> list[str]:
    """Which rows ask a fitted set about something outside its range, one line each."""
    lines = []
    for row in rows:
        wavelength_nm = row.candidate.design.get("wavelength_nm")
        beams = [beam.wavelength_nm for beam in run.excitation.also]
        beams += [float(wavelength_nm)] if wavelength_nm is not None else []
        lines += [f"{row.label}: {line}" for line in range_notes(sets, row.particle, run.temperature_K, beams)]
    return lines


def front_text(result: CampaignResult) -> list[str]:
    """The Pareto front in words; nothing for a single aim."""
    front = result.front
    if front is None:
        return []
    aims = " and ".join(f"{name} ({'larger' if more else 'smaller'} is better)" for name, more in front.aims.items())
    designs = "; ".join(
        f"trial {trial}: {', '.join(f'{name} {number(x)}' for name, x in zip(front.aims, values, strict=True))}"
        for trial, values in zip(front.trials, front.values, strict=True)
    )
    return [
        f"No other trial beats these in {aims}: {designs}. The front bends most at trial {front.knee}; its hypervolume "
        f"is {number(front.hypervolume)} in units of ln, down to the worst feasible value of each."
    ]


def sensitivity_table(row: Row, objective: str) -> dict[str, Any]:
    """Sizes and shares down, results across: percent of the result per percent of the size; empty if unknown."""
    own = row.sensitivities.get(VALUE)
    names = [name for name, by in row.sensitivities.items() if name == VALUE or by != own]
    if not names:
        return {}
    errors = usual_errors(row.particle)
    knobs = list(row.sensitivities[names[0]])
    cells = [
        [
            knob,
            f"{100 * errors[knob]:.3g} %" if knob in errors else "",
            *(number(row.sensitivities[name].get(knob)) for name in names),
        ]
        for knob in knobs
    ]
    header = ["size or share", "usual error", *(objective if name == VALUE else label_of(name) for name in names)]
    return {"header": header, "rows": cells, "text": [0]}


def _table(header: Sequence[str], cells: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    return lines + ["| " + " | ".join(_safe(cell).replace("|", "/") for cell in row) + " |" for row in cells]


def _safe(text: str) -> str:
    """Text of a user without what Markdown or HTML would read as markup."""
    return " ".join(text.split()).replace("<", "&lt;").replace("`", "'").replace("](", "] (")
