"""What a recipe is made from, besides the particle: lattices, batch, predicted performance. Plain frozen records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from padesign.errors import InputError

ShellGrowth = Literal["one heating", "layer by layer"]


def _positive(value: float, name: str) -> None:
    if not (math.isfinite(value) and value > 0.0):
        raise InputError(f"`{name}` must be positive, but is {value}")


def _share(value: float, name: str) -> None:
    if not (math.isfinite(value) and 0.0 < value <= 1.0):
        raise InputError(f"`{name}` must be above 0 and at most 1, but is {value}", cure="Write 95 % as 0.95.")


@dataclass(frozen=True)
class Lattice:
    """A host lattice: density of dopable cation sites [nm^-3], the cation that fills them, and the formula.

    `{re}` in `formula_template` stands for everything on the dopable site.
    """

    cation_density_nm3: float
    cation: str
    formula_template: str = "Na{re}F4"

    def __post_init__(self) -> None:
        _positive(self.cation_density_nm3, "cation_density_nm3")


@dataclass(frozen=True)
class Batch:
    """The size of the batch and what is on the bottles.

    `water_of_crystallisation` maps a cation to the x of its salt's hydrate (from the certificate of analysis); a cation
    that is not named gets the table's default, which the recipe flags. `purity` is the mass fraction of the hydrate in
    the bottle: one number for every solid, or a mapping from a cation, "NaOH", "NH4F" or "KHF2" (others are 1).
    `core_yield` is the share of the core's cations that is recovered in the purified cores used as seeds.
    `shell_growth`: each shell in one heating with the seeds, or layer by layer by many small hot injections.
    """

    core_mmol: float = 1.0
    precursor: Literal["acetate", "chloride"] = "acetate"
    water_of_crystallisation: Mapping[str, float] = field(default_factory=dict)
    purity: float | Mapping[str, float] = 1.0
    core_yield: float = 1.0
    shell_growth: ShellGrowth = "one heating"

    def __post_init__(self) -> None:
        _positive(self.core_mmol, "core_mmol")
        _share(self.core_yield, "core_yield")
        if isinstance(self.purity, Mapping):
            for key, value in self.purity.items():
                _share(value, f"purity of {key}")
        else:
            _share(self.purity, "purity")
        for ion, x in self.water_of_crystallisation.items():
            if not (math.isfinite(x) and x >= 0.0):
                raise InputError(f"`water_of_crystallisation` of {ion} must not be negative, but is {x}")

    def purity_of(self, key: str) -> float:
        return float(self.purity.get(key, 1.0) if isinstance(self.purity, Mapping) else self.purity)


class PredictedNumber(NamedTuple):
    """One further number of the simulation; an ordinary 4-tuple will do."""

    label: str
    value: float | None
    unit: str
    definition: str


@dataclass(frozen=True)
class Prediction:
    """What the simulation claims, with definitions, and on what parameters it rests."""

    objective: str
    value: float | None
    unit: str
    definition: str
    parameter_set: str
    digest: str
    calibrated: bool
    excitation_wavelengths_nm: Sequence[float] = ()
    numbers: Sequence[tuple[str, float | None, str, str]] = ()
    assumptions: Sequence[str] = ()
    notes: Sequence[str] = ()
