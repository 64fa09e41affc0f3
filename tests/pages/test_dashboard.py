"""MLflow's own dashboard on a run: what it lists and what its search finds; nothing leaves this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
from typer.testing import CliRunner

from padesign.cli import app
from padesign.design.problem import Problem
from padesign.design.trial import Candidate

RUN = """\
version: 1
name: listed
notes: "<b>not bold</b>"
excitation: {wavelength_nm: 1064, irradiance_kW_per_cm2: {min: 1, max: 100}}
particle:
  layers:
    - {name: core, host: beta-NaYF4, diameter_nm: {choice: [12, 15, 18]}, dopants_mol_percent: {Tm: 8}}
objective: {kind: nonlinearity, emission: "Tm:3H4 -> Tm:3H6"}
search: {trials: 3, starts: 1, steps: 2, sampler: brute}
recipes: {count: 0}
"""
POWERS = np.geomspace(1.0, 100.0, 20)


def answer(self: Problem, task: Any, on_step: Any) -> Candidate:
    choice = task.choice
    bounds = self.space.bounds(choice)
    particle = self.space.particle(choice, bounds.thickness_high_nm.tolist(), bounds.fraction_high)
    S = particle.diameter_nm
    curve = {"irradiance_kW_per_cm2": POWERS.tolist(), "photons_per_s": (POWERS**3).tolist(), "S": [3.0] * 20}
    curve["stable"] = [1.0] * 20
    metrics = {"S_window": S, "threshold_kW_per_cm2": 40.0 - S, "diameter_nm": S}
    return Candidate("ok", S, 1.0, {}, self.describe(choice, particle), metrics, (), curve)


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The address that `padesign ui` prints, and the run folder that it shows."""
    root = tmp_path_factory.mktemp("dashboard")
    (root / "listed.yaml").write_text(RUN)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(Problem, "refine", answer)
        patch.setattr(Problem, "check", lambda self: "")
        done = CliRunner().invoke(app, ["run", "listed.yaml", "--quiet"])
        assert done.exit_code == 0, done.stderr
    (folder,) = (root / "runs").iterdir()
    command = [sys.executable, "-m", "padesign.cli", "ui", str(folder)]
    paths = os.pathsep.join(filter(None, (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths}
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, env=environment) as server:
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", address), address
            yield address, folder
        finally:
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=30) == 0


def runs_page(address: str, search: str) -> str:
    return f"{address}/#/experiments/1/runs?searchFilter={quote(search)}"


def test_the_dashboard_lists_every_trial_and_its_search_finds_the_steep_one(
    open_page: Any, dashboard: tuple[str, Path]
) -> None:
    """The page shows a found trial below its run, which counts as well."""
    address, folder = dashboard
    page, seen = open_page(runs_page(address, ""), address)
    page.set_viewport_size({"width": 1600, "height": 1000})
    page.wait_for_selector("text=4 matching runs", timeout=90_000)
    page.wait_for_selector(f"text={folder.name}", timeout=30_000)
    page.goto(runs_page(address, "metrics.S_window > 16"))
    page.reload()
    page.wait_for_selector("text=2 matching runs", timeout=90_000)
    assert seen.requests == [] and not [text for text in seen.complaints if text.startswith("dialog")]
    assert page.locator("b:text-is('not bold')").count() == 0
