"""`padesign analyse`: the numbers of measured power dependences and time traces, with errors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from padesign.cli.console import clean, emit, emit_json, number, say, shown, table, unit_suffix
from padesign.errors import InputError
from padesign.measured import (
    Measurement,
    PowerResult,
    TimeResult,
    analyse_power,
    analyse_time,
    in_irradiance,
    observations,
    read_alike,
    read_measurement,
)

Simulated = dict[str, list[float]]


def analyse(
    files: Sequence[Path],
    column: str | None,
    power_column: str | None,
    unit: str | None,
    spot_fwhm_um: float | None,
    background: float | None,
    begin_s: float | None,
    window_decades: float,
    design: Path | None,
    observed: Path | None,
    as_json: bool,
    out: Path | None,
) -> int:
    """Analyse each file by itself; with `design`, read the same numbers off its simulation and draw it too."""
    told: dict[str, Any] = {}
    records: list[dict[str, Any]] = []
    for file in files:
        data = in_irradiance(read_measurement(file, column, power_column, unit), spot_fwhm_um)
        if data.kind == "power":
            if begin_s is not None:
                cure = "leave --begin-s out"
                raise InputError("is a power dependence, which has no begin", cure=cure, file=str(file))
            result: PowerResult | TimeResult = analyse_power(data, window_decades, background=background)
        elif background is not None:
            raise InputError(
                "is a time trace, which has its own dark counts", cure="leave --background out", file=str(file)
            )
        else:
            result = analyse_time(data, begin_s)
        curve, expected = (None, None) if design is None else _simulated(design, data, result, window_decades)
        told[str(file)] = {
            "kind": data.kind,
            "remarks": list(result.remarks),
            "conditions": dict(data.conditions),
            "numbers": {key: vars(one) for key, one in result.numbers.items()},
            **({} if expected is None else {"design": expected}),
        }
        if observed is not None:
            records += observations(data, result, window_decades, _seen_from(observed, design))
        if not as_json:
            _print(file, result, expected)
        if out is not None:
            _draw(result, file, curve, out)
    if as_json:
        emit_json(told)
    if observed is not None:
        _write(records, observed)
    return 0


def _print(file: Path, result: PowerResult | TimeResult, expected: dict[str, float] | None) -> None:
    rows = []
    for key, one in result.numbers.items():
        interval = "" if one.low is None else f"{number(one.low, 4)} to {number(one.high, 4)}"
        beside = [] if expected is None else [number(expected.get(key), 4)]
        unit = "" if one.value is None else unit_suffix(one.unit)
        rows.append([key, f"{number(one.value, 4)}{unit}", interval, *beside, one.definition])
    heads = ["", "value", "95 % interval", *([] if expected is None else ["design"]), "definition"]
    table(shown(file), heads, rows, left=(0, 2, len(heads) - 1))
    for remark in result.remarks:
        emit(clean(remark))


def _seen_from(file: Path, design: Path | None) -> str | None:
    """The design's path as a file in another folder names it."""
    return None if design is None else Path(os.path.relpath(design, file.parent)).as_posix()


def _write(records: Sequence[dict[str, Any]], path: Path) -> None:
    from ruamel.yaml import YAML

    from padesign.measured.observations import VERSION

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[attr-defined]
    try:
        with path.open("w", encoding="utf-8") as file:
            writer.dump({"version": VERSION, "observations": list(records)}, file)
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror or error}", cure="check the path", file=str(path)
        ) from None
    say(f"{len(records)} observations: {shown(path)}")


def _draw(result: PowerResult | TimeResult, file: Path, curve: Simulated | None, folder: Path) -> None:
    from padesign.report.measured_figures import measured_power_figure, measured_time_figure

    if isinstance(result, TimeResult):
        files = measured_time_figure(result, file.name, folder / file.stem, curve)
    else:
        files = measured_power_figure(result, file.name, folder / file.stem, curve)
    say(f"figure: {shown(files.png)}")


def _simulated(
    design: Path, data: Measurement, result: PowerResult | TimeResult, window_decades: float
) -> tuple[Simulated, dict[str, float]]:
    """The curve or the rise of the first band of a run file, and the same numbers read off it."""
    from padesign.cli.evaluate import simulate
    from padesign.config import load_run_file

    loaded = load_run_file(design)
    if isinstance(result, TimeResult):
        return _simulated_rise(loaded.run, design, data)
    if result.unit != "kW/cm^2":
        cure = "name a column of irradiance, or give --spot-fwhm-um"
        raise InputError("has laser power, which no design can be compared with", cure=cure, file=data.file)
    found, _ = simulate(loaded)
    if found.outcome != "ok":
        raise InputError(f"the design gives no curve: {found.outcome}", file=str(design))
    curve = dict(found.curves[found.bands[0].transition])
    power, photons = np.asarray(curve["irradiance_kW_per_cm2"]), np.asarray(curve["photons_per_s"])
    return curve, read_alike(result, window_decades, power, photons)


def _simulated_rise(run: Any, design: Path, data: Measurement) -> tuple[Simulated, dict[str, float]]:
    import jax.numpy as jnp

    from padesign.cli.fixed import demand_one_temperature, solve_fixed
    from padesign.design.characterise import state_at
    from padesign.design.dynamics import switch_on
    from padesign.observables.relaxation import relaxation_time_s

    power = data.conditions.get("irradiance_kW_per_cm2")
    low, high = run.excitation.irradiance_window_kW_per_cm2
    if power is None:
        cure = "add a line such as `Power density [W/cm^2]: 4.6e5` above its table, or leave --design out"
        raise InputError("does not say at which irradiance it was measured", cure=cure, file=data.file)
    if not low <= power <= high:
        what = f"was measured at {power:g} kW/cm^2, outside the design's window of {low:g} to {high:g}"
        raise InputError(what, cure=f"widen `irradiance_window_kW_per_cm2` in {design}", file=data.file)
    demand_one_temperature(run)
    solution, bands = solve_fixed(run)
    log_power = jnp.log(1e3 * power)
    wait = 10.0 * relaxation_time_s(solution.light.network, state_at(solution, log_power), log_power)
    answer = switch_on(solution, (bands[0],), 1e3 * power, wait)
    t10, t50, t90 = (float(t) for t in np.asarray(answer.time_s)[:, 0])
    curve = {
        "time_s": np.asarray(answer.trace.times_s).tolist(),
        "photons_per_s": np.asarray(answer.trace.photons_per_s)[:, 0].tolist(),
    }
    return curve, {"t10": t10, "t50": t50, "t90": t90, "t10_over_t90": t10 / t90}
