"""A campaign: an outer search over discrete choices around the inner gradient refinement of each."""

from __future__ import annotations

import contextlib
import csv
import io
import logging
import math
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, final

from padesign.design.cost import EQUIVALENT, LEAST_TRIAL
from padesign.design.trial import AbstractProblem, Task
from padesign.errors import InputError
from padesign.search.engines import AbstractEngine, Answer, SerialEngine
from padesign.search.events import CampaignStarted, Event, InnerStep, Notice, TrialFinished, TrialStarted
from padesign.search.front import Front, find_front
from padesign.search.journal import Journal, Proposal, has_result
from padesign.search.repeats import go_on_from, rival, worth_repeating
from padesign.search.runfolder import RunFolder, TrialRecord, write_json, write_text
from padesign.search.tracker import CampaignInfo, NullTracker, Tracker

_log = logging.getLogger("padesign")
ALL_DONE, INTERRUPTED, TIME_LIMIT, BUDGET_SPENT = "all trials done", "interrupted", "time limit", "budget spent"
_SAME_FAILURE = 3
_RECENT = 10
_LOOK_s = 0.5
"""Longest wait for an answer before it is asked again whether to stop."""
_REFUSALS = 10
"""Proposals in a row that are known already, before one is explored again from new starts."""


@final
@dataclass(frozen=True)
class CampaignSettings:
    """How long to search and how.

    `trials` counts all trials of the run folder, so a larger number extends a run; `sampler` is one of
    `padesign.search.sampler.SAMPLERS`; `time_limit_s` holds for one session, and the running trial is finished;
    `patience` stops when so many trials in a row brought no better design; `storage` is the address of a database for
    what Optuna remembers, by default a file in the run folder. `budget` stops when all trials together have computed
    so many curve equivalents (`padesign.design.cost`); the last ones are cut short.
    """

    trials: int
    seed: int = 0
    sampler: str = "tpe"
    time_limit_s: float | None = None
    patience: int | None = None
    storage: str | None = None
    budget: float | None = None

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise InputError(f"`trials` must be at least 1, but is {self.trials}", path=("trials",))
        if self.time_limit_s is not None and not self.time_limit_s > 0:
            raise InputError(f"`time_limit_s` must be positive, but is {self.time_limit_s}", path=("time_limit_s",))
        if self.budget is not None and not self.budget > 0:
            raise InputError(f"`budget` must be positive, but is {self.budget}", path=("budget",))
        if self.patience is not None and self.patience < 1:
            raise InputError(f"`patience` must be at least 1, but is {self.patience}", path=("patience",))


