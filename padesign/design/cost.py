"""What a search computes, counted in power curves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

EQUIVALENTS: Mapping[str, float] = MappingProxyType(
    {"screens": 0.6, "curves": 1.0, "gradients": 1.3, "checks": 2.2, "judgements": 3.3, "claims": 3.3},
)
"""Power curves (loss on the search grid) that cost as much: a loss guessed from the threshold alone, a curve, a loss
with its gradient, a judgement on the search grid of cells and half the steps in power, one on twice the cells, and one
of a particle of a batch. Measured with one cell per layer by `python -m experiments.benchmarks.search --costs`."""
LEAST_TRIAL = 20.0
"""Curve equivalents below which a trial is not begun: a few gradients and a judgement."""
EQUIVALENT = "curve_equivalents"


class Meter:
    """Counts one trial."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, what: str, count: int = 1) -> None:
        """One or more of the kinds of `EQUIVALENTS`."""
        self._counts[what] += count

    def total(self) -> dict[str, float]:
        """The count of each kind, and all together in `curve_equivalents`."""
        equivalents = sum(EQUIVALENTS[what] * count for what, count in self._counts.items())
        return {**{what: float(count) for what, count in self._counts.items()}, EQUIVALENT: equivalents}
