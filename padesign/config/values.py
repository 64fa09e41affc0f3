"""Kinds of value a run file holds: text, flags, free ranges, choices, names of ions, hosts and transitions."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    model_validator,
)
from pydantic_core import core_schema

from padesign.config.quantity import Problem, Quantity, complaint, refuse, show


def suggest(word: str, known: Sequence[str], noun: str = "") -> str:
    """`did you mean ...?`, or all known names when nothing is near."""
    lower = {name.lower(): name for name in reversed(known)}
    near = difflib.get_close_matches(word.lower(), list(lower), n=2, cutoff=0.6)
    if not near and len(word) > 2:
        near = [name for name in lower if word.lower() in name or name in word.lower()][:2]
    if near:
        return "did you mean " + " or ".join(f"`{lower[name]}`" for name in near) + "?"
    shown = ", ".join(known[:30]) + (", ..." if len(known) > 30 else "")
    return f"known{' ' + noun if noun else ''}: {shown}"


# ------------------------------------------------------------------------------------------------- text and flags
def _text(value: Any) -> str:
    if not isinstance(value, str):
        cure = "write one text" if isinstance(value, dict | list) else "write it in quotation marks"
        raise refuse(f"must be text, but is {show(value)}", cure)
    if not value.strip():
        raise refuse("is empty text", "write a name")
    if len(value) > 5000:
        raise refuse(f"has {len(value)} characters", "use at most 5000")
    return value


class _TextMarker:
    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(_text)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string"}


class _FlagMarker:
    """true or false, nothing else."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "boolean"}

    @staticmethod
    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise refuse(f"must be true or false, but is {show(value)}", "write true or false, without quotation marks")
        return value


Text = Annotated[str, _TextMarker()]
Flag = Annotated[bool, _FlagMarker()]


