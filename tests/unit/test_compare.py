"""Designs, runs and measurements side by side: one definition for all, the numbers of each as it has them."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from padesign.cli import app, compare
from padesign.config.blocks.excitation import spot_irradiance_kW_per_cm2
from padesign.design.trial import Candidate
from padesign.errors import InputError
from padesign.observables.read_off import read_off, slope_over, upward_sweep
from padesign.particle.layers import Layer, Particle
from padesign.report.comparison_figure import ComparedCurve, comparison_figure
from padesign.search import RunFolder, TrialRecord

THREE_LEVELS = (Path(__file__).parents[2] / "configs" / "three_state_tm.yaml").read_text()
X = np.linspace(math.log(1.0), math.log(100.0), 60)
AT, WIDTH = math.log(12.0), 0.3


def log_photons(x: np.ndarray) -> np.ndarray:
    """Slope 1.5 + 10 exp(-((x - ln 12) / 0.3)^2)."""
    erf = np.vectorize(math.erf)
    return 1.5 * x + 5.0 * WIDTH * math.sqrt(math.pi) * erf((x - AT) / WIDTH)


CURVE = {
    "irradiance_kW_per_cm2": np.exp(X).tolist(),
    "photons_per_s": np.exp(log_photons(X)).tolist(),
    "S": (1.5 + 10.0 * np.exp(-(((X - AT) / WIDTH) ** 2))).tolist(),
    "stable": [1.0] * X.size,
}


def call(*arguments: str) -> Any:
    return CliRunner().invoke(app, ["compare", *arguments])


def test_every_convention_is_read_off_a_curve_of_known_slope() -> None:
    sweep = upward_sweep(CURVE, 1.0, 100.0)
    found = read_off(sweep)
    assert found.threshold_steepest == pytest.approx(12.0, rel=1e-3)
    crossing = WIDTH * math.sqrt(math.log(10.0 / 3.5))
    assert found.threshold_slope_above_5 == pytest.approx(12.0 * math.exp(-crossing), rel=2e-3)
    assert found.saturation == pytest.approx(12.0 * math.exp(WIDTH * math.sqrt(math.log(20.0))), rel=2e-3)
    half = math.log(2.0) / 2.0
    rise = log_photons(np.array([AT + half, AT - half]))
    assert found.gain == pytest.approx(math.exp(rise[0] - rise[1]), rel=1e-3)
    narrow = slope_over(sweep, 0.01)
    assert narrow == pytest.approx(11.5, rel=2e-3) and slope_over(sweep, 3.0) is None
    (y0, y1), (x0, x1) = log_photons(np.array([0.0, AT])), (0.0, AT)
    assert found.threshold_tangents == pytest.approx(math.exp(((y0 - 1.5 * x0) - (y1 - 11.5 * x1)) / 10.0), rel=1e-3)


def test_a_jump_is_a_step_of_the_upward_sweep() -> None:
    folded = {
        "irradiance_kW_per_cm2": [1.0, 5.0, 10.0, 7.0, 6.0, 9.0, 11.0, 20.0],
        "photons_per_s": [1.0, 3.0, 6.0, 40.0, 200.0, 900.0, 1e3, 2e3],
        "S": [1.0] * 8,
        "stable": [1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.0],
    }
    sweep = upward_sweep(folded, 1.0, 20.0)
    below, above = np.interp(np.log([10.0, 11.0]), sweep.log_power, sweep.log_photons)
    assert (math.exp(below), math.exp(above)) == pytest.approx((6.0, 1e3), rel=0.01)
    assert 10.0 < (read_off(sweep).threshold_steepest or 0.0) < 11.0


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.yaml").write_text(THREE_LEVELS)
    powers = np.geomspace(2.0, 90.0, 120)
    counts = np.random.default_rng(1).poisson(0.02 * np.exp(log_photons(np.log(powers)) + 12.0) + 5.0)
    lines = [f"{p:.6g},{c:.0f}" for p, c in zip(powers, counts, strict=True)]
    (tmp_path / "seen.csv").write_text("irradiance (kW/cm2),counts\n" + "\n".join(lines))
    (tmp_path / "laser.csv").write_text("power (mW),counts\n" + "\n".join(lines))
    return tmp_path


def test_a_design_a_run_and_a_measurement_stand_in_one_table_and_one_plot(here: Path) -> None:
    run_text = (Path(__file__).parents[2] / "configs" / "quickstart.yaml").read_text()
    from padesign.config import load_run_text, resolve

    folder = RunFolder.create(here, "finished", run_text, resolve(load_run_text(run_text).run))
    particle = Particle((Layer("core", "beta-NaYF4", 8.0, {"Tm": 8.0}), Layer("inert_shell", "beta-NaYF4", 4.0)))
    design = {"particle": particle.to_json(), "wavelength_nm": 1064.0, "temperature_K": 295.0}
    for number, value in enumerate((5.0, 11.5)):
        metrics = {"S_exact": value, "threshold_kW_per_cm2": 9.0}
        candidate = Candidate("ok", value, 1.0, {}, design, metrics, (), CURVE)
        folder.write_trial(TrialRecord(number, {}, 1, candidate, 1.0, 1.0))
    done = call("net.yaml", str(folder.path), "seen.csv", "--json", "--out", "out")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    net, run, seen = told["compared"]
    assert (net["kind"], run["kind"], seen["kind"]) == ("design", "run", "measured")
    assert "trial 1" in run["what"] and run["numbers"]["S_exact"] == 11.5 and run["numbers"]["threshold"] == 9.0
    assert run["numbers"]["threshold_steepest"] == pytest.approx(12.0, rel=1e-3)
    low, high = seen["intervals_95"]["S_over"]
    assert low < seen["numbers"]["S_over"] < high and seen["numbers"]["photons_per_s"] is None
    own = json.loads(CliRunner().invoke(app, ["evaluate", "net.yaml", "--json"]).stdout)
    assert net["numbers"]["S_exact"] == own["bands"][0]["S"]
    assert net["numbers"]["threshold_steepest"] == pytest.approx(own["bands"][0]["S_at_kW_per_cm2"], rel=5e-3)
    assert set(told["definitions"]) == set(told["units"]) == set(net["numbers"])
    rows = {row["number"]: row for row in csv.DictReader((here / "out" / "comparison.csv").read_text().splitlines())}
    assert float(rows["S_over"]["seen 95 % low"]) == low and rows["threshold"]["seen"] == ""
    drawn = list(csv.DictReader((here / "out" / "curves.csv").read_text().splitlines()))
    assert {row["curve"] for row in drawn} == {net["label"], run["label"], "seen"}
    text = (here / "out" / "curves.svg").read_text()
    assert "irradiance (kW/cm²)" in text and "counts; designs scaled" in text and run["label"] in text


def test_the_same_design_twice_keeps_two_names(here: Path) -> None:
    done = call("net.yaml", "net.yaml")
    assert done.exit_code == 0 and "three_state_tm (2)" in done.stdout
    assert "linear stability" in done.stdout and "95 %" not in done.stdout


def test_powers_of_a_laser_need_the_spot(here: Path) -> None:
    assert "--spot-fwhm-um" in call("net.yaml", "laser.csv").stderr
    one = compare._measured(here / "laser.csv", None, 0.1, 1.5)
    plain = compare._measured(here / "seen.csv", None, 0.1, None)
    factor = spot_irradiance_kW_per_cm2(1.0, 1.5)
    for key in ("threshold_steepest", "threshold_tangents"):
        assert one.numbers[key] == pytest.approx(factor * (plain.numbers[key] or 0.0))
    assert one.numbers["S_over"] == pytest.approx(plain.numbers["S_over"])
    assert one.curve.power == pytest.approx(factor * plain.curve.power)


def test_what_cannot_be_compared_is_told(here: Path) -> None:
    alone = call("net.yaml")
    assert alone.exit_code == 2 and "nothing to compare" in alone.stderr
    (here / "time.csv").write_text("time (ms),counts\n" + "\n".join(f"{k},{k * k}" for k in range(40)))
    assert "time trace" in call("net.yaml", "time.csv").stderr
    assert "not a run folder" in call("net.yaml", str(here)).stderr
    with pytest.raises(InputError):
        compare._read(here / "missing.csv", None, 0.1, None)


def test_designs_are_scaled_to_the_measurement_where_all_have_power(tmp_path: Path) -> None:
    def curve(label: str, factor: float, top: float, measured: bool) -> ComparedCurve:
        power = np.geomspace(1.0, top, 30)
        sigma = 0.01 * power if measured else np.zeros(0)
        return ComparedCurve(label, power, factor * power**2, sigma, power, np.full(30, 2.0))

    files = comparison_figure([curve("=1+1", 7.0, 100.0, False), curve("seen", 3.0, 50.0, True)], tmp_path / "c")
    rows = list(csv.DictReader(files.csv.read_text().splitlines()))
    scaled = {row["curve"]: float(row["scaled_by"]) for row in rows}
    assert scaled == pytest.approx({"'=1+1": 3.0 / 7.0, "seen": 1.0})
    assert {row["emission_unit"] for row in rows} == {"counts", "photons/s"}
