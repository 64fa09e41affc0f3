"""How the loss at the surface depends on the level: the overlap of its energy gap with the ligand's vibrations."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

LIGANDS_FILE = Path(__file__).parents[1] / "data" / "ligands.yaml"


@functools.cache
def _table() -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(LIGANDS_FILE.read_text(encoding="utf-8"))


def known_ligands() -> tuple[str, ...]:
    """Ligands and solvents that have data."""
    return tuple(_table()["ligands"])


def ligand_factor(gap_cm1: float, ligand: str) -> float:
    """Loss of a level with this gap to the level it falls to, relative to the same level under the reference ligand.

    The overlap of a gap with the vibrations v of a ligand is the sum of strength_v a^(p_v - 1) with p_v = max(1, gap /
    energy_v) quanta and the attenuation a per quantum: the energy-gap law of multiphonon relaxation with the ligand's
    vibrations in the place of the lattice's (A. Beeby et al., J. Chem. Soc., Perkin Trans. 2, 493 (1999),
    https://doi.org/10.1039/A808692C, for O-H and C-H oscillators). All strengths and `a` are assumptions.
    """
    return _overlap(gap_cm1, ligand) / _overlap(gap_cm1, _table()["reference"])


def _overlap(gap_cm1: float, ligand: str) -> float:
    attenuation = float(_table()["attenuation_per_quantum"]["value"])
    return sum(
        float(one["strength"]) * attenuation ** (max(1.0, gap_cm1 / float(one["energy_cm1"])) - 1.0)
        for one in _table()["ligands"][ligand]["vibrations"]
    )
