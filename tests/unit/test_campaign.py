"""The outer search: what is kept, what is done again, what is refused."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from padesign.design.trial import Candidate
from padesign.errors import InputError
from padesign.search.campaign import (
    ALL_DONE,
    INTERRUPTED,
    TIME_LIMIT,
    Campaign,
    CampaignResult,
    CampaignSettings,
    seconds_per_trial,
)
from padesign.search.events import InnerStep, Notice, TrialFinished
from padesign.search.journal import guidance, told_constraints
from padesign.search.runfolder import RunFolder, TrialRecord
from padesign.search.sampler import build_sampler

CHOICES = {"host": ("NaYF4", "KPb2Cl5", "NaGdF4"), "shells": (0, 1, 2), "sensitised": (True, False)}
TRIALS = 4


class Killed(BaseException):
    """Stands for `kill -9`: nothing of ours catches it."""


class Fake:
    """The value is a pure function of choice and seed; `answer` may replace it, `on_call` runs before each answer."""

    objective_name, unit, maximise = "S", "1", True
    parents, seeds, aims = {}, (), {}

    def __init__(
        self, choices=CHOICES, answer: Callable[[int], Candidate] | None = None, on_call: Callable[[int], None] = id
    ) -> None:
        self.choices, self.answer, self.on_call, self.calls = choices, answer, on_call, []

    def topology(self, choice):
        return str(sorted(choice.items()))

    def refusal(self, choice):
        return ""

    def refine(self, task, on_step):
        choice, seed = task.choice, task.seed
        self.calls.append(seed)
        on_step(0, {"loss": 1.0})
        self.on_call(len(self.calls))
        if self.answer is not None:
            return self.answer(len(self.calls))
        value = 10.0 * choice.get("shells", 0) + (3.0 if choice.get("host") == "NaGdF4" else 0.0) + seed % 97 / 97
        return candidate(value)


def candidate(value: float | None = 1.0, **fields) -> Candidate:
    given = {"outcome": "ok", "loss": -(value or 0.0), "violations": {}, "design": {}, "metrics": {"rise_s": 0.5}}
    return Candidate(**{**given, "value": value, **fields})


def new_folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "test", "version: 1\n", {"version": 1})


def run(problem, folder: RunFolder, trials: int = TRIALS, on_event=None, seed: int = 7, **settings) -> CampaignResult:
    return Campaign(problem, CampaignSettings(trials, seed, **settings), folder, on_event=on_event).run()


def essence(folder: RunFolder) -> list[tuple]:
    return [(r.number, dict(r.choice), r.seed, r.candidate.value) for r in folder.read_trials()]


def optuna_trials(folder: RunFolder) -> list:
    storage = JournalStorage(JournalFileBackend(str(folder.journal)))
    return optuna.load_study(study_name="padesign", storage=storage).trials


def test_a_crash_at_any_write_leaves_the_same_search_as_no_crash(tmp_path, monkeypatch):
    """Break off before every single append to the journal in turn, break the recovery off too, then resume.

    Two start-up trials only, so that the learning sampler is at work and would show a history that differs.
    """
    monkeypatch.setattr("padesign.search.sampler._STARTUP_TRIALS", 2)
    monkeypatch.setattr(os, "fsync", lambda handle: None)
    reference = new_folder(tmp_path)
    run(Fake(), reference)
    append, allowed = JournalFileBackend.append_logs, [0]

    def fragile(self, logs):
        allowed[0] -= 1
        if allowed[0] < 0:
            raise Killed
        append(self, logs)

    monkeypatch.setattr(JournalFileBackend, "append_logs", fragile)
    for writes in range(1000):
        folder, sessions = new_folder(tmp_path), [writes, writes % 7, 1000]

        problem, ended = Fake(), []

        def never_again(call: int, problem: Fake = problem, folder: RunFolder = folder) -> None:
            assert problem.calls[-1] not in {record.seed for record in folder.read_trials()}, "a finished trial again"

        problem.on_call = never_again
        for allowed[0] in sessions:
            try:
                ended.append(run(problem, folder).stopped_because)
            except Killed:
                ended.append("killed")
        assert ended[-1] == ALL_DONE
        assert essence(folder) == essence(reference)
        told = [trial.state for trial in optuna_trials(folder)]
        assert told.count(TrialState.COMPLETE) == TRIALS
        assert TrialState.RUNNING not in told and TrialState.WAITING not in told
        if ended[0] == ALL_DONE:
            break
    assert writes > 6 * TRIALS


def test_an_interrupted_trial_runs_again_with_the_same_choice_and_seed_and_extending_adds_trials(tmp_path):
    def die_in_the_third(call: int) -> None:
        if call == 3:
            raise Killed

    folder, problem = new_folder(tmp_path), Fake(on_call=die_in_the_third)
    with pytest.raises(Killed):
        run(problem, folder)
    run(problem, folder)
    assert problem.calls[2] == problem.calls[3]
    assert len(set(problem.calls)) == TRIALS
    longer = run(problem, folder, trials=TRIALS + 2)
    assert len(problem.calls) == TRIALS + 1 + 2
    assert sorted(record.number for record in longer.trials) == list(range(TRIALS + 2))


def test_answers_outlive_a_journal_that_lost_its_last_lines(tmp_path):
    folder, problem = new_folder(tmp_path), Fake()
    run(problem, folder)
    before, lines = essence(folder), folder.journal.read_bytes().splitlines(keepends=True)
    folder.journal.write_bytes(b"".join(lines[: len(lines) // 2]) + b'{"op_code":5,"wor')
    (folder.path / "study.journal.lock").symlink_to(folder.journal)
    begin = time.monotonic()
    result = run(problem, folder)
    assert time.monotonic() - begin < 20, "optuna waits 30 s for the lock of a dead process"
    assert essence(folder) == before
    assert len(problem.calls) == TRIALS == len(result.trials)
    assert sum(trial.state is TrialState.COMPLETE for trial in optuna_trials(folder)) == TRIALS


def test_the_first_interrupt_ends_after_the_running_trial_and_the_second_at_once(tmp_path):
    def press(times: int, at: int) -> Callable[[int], None]:
        return lambda call: [os.kill(os.getpid(), signal.SIGINT) for _ in range(times if call == at else 0)] and None

    before, notices = signal.getsignal(signal.SIGINT), []
    folder = new_folder(tmp_path)
    result = run(Fake(on_call=press(1, at=2)), folder, on_event=notices.append)
    assert (result.stopped_because, len(result.trials)) == (INTERRUPTED, 2)
    assert any(isinstance(event, Notice) for event in notices)
    with pytest.raises(KeyboardInterrupt):
        run(Fake(on_call=press(2, at=1)), folder)
    assert signal.getsignal(signal.SIGINT) is before
    assert run(Fake(), folder).stopped_because == ALL_DONE


def test_sigterm_is_an_interrupt(tmp_path):
    result = run(Fake(on_call=lambda call: os.kill(os.getpid(), signal.SIGTERM)), new_folder(tmp_path))
    assert (result.stopped_because, len(result.trials)) == (INTERRUPTED, 1)


def test_a_trial_that_raises_is_recorded_and_the_search_goes_on(tmp_path):
    def odd(call: int) -> None:
        if call % 2:
            raise ZeroDivisionError("no light")

    folder = new_folder(tmp_path)
    result = run(Fake(on_call=odd), folder)
    assert result.stopped_because == ALL_DONE
    record = folder.read_trial(0)
    assert record is not None and record.candidate.outcome == "error: ZeroDivisionError: no light"
    assert "in odd" in record.traceback
    assert result.feasible_share == 0.5
    assert [t.state for t in optuna_trials(folder)] == [TrialState.FAIL, TrialState.COMPLETE] * 2
    again = Fake()
    run(again, folder)
    assert again.calls == [] and len(optuna_trials(folder)) == TRIALS, "a failed trial is finished too"


def test_three_failures_alike_from_the_start_end_the_search(tmp_path):
    def always(call: int) -> None:
        raise ValueError(f"call {call}")

    result = run(Fake(on_call=always), new_folder(tmp_path), trials=10)
    assert len(result.trials) == 3
    assert "failed the same way: error: ValueError: call 3" in result.stopped_because


def test_optuna_prefers_any_feasible_design_to_one_that_breaks_a_constraint_or_has_no_result(tmp_path):
    answers = {
        1: candidate(1e9, violations={"diameter_nm": 2.0}),
        2: candidate(None, outcome="no avalanche in the power range", loss=-1e9),
        3: candidate(1.0, violations={"diameter_nm": -3.0}),
        4: candidate(None, outcome="did not converge", loss=math.nan),
    }
    folder = new_folder(tmp_path)
    result = run(Fake(answer=answers.__getitem__), folder)
    storage = JournalStorage(JournalFileBackend(str(folder.journal)))
    assert optuna.load_study(study_name="padesign", storage=storage).best_trial.number == 2
    assert result.best is not None and result.best.number == 2
    assert [record.number for record in result.trials] == [2, 0, 1, 3]
    assert optuna_trials(folder)[3].state is TrialState.FAIL


@pytest.mark.parametrize("maximise", [True, False])
def test_a_worse_loss_guides_to_a_worse_number(maximise):
    better, worse = (guidance(candidate(None, outcome="no", loss=loss), maximise) for loss in (1.0, 2.0))
    assert better is not None and worse is not None
    assert (better > worse) is maximise
    assert guidance(candidate(4.0, loss=9.0), maximise) == 4.0


def test_a_violation_without_a_number_counts_as_broken():
    told = told_constraints(candidate(violations={"a": math.nan, "b": -math.inf}))
    assert told["a"] > 0 and told["b"] < 0 and all(map(math.isfinite, told.values()))


def test_resuming_with_another_search_space_is_refused_and_the_difference_named(tmp_path):
    folder = new_folder(tmp_path)
    run(Fake(), folder, trials=1)
    with pytest.raises(InputError, match=r"these differ: choices\.shells\n"):
        run(Fake({**CHOICES, "shells": (0, 1)}), folder)
    with pytest.raises(InputError, match="these differ: seed\n"):
        run(Fake(), folder, seed=8)


def test_two_processes_cannot_run_one_folder_but_the_lock_of_a_dead_one_is_taken_over(tmp_path):
    folder = new_folder(tmp_path)
    with folder.lock(), pytest.raises(InputError, match=f"being run by process {os.getpid()}"):
        run(Fake(), folder)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    lock = folder.path / "run.lock"
    holder = {"pid": child.pid, "host": os.uname().nodename, "started": "1"}
    lock.write_text(json.dumps(holder))
    assert run(Fake(), folder).stopped_because == ALL_DONE
    lock.write_text(json.dumps({**holder, "pid": os.getpid()}))  # the number is in use again, by another process
    assert run(Fake(), folder).stopped_because == ALL_DONE
    assert not lock.exists()
    lock.write_text(json.dumps({**holder, "host": "elsewhere"}))
    with pytest.raises(InputError, match="on elsewhere"):
        run(Fake(), folder)


def test_a_run_folder_is_made_whole_or_refused_with_a_cure(tmp_path):
    first, second = new_folder(tmp_path), new_folder(tmp_path)
    assert first.path != second.path
    assert first.config.read_text() == "version: 1\n" and first.read_resolved() == {"version": 1}
    assert RunFolder.open(first.path) == first
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([first.name, second.name])
    (tmp_path / "file").write_text("")
    for wrong in (
        lambda: RunFolder.create(tmp_path / "file", "test", "", {}),
        lambda: RunFolder.open(tmp_path / "nowhere"),
        lambda: RunFolder.open(tmp_path),
    ):
        with pytest.raises(InputError) as caught:
            wrong()
        assert caught.value.cure


def test_a_record_survives_the_disk_with_numbers_that_json_lacks(tmp_path):
    folder = new_folder(tmp_path)
    found = candidate(2.5, loss=math.inf, metrics={"a": math.nan, "b": -math.inf}, curve={"P_kW_cm2": [1.0, 2.0]})
    folder.write_trial(TrialRecord(3, {"host": "NaYF4"}, 11, found, 0.1, 1e9, "text"))
    strict = json.loads(folder.trial_file(3).read_text(), parse_constant=lambda word: pytest.fail(word))
    assert strict["candidate"]["loss"] == "Infinity"
    record = folder.read_trial(3)
    assert record is not None and record.candidate.loss == math.inf and math.isnan(record.candidate.metrics["a"])
    assert record.candidate.curve == {"P_kW_cm2": [1.0, 2.0]} and record.choice == {"host": "NaYF4"}


def test_patience_and_time_limit_end_the_search(tmp_path):
    worse = Fake(answer=lambda call: candidate(10.0 - call))
    result = run(worse, new_folder(tmp_path), trials=20, patience=3)
    assert len(result.trials) == 4 and "no better design in the last 3" in result.stopped_because
    folder = new_folder(tmp_path)
    assert run(Fake(), folder, time_limit_s=1e-9).stopped_because == TIME_LIMIT
    assert run(Fake(), folder, patience=1, trials=2).stopped_because != TIME_LIMIT


def test_patience_waits_while_nothing_is_feasible(tmp_path):
    broken = Fake(answer=lambda call: candidate(violations={"diameter_nm": 1.0}))
    assert run(broken, new_folder(tmp_path), trials=5, patience=2).stopped_because == ALL_DONE


def test_without_discrete_choices_each_trial_is_another_start(tmp_path):
    for sampler in ("tpe", "brute"):
        folder = new_folder(tmp_path)
        run(Fake(choices={}), folder, sampler=sampler)
        assert len({seed for _, _, seed, _ in essence(folder)}) == TRIALS


def test_the_time_that_is_left_does_not_count_what_the_first_trials_compiled():
    assert seconds_per_trial([90.0]) == 90.0
    assert seconds_per_trial([90.0, 4.0, 6.0]) == 5.0
    assert seconds_per_trial([90.0, 80.0, 4.0, 6.0], slots=2) == 5.0


def test_events_tell_the_progress(tmp_path):
    events: list = []
    run(Fake(), new_folder(tmp_path), on_event=events.append)
    ends = [event for event in events if isinstance(event, TrialFinished)]
    assert [(event.finished, event.total) for event in ends] == [(i + 1, TRIALS) for i in range(TRIALS)]
    assert ends[-1].left_s == 0.0 and ends[0].left_s == pytest.approx(3 * ends[0].trial_s)
    best = [event.best.candidate.value for event in ends if event.best is not None]
    assert best == sorted(best) and len(best) == TRIALS
    assert sum(isinstance(event, InnerStep) for event in events) == TRIALS


def test_the_brute_sampler_tries_every_combination_once_before_it_repeats(tmp_path):
    folder = new_folder(tmp_path)
    run(Fake(), folder, trials=36, sampler="brute")
    seen = [tuple(choice.values()) for _, choice, _, _ in essence(folder)]
    assert len(set(seen[:18])) == len(set(seen[18:])) == 18
    with pytest.raises(InputError, match="too many to try each"):
        build_sampler("brute", 0, 0, {str(i): range(10) for i in range(6)})


def test_tpe_learns_which_options_are_good(tmp_path):
    """Chance finds the best of nine (host, shells) pairs in 4.4 of the last 40 trials; 12 is six sigma above."""
    folder = new_folder(tmp_path)
    run(Fake(), folder, trials=60)
    late = [choice for _, choice, _, _ in essence(folder)[20:]]
    assert sum(choice["host"] == "NaGdF4" and choice["shells"] == 2 for choice in late) > 12
    assert len({tuple(choice.values()) for _, choice, _, _ in essence(folder)[:10]}) > 5, "start-up points repeat"


def test_an_unknown_sampler_is_refused_with_the_list():
    with pytest.raises(InputError, match="tpe, nsga2, gp, random, brute"):
        build_sampler("annealing", 0, 0, {})


def test_the_tables_hold_one_row_per_trial_best_first(tmp_path):
    folder = new_folder(tmp_path)
    result = run(Fake(), folder)
    header, *rows = folder.designs.read_text().splitlines()
    assert header.startswith("rank,trial,feasible,outcome,S [1],") and "choice.host" in header
    assert [int(row.split(",")[1]) for row in rows] == [record.number for record in result.trials]
    values = [record.candidate.value for record in result.trials]
    assert values == sorted(values, reverse=True)
    assert json.loads(folder.summary.read_text())["best"]["number"] == result.trials[0].number
