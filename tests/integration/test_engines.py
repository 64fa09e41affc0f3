"""Engines: who computes makes no difference to what is found, and a worker that dies loses and doubles nothing."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

import padesign
from padesign.search import Campaign, CampaignResult, CampaignSettings, RunFolder
from padesign.search.campaign import ALL_DONE, INTERRUPTED
from padesign.search.engines import DaskEngine, LocalEngine, SharedEngine
from padesign.search.events import TrialFinished
from tests.systems.cheap import Cheap, make, write

KILLS, SEED = 3, 11
TRIAL_s = 0.1
WORKER = """
import sys
from pathlib import Path
from padesign.search import RunFolder
from padesign.search.engines import work
from tests.systems.cheap import make
work(RunFolder.open(sys.argv[1]), make(Path(sys.argv[2]), float(sys.argv[3])), idle_s=60)
"""
needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="distributed is not installed")


@contextmanager
def shared_workers(folder: RunFolder, log: Path, count: int) -> Iterator[list[subprocess.Popen]]:
    """`padesign worker` as processes; start another with `append(start())`."""
    environment = {**os.environ, "PYTHONPATH": str(Path(padesign.__file__).parents[1])}
    command = [sys.executable, "-c", WORKER, str(folder.path), str(log), str(TRIAL_s)]
    children = [subprocess.Popen(command, env=environment) for _ in range(count)]
    try:
        yield children
    finally:
        for child in children:
            child.kill()
            child.wait()


def search(
    folder: RunFolder, log: Path, make_engine: Callable | None, trials: int, on_event: Callable = id
) -> CampaignResult:
    problem = Cheap(str(log), TRIAL_s)
    return Campaign(problem, CampaignSettings(trials, SEED), folder, on_event=on_event, make_engine=make_engine).run()


def check_whole(folder: RunFolder, log: Path, trials: int) -> None:
    """Every number once on disk and once in Optuna, and nothing begun again after it was finished."""
    assert folder.trial_numbers() == list(range(trials))
    seeds = [record.seed for record in folder.read_trials()]
    assert len(set(seeds)) == trials
    storage = JournalStorage(JournalFileBackend(str(folder.journal)))
    states = [trial.state for trial in optuna.load_study(study_name="padesign", storage=storage).trials]
    assert states.count(TrialState.COMPLETE) == trials
    assert TrialState.RUNNING not in states and TrialState.WAITING not in states
    finished = set()
    for line in log.read_text().splitlines():
        word, seed = line.split()
        if word == "finished":
            assert seed not in finished, "a trial was counted twice"
            finished.add(seed)
        else:
            assert seed not in finished, "a finished trial was done again"
    assert len(finished) == trials


@pytest.mark.parametrize("kind", ["local", "shared", pytest.param("dask", marks=needs_dask)])
def test_three_random_kills_of_workers_lose_no_trial_and_count_none_twice(kind: str, tmp_path: Path) -> None:
    trials, chance = 16, random.Random(kind)
    folder = RunFolder.create(tmp_path, kind, "version: 1\n", {})
    log = tmp_path / "log"
    moments = sorted(chance.sample(range(1, trials - 2), KILLS))
    engines: list = []
    killed: list[int] = []

    def make_engine() -> LocalEngine | DaskEngine | SharedEngine:
        made = make(log, TRIAL_s)
        kinds = {"local": lambda: LocalEngine(made, 2), "dask": lambda: DaskEngine(made, 2, None)}
        engines.append(kinds.get(kind, lambda: SharedEngine(folder))())
        return engines[0]

    with shared_workers(folder, log, 2 if kind == "shared" else 0) as children:

        def on_event(event: object) -> None:
            if not isinstance(event, TrialFinished):
                return
            write(log, f"finished {event.record.seed}")
            if event.finished in moments:
                ids = [c.pid for c in children if c.poll() is None] or engines[0].process_ids
                killed.append(chance.choice(ids))
                os.kill(killed[-1], signal.SIGKILL)
                if children:
                    children.append(subprocess.Popen(children[0].args, env={**os.environ, "PYTHONPATH": ROOT}))

        result = search(folder, log, make_engine, trials, on_event)
    assert (result.stopped_because, len(killed)) == (ALL_DONE, KILLS)
    check_whole(folder, log, trials)
    assert sum(line.startswith("begin") for line in log.read_text().splitlines()) <= trials + KILLS


ROOT = str(Path(padesign.__file__).parents[1])


def test_two_local_workers_find_what_one_process_finds(tmp_path: Path) -> None:
    """The same numbers give the same answers wherever they are computed (start-up trials do not learn)."""

    def answers(folder: RunFolder) -> dict[int, tuple]:
        return {r.number: (dict(r.choice), r.seed, r.candidate.value) for r in folder.read_trials()}

    one, two = (RunFolder.create(tmp_path, name, "", {}) for name in ("one", "two"))
    search(one, tmp_path / "log", None, 6)
    search(two, tmp_path / "log", lambda: LocalEngine(make(tmp_path / "log", TRIAL_s), 2), 6)
    first, second = answers(one), answers(two)
    same = [number for number in first if first[number][0] == second[number][0]]
    assert len(same) >= 5 and all(first[number] == second[number] for number in same)


def test_an_interrupt_lets_running_trials_finish_and_resuming_adds_new_points(tmp_path: Path) -> None:
    folder, log = RunFolder.create(tmp_path, "stop", "", {}), tmp_path / "log"

    def interrupt(event: object) -> None:
        if isinstance(event, TrialFinished) and event.finished == 1:
            os.kill(os.getpid(), signal.SIGINT)

    def local() -> LocalEngine:
        return LocalEngine(make(log, TRIAL_s), 2)

    first = search(folder, log, local, 8, interrupt)
    assert first.stopped_because == INTERRUPTED and 1 < len(first.trials) < 8
    begun = log.read_text().split()[1::2]
    assert sorted(begun) == sorted(str(record.seed) for record in first.trials), "a running trial was not finished"
    second = search(folder, log, local, 8)
    assert (second.stopped_because, len(second.trials)) == (ALL_DONE, 8)
    begun = log.read_text().split()[1::2]
    assert len(begun) == len(set(begun)) == 8
    assert len({tuple(record.choice.items()) for record in second.trials}) == 8, "the same start-up points again"


def test_a_worker_may_come_before_the_search_and_leaves_when_it_ends(tmp_path: Path) -> None:
    folder, log = RunFolder.create(tmp_path, "early", "", {}), tmp_path / "log"
    with shared_workers(folder, log, 1) as children:
        search(folder, log, lambda: SharedEngine(folder), 3)
        assert children[0].wait(20) == 0
    assert folder.trial_numbers() == [0, 1, 2]
    assert not list((folder.path / "queue").glob("*.json")), "answers that are settled are cleared away"


def test_a_task_that_kills_every_worker_is_given_up_and_the_search_goes_on(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "deadly", "", {})
    result = search(folder, tmp_path / "log", lambda: LocalEngine(Deadly, 1), 1)
    assert result.trials[0].candidate.outcome.startswith("error: 3 workers died")


class Deadly(Cheap):
    """Dies at every trial."""

    def __init__(self) -> None:
        super().__init__(os.devnull, 0.0)

    def refine(self, task, on_step):
        os._exit(9)


@pytest.fixture
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own on a socket in a folder of its own; as another user when this one is root."""
    if shutil.which("initdb") is None or importlib.util.find_spec("psycopg") is None:
        pytest.skip("PostgreSQL or psycopg is not installed")
    owner = {"user": "nobody"} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="pg-") as place:
        if owner:
            shutil.chown(place, "nobody")
        data = f"{place}/data"
        quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": place, **owner}
        subprocess.run(["initdb", "-D", data, "-A", "trust", "-U", "padesign", "--no-sync"], **quiet)
        options = f"-k {place} -c listen_addresses='' -c fsync=off"
        subprocess.run(["pg_ctl", "-D", data, "-w", "-l", f"{place}/log", "-o", options, "start"], **quiet)
        try:
            yield f"postgresql+psycopg://padesign@/postgres?host={place}"
        finally:
            subprocess.run(["pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)


def test_a_search_whose_memory_is_in_postgresql_is_resumed_like_any_other(tmp_path: Path, postgresql: str) -> None:
    runs = []
    for storage in (None, postgresql):
        folder, log = RunFolder.create(tmp_path, "memory", "", {}), tmp_path / "log"
        for trials in (3, 14):
            settings = CampaignSettings(trials, SEED, storage=storage)
            result = Campaign(Cheap(str(log), 0.0), settings, folder).run()
        assert (result.stopped_because, len(result.trials)) == (ALL_DONE, 14)
        runs.append([(r.number, dict(r.choice), r.seed, r.candidate.value) for r in folder.read_trials()])
        assert folder.journal.exists() is (storage is None)
    assert runs[0] == runs[1]


@needs_dask
def test_slurm_jobs_join_the_cluster_that_submitted_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an `sbatch` that runs the job on this machine instead of queueing it; like the real one it keeps a copy."""
    pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
    import dask

    submit = 'cp "$1" "$1.job"; bash "$1.job" >/dev/null 2>&1 & echo "Submitted batch job $!"'
    for name, body in (("sbatch", submit), ("scancel", "kill $1")):
        path = tmp_path / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([ROOT, *sys.path]))
    folder, log = RunFolder.create(tmp_path, "slurm", "", {}), tmp_path / "log"
    with dask.config.set({"jobqueue.slurm.cores": 1, "jobqueue.slurm.memory": "1GB"}):
        result = search(folder, log, lambda: DaskEngine(make(log, TRIAL_s), 1, "slurm"), 3)
    assert len(result.trials) == 3 and all(record.candidate.outcome == "ok" for record in result.trials)
