"""Multiphonon relaxation between neighbouring manifolds: the energy-gap law and its temperature dependence."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from padesign.constants import BOLTZMANN_cm1_per_K
from padesign.spectroscopy.special import as_floats, log_one_plus_occupation


def multiphonon_rate_per_s(
    gap_cm1: ArrayLike,
    rate_W0_per_s: ArrayLike,
    alpha_cm: ArrayLike,
    phonon_energy_cm1: ArrayLike,
    temperature_K: ArrayLike,
    reference_temperature_K: ArrayLike,
    stokes_shift_cm1: ArrayLike = 0.0,
) -> Array:
    """Downward rate W0 exp(-alpha (max(gap - stokes, 0) - 2 hw)) [(1+n)/(1+n_ref)]^(gap/hw) [1/s].

    The modified energy-gap law of J. M. F. van Dijk and M. F. H. Schuurmans, J. Chem. Phys. 78, 5317 (1983),
    https://doi.org/10.1063/1.445485: W0 is the rate at a gap of two phonons at the reference temperature. The
    temperature factor is that of L. A. Riseberg and H. W. Moos, https://doi.org/10.1103/PhysRev.174.429, with
    p = gap/hw phonons. `stokes_shift_cm1` (0 by default) is what some programs take off the gap. Arguments broadcast.
    """
    gap, rate, alpha, phonon, temperature, reference, stokes = as_floats(
        gap_cm1, rate_W0_per_s, alpha_cm, phonon_energy_cm1, temperature_K, reference_temperature_K, stokes_shift_cm1
    )
    gain = log_one_plus_occupation(phonon, temperature) - log_one_plus_occupation(phonon, reference)
    return rate * jnp.exp(-alpha * (jnp.maximum(gap - stokes, 0.0) - 2.0 * phonon) + gain * gap / phonon)


def upward_ratio(gap_cm1: ArrayLike, two_J_upper: ArrayLike, two_J_lower: ArrayLike, temperature_K: ArrayLike) -> Array:
    """Upward over downward rate, (g_u/g_l) exp(-gap/kT) with g = 2J+1: detailed balance. Arguments broadcast."""
    gap, upper, lower, temperature = as_floats(gap_cm1, two_J_upper, two_J_lower, temperature_K)
    return (upper + 1.0) / (lower + 1.0) * jnp.exp(-gap / (BOLTZMANN_cm1_per_K * temperature))
