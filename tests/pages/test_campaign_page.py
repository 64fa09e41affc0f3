"""The report of a run as a browser shows it; the physics is replaced by fixed answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from padesign.cli import app
from padesign.cli.console import number
from padesign.design.problem import Problem
from padesign.design.trial import Candidate, Task

NASTY = "<script>alert('notes')</script> & <b>bold</b> {{ 7 * 7 }} </script>"
RUN = f"""\
version: 1
name: shown
notes: "{NASTY}"
excitation: {{wavelength_nm: 1064, irradiance_kW_per_cm2: {{min: 1, max: 100}}}}
particle:
  layers:
    - name: core
      host: beta-NaYF4
      diameter_nm: {{choice: [10, 11, 12, 13, 14, 15, 16, 17, 18]}}
      dopants_mol_percent: {{Tm: 8}}
    - {{name: shell, host: beta-NaYF4, thickness_nm: 5.6}}
objective: {{kind: nonlinearity, emission: "Tm:3H4 -> Tm:3H6"}}
search: {{trials: 9, starts: 1, steps: 2, sampler: brute}}
tracking: {{enabled: false}}
"""
POWERS = np.geomspace(1.0, 100.0, 20)


def answer(self: Problem, task: Task, on_step: Any) -> Candidate:
    choice = task.choice
    bounds = self.space.bounds(choice)
    particle = self.space.particle(choice, bounds.thickness_high_nm.tolist(), bounds.fraction_high)
    S = 3.0 + particle.diameter_nm / 7.0
    curve = {
        "irradiance_kW_per_cm2": POWERS.tolist(),
        "photons_per_s": (POWERS**S).tolist(),
        "S": np.full(20, S).tolist(),
        "stable": [1.0] * 8 + [0.0] * 4 + [1.0] * 8,
    }
    metrics = {
        "S_window": S,
        "S_exact": S,
        "S_at_kW_per_cm2": 10.0,
        "threshold_kW_per_cm2": 40.0 - S,
        "photons_per_s": 1e4 * S,
        "diameter_nm": particle.diameter_nm,
    }
    history = [{"start": 0.0, "loss": 2.0}, {"start": 0.0, "loss": 1.0}]
    return Candidate("ok", S, 1.0, {}, self.describe(choice, particle), metrics, history, curve, [NASTY])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("page")
    (root / "shown.yaml").write_text(RUN)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(Problem, "refine", answer)
        patch.setattr(Problem, "sensitivities", lambda self, choice, particle: {"S_exact": {"core radius": 0.5}})
        patch.setattr(Problem, "check", lambda self: "")
        done = CliRunner().invoke(app, ["run", "shown.yaml"])
    assert done.exit_code == 0, done.stderr
    (found,) = (root / "runs").iterdir()
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_opens_without_network_or_complaint_and_draws_every_chart(
    open_page: Any, folder: Path, scheme: str
) -> None:
    address = (folder / "report.html").as_uri()
    page, seen = open_page(address, address, scheme)
    page.wait_for_selector("html[data-drawn]")
    assert seen.complaints == [] and seen.requests == []
    charts = page.eval_on_selector_all(
        ".chart", "parts => parts.map(part => [part.id, part.querySelectorAll('svg').length])"
    )
    assert [id_ for id_, _ in charts] == ["power", "trade", "history", "importance", "parallel", "descent"]
    assert all(count > 0 for _, count in charts)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_numbers_of_the_report_are_those_of_the_run(open_page: Any, folder: Path) -> None:
    address = (folder / "report.html").as_uri()
    page, _ = open_page(address, address)
    page.wait_for_selector("html[data-drawn]")
    summary = json.loads((folder / "summary.json").read_text())
    shown = page.eval_on_selector_all(".card .big", "parts => parts.map(part => part.textContent)")
    assert shown == [number(one["value"]) for one in summary["best_designs"]]
    best = json.loads((folder / "trials" / f"{summary['best']['number']:04d}.json").read_text())["candidate"]
    drawn = page.evaluate(
        "document.getElementById('power').data.find(x => x.name.startsWith('design 1 ') && !x.name.includes(': '))"
    )
    assert drawn["x"] == best["curve"]["irradiance_kW_per_cm2"]
    stable = [photons for photons, flag in zip(drawn["y"], best["curve"]["stable"], strict=True) if flag]
    assert stable == [
        p for p, flag in zip(best["curve"]["photons_per_s"], best["curve"]["stable"], strict=True) if flag
    ]
    values = page.evaluate("document.getElementById('history').data[0].y")
    trials = [json.loads(path.read_text()) for path in sorted((folder / "trials").glob("*.json"))]
    assert values == [one["candidate"]["value"] for one in trials]


def test_what_a_user_wrote_is_shown_letter_by_letter(open_page: Any, folder: Path) -> None:
    address = (folder / "report.html").as_uri()
    page, seen = open_page(address, address)
    page.wait_for_selector("html[data-drawn]")
    assert NASTY in page.inner_text("main")
    assert page.locator("main b").count() == 0 and seen.complaints == []
