"""The journal: which trials were proposed, which are finished, and what Optuna was told about them.

The truth on disk is `study.journal` (Optuna's log of operations) together with `trials/NNNN.json` (the answers).
A trial has a number that never changes. An answer is on disk before Optuna is told, so at any moment a trial is
either finished (its file exists) or it is to be done, under the same number, choice and start seed.
"""

from __future__ import annotations

import json
import logging
import math
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import optuna
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from padesign.design.trial import Candidate, Option
from padesign.errors import InputError
from padesign.search.runfolder import RunFolder, TrialRecord, plain
from padesign.search.sampler import GivenSampler, Refusal, build_sampler, derive_seed, drawn_choice

_log = logging.getLogger("padesign")
_NUMBER, _CHOICE, _OUTCOME = "padesign.number", "padesign.choice", "padesign.outcome"
_IDENTITY, _ID = "padesign.identity", "padesign.campaign_id"
_OUTCOME_CONSTRAINT = "padesign.outcome"
_KNOWN, _REFUSED, _IMPOSSIBLE = "padesign.known_design", "padesign.refused_for", "padesign.impossible_for"
_LIMITS = "padesign.limits"
"""Constraint that an impossible choice breaks, as Optuna is told."""
_MOST_IMPOSSIBLE = 10
"""Impossible proposals for a number, before a possible choice is drawn at random."""
_BROKEN = 1e6
"""What Optuna is told of a constraint whose violation has no finite number, and of a trial that has no result."""


@final
@dataclass(frozen=True)
class Proposal:
    """One trial to be done; `answered` holds its record when the answer is on disk already.

    `settled`: it has had its number for longer, or stands for a known design, so it is done without question.
    `refused` proposals for this number came before, not counting impossible ones.
    """

    number: int
    choice: Mapping[str, Option]
    seed: int
    answered: TrialRecord | None
    trial: Trial
    settled: bool
    refused: int


