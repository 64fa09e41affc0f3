"""The run file: what it accepts, what it means, and that it survives a round trip."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from padesign.config import (
    FreeVariable,
    RunFile,
    RunFileError,
    free_variables,
    json_schema,
    load_run_file,
    load_run_text,
    require_fixed,
    require_objective,
    resolve,
)
from padesign.config.blocks.excitation import spot_irradiance_kW_per_cm2
from padesign.config.quantity import in_unit
from padesign.errors import InputError

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))
QUICKSTART = next(path for path in CONFIGS if path.stem == "quickstart")
FIXED = """version: 1
name: trial
excitation:
  wavelength_nm: 1064
  irradiance_kW_per_cm2: {min: 1, max: 100}
particle:
  layers:
    - {name: core, host: beta-NaYF4, diameter_nm: 17, dopants_mol_percent: {Tm: 8}}
    - {name: shell, host: beta-NaYF4, thickness_nm: 5.6}
"""


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_an_example_is_valid_and_its_resolved_form_means_the_same(path: Path) -> None:
    run = load_run_file(path).run
    assert run.name == path.stem
    resolved = json.loads(json.dumps(resolve(run), allow_nan=False))
    assert resolved["search"]["trials"] == run.search.trials
    assert RunFile.model_validate(resolved) == run


def structure_faults(value: Any, schema: dict[str, Any], top: dict[str, Any], at: str = "") -> list[str]:
    """Where a value departs from a JSON Schema in types, keys, required keys or limits."""
    if "$ref" in schema:
        return structure_faults(value, top["$defs"][schema["$ref"].rsplit("/", 1)[1]], top, at)
    if arms := schema.get("anyOf") or schema.get("oneOf"):
        attempts = [structure_faults(value, arm, top, at) for arm in arms]
        return [] if [] in attempts else min(attempts, key=len)
    if "const" in schema and value != schema["const"]:
        return [f"{at}: not {schema['const']}"]
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "number": (int, float), "integer": int}
    kind = kinds.get(schema.get("type", ""), object) if schema.get("type") != "null" else type(None)
    if not isinstance(value, kind) or (kind in ((int, float), int) and isinstance(value, bool)):
        return [f"{at}: not {schema['type']}"]
    if isinstance(value, int | float) and not schema.get("minimum", -math.inf) <= value <= schema.get(
        "maximum", math.inf
    ):
        return [f"{at}: outside limits"]
    if isinstance(value, list):
        return [f for i, v in enumerate(value) for f in structure_faults(v, schema["items"], top, f"{at}.{i}")]
    if not isinstance(value, dict):
        return []
    faults = [f"{at}.{key}: missing" for key in schema.get("required", ()) if key not in value]
    for key, item in value.items():
        child = schema.get("properties", {}).get(key, schema.get("additionalProperties", {}))
        faults += [f"{at}.{key}: unknown"] if child is False else structure_faults(item, child, top, f"{at}.{key}")
    return faults


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_an_example_obeys_the_exported_json_schema(path: Path) -> None:
    schema = json_schema()
    assert "prefixItems" not in json.dumps(schema)  # editors read draft 7
    data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    assert structure_faults(data, schema, schema) == []
    assert structure_faults(data | {"serach": {}}, schema, schema) == [".serach: unknown"]
    assert structure_faults(data | {"temperature_K": -3}, schema, schema) != []


def test_every_field_is_explained_in_the_editor() -> None:
    schema = json_schema()
    blocks = {"run file": schema, **schema["$defs"]}
    bare = [
        f"{name}.{key}"
        for name, block in blocks.items()
        for key, field in block.get("properties", {}).items()
        if key != "kind" and not field.get("description")
    ]
    assert bare == []


def test_yaml_1_2_words_stay_text_and_exponents_are_numbers() -> None:
    text = FIXED + "objective: {kind: custom, name: No, options: {Y: on, No: 1e-3, yes: 0o17, '1': 12:30}}\n"
    objective = load_run_text(text).run.objective
    assert objective is not None and objective.kind == "custom"
    assert (objective.name, objective.options) == ("No", {"Y": "on", "No": 1e-3, "yes": 15, "1": "12:30"})


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("3 nm", "nm", 3.0),
        ("30 angstrom", "nm", 3.0),
        ("1.064 µm", "nm", 1064.0),
        ("8 kW/cm^2", "kW/cm^2", 8.0),
        ("8e3 W/cm²", "kW/cm^2", 8.0),
        ("80 MW m^-2", "kW/cm^2", 8.0),
        ("0.08 W", "mW", 80.0),
        ("22 °C", "K", 295.15),
        ("295 K", "K", 295.0),
        ("8 %", "mol%", 8.0),
        ("8 mol%", "mol%", 8.0),
        ("99.9 %", "", 0.999),
        ("2 hours", "minutes", 120.0),
        ("1e6 1/s", "1/s", 1e6),
    ],
)
def test_text_with_a_unit_is_converted(text: str, unit: str, value: float) -> None:
    assert in_unit(text, unit) == pytest.approx(value, rel=1e-12)


def test_a_text_quantity_means_the_same_as_its_number() -> None:
    text = FIXED.replace("diameter_nm: 17,", 'diameter_nm: {min: "1 nm", max: "170 angstrom"},')
    assert (
        load_run_text(text).run
        == load_run_text(FIXED, overrides=["particle.layers.0.diameter_nm={min: 1, max: 17}"]).run
    )


def test_a_gaussian_spot_holds_its_power() -> None:
    """The peak irradiance times the integral of 2^(-(2r/w)^2) over the plane is the laser power."""
    width_cm, dr = 1e-3, 1e-6
    radii = [dr * (i + 0.5) for i in range(4000)]
    area = sum(2.0 * math.pi * r * 2.0 ** (-((2.0 * r / width_cm) ** 2)) * dr for r in radii)
    assert 1e3 * spot_irradiance_kW_per_cm2(50.0, 10.0) * area == pytest.approx(0.050, rel=1e-5)
    text = FIXED.replace("irradiance_kW_per_cm2: {min: 1, max: 100}", "power_mW: {min: 5, max: 50}\n  spot_fwhm_um: 10")
    low, high = load_run_text(text).run.excitation.irradiance_window_kW_per_cm2
    assert (low, high) == pytest.approx((spot_irradiance_kW_per_cm2(5, 10), spot_irradiance_kW_per_cm2(50, 10)))


def test_an_override_replaces_creates_and_finds_layers_by_name() -> None:
    sets = ["search.trials=3", "particle.layers.core.dopants_mol_percent.Tm={min: 2, max: 9}", "temperature_K=77 K"]
    run = load_run_file(QUICKSTART, sets).run
    assert run.search.trials == 3 and run.temperature_K == 77.0
    assert load_run_text(FIXED, overrides=["solver.cells_per_layer=3"]).run.solver.cells_per_layer == 3
    by_name, by_number = (
        load_run_text(FIXED, overrides=[f"particle.layers.{which}.thickness_nm=2.5"]).run for which in ("shell", "1")
    )
    assert by_name == by_number and by_name.particle is not None
    assert by_name.particle.layers[1].thickness_nm == 2.5
    assert load_run_file(QUICKSTART, ["objective=null"]).run.objective is None


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("search.trials", "--set search.trials: must be KEY=VALUE"),
        ("search.trails=3", "--set search.trails=3: search.trails: unknown key `trails`"),
        ("search.trials=-3", "--set search.trials=-3: search.trials: must be 1 to 100000"),
        ("particle.layers.7.host=LaF3", "particle.layers has no item 7"),
        ("particle.layers.cora.host=LaF3", "did you mean `core`?"),
        ("name.first=x", 'name has no parts: it is "trial"'),
        ("search.=3", "has an empty part in its key"),
        ("search={trials: 3", "is not YAML"),
        ("=3", "must be KEY=VALUE"),
    ],
)
def test_a_bad_override_is_told_where_it_was_written(override: str, says: str) -> None:
    with pytest.raises(RunFileError) as caught:
        load_run_text(FIXED, overrides=[override])
    assert says in str(caught.value)
    assert "run file:" not in str(caught.value)


def test_a_key_is_found_in_its_line() -> None:
    loaded = load_run_file(QUICKSTART, ["search.steps=3"])
    rows = loaded.text.splitlines()
    for path, word in [
        ("particle.layers.core.diameter_nm", "diameter_nm: {min: 10"),
        ("particle.layers.1.dopants_mol_percent.Yb", "Yb:"),
        (("particle", "layers", 2), "- name: inert_shell"),
        ("excitation.wavelength_nm", "wavelength_nm: 1064"),
        ("search.sampler", "search:"),  # not written: the nearest key above
    ]:
        line = loaded.line_of(path)
        assert line is not None and rows[line - 1].strip().startswith(word)
    assert loaded.line_of("search.steps") is None
    placed = loaded.locate(InputError("is odd", cure="mend it", path=("objective", "emission")))
    assert (placed.file, placed.line) == (str(QUICKSTART), loaded.line_of("objective.emission"))


def test_every_free_value_is_listed() -> None:
    text = """version: 1
