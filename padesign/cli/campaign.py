"""`padesign run` and `padesign resume`: one campaign in one run folder."""

from __future__ import annotations

import functools
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from padesign.cli.artifacts import Report
from padesign.cli.console import emit, say, shown, typed
from padesign.cli.definitions import calibration_note, hosts_of, set_line, set_record, sets_of
from padesign.cli.designs import Row, name_of_value, print_designs
from padesign.cli.files import run_file
from padesign.cli.guard import INTERRUPTED, NOTHING_FOUND, UNEXPECTED, placed
from padesign.cli.progress import Progress
from padesign.config import RunFile, load_run_file, require_objective, resolve
from padesign.config.build import build_problem, problem_from
from padesign.design.problem import Problem
from padesign.errors import InputError
from padesign.search import Campaign, CampaignResult, CampaignSettings, NullTracker, RunFolder, Tracker
from padesign.search import campaign as states
from padesign.search.engines import AbstractEngine, DaskEngine, LocalEngine, MakeProblem, SharedEngine
from padesign.search.runfolder import write_json
from padesign.tracking import MlflowTracker

_MAY_CHANGE = ("name", "notes", "emission", "recipes", "tracking", "output", "compare_with")
_SEARCH_MAY_CHANGE = (
    "trials",
    "time_limit_minutes",
    "budget_curve_equivalents",
    "patience",
    "sampler",
    "engine",
    "workers",
    "address",
)


def begin(file: Path | None, overrides: list[str], quiet: bool, **search: object) -> int:
    """Start a new run; `search` are changes to that block from options of their own, None for no change."""
    changed = [*overrides, *(f"search.{key}={value}" for key, value in search.items() if value is not None)]
    loaded = load_run_file(run_file(file), changed)
    run = loaded.run
    require_objective(run, loaded.file)
    with placed(loaded):
        problem = build_problem(run)
        sets_of(run, hosts_of(run))
    text = loaded.text
    if changed:
        text += "\n# Changed on the command line:\n" + "".join(f"# --set {' '.join(x.split())}\n" for x in changed)
    folder = RunFolder.create(run.output.folder, run.name, text, _self_contained(resolve(run)))
    _announce(run, folder, quiet)
    if not quiet:
        say("compiling (once, from 20 s to some minutes; later runs of the same kind start at once)")
    try:
        with placed(loaded):
            reason = problem.check()
        if reason:
            raise InputError(reason, path=("objective",), file=loaded.file, line=loaded.line_of(("objective",)))
    except KeyboardInterrupt:
        say(f"stopped while compiling; go on with: padesign resume {typed(folder.path)}")
        return INTERRUPTED
    except InputError:
        shutil.rmtree(folder.path)
        if not quiet:
            say("The run folder was removed: nothing was computed.")
        raise
    return _conduct(run, problem, folder, quiet)


def go_on(path: Path, quiet: bool, **search: object) -> int:
    """Go on with an earlier run, perhaps to a larger number of trials or on another engine."""
    folder = RunFolder.open(path)
    run = read_run(folder)
    changes = {key: value for key, value in search.items() if value is not None}
    if changes:
        run = run.model_copy(update={"search": run.search.model_copy(update=changes)})
        write_json(folder.resolved, resolve(run))
    problem = build_problem(run)
    _announce(run, folder, quiet)
    done = len(folder.trial_numbers())
    if not quiet and done >= run.search.trials:
        say(f"all {done} trials are done: only the report is made anew; --trials {2 * done} adds as many again")
    return _conduct(run, problem, folder, quiet)


def read_run(folder: RunFolder) -> RunFile:
    """The settings of a run folder."""
    from pydantic import ValidationError

    try:
        return RunFile.model_validate(folder.read_resolved())
    except ValidationError as error:
        raise InputError(
            f"cannot be used by this version of padesign ({error.error_count()} problems, the first: "
            f"{error.errors()[0]['msg']})",
            cure="start a new run from config.yaml in the same folder",
            file=str(folder.resolved),
        ) from error


def _conduct(run: RunFile, problem: Problem, folder: RunFolder, quiet: bool) -> int:
    sets = sets_of(run, hosts_of(run))
    lines = [set_line(one) for one in sets]
    report = Report(run, problem, folder, say if not quiet else _silent)
    search = run.search
    limit = search.time_limit_minutes
    settings = CampaignSettings(
        trials=search.trials,
        seed=search.seed,
        sampler=search.sampler,
        time_limit_s=None if limit is None else 60.0 * limit,
        budget=search.budget_curve_equivalents,
        patience=search.patience,
        storage=search.storage,
    )
    progress = Progress(problem.objective_name, problem.unit, (search.starts + 1) * search.steps, quiet)
    logging.getLogger("padesign").setLevel(logging.ERROR if quiet else logging.WARNING)
    try:
        with progress:
            result = Campaign(
                problem,
                settings,
                folder,
                _tracker(run),
                progress,
                identity=_identity(run, lines),
                parameter_set={
                    "name": ", ".join(one.name for one in sets),
                    "digest": ", ".join(one.digest for one in sets),
                    "calibrated": all(one.calibrated for one in sets),
                    "sets": [set_record(one) for one in sets],
                },
                report=report,
                make_engine=_engine(run, folder),
            ).run()
    except KeyboardInterrupt:
        say(f"stopped at once; everything finished is kept. Go on with: padesign resume {typed(folder.path)}")
        return INTERRUPTED
    _print(run, result, report.rows, calibration_note(sets), problem)
    emit(
        f"everything is in {shown(folder.path)}; begin with report.html"
        if report.rows
        else f"kept in {shown(folder.path)}"
    )
    return _exit_code(result, folder)


