"""Reads a table of numbers as laboratories write them: finds header, separator, decimal sign, columns and units."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from padesign.errors import InputError

Kind = Literal["power", "time"]

_TO_KW_PER_CM2 = {"w/cm2": 1e-3, "kw/cm2": 1.0, "mw/cm2": 1e-6, "MW/cm2": 1e3, "w/m2": 1e-7}
_TO_MW = {"w": 1e3, "mw": 1.0, "uw": 1e-3, "nw": 1e-6}
_TO_S = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$|[-+]?(?:nan|inf)$", re.IGNORECASE)
_UNIT = re.compile(r"[\[(]\s*([^\])]+?)\s*[\])]|_([A-Za-zµ/^0-9²]+)$")
_LONGEST_FILE = 50_000_000
_FEWEST_ROWS = 5
_CONDITIONS = {
    "wavelength_nm": (re.compile(r"wavelength", re.IGNORECASE), {"nm": 1.0}),
    "beam_diameter_um": (re.compile(r"(beam|spot) diameter", re.IGNORECASE), {"um": 1.0, "mm": 1e3, "nm": 1e-3}),
    "irradiance_kW_per_cm2": (re.compile(r"power density|irradiance", re.IGNORECASE), _TO_KW_PER_CM2),
    "temperature_K": (re.compile(r"temperature", re.IGNORECASE), {"k": 1.0}),
}
"""Conditions that lines such as `Wavelength [nm]: 852` above the table tell."""


@dataclass(frozen=True)
class Column:
    """A column as its header names it."""

    name: str
    unit: str
    values: np.ndarray


@dataclass(frozen=True)
class Measurement:
    """One measured table. `x`: irradiance in kW cm^-2, laser power in mW, or time in s, as `x_unit` says.

    `counts` as read (not per second), `counts_name` its column; `remarks` say what was decided and left out;
    `conditions` what the lines above the table tell, by names with units as in `_CONDITIONS`.
    """

    file: str
    kind: Kind
    x: np.ndarray
    x_unit: str
    counts: np.ndarray
    counts_name: str
    remarks: tuple[str, ...]
    conditions: Mapping[str, float] = field(default_factory=dict)


def read_measurement(
    path: Path, column: str | None = None, power_column: str | None = None, unit: str | None = None
) -> Measurement:
    """Read a power dependence or a time trace; `column` names the emission where there are several.

    `power_column` names the abscissa and `unit` its unit, where the header does not tell or tells otherwise.

    Raises `InputError` with file, line and cure for what cannot be read or decided.
    """
    lines = _lines(path)
    columns, remarks, first = _table(path, lines)
    x, kind, x_unit = _abscissa(path, columns, first, power_column, unit)
    counts = _emission(path, columns, x, column, first)
    remarks = [*remarks, f"emission: column `{counts.name}`"]
    values, emission = x.copy(), counts.values
    keep = np.isfinite(values) & np.isfinite(emission)
    if kind == "power":
        keep &= values > 0.0
    if not keep.all():
        remarks.append(f"{int((~keep).sum())} rows without usable numbers left out")
    if keep.sum() < _FEWEST_ROWS:
        raise InputError(
            f"holds {int(keep.sum())} usable rows", cure=f"at least {_FEWEST_ROWS} are needed", file=str(path)
        )
    values, emission = values[keep], emission[keep]
    if not (emission > 0.0).any():
        raise InputError(
            f"holds no light: no number in `{counts.name}` is above zero", cure="check the detector", file=str(path)
        )
    told = _conditions(lines[: first - 1])
    return Measurement(str(path), kind, values, x_unit, emission, counts.name, tuple(remarks), told)


def in_irradiance(data: Measurement, spot_fwhm_um: float | None) -> Measurement:
    """A power dependence on irradiance: the peak of a Gaussian spot of this width if given, else laser power over disc.

    Peak irradiance of a Gaussian beam of full width d at half maximum: 4 ln 2 P / (pi d^2). Without a width a line
    `Beam diameter` above the table gives the mean over a disc of that diameter; without both the data stay as they are.
    """
    if data.kind != "power" or data.x_unit != "mW":
        if spot_fwhm_um is not None:
            cure = "leave --spot-fwhm-um out, or name the column of laser power with --power-column"
            raise InputError("has no laser power that a spot could turn into irradiance", cure=cure, file=data.file)
        return data
    disc = data.conditions.get("beam_diameter_um")
    if spot_fwhm_um is None and disc is None:
        return data
    width_cm = 1e-4 * (disc if spot_fwhm_um is None else spot_fwhm_um)  # type: ignore[operator]
    shape = 4.0 * (1.0 if spot_fwhm_um is None else math.log(2.0)) / (math.pi * width_cm**2)
    how = f"mean over a disc of {disc:g} um" if spot_fwhm_um is None else f"peak of a Gaussian of {spot_fwhm_um:g} um"
    remarks = (*data.remarks, f"irradiance from laser power: {how}")
    return replace(data, x=1e-6 * data.x * shape, x_unit="kW/cm^2", remarks=remarks)


def _conditions(head: Sequence[str]) -> dict[str, float]:
    found = {}
    for line in head:
        name, _, value = line.rpartition(":")
        if not _NUMBER.match(value.strip()):
            continue
        for key, (pattern, units) in _CONDITIONS.items():
            factor = _scale(_unit(name.strip()), units)
            if pattern.search(name) and factor is not None:
                found[key] = float(value) * factor
    return found


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_size > _LONGEST_FILE:
            raise InputError("is larger than 50 MB", cure="export the table alone", file=str(path))
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", cure="check the path", file=str(path)) from None
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = raw.decode("utf-16", errors="replace")
    elif b"\0" in raw:
        raise InputError("is a binary file", cure="export it as text", file=str(path))
    else:
        try:
            text = raw.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = raw.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _cells(line: str, separator: str | None, comma: bool) -> list[str]:
    parts = line.split() if separator is None else line.split(separator)
    cells = [part.strip().strip('"') for part in parts]
    while cells and not cells[-1]:
        cells.pop()
    return [cell.replace(",", ".") for cell in cells] if comma else cells


def _numeric(cells: Sequence[str]) -> bool:
    return len(cells) >= 2 and all(_NUMBER.match(cell) or cell == "" for cell in cells) and bool(cells[0])


def _table(path: Path, lines: Sequence[str]) -> tuple[list[Column], list[str], int]:
    """The columns of the longest block of numbers, remarks, and the line (from 1) where it begins."""
    best: tuple[int, str | None, bool, int, int] = (0, None, False, 0, 0)
    for separator, comma in (
        ("\t", False),
        (";", False),
        (",", False),
        (None, False),
        ("\t", True),
        (";", True),
        (None, True),
    ):
        start = None
        for k, line in enumerate([*lines, ""]):
            if k < len(lines) and (line.lstrip()[:1] in ("#", "%") and start is not None):
                continue
            if k < len(lines) and _numeric(_cells(line, separator, comma)):
                start = k if start is None else start
            elif start is not None and (line.strip() or k == len(lines)):
                if k - start > best[0]:
                    best = (k - start, separator, comma, start, k)
                start = None
    count, separator, comma, start, end = best
    if count < _FEWEST_ROWS:
        raise InputError(
            "holds no table of numbers", cure="two or more columns of numbers, one row a line", file=str(path)
        )
    rows = [_cells(line, separator, comma) for line in lines[start:end] if line.strip()]
    rows = [row for row in rows if _numeric(row)]
    width = max(len(row) for row in rows)
    ragged = sum(len(row) != width for row in rows)
    remarks = [f"{ragged} rows with missing cells"] if ragged else []
    data = np.array([[float(row[j]) if j < len(row) and row[j] else np.nan for j in range(width)] for row in rows])
    header: list[str] = []
    for line in reversed(lines[:start]):
        text = line.lstrip("#% ").rstrip()
        if text.strip():
            found = [
                cell.strip().strip('"')
                for cell in (text.split(separator) if separator else re.split(r"\s{2,}|\t", text))
            ]
            header = [cell for cell in found if cell]
            break
    if len(header) != width:
        remarks.append("no header that fits the columns")
        header = [f"column {j + 1}" for j in range(width)]
    return [Column(name, _unit(name), data[:, j]) for j, name in enumerate(header)], remarks, start + 1


def _unit(name: str) -> str:
    match = _UNIT.search(name)
    unit = (match[1] or match[2] or "") if match else ""
    return (
        unit.replace("²", "2").replace("^", "").replace("µ", "u").replace("μ", "u").replace("per", "/").replace(" ", "")
    )


def _scale(unit: str, table: dict[str, float]) -> float | None:
    """The factor of a unit; mega and milli differ by their capital."""
    return table[unit] if unit in table else None if unit.startswith("MW") else table.get(unit.lower())


def _abscissa(
    path: Path, columns: Sequence[Column], line: int, asked: str | None, unit: str | None
) -> tuple[np.ndarray, Kind, str]:
    if asked is not None or unit is not None:
        return _asked_abscissa(path, columns, line, asked, unit)
    for one in columns:
        factor = _scale(one.unit, _TO_KW_PER_CM2)
        if factor is not None:
            return one.values * factor, "power", "kW/cm^2"
    for one in columns:
        factor = _scale(one.unit, _TO_MW)
        if factor is not None and not re.search(r"count|intens|emission", one.name, re.IGNORECASE):
            return one.values * factor, "power", "mW"
    for one in columns:
        factor = _scale(one.unit, _TO_S)
        if factor is not None and re.search(r"time|^t\b|delay", one.name, re.IGNORECASE):
            return one.values * factor, "time", "s"
    names = ", ".join(f"`{one.name}`" for one in columns)
    raise InputError(
        f"has no column of irradiance, power or time with its unit; there are {names}",
        cure="name it in the header, such as `Power density [W/cm^2]`, `Power [mW]` or `Time [s]`",
        file=str(path),
        line=line,
    )


def _asked_abscissa(
    path: Path, columns: Sequence[Column], line: int, asked: str | None, unit: str | None
) -> tuple[np.ndarray, Kind, str]:
    """The named column, or the first, in the unit that was given or stands in its header."""
    named = [one for one in columns if asked is None or one.name.lower().startswith(asked.lower())]
    if not named:
        names = ", ".join(f"`{one.name}`" for one in columns)
        raise InputError(f"has no column `{asked}`", cure=f"there are {names}", file=str(path), line=line)
    text = named[0].unit if unit is None else _unit(f"[{unit}]")
    kinds: tuple[tuple[dict[str, float], Kind, str], ...] = (
        (_TO_KW_PER_CM2, "power", "kW/cm^2"),
        (_TO_MW, "power", "mW"),
        (_TO_S, "time", "s"),
    )
    for table, kind, base in kinds:
        factor = _scale(text, table)
        if factor is not None:
            return named[0].values * factor, kind, base
    cure = "give --unit, one of W/cm^2, kW/cm^2, MW/cm^2, W, mW, uW, s, ms, us, ns"
    raise InputError(
        f"column `{named[0].name}` has no unit known here (`{text}`)", cure=cure, file=str(path), line=line
    )


def _emission(path: Path, columns: Sequence[Column], x: np.ndarray, asked: str | None, line: int) -> Column:
    if asked is not None:
        for one in columns:
            if one.name == asked or one.name.lower().startswith(asked.lower()):
                return one
        names = ", ".join(f"`{one.name}`" for one in columns)
        raise InputError(f"has no column `{asked}`", cure=f"there are {names}", file=str(path), line=line)
    for pattern in (r"counts", r"cps|counts/s|intens|emission|signal|photons"):
        found = [
            one
            for one in columns
            if re.search(pattern, one.name, re.IGNORECASE) and not re.search("err|sigma|sd", one.name, re.IGNORECASE)
        ]
        if found:
            return max(found, key=lambda one: float(np.nansum(one.values)))
    rest = [one for one in columns if _scale(one.unit, _TO_KW_PER_CM2) is None and _scale(one.unit, _TO_MW) is None]
    rest = [one for one in rest if not re.search(r"time|^t\b|power", one.name, re.IGNORECASE)]
    if len(rest) == 1:
        return rest[0]
    names = ", ".join(f"`{one.name}`" for one in columns)
    raise InputError(
        "has no column that is surely the emission",
        cure=f"name it with --column; there are {names}",
        file=str(path),
        line=line,
    )