@final
class Journal:
    """The campaign's memory. Open it only while the run folder is locked."""

    def __init__(
        self,
        folder: RunFolder,
        choices: Mapping[str, Sequence[Option]],
        *,
        seed: int,
        maximise: bool,
        identity: Mapping[str, Any],
        parents: Mapping[str, tuple[str, Option]] | None = None,
        known_designs: Sequence[Mapping[str, Option]] = (),
        storage: str | None = None,
    ) -> None:
        """Open or begin the journal in `folder` and set right what a crash has left.

        `parents` names the choices that mean something only while another has one option: they are not asked
        otherwise. A new search begins with `known_designs`. `storage` is the address of a database for Optuna's part,
        by default `study.journal` in the folder. Raises `InputError` when the journal belongs to another
        search (`identity` differs) or is damaged.
        """
        self._folder, self._choices, self._seed, self._maximise = folder, choices, seed, maximise
        self._parents = dict(parents or {})
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        _mend(folder)
        try:
            self._storage = _database(storage) if storage else JournalStorage(JournalFileBackend(str(folder.journal)))
            self._study = optuna.create_study(
                study_name="padesign" if storage is None else folder.name,
                storage=self._storage,
                direction="maximize" if maximise else "minimize",
                load_if_exists=True,
            )
        except (ValueError, KeyError) as error:
            raise InputError(
                f"`{folder.journal}` is damaged: {error}", cure="Restore it from a copy, or start a new run."
            ) from error
        except OSError as error:
            raise InputError(f"`{folder.journal}` cannot be written: {error}", cure="Check its permissions.") from error
        self._check(identity)
        self.records: dict[int, TrialRecord] = {}
        self._highest = -1
        self._recover()
        self._begin_with(known_designs)

    def close(self) -> None:
        """Let go of the database."""
        if isinstance(self._storage, RDBStorage):
            self._storage.remove_session()
            self._storage.engine.dispose()

    @property
    def campaign_id(self) -> str:
        return self._study.user_attrs[_ID]

    def ask(self, sampler: str, refusal: Refusal) -> Proposal:
        """The next trial: one that was left behind, or a new one. Say `accept` or `refuse` of it.

        Proposals that `refusal` says something of are told to Optuna as broken constraints and never returned.
        """
        number = self._highest + 1
        while True:
            proposal = self._ask(sampler, number, refusal)
            if proposal.settled or not refusal(proposal.choice):
                return proposal
            proposal.trial.set_user_attr(_IMPOSSIBLE, number)
            proposal.trial.set_constraint(_LIMITS, _BROKEN)
            self._study.tell(proposal.trial, state=TrialState.PRUNED)

    def _ask(self, sampler: str, number: int, refusal: Refusal) -> Proposal:
        earlier = [trial.user_attrs for trial in self._study.get_trials(deepcopy=False)]
        refused = sum(attrs.get(_REFUSED) == number for attrs in earlier)
        impossible = sum(attrs.get(_IMPOSSIBLE) == number for attrs in earlier)
        context, attempt = (self._choices, self._parents), refused + impossible
        if impossible < _MOST_IMPOSSIBLE:
            self._study.sampler = build_sampler(sampler, self._seed, number, *context, attempt, refusal)
        else:
            own = derive_seed(self._seed, number, f"possible {attempt}")
            self._study.sampler = GivenSampler(drawn_choice(*context, refusal, own))
        trial = self._study.ask()
        for name, options in self._choices.items():
            parent, option = self._parents.get(name, ("", ""))
            if not parent or trial.params.get(parent) == option:
                trial.suggest_categorical(name, list(options))
        attrs = trial.user_attrs
        settled = _NUMBER in attrs or _KNOWN in attrs
        number = attrs.get(_NUMBER, number)
        seed = derive_seed(self._seed, number, "start")
        answered = self._folder.read_trial(number) if _NUMBER in attrs else None
        return Proposal(number, dict(trial.params), seed, answered, trial, settled, refused)

    def accept(self, proposal: Proposal) -> None:
        """The proposal becomes the trial of its number."""
        if _NUMBER not in proposal.trial.user_attrs:
            proposal.trial.set_user_attr(_NUMBER, proposal.number)
        self._highest = max(self._highest, proposal.number)

    def refuse(self, proposal: Proposal) -> None:
        """The proposal is not computed; the next one for this number will be another."""
        proposal.trial.set_user_attr(_REFUSED, proposal.number)
        self._study.tell(proposal.trial, state=TrialState.FAIL)

    def tell(self, proposal: Proposal, record: TrialRecord) -> None:
        """Put the answer on disk, then tell Optuna."""
        if proposal.answered is None:
            self._folder.write_trial(record)
        trial, value = proposal.trial, guidance(record.candidate, self._maximise)
        trial.set_user_attr(_OUTCOME, record.candidate.outcome)
        if value is None:
            self._study.tell(trial, state=TrialState.FAIL)
        else:
            for name, violation in told_constraints(record.candidate).items():
                trial.set_constraint(name, violation)
            self._study.tell(trial, value)
        self.records[record.number] = record

    def _check(self, identity: Mapping[str, Any]) -> None:
        here = json.loads(json.dumps(plain(identity)))
        there = self._study.user_attrs.get(_IDENTITY)
        if there is None:
            if self._study.get_trials(deepcopy=False):
                raise InputError(f"`{self._folder.journal}` was not written by padesign", cure="Start a new run.")
            self._study.set_user_attr(_IDENTITY, here)
        elif there != here:
            keys = ", ".join(sorted(_differences(there, here)))
            raise InputError(
                f"the run in `{self._folder.path}` searched something else; these differ: {keys}",
                cure="Resume with the settings of the run folder, or start a new run.",
            )
        if _ID not in self._study.user_attrs:
            self._study.set_user_attr(_ID, uuid.uuid4().hex)

    def _recover(self) -> None:
        """Keep what is finished; queue again what a crash has left, each under its own number."""
        trials = self._study.get_trials(deepcopy=False)
        latest: dict[int, FrozenTrial] = {}
        for trial in trials:
            if _NUMBER in trial.user_attrs:
                latest[trial.user_attrs[_NUMBER]] = trial
        on_disk = set(self._folder.trial_numbers())
        for number, trial in sorted(latest.items()):
            if trial.state is TrialState.COMPLETE or (trial.state is TrialState.FAIL and number in on_disk):
                record = self._folder.read_trial(number)
                if record is None:
                    raise InputError(
                        f"`{self._folder.trial_file(number)}` is missing, but the journal says trial {number} finished",
                        cure="Restore it from a copy, or start a new run.",
                    )
                self.records[number] = record
            elif trial.state is not TrialState.WAITING:
                self._enqueue(number, trial.user_attrs.get(_CHOICE, trial.params))
        for trial in trials:  # after queueing, so that a crash in between loses nothing
            if trial.state is TrialState.RUNNING:
                self._study.tell(trial.number, state=TrialState.FAIL)
        for number in sorted(on_disk - latest.keys()):  # answers newer than a journal that lost its last lines
            record = self._folder.read_trial(number)
            if record is not None:
                self._enqueue(number, record.choice)
        self._highest = max([-1, *latest, *on_disk])

    def _begin_with(self, choices: Sequence[Mapping[str, Option]]) -> None:
        """Queue known designs, each once, in a search that has no trial yet or was broken off while queueing."""
        trials = self._study.get_trials(deepcopy=False)
        queued = {
            trial.user_attrs[_KNOWN]
            for trial in trials
            if _KNOWN in trial.user_attrs and (trial.state is TrialState.WAITING or _NUMBER in trial.user_attrs)
        }
        if not queued and self._highest >= 0:
            return
        for place, choice in enumerate(choices):
            if place not in queued:
                self._study.enqueue_trial(dict(choice), user_attrs={_KNOWN: place, _CHOICE: dict(choice)})

    def _enqueue(self, number: int, choice: Mapping[str, Option]) -> None:
        self._study.enqueue_trial(dict(choice), user_attrs={_NUMBER: number, _CHOICE: dict(choice)})


