"""`padesign dynamics` under protocols of beams: what it prints, and its figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from padesign.cli import app

EXAMPLE = Path(__file__).parents[2] / "configs" / "rise_times.yaml"


def told(tmp_path: Path, protocol: str) -> dict:
    text = EXAMPLE.read_text().split("\ndynamics:")[0] + f"\ndynamics: {protocol}\n"
    file = tmp_path / "run.yaml"
    file.write_text(text)
    done = CliRunner().invoke(app, ["dynamics", str(file), "--json", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    assert {one.suffix for one in (tmp_path / "out").iterdir()} == {".svg", ".png", ".csv"}
    found = json.loads(done.stdout)
    assert set(found["rows"][0]) - {"band", "converged", "frequency_Hz"} <= set(found["definitions"])
    return found


@pytest.mark.parametrize(("off_ms", "dark"), [(20, True), (70, False)])
def test_a_beam_that_is_switched_off_leaves_the_dark(tmp_path: Path, off_ms: float, dark: bool) -> None:
    course = f"{{kind: switched, on_ms: 1, off_ms: {off_ms}}}"
    found = told(tmp_path, f"{{kind: beams, irradiance_kW_per_cm2: 30, duration_ms: 60, swept: {course}}}")
    (row,) = found["rows"]
    assert (row["last_photons_per_s"] < 0.01 * row["largest_photons_per_s"]) == dark
    assert row["converged"] and row["at_ms"] > 15.0


def test_modulated_light_is_followed_less_the_faster_it_is(tmp_path: Path) -> None:
    asked = "{kind: modulated, irradiance_kW_per_cm2: 20, depth: 0.5, frequency_Hz: [5, 500], periods: 5}"
    slow, fast = told(tmp_path, asked)["rows"]
    assert slow["modulation"] > 2.0 * fast["modulation"] > 0.0
    assert 0.0 < slow["lag_degrees"] < fast["lag_degrees"]
