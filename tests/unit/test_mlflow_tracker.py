"""MLflow is a view: complete after every resume, never doubled, and never in the way of the search."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from mlflow import MlflowClient

from padesign.design.trial import Candidate
from padesign.search import Campaign, CampaignSettings, RunFolder
from padesign.tracking import MlflowTracker
from padesign.tracking import mlflow as module
from padesign.tracking.mlflow import metric_name

STEPS = 30
DESIGN = {
    "particle": {
        "layers": [
            {"name": "core", "host": "NaYF4", "thickness_nm": 8.0, "dopants_mol_percent": {"Yb": 10.0, "Tm": 8.0}},
            {"name": "shell", "host": "NaYF4", "thickness_nm": 3.0, "dopants_mol_percent": {}},
        ]
    }
}


class Fake:
    objective_name, unit, maximise, choices = "S(P)", "1", True, {"host": ("NaYF4", "KPb2Cl5")}
    parents, seeds, aims = {}, (), {}

    def __init__(self, steps: int = STEPS) -> None:
        self.count, self.steps = 0, steps

    def topology(self, choice):
        return str(sorted(choice.items()))

    def refusal(self, choice):
        return ""

    def refine(self, task, on_step):
        self.count += 1
        value = [3.0, 5.0, 4.0, 6.0][(self.count - 1) % 4]
        return Candidate(
            outcome="ok" if self.count != 3 else "did not converge",
            value=value if self.count != 3 else None,
            loss=math.inf if self.count == 3 else -value,
            violations={"diameter_nm": -1.0},
            design=DESIGN,
            metrics={"rise_s": 0.1 * value, "width": math.nan},
            history=[{"loss": 1.0 / (i + 1), "gradient": math.inf if i == 0 else 1.0} for i in range(self.steps)],
            curve={"power_kW_cm2": [1.0, 2.0], "emission": [0.5, 8.0]},
        )


@pytest.fixture(scope="module")
def migrated(tmp_path_factory) -> Path:
    """A database with all its tables, made once because that takes seconds."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    module._client(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def folder(tmp_path, migrated) -> RunFolder:
    made = RunFolder.create(tmp_path, "tm", "version: 1\n", {"version": 1, "particle": {"host": "NaYF4"}})
    shutil.copy(migrated, made.path / "mlflow.db")
    return made


def search(folder: RunFolder, trials: int, tracker=None, **hooks):
    problem = Fake()
    problem.count = len(folder.trial_numbers())
    return Campaign(problem, CampaignSettings(trials), folder, tracker, **hooks).run()


def view(folder: RunFolder):
    """The client, the parent runs and the child runs by trial number."""
    client = MlflowClient(tracking_uri=f"sqlite:///{folder.path}/mlflow.db")
    runs = client.search_runs([client.get_experiment_by_name("tm").experiment_id])
    parents = [run for run in runs if run.data.tags["padesign.kind"] == "campaign"]
    children = [run for run in runs if run.data.tags["padesign.kind"] == "trial"]
    assert {child.data.tags["mlflow.parentRunId"] for child in children} <= {parents[0].info.run_id}
    return client, parents, {int(child.data.tags["padesign.trial"]): child for child in children}, children