name: trial
excitation: {wavelength_nm: {choice: [1064, 1450]}, irradiance_kW_per_cm2: {min: 1, max: 100}}
particle:
  layers:
    - {name: core, host: beta-NaYF4, diameter_nm: {min: 8, max: 20, start: 17}, dopants_mol_percent: {Tm: 8}}
    - name: middle
      host: beta-NaYF4
      thickness_nm: 2
      optional: true
      dopants_mol_percent: {Yb: {choice: [10, 20], optional: true}, Tm: {min: 1, max: 99.5}}
"""
    run = load_run_text(text).run
    middle = "particle.layers.1"
    assert free_variables(run) == [
        FreeVariable("excitation.wavelength_nm", "discrete", options=(1064.0, 1450.0)),
        FreeVariable("particle.layers.0.diameter_nm", "continuous", 8.0, 20.0, 17.0),
        FreeVariable(f"{middle}.present", "discrete", options=(True, False)),
        FreeVariable(f"{middle}.dopants_mol_percent.Yb", "discrete", options=(10.0, 20.0)),
        FreeVariable(f"{middle}.dopants_mol_percent.Yb.present", "discrete", options=(True, False)),
        FreeVariable(f"{middle}.dopants_mol_percent.Tm", "continuous", 1.0, 99.5),
    ]
    with pytest.raises(InputError, match=r"6 values are still free: excitation\.wavelength_nm, particle\.layers"):
        require_fixed(run)
    fixed = load_run_text(FIXED).run
    require_fixed(fixed)
    with pytest.raises(InputError, match="has no `objective`"):
        require_objective(fixed)
    require_objective(load_run_file(QUICKSTART).run)


def test_an_objective_says_itself_that_it_cannot_be_heated() -> None:
    """Also where it is reached as an objective of somebody's own package."""
    warm = (
        FIXED
        + "  surroundings: {thermal_resistance_K_per_W: 3e6}\nobjective: {kind: custom, name: NAME, options: {}}\n"
    )
    load_run_text(warm.replace("NAME", "threshold"))
    with pytest.raises(RunFileError, match=r"objective.name: is lifetime, which keeps the temperature"):
        load_run_text(warm.replace("NAME", "lifetime"))
    with pytest.raises(RunFileError, match=r"objective.name: there is no objective `nothing`"):
        load_run_text(warm.replace("NAME", "nothing"))


def test_optional_parts_may_be_left_out_of_the_sums() -> None:
    """An optional ion and an optional layer count as absent where the smallest particle is asked for."""
    over = ["particle.layers.0.dopants_mol_percent={Tm: {min: 2, max: 90}, Yb: {choice: [99], optional: true}}"]
    load_run_text(FIXED, overrides=over)
    with pytest.raises(RunFileError, match=r"sums to 101 mol%"):
        load_run_text(FIXED, overrides=[over[0].replace(", optional: true", "")])
    small = ["particle.max_diameter_nm=17", "particle.layers.1.optional=true"]
    load_run_text(FIXED, overrides=small)
    with pytest.raises(RunFileError, match=r"has 28\.2 nm"):
        load_run_text(FIXED, overrides=small[:1])


def test_a_run_cannot_be_changed() -> None:
    run = load_run_text(FIXED).run
    with pytest.raises(ValueError, match="frozen"):
        run.temperature_K = 4.0  # pyright: ignore[reportAttributeAccessIssue]
