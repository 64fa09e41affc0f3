"""Several aims at once: which trials no other one beats in everything, what volume they cover, and which bends most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from padesign.search.journal import has_result
from padesign.search.runfolder import TrialRecord


@dataclass(frozen=True)
class Front:
    """The Pareto front among feasible trials, in ln of every aim.

    `trials` are numbers, ordered by the first aim, best first; `hypervolume` is that of what the front dominates down
    to `reference`, the worst value of every aim among the feasible trials; `knee` is the trial with the largest sum of
    gains when each aim counts from 0 to 1 along the front: the one farthest from the plane through its ends.
    """

    aims: Mapping[str, bool]
    trials: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    reference: tuple[float, ...]
    hypervolume: float
    knee: int

    def to_json(self) -> dict[str, Any]:
        return {
            "aims": {name: "larger" if more else "smaller" for name, more in self.aims.items()},
            "designs": [
                {"trial": trial, **dict(zip(self.aims, values, strict=True))}
                for trial, values in zip(self.trials, self.values, strict=True)
            ],
            "reference": dict(zip(self.aims, self.reference, strict=True)),
            "hypervolume_ln": self.hypervolume,
            "knee": self.knee,
        }


def find_front(records: Sequence[TrialRecord], aims: Mapping[str, bool]) -> Front | None:
    """The front of `aims` (metric -> whether larger is better); None with fewer than two aims or no feasible trial."""
    kept = [
        record
        for record in records
        if has_result(record.candidate)
        and all(math.isfinite(x := record.candidate.metrics.get(aim, math.nan)) and x > 0.0 for aim in aims)
    ]
    if len(aims) < 2 or not kept:
        return None
    sign = np.array([1.0 if more else -1.0 for more in aims.values()])
    gains = sign * np.log([[record.candidate.metrics[aim] for aim in aims] for record in kept])
    on = undominated(gains)
    on = on[np.argsort(-gains[on, 0], kind="stable")]
    worst = gains.min(axis=0)
    low, high = gains[on].min(axis=0), gains[on].max(axis=0)
    shares = (gains[on] - low) / np.where(high > low, high - low, 1.0)
    return Front(
        dict(aims),
        tuple(kept[k].number for k in on),
        tuple(tuple(kept[k].candidate.metrics[aim] for aim in aims) for k in on),
        tuple(np.exp(sign * worst).tolist()),
        hypervolume(gains[on] - worst),
        kept[on[int(np.argmax(shares.sum(axis=1)))]].number,
    )


def undominated(gains: np.ndarray) -> np.ndarray:
    """Places of the points (points, aims), larger is better, that no other point beats or equals in everything.

    Of equal points the first stays.
    """
    found = []
    for k, point in enumerate(gains):
        as_good = (gains >= point).all(axis=1)
        better = as_good & (gains > point).any(axis=1)
        if not better.any() and not as_good[:k].any():
            found.append(k)
    return np.array(found, dtype=int)


def hypervolume(gains: np.ndarray) -> float:
    """Volume between the origin and the points (points, aims) of non-negative numbers, by slices along the last aim."""
    if gains.shape[1] == 1:
        return float(gains.max(initial=0.0))
    order = gains[np.argsort(-gains[:, -1])]
    heights = np.append(order[:, -1], 0.0)
    return sum(
        (heights[k] - heights[k + 1]) * hypervolume(order[: k + 1, :-1])
        for k in range(len(order))
        if heights[k] > heights[k + 1]
    )
