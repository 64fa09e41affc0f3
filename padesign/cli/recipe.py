"""`padesign recipe`: synthesis recipes of designs of a run, or of one design."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from padesign.cli import definitions
from padesign.cli.campaign import read_run
from padesign.cli.console import emit, say, shown
from padesign.cli.designs import distinct_best, particle_of, scatter_of
from padesign.cli.evaluate import simulate
from padesign.cli.guard import NOTHING_FOUND, placed
from padesign.cli.predict import banded, make_recipe, objective_prediction, prediction
from padesign.config import load_run_file
from padesign.config.build import (
    build_design,
    build_objective,
    build_particle,
    build_problem,
    build_space,
    wants_more,
)
from padesign.design.evaluate import batch_curves
from padesign.design.tolerance import with_band
from padesign.design.trial import Candidate
from padesign.errors import InputError
from padesign.search import RunFolder, TrialRecord, rank


def write(source: Path, overrides: Sequence[str], trial: int | None, out: Path | None) -> int:
    """Write recipes and print their paths."""
    if source.is_dir():
        if overrides:
            raise InputError("--set changes run files, not run folders", cure="name a run file without free values")
        return _of_run(RunFolder.open(source), trial, out)
    if trial is not None:
        raise InputError("--trial belongs to a run folder", cure="name the folder that `padesign run` printed")
    return _of_file(source, overrides, out if out is not None else Path("recipes"))


def _of_run(folder: RunFolder, trial: int | None, out: Path | None) -> int:
    run = read_run(folder)
    objective = build_objective(run)
    records = rank(folder.read_trials(), wants_more(run, objective))
    chosen: list[tuple[str, TrialRecord]]
    if trial is None:
        best = distinct_best(records, max(run.recipes.count, 1))
        chosen = [(f"design_{k:02d}_trial_{one.number:04d}", one) for k, one in enumerate(best, start=1)]
    else:
        chosen = [(f"trial_{one.number:04d}", one) for one in records if one.number == trial]
        if not chosen:
            numbers = sorted(one.number for one in records)
            have = f"trials {numbers[0]} to {numbers[-1]} are finished" if numbers else "no trial is finished"
            raise InputError(f"there is no trial {trial} in {shown(folder.path)}", cure=have)
        if "particle" not in chosen[0][1].candidate.design:
            raise InputError(f"trial {trial} has no design: {chosen[0][1].candidate.outcome}")
    if not chosen:
        say("no feasible design yet; --trial N writes the recipe of any trial")
        return NOTHING_FOUND
    problem = build_problem(run)
    for stem, one in chosen:
        particle = particle_of(one.candidate)
        if not one.candidate.feasible:
            broken = ", ".join(name for name, by in one.candidate.violations.items() if by > 0.0)
            reason = f"breaks {broken}" if one.candidate.outcome == "ok" else one.candidate.outcome
            say(f"trial {one.number} does not meet the requirements: {reason}")
        candidate = banded(run, problem, one.candidate, particle, one.choice)
        claim = objective_prediction(run, particle, candidate, objective)
        target = out if out is not None else folder.recipes
        _told(make_recipe(run, particle, claim, candidate.curve, target, stem))
    return 0


def _of_file(file: Path, overrides: Sequence[str], out: Path) -> int:
    loaded = load_run_file(file, overrides)
    run = loaded.run
    if run.network is not None:
        raise InputError("a hand-written network has no particle to make", file=loaded.file)
    result, _ = simulate(loaded)
    with placed(loaded):
        particle = build_particle(run)
        metrics = {"diameter_nm": particle.diameter_nm}
        notes = [] if result.outcome == "ok" else [f"The simulation gave no numbers: {result.outcome}."]
        value, label = None, "S_window"
        if result.bands:
            band = result.bands[0]
            value, label = band.S_window, f"S_window of {band.transition}"
            metrics |= {
                "S_exact": math.nan if band.S is None else band.S,
                "S_at_kW_per_cm2": band.S_at_kW_per_cm2,
                "photons_per_s": band.photons_per_s,
                "photons_at_kW_per_cm2": band.photons_at_kW_per_cm2,
            }
        if result.threshold_kW_per_cm2 is not None:
            metrics["threshold_kW_per_cm2"] = result.threshold_kW_per_cm2
        curve: Mapping[str, Sequence[float]] = result.curves[result.bands[0].transition] if result.bands else {}
        if curve and run.recipes.batch_particles:
            scatter = scatter_of(run, particle, [layer.name for layer in build_space(run).layers])
            batch = batch_curves(build_design(run), result.bands[0].transition, scatter)
            curve = with_band(curve, batch, scatter.particles)
        design = {"wavelength_nm": run.excitation.wavelength_nm, "temperature_K": run.temperature_K}
        candidate = Candidate(result.outcome, value, math.inf, {}, design, metrics, curve=dict(curve), notes=notes)
        claim = prediction(run, particle, candidate, label, "1", definitions.S_WINDOW)
        _told(make_recipe(run, particle, claim, curve, out, run.name))
    return 0


def _told(paths: dict[str, Path]) -> None:
    for path in paths.values():
        emit(shown(path))
