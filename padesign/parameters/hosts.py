"""Host materials of `padesign/data/hosts.yaml`: formula, lattice, density of replaceable cations, index."""

from __future__ import annotations

import difflib
import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from ruamel.yaml import YAML

from padesign.errors import InputError

HOSTS_FILE = Path(__file__).parents[1] / "data" / "hosts.yaml"
GLASS = "glass"
"""`crystal_system` of a host without a lattice."""
POOR_GROWTH_PERCENT = 2.0
"""Mismatch above which a shell may grow unevenly (rule of thumb, no publication)."""
NO_GROWTH_PERCENT = 5.0
"""Mismatch above which no conformal shell is expected (rule of thumb, no publication)."""


@final
@dataclass(frozen=True)
class Dispersion:
    """Refractive index against wavelength, one formula per principal axis.

    `axes` holds one (multiplicity, constant, ((B, C), ...), ((a, p), ...)) per principal index: with L in um,
    n^2 = constant + sum B L^2 / (L^2 - C) where there are (B, C), and n = constant + sum a L^p where there are (a, p).
    `low_nm` and `high_nm` bound the measurement.
    """

    axes: tuple[tuple[float, float, tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]], ...]
    low_nm: float
    high_nm: float
    source: str

    def index(self, wavelength_nm: float) -> float:
        """Mean refractive index (arithmetic mean of the principal ones) at a vacuum wavelength."""
        square = (wavelength_nm * 1e-3) ** 2
        total = weight = 0.0
        for multiplicity, constant, sellmeier, powers in self.axes:
            if sellmeier:
                n = math.sqrt(constant + sum(b * square / (square - c) for b, c in sellmeier))
            else:
                n = constant + sum(a * square ** (0.5 * p) for a, p in powers)
            total, weight = total + multiplicity * n, weight + multiplicity
        return total / weight


@final
@dataclass(frozen=True)
class Host:
    """One host material. `site` is the cation a lanthanide replaces; lengths in nm, density in nm^-3.

    `crystal_system` is one of the seven or `glass`; `lattice_nm` is (a, b, c), `None` where no lattice constants are
    known; `aliovalent` says that a trivalent lanthanide replaces a divalent cation, which needs charge compensation
    and makes dopants pair up. `lattice_source` cites the lattice, `lattice_assumption` says that it is not from a
    publication. `sites` are the places of the dopable cations as (x, y, z, share held by them) in units of the cell's
    edges, empty where not on record; `angles_deg` are those of the cell. `dispersion` is `None` where none is known.
    """

    name: str
    formula: str
    site: str
    crystal_system: str
    space_group: str
    aliovalent: bool
    lattice_nm: tuple[float, float, float] | None
    cell_volume_nm3: float
    cations_per_cell: float
    refractive_index: float
    phonon_energy_cm1: float
    lattice_source: str
    lattice_assumption: bool
    dispersion: Dispersion | None
    angles_deg: tuple[float, float, float] | None = None
    sites: tuple[tuple[float, float, float, float], ...] = ()

    @property
    def cation_density_nm3(self) -> float:
        """Dopable cations per nm^3."""
        return self.cations_per_cell / self.cell_volume_nm3


@functools.cache
def hosts() -> dict[str, Host]:
    """All hosts on record, by name (a parameter set exists for each of `available_hosts`)."""
    document = YAML(typ="safe", pure=True).load(HOSTS_FILE.read_text(encoding="utf-8"))
    references = document["references"]
    found = {}
    for name, row in document["hosts"].items():
        cell = row["lattice"]
        lengths = (float(cell["a"]), float(cell["b"]), float(cell["c"])) if "a" in cell else None
        angles = None
        if lengths is None:
            volume = float(cell["volume"])
        else:
            angles = (float(cell["alpha"]), float(cell["beta"]), float(cell["gamma"]))
            volume = _cell_volume(*lengths, *angles)
        found[name] = Host(
            name=name,
            formula=row["formula"],
            site=row["site"],
            crystal_system=row["crystal_system"],
            space_group=row["space_group"],
            aliovalent=bool(row["aliovalent"]),
            lattice_nm=lengths,
            cell_volume_nm3=volume,
            cations_per_cell=float(cell["cations_per_cell"]),
            refractive_index=float(row["refractive_index"]["value"]),
            phonon_energy_cm1=float(row["phonon_energy"]["value"]),
            lattice_source=references[cell["source"]],
            lattice_assumption=bool(cell["assumption"]),
            dispersion=_dispersion(row["dispersion"], references) if "dispersion" in row else None,
            angles_deg=angles,
            sites=tuple((float(x), float(y), float(z), float(held)) for x, y, z, held in cell.get("sites", ())),
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


def mismatch_percent(core: Host, shell: Host) -> float | None:
    """Largest relative difference of the lattice constants (a, b, c), in percent of those of `core`.

    `None` where no epitaxy rule applies: another crystal system, a glass, or unknown lattice constants.
    """
    if core.crystal_system != shell.crystal_system or core.lattice_nm is None or shell.lattice_nm is None:
        return None
    return max(100.0 * abs(s / c - 1.0) for c, s in zip(core.lattice_nm, shell.lattice_nm, strict=True))


def mismatch_warning(core: Host, shell: Host) -> str:
    """What the lattices say against growing `shell` on `core`, `""` where nothing does.

    Above `POOR_GROWTH_PERCENT` growth may be uneven, above `NO_GROWTH_PERCENT` it needs a stated reason.
    """
    if core.name == shell.name:
        return ""
    pair = f"{shell.name} on {core.name}"
    mismatch = mismatch_percent(core, shell)
    if mismatch is None:
        return f"{pair}: no common crystal system with known lattice constants, a conformal shell needs a stated reason"
    if mismatch <= POOR_GROWTH_PERCENT:
        return ""
    assumed = " (lattice constants: an assumption)" if core.lattice_assumption or shell.lattice_assumption else ""
    text = f"{pair}: lattice mismatch {mismatch:.1f} %{assumed}"
    if mismatch > NO_GROWTH_PERCENT:
        return f"{text}, no conformal shell expected unless a reason is stated"
    return f"{text}, above the {POOR_GROWTH_PERCENT:g} % of a rule of thumb: mind uneven growth"


def _dispersion(row: Mapping[str, Any], references: Mapping[str, str]) -> Dispersion:
    axes = tuple(
        (
            float(axis["multiplicity"]),
            float(axis["constant"]),
            tuple((float(b), float(c)) for b, c in axis.get("sellmeier", ())),
            tuple((float(a), float(p)) for a, p in axis.get("powers", ())),
        )
        for axis in row["axes"]
    )
    low, high = row["range_nm"]
    return Dispersion(axes, float(low), float(high), str(references[row["source"]]))


def _cell_volume(a: float, b: float, c: float, alpha: float, beta: float, gamma: float) -> float:
    cos_a, cos_b, cos_c = (math.cos(math.radians(angle)) for angle in (alpha, beta, gamma))
    return a * b * c * math.sqrt(1.0 + 2.0 * cos_a * cos_b * cos_c - cos_a**2 - cos_b**2 - cos_c**2)