def test_a_campaign_is_one_parent_with_a_complete_child_per_trial(folder, tmp_path):
    figure = tmp_path / "cross-section.svg"
    figure.write_text("<svg/>")
    (folder.recipes / "best.md").write_text("# recipe")
    tracker = MlflowTracker()
    search(
        folder,
        4,
        tracker,
        parameter_set={"name": "Tm2021", "digest": "abc", "values": {"W": 1.0}},
        trial_artifacts=lambda record: {"figures/cross-section.svg": figure},
        report=lambda result: {"recipes": folder.recipes},
    )
    client, parents, by_number, children = view(folder)
    assert len(parents) == 1 and sorted(by_number) == [0, 1, 2, 3] and len(children) == 4
    child, parent = by_number[1], parents[0]
    assert child.data.params["particle.layers.0.dopants_mol_percent.Tm"] == "8.0"
    assert child.data.params["choice.host"] in Fake.choices["host"]
    assert child.data.metrics["S_P_"] == 5.0 and child.data.metrics["violation/diameter_nm"] == -1.0
    steps = client.get_metric_history(child.info.run_id, "inner/loss")
    assert sorted((m.step, m.value) for m in steps) == [(i, 1.0 / (i + 1)) for i in range(STEPS)]
    tags = child.data.tags
    assert (tags["dopants"], tags["n_layers"], tags["padesign.feasible"]) == ("Tm, Yb", "2", "true")
    assert "width" in tags["padesign.nonfinite"] and "inner/gradient" in tags["padesign.nonfinite"]
    assert "width" not in child.data.metrics
    failed = by_number[2]
    assert failed.data.tags["padesign.feasible"] == "false" and "S_P_" not in failed.data.metrics
    inside = folder.path / "mlartifacts" / child.info.run_id / "artifacts"
    assert (inside / "curve.csv").read_text() == "power_kW_cm2,emission\n1.0,0.5\n2.0,8.0\n"
    assert (inside / "figures" / "cross-section.svg").is_file() and (inside / "candidate.json").is_file()
    best = client.get_metric_history(parent.info.run_id, "best_S_P_")
    assert sorted((m.step, m.value) for m in best) == [(1, 3.0), (2, 5.0), (3, 5.0), (4, 6.0)]
    assert parent.data.metrics["best_rise_s"] == pytest.approx(0.6)
    assert parent.data.metrics["feasible_share"] == 0.75
    assert parent.data.tags["padesign.parameter_set_digest"] == "abc"
    assert parent.data.params["particle.host"] == "NaYF4"
    kept = {path.name for path in (folder.path / "mlartifacts" / parent.info.run_id / "artifacts").rglob("*")}
    assert {"config.yaml", "resolved.json", "parameter_set.json", "summary.json", "designs.csv", "best.md"} <= kept
    assert parent.info.status == "FINISHED" and all(run.info.status == "FINISHED" for run in children)


def test_resuming_adds_what_is_missing_closes_what_is_open_and_doubles_nothing(folder):
    search(folder, 2)
    search(folder, 3, MlflowTracker())
    client, _, by_number, _ = view(folder)
    client.delete_run(by_number[0].info.run_id)
    broken_off = by_number[1].info.run_id
    client.update_run(broken_off, status="RUNNING")
    client.delete_tag(broken_off, "padesign.outcome")
    for _ in range(2):
        search(folder, 4, MlflowTracker())
    client, parents, by_number, children = view(folder)
    assert len(parents) == 1 and len(children) == 4 and sorted(by_number) == [0, 1, 2, 3]
    assert by_number[1].info.run_id == broken_off and by_number[1].data.tags["padesign.outcome"] == "ok"
    assert all(run.info.status == "FINISHED" for run in [*parents, *children])
    for run in children:
        points = Counter(m.step for m in client.get_metric_history(run.info.run_id, "inner/loss"))
        assert points == Counter(range(STEPS))
    best = client.get_metric_history(parents[0].info.run_id, "best_S_P_")
    assert sorted(m.step for m in best) == [1, 2, 3, 4]


def test_resuming_a_complete_campaign_sends_no_trial_again(folder, monkeypatch):
    search(folder, 2, MlflowTracker())
    real, sent = MlflowClient.log_batch, []

    def spy(self, run_id, metrics=(), params=(), tags=()):
        sent.extend(metrics)
        return real(self, run_id, metrics=metrics, params=params, tags=tags)

    monkeypatch.setattr(MlflowClient, "log_batch", spy)
    search(folder, 2, MlflowTracker())
    assert sent == []
    search(folder, 3, MlflowTracker())
    assert {metric.step for metric in sent if metric.key == "feasible_share"} == {3}


