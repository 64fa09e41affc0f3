"""`kill -9` at ten random moments: nothing that is finished is lost or done again, and MLflow agrees in the end."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient

import padesign
from padesign.search import Campaign, CampaignSettings, RunFolder
from padesign.tracking import MlflowTracker

ROOT = str(Path(padesign.__file__).parents[1])
TRIALS, KILLS, SEED = 40, 10, 5

SESSIONS = '''
"""Runs the campaign in forked children, kills each after its delay and writes down what was on disk at that moment."""
import json, os, signal, sys, time
from pathlib import Path

from padesign.design.trial import Candidate
from padesign.search import Campaign, CampaignSettings, RunFolder

folder, log, trials, seed = RunFolder.open(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])


def note(**line):
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(handle, (json.dumps(line) + "\\n").encode())
    os.close(handle)


class Problem:
    choices = {"host": ("NaYF4", "NaGdF4", "KPb2Cl5"), "shells": (0, 1, 2, 3)}
    parents, seeds, aims = {}, (), {}
    objective_name, unit, maximise = "S", "1", True

    def topology(self, choice):
        return str(choice)

    def refusal(self, choice):
        return ""

    def refine(self, task, on_step):
        choice, seed = task.choice, task.seed
        note(session=session, begin=seed)
        history = []
        for step in range(5):
            time.sleep(0.005)
            history.append({"loss": 1.0 / (step + 1)})
            on_step(step, history[-1])
        value = 10.0 * choice["shells"] + seed % 89 / 89
        note(session=session, end=seed)
        return Candidate("ok", value, -value, {"diameter_nm": choice["shells"] - 2.5}, {}, {}, history)


for session, moment in enumerate([*json.loads(sys.argv[5]), None]):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if Campaign(Problem(), CampaignSettings(trials, seed), folder).run().trials else 2
        finally:
            os._exit(code)
    if moment is not None:
        late = time.monotonic() + 60
        while log.read_text().count(f'"session": {session}, "begin"') < moment[0] and time.monotonic() < late:
            time.sleep(0.002)
        time.sleep(moment[1])
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    note(over=session, status=status, finished=[record.seed for record in folder.read_trials()])
'''


class Finished:
    """The same problem for a campaign that has nothing left to do."""

    objective_name, unit, maximise = "S", "1", True
    parents, seeds, aims = {}, (), {}

    def __init__(self) -> None:
        self.choices = {"host": ("NaYF4", "NaGdF4", "KPb2Cl5"), "shells": (0, 1, 2, 3)}

    def topology(self, choice):
        return str(choice)

    def refusal(self, choice):
        return ""

    def refine(self, task, on_step):
        pytest.fail("a finished trial is done again")


def sessions(tmp_path: Path, moments: list[tuple[int, float]]) -> tuple[RunFolder, list[dict]]:
    """A campaign killed at each moment: so many trials begun and so many seconds later; then run to its end."""
    folder = RunFolder.create(tmp_path, "kill", "version: 1\n", {"version": 1})
    log = tmp_path / "log"
    log.touch()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": ROOT}
    arguments = [str(folder.path), str(log), str(TRIALS), str(SEED), json.dumps(moments)]
    done = subprocess.run(
        [sys.executable, "-c", SESSIONS, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder, [json.loads(line) for line in log.read_text().splitlines()]


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> tuple[RunFolder, list[dict]]:
    chance = random.Random(20)
    moments = [(chance.choice((0, 1, 2)), chance.uniform(0.0, 0.05)) for _ in range(KILLS)]
    return sessions(tmp_path_factory.mktemp("killed"), moments)


def test_ten_kills_leave_every_trial_finished_once(killed):
    folder, log = killed
    ends = {line["over"]: line for line in log if "over" in line}
    assert [os.waitstatus_to_exitcode(line["status"]) for line in ends.values()] == [-9] * KILLS + [0]
    assert len(ends[KILLS]["finished"]) == TRIALS == len(set(ends[KILLS]["finished"]))
    assert folder.trial_numbers() == list(range(TRIALS))
    at_kill = [set(ends[session]["finished"]) for session in range(KILLS)]
    assert len({len(finished) for finished in at_kill}) > 3, "the kills did not fall into the search"
    for line in (line for line in log if "begin" in line and line["session"] > 0):
        assert line["begin"] not in at_kill[line["session"] - 1], "a finished trial was done again"
    begun = [line["begin"] for line in log if "begin" in line]
    completed = [line["end"] for line in log if "end" in line]
    assert set(completed) == set(ends[KILLS]["finished"]) == set(begun), "work was done that belongs to no trial"
    assert len(begun) <= TRIALS + KILLS, "a kill costs one trial at most"
    for session in range(KILLS + 1):
        mine = [line["begin"] for line in log if "begin" in line and line["session"] == session]
        assert len(mine) == len(set(mine))


def test_the_killed_search_is_the_search_that_was_never_killed(killed, tmp_path):
    def essence(folder: RunFolder) -> list[tuple]:
        return [(r.number, dict(r.choice), r.seed, r.candidate.value) for r in folder.read_trials()]

    calm, _ = sessions(tmp_path, [])
    assert essence(killed[0]) == essence(calm)


def test_mlflow_reconciles_to_one_child_per_trial(killed):
    folder, _ = killed
    for _ in range(2):
        Campaign(Finished(), CampaignSettings(TRIALS, SEED), folder, MlflowTracker()).run()
    client = MlflowClient(tracking_uri=f"sqlite:///{folder.path}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("kill").experiment_id])
    numbers = [int(run.data.tags["padesign.trial"]) for run in runs if run.data.tags["padesign.kind"] == "trial"]
    assert sorted(numbers) == list(range(TRIALS))
    assert len(runs) == TRIALS + 1 and {run.info.status for run in runs} == {"FINISHED"}