def _exit_code(result: CampaignResult, folder: RunFolder) -> int:
    if result.stopped_because == states.INTERRUPTED:
        say(f"interrupted; go on with: padesign resume {typed(folder.path)}")
        return INTERRUPTED
    if result.best is None:
        failed = [record for record in result.trials if record.candidate.outcome.startswith("error:")]
        if failed and len(failed) == len(result.trials):
            say(f"every trial failed: {failed[0].candidate.outcome}")
            say(f"  the traceback is in {shown(folder.trial_file(failed[0].number))}; please report it")
            return UNEXPECTED
        outcomes = ", ".join(f"{count} × {outcome}" for outcome, count in _outcomes(result).items())
        say(f"no design meets the requirements: {outcomes}")
        longer = f"padesign resume {typed(folder.path)} --trials N"
        say(f"  widen the ranges, lower the constraints of the objective, or search longer: {longer}")
        return NOTHING_FOUND
    if result.stopped_because != states.ALL_DONE:
        say(f"stopped: {result.stopped_because}. Go on with: padesign resume {typed(folder.path)}")
    return 0


def _outcomes(result: CampaignResult) -> dict[str, int]:
    counted: dict[str, int] = {}
    for record in result.trials:
        candidate = record.candidate
        broken = [name for name, by in candidate.violations.items() if by > 0.0]
        reason = f"breaks {', '.join(broken)}" if candidate.outcome == "ok" else candidate.outcome
        counted[reason] = counted.get(reason, 0) + 1
    return counted


def _print(run: RunFile, result: CampaignResult, rows: list[Row], note: str, problem: Problem) -> None:
    if not rows:
        return
    better = "larger" if result.maximise else "smaller"
    done = f"{len(result.trials)} trial{'s' * (len(result.trials) != 1)}, {result.feasible_share:.0%} feasible"
    name = name_of_value(run, result.objective)
    print_designs(f"Best designs ({done}; {better} is better)", name, result.unit, rows)
    emit(f"{result.objective}: {problem.objective.statement}.")
    if problem.robust is not None:
        emit(f'{problem.robust.meaning} Every column but "{name}" is of the particle as drawn.')
    emit(f"Not part of the aim: {problem.objective.blind_to}.")
    if note:
        emit(note)


def _announce(run: RunFile, folder: RunFolder, quiet: bool) -> None:
    if quiet:
        return
    place = typed(folder.path)
    say(f"run folder  {place}")
    if run.tracking.enabled:
        where = run.tracking.uri or f"{place}/mlflow.db"
        say(f"tracking    MLflow, {where} (look at it with: padesign ui {place})")
    else:
        say("tracking    off")
    say(f"resume      padesign resume {place}")


def make_problem(run: RunFile) -> MakeProblem:
    """Makes the problem in another process, also on a machine that does not see this disk."""
    return functools.partial(problem_from, json.dumps(resolve(run)))


def _engine(run: RunFile, folder: RunFolder) -> Callable[[], AbstractEngine] | None:
    """Where trials are computed; None for this process."""
    search = run.search
    if search.engine == "local":
        return lambda: LocalEngine(make_problem(run), search.workers)
    if search.engine == "dask":
        return lambda: DaskEngine(make_problem(run), search.workers, search.address)
    if search.engine == "shared":
        say(f"waiting for workers; start them with: padesign worker {typed(folder.path)}")
        return lambda: SharedEngine(folder)
    return None


def _tracker(run: RunFile) -> Tracker:
    if not run.tracking.enabled:
        return NullTracker()
    return MlflowTracker(run.tracking.uri, run.name, warn=say)


def _self_contained(resolved: dict[str, Any]) -> dict[str, Any]:
    """Parameter sets that are files by their absolute path, so that the run can be resumed from anywhere."""
    sets = {
        host: str(Path(name).absolute()) if name.endswith(".yaml") else name
        for host, name in resolved.get("parameter_sets", {}).items()
    }
    return {**resolved, "parameter_sets": sets}


def _identity(run: RunFile, sets: list[dict[str, Any]]) -> dict[str, Any]:
    """What must stay the same between the sessions of one run."""
    kept = {key: value for key, value in resolve(run).items() if key not in _MAY_CHANGE}
    kept["search"] = {key: value for key, value in kept["search"].items() if key not in _SEARCH_MAY_CHANGE}
    kept["parameter_sets"] = {one["name"]: one["digest"] for one in sets}
    return kept


def _silent(text: str) -> None:
    pass
