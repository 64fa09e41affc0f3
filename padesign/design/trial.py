"""What one trial of a search is asked, and what it answers: plain data that can be written to disk as JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

Option = str | int | float | bool
OnStep = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True)
class Candidate:
    """The answer of one trial: the refined design and its honest numbers.

    `outcome` is "ok" or the reason why there is no number ("did not converge", "no avalanche in the power range");
    `value` is the number claimed, in the objective's unit, and is None unless `outcome` is "ok".
    `loss` is what the gradients followed and is never reported as a result.
    `violations` maps a constraint to by how much it is broken (positive is broken), in the constraint's own unit.
    `design` is the resolved design (a fixed run file's `particle` and `excitation`), `metrics` further honest
    numbers, `history` one mapping per inner step, `curve` columns of the power curve, `cost` what the trial computed
    (see `padesign.design.cost`).
    """

    outcome: str
    value: float | None
    loss: float
    violations: Mapping[str, float]
    design: Mapping[str, Any]
    metrics: Mapping[str, float]
    history: Sequence[Mapping[str, float]] = ()
    curve: Mapping[str, Sequence[float]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    cost: Mapping[str, float] = field(default_factory=dict)

    @property
    def feasible(self) -> bool:
        return self.outcome == "ok" and all(v <= 0.0 for v in self.violations.values())

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Candidate:
        return cls(**record)


@dataclass(frozen=True)
class Task:
    """What one trial shall do: plain data, so that it may travel to another process.

    `repeat` counts the earlier trials of the same topology. `rival` is the smallest loss after every evaluation along
    the best descent so far; a descent that cannot be expected to reach its end is broken off. Empty when there is
    nothing to compare with. `start` is a design to go on from, the `particle` of a `Candidate`; `budget` how many curve
    equivalents (see `padesign.design.cost`) the search still may spend.
    """

    choice: Mapping[str, Option]
    seed: int
    repeat: int = 0
    rival: Sequence[float] = ()
    start: Mapping[str, Any] | None = None
    budget: float | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Task:
        return cls(**record)


class AbstractProblem(Protocol):
    """What a campaign needs to know of the design problem it searches."""

    @property
    def choices(self) -> Mapping[str, Sequence[Option]]:
        """Every discrete variable and its options, in a fixed order; empty when nothing is discrete."""
        ...

    @property
    def parents(self) -> Mapping[str, tuple[str, Option]]:
        """Discrete variables that mean something only while another one has this option; parents come first."""
        ...

    @property
    def seeds(self) -> Sequence[Mapping[str, Option]]:
        """Choices worth trying first: those of known designs."""
        ...

    def topology(self, choice: Mapping[str, Option]) -> str:
        """The canonical form of a choice: equal for choices whose designs are physically the same."""
        ...

    def refusal(self, choice: Mapping[str, Option]) -> str:
        """Empty, or why no design of this choice keeps every limit: it is not worth a trial."""
        ...

    @property
    def objective_name(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def aims(self) -> Mapping[str, bool]:
        """Metrics of which the Pareto front is wanted, and whether larger is better; empty for a single aim."""
        ...

    @property
    def maximise(self) -> bool: ...

    def refine(self, task: Task, on_step: OnStep) -> Candidate:
        """Improve the continuous variables of one choice by gradients, then judge the best design honestly."""
        ...
