"""Molar masses from element counts. No text is parsed: one hydrate string means different things to two parsers."""

from __future__ import annotations

import math
from collections.abc import Mapping

import periodictable

from padesign.errors import InputError

WATER: Mapping[str, int] = {"H": 2, "O": 1}


def element_mass_g_per_mol(symbol: str) -> float:
    """Standard atomic weight [g/mol] of one element, from periodictable (IUPAC).

    Isotopes, the neutron and unknown symbols raise `InputError`: a silent guess would spoil every mass in the recipe.
    """
    for element in periodictable.elements:
        if element.symbol == symbol:
            if element.mass > 0.0:
                return float(element.mass)
            break
    raise InputError(f"`{symbol}` is not an element with a standard atomic weight", cure="Write a symbol such as Tm.")


def molar_mass_g_per_mol(counts: Mapping[str, int], n_water: float = 0.0) -> float:
    """Molar mass [g/mol] of `counts` atoms per formula unit plus `n_water` (not always whole) water molecules."""
    if not counts or any(not isinstance(n, int) or isinstance(n, bool) or n < 1 for n in counts.values()):
        raise InputError(f"Element counts must be whole numbers above 0, but are {dict(counts)}")
    if not (math.isfinite(n_water) and n_water >= 0.0):
        raise InputError(f"Water of crystallisation must not be negative, but is {n_water}")
    dry = sum(n * element_mass_g_per_mol(symbol) for symbol, n in counts.items())
    return dry + n_water * sum(n * element_mass_g_per_mol(symbol) for symbol, n in WATER.items())


def formula_text(anhydrous: str, n_water: float = 0.0) -> str:
    """The formula as printed: `Y(CH3COO)3·4H2O`."""
    if n_water == 0.0:
        return anhydrous
    return f"{anhydrous}·{'' if n_water == 1.0 else f'{n_water:g}'}H2O"
