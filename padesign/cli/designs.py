"""Designs as rows of a table, and which of them are different to a chemist."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from padesign.cli.console import clean, emit, number, table
from padesign.config import RunFile
from padesign.design.sensitivity import VALUE, Sensitivities, band
from padesign.design.tolerance import Scatter
from padesign.design.trial import Candidate
from padesign.particle.layers import Layer, Particle
from padesign.recipe.tables import quantity
from padesign.search import TrialRecord
from padesign.search.journal import has_result


@dataclass(frozen=True)
class Row:
    """One design or reference particle with its honest numbers; `published` is what a reference's paper says."""

    label: str
    candidate: Candidate
    particle: Particle
    trial: int | None = None
    published: Mapping[str, Any] = field(default_factory=dict)
    sensitivities: Sensitivities = field(default_factory=dict)

    @property
    def band(self) -> tuple[float, float] | None:
        """Value of batches that miss their targets by as much as is usual: one standard deviation, to first order."""
        value, shares = self.candidate.value, self.sensitivities.get(VALUE)
        if value is None or not shares or OF_THE_TARGET in self.candidate.metrics:  # `robust` has its own statistic
            return None
        return band(value, shares, usual_errors(self.particle))


def particle_of(candidate: Candidate) -> Particle:
    """The particle of a candidate's design."""
    return Particle.from_json(candidate.design["particle"])


def usual_errors(particle: Particle) -> dict[str, float]:
    """Relative error of every size and share that a synthesis usually makes, by knob (see `Problem.sensitivities`)."""
    share = quantity("dopant_tolerance_percent_relative").set / 100.0
    found = {}
    for k, layer in enumerate(particle.layers):
        if k == 0:
            found[f"{layer.name} radius"] = quantity("core_diameter_tolerance_percent").set / 100.0
        else:
            shell_nm = quantity("shell_thickness_tolerance_nm").set
            found[f"{layer.name} thickness"] = min(shell_nm / layer.thickness_nm, 1.0)
        found |= {f"{layer.name} {ion}": share for ion in layer.dopants_mol_percent}
    return found


def scatter_of(run: RunFile, particle: Particle, layers: Sequence[str]) -> Scatter:
    """How a batch of this particle scatters: as the run file states, or as is usual. `layers`: names in the space."""
    stated = run.robust or run.characterise.batch
    count = run.recipes.batch_particles
    if stated is not None:
        core, shell, dopant = (0.01 * x for x in (stated.core_percent, stated.shell_percent, stated.dopant_percent))
        sizes = tuple(core if k == 0 else shell for k in range(len(layers)))
        where = "robust" if run.robust is not None else "characterise.batch"
        words = f"{100 * core:g} % of the core, {100 * shell:g} % of every shell, {100 * dopant:g} % of every share"
        return Scatter(sizes, dopant, f"{words}, as stated in `{where}`", count)
    errors = usual_errors(particle)
    sizes = tuple(errors.get(f"{name} {'radius' if k == 0 else 'thickness'}", 0.0) for k, name in enumerate(layers))
    core, shell, share = (quantity(key) for key in _TOLERANCES)
    words = (
        f"{core.set:g} % of the core, {shell.set:g} nm of every shell, {share.set:g} % of every share (assumption: "
        f"typical practice; usual are {core.low:g} to {core.high:g} %, {shell.low:g} to {shell.high:g} nm and "
        f"{share.low:g} to {share.high:g} %; {core.source})"
    )
    return Scatter(sizes, 0.01 * share.set, words, count)


def batch_note(run: RunFile, candidate: Candidate, particle: Particle) -> list[str]:
    """What the band around a curve is; nothing where it has none."""
    note = scatter_of(run, particle, ()).note(candidate.curve)
    return [note] if note else []


OF_THE_TARGET = "of_the_target"
"""Metric of a candidate that was judged for a batch: the value of the particle as drawn."""
_TOLERANCES = (
    "core_diameter_tolerance_percent",
    "shell_thickness_tolerance_nm",
    "dopant_tolerance_percent_relative",
)


def near(a: Candidate, b: Candidate) -> bool:
    """Whether two designs are one: they differ by less than a synthesis hits its target, or in a host without dopants,
    which changes no rate."""
    if a.design.get("wavelength_nm") != b.design.get("wavelength_nm"):
        return False
    one, two = particle_of(a).layers, particle_of(b).layers
    if [_kind(x) for x in one] != [_kind(x) for x in two]:
        return False
    share = quantity("dopant_tolerance_percent_relative").set / 100.0
    core = quantity("core_diameter_tolerance_percent").set / 100.0
    for k, (x, y) in enumerate(zip(one, two, strict=True)):
        close_nm = core * x.thickness_nm if k == 0 else quantity("shell_thickness_tolerance_nm").set
        if abs(x.thickness_nm - y.thickness_nm) > close_nm:
            return False
        if any(abs(c - y.dopants_mol_percent[ion]) > share * c for ion, c in x.dopants_mol_percent.items()):
            return False
    return True


def _kind(layer: Layer) -> tuple[str, str, frozenset[str]]:
    dopants = frozenset(layer.dopants_mol_percent)
    return layer.name, layer.host if dopants else "", dopants


def distinct_best(trials: Iterable[TrialRecord], count: int) -> list[TrialRecord]:
    """The best feasible trials of a ranked list, near-identical designs once."""
    kept: list[TrialRecord] = []
    for record in trials:
        if len(kept) >= count or not has_result(record.candidate):
            break
        if not any(near(record.candidate, other.candidate) for other in kept):
            kept.append(record)
    return kept


