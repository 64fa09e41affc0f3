"""Maximise the change of colour between two irradiances."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp

from padesign.design.objective import AbstractObjective, Verdict, outside_window, shortfall
from padesign.observables.colour import Chromaticity, chromaticity, lines_on_sweep, unknown_energies, visible_labels
from padesign.observables.solution import Solution
from padesign.types import Scalar

_ROUNDING = 1e-6
_DARK_photons_per_s = 1e-9


@final
class ColourChange(AbstractObjective):
    """Distance in CIE 1976 (u', v') between the emission colours at two irradiances of an upward sweep."""

    from_irradiance_kW_per_cm2: float = eqx.field(static=True)
    to_irradiance_kW_per_cm2: float = eqx.field(static=True)
    min_photons_per_s: float | None = eqx.field(static=True, default=None)

    name: ClassVar[str] = "colour_change"
    unit: ClassVar[str] = "u'v'"
    maximise: ClassVar[bool] = True
    definition: ClassVar[str] = (
        "distance in the CIE 1976 chromaticity diagram (u', v') between the colours at the two stated irradiances, "
        "2-degree observer; brightness is the visible photons per second at the dimmer one"
    )
    blind_to: ClassVar[str] = "which colours they are, and whether an eye sees so little light"
    without_value: ClassVar[str] = "nothing visible is emitted at one of the stated irradiances"

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> ColourChange:
        return cls(**options)  # type: ignore[arg-type]

    def loss(self, solution: Solution) -> Scalar:
        low, high = self._seen(solution)
        distance = jnp.sqrt(_squared(low, high) + _ROUNDING**2) - _ROUNDING
        dimmer = jnp.minimum(low.visible_photons_per_s, high.visible_photons_per_s)
        return -distance + shortfall(jnp.log(dimmer + 1e-300), max(self.min_photons_per_s or 0.0, _DARK_photons_per_s))

    def judge(self, solution: Solution) -> Verdict:
        low, high = self._seen(solution)
        dimmer = jnp.minimum(low.visible_photons_per_s, high.visible_photons_per_s)
        violations = {}
        if self.min_photons_per_s:
            violations["min_photons_per_s"] = self.min_photons_per_s - dimmer
        return Verdict(
            _distance(low, high),
            low.visible & high.visible & (dimmer >= _DARK_photons_per_s),
            violations,
            {
                "u_prime": high.u_prime,
                "v_prime": high.v_prime,
                "u_prime_from": low.u_prime,
                "v_prime_from": low.v_prime,
                "visible_photons_per_s": dimmer,
            },
        )

    def curve_label(self, solution: Solution) -> str | None:
        return next(iter(visible_labels(solution.light)), None)

    def check(self, solution: Solution) -> str:
        unknown = unknown_energies(solution.light)
        if unknown:
            return f"a colour needs the energies of all levels that emit; missing: {', '.join(unknown)}"
        if not visible_labels(solution.light):
            return "no ion of this system emits between 380 and 780 nm, so it has no colour; add one that does"
        ends = (self.from_irradiance_kW_per_cm2, self.to_irradiance_kW_per_cm2)
        return next((text for end in ends if (text := outside_window(solution, end))), "")

    def _seen(self, solution: Solution) -> tuple[Chromaticity, Chromaticity]:
        found = []
        for irradiance in (self.from_irradiance_kW_per_cm2, self.to_irradiance_kW_per_cm2):
            lines, _ = lines_on_sweep(solution, math.log(1e3 * irradiance))
            found.append(chromaticity(lines.photons_per_s, lines.wavelengths_nm))
        return found[0], found[1]


def _distance(low: Chromaticity, high: Chromaticity) -> Scalar:
    """With derivative 0 where both colours are the same, instead of none."""
    squared = _squared(low, high)
    return jnp.where(squared > 0.0, jnp.sqrt(jnp.where(squared > 0.0, squared, 1.0)), 0.0)


def _squared(low: Chromaticity, high: Chromaticity) -> Scalar:
    return (low.u_prime - high.u_prime) ** 2 + (low.v_prime - high.v_prime) ** 2