# ----------------------------------------------------------------------------------------------- closed mappings
class Closed(BaseModel):
    """A mapping that knows all its keys. A key left empty means its default."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        optional = {name for name, field in cls.model_fields.items() if not field.is_required()}
        return {key: value for key, value in data.items() if value is not None or key not in optional}


T = TypeVar("T", bound=float)


def raise_unless_below(low: float, high: float) -> None:
    """Raise when the ends of a range are equal or exchanged."""
    if low >= high:
        raise refuse(f"has min {low:g}, which is not below max {high:g}", "give a smaller min or a larger max")


class Range(Closed, Generic[T]):
    """A free value that the gradients move between two limits."""

    model_config = ConfigDict(use_attribute_docstrings=False)  # pydantic cannot find the source of Range[...]

    min: T = Field(description="The lower limit.")
    max: T = Field(description="The upper limit.")
    start: T | None = Field(None, description="Where the search starts; by default it draws a start inside the range.")

    @model_validator(mode="after")
    def _ordered(self) -> Range[T]:
        raise_unless_below(self.min, self.max)
        if self.start is not None and not self.min <= self.start <= self.max:
            what = f"must be between min {self.min:g} and max {self.max:g}, but is {self.start:g}"
            raise complaint([Problem(("start",), what, "move it inside the range, or remove it")])
        return self

    @property
    def middle(self) -> float:
        """Half way between the limits, or `start` where it is given."""
        return self.start if self.start is not None else 0.5 * (self.min + self.max)


Option = TypeVar("Option", bound=float | str)


class Choice(Closed, Generic[Option]):
    """A free value that the outer search takes from a list."""

    model_config = ConfigDict(use_attribute_docstrings=False)

    choice: tuple[Option, ...] = Field(description="The options, at most 50.")

    @model_validator(mode="after")
    def _options(self) -> Choice[Option]:
        if not self.choice:
            raise complaint([Problem(("choice",), "is empty", "list at least one option")])
        if len(set(self.choice)) < len(self.choice):
            raise complaint([Problem(("choice",), "names an option twice", "list every option once")])
        if len(self.choice) > 50:
            raise complaint([Problem(("choice",), f"has {len(self.choice)} options", "list at most 50")])
        return self


def _kind(value: Any) -> str:
    if isinstance(value, Choice) or (isinstance(value, dict) and "choice" in value):
        return "~choice"
    return "~range" if isinstance(value, dict | Range) else "~number"


def _kind_without_range(value: Any) -> str:
    return "~choice" if _kind(value) == "~choice" else "~number"


# ------------------------------------------------------------------------------------------------------------ names
def known_ions() -> tuple[str, ...]:
    """Every ion the spectroscopic tables hold, and those that only take a site."""
    from padesign.spectroscopy.tables import INERT_IONS, IONS

    return (*IONS, *INERT_IONS)


def known_levels(ion: str) -> dict[str, float]:
    """Level ids of an ion from low to high, each with its energy in cm^-1."""
    from padesign.spectroscopy.tables import load_ion

    table = load_ion(ion)
    return dict(zip(table.level_ids, map(float, table.energy_cm1), strict=True))


def known_hosts() -> tuple[str, ...]:
    """Every host that has a parameter set."""
    from padesign.parameters import available_hosts

    return tuple(available_hosts())


def known_parameter_sets() -> tuple[str, ...]:
    """Names of the parameter sets that come with the program."""
    from padesign.parameters import available_sets

    return tuple(available_sets())


def _ion(value: str) -> str:
    known = known_ions()
    if value in known:
        return value
    if value in ("Sc", "Na", "K", "Li", "Ca", "Sr", "Ba", "Mg", "Pb", "F", "Cl"):
        raise refuse(f'"{value}" is no ion with known levels', "the host's own ions fill the rest: leave it out")
    raise refuse(f"unknown ion {show(value)}", suggest(value, known, "ions"))


def _host(value: str) -> str:
    known = known_hosts()
    if value not in known:
        raise refuse(f"unknown host {show(value)}", suggest(value, known, "hosts"))
    return value


def _ligand(value: str) -> str:
    from padesign.parameters.ligands import known_ligands

    known = known_ligands()
    if value not in known:
        raise refuse(f"unknown ligand {show(value)}", suggest(value, known, "ligands"))
    return value


_FILE_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}", re.ASCII)


def _file_safe(value: str) -> str:
    if not _FILE_SAFE.fullmatch(value):
        raise refuse(
            f"{show(value)} cannot name a file",
            "use up to 64 letters, digits, `_`, `-`, `.` and `+`, beginning with a letter or digit",
        )
    return value


_TRANSITION = re.compile(r"\s*([A-Za-z]\w*):(\S+?)\s*->\s*([A-Za-z]\w*):(\S+)\s*")


def _transition(value: str) -> str:
    match = _TRANSITION.fullmatch(value)
    cure = (
        'write ion and level on both sides, such as "Tm:3H4 -> Tm:3H6"; '
        "`padesign evaluate` on a design without `emission` lists every band with its wavelength"
    )
    if match is None:
        raise refuse(f"{show(value)} is not a transition", cure)
    ion, upper, other, lower = match.groups()
    if ion != other:
        raise refuse(f"{show(value)} begins in {ion} and ends in {other}, but light comes from one ion", cure)
    if upper == lower:
        raise refuse(f"{show(value)} begins and ends in the same level", cure)
    return f"{ion}:{upper} -> {ion}:{lower}"


def parse_transition(text: str) -> tuple[str, str, str]:
    """("Tm", "3H4", "3H6") of a checked transition "Tm:3H4 -> Tm:3H6"."""
    upper, lower = text.split(" -> ")
    ion, level = upper.split(":", 1)
    return ion, level, lower.split(":", 1)[1]


FileSafe = Annotated[Text, AfterValidator(_file_safe)]
Ion = Annotated[Text, AfterValidator(_ion)]
Host = Annotated[Text, AfterValidator(_host)]
Ligand = Annotated[Text, AfterValidator(_ligand)]
Transition = Annotated[Text, AfterValidator(_transition)]

_DOPANT_NOTE = "to let the search leave an ion out, give it `optional: true`; to leave it out always, remove its line"
_DIAMETER, _THICKNESS = Quantity("nm", 1.0, 200.0), Quantity("nm", 0.3, 100.0)
_MOL_PERCENT, _WAVELENGTH = Quantity("mol%", 1e-4, 100.0, note=_DOPANT_NOTE), Quantity("nm", 200.0, 5000.0)
Diameter = Annotated[float, _DIAMETER]
Thickness = Annotated[float, _THICKNESS]
MolPercent = Annotated[float, _MOL_PERCENT]
Wavelength = Annotated[float, _WAVELENGTH]
Irradiance = Annotated[float, Quantity("kW/cm^2", 1e-9, 1e9)]
Aperture = Annotated[float, Quantity("", 0.05, 2.0)]
Milliseconds = Annotated[float, Quantity("ms", 1e-6, 1e6)]
Power = Annotated[float, Quantity("mW", 1e-9, 1e9)]
Spot = Annotated[float, Quantity("um", 0.05, 1e5)]
Temperature = Annotated[float, Quantity("K", 4.0, 600.0, note="room temperature is 295 K")]
PhotonRate = Annotated[float, Quantity("1/s", 0.0, 1e30)]
Fraction = Annotated[float, Quantity("", 1e-3, 1.0, note='a fraction of one: 99.9 % is 0.999, or "99.9 %"')]


class DiameterRange(Range[Diameter]):
    """A free diameter."""


class DiameterChoice(Choice[Diameter]):
    """Diameters to choose from."""


class ThicknessRange(Range[Thickness]):
    """A free thickness."""


class ThicknessChoice(Choice[Thickness]):
    """Thicknesses to choose from."""


class DopantRange(Range[MolPercent]):
    """A free share of an ion; `optional` lets the outer search leave the ion out."""

    optional: Flag = Field(False, description="The outer search may leave the ion out.")


class DopantChoice(Choice[MolPercent]):
    """Shares of an ion to choose from; `optional` lets the outer search leave the ion out."""

    optional: Flag = Field(False, description="The outer search may leave the ion out.")


class WavelengthChoice(Choice[Wavelength]):
    """Lasers to choose from."""


class HostChoice(Choice[Host]):
    """Hosts to choose from."""


_FREE = "write one number, {min: ..., max: ...} or {choice: [...]}"
_CHOICE = "lasers come in fixed wavelengths: write one number or {choice: [...]}"
FreeDiameter = Annotated[
    Annotated[float, replace(_DIAMETER, forms=_FREE), Tag("~number")]
    | Annotated[DiameterRange, Tag("~range")]
    | Annotated[DiameterChoice, Tag("~choice")],
    Discriminator(_kind),
]
"""A number, {min, max} for the gradients, or {choice: [...]} for the outer search."""
FreeThickness = Annotated[
    Annotated[float, replace(_THICKNESS, forms=_FREE), Tag("~number")]
    | Annotated[ThicknessRange, Tag("~range")]
    | Annotated[ThicknessChoice, Tag("~choice")],
    Discriminator(_kind),
]
FreeMolPercent = Annotated[
    Annotated[float, replace(_MOL_PERCENT, forms=_FREE), Tag("~number")]
    | Annotated[DopantRange, Tag("~range")]
    | Annotated[DopantChoice, Tag("~choice")],
    Discriminator(_kind),
]
"""As the others, and the mapping forms take `optional: true`."""
FreeWavelength = Annotated[
    Annotated[float, replace(_WAVELENGTH, forms=_CHOICE), Tag("~number")] | Annotated[WavelengthChoice, Tag("~choice")],
    Discriminator(_kind_without_range),
]
"""A number or {choice: [...]}: lasers come in fixed wavelengths."""
FreeHost = Annotated[
    Annotated[Host, Tag("~number")] | Annotated[HostChoice, Tag("~choice")], Discriminator(_kind_without_range)
]
"""A host or {choice: [...]}."""
