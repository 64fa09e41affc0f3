"""The committed tables behind the recipes: compounds, typical procedure numbers, hazards."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator
from ruamel.yaml import YAML

Status = Literal["typical practice", "assumption", "sourced"]
Role = Literal[
    "host cation",
    "dopant",
    "sodium source",
    "fluoride source",
    "sodium and fluoride source",
    "potassium and fluoride source",
]


class Table(BaseModel):
    """Base of the closed, frozen table records."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Quantity(Table):
    """One number of the procedure: what is printed, its usual range, and how well it is known."""

    set: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    status: Status
    source: str = ""

    @model_validator(mode="after")
    def _check(self) -> Quantity:
        if self.status == "sourced" and not self.source.startswith("doi:"):
            raise ValueError("a sourced quantity needs a DOI")
        low, high = self.range
        if not low <= self.set <= high:
            raise ValueError("`set` must lie between `low` and `high`")
        return self

    @property
    def range(self) -> tuple[float, float]:
        return self.set if self.low is None else self.low, self.set if self.high is None else self.high

    @property
    def text(self) -> str:
        """`155 °C (150-160)`."""
        low, high = self.range
        return f"{self.set:g} {self.unit}" + (f" ({low:g}-{high:g})" if low < high else "")


class Anion(Table):
    text: str
    counts: dict[str, int]


class SaltFamily(Table):
    """A family of salts of the site's cations; each holds as many anions as its cation has charges."""

    name: str
    anion: Anion
    default_water: Quantity
    released: str
    cas: dict[str, dict[str, str]]


class Substance(Table):
    name: str
    text: str
    counts: dict[str, int]
    cas: str


class Precursors(Table):
    description: str
    schema_version: Literal[2]
    cations: tuple[str, ...]
    salts: dict[str, SaltFamily]
    charges: dict[str, int]
    elements: dict[str, str]
    added: dict[str, Substance]
    liquids: dict[str, Substance]

    def charge(self, cation: str) -> int:
        return self.charges.get(cation, 3)


class Added(Table):
    """A solid beside the salts: which, what it brings, and the quantity that says how much per site cation [mol]."""

    role: Role
    element: str
    substance: str
    per_cation: str


class Route(Table):
    """A way to a family of hosts; `site` is what its cations are called, `xrd` when the phase is right."""

    method: Literal["co-precipitation", "bifluoride"]
    phase: str
    xrd: str
    site: str
    product: str
    hosts: dict[str, str]
    added: tuple[Added, ...]
    layer_by_layer: bool
    hazards: tuple[str, ...]
    warnings: tuple[str, ...]
    sources: tuple[str, ...]


class Refused(Table):
    """What is known of the synthesis of a host, and what is missing for a recipe."""

    known: str
    missing: str


class StockRule(Table):
    concentrations_mol_per_L: tuple[float, ...]
    least_dose_mL: float
    flasks_mL: tuple[float, ...]
    least_weighed_mg: float
    status: Status


class Procedure(Table):
    description: str
    schema_version: Literal[2]
    routes: dict[str, Route]
    refused: dict[str, Refused]
    equipment: tuple[str, ...]
    quantities: dict[str, Quantity]
    stock: StockRule
    flasks_mL: tuple[float, ...]


class HazardEntry(Table):
    name: str
    everywhere: bool = False
    cas: str
    ghs: tuple[str, ...]
    advice: str


class Hazards(Table):
    description: str
    schema_version: Literal[2]
    note: str
    statements: dict[str, str]
    pictograms: dict[str, str]
    pictogram_of: dict[str, str]
    substances: tuple[HazardEntry, ...]
    process: tuple[str, ...]


T = TypeVar("T", bound=Table)


def _load(file_name: str, model: type[T]) -> T:
    text = (resources.files("padesign") / "data" / file_name).read_text(encoding="utf-8")
    return model.model_validate(YAML(typ="safe", pure=True).load(text))


@cache
def precursors() -> Precursors:
    """Compounds, from `data/precursors.yaml`."""
    return _load("precursors.yaml", Precursors)


@cache
def procedure() -> Procedure:
    """Numbers of the synthesis route, from `data/synthesis.yaml`."""
    return _load("synthesis.yaml", Procedure)


@cache
def hazards() -> Hazards:
    """Hazard statements, from `data/hazards.yaml`."""
    return _load("hazards.yaml", Hazards)


def quantity(name: str) -> Quantity:
    return procedure().quantities[name]
