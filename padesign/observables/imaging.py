"""The image of one particle scanned through a focus, from its real response to light."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import j1

from padesign.observables.response import Response

Focus = Literal["gaussian", "airy"]
AIRY_FWHM = 0.514496
"""Full width at half maximum of an Airy disc in units of wavelength / NA: [2 J1(v)/v]^2 = 1/2 at v = 1.61634."""
DIP = 0.265
"""Depth of the dip between two particles that counts as resolved: that of two Airy discs at Rayleigh's distance."""
_POINTS = 4001


class Spot(NamedTuple):
    """Emission (relative to its largest) of one particle at each distance from the middle of the focus.

    `fwhm_nm` is the full width between the outermost points at half of the largest emission. `centre` is the emission
    in the middle relative to the largest; below 1 the particle saturates into a ring.
    """

    distance_nm: Float[np.ndarray, " points"]
    emission: Float[np.ndarray, " points"]
    fwhm_nm: float
    centre: float


def focus_fwhm_nm(wavelength_nm: float, numerical_aperture: float) -> float:
    """Full width at half maximum of the focus, that of an Airy disc (M. Born and E. Wolf, Principles of Optics)."""
    return AIRY_FWHM * wavelength_nm / numerical_aperture


def focus_profile(distance_nm: np.ndarray, wavelength_nm: float, numerical_aperture: float, shape: Focus) -> np.ndarray:
    """Irradiance relative to the middle: an Airy disc, or the Gaussian of the same full width at half maximum."""
    if shape == "gaussian":
        return np.exp(-4.0 * np.log(2.0) * (distance_nm / focus_fwhm_nm(wavelength_nm, numerical_aperture)) ** 2)
    v = 2.0 * np.pi * numerical_aperture / wavelength_nm * np.asarray(distance_nm, dtype=float)
    safe = np.where(v < 1e-6, 1.0, v)
    return np.where(v < 1e-6, 1.0, (2.0 * j1(safe) / safe) ** 2)


def spot(
    response: Response,
    peak_W_per_cm2: float,
    wavelength_nm: float,
    numerical_aperture: float,
    shape: Focus = "gaussian",
) -> Spot:
    """The image of a particle much smaller than the focus, every emitted photon collected, steady at every position."""
    reach = 1.6 * wavelength_nm / numerical_aperture
    r = np.linspace(0.0, reach, _POINTS)
    irradiance = peak_W_per_cm2 * focus_profile(r, wavelength_nm, numerical_aperture, shape)
    log_emission = np.asarray(response.at(np.log(np.maximum(irradiance, 1e-30))))
    emission = np.exp(log_emission - log_emission.max())
    outermost = np.flatnonzero(emission >= 0.5)[-1]
    if outermost + 1 >= r.size:
        return Spot(r, emission, float("inf"), float(emission[0]))
    a, b = emission[outermost], emission[outermost + 1]
    half = r[outermost] + (a - 0.5) / (a - b) * (r[1] - r[0])
    return Spot(r, emission, 2.0 * float(half), float(emission[0]))


def diffraction_estimate_nm(wavelength_nm: float, numerical_aperture: float, nonlinearity: float) -> float:
    """lambda / (2 NA sqrt(S)), the estimate in use for a response of constant exponent S (Lee et al. 2021)."""
    return wavelength_nm / (2.0 * numerical_aperture * np.sqrt(nonlinearity))


def resolved_distance_nm(image: Spot) -> float:
    """Smallest distance of two equal particles whose summed image dips by `DIP` between them; infinite where none."""
    r, profile = image.distance_nm, image.emission
    distances = np.linspace(0.0, 2.0 * r[-1], 2001)[1:]
    line = np.linspace(0.0, 1.0, 401)
    for distance in distances:
        x = line * distance
        total = np.interp(x, r, profile) + np.interp(distance - x, r, profile)
        middle = total[200]
        if middle <= (1.0 - DIP) * total.max():
            return float(distance)
    return float("inf")
