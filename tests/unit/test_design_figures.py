"""What a design looks like inside: flows that balance, pictures that show them, derivatives that are differences."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

from padesign.cli import app
from padesign.cli.evaluate import simulate
from padesign.cli.figures import influences
from padesign.cli.fixed import solve_fixed
from padesign.config import LoadedRun, load_run_text
from padesign.config.build import build_design
from padesign.design.characterise import state_at, transfer_weights
from padesign.observables.colour import colour_matching, uv_of_xy
from padesign.observables.fluxes import Flux, fluxes, mean_populations, net
from padesign.report.colour_figures import _xy_of_uv, chromaticity_figure
from padesign.report.design_figures import Influence, influence_figure
from tests.systems.run_files import SMALL_TM


def rows(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


@pytest.fixture(scope="module")
def loaded() -> LoadedRun:
    return load_run_text(SMALL_TM)


@pytest.fixture(scope="module")
def solved(loaded: LoadedRun) -> Any:
    run = loaded.run
    solution, bands = solve_fixed(run)
    at = solution.steepest(bands[0]).log_irradiance
    weights = transfer_weights(build_design(run))
    state = state_at(solution, at)
    return solution, bands[0], state, float(jnp.exp(at)), weights


def balance(found: list[Flux], levels: int) -> tuple[np.ndarray, np.ndarray]:
    gained, passed = np.zeros(levels), np.zeros(levels)
    for one in found:
        for _, start, end in one.steps:
            gained[end] += one.per_s
            gained[start] -= one.per_s
            passed[start] += one.per_s
    return gained, passed


def test_what_flows_into_a_level_flows_out(solved: Any) -> None:
    solution, _, state, power, weights = solved
    for found in (fluxes(solution.light, state, power, weights), net(fluxes(solution.light, state, power, weights))):
        gained, passed = balance(found, len(solution.light.levels[0][1]))
        assert np.abs(gained).max() < 1e-4 * passed.max()
    assert sum(mean_populations(solution.light, state)[0]) == pytest.approx(1.0)


def test_flows_are_the_rates_times_the_populations(solved: Any) -> None:
    solution, band, state, power, weights = solved
    light = solution.light
    found = fluxes(light, state, power, weights)
    shining = next(one for one in found if one.kind == "radiative" and one.steps == ((0, band.upper, band.lower),))
    assert shining.per_s == pytest.approx(float(light.weights(band) @ jnp.exp(state)))
    ions, share = float(light.ions_in_cell[0].sum()), mean_populations(light, state)[0]
    absorbed = {one.steps[0][1:]: one.per_s for one in found if one.kind == "absorption"}
    pump = np.asarray(light.network.pump[0])[0]
    assert absorbed[0, 2] == pytest.approx(ions * power * pump[2, 0] * share[0])
    relaxing = next(one for one in found if one.text(light) == "Tm:3H4 + Tm:3H6 -> Tm:3F4 + Tm:3F4")
    assert relaxing.kind == "transfer" and relaxing.per_s > 0.1 * found[0].per_s / 10.0
    assert all((one.steps[0][1], one.steps[0][2]) != (one.steps[1][2], one.steps[1][1])
               for one in found if len(one.steps) == 2)  # fmt: skip
    assert len(net(found)) < len(found)


def test_influences_are_what_a_changed_design_shows(loaded: LoadedRun, solved: Any) -> None:
    found = {one.name: one for one in influences(loaded.run, solved[1].label)}

    def numbers(text: str, value: float) -> tuple[float, float]:
        result, _ = simulate(load_run_text(SMALL_TM.replace(text, f"{text.split(':')[0]}: {value}")))
        assert result.threshold_kW_per_cm2 is not None and result.bands[0].S is not None
        return math.log(result.threshold_kW_per_cm2), math.log(result.bands[0].S)

    for text, value, step, name, tolerance in (
        ("Tm: 8", 8.0, 0.02, "core Tm", 0.8),
        ("thickness_nm: 5.6", 5.6, 0.02, "shell thickness", 0.5),
    ):
        more, less = numbers(text, value + step), numbers(text, value - step)
        slopes = [(a - b) / (2.0 * step) * tolerance for a, b in zip(more, less, strict=True)]
        assert (found[name].log_threshold, found[name].log_S) == pytest.approx(slopes, rel=5e-3), name
    constants = [one for one in found.values() if not one.of_design]
    assert any("omega" in one.name for one in constants) and "core radius" in found


def test_the_command_draws_every_figure_with_units_and_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, solved: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inside.yaml").write_text(SMALL_TM)
    done = CliRunner().invoke(app, ["figures", "inside.yaml", "--out", "drawn"])
    assert done.exit_code == 0, done.stderr
    told = [Path(line) for line in done.stdout.splitlines() if line.endswith(".svg")]
    names = {path.stem for path in told}
    assert names == {"power_curve", "levels", "colour", "particle", "spectrum", "populations", "influence"}
    units = {
        "levels": ("energy (10³ cm⁻¹)", "events/s in one particle", "kW/cm²"),
        "colour": ("irradiance (kW/cm²)", "CIE 1931 x", "CIE 1976 u"),
        "spectrum": ("wavelength (nm)", "photons/s/nm"),
        "power_curve": ("irradiance (kW/cm²)", "emission (photons/s)"),
        "populations": ("distance from the middle (nm)", "population (fraction"),
        "influence": ("threshold", "change of the logarithm"),
    }
    for path in told:
        text = path.read_text(encoding="utf-8")
        assert rows(path.with_suffix(".csv")) and path.with_suffix(".png").stat().st_size > 5000
        assert all(word in text for word in units.get(path.stem, ()))
        width_pt = float(text.split('width="')[1].split("pt")[0])
        assert width_pt == pytest.approx(85.0 / 25.4 * 72.0, abs=0.2)  # one column, printed as it is
    low, high = (float(end) for end in load_run_text(SMALL_TM).run.excitation.irradiance_window_kW_per_cm2)
    drawn = [float(row["irradiance_kW_per_cm2"]) for row in rows(tmp_path / "drawn" / "power_curve.csv")]
    assert (min(drawn), max(drawn)) == pytest.approx((low, high))  # the window that was asked for
    assert "surface loss Tm:3F4" in (tmp_path / "drawn" / "influence.svg").read_text(encoding="utf-8")
    assert "NOT calibrated" in done.stdout
    solution, _, state, _, _ = solved
    levels = rows(tmp_path / "drawn" / "levels.csv")
    shares = [float(row["population"]) for row in levels if row["kind"] == "level"]
    assert shares == pytest.approx(mean_populations(solution.light, state)[0].tolist(), rel=1e-3)
    radial = rows(tmp_path / "drawn" / "populations.csv")
    assert {float(row["outer_nm"]) for row in radial} == {8.5}


def test_a_network_without_energies_says_what_it_cannot_show(tmp_path: Path) -> None:
    from padesign.cli.files import templates

    done = CliRunner().invoke(app, ["figures", str(templates()["three_state_tm"]), "--out", str(tmp_path)])
    assert done.exit_code == 0, done.stderr
    assert "no level diagram" in done.stderr or (tmp_path / "levels.svg").is_file()
    assert "hand-written network" in done.stderr and (tmp_path / "power_curve.svg").is_file()


def test_the_chromaticity_diagram_knows_both_planes(tmp_path: Path) -> None:
    XYZ = colour_matching()[60:300:40]
    xy = (XYZ / XYZ.sum(axis=1, keepdims=True))[:, :2]
    uv = np.array([uv_of_xy(*point) for point in xy])
    assert np.column_stack(_xy_of_uv(*uv.T)) == pytest.approx(xy)
    files = chromaticity_figure([1.0, 10.0], [0.3, 0.2], [0.3, 0.1], tmp_path / "c")
    assert float(rows(files.csv)[1]["v_prime"]) == pytest.approx(uv_of_xy(0.2, 0.1)[1])


def test_influences_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    found = [Influence("=a", "+1", True, 0.1, math.nan), Influence("b_$x", "+1", False, -0.2, 0.3)]
    files = influence_figure(found, tmp_path / "i")
    assert [row["number"] for row in rows(files.csv)] == ["b_$x"]
    assert "b_$x" in files.svg.read_text()