def layers_text(particle: Particle) -> str:
    """`core d 17.0 nm Tm 8 | shell 5.6 nm`; hosts are named where they change."""
    parts, host = [], ""
    for k, layer in enumerate(particle.layers):
        size = f"d {2 * layer.thickness_nm:.1f} nm" if k == 0 else f"{layer.thickness_nm:.1f} nm"
        ions = " ".join(f"{ion} {share:.3g}%" for ion, share in layer.dopants_mol_percent.items()) or "inert"
        named = f" {layer.host}" if layer.host != host else ""
        host = layer.host
        parts.append(f"{layer.name}{named} {size} {ions}")
    return " | ".join(parts)


def name_of_value(run: RunFile, objective: str) -> str:
    """What the value of a design is called: with `robust` a statistic of a batch, not of the particle as drawn."""
    if run.robust is None:
        return objective
    return "yield of a batch" if run.robust.aim == "yield" else f"{objective} of a batch"


def columns(objective: str, unit: str, rows: Iterable[Row]) -> tuple[list[str], list[list[str]]]:
    """Header and cells of the table of designs; a reference's published numbers stand in a line of their own.

    `objective`: what the value is called (see `name_of_value`).
    """
    rows = list(rows)
    metrics = [key for key in _SHOWN if any(key in row.candidate.metrics for row in rows)]
    metrics = [key for key in _SHOWN if key in metrics or (key == "S_exact" and "S_window" in metrics)]
    several = len({row.candidate.design.get("wavelength_nm") for row in rows}) > 1
    at = next((row.candidate.metrics.get("photons_at_kW_per_cm2") for row in rows), None)
    same = [key for key in metrics if all(row.candidate.metrics.get(key) == row.candidate.value for row in rows)]
    metrics = [key for key in metrics if key not in same]
    header = ["design", _value_header(objective, unit, same)]
    header += [_SHOWN[key] + (f" at {at:.3g} kW/cm²" if key == "photons_per_s" and at else "") for key in metrics]
    header += ["laser nm"] * several + ["layers"]
    cells = []
    for row in rows:
        candidate = row.candidate
        line = [row.label, _value_text(candidate)]
        jumps = candidate.metrics.get("bistable")
        line += ["jumps" if key == "S_exact" and jumps else number(candidate.metrics.get(key)) for key in metrics]
        line += [f"{candidate.design.get('wavelength_nm', 0):g}"] * several + [layers_text(row.particle)]
        cells.append(line)
        if row.published:
            said = {
                "S_exact": row.published.get("S"),
                "threshold_kW_per_cm2": row.published.get("threshold_kW_per_cm2"),
            }
            value = number(next((said[key] for key in same if said.get(key)), None)) if same else ""
            line = ["  as published", value if value != "–" else ""]
            line += [number(said[key]) if said.get(key) else "" for key in metrics]
            cells.append([*line, *[""] * several, str(row.published.get("note") or "")])
    return header, cells


def print_designs(title: str, objective: str, unit: str, rows: Iterable[Row]) -> None:
    """The table of numbers on stdout, and below it the layers, which would not fit beside them."""
    header, cells = columns(objective, unit, rows)
    table(title, header[:-1], [line[:-1] for line in cells])
    for line in cells:
        if line[-1]:
            emit(clean(f"{line[0]}: {line[-1]}"))


def record(row: Row, run: RunFile) -> dict[str, Any]:
    """One row as data for comparison.csv and summary.json."""
    metrics = dict(row.candidate.metrics)
    return {
        "name": row.label,
        "trial": row.trial,
        "outcome": row.candidate.outcome,
        "feasible": row.candidate.feasible,
        "value": row.candidate.value,
        **metrics,
        "wavelength_nm": row.candidate.design.get("wavelength_nm"),
        "temperature_K": run.temperature_K,
        "layers": layers_text(row.particle),
        "value_band_low": row.band[0] if row.band else None,
        "value_band_high": row.band[1] if row.band else None,
        **{f"dln({name})/dln({knob})": x for name, by in row.sensitivities.items() for knob, x in by.items()},
        "published_S": row.published.get("S"),
        "published_threshold_kW_per_cm2": row.published.get("threshold_kW_per_cm2"),
        "published_note": row.published.get("note"),
        "source": row.published.get("source"),
    }


def _value_header(objective: str, unit: str, same: list[str]) -> str:
    if same:
        return _SHOWN[same[0]] if _SHOWN[same[0]].startswith(objective) else f"{objective} ({_SHOWN[same[0]]})"
    return objective if unit == "1" else f"{objective} [{unit}]"


def _value_text(candidate: Candidate) -> str:
    if candidate.value is None:
        return candidate.outcome
    broken = [name for name, by in candidate.violations.items() if by > 0.0]
    return number(candidate.value) + (f" (breaks {', '.join(broken)})" if broken else "")


_SHOWN = {
    "S_window": "S_window",
    "S_exact": "S exact",
    "threshold_kW_per_cm2": "threshold kW/cm²",
    "photons_per_s": "photons/s",
    "visible_photons_per_s": "visible photons/s",
    "u_prime": "u'",
    "v_prime": "v'",
    "diameter_nm": "diameter nm",
    "dopant_mol_percent": "dopants mol%",
    "lattice_mismatch_percent": "mismatch %",
    "synthesis_steps": "growth steps",
}
