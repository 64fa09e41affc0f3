"""Figures: three files each, the CSV is the input, users' text cannot break them, and matplotlib is loaded late."""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from padesign.particle.layers import Layer, Particle
from padesign.report.figures import history_figure, particle_figure, power_curve_figure, sweep_figure
from padesign.report.power_curve_figure import within

NASTY = "_odd $x_2$ 100% {a} \\n <b>&\n=1+1"
ROUND = np.linspace(0.0, 16.0, 40)
FOLDED_LOG_POWER = 2.0 + 0.25 * (ROUND - 8.0) - 1.2 * np.tanh((ROUND - 8.0) / 2.0)
RISE = np.gradient(FOLDED_LOG_POWER, ROUND)


def _curve(log_power=0.3 * ROUND) -> dict[str, list[float]]:
    slope = 1.0 / np.gradient(log_power, ROUND)
    return {
        "irradiance_kW_per_cm2": np.exp(log_power).tolist(),
        "photons_per_s": np.exp(ROUND).tolist(),
        "S": slope.tolist(),
        "stable": (slope > 0.0).astype(float).tolist(),
    }


MARKS = {"threshold_kW_per_cm2": 9.0, "S_at_kW_per_cm2": 12.0, "S_exact": 3.4, "photons_per_s": math.nan}


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def _written(files) -> str:
    """All three exist, the PNG is one and is not blank; the text of the SVG."""
    from matplotlib.image import imread

    assert [path.suffix for path in files] == [".svg", ".png", ".csv"]
    assert len({path.with_suffix("") for path in files}) == 1
    assert imread(files.png)[..., :3].std() > 0.02
    return files.svg.read_text(encoding="utf-8")


def test_a_power_curve_is_written_with_its_marks_and_its_numbers(tmp_path):
    curve = _curve()
    files = power_curve_figure(curve, MARKS, NASTY, tmp_path / "new" / "curve.svg")
    svg = _written(files)
    assert files.csv == tmp_path / "new" / "curve.csv"
    assert "threshold" in svg and "9 kW/cm²" in svg and "S = 3.4" in svg and "irradiance (kW/cm²)" in svg
    assert "_odd $x_2$ 100% {a} \\n &lt;b&gt;&amp; =1+1" in svg  # letter by letter, on one line
    rows = _rows(files.csv)
    assert {name: [float(row[name]) for row in rows] for name in rows[0]} == curve


def test_the_unstable_branch_is_dashed(tmp_path):
    straight = _written(power_curve_figure(_curve(), {}, "", tmp_path / "a"))
    folded = _written(power_curve_figure(_curve(FOLDED_LOG_POWER), {}, "", tmp_path / "b"))
    assert (RISE < 0.0).any()
    assert folded.count("stroke-dasharray") == straight.count("stroke-dasharray") + 1


def test_curves_are_compared_in_one_figure(tmp_path):
    curves = {NASTY: _curve(), "reference": _curve(0.4 * ROUND - 1.0)}
    files = power_curve_figure(curves, {"reference": MARKS}, "two", tmp_path / "two")
    svg = _written(files)
    assert ">reference<" in svg and ">S = 3.4, threshold 9 kW/cm²<" in svg and "_odd $x_2$" in svg
    rows = [row for row in _rows(files.csv) if row["curve"] == "reference"]
    assert [float(row["photons_per_s"]) for row in rows] == curves["reference"]["photons_per_s"]


def test_a_particle_shows_every_layer_and_ion_to_scale(tmp_path):
    layers = (Layer("core", "beta-NaYF4", 8.5, {"Yb": 15.0, "Pr": 0.5}), Layer(NASTY, "beta-NaLuF4", 3.25, {}))
    files = particle_figure(Particle(layers), tmp_path / "particle 8.5nm", title=NASTY)
    svg = _written(files)
    assert files.svg.name == "particle 8.5nm.svg"
    for text in (
        "15 mol% Yb",
        "0.5 mol% Pr",
        "undoped",
        "β-NaLuF₄, 3.25 nm thick",
        "β-NaYF₄, 17 nm across",
        "diameter 23.5 nm",
        "5 nm",
    ):
        assert text in svg
    rows = _rows(files.csv)
    assert [(row["ion"], float(row["mol_percent"])) for row in rows] == [("Yb", 15.0), ("Pr", 0.5), ("", 0.0)]
    assert float(rows[2]["outer_radius_nm"]) == 11.75


