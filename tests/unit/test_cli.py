"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from padesign.cli import app
from padesign.cli.console import number
from padesign.cli.designs import Row, near
from padesign.cli.page import sensitivity_table
from padesign.cli.sweep import parse_axis
from padesign.design.sensitivity import VALUE
from padesign.design.trial import Candidate
from padesign.errors import InputError
from padesign.particle.layers import Layer, Particle
from tests.systems.run_files import SMALL_TM

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
THREE_STATE = str(CONFIGS / "three_state_tm.yaml")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def parsed(result: Result) -> Any:
    """Standard output as strict JSON."""

    def refuse(word: str) -> float:
        raise AssertionError(f"JSON holds {word}")

    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout, parse_constant=refuse)


# --- start-up and help -----------------------------------------------------------------------------------------------


def test_every_command_explains_itself_and_none_of_that_loads_a_heavy_library() -> None:
    commands = ("init", "validate", "run", "resume", "status", "ui", "recipe", "evaluate", "sweep", "network", "schema")
    for command in (*commands, "doctor"):
        done = call(command, "--help")
        assert done.exit_code == 0 and "--debug" in done.stdout, command
    code = (
        "import sys, padesign.cli\n"
        "print(sorted(set(sys.modules) & {'jax', 'mlflow', 'matplotlib', 'optuna', 'pydantic', 'numpy', 'rich'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_version_is_that_of_the_package() -> None:
    import padesign

    assert call("--version").stdout.split() == ["padesign", padesign.__version__]


# --- errors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["evaluate", "nowhere.yaml"], "does not exist"),
        (["evaluate", str(CONFIGS / "quickstart.yaml")], "--set particle.layers.active_shell.optional=false"),
        (["run", THREE_STATE], "has no `objective`"),
        (["run"], "padesign init"),
        (["evaluate", THREE_STATE, "--set", "temperature_K=-3"], "temperature_K"),
        (["status", "."], "is not a run folder"),
        (["resume", "nowhere"], "there is no run folder"),
        (["sweep", THREE_STATE, "--vary", "particle.x=1:2"], "START:STOP:COUNT"),
        (["init", "--template", "nothing"], "templates: five_state_tm"),
        (["recipe", THREE_STATE], "no particle to make"),
        (["evaluate", THREE_STATE, "--nonsense"], "No such option"),
    ],
)
def test_bad_input_is_told_in_words_on_stderr_with_exit_code_2(arguments: list[str], said: str) -> None:
    done = call(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr and done.stdout == "" and "Traceback" not in done.stderr


def test_an_error_of_a_deeper_layer_names_file_and_line(tmp_path: Path) -> None:
    text = Path(THREE_STATE).read_text().replace("Tm:3F4 -> Tm:3H4 @", "Tm:3F4 -> Tm:3H9 @")
    line = 1 + text[: text.index("Tm:3H9")].count("\n")
    (tmp_path / "bad.yaml").write_text(text)
    for command in ("validate", "evaluate", "network"):
        done = call(command, "bad.yaml")
        assert done.exit_code == 2 and f"bad.yaml:{line}" in done.stderr and "Tm:3H9" in done.stderr


def test_an_unexpected_error_is_one_line_and_a_traceback_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise ZeroDivisionError("first\nsecond")

    monkeypatch.setattr("padesign.cli.validate.validate", fail)
    done = call("validate", THREE_STATE)
    assert done.exit_code == 1 and "ZeroDivisionError: first" in done.stderr and "--debug" in done.stderr
    assert "Traceback" not in done.stderr and "second" not in done.stderr
    assert "Traceback" in call("validate", THREE_STATE, "--debug").stderr


def test_text_of_a_user_cannot_move_the_cursor_or_style_the_output(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text('version: 1\nname: "[red]\\u001b[2J"\n')
    done = call("validate", "odd.yaml")
    assert done.exit_code == 2 and "\x1b" not in done.stderr


# --- files to start from ---------------------------------------------------------------------------------------------


def test_init_makes_a_sound_run_file_that_names_its_schema_and_never_overwrites(tmp_path: Path) -> None:
    assert call("init", "new").exit_code == 0
    made = tmp_path / "new" / "quickstart.yaml"
    assert made.read_text().startswith("# yaml-language-server: $schema=./padesign.schema.json\n")
    assert json.loads((made.parent / "padesign.schema.json").read_text()) == parsed(call("schema"))
    assert call("validate", str(made)).exit_code == 0
    made.write_text("mine")
    done = call("init", "new")
    assert done.exit_code == 2 and "--force" in done.stderr and made.read_text() == "mine"
    assert call("init", "new", "--force").exit_code == 0 and made.read_text() != "mine"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_valid_and_its_size_is_told(path: Path) -> None:
    done = call("validate", str(path))
    assert done.exit_code == 0 and "unknowns" in done.stdout


def test_validate_counts_choices_that_make_a_difference() -> None:
    done = call("validate", str(CONFIGS / "quickstart.yaml"))
    assert "3 different (active_shell, active_shell.Yb)" in done.stdout  # no Yb in a layer that is not there


def test_validate_says_what_the_particle_is_and_what_does_nothing() -> None:
    def told(*settings: str) -> list[str]:
        pairs = [text for one in settings for text in ("--set", one)]
        done = call("validate", str(CONFIGS / "quickstart.yaml"), *pairs)
        assert done.exit_code == 0
        return [" ".join(line.split()) for line in done.stdout.splitlines()]

    lines = told()
    assert "layers active_shell: beta-NaYF4, 1 to 4 nm thick, 0.5 to 15 % Tm, 1 to 30 % Yb or none, or absent" in lines
    assert "levels Tm: 8 levels, 3H6 to 1D2 (27875 cm^-1)" in lines
    assert "surroundings no self-heating" in lines
    assert any(line.startswith("time about 1 min of one core or less for 1080 gradients") for line in lines)
    assert {"limits at most 28.2 nm across", "rounded to 0.1 nm and 0.1 mol%"} < set(lines)
    assert "with window_decades 0.05, min_photons_per_s 16500, max_irradiance_kW_per_cm2 28" in lines
    batch = told("robust.dopant_percent=7", "rounding.dopant_step_mol_percent=0.5")
    assert "rounded to 0.1 nm and 0.5 mol%" in batch
    assert "batch scatters by 5 % of the core, 5 % of every shell, 7 % of every share" in batch
    assert "search 12 trials of 2 × 30 gradient steps, each of 16 particles" in batch
    ligand = "particle.surroundings.ligand=water"
    assert not any("does nothing" in line for line in told(ligand))
    idle = told(ligand, "particle.surface_loss=false", "particle.surroundings.thermal_resistance_K_per_W=3e6")
    assert "mind `surroundings.ligand` does nothing: `surface_loss` is false" in idle
    assert "surroundings self-heating through 3e+06 K/W, whatever the size" in idle


def test_validate_names_hosts_that_hardly_grow_on_each_other() -> None:
    done = call("validate", str(CONFIGS / "tm_core_shell.yaml"), "--set", "particle.layers.core.host=KPb2Cl5")
    assert done.exit_code == 0 and "beta-NaYF4 on KPb2Cl5: no common crystal system" in done.stdout
    assert "mind" not in call("validate", str(CONFIGS / "tm_core_shell.yaml")).stdout


# --- evaluate --------------------------------------------------------------------------------------------------------


def test_evaluate_gives_the_published_network_as_strict_json() -> None:
    data = parsed(call("evaluate", THREE_STATE, "--json"))
    assert data["threshold_kW_per_cm2"] == pytest.approx(6.704, abs=1e-3)
    assert (data["outcome"], data["bistable"], data["parameter_sets"]) == ("ok", False, [])
    (band,) = data["bands"]
    assert set(band) == {
        "transition",
        "wavelength_nm",
        "S",
        "S_window",
        "window_decades",
        "S_at_kW_per_cm2",
        "photons_per_s",
        "photons_at_kW_per_cm2",
        "S_at_window_edge",
    }
    assert band["S"] == pytest.approx(52.1, abs=0.05) and band["wavelength_nm"] is None
    assert set(data["definitions"]) >= {"S", "S_window", "threshold_kW_per_cm2", "photons_per_s"}


def test_evaluate_prints_results_on_stdout_and_draws_what_it_is_asked_to(tmp_path: Path) -> None:
    done = call("evaluate", THREE_STATE, "--figure", "out/curve.png")
    assert done.exit_code == 0 and "threshold 6.704 kW/cm²" in done.stdout and "52.12" in done.stdout
    assert (tmp_path / "out" / "curve.png").stat().st_size > 1000


def test_a_table_of_influences_has_a_column_for_every_head_and_none_twice() -> None:
    particle = Particle((Layer("core", "beta-NaYF4", 8.5, {"Tm": 8.0}),))
    by = {"core radius": -0.3, "core Tm": -0.1}
    found = {"S_exact": {"core radius": 0.5, "core Tm": 0.2}, "threshold_kW_per_cm2": by, VALUE: by}
    row = Row("design 1", Candidate("ok", 1.0, 1.0, {}, {}, {}), particle, 0, sensitivities=found)
    told = sensitivity_table(row, "threshold")
    assert told["header"] == ["size or share", "usual error", "S (exact)", "threshold"]
    assert told["rows"] == [["core radius", "5 %", "0.5", "-0.3"], ["core Tm", "10 %", "0.2", "-0.1"]]


def test_designs_within_the_errors_of_a_synthesis_or_with_another_inert_host_are_one() -> None:
    def candidate(core: str = "beta-NaYF4", shell: str = "beta-NaYF4", tm: float = 8.0) -> Candidate:
        layers = (Layer("core", core, 8.5, {"Tm": tm}), Layer("shell", shell, 5.0))
        return Candidate("ok", 1.0, 1.0, {}, {"particle": Particle(layers).to_json()}, {})

    one = candidate()
    assert near(one, candidate(shell="beta-NaLuF4")) and near(one, candidate(tm=8.5))
    assert not near(one, candidate(core="beta-NaLuF4")) and not near(one, candidate(tm=10.0))


def test_mistakes_are_told_before_anything_is_solved(tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL_TM)
    done = call("sweep", "small.yaml", "--vary", "shell.thickness=2:6:5")
    assert done.exit_code == 2 and "particle.layers.shell.thickness_nm" in done.stderr and "solving" not in done.stderr
    done = call("compare", "small.yaml", "nothing.csv")
    assert done.exit_code == 2 and "nothing.csv: does not exist" in done.stderr and "solving" not in done.stderr


# --- schema ----------------------------------------------------------------------------------------------------------


def test_schema_lists_every_field_of_a_section_with_its_unit_limits_and_default() -> None:
    def told(section: str) -> list[str]:
        done = call("schema", section)
        assert done.exit_code == 0, done.stderr
        return [" ".join(line.split()) for line in done.stdout.splitlines()]

    assert any(line.startswith("dopant_percent 0 to 50 percent 5.0") for line in told("robust"))
    assert any(line.startswith("diameter_nm 1 to 200 nm or {min, max, start}") for line in told("particle.layers"))
    kinds = parsed(call("schema"))["properties"]["objective"]["anyOf"][0]["discriminator"]["mapping"]
    assert all(any(line.startswith(f"{kind} ") for line in told("objective")) for kind in kinds)
    assert all(told(f"objective.{kind}") for kind in kinds)
    assert all(told(section) for section in parsed(call("schema"))["properties"])
    wrong = call("schema", "robst")
    assert wrong.exit_code == 2 and "did you mean `robust`?" in wrong.stderr


# --- network ---------------------------------------------------------------------------------------------------------


def test_network_states_the_lines_of_a_hand_written_network_with_their_rates() -> None:
    data = parsed(call("network", THREE_STATE, "--json", "--irradiance-kW-per-cm2", "10"))
    assert data["processes"][0]["text"] == "Tm:3H6 -> Tm:3F4 @ 6.0e-25 cm^2"
    rates = {process["kind"]: process["rate_per_s"] for process in data["processes"]}
    photon_J = 6.62607015e-34 * 2.99792458e8 / 1064e-9
    assert rates["absorption"] == pytest.approx(6.4e-21 * 10e3 / photon_J, rel=1e-9)
    lifetimes = {level["id"]: level["lifetime_s"] for level in data["levels"]}
    assert lifetimes["Tm:3H4"] == pytest.approx(1.0 / (636.01 + 87.32)) and lifetimes["Tm:3H6"] is None


def test_network_of_a_particle_lists_every_kind_of_process_and_its_parameter_set(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(SMALL_TM)
    data = parsed(call("network", "p.yaml", "--json"))
    assert data["irradiance_is"] == "the threshold"
    kinds = {process["kind"] for process in data["processes"]}
    assert kinds == {"absorption", "stimulated emission", "radiative", "multiphonon", "surface", "transfer"}
    chosen = {process["text"]: process for process in data["processes"] if process["kind"] == "transfer"}
    cross = chosen["Tm:3H4 + Tm:3H6 -> Tm:3F4 + Tm:3F4"]
    assert 1e3 < cross["rate_per_s"] < 1e5 and 0.0 < cross["factor"] < 1.0 and cross["layer"] == "core"
    assert data["parameter_sets"][0]["calibrated"] is False and len(data["parameter_sets"][0]["digest"]) == 64


# --- sweep -----------------------------------------------------------------------------------------------------------


def test_a_sweep_compiles_one_program_and_its_middle_point_is_the_design_itself(tmp_path: Path) -> None:
    from padesign.design.compiled import solved

    (tmp_path / "p.yaml").write_text(SMALL_TM)
    alone = parsed(call("evaluate", "p.yaml", "--json"))
    before = solved.count
    variables = ["--vary", "particle.layers.core.dopants_mol_percent.Tm=6:10:3", "--vary", "temperature_K=285:305:3"]
    done = call("sweep", "p.yaml", *variables, "--out", "out")
    assert done.exit_code == 0, done.stderr
    assert solved.count == before
    lines = (tmp_path / "out" / "sweep.csv").read_text().splitlines()
    rows = [dict(zip(lines[0].split(","), line.split(","), strict=True)) for line in lines[1:]]
    assert len(rows) == 9
    (same,) = (
        r for r in rows if (r["particle.layers.core.dopants_mol_percent.Tm"], r["temperature_K"]) == ("8.0", "295.0")
    )
    assert float(same["threshold_kW_per_cm2"]) == pytest.approx(alone["threshold_kW_per_cm2"], rel=1e-9)
    thresholds = [float(r["threshold_kW_per_cm2"]) for r in rows if r["temperature_K"] == "295.0"]
    assert len(set(thresholds)) == 3
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == [
        "S_window.png",
        "photons.png",
        "threshold.png",
    ]


def test_the_range_of_a_sweep_is_read_as_written() -> None:
    assert parse_axis("a.b=1:3:3").values == (1.0, 2.0, 3.0)
    assert parse_axis("a.b=1:100:3:log").values == pytest.approx((1.0, 10.0, 100.0))
    for bad in ("a.b", "a.b=1:2", "a.b=1:2:x", "=1:2:3", "a.b=0:2:3:log", "a.b=1:inf:3", "a.b=1:2:0", "a.b=1:2:3:lin"):
        with pytest.raises(InputError):
            parse_axis(bad)


def test_a_value_out_of_range_inside_a_sweep_is_told(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(SMALL_TM)
    done = call("sweep", "p.yaml", "--vary", "particle.layers.core.dopants_mol_percent.Tm=90:120:4")
    assert done.exit_code == 2 and "Tm=110" in done.stderr.replace(".0", "")


# --- doctor, dashboard, numbers --------------------------------------------------------------------------------------


def test_doctor_finds_this_installation_sound() -> None:
    done = call("doctor")
    assert done.exit_code == 0 and "FAIL" not in done.stdout and "6.704" in done.stdout


def test_the_dashboard_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from padesign.config import load_run_file, resolve
    from padesign.search import RunFolder

    run = load_run_file(CONFIGS / "quickstart.yaml").run
    folder = RunFolder.create(tmp_path / "runs", "x", "", resolve(run))
    assert "has no MLflow record" in call("ui", str(folder.path)).stderr
    (folder.path / "mlflow.db").touch()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = call("ui")
    assert done.exit_code == 2 and "padesign[ui]" in done.stderr


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (14.6018, "14.6"),
        (0.01234, "0.0123"),
        (289023.7, "2.89e5"),
        (None, "–"),
        (math.nan, "–"),
        (3.44e-23, "3.44e-23"),
    ],
)
def test_numbers_are_short_and_exact_to_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_the_reader_of_a_pipe_may_leave() -> None:
    code = f"{sys.executable} -m padesign.cli schema | head -c 1"
    done = subprocess.run(code, shell=True, capture_output=True, text=True, env=os.environ, check=False)
    assert done.stdout == "{" and "Traceback" not in done.stderr and "Broken" not in done.stderr