def has_result(candidate: Candidate) -> bool:
    """Whether the candidate meets every constraint and has a number to claim."""
    return candidate.feasible and candidate.value is not None and math.isfinite(candidate.value)


def guidance(candidate: Candidate, maximise: bool) -> float | None:
    """The number Optuna is told: the honest value of a feasible design, else the loss turned so that worse is worse.

    None when there is no finite number. Values and losses share no scale, which is harmless: the sampler ranks designs
    that break constraints below all others, whatever their number.
    """
    if has_result(candidate):
        return candidate.value
    if candidate.outcome.startswith("error:") or not math.isfinite(candidate.loss):
        return None
    return float(-candidate.loss if maximise else candidate.loss)


def told_constraints(candidate: Candidate) -> dict[str, float]:
    """The violations as Optuna takes them (broken when positive), with one more for a trial without a result."""
    told = {
        name: float(violation) if math.isfinite(violation) else (-_BROKEN if violation < 0 else _BROKEN)
        for name, violation in candidate.violations.items()
    }
    solved = candidate.outcome == "ok" and candidate.value is not None and math.isfinite(candidate.value)
    return {**told, _OUTCOME_CONSTRAINT: 0.0 if solved else _BROKEN}


def _database(address: str) -> BaseStorage:
    """A database that Optuna keeps its trials in, such as postgresql+psycopg://host/name."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        return RDBStorage(address)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), "")
        cure = 'Check the address and that the server runs; PostgreSQL needs: pip install "padesign[postgresql]"'
        raise InputError(f"the database of `search.storage` cannot be used: {reason}", cure=cure) from error


def _mend(folder: RunFolder) -> None:
    """Clear what a killed process left: its lock on the journal, drafts, and a last line that it did not finish."""
    for pattern in (f"{folder.journal.name}.lock*", ".*.draft", "trials/.*.draft"):
        for leftover in folder.path.glob(pattern):
            leftover.unlink(missing_ok=True)
    if not folder.journal.exists():
        return
    data = folder.journal.read_bytes()
    lines = data.splitlines(keepends=True)
    while lines and not _whole(lines[-1]):
        lines.pop()
    kept = sum(map(len, lines))
    if kept < len(data):
        _log.warning("dropped %d bytes of an unfinished line at the end of %s", len(data) - kept, folder.journal)
        with folder.journal.open("r+b") as file:
            file.truncate(kept)


def _whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return line.endswith(b"\n")


def _differences(one: Any, other: Any, key: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        names = [*one, *(name for name in other if name not in one)]
        return [d for n in names for d in _differences(one.get(n), other.get(n), f"{key}.{n}" if key else str(n))]
    return [] if one == other else [key]