def test_an_unreachable_server_costs_one_warning_and_no_trial(folder, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    said: list[str] = []
    result = search(folder, 3, MlflowTracker("http://127.0.0.1:9", warn=said.append))
    assert len(result.trials) == 3
    assert len(said) == 1 and f"padesign resume {folder.path}" in said[0]
    search(folder, 3, MlflowTracker())
    assert sorted(view(folder)[2]) == [0, 1, 2]


def test_what_an_outage_held_back_is_sent_when_the_session_ends(folder, monkeypatch):
    real, said, gone = MlflowClient.log_batch, [], [False]

    def flaky(self, *args, **kwargs):
        if gone[0]:
            raise ConnectionError("gone")
        return real(self, *args, **kwargs)

    def fall_in_trial_1(record) -> dict:
        gone[0] = gone[0] or record.number == 1
        return {}

    def rise(result) -> dict:
        gone[0] = False
        return {}

    monkeypatch.setattr(MlflowClient, "log_batch", flaky)
    search(folder, 4, MlflowTracker(warn=said.append), trial_artifacts=fall_in_trial_1, report=rise)
    client, parents, by_number, children = view(folder)
    assert len(said) == 1
    assert sorted(by_number) == [0, 1, 2, 3] and len(children) == 4
    assert all(run.info.status == "FINISHED" for run in [*parents, *children])
    best = client.get_metric_history(parents[0].info.run_id, "best_S_P_")
    assert sorted(m.step for m in best) == [1, 2, 3, 4]


def test_a_moved_run_folder_is_shown_anew_from_its_trials(folder, tmp_path, migrated, monkeypatch):
    real = module._set_aside_if_moved

    def and_save_the_time_to_migrate(place: Path, location: str) -> None:
        real(place, location)
        if not (place / "mlflow.db").exists():
            shutil.copy(migrated, place / "mlflow.db")

    monkeypatch.setattr(module, "_set_aside_if_moved", and_save_the_time_to_migrate)
    search(folder, 1, MlflowTracker())
    moved = RunFolder.open(shutil.move(folder.path, tmp_path / "elsewhere"))
    search(moved, 2, MlflowTracker(experiment="tm"))
    _, _, by_number, children = view(moved)
    assert sorted(by_number) == [0, 1]
    assert all(child.info.artifact_uri.startswith(moved.path.as_uri()) for child in children)
    assert not folder.path.exists(), "artifacts went to the old place"
    assert (moved.path / "mlflow-before-move-1.db").is_file()


def test_long_histories_are_sent_in_batches_that_servers_accept(folder, monkeypatch):
    real, sizes = MlflowClient.log_batch, []

    def spy(self, run_id, metrics=(), params=(), tags=()):
        sizes.append((len(metrics), len(params), len(tags)))
        return real(self, run_id, metrics=metrics, params=params, tags=tags)

    monkeypatch.setattr(MlflowClient, "log_batch", spy)
    Campaign(Fake(steps=1200), CampaignSettings(1), folder, MlflowTracker()).run()
    assert max(map(sum, sizes)) <= 1000 and max(params for _, params, _ in sizes) <= 100
    assert max(tags for _, _, tags in sizes) <= 100 and sum(metrics for metrics, _, _ in sizes) > 2000
    sizes.clear()
    Campaign(Fake(steps=20), CampaignSettings(4), folder, MlflowTracker()).run()
    ordinary = [one for one in sizes if all(one)]
    assert len(ordinary) == 3 and len(sizes) <= 2 * 3 + 2  # three more trials: one for each and one for its totals


@pytest.mark.parametrize(
    ("name", "allowed"),
    [
        ("S(P)", "S_P_"),
        ("η", "η"),
        ("a//b/", "a/b"),
        ("../x", "x"),
        ("I [a.u.]", "I _a.u._"),
        ("%", "_"),
        ("/", "unnamed"),
    ],
)
def test_names_are_brought_into_the_allowed_alphabet(name, allowed):
    assert metric_name(name) == allowed


def test_names_that_become_alike_stay_apart_and_long_values_are_cut():
    named = module._named({"a(b": 1, "a)b": 2}, str)
    assert sorted(named.values()) == ["1", "2"]
    assert len(module._text("x" * 9000)) == 500


def test_mlflow_is_not_imported_before_a_tracker_is_used():
    code = "import sys, padesign.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
