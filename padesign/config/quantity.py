"""Numbers with a unit, as a run file holds them, and how a problem with a value travels to the loader."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import PydanticCustomError, core_schema

Path = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing wrong in a run file: where (relative to the model that found it), what, and how to mend it."""

    path: Path
    what: str
    cure: str = ""


def complaint(problems: Iterable[Problem]) -> PydanticCustomError:
    """The pydantic error that carries several problems to the loader, which adds file and line."""
    found = list(problems)
    text = "; ".join(problem.what for problem in found)
    return PydanticCustomError("run_file", "{text}", {"text": text, "problems": found})


def refuse(what: str, cure: str = "") -> PydanticCustomError:
    """The pydantic error for one value."""
    return complaint([Problem((), what, cure)])


def demand_one(block: Any, names: Iterable[str], noun: str, without: str, cure: str) -> None:
    """Raise unless exactly one of some optional fields of a block is given; `noun` is what each of them says."""
    given = [name for name in names if getattr(block, name) is not None]
    if not given:
        raise refuse(without, cure)
    if len(given) > 1:
        raise complaint([Problem((given[1],), f"is a second {noun} beside `{given[0]}`", "keep one of them")])


def show(value: Any) -> str:
    """A value as the user wrote it, short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, float):
        return f"{value:g}"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


_NUMBER = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)\s*(\S.*?)?\s*", re.ASCII)
_UNIT_NAME = r"[A-Za-zµ%°Å]{1,20}(?:(?:\^|\*\*)?-?[1-9])?"
_UNIT = re.compile(rf"{_UNIT_NAME}(?:\s*[/*·]\s*{_UNIT_NAME}|\s+{_UNIT_NAME}){{0,3}}")
_SPELLING = str.maketrans({"²": "2", "³": "3", "⁻": "-", "¹": "1", "\u2212": "-", "·": "*", "\u03bc": "µ"})
_ALIAS = {"°C": "degC", "C": "degC", "celsius": "degC"}
_ALIAS |= {"mol%": "percent", "mol %": "percent", "%": "percent", "1/s": "s^-1", "/s": "s^-1"}
_PINT = {"mol%": "percent", "": "dimensionless"}
_CURES = {
    "kW/cm^2": 'an irradiance is written "8 kW/cm^2"; for a laser power say `power_mW` and `spot_fwhm_um`',
    "mW": 'a power is written "8 mW"; for an irradiance say `irradiance_kW_per_cm2`',
}


@lru_cache(maxsize=1)
def _units() -> Any:
    import pint

    return pint.UnitRegistry()


def in_unit(text: str, unit: str) -> float:
    """The number that a text such as "3 nm" or "8 kW/cm^2" means in `unit`; raises a pydantic error otherwise."""
    match = _NUMBER.fullmatch(text.translate(_SPELLING)) if len(text) <= 80 else None
    example = f'"3 {unit}"' if unit else '"0.99" without quotation marks, or "99 %"'
    if match is None:
        raise refuse(
            f"must be a number{f' in {unit}' if unit else ''}, but is the text {show(text)}",
            f"write a plain number, or text with its unit such as {example}",
        )
    number, written = float(match[1]), match[2]
    if written is None:
        raise refuse(
            f"is the text {show(text)}, which has no unit",
            f"write {match[1]} without quotation marks{f', or {match[1]} {unit}' if unit else ''}",
        )
    cure = _CURES.get(unit, f"write a number, or text with a unit of the same kind such as {example}")
    written = _ALIAS.get(written, written)
    if not _UNIT.fullmatch(written):
        raise refuse(f"has the unit {show(written)}, which cannot be read", cure)
    if unit == "kW/cm^2" and re.fullmatch(r"[munkMG]?W", written):
        raise refuse(f"must be an irradiance in kW/cm^2, but {show(text)} is a power", cure)
    registry = _units()
    try:
        spelled = re.sub(r"(?<=[A-Za-zµ%Å])(-?[1-9])", r"**\1", re.sub(r"\^|\*\*", "", written))
        spelled = re.sub(r"(?<=[A-Za-zµÅ0-9])\s+(?=[A-Za-zµÅ])", "*", spelled)
        return float(registry.Quantity(number, registry.parse_units(spelled)).to(_PINT.get(unit, unit)).magnitude)
    except Exception as error:  # pint raises many kinds (unknown unit, wrong kind, overflow, odd spelling)
        kind = "cannot be read as" if "Undefined" in type(error).__name__ else "is not of the kind"
        meant = unit or "a plain number"
        raise refuse(f"must be {'in ' if unit else ''}{meant}, but {show(text)} {kind} {meant}", cure) from None


@dataclass(frozen=True)
class Quantity:
    """Pydantic marker of a number: finite, between `low` and `high`, in `unit`; text with a unit is converted.

    Used as `Annotated[float, Quantity("nm", 0.3, 100.0)]`. `whole` asks for an integer, `note` is the cure for a value
    outside the limits, `forms` the cure for a list or mapping in its place.
    """

    unit: str = ""
    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    note: str = "give a value within these limits"
    forms: str = "only one fixed number can stand here"

    def read(self, value: Any) -> float | int:
        kind = "a whole number" if self.whole else f"a number{f' in {self.unit}' if self.unit else ''}"
        if isinstance(value, str) and not self.whole:
            value = in_unit(value, self.unit)
        if isinstance(value, dict | list | tuple):
            raise refuse(f"must be {kind}, but is {show(value)}", self.forms)
        if value is None:
            raise refuse(f"is empty, but must be {kind}", "write a value, or remove the key")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refuse(f"must be {kind}, but is {show(value)}", "write digits, without quotation marks")
        if self.whole and not isinstance(value, int):
            raise refuse(f"must be a whole number, but is {show(value)}", "write it without a decimal point")
        try:
            number = value if self.whole else float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise refuse(f"must be a finite number, but is {show(number)}", "write an ordinary number")
        if not self.low <= number <= self.high:
            fault = f"{'zero' if number == 0.0 else show(number)}{f' {self.unit}' if self.unit else ''}"
            raise refuse(f"must be {self._limits()}, but is {fault}", self.note)
        return number

    def _limits(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if math.isinf(self.high):
            return f"at least {self.low:g}{unit}"
        return f"at most {self.high:g}{unit}" if math.isinf(self.low) else f"{self.low:g} to {self.high:g}{unit}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        number: dict[str, Any] = {"type": "integer" if self.whole else "number"}
        number |= {} if math.isinf(self.low) else {"minimum": self.low}
        number |= {} if math.isinf(self.high) else {"maximum": self.high}
        if self.whole:
            return number
        text = {"type": "string", "description": f"text with a unit, read in {self.unit or 'parts of one'}"}
        return {"anyOf": [number, text]}
