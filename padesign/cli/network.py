"""`padesign network`: everything the model of a design consists of, with rates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from padesign.cli.console import clean, emit, emit_json, number, table
from padesign.cli.definitions import calibration_note, set_line, sets_of
from padesign.cli.evaluate import own_hosts
from padesign.cli.fixed import demand_fixed
from padesign.cli.guard import placed
from padesign.cli.listing import DEFINITIONS, Listing, ProcessLine, particle_listing, text_listing
from padesign.config import load_run_file
from padesign.errors import InputError

SLOW_per_s = 1.0
_WEAKEST_PUMP = 1e-6
"""Absorption counts down to this part of `SLOW_per_s`: an avalanche hangs on a weak one."""


def show(file: Path, overrides: Sequence[str], irradiance: float | None, as_json: bool, all_: bool) -> int:
    """Print levels and processes at one irradiance."""
    loaded = load_run_file(file, overrides)
    run = loaded.run
    demand_fixed(loaded)
    if irradiance is not None and not 0.0 <= irradiance < 1e12:
        raise InputError(f"`--irradiance-kW-per-cm2` must be a number from 0 on, but is {irradiance}")
    with placed(loaded):
        sets = [] if run.network is not None else sets_of(run, own_hosts(run))
        listing = text_listing(run, irradiance) if run.network is not None else particle_listing(run, irradiance)
    if as_json:
        emit_json(
            {
                "name": run.name,
                **asdict(listing),
                "parameter_sets": [set_line(one) for one in sets],
                "definitions": DEFINITIONS,
            }
        )
        return 0
    emit(clean(f"{run.name} at {number(listing.irradiance_kW_per_cm2, 4)} kW/cm² ({listing.irradiance_is})"))
    _print_levels(listing)
    _print_processes(listing, 0.0 if all_ else SLOW_per_s)
    note = calibration_note(sets)
    if note:
        emit(note)
    return 0


def _print_levels(listing: Listing) -> None:
    rows = [
        [
            level.id,
            "–" if level.energy_cm1 is None else f"{level.energy_cm1:.0f}",
            number(None if level.lifetime_s is None else 1e6 * level.lifetime_s),
            number(level.radiative_per_s),
            number(level.nonradiative_per_s),
            number(level.surface_per_s),
            number(level.defect_per_s),
        ]
        for level in listing.levels
    ]
    header = ["level", "energy cm⁻¹", "lifetime µs", "radiative 1/s", "nonradiative 1/s", "surface 1/s", "defects 1/s"]
    table("Levels", header, rows)
    emit(f"lifetime: {DEFINITIONS['lifetime_s']}.")


def _of_light(one: ProcessLine) -> bool:
    return one.kind == "absorption"


def _print_processes(listing: Listing, slowest: float) -> None:
    kept = [one for one in listing.processes if one.rate_per_s >= (_WEAKEST_PUMP if _of_light(one) else 1.0) * slowest]
    header = ["process", "kind", "rate 1/s", "cross-section cm²", "layer", "C6 nm⁶/s", "factor f"]
    rows = [
        [
            process.text,
            process.kind,
            number(process.rate_per_s),
            number(process.cross_section_cm2),
            process.layer or "",
            number(process.C6_nm6_per_s),
            number(process.factor),
        ]
        for process in kept
    ]
    width = len(header) if any(process.layer for process in kept) else 4
    table("Processes", header[:width], [row[:width] for row in rows], left=(0, 1, 4))
    hidden = len(listing.processes) - len(kept)
    if hidden:
        what = "process" if hidden == 1 else "processes"
        emit(
            f"{hidden} {what} slower than {slowest:g} per second (absorption: {_WEAKEST_PUMP * slowest:g}) not shown; "
            "--all shows them."
        )
    emit(f"rate: {DEFINITIONS['rate_per_s']}.")
