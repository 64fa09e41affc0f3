"""A campaign: an outer search over discrete choices around the inner gradient refinement of each."""

from __future__ import annotations

import csv
import io
import logging
import math
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, final

from padesign.design.trial import AbstractProblem, Candidate, Option
from padesign.errors import InputError
from padesign.search.journal import Journal, Proposal, has_result
from padesign.search.runfolder import RunFolder, TrialRecord, write_json, write_text
from padesign.search.tracker import CampaignInfo, NullTracker, Tracker

_log = logging.getLogger("padesign")
ALL_DONE, INTERRUPTED, TIME_LIMIT = "all trials done", "interrupted", "time limit"
_SAME_FAILURE = 3
_RECENT = 10


@final
@dataclass(frozen=True)
class CampaignSettings:
    """How long to search and how.

    `trials` counts all trials of the run folder, so a larger number extends a run; `sampler` is one of
    `padesign.search.sampler.SAMPLERS`; `time_limit_s` holds for one session, and the running trial is finished;
    `patience` stops when so many trials in a row brought no better design.
    """

    trials: int
    seed: int = 0
    sampler: str = "tpe"
    time_limit_s: float | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise InputError(f"`trials` must be at least 1, but is {self.trials}", path=("trials",))
        if self.time_limit_s is not None and not self.time_limit_s > 0:
            raise InputError(f"`time_limit_s` must be positive, but is {self.time_limit_s}", path=("time_limit_s",))
        if self.patience is not None and self.patience < 1:
            raise InputError(f"`patience` must be at least 1, but is {self.patience}", path=("patience",))


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


@final
@dataclass(frozen=True)
class CampaignResult:
    """What a campaign has found: `trials` sorted best first."""

    folder: Path
    objective: str
    unit: str
    maximise: bool
    trials: tuple[TrialRecord, ...]
    stopped_because: str
    session_s: float

    @property
    def best(self) -> TrialRecord | None:
        """The best trial that meets every constraint; None when there is none."""
        return self.trials[0] if self.trials and has_result(self.trials[0].candidate) else None

    @property
    def feasible(self) -> int:
        return sum(has_result(record.candidate) for record in self.trials)

    @property
    def feasible_share(self) -> float:
        return self.feasible / len(self.trials) if self.trials else 0.0

    def to_json(self) -> dict[str, Any]:
        best = self.best
        outcomes: dict[str, int] = {}
        for record in self.trials:
            outcomes[record.candidate.outcome] = outcomes.get(record.candidate.outcome, 0) + 1
        return {
            "objective": self.objective,
            "unit": self.unit,
            "maximise": self.maximise,
            "stopped_because": self.stopped_because,
            "trials": len(self.trials),
            "feasible": self.feasible,
            "feasible_share": self.feasible_share,
            "outcomes": outcomes,
            "trial_s_total": sum(record.duration_s for record in self.trials),
            "best": None
            if best is None
            else {
                "number": best.number,
                "value": best.candidate.value,
                "choice": dict(best.choice),
                "metrics": dict(best.candidate.metrics),
                "design": best.candidate.design,
            },
        }


