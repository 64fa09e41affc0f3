"""The colour of an emission: CIE 1931 tristimulus values, chromaticity in (x, y) and (u', v'), visible photons.

Every radiative transition of every ion is one line; nothing is chosen, so the list is the same under tracing. A line is
a Gaussian in photon energy about the barycentre of its two manifolds. The model's own emission g(-d) has this width and
lies s^2/2kT lower (70 cm^-1 at 295 K, 1.6 nm at 475 nm), which is within the uncertainty of the level energies.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy.interpolate import CubicSpline

from padesign.constants import JOULE_PER_cm1
from padesign.kinetics.light import EmittingNetwork, visible_order
from padesign.observables.nonlinearity import states_on_sweep
from padesign.observables.solution import Solution
from padesign.types import LogPopulations, Scalar, ScalarLike

SHORTEST_VISIBLE_nm = 380.0
LONGEST_VISIBLE_nm = 780.0
LINE_STANDARD_DEVIATION_cm1 = 170.0
"""400 cm^-1 full width at half maximum, the width of every level in the parameter sets from the literature."""

_OBSERVER = Path(__file__).parents[1] / "data" / "cie1931_2deg_5nm.csv"
_GRID_nm = np.arange(SHORTEST_VISIBLE_nm, LONGEST_VISIBLE_nm + 0.5, 1.0)
_FAR_nm = 1e9
_TINY_W = 1e-250
_XYZ_TO_LINEAR_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])


class Chromaticity(NamedTuple):
    """What an eye sees of an emission.

    `XYZ_W` (3,): tristimulus values, watts weighted by the colour-matching functions; 683 Y is the flux in lumens.
    `visible_photons_per_s` lie between 380 and 780 nm and are `visible_fraction` of all. `visible` is False when
    nothing is emitted there but the tails of ultraviolet and infrared lines: then `x`, `y`, `u_prime`, `v_prime` have
    no meaning (they are finite, those of equal-energy white where there is no light at all).
    """

    XYZ_W: Float[Array, " 3"]
    x: Scalar
    y: Scalar
    u_prime: Scalar
    v_prime: Scalar
    visible_photons_per_s: Scalar
    visible_fraction: Scalar
    visible: Bool[Array, ""]


class Lines(NamedTuple):
    """Photons per second and vacuum wavelength of every transition; infinite wavelength where there is no such photon
    (the upper level is not above the lower one, or an energy is not known)."""

    photons_per_s: Float[Array, " lines"]
    wavelengths_nm: Float[Array, " lines"]


@functools.cache
def colour_matching() -> Float[np.ndarray, "wavelengths 3"]:
    """CIE 1931 2-degree functions every nanometre from 380 to 780 nm, by cubic splines through the 5 nm table."""
    table = np.loadtxt(_OBSERVER, delimiter=",", comments="#", skiprows=4)
    return np.maximum(CubicSpline(table[:, 0], table[:, 1:])(_GRID_nm), 0.0)


def chromaticity(
    photons_per_s: Float[Array, " bands"],
    wavelengths_nm: Float[Array, " bands"],
    line_standard_deviation_cm1: ScalarLike = LINE_STANDARD_DEVIATION_cm1,
) -> Chromaticity:
    """Colour of a set of emission lines; pure, differentiable, finite for whatever is emitted.

    Each line spreads its photons as a Gaussian in wavenumber of the stated standard deviation (50 cm^-1 or more, the
    integrals run in steps of 1 nm); photons are turned into watts at every wavelength. x = X/(X+Y+Z) after CIE 1931,
    u' = 4X/(X+15Y+3Z) and v' = 9Y/(X+15Y+3Z) after CIE 1976 (CIE 15:2004 Colorimetry).
    """
    emits = jnp.isfinite(wavelengths_nm) & (wavelengths_nm > 0.0)
    centre_nm = jnp.where(emits, wavelengths_nm, _FAR_nm)
    photons = jnp.where(emits, photons_per_s, 0.0)
    grid_cm1 = 1e7 / _GRID_nm
    step_nm = np.full(_GRID_nm.size, 1.0)
    step_nm[[0, -1]] = 0.5

    width = jnp.asarray(line_standard_deviation_cm1)
    offset = (grid_cm1 - 1e7 / centre_nm[:, None]) / width
    per_nm = jnp.exp(-0.5 * offset**2) / (math.sqrt(2.0 * math.pi) * width) * (1e7 / _GRID_nm**2)
    in_step = per_nm * step_nm

    seen_by_eye = JOULE_PER_cm1 * grid_cm1[:, None] * colour_matching()
    by_line = photons[:, None] * (in_step @ seen_by_eye)
    XYZ = jnp.sum(by_line, axis=0)
    own = jnp.where((centre_nm >= SHORTEST_VISIBLE_nm) & (centre_nm <= LONGEST_VISIBLE_nm), by_line.sum(axis=1), 0.0)
    some = jnp.sum(XYZ) > _TINY_W
    X, Y, Z = jnp.where(some, XYZ, jnp.asarray(1.0))
    x, y = X / (X + Y + Z), Y / (X + Y + Z)
    denominator = X + 15.0 * Y + 3.0 * Z

    visible_photons = jnp.sum(photons * jnp.sum(in_step, axis=1))
    all_photons = jnp.sum(jnp.where(jnp.isfinite(photons_per_s), photons_per_s, 0.0))
    fraction = visible_photons / jnp.where(all_photons > 0.0, all_photons, 1.0)
    visible = some & (jnp.sum(own) > 0.5 * jnp.sum(XYZ))
    return Chromaticity(XYZ, x, y, 4.0 * X / denominator, 9.0 * Y / denominator, visible_photons, fraction, visible)


def uv_of_xy(x: float, y: float) -> tuple[float, float]:
    """(u', v') of CIE 1976 from (x, y) of CIE 1931: 4x/(3 - 2x + 12y), 9y/(3 - 2x + 12y)."""
    denominator = 3.0 - 2.0 * x + 12.0 * y
    return 4.0 * x / denominator, 9.0 * y / denominator


def lines(light: EmittingNetwork, u: LogPopulations) -> Lines:
    """Every (upper, lower) pair of levels of every ion as a line, at the log populations `u`."""
    photons, wavelengths = [], []
    blocks = light.network.split(jnp.exp(u))
    for radiative, ions, energies, block in zip(
        light.radiative_per_s, light.ions_in_cell, light.energies_cm1, blocks, strict=True
    ):
        lower, upper = np.triu_indices(block.shape[1], 1)
        photons.append(jnp.einsum("c,clu,cu->lu", ions, radiative, block)[lower, upper])
        gap = energies[upper] - energies[lower]
        downward = gap > 0.0
        wavelengths.append(jnp.where(downward, 1e7 / jnp.where(downward, gap, 1.0), jnp.inf))
    return Lines(jnp.concatenate(photons), jnp.concatenate(wavelengths))


def lines_on_sweep(solution: Solution, log_irradiance: ScalarLike) -> tuple[Lines, Scalar]:
    """The lines at one power (ln of W cm^-2) on the upward sweep, and the residual of the steady state there."""
    states, residuals = states_on_sweep(solution.network, solution.trace, jnp.asarray(log_irradiance)[None])
    return lines(solution.light, states[0]), residuals[0]


def unknown_energies(light: EmittingNetwork) -> list[str]:
    """Levels that take part in an emission and have no energy; for a network that is not being traced."""
    unknown = []
    for (ion, ids), radiative, energies in zip(light.levels, light.radiative_per_s, light.energies_cm1, strict=True):
        emits = np.asarray(radiative).max(axis=0) > 0.0
        takes_part = emits.any(axis=0) | emits.any(axis=1)
        for level, part, energy in zip(ids, takes_part, np.asarray(energies), strict=True):
            if part and np.isnan(energy):
                unknown.append(f"{ion}:{level}")
    return unknown


def visible_labels(light: EmittingNetwork, least_share: float = 0.01) -> list[str]:
    """Names of the lines between 380 and 780 nm that carry at least `least_share` of their level's emission; for a
    network that is not being traced."""
    return [band.label for band in visible_order(light, SHORTEST_VISIBLE_nm, LONGEST_VISIBLE_nm, least_share)]


def srgb_hex(XYZ: Float[np.ndarray, " 3"]) -> str:
    """The colour for drawing, `#rrggbb` as bright as a screen can; black when there is no light.

    Matrix and transfer function of IEC 61966-2-1; colours outside the screen's triangle are cut to its edge.
    """
    XYZ = np.asarray(XYZ, dtype=float)
    if not np.isfinite(XYZ).all() or XYZ.sum() <= 0.0:
        return "#000000"
    linear = _XYZ_TO_LINEAR_RGB @ (XYZ / XYZ.sum())
    linear = np.clip(linear / linear.max(), 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1.0 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255.0 * float(c)):02x}" for c in encoded)
