"""What a campaign tells the outside world: the protocol that a tracking service implements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, final

from padesign.design.trial import Candidate, Option

_NOTHING: Mapping[str, Path] = {}


@final
@dataclass(frozen=True)
class CampaignInfo:
    """What is known of a campaign when it starts or is resumed.

    `campaign_id` is the same for every session of one run folder. `resolved` are the settings with all defaults,
    `parameter_set` has `name`, `digest` and whatever else tells where the physical numbers come from.
    """

    campaign_id: str
    name: str
    folder: Path
    objective: str
    unit: str
    maximise: bool
    choices: Mapping[str, Sequence[Option]]
    settings: Mapping[str, Any]
    resolved: Mapping[str, Any] = field(default_factory=dict)
    parameter_set: Mapping[str, Any] | None = None


class Tracker(Protocol):
    """A view of the campaign. The run folder is the truth, so a tracker never raises for want of its service.

    A resumed campaign calls `trial_finished` again for every trial of the earlier sessions: a tracker adds those it
    lacks and leaves the others alone.
    """

    def start_campaign(self, info: CampaignInfo) -> None: ...

    def trial_finished(
        self,
        number: int,
        choice: Mapping[str, Option],
        candidate: Candidate,
        duration_s: float,
        *,
        seed: int = 0,
        finished_at_s: float | None = None,
        artifacts: Mapping[str, Path] = _NOTHING,
    ) -> None:
        """One trial has ended; `artifacts` maps a name inside the trial to a file or folder."""
        ...

    def finish(self, summary: Mapping[str, Any], artifacts: Mapping[str, Path]) -> None:
        """The session has ended; `summary["stopped_because"]` says why."""
        ...


@final
class NullTracker:
    """Tells nobody."""

    def start_campaign(self, info: CampaignInfo) -> None:
        pass

    def trial_finished(
        self,
        number: int,
        choice: Mapping[str, Option],
        candidate: Candidate,
        duration_s: float,
        *,
        seed: int = 0,
        finished_at_s: float | None = None,
        artifacts: Mapping[str, Path] = _NOTHING,
    ) -> None:
        pass

    def finish(self, summary: Mapping[str, Any], artifacts: Mapping[str, Path]) -> None:
        pass