@final
class Campaign:
    """One search in one run folder; the same call begins it, resumes it and extends it.

    **Arguments:** `identity` is what must not change between sessions besides the discrete choices, the objective and
    the seed (the bounds of the run file, say); `parameter_set` is handed to the tracker; `trial_artifacts` makes the
    files of one trial (a figure) and `report` those of the campaign (figures, recipes), each as name -> path. A resumed
    campaign asks for the files of its earlier trials again, so let `trial_artifacts` return those that it made before.
    """

    def __init__(
        self,
        problem: AbstractProblem,
        settings: CampaignSettings,
        folder: RunFolder,
        tracker: Tracker | None = None,
        on_event: Callable[[Event], None] | None = None,
        *,
        identity: Mapping[str, Any] | None = None,
        parameter_set: Mapping[str, Any] | None = None,
        trial_artifacts: Callable[[TrialRecord], Mapping[str, Path]] | None = None,
        report: Callable[[CampaignResult], Mapping[str, Path]] | None = None,
    ) -> None:
        self._problem, self._settings, self._folder = problem, settings, folder
        self._tracker: Tracker = tracker if tracker is not None else NullTracker()
        self._emit = on_event if on_event is not None else _ignore
        self._identity, self._parameter_set = dict(identity or {}), parameter_set
        self._trial_artifacts, self._report = trial_artifacts, report

    def run(self) -> CampaignResult:
        """Search until the trials are done, the time is up, patience ends or the user interrupts.

        The first Ctrl-C (or SIGTERM) ends the session after the running trial; the second raises `KeyboardInterrupt`
        at once, and a later session does the broken-off trial again. Raises `InputError` when the folder is in use,
        cannot be written, or holds another search.
        """
        begin = time.monotonic()
        with self._folder.lock(), _interrupts(self._emit) as interrupted:
            journal = self._open()
            self._tracker.start_campaign(self._info(journal.campaign_id))
            for number in sorted(journal.records):
                self._track(journal.records[number])
            self._emit(CampaignStarted(len(journal.records), self._settings.trials))
            reason = self._search(journal, begin, interrupted)
            result = self._result(journal, reason, time.monotonic() - begin)
            artifacts = write_tables(result, self._folder)
            try:
                if self._report is not None:
                    artifacts.update(self._report(result))
            finally:
                self._tracker.finish(result.to_json(), artifacts)
        return result

    def _open(self) -> Journal:
        problem, seed = self._problem, self._settings.seed
        choices = {name: tuple(options) for name, options in problem.choices.items()}
        empty = [name for name, options in choices.items() if not options]
        if empty:
            raise InputError(f"`{empty[0]}` offers no option", cure="Offer at least one, or leave it out.")
        identity = {
            **self._identity,
            "seed": seed,
            "choices": choices,
            "objective": problem.objective_name,
            "unit": problem.unit,
            "maximise": problem.maximise,
        }
        return Journal(self._folder, choices, seed=seed, maximise=problem.maximise, identity=identity)

    def _info(self, campaign_id: str) -> CampaignInfo:
        problem = self._problem
        return CampaignInfo(
            campaign_id=campaign_id,
            name=self._folder.name,
            folder=self._folder.path,
            objective=problem.objective_name,
            unit=problem.unit,
            maximise=problem.maximise,
            choices={name: tuple(options) for name, options in problem.choices.items()},
            settings=asdict(self._settings),
            resolved=self._folder.read_resolved(),
            parameter_set=self._parameter_set,
        )

    def _search(self, journal: Journal, begin: float, interrupted: threading.Event) -> str:
        failures: list[str] = []  # of this session, "" for a trial that did not raise
        while len(journal.records) < self._settings.trials:
            if interrupted.is_set():
                return INTERRUPTED
            limit = self._settings.time_limit_s
            if limit is not None and time.monotonic() - begin >= limit:
                return TIME_LIMIT
            patience = self._settings.patience
            if patience is not None and _since_best(journal.records, self._problem.maximise) >= patience:
                return f"no better design in the last {patience} trials"
            proposal = journal.ask(self._settings.sampler)
            self._emit(TrialStarted(proposal.number, self._settings.trials, proposal.choice))
            record, failure = self._do(proposal)
            journal.tell(proposal, record)
            self._track(record)
            self._emit(self._progress(journal, record))
            failures.append(failure)
            if len(failures) == _SAME_FAILURE and failures[0] and len(set(failures)) == 1:
                return (
                    f"the first {_SAME_FAILURE} trials failed the same way: {record.candidate.outcome}; "
                    f"the traceback is in {self._folder.trial_file(record.number)}"
                )
        return ALL_DONE

    def _do(self, proposal: Proposal) -> tuple[TrialRecord, str]:
        """Refine one choice; an exception becomes a record. Also says where it was raised, "" when it was not."""
        if proposal.answered is not None:
            return proposal.answered, ""
        begin, where, text = time.monotonic(), "", ""

        def on_step(step: int, values: Mapping[str, float]) -> None:
            self._emit(InnerStep(proposal.number, step, values))

        try:
            candidate = self._problem.refine(proposal.choice, proposal.seed, on_step)
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{type(error).__name__} at {frame.filename}:{frame.lineno}"
            text = traceback.format_exc()
            first_line = next(iter(str(error).splitlines()), "")
            candidate = Candidate(f"error: {type(error).__name__}: {first_line}", None, math.inf, {}, {}, {})
        duration = time.monotonic() - begin
        record = TrialRecord(proposal.number, proposal.choice, proposal.seed, candidate, duration, time.time(), text)
        return record, where

    def _track(self, record: TrialRecord) -> None:
        artifacts: Mapping[str, Path] = {}
        if self._trial_artifacts is not None:
            try:
                artifacts = self._trial_artifacts(record)
            except Exception as error:
                _log.warning("no artifacts for trial %d: %s", record.number, error)
        self._tracker.trial_finished(
            record.number,
            record.choice,
            record.candidate,
            record.duration_s,
            seed=record.seed,
            finished_at_s=record.finished_at_s,
            artifacts=artifacts,
        )

    def _progress(self, journal: Journal, record: TrialRecord) -> TrialFinished:
        records, total = journal.records, self._settings.trials
        recent = [records[number].duration_s for number in sorted(records)[-_RECENT:]]
        mean = sum(recent) / len(recent)
        ranked = rank(records.values(), self._problem.maximise)
        feasible = [r for r in ranked if has_result(r.candidate)]
        return TrialFinished(
            record=record,
            finished=len(records),
            total=total,
            best=feasible[0] if feasible else None,
            feasible_share=len(feasible) / len(records),
            trial_s=mean,
            left_s=mean * max(0, total - len(records)),
        )

    def _result(self, journal: Journal, reason: str, session_s: float) -> CampaignResult:
        problem = self._problem
        trials = rank(journal.records.values(), problem.maximise)
        return CampaignResult(
            self._folder.path, problem.objective_name, problem.unit, problem.maximise, trials, reason, session_s
        )


