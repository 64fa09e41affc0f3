"""The line shape of one transition: a Gaussian of zero-phonon lines with an exponential phonon sideband on each side.

One closed form serves absorption g(d), emission g(-d) and spectral overlap, so detailed balance holds by construction.
"""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import erf
from jax.typing import ArrayLike

from padesign.constants import BOLTZMANN_cm1_per_K
from padesign.spectroscopy.special import as_floats, log_one_plus_occupation

FWHM_PER_STANDARD_DEVIATION = 2.0 * math.sqrt(2.0 * math.log(2.0))
SLOPE_BEND = 0.10
"""Fraction of the reference slope below which the temperature law bends towards the floor."""
SLOPE_FLOOR = 0.05
"""Fraction of the reference slope that the slope never falls below."""


def sideband_slope_cm(
    slope_ref_cm: ArrayLike,
    phonon_energy_cm1: ArrayLike,
    temperature_K: ArrayLike,
    reference_temperature_K: ArrayLike,
) -> Array:
    """Decay constant a(T) [cm] of the sideband of created phonons: a - ln[(1+n)/(1+n_ref)]/hw.

    A sideband of p = d/hw created phonons grows as (1+n)^p, the multiphonon temperature law (L. A. Riseberg and
    H. W. Moos, Phys. Rev. 174, 429 (1968), https://doi.org/10.1103/PhysRev.174.429), which is a change of slope.
    Where the law would fall below a tenth of the reference slope it bends, with continuous slope, towards a twentieth
    of it, so a(T) is positive at every temperature and exact above the bend. Arguments broadcast.
    """
    reference, phonon, temperature, reference_temperature = as_floats(
        slope_ref_cm, phonon_energy_cm1, temperature_K, reference_temperature_K
    )
    gain = log_one_plus_occupation(phonon, temperature) - log_one_plus_occupation(phonon, reference_temperature)
    slope = reference - gain / phonon
    bend, floor = SLOPE_BEND * reference, SLOPE_FLOOR * reference
    below = jnp.minimum(slope - bend, 0.0)
    return jnp.maximum(slope, bend) + (bend - floor) * jnp.expm1(below / (bend - floor))


def log_line_shape(
    detuning_cm1: ArrayLike, width_cm1: ArrayLike, slope_cm: ArrayLike, temperature_K: ArrayLike
) -> Array:
    """Natural logarithm of `line_shape_cm` (g in cm), finite where g itself would underflow. Arguments broadcast."""
    detuning, width, slope, temperature = as_floats(detuning_cm1, width_cm1, slope_cm, temperature_K)
    inverse_kT = 1.0 / (BOLTZMANN_cm1_per_K * temperature)
    absorbing = slope + inverse_kT
    z = detuning / width - 0.5 * width * inverse_kT
    upper, lower = slope * width, absorbing * width
    centre = jnp.maximum(jnp.minimum(z, upper), -lower)
    shape = -0.5 * centre**2 - upper * jnp.maximum(z - upper, 0.0) - lower * jnp.maximum(-lower - z, 0.0)
    gaussian = math.sqrt(math.pi / 2.0) * (erf(upper / math.sqrt(2.0)) + erf(lower / math.sqrt(2.0)))
    tails = jnp.exp(-0.5 * upper**2) / upper + jnp.exp(-0.5 * lower**2) / lower
    return shape - jnp.log(width * (gaussian + tails))


def line_shape_cm(
    detuning_cm1: ArrayLike, width_cm1: ArrayLike, slope_cm: ArrayLike, temperature_K: ArrayLike
) -> Array:
    """Line shape g(d) [cm] of unit area at d = photon - transition energy [cm^-1].

    `width_cm1` is the standard deviation s (> 0), `slope_cm` the decay constant a of the created-phonon sideband. A
    Gaussian centred at s^2/(2kT) runs between the points where its logarithmic slope equals a (high side) and
    a + 1/kT (low side); straight exponentials continue it there, so g and dg/dd are continuous in every argument.
    Absorption is g(d), emission g(-d), and g(-d) = g(d) exp(-d/kT) exactly (D. E. McCumber, Phys. Rev. 136, A954
    (1964), https://doi.org/10.1103/PhysRev.136.A954). The exponential sideband is Auzel's (F. Auzel, Phys. Rev. B 13,
    2809 (1976), https://doi.org/10.1103/PhysRevB.13.2809). Arguments broadcast.
    """
    return jnp.exp(log_line_shape(detuning_cm1, width_cm1, slope_cm, temperature_K))