def test_a_formula_in_a_name_stays_text_in_the_csv(tmp_path):
    files = particle_figure(Particle((Layer("=1+1", "beta-NaYF4", 5.0, {}),)), tmp_path / "p")
    assert _rows(files.csv)[0]["layer"] == "'=1+1"


@pytest.mark.parametrize("trials", [2, 9])
def test_a_history_keeps_every_start_and_marks_the_best_trial(tmp_path, trials):
    histories = {
        f"trial {k}": [{"start": float(s), "loss": k + s + 3.0 / (1 + n)} for s in range(2) for n in range(5)]
        for k in range(trials)
    }
    files = history_figure(histories, tmp_path / "history")
    svg = _written(files)
    assert "trial 0 (best)" in svg
    assert ("trial 1" in svg) == (trials <= 7)
    rows = _rows(files.csv)
    assert len(rows) == 10 * trials
    expected = [("trial 1", record["start"], record["loss"]) for record in histories["trial 1"]]
    assert [(r["trial"], float(r["start"]), float(r["loss"])) for r in rows[10:20]] == expected
    assert [int(r["step"]) for r in rows[:10]] == [0, 1, 2, 3, 4] * 2


def test_a_sweep_is_a_line_or_a_map_with_gaps(tmp_path):
    x, y = [1.0, 10.0, 100.0], [2.0, 4.0]
    line = sweep_figure(x, None, [1.0, math.nan, 3.0], ["Tm (mol%)", "S"], tmp_path / "line")
    _written(line)
    assert [list(row.values()) for row in _rows(line.csv)] == [["1.0", "1.0"], ["10.0", "nan"], ["100.0", "3.0"]]
    field = sweep_figure(
        x, y, [[1.0, 2.0], [3.0, math.nan], [5.0, 7.5]], ["Tm (mol%)", "d (nm)", "S"], tmp_path / "map"
    )
    svg = _written(field)
    assert "d (nm)" in svg
    assert _rows(field.csv)[-1] == {"Tm (mol%)": "100.0", "d (nm)": "4.0", "S": "7.5"}


def test_nothing_to_draw_is_said(tmp_path):
    with pytest.raises(ValueError, match="without points"):
        power_curve_figure({name: [] for name in _curve()}, {}, "", tmp_path / "x")
    with pytest.raises(ValueError, match="finite"):
        history_figure({"a": [{"loss": math.nan}]}, tmp_path / "x")
    with pytest.raises(ValueError, match="do not fit"):
        sweep_figure([1.0, 2.0], [1.0], [[1.0, 2.0]], ["x", "y", "S"], tmp_path / "x")
    assert not list(tmp_path.iterdir())


def test_the_same_figure_gives_the_same_files(tmp_path):
    first, second = (power_curve_figure(_curve(), MARKS, "t", tmp_path / name) for name in ("a", "b"))
    assert all(one.read_bytes() == other.read_bytes() for one, other in zip(first, second, strict=True))


def test_matplotlib_is_loaded_only_to_draw():
    code = "import sys, padesign.report.figures; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_curve_is_cut_to_its_window_and_keeps_a_power_law_there():
    power = np.geomspace(0.01, 200.0, 11)
    law = {"irradiance_kW_per_cm2": power, "photons_per_s": 3.0 * power**2.5, "S": 0.0 * power + 2.5}
    cut = within(law, (1.0, 100.0))
    assert cut["irradiance_kW_per_cm2"][0] == pytest.approx(1.0) and cut["irradiance_kW_per_cm2"][-1] == pytest.approx(
        100.0
    )
    assert cut["photons_per_s"] == pytest.approx([3.0 * x**2.5 for x in cut["irradiance_kW_per_cm2"]])
    assert within(law, (300.0, 400.0)) is law
    folded = _curve(FOLDED_LOG_POWER)
    ends = np.exp([FOLDED_LOG_POWER.min() + 0.1, FOLDED_LOG_POWER.max() - 0.1])
    inside = within(folded, (float(ends[0]), float(ends[1])))
    assert min(inside["stable"]) == 0.0 and min(inside["irradiance_kW_per_cm2"]) == pytest.approx(ends[0])
