"""A whole run: search, record, figures, recipes; then resume, status and recipe on its folder."""

from __future__ import annotations

import csv
import json
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from padesign.cli import app
from padesign.design.problem import Problem
from padesign.design.tolerance import HIGH, LOW
from padesign.design.trial import Candidate, Task

# The reference has the layers of the design, so its judgement needs no program of its own.
RUN = """\
version: 1
name: tiny
excitation: {wavelength_nm: 1064, irradiance_kW_per_cm2: {min: 1, max: 100}}
particle:
  interface_mixing_nm: 0
  max_level_cm1: 15500
  layers:
    - name: core
      host: beta-NaYF4
      diameter_nm: {choice: [14, 17]}
      dopants_mol_percent: {Tm: {min: 4, max: 12, start: 8}}
    - {name: shell, host: beta-NaYF4, thickness_nm: {min: 2, max: 8, start: 5.6}}
objective: {kind: nonlinearity, emission: "Tm:3H4 -> Tm:3H6"}
search: {trials: 2, starts: 1, steps: 2, sampler: brute}
solver: {cells_per_layer: 1, judge_cells_per_layer: 1}
recipes: {count: 2}
compare_with:
  - name: published
    source: somebody (2021)
    layers:
      - {name: core, host: beta-NaYF4, diameter_nm: 17, dopants_mol_percent: {Tm: 8}}
      - {name: shell, host: beta-NaYF4, thickness_nm: 5.6}
    reported: {S: 26, threshold_kW_per_cm2: 7}
"""


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def folder_of(root: Path) -> Path:
    (found,) = (root / "runs").iterdir()
    return found


def strict(path: Path) -> Any:
    def refuse(word: str) -> float:
        raise AssertionError(f"{path} holds {word}")

    return json.loads(path.read_text(), parse_constant=refuse)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny.yaml").write_text(RUN)
    return tmp_path


def test_a_run_leaves_everything_a_chemist_needs_and_can_be_extended(here: Path) -> None:
    done = call("run")  # the only run file here
    assert done.exit_code == 0, done.stderr
    folder = folder_of(here)
    first = done.stderr.splitlines()
    assert [line.split()[0] for line in first[:4]] == ["run", "tracking", "resume", "compiling"]
    assert folder.name in first[0] and "2 of 2 trials" in done.stderr
    assert "NOT calibrated" in done.stdout and "published" in done.stdout and "26" in done.stdout

    rows = list(csv.DictReader((folder / "comparison.csv").read_text().splitlines()))
    assert [row["name"] for row in rows][-1] == "published" and rows[-1]["published_S"] == "26.0"
    designs = [row for row in rows if row["trial"]]
    assert len(designs) == 2 and float(designs[0]["value"]) >= float(designs[1]["value"]) > 2.0
    summary = strict(folder / "summary.json")
    assert summary["best_designs"][0]["value"] == pytest.approx(float(designs[0]["value"]))
    assert summary["parameter_sets"][0]["calibrated"] is False and summary["definition"]
    (used,) = (folder / "parameter_sets").iterdir()
    assert strict(used)["digest"] == summary["parameter_sets"][0]["digest"]
    pictures = {path.name for path in (folder / "figures").glob("*.png")}
    assert {"power_curves.png", "history.png", "reference_published.png"} < pictures and len(pictures) == 5
    recipes = sorted((folder / "recipes").iterdir())
    assert [path.suffix for path in recipes] == [".csv", ".html", ".json", ".md"] * 2
    recipe = strict(recipes[2])
    numbers = {one["label"]: one for one in recipe["performance"]["numbers"]}
    assert numbers["threshold"]["value"] == pytest.approx(float(designs[0]["threshold_kW_per_cm2"]))
    assert "linear-stability" in numbers["threshold"]["definition"]
    assert any("line_fwhm" in text for text in recipe["performance"]["assumptions"])
    report = (folder / "report.md").read_text()
    assert "Tm.line_fwhm_cm1" in report and f"](recipes/{recipes[1].name})" in report
    drawn = list(csv.DictReader((folder / "figures" / "power_curves.csv").read_text().splitlines()))
    bands = [(float(row[LOW]), float(row["photons_per_s"]), float(row[HIGH])) for row in drawn if row[LOW]]
    assert all(low < high for low, _, high in bands)
    assert sum(low < target < high for low, target, high in bands) > 0.9 * len(bands) > 20
    for text in (report, recipes[1].read_text(), recipes[3].read_text()):
        assert "middle 68 % of 32 simulated particles" in text and "assumption: typical practice" in text

    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        ((parent,),) = database.execute("SELECT run_uuid FROM runs WHERE name = ?", (folder.name,)).fetchall()
        assert database.execute("SELECT count(*) FROM runs").fetchone() == (3,)
    kept = folder / "mlartifacts" / parent / "artifacts"
    for name in (
        "report.html",
        "report.md",
        "comparison.csv",
        "figures/power_curves.svg",
        f"recipes/{recipes[1].name}",
    ):
        assert (kept / name).read_bytes() == (folder / name).read_bytes()
    assert strict(kept / "summary.json") == summary

    done = call("resume", str(folder), "--trials", "3", "--quiet")
    assert done.exit_code == 0 and done.stderr == ""
    assert strict(folder / "summary.json")["trials"] == 3
    told = call("status", str(folder), "--json")
    state = json.loads(told.stdout)
    assert (state["finished"], state["total"], state["running"]) == (3, 3, False)
    assert state["best"] == strict(folder / "summary.json")["best"]["value"]
    assert "3 of 3 trials" in call("status", str(folder)).stdout

    done = call("recipe", str(folder), "--trial", "1", "--out", "mine")
    assert done.exit_code == 0 and sorted(path.name for path in (here / "mine").iterdir()) == [
        "trial_0001.csv",
        "trial_0001.html",
        "trial_0001.json",
        "trial_0001.md",
    ]
    missing = call("recipe", str(folder), "--trial", "9")
    assert missing.exit_code == 2 and "trials 0 to 2" in missing.stderr