def seconds_per_trial(durations_s: Sequence[float], slots: int = 1) -> float:
    """Mean of the last trials, in seconds; the first one of every slot counts only alone, since it compiles."""
    warm = durations_s[slots:] or durations_s
    recent = warm[-_RECENT:]
    return sum(recent) / len(recent)


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
    aims: Mapping[str, bool] = field(default_factory=dict)

    @property
    def front(self) -> Front | None:
        """The Pareto front of several aims."""
        return find_front(self.trials, self.aims)

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
            "front": None if self.front is None else self.front.to_json(),
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
    `make_engine` says where trials are computed, by default in this process.
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
        make_engine: Callable[[], AbstractEngine] | None = None,
    ) -> None:
        self._make_engine = make_engine or (lambda: SerialEngine(problem, self._step))
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
        with (
            self._folder.lock(),
            interrupts(self._tell) as interrupted,
            contextlib.closing(self._open()) as journal,
        ):
            self._tracker.start_campaign(self._info(journal.campaign_id))
            for number in sorted(journal.records):
                self._track(journal.records[number])
            self._emit(CampaignStarted(len(journal.records), self._settings.trials))
            engine = self._make_engine()
            try:
                reason = self._search(journal, engine, begin, interrupted)
            finally:
                engine.close()
            result = self._result(journal, reason, time.monotonic() - begin)
            artifacts = write_tables(result, self._folder)
            try:
                if self._report is not None:
                    artifacts.update(self._report(result))
            finally:
                self._tracker.finish(result.to_json(), artifacts)
        return result

    def _step(self, number: int, step: int, values: Mapping[str, float]) -> None:
        self._emit(InnerStep(number, step, values))

    def _tell(self, text: str) -> None:
        self._emit(Notice(text))

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
        return Journal(
            self._folder,
            choices,
            seed=seed,
            maximise=problem.maximise,
            identity=identity,
            parents=problem.parents,
            storage=self._settings.storage,
            known_designs=() if self._settings.sampler == "brute" else problem.seeds,
        )

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

    def _search(self, journal: Journal, engine: AbstractEngine, begin: float, interrupted: threading.Event) -> str:
        """Keep the engine busy until there is a reason to stop, then wait for what runs."""
        running: dict[int, Proposal] = {}
        first: list[Answer] = []  # of this session
        reason = ""
        while True:
            reason = reason or self._reason_to_stop(journal, begin, interrupted, first)
            if reason:
                for number in engine.withdraw():
                    del running[number]
                if not running:
                    return reason
            elif len(running) < engine.slots and len(journal.records) + len(running) < self._settings.trials:
                self._begin_one(journal, engine, running)
                continue
            for answer in engine.wait(_LOOK_s):
                proposal = running.pop(answer.number)
                record = TrialRecord(
                    answer.number,
                    proposal.choice,
                    proposal.seed,
                    answer.candidate,
                    answer.duration_s,
                    answer.finished_at_s,
                    answer.traceback,
                )
                self._finish_one(journal, proposal, record, engine.slots)
                engine.settled(answer.number)
                if len(first) < _SAME_FAILURE:
                    first.append(answer)

    def _reason_to_stop(
        self, journal: Journal, begin: float, interrupted: threading.Event, first: Sequence[Answer]
    ) -> str:
        settings = self._settings
        if len(first) == _SAME_FAILURE and first[0].where and len({answer.where for answer in first}) == 1:
            return (
                f"the first {_SAME_FAILURE} trials failed the same way: {first[-1].candidate.outcome}; "
                f"the traceback is in {self._folder.trial_file(first[-1].number)}"
            )
        if len(journal.records) >= settings.trials:
            return ALL_DONE
        if interrupted.is_set():
            return INTERRUPTED
        if settings.time_limit_s is not None and time.monotonic() - begin >= settings.time_limit_s:
            return TIME_LIMIT
        if settings.budget is not None and settings.budget - _spent(journal) < LEAST_TRIAL:
            return BUDGET_SPENT
        if settings.patience is not None and _since_best(journal.records, self._problem.maximise) >= settings.patience:
            return f"no better design in the last {settings.patience} trials"
        return ""

    def _begin_one(self, journal: Journal, engine: AbstractEngine, running: dict[int, Proposal]) -> None:
        """Propose a trial and hand it to the engine; one whose answer outlived the end of the journal is only told."""
        best = next(iter(rank(journal.records.values(), self._problem.maximise)), None)
        best = best if best is not None and has_result(best.candidate) else None
        while True:
            proposal = journal.ask(self._settings.sampler, self._problem.refusal)
            earlier = self._earlier(journal, proposal)
            if proposal.settled or proposal.refused >= _REFUSALS or self._settings.sampler == "brute":
                break
            topology = self._problem.topology(proposal.choice)
            alike = sum(self._problem.topology(other.choice) == topology for other in running.values())
            if worth_repeating(earlier, best, self._problem.maximise, alike):
                break
            journal.refuse(proposal)
        journal.accept(proposal)
        self._emit(TrialStarted(proposal.number, self._settings.trials, proposal.choice))
        if proposal.answered is not None:
            self._finish_one(journal, proposal, proposal.answered, engine.slots)
            return
        running[proposal.number] = proposal
        task = Task(
            proposal.choice,
            proposal.seed,
            len(earlier),
            rival(journal.records.values()),
            go_on_from(earlier, best),
            self._left(journal, engine.slots),
        )
        engine.submit(proposal.number, task)

    def _left(self, journal: Journal, slots: int) -> float | None:
        """What each of so many trials at a time may spend of what is left of the budget."""
        budget = self._settings.budget
        return None if budget is None else (budget - _spent(journal)) / slots

    def _earlier(self, journal: Journal, proposal: Proposal) -> list[TrialRecord]:
        """Finished trials of the same topology."""
        topology = self._problem.topology(proposal.choice)
        return [r for r in journal.records.values() if self._problem.topology(r.choice) == topology]

    def _finish_one(self, journal: Journal, proposal: Proposal, record: TrialRecord, slots: int) -> None:
        journal.tell(proposal, record)
        self._track(record)
        self._emit(self._progress(journal, record, slots))

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

    def _progress(self, journal: Journal, record: TrialRecord, slots: int) -> TrialFinished:
        records, total = journal.records, self._settings.trials
        mean = seconds_per_trial([records[number].duration_s for number in sorted(records)], slots)
        ranked = rank(records.values(), self._problem.maximise)
        feasible = [r for r in ranked if has_result(r.candidate)]
        return TrialFinished(
            record=record,
            finished=len(records),
            total=total,
            best=feasible[0] if feasible else None,
            feasible_share=len(feasible) / len(records),
            trial_s=mean,
            left_s=mean * max(0, total - len(records)) / slots,
        )

    def _result(self, journal: Journal, reason: str, session_s: float) -> CampaignResult:
        problem = self._problem
        trials = rank(journal.records.values(), problem.maximise)
        return CampaignResult(
            self._folder.path,
            problem.objective_name,
            problem.unit,
            problem.maximise,
            trials,
            reason,
            session_s,
            problem.aims,
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


def _spent(journal: Journal) -> float:
    return sum(record.candidate.cost.get(EQUIVALENT, 0.0) for record in journal.records.values())


def _since_best(records: Mapping[int, TrialRecord], maximise: bool) -> int:
    """How many trials ended after the best feasible one; 0 while none is feasible."""
    ranked = rank(records.values(), maximise)
    if not ranked or not has_result(ranked[0].candidate):
        return 0
    return sum(number > ranked[0].number for number in records)


@contextmanager
def interrupts(tell: Callable[[str], None]) -> Iterator[threading.Event]:
    """Turn the first SIGINT or SIGTERM into an event and the second into `KeyboardInterrupt`."""
    asked = threading.Event()

    def handle(signum: int, frame: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        tell("stopping after the running trial; interrupt again to stop at once")

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
