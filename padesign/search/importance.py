"""Which numbers of a design decided its value among the trials of a run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

LEAST_TRIALS = 8
"""Fewer trials than this say nothing."""


def importances(
    columns: Mapping[str, Sequence[float]], values: Sequence[float | None], *, maximise: bool
) -> dict[str, float]:
    """Share of each column in what tells good trials from the others, summing to 1; empty where nothing can be said.

    PED-ANOVA (Watanabe et al., IJCAI 2023) as Optuna has it. `columns` hold one number per trial; trials without a
    value, and columns that do not vary, are left out.
    """
    rows = [k for k, value in enumerate(values) if value is not None and math.isfinite(value)]
    varied = {name: [float(column[k]) for k in rows] for name, column in columns.items()}
    varied = {name: column for name, column in varied.items() if max(column, default=0.0) > min(column, default=0.0)}
    if len(rows) < LEAST_TRIALS or not varied or len({values[k] for k in rows}) < 2:
        return {}
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(direction="maximize" if maximise else "minimize")
        limits = {
            name: optuna.distributions.FloatDistribution(min(column), max(column)) for name, column in varied.items()
        }
        for place, k in enumerate(rows):
            params = {name: column[place] for name, column in varied.items()}
            study.add_trial(optuna.trial.create_trial(params=params, distributions=dict(limits), value=values[k]))
        found = optuna.importance.get_param_importances(study)
    finally:
        optuna.logging.set_verbosity(level)
    return {name: share for name, share in found.items() if math.isfinite(share)}