@pytest.fixture
def scripted(here: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None], dict[str, float]], None]:
    """Replace the physics by a fixed answer; `act` runs inside every trial."""

    def script(act: Callable[[], None], violations: dict[str, float]) -> None:
        def refine(self: Problem, task: Task, on_step: Any) -> Candidate:
            act()
            choice = task.choice
            geometry = self.space.bounds(choice)
            particle = self.space.particle(choice, geometry.thickness_high_nm.tolist(), geometry.fraction_high)
            return Candidate("ok", 5.0, 1.0, violations, self.describe(choice, particle), {"threshold_kW_per_cm2": 9.0})

        monkeypatch.setattr(Problem, "refine", refine)
        monkeypatch.setattr(Problem, "sensitivities", lambda self, choice, particle: {})
        monkeypatch.setattr(Problem, "check", lambda self: "")

    return script


FAST = ("--set", "tracking.enabled=false", "--set", "compare_with=[]")


def test_an_interrupted_run_is_kept_and_says_how_to_go_on(here: Path, scripted: Any) -> None:
    scripted(lambda: os.kill(os.getpid(), signal.SIGINT), {})
    done = call("run", "tiny.yaml", *FAST)
    folder = folder_of(here)
    assert done.exit_code == 130 and f"padesign resume runs/{folder.name}" in done.stderr.splitlines()[-1]
    assert (folder / "report.md").is_file()
    scripted(lambda: None, {})
    assert call("resume", str(folder)).exit_code == 0
    assert strict(folder / "summary.json")["trials"] == 2
    assert "all 2 trials are done" in call("resume", str(folder)).stderr


def test_a_second_interrupt_stops_at_once(here: Path, scripted: Any) -> None:
    scripted(lambda: [os.kill(os.getpid(), signal.SIGINT) for _ in range(2)], {})  # type: ignore[arg-type, return-value]
    done = call("run", "tiny.yaml", *FAST)
    assert done.exit_code == 130 and "padesign resume" in done.stderr.splitlines()[-1]


def test_a_search_without_a_feasible_design_ends_with_3_and_names_what_is_broken(here: Path, scripted: Any) -> None:
    scripted(lambda: None, {"min_photons_per_s": 1e4})
    done = call("run", "tiny.yaml", *FAST)
    assert done.exit_code == 3 and "2 × breaks min_photons_per_s" in done.stderr
    assert call("recipe", str(folder_of(here))).exit_code == 3


def test_a_search_whose_every_trial_fails_is_an_error_with_a_place_to_look(here: Path, scripted: Any) -> None:
    def fail() -> None:
        raise ArithmeticError("broken")

    scripted(fail, {})
    done = call("run", "tiny.yaml", *FAST)
    assert done.exit_code == 1 and "ArithmeticError: broken" in done.stderr and "trials/" in done.stderr


def test_an_aim_that_makes_no_sense_is_refused_before_the_search(
    here: Path, scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted(lambda: None, {})
    monkeypatch.setattr(Problem, "check", lambda self: "nothing here emits")
    done = call("run", "tiny.yaml", *FAST)
    line = 1 + RUN[: RUN.index("objective:")].count("\n")
    assert done.exit_code == 2 and f"tiny.yaml:{line}: objective: nothing here emits" in done.stderr
    assert list((here / "runs").iterdir()) == []


def test_a_run_can_be_read_while_another_process_runs_it(here: Path, scripted: Any) -> None:
    seen: list[dict[str, Any]] = []
    scripted(lambda: seen.append(json.loads(call("status", str(folder_of(here)), "--json").stdout)), {})
    assert call("run", "tiny.yaml", *FAST).exit_code == 0
    assert [(one["running"], one["finished"]) for one in seen] == [(True, 0), (True, 1)]


def test_a_value_of_a_batch_is_never_called_one_of_the_particle(here: Path, scripted: Any) -> None:
    scripted(lambda: None, {})
    done = call("run", "tiny.yaml", *FAST, "--set", "robust.dopant_percent=5")
    assert done.exit_code == 0, done.stderr
    table, report = done.stdout, (folder_of(here) / "report.md").read_text()
    assert " of a batch" in table and "value that 90% of the particles reach or better in a batch" in table
    assert "is of the particle as drawn" in table
    assert " of a batch |" in report.replace(" [", " |") and "`robust`" in report


def test_a_run_that_is_stopped_while_it_compiles_says_how_to_go_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: Problem) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(Problem, "check", stop)
    done = call("run", "tiny.yaml", *FAST)
    assert done.exit_code == 130 and f"padesign resume runs/{folder_of(here).name}" in done.stderr.splitlines()[-1]
