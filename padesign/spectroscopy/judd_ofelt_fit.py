"""Judd-Ofelt intensity parameters from measured oscillator strengths.

    f = 8 pi^2 m c nu (n^2+2)^2 / (27 h (2J+1) n) * sum_k Omega_k U_k        (CGS; Judd 1962, Ofelt 1962)

is linear in Omega, so the fit is ordinary least squares on the line strengths S = sum_k Omega_k U_k.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from padesign.constants import ELECTRON_MASS_g, PLANCK_erg_s, SPEED_OF_LIGHT_cm_per_s
from padesign.errors import InputError

IndexOfWavelength = Callable[[np.ndarray], np.ndarray]
"""Refractive index at vacuum wavelengths in nm, elementwise."""


@final
@dataclass(frozen=True, eq=False)
class JuddOfeltFit:
    """Result of `fit_judd_ofelt` for N bands.

    `omega_cm2` (3,) for ranks 2, 4, 6 and `sigma_cm2` (3,) their standard errors (nan when N = 3);
    `oscillator_strength` (N,) calculated; `rms_oscillator_strength` with N - 3 degrees of freedom (nan when N = 3).
    """

    omega_cm2: np.ndarray
    sigma_cm2: np.ndarray
    oscillator_strength: np.ndarray
    rms_oscillator_strength: float


def sellmeier(constant: float, terms: Sequence[tuple[float, float]]) -> IndexOfWavelength:
    """n(wavelength) with n^2 = constant + sum B/(1 - C/wavelength^2), `terms` of (B, C in nm^2)."""

    def index(wavelength_nm: np.ndarray) -> np.ndarray:
        squared = sum(b / (1.0 - c / np.asarray(wavelength_nm) ** 2) for b, c in terms)
        return np.sqrt(constant + squared)

    return index


def fit_judd_ofelt(
    wavelength_nm: np.ndarray,
    oscillator_strength: np.ndarray,
    U: np.ndarray,
    *,
    two_J_ground: int,
    refractive_index: IndexOfWavelength,
    magnetic_oscillator_strength: np.ndarray | float = 0.0,
) -> JuddOfeltFit:
    """Fit Omega_2,4,6 to absorption bands from one ground manifold.

    `wavelength_nm` (N,) band barycentres, `oscillator_strength` (N,) measured, `U` (N, 3) squared reduced matrix
    elements (summed over manifolds that overlap in one band), `magnetic_oscillator_strength` is taken off first.
    Raises `InputError` for fewer than 3 bands, unequal lengths, or bands that do not determine all three parameters.
    """
    wavelength, measured, U = (np.asarray(x, float) for x in (wavelength_nm, oscillator_strength, U))
    n_bands = len(wavelength)
    if measured.shape != (n_bands,) or U.shape != (n_bands, 3):
        raise InputError(
            f"`oscillator_strength` and `U` must have shapes ({n_bands},) and ({n_bands}, 3), "
            f"but have {measured.shape} and {U.shape}"
        )
    if n_bands < 3 or np.linalg.matrix_rank(U) < 3:
        raise InputError(
            f"the {n_bands} bands do not determine Omega_2, Omega_4 and Omega_6",
            cure="Give at least three bands whose matrix elements are linearly independent.",
        )
    n = refractive_index(wavelength)
    per_strength = 8.0 * np.pi**2 * ELECTRON_MASS_g * SPEED_OF_LIGHT_cm_per_s * (n**2 + 2.0) ** 2
    per_strength /= 27.0 * PLANCK_erg_s * (two_J_ground + 1) * n * wavelength * 1e-7
    strength = (measured - magnetic_oscillator_strength) / per_strength
    omega = np.linalg.lstsq(U, strength, rcond=None)[0]
    calculated = (U @ omega) * per_strength + magnetic_oscillator_strength
    freedom = n_bands - 3 if n_bands > 3 else np.nan
    variance = np.sum((strength - U @ omega) ** 2) / freedom
    sigma = np.sqrt(variance * np.diag(np.linalg.inv(U.T @ U)))
    rms = float(np.sqrt(np.sum((measured - calculated) ** 2) / freedom))
    return JuddOfeltFit(omega, sigma, calculated, rms)
