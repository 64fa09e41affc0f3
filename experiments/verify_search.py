"""The search under stress: random kills of workers and coordinators, two workers beside one, and its own cost."""

from __future__ import annotations

import functools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

from experiments.verify_rows import Row, at_most
from padesign.design.trial import Candidate, Task
from padesign.search import Campaign, CampaignSettings, RunFolder
from padesign.search.engines import AbstractEngine, DaskEngine, LocalEngine, SharedEngine, work
from padesign.search.events import TrialFinished
from padesign.tracking import MlflowTracker

KINDS = ("serial", "local", "shared", "dask")
KILLS_PER_KIND = 13
TRIALS = 60
SHORT_s, LONG_s = 0.1, 2.0
STEPS = 40
"""Inner steps that a trial reports."""
_ROOT = Path(__file__).parents[1]


class Sum:
    """Nothing but time: the value is the sum of what was chosen."""

    objective_name, unit, maximise = "sum", "1", True
    parents, seeds, aims = {}, (), {}

    def __init__(self, log: str, trial_s: float) -> None:
        self.choices = {name: tuple(range(10)) for name in "abc"}
        self._log, self._trial_s = log, trial_s

    def topology(self, choice) -> str:
        return str(sorted(choice.items()))

    def refusal(self, choice) -> str:
        return ""

    def refine(self, task: Task, on_step) -> Candidate:
        handle = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{task.seed}\n".encode())
        os.close(handle)
        time.sleep(self._trial_s)
        value = 1.0 + sum(float(option) for option in task.choice.values())
        history = [{"start": 0.0, "loss": -value} for _ in range(STEPS)]
        return Candidate("ok", value, -value, {}, {}, {"value": value}, history)


def _engine(
    kind: str, folder: RunFolder, log: Path, trial_s: float, workers: int
) -> Callable[[], AbstractEngine] | None:
    make = functools.partial(Sum, str(log), trial_s)
    made: dict[str, Callable[[], AbstractEngine]] = {
        "local": lambda: LocalEngine(make, workers),
        "shared": lambda: SharedEngine(folder),
        "dask": lambda: DaskEngine(make, workers, None),
    }
    return made.get(kind)


def coordinate(kind: str, path: str, log: str) -> None:
    """One coordinator's life, in a process of its own so that it can be killed."""
    folder = RunFolder.open(path)
    engine = _engine(kind, folder, Path(log), SHORT_s, 2)
    Campaign(Sum(log, SHORT_s), CampaignSettings(TRIALS, 3), folder, make_engine=engine).run()


def serve(path: str, log: str) -> None:
    """One worker of a shared run."""
    work(RunFolder.open(path), functools.partial(Sum, log, SHORT_s), idle_s=300.0)


def _start(call: str, *arguments: str) -> subprocess.Popen:
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    code = f"import sys; from experiments.verify_search import *; {call}(*sys.argv[1:])"
    guarded = f"if __name__ == '__main__':\n    {code}"
    return subprocess.Popen(
        [sys.executable, "-c", guarded, *arguments], cwd=_ROOT, env={**os.environ, "PYTHONPATH": path}
    )


def _kills(kind: str) -> Row:
    chance = random.Random(kind)
    with tempfile.TemporaryDirectory() as root:
        folder, log = RunFolder.create(root, kind, "", {}), Path(root) / "log"
        log.touch()
        workers = [_start("serve", str(folder.path), str(log)) for _ in range(2 if kind == "shared" else 0)]
        done_before: list[tuple[int, set[int]]] = []
        kills = 0
        while True:
            coordinator = _start("coordinate", kind, str(folder.path), str(log))
            begun = len(folder.trial_numbers())
            if kills < KILLS_PER_KIND:
                goal = begun + chance.randint(0, 4)
                while len(folder.trial_numbers()) < min(goal, TRIALS - 1) and coordinator.poll() is None:
                    time.sleep(0.01)
                time.sleep(chance.uniform(0.0, 1.0))
                victims = [coordinator, *workers]
                victim = chance.choice(victims)
                victim.kill()
                victim.wait()
                kills += 1
                seeds = {record.seed for record in folder.read_trials()}
                done_before.append((len(log.read_text().split()), seeds))
                if victim is not coordinator:
                    workers[workers.index(victim)] = _start("serve", str(folder.path), str(log))
                    coordinator.kill()
                    coordinator.wait()
                continue
            code = coordinator.wait(300)
            break
        for worker in workers:
            worker.kill()
            worker.wait()
        begun_seeds = [int(word) for word in log.read_text().split()]
        again = sum(seed in seeds for place, seeds in done_before for seed in begun_seeds[place:])
        storage = JournalStorage(JournalFileBackend(str(folder.journal)))
        states = [trial.state for trial in optuna.load_study(study_name="padesign", storage=storage).trials]
        once = states.count(TrialState.COMPLETE) == TRIALS and folder.trial_numbers() == list(range(TRIALS))
    measured = f"{TRIALS} trials {'once' if once else 'NOT once'}, {again} done again, last exit {code}"
    return Row(f"{kind}: {kills} random kills", "all once, none again", measured, once and again == 0 and code == 0)


def kills() -> list[Row]:
    """No finished trial lost, none counted twice, in 52 kills over four engines."""
    return [_kills(kind) for kind in KINDS]


def _throughput(workers: int) -> float:
    """Trials per second of the local engine once its workers are up."""
    trials, ends = 10, []

    def on_event(event: object) -> None:
        if isinstance(event, TrialFinished):
            ends.append(time.monotonic())

    with tempfile.TemporaryDirectory() as root:
        folder, log = RunFolder.create(root, "speed", "", {}), Path(root) / "log"
        engine = _engine("local", folder, log, LONG_s, workers)
        Campaign(
            Sum(str(log), LONG_s), CampaignSettings(trials, 3), folder, on_event=on_event, make_engine=engine
        ).run()
    return (trials - workers) / (ends[-1] - ends[workers - 1])


def speed() -> list[Row]:
    """Two workers beside one with trials of 2 s, and the share of a campaign of 200 such trials that is not trials."""
    gain = _throughput(2) / _throughput(1)
    rows = [Row("two workers beside one, trials of 2 s", "≥ 1.8", f"{gain:.2f}", gain >= 1.8)]
    for words, tracker in (("without tracking", None), ("with MLflow", MlflowTracker())):
        with tempfile.TemporaryDirectory() as root:
            folder, log = RunFolder.create(root, "overhead", "", {}), Path(root) / "log"
            begin = time.monotonic()
            Campaign(Sum(str(log), 0.0), CampaignSettings(200, 3), folder, tracker).run()
            own_s = time.monotonic() - begin
        share = own_s / (own_s + 200 * LONG_s)
        rows.append(at_most(f"overhead of 200 trials of 2 s {words} ({own_s:.1f} s)", share, 0.05))
    return rows


if __name__ == "__main__":
    print(json.dumps([row.__dict__ for row in [*kills(), *speed()]], indent=1, ensure_ascii=False))
