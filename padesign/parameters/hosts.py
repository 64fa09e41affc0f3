"""Host crystals of `padesign/data/hosts.yaml`: formula, lattice, density of the cations a lanthanide replaces."""

from __future__ import annotations

import difflib
import functools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import final

from ruamel.yaml import YAML

from padesign.errors import InputError

HOSTS_FILE = Path(__file__).parents[1] / "data" / "hosts.yaml"


@final
@dataclass(frozen=True)
class Host:
    """One host crystal. `site` is the cation a lanthanide replaces; lengths in nm, density in nm^-3.

    `lattice_source` cites the lattice, `lattice_assumption` says that it is not from a publication.
    """

    name: str
    formula: str
    site: str
    cell_volume_nm3: float
    cations_per_cell: float
    refractive_index: float
    phonon_energy_cm1: float
    lattice_source: str
    lattice_assumption: bool

    @property
    def cation_density_nm3(self) -> float:
        """Dopable cations per nm^3."""
        return self.cations_per_cell / self.cell_volume_nm3


@functools.cache
def hosts() -> dict[str, Host]:
    """All hosts with lattice data, by name (a parameter set exists for some of them: `available_hosts`)."""
    document = YAML(typ="safe", pure=True).load(HOSTS_FILE.read_text(encoding="utf-8"))
    found = {}
    for name, row in document["hosts"].items():
        cell = row["lattice"]
        found[name] = Host(
            name=name,
            formula=row["formula"],
            site=row["site"],
            cell_volume_nm3=_cell_volume(*(float(cell[key]) for key in ("a", "b", "c", "alpha", "beta", "gamma"))),
            cations_per_cell=float(cell["cations_per_cell"]),
            refractive_index=float(row["refractive_index"]["value"]),
            phonon_energy_cm1=float(row["phonon_energy"]["value"]),
            lattice_source=document["references"][cell["source"]],
            lattice_assumption=bool(cell["assumption"]),
        )
    return found


def load_host(name: str) -> Host:
    """A host by name; an unknown one raises `InputError`."""
    if name not in hosts():
        folded = {known.lower(): known for known in hosts()}
        near = difflib.get_close_matches(name.lower(), folded, n=1, cutoff=0.5)
        hint = f"Did you mean `{folded[near[0]]}`? " if near else ""
        raise InputError(f"there is no host `{name}`", cure=f"{hint}Known: {', '.join(hosts())}.")
    return hosts()[name]


def _cell_volume(a: float, b: float, c: float, alpha: float, beta: float, gamma: float) -> float:
    cos_a, cos_b, cos_c = (math.cos(math.radians(angle)) for angle in (alpha, beta, gamma))
    return a * b * c * math.sqrt(1.0 + 2.0 * cos_a * cos_b * cos_c - cos_a**2 - cos_b**2 - cos_c**2)
