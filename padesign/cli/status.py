"""`padesign status`: how far a run is, read from its folder while it runs or after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from padesign.cli.campaign import read_run
from padesign.cli.console import emit, emit_json, number, shown
from padesign.cli.designs import Row, distinct_best, name_of_value, particle_of, print_designs, record
from padesign.config.build import build_objective, wants_more
from padesign.search import RunFolder, rank
from padesign.search.campaign import seconds_per_trial
from padesign.search.journal import has_result

_LISTED = 3


def show(path: Path, as_json: bool) -> int:
    """Print progress and the best designs so far."""
    folder = RunFolder.open(path)
    run = read_run(folder)
    objective = build_objective(run)
    records = folder.read_trials()
    ranked = rank(records, wants_more(run, objective))
    feasible = sum(has_result(one.candidate) for one in records)
    running = folder.is_held()
    rows = [
        Row(f"design {k} (trial {one.number})", one.candidate, particle_of(one.candidate), one.number)
        for k, one in enumerate(distinct_best(ranked, run.recipes.count or _LISTED), start=1)
    ]
    mean_s = seconds_per_trial([one.duration_s for one in records]) if records else 0.0
    left = max(run.search.trials - len(records), 0)
    outcomes: dict[str, int] = {}
    for one in records:
        outcomes[one.candidate.outcome] = outcomes.get(one.candidate.outcome, 0) + 1
    if as_json:
        data: dict[str, Any] = {
            "folder": str(folder.path),
            "name": run.name,
            "running": running,
            "finished": len(records),
            "total": run.search.trials,
            "feasible": feasible,
            "outcomes": outcomes,
            "objective": objective.name,
            "unit": objective.unit,
            "maximise": wants_more(run, objective),
            "definition": objective.statement,
            "best": rows[0].candidate.value if rows else None,
            "designs": [record(row, run) for row in rows],
            "left_s": left * mean_s if running else None,
        }
        emit_json(data)
        return 0
    state = "running" if running else "all trials done" if left == 0 else "stopped"
    emit(f"{shown(folder.path)}: {state}, {len(records)} of {run.search.trials} trials, {feasible} feasible")
    if running and left and records:
        emit(f"about {number(left * mean_s / 60.0, 2)} min left")
    if rows:
        title = "Best designs so far" if running or left else "Best designs"
        print_designs(title, name_of_value(run, objective.name), objective.unit, rows)
    elif records:
        emit("; ".join(f"{count} × {outcome}" for outcome, count in outcomes.items()))
    if not running and left:
        emit(f"go on with: padesign resume {shown(folder.path)}")
    return 0
