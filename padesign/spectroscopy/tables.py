"""The pinned ion tables as arrays: which levels an ion has and the matrix elements between them.

The tables are output of `padesign.spectroscopy.free_ion`. Level ids are term symbols without the ion (`3F4`); where a
symbol repeats inside an ion, the higher level carries a suffix (`5G5#2`). A symbol names the leading LS term of the
calculated state, so the Er level near 24500 cm^-1 is `2G9/2` here and `2H9/2` in part of the literature.
"""

from __future__ import annotations

import csv
import difflib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from padesign.errors import InputError

ION_DATA = Path(__file__).parents[1] / "data" / "ions"

IONS: tuple[str, ...] = ("Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb")
"""Ions with a pinned table, in order of the number of 4f electrons (2 to 13)."""

INERT_IONS: tuple[str, ...] = ("Y", "La", "Ce", "Lu")
"""Ions that take a cation site and no part in the light: no 4f levels below the ultraviolet, or, for Ce, none but the
2F7/2 level at 2250 cm^-1, which is left out."""


@final
@dataclass(frozen=True, eq=False)
class IonTable:
    """Levels and matrix elements of one trivalent ion; arrays are read-only.

    `symbol`; `n_f` number of 4f electrons; `level_ids` (L,) ascending in published energy, ground manifold first;
    `two_J` (L,) int; `energy_cm1` (L,) published energy above the ground manifold (calculated where none is
    published); `U` (L, L, 3) squared reduced matrix elements of the unit tensors of rank 2, 4, 6; `LS2` (L, L) those
    of L + g_s S in units of hbar^2. `U` and `LS2` are symmetric; their diagonals are 0, a level makes no transition
    to itself. `U_self` (L, 3) are the squared elements of a level with itself, which say how a crystal field splits it.
    """

    symbol: str
    n_f: int
    level_ids: tuple[str, ...]
    two_J: np.ndarray
    energy_cm1: np.ndarray
    U: np.ndarray
    LS2: np.ndarray
    U_self: np.ndarray

    def index(self, level_id: str) -> int:
        """Place of a level in `level_ids`; an unknown id raises `InputError` that names the nearest ones."""
        try:
            return self.level_ids.index(level_id)
        except ValueError:
            near = difflib.get_close_matches(level_id, self.level_ids, n=3, cutoff=0.4)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(self.level_ids)}."
            raise InputError(f"{self.symbol} has no level `{level_id}`", cure=hint) from None


@functools.cache
def load_ion(symbol: str) -> IonTable:
    """The pinned table of an ion (`"Tm"`), read once; an unknown symbol raises `InputError`."""
    if symbol not in IONS:
        near = difflib.get_close_matches(str(symbol).strip("0123456789+ ").capitalize(), IONS, n=1, cutoff=0.5)
        hint = f"Did you mean `{near[0]}`? " if near else ""
        raise InputError(f"there is no ion `{symbol}`", cure=f"{hint}Ions with a table: {', '.join(IONS)}.")
    levels = list(_rows(f"{symbol}_levels.csv"))
    ids = tuple(row["id"] for row in levels)
    place = {level: i for i, level in enumerate(ids)}
    U, LS2 = np.zeros((len(ids), len(ids), 3)), np.zeros((len(ids), len(ids)))
    for row in _rows(f"{symbol}.csv"):
        i, j = place[row["level_i"]], place[row["level_j"]]
        U[i, j] = U[j, i] = [float(row[key]) for key in ("U2", "U4", "U6")]
        LS2[i, j] = LS2[j, i] = float(row["LS2"])
    two_J = np.array([int(row["two_J"]) for row in levels])
    energy_cm1 = np.array([float(row["energy_cm1"]) for row in levels])
    U_self = np.array([[float(row[key]) for key in ("U2", "U4", "U6")] for row in levels])
    for array in (two_J, energy_cm1, U, LS2, U_self):
        array.flags.writeable = False
    return IonTable(symbol, IONS.index(symbol) + 2, ids, two_J, energy_cm1, U, LS2, U_self)


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (ION_DATA / name).open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)
