"""What a campaign tells those who watch it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from padesign.design.trial import Option
from padesign.search.runfolder import TrialRecord


@final
@dataclass(frozen=True)
class CampaignStarted:
    """The session begins with `finished` of `total` trials on disk."""

    finished: int
    total: int


@final
@dataclass(frozen=True)
class TrialStarted:
    number: int
    total: int
    choice: Mapping[str, Option]


@final
@dataclass(frozen=True)
class InnerStep:
    """One step of the inner optimisation of trial `number`."""

    number: int
    step: int
    values: Mapping[str, float]


@final
@dataclass(frozen=True)
class TrialFinished:
    """`best` is the best feasible trial so far; `trial_s` the mean over the last trials, `left_s` the time to go."""

    record: TrialRecord
    finished: int
    total: int
    best: TrialRecord | None
    feasible_share: float
    trial_s: float
    left_s: float


@final
@dataclass(frozen=True)
class Notice:
    """Something the user should read."""

    text: str


Event = CampaignStarted | TrialStarted | InnerStep | TrialFinished | Notice
