"""Bring the colour of the emission to a target."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, final

import equinox as eqx
import jax.numpy as jnp

from padesign.design.objective import AbstractObjective, Verdict, outside_window, shortfall
from padesign.errors import InputError
from padesign.observables.colour import (
    Chromaticity,
    chromaticity,
    lines_on_sweep,
    unknown_energies,
    uv_of_xy,
    visible_labels,
)
from padesign.observables.solution import Solution
from padesign.types import Scalar

NAMED_TARGETS_xy = {"red": (0.64, 0.33), "green": (0.30, 0.60), "blue": (0.15, 0.06), "white": (0.3127, 0.3290)}
"""Primaries of sRGB and its white point D65, IEC 61966-2-1:1999."""
_DARK_photons_per_s = 1.0
"""A particle that gives fewer visible photons has no colour that anyone could see or measure."""
_ROUNDING = 1e-3
"""Distance in (u', v') below which the loss flattens: one step of CIE TN 001:2014 is 0.0011."""
_CONVERGED = 1e-8


@final
class Colour(AbstractObjective):
    """Distance of the emission's chromaticity from a target in (u', v'), at one irradiance on an upward sweep.

    Exactly one of `target` (red, green, blue, white), `target_uv` (u', v') and `target_xy` (x, y) is given.
    """

    at_irradiance_kW_per_cm2: float = eqx.field(static=True)
    target: str | None = eqx.field(static=True, default=None)
    target_uv: tuple[float, float] | None = eqx.field(static=True, default=None)
    target_xy: tuple[float, float] | None = eqx.field(static=True, default=None)
    min_photons_per_s: float | None = eqx.field(static=True, default=None)

    name: ClassVar[str] = "colour"
    unit: ClassVar[str] = "1 (CIE u'v')"
    maximise: ClassVar[bool] = False
    definition: ClassVar[str] = (
        "distance in the CIE 1976 (u', v') diagram between the target and the emission of all lines of all ions "
        "(CIE 1931 2-degree observer) at the stated irradiance on an upward sweep; 0.0011, one step of "
        "CIE TN 001:2014, is the least an eye may notice; no value below one photon per second between 380 and 780 nm"
    )
    blind_to: ClassVar[str] = (
        "nonlinearity, threshold, infrared emission, scattered laser light, and unless `min_photons_per_s` is set "
        "brightness"
    )
    without_value: ClassVar[str] = "nothing visible is emitted at the stated irradiance"

    def __check_init__(self) -> None:
        given = [key for key in ("target", "target_uv", "target_xy") if getattr(self, key) is not None]
        if len(given) != 1:
            what = f"gives {len(given)} target colours" + (f" ({', '.join(given)})" if given else "")
            raise InputError(what, cure="give one of `target`, `target_uv` and `target_xy`", path=("objective",))
        if self.target is not None and self.target not in NAMED_TARGETS_xy:
            cure = f"known: {', '.join(NAMED_TARGETS_xy)}; or give `target_uv` or `target_xy`"
            raise InputError(f"there is no target colour `{self.target}`", cure=cure, path=("objective", "target"))

    @classmethod
    def from_options(cls, options: Mapping[str, object]) -> Colour:
        plain = dict(options)
        for key, axes in (("target_uv", ("u", "v")), ("target_xy", ("x", "y"))):
            pair = plain.get(key)
            if pair is None:
                continue
            try:
                first, second = (pair[axis] for axis in axes) if isinstance(pair, Mapping) else pair  # type: ignore[misc]
                plain[key] = (float(first), float(second))
            except (KeyError, TypeError, ValueError) as error:
                cure = f"write {{{axes[0]}: ..., {axes[1]}: ...}}"
                raise InputError(f"`{key}` must be two numbers", cure=cure, path=("objective", key)) from error
        return cls(**plain)  # type: ignore[arg-type]

    @property
    def target_uv_prime(self) -> tuple[float, float]:
        """The target in (u', v')."""
        if self.target_uv is not None:
            return self.target_uv
        return uv_of_xy(*(NAMED_TARGETS_xy[self.target] if self.target is not None else self.target_xy or (0.0, 0.0)))

    def loss(self, solution: Solution) -> Scalar:
        seen, _ = self._seen(solution)
        distance = jnp.sqrt(self._squared_distance(seen) + _ROUNDING**2) - _ROUNDING
        floor = max(self.min_photons_per_s or 0.0, _DARK_photons_per_s)
        return distance + shortfall(jnp.log(seen.visible_photons_per_s + 1e-300), floor)

    def judge(self, solution: Solution) -> Verdict:
        seen, residual = self._seen(solution)
        distance = jnp.sqrt(self._squared_distance(seen))
        bright = seen.visible & (seen.visible_photons_per_s >= _DARK_photons_per_s)
        violations = {}
        if self.min_photons_per_s:
            violations["min_photons_per_s"] = self.min_photons_per_s - seen.visible_photons_per_s
        return Verdict(
            jnp.where(bright, distance, jnp.nan),
            bright & (residual <= _CONVERGED),
            violations,
            {
                "u_prime": jnp.where(bright, seen.u_prime, jnp.nan),
                "v_prime": jnp.where(bright, seen.v_prime, jnp.nan),
                "x": jnp.where(bright, seen.x, jnp.nan),
                "y": jnp.where(bright, seen.y, jnp.nan),
                "visible_photons_per_s": seen.visible_photons_per_s,
                "visible_fraction": seen.visible_fraction,
            },
        )

    def curve_label(self, solution: Solution) -> str | None:
        return next(iter(visible_labels(solution.light)), None)

    def check(self, solution: Solution) -> str:
        unknown = unknown_energies(solution.light)
        if unknown:
            return (
                f"a colour needs the energies of all levels that emit; missing in `energies_cm1`: {', '.join(unknown)}"
            )
        if not visible_labels(solution.light):
            return "no ion of this system emits between 380 and 780 nm, so it has no colour; add one that does"
        return outside_window(solution, self.at_irradiance_kW_per_cm2)

    def _seen(self, solution: Solution) -> tuple[Chromaticity, Scalar]:
        lines, residual = lines_on_sweep(solution, math.log(self.at_irradiance_kW_per_cm2 * 1e3))
        return chromaticity(lines.photons_per_s, lines.wavelengths_nm), residual

    def _squared_distance(self, seen: Chromaticity) -> Scalar:
        u, v = self.target_uv_prime
        return (seen.u_prime - u) ** 2 + (seen.v_prime - v) ** 2
