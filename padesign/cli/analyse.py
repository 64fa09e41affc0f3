"""`padesign analyse`: the numbers of measured power dependences and time traces, with errors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from padesign.cli.console import clean, emit, emit_json, number, say, shown, table, unit_suffix
from padesign.measured import PowerResult, TimeResult, analyse_power, analyse_time, read_measurement


def analyse(
    files: Sequence[Path],
    column: str | None,
    window_decades: float,
    design: Path | None,
    as_json: bool,
    out: Path | None,
) -> int:
    """Analyse each file by itself; with `design`, draw its simulated curve beside the measured one."""
    told: dict[str, Any] = {}
    for file in files:
        data = read_measurement(file, column)
        result = analyse_power(data, window_decades) if data.kind == "power" else analyse_time(data)
        told[str(file)] = {
            "kind": data.kind,
            "remarks": list(result.remarks),
            "numbers": {key: vars(one) for key, one in result.numbers.items()},
        }
        if not as_json:
            _print(file, result)
        if out is not None:
            _draw(result, file, design, out)
    if as_json:
        emit_json(told)
    return 0


def _print(file: Path, result: PowerResult | TimeResult) -> None:
    rows = []
    for key, one in result.numbers.items():
        interval = "" if one.low is None else f"{number(one.low, 4)} to {number(one.high, 4)}"
        rows.append([key, f"{number(one.value, 4)}{unit_suffix(one.unit)}", interval, one.definition])
    table(shown(file), ["", "value", "95 % interval", "definition"], rows, left=(0, 2, 3))
    for remark in result.remarks:
        emit(clean(remark))


def _draw(result: PowerResult | TimeResult, file: Path, design: Path | None, folder: Path) -> None:
    from padesign.report.measured_figures import measured_power_figure, measured_time_figure

    if isinstance(result, TimeResult):
        files = measured_time_figure(result, file.name, folder / file.stem)
    else:
        files = measured_power_figure(result, file.name, folder / file.stem, _simulated(design))
    say(f"figure: {shown(files.png)}")


def _simulated(design: Path | None) -> dict[str, list[float]] | None:
    """The curve of the first band of a run file."""
    if design is None:
        return None
    from padesign.cli.evaluate import simulate
    from padesign.config import load_run_file
    from padesign.errors import InputError

    result, _ = simulate(load_run_file(design))
    if result.outcome != "ok":
        raise InputError(f"the design gives no curve: {result.outcome}", file=str(design))
    return dict(result.curves[result.bands[0].transition])
