"""The committed tables behind the recipes: compounds, typical procedure numbers, hazards."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator
from ruamel.yaml import YAML

Status = Literal["typical practice", "assumption", "sourced"]


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
    number: int


class SaltFamily(Table):
    """A family of rare-earth salts that differ only in the cation."""

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
    schema_version: Literal[1]
    cations: tuple[str, ...]
    salts: dict[str, SaltFamily]
    elements: dict[str, str]
    sodium: Substance
    fluoride: Substance
    liquids: dict[str, Substance]


class Route(Table):
    phase: str
    product: str
    hosts: dict[str, str]
    sources: tuple[str, ...]


class StockRule(Table):
    concentrations_mol_per_L: tuple[float, ...]
    least_dose_mL: float
    flasks_mL: tuple[float, ...]
    least_weighed_mg: float
    status: Status


class Procedure(Table):
    description: str
    schema_version: Literal[1]
    routes: dict[str, Route]
    equipment: tuple[str, ...]
    quantities: dict[str, Quantity]
    stock: StockRule
    flasks_mL: tuple[float, ...]
    lattice_a_nm: dict[str, Quantity]


class HazardEntry(Table):
    name: str
    cas: str
    ghs: tuple[str, ...]
    advice: str


class Hazards(Table):
    description: str
    schema_version: Literal[1]
    note: str
    statements: dict[str, str]
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