def rank(records: Iterable[TrialRecord], maximise: bool) -> tuple[TrialRecord, ...]:
    """Best first: feasible designs by value, then those that break constraints by how much, then those without result.

    Violations of different units are added only to order designs that all fail.
    """

    def key(record: TrialRecord) -> tuple[int, float, int]:
        candidate = record.candidate
        if has_result(candidate) and candidate.value is not None:
            return 0, -candidate.value if maximise else candidate.value, record.number
        if candidate.outcome == "ok":
            broken = sum(max(0.0, v) if math.isfinite(v) else math.inf for v in candidate.violations.values())
            return 1, broken, record.number
        return 2, candidate.loss if math.isfinite(candidate.loss) else math.inf, record.number

    return tuple(sorted(records, key=key))


def write_tables(result: CampaignResult, folder: RunFolder) -> dict[str, Path]:
    """Write `designs.csv` (one row per trial, best first) and `summary.json`; the paths by name."""
    rows = []
    for place, record in enumerate(result.trials, start=1):
        candidate = record.candidate
        rows.append(
            {
                "rank": place,
                "trial": record.number,
                "feasible": has_result(candidate),
                "outcome": candidate.outcome,
                f"{result.objective} [{result.unit}]": candidate.value,
                "loss": candidate.loss,
                "duration [s]": round(record.duration_s, 3),
                **flat(record.choice, "choice"),
                **flat(candidate.violations, "violation"),
                **flat(candidate.metrics, "metric"),
                **flat(candidate.design, "design"),
            }
        )
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(folder.designs, text.getvalue())
    write_json(folder.summary, result.to_json())
    return {folder.designs.name: folder.designs, folder.summary.name: folder.summary}


def flat(value: Any, key: str) -> dict[str, Any]:
    """Nested mappings and lists as dotted keys."""
    if isinstance(value, Mapping):
        items = [(str(name), item) for name, item in value.items()]
    elif isinstance(value, (list, tuple)):
        items = [(str(place), item) for place, item in enumerate(value)]
    else:
        return {key: value}
    return {k: v for name, item in items for k, v in flat(item, f"{key}.{name}" if key else name).items()}


def _since_best(records: Mapping[int, TrialRecord], maximise: bool) -> int:
    """How many trials ended after the best feasible one; 0 while none is feasible."""
    ranked = rank(records.values(), maximise)
    if not ranked or not has_result(ranked[0].candidate):
        return 0
    return sum(number > ranked[0].number for number in records)


@contextmanager
def _interrupts(emit: Callable[[Event], None]) -> Iterator[threading.Event]:
    """Turn the first SIGINT or SIGTERM into an event and the second into `KeyboardInterrupt`."""
    asked = threading.Event()

    def handle(signum: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        emit(Notice("stopping after the running trial; interrupt again to stop at once"))

    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore(event: Event) -> None:
    pass
