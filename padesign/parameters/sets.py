"""Cited parameter sets: what they hold and how they are compared."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import final

from padesign.errors import InputError
from padesign.parameters.correlations import Correlations
from padesign.parameters.keys import (
    CRYSTAL_FIELD_KEYS,
    ENERGY_SUFFIX,
    GLOBAL_KEYS,
    ION_KEYS,
    SURFACE_PREFIX,
    SURFACE_SUFFIX,
    energy_key,
    split_level,
    surface_key,
    unit_of,
)
from padesign.parameters.valid_range import ValidRange


@final
@dataclass(frozen=True)
class Entry:
    """One parameter: `value` and one standard deviation `sigma` in `unit`, and where it comes from.

    `assumption` is true when `source` gives a reason instead of a publication for this host.
    """

    value: float
    sigma: float
    unit: str
    source: str
    assumption: bool

    @property
    def sigma_ln(self) -> float:
        """Spread of the logarithm: that of a lognormal with mean `value` and standard deviation `sigma`."""
        return math.sqrt(math.log1p((self.sigma / self.value) ** 2))


def has_logarithm(key: str, entry: Entry) -> bool:
    """Whether an entry is a positive quantity that errs by a factor."""
    return entry.value > 0.0 and not key.endswith(ENERGY_SUFFIX)


@final
@dataclass(frozen=True, eq=False)
class ParameterSet:
    """All numbers of a model of one host, each with uncertainty and source.

    `levels` maps an ion to its level ids, ascending in energy; `surface_lands_in` maps `Tm:3H4` to the id of the
    level of the same ion in which a surface loss ends. `validity` says where the set was compared with measurement,
    `valid_for` the same as numbers, where it was fitted; `correlations` of the errors of what was fitted together.
    Building one checks names, units and completeness and raises `InputError`.
    """

    name: str
    host: str
    description: str
    calibrated: bool
    validity: str
    entries: Mapping[str, Entry]
    surface_lands_in: Mapping[str, str]
    valid_for: ValidRange | None = None
    correlations: Correlations | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "entries", MappingProxyType(dict(self.entries)))
        object.__setattr__(self, "surface_lands_in", MappingProxyType(dict(self.surface_lands_in)))
        for key, entry in self.entries.items():
            if entry.unit != (unit := unit_of(key)):
                raise InputError(f"the unit of `{key}` must be {unit}, but is {entry.unit}", path=("entries", key))
        field = CRYSTAL_FIELD_KEYS if any(key in self.entries for key in CRYSTAL_FIELD_KEYS) else ()
        needed = [*GLOBAL_KEYS, *field, *(f"{ion}.{key}" for ion in self.levels for key in ION_KEYS)]
        if missing := [key for key in needed if key not in self.entries]:
            raise InputError(f"parameter set `{self.name}` lacks {', '.join(missing)}")
        self._check_surface()
        self._check_correlations()

    def _check_correlations(self) -> None:
        for key in () if self.correlations is None else self.correlations.keys:
            entry = self.entries.get(key)
            if entry is None or not has_logarithm(key, entry):
                what = f"name `{key}`, which is no entry that errs by a factor"
                raise InputError(what, cure="Leave it out.", path=("correlations", "keys"))

    def _check_surface(self) -> None:
        losses = {
            key[len(SURFACE_PREFIX) : -len(SURFACE_SUFFIX)] for key in self.entries if key.startswith(SURFACE_PREFIX)
        }
        if odd := losses ^ set(self.surface_lands_in):
            raise InputError(
                f"`surface_lands_in` and the surface losses differ in {', '.join(sorted(odd))}",
                cure="Each level with a surface loss names the level it ends in, and no other does.",
                path=("surface_lands_in",),
            )
        for name, target in self.surface_lands_in.items():
            ion, level = split_level(name)
            ids = self.levels.get(ion, ())
            if level not in ids or target not in ids or ids.index(target) >= ids.index(level):
                raise InputError(
                    f"a surface loss of {name} cannot end in `{target}`",
                    cure=f"Both must be levels of {ion}, the second below the first.",
                    path=("surface_lands_in", name),
                )

    @functools.cached_property
    def levels(self) -> Mapping[str, tuple[str, ...]]:
        """Ion -> level ids that have an energy, ascending."""
        energies: dict[str, list[tuple[float, str]]] = {}
        for key, entry in self.entries.items():
            if key.endswith(ENERGY_SUFFIX):
                ion, level = split_level(key[: -len(ENERGY_SUFFIX)])
                energies.setdefault(ion, []).append((entry.value, level))
        return MappingProxyType({ion: tuple(level for _, level in sorted(pairs)) for ion, pairs in energies.items()})

    @property
    def values(self) -> dict[str, float]:
        """Name -> value, a new dictionary each time."""
        return {key: entry.value for key, entry in self.entries.items()}

    @functools.cached_property
    def digest(self) -> str:
        """sha256 (hex) of everything the set says, whatever its order in the file."""
        content = {
            "name": self.name,
            "host": self.host,
            "description": self.description,
            "calibrated": self.calibrated,
            "validity": self.validity,
            "entries": {key: asdict(entry) for key, entry in self.entries.items()},
            "surface_lands_in": dict(self.surface_lands_in),
        }
        content |= {} if self.valid_for is None else {"valid_for": asdict(self.valid_for)}
        content |= {} if self.correlations is None else {"correlations": asdict(self.correlations)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    def __reduce__(self) -> tuple[object, ...]:
        text = (self.name, self.host, self.description, self.calibrated, self.validity)
        rest = self.valid_for, self.correlations
        return ParameterSet, (*text, dict(self.entries), dict(self.surface_lands_in), *rest)

    def surface_levels(self, ion: str) -> dict[str, tuple[float, str]]:
        """Level id -> (loss constant in nm^4 s^-1, level it ends in) for one ion."""
        return {
            level: (self.entries[surface_key(ion, level)].value, target)
            for (owner, level), target in ((split_level(name), t) for name, t in self.surface_lands_in.items())
            if owner == ion
        }

    def energy_cm1(self, ion: str, level_id: str) -> float:
        """Energy above the ground manifold, cm^-1; an unknown level raises `InputError`."""
        entry = self.entries.get(energy_key(ion, level_id))
        if entry is None:
            raise InputError(f"parameter set `{self.name}` has no level {ion}:{level_id}")
        return entry.value


def diff(a: ParameterSet, b: ParameterSet) -> dict[str, tuple[Entry | None, Entry | None]]:
    """Entries in which two sets differ: name -> (entry of `a`, entry of `b`), `None` where a set has none."""
    names = [*a.entries, *(key for key in b.entries if key not in a.entries)]
    return {key: pair for key in names if (pair := (a.entries.get(key), b.entries.get(key)))[0] != pair[1]}
