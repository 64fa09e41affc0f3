"""Radiative rates and integrated cross-sections of one ion from line strengths (Judd-Ofelt and magnetic dipole).

Formulas in CGS-esu with wavenumbers, as tabulated by B. M. Walsh, "Judd-Ofelt theory: principles and practices", in
Advances in Spectroscopy for Lasers and Sensing (Springer, 2006), https://doi.org/10.1007/1-4020-4789-4_21. The local
field is the virtual-cavity (Lorentz) one, (n^2 + 2)^2 / 9. All arguments broadcast.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from padesign.constants import (
    ELECTRON_MASS_g,
    ELEMENTARY_CHARGE_esu,
    JOULE_PER_cm1,
    PLANCK_erg_s,
    SPEED_OF_LIGHT_cm_per_s,
)
from padesign.spectroscopy.special import as_floats

BOHR_MAGNETON_erg_per_G = (
    ELEMENTARY_CHARGE_esu * PLANCK_erg_s / (4.0 * math.pi * ELECTRON_MASS_g * SPEED_OF_LIGHT_cm_per_s)
)
MAGNETIC_STRENGTH_cm2 = (BOHR_MAGNETON_erg_per_G / ELEMENTARY_CHARGE_esu) ** 2
"""mu_B^2 / e^2: turns |<J||L+gS||J'>|^2 (units of hbar^2) into a line strength in cm^2."""
_EMISSION = 64.0 * math.pi**4 * ELEMENTARY_CHARGE_esu**2 / (3.0 * PLANCK_erg_s)
_ABSORPTION = 8.0 * math.pi**3 * ELEMENTARY_CHARGE_esu**2 / (3.0 * PLANCK_erg_s * SPEED_OF_LIGHT_cm_per_s)


def line_strength_cm2(omega: ArrayLike, U: ArrayLike) -> Array:
    """Electric-dipole line strength S = sum_k Omega_k |<J||U(k)||J'>|^2, k = 2, 4, 6.

    `omega` (3,) in cm^2, `U` (..., 3) dimensionless; returns (...,) in cm^2 (without e^2).
    """
    omega_cm2, elements = as_floats(omega, U)
    return jnp.sum(elements * omega_cm2, axis=-1)


def electric_dipole_rate_per_s(
    energy_cm1: ArrayLike, line_strength_cm2: ArrayLike, two_J_upper: ArrayLike, refractive_index: ArrayLike
) -> Array:
    """Spontaneous rate A = 64 pi^4 e^2 dE^3 n (n^2+2)^2 S / (27 h (2J+1)) [1/s]; `two_J_upper` = 2J of the emitter."""
    energy, strength, two_J, n = as_floats(energy_cm1, line_strength_cm2, two_J_upper, refractive_index)
    return _EMISSION * energy**3 * n * (n**2 + 2.0) ** 2 / 9.0 * strength / (two_J + 1.0)


def magnetic_dipole_rate_per_s(
    energy_cm1: ArrayLike, ls2: ArrayLike, two_J_upper: ArrayLike, refractive_index: ArrayLike
) -> Array:
    """Spontaneous rate A = 64 pi^4 dE^3 n^3 mu_B^2 |<J||L+gS||J'>|^2 / (3 h (2J+1)) [1/s]; `ls2` dimensionless."""
    energy, element, two_J, n = as_floats(energy_cm1, ls2, two_J_upper, refractive_index)
    return _EMISSION * energy**3 * n**3 * MAGNETIC_STRENGTH_cm2 * element / (two_J + 1.0)


def electric_dipole_absorption_cm(
    energy_cm1: ArrayLike, line_strength_cm2: ArrayLike, two_J_lower: ArrayLike, refractive_index: ArrayLike
) -> Array:
    """Cross-section integrated over wavenumber, 8 pi^3 e^2 dE (n^2+2)^2 S / (27 h c n (2J+1)) [cm].

    Multiply by `line_shape_cm` to get cm^2. `two_J_lower` = 2J of the absorbing level.
    """
    energy, strength, two_J, n = as_floats(energy_cm1, line_strength_cm2, two_J_lower, refractive_index)
    return _ABSORPTION * energy * (n**2 + 2.0) ** 2 / (9.0 * n) * strength / (two_J + 1.0)


def magnetic_dipole_absorption_cm(
    energy_cm1: ArrayLike, ls2: ArrayLike, two_J_lower: ArrayLike, refractive_index: ArrayLike
) -> Array:
    """Cross-section integrated over wavenumber, 8 pi^3 dE n mu_B^2 |<J||L+gS||J'>|^2 / (3 h c (2J+1)) [cm]."""
    energy, element, two_J, n = as_floats(energy_cm1, ls2, two_J_lower, refractive_index)
    return _ABSORPTION * energy * n * MAGNETIC_STRENGTH_cm2 * element / (two_J + 1.0)


def wavenumber_cm1(wavelength_nm: ArrayLike) -> Array:
    """Wavenumber [cm^-1] of light with this vacuum wavelength [nm]."""
    (wavelength,) = as_floats(wavelength_nm)
    return 1e7 / wavelength


def photon_energy_J(wavelength_nm: ArrayLike) -> Array:
    """Energy [J] of one photon with this vacuum wavelength [nm]."""
    return JOULE_PER_cm1 * wavenumber_cm1(wavelength_nm)
