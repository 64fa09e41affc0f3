"""Where a fitted parameter set was compared with measurement, and what lies outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

LASER_nm = 10.0
"""A laser this close to one of the fitted lines counts as the same line."""
ROUNDING = 1e-6


@final
@dataclass(frozen=True)
class ValidRange:
    """Lowest and highest mol% of every ion, temperatures in K (lowest, highest), laser lines in nm."""

    ions_mol_percent: Mapping[str, tuple[float, float]]
    temperature_K: tuple[float, float]
    pump_nm: tuple[float, ...]

    def outside(
        self, shares: Mapping[str, Sequence[float]], temperature_K: float, wavelengths_nm: Sequence[float]
    ) -> list[str]:
        """What of a system lies outside, one phrase each; `shares` holds the mol% of every ion, layer by layer."""
        found = []
        for ion, values in shares.items():
            if ion not in self.ions_mol_percent:
                found.append(f"no {ion}")
                continue
            low, high = self.ions_mol_percent[ion]
            odd = [x for x in values if x > 0.0 and not low * (1 - ROUNDING) <= x <= high * (1 + ROUNDING)]
            if odd:
                found.append(f"{ion} from {low:g} to {high:g} mol% and not {', '.join(f'{x:.3g}' for x in odd)}")
        low, high = self.temperature_K
        if not low - 1.0 <= temperature_K <= high + 1.0:
            fitted = f"{low:g} to {high:g} K" if low < high else f"{low:g} K"
            found.append(f"{fitted} and not {temperature_K:g} K")
        far = [w for w in wavelengths_nm if all(abs(w - line) > LASER_nm for line in self.pump_nm)]
        if far:
            lines = ", ".join(f"{line:g}" for line in self.pump_nm)
            found.append(f"lasers at {lines} nm and not {', '.join(f'{w:g}' for w in far)} nm")
        return found
