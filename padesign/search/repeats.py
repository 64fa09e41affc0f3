"""When a choice comes up again: whether new starts are worth it, and what a new trial is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from padesign.search.journal import has_result
from padesign.search.runfolder import TrialRecord

WITHIN = 0.1
"""A topology whose best value is within this share of the best of all is explored again."""
_TRIED_IN_VAIN = 2


def worth_repeating(earlier: Sequence[TrialRecord], best: TrialRecord | None, maximise: bool, running: int = 0) -> bool:
    """Whether another trial from new starts may pay for a topology that `earlier` trials, and `running` ones, explored.

    It may for the best topology and for those that come near it: their optimum may have been missed. While nothing
    meets the requirements, every topology gets two trials.
    """
    if not earlier and not running:
        return True
    if best is None or best.candidate.value is None:
        return len(earlier) + running < _TRIED_IN_VAIN
    values = [r.candidate.value for r in earlier if has_result(r.candidate) and r.candidate.value is not None]
    if not values:
        return False
    top = best.candidate.value
    return abs((max(values) if maximise else min(values)) - top) <= WITHIN * abs(top)


def go_on_from(earlier: Sequence[TrialRecord], best: TrialRecord | None) -> Mapping[str, Any] | None:
    """The particle that a trial begins with: the best one of all, if it is the last of its topology.

    Its descent may have ended early, and a new one forgets what the old one believed of the curvature. Once that was
    tried, a trial begins elsewhere.
    """
    if best is None or not earlier or best.number != max(record.number for record in earlier):
        return None
    return best.candidate.design.get("particle")


def rival(records: Iterable[TrialRecord]) -> tuple[float, ...]:
    """Smallest loss after every evaluation along the best descent of all trials; empty while there is none."""
    descents = [descent for record in records if (descent := _best_descent(record)) and has_result(record.candidate)]
    return min(descents, key=lambda losses: losses[-1], default=())


def _best_descent(record: TrialRecord) -> tuple[float, ...]:
    by_start: dict[float, list[float]] = {}
    for step in record.candidate.history:
        losses = by_start.setdefault(step.get("start", 0.0), [])
        losses.append(min(step["loss"], losses[-1]) if losses else step["loss"])
    return tuple(min(by_start.values(), key=lambda losses: losses[-1], default=()))
