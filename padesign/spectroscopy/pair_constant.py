"""The constant C6 of dipole-dipole energy transfer between two ions: rate = C6 / r^6."""

from __future__ import annotations

import math

from jax import Array
from jax.typing import ArrayLike

from padesign.constants import ELEMENTARY_CHARGE_esu, PLANCK_erg_s, SPEED_OF_LIGHT_cm_per_s, nm6_PER_cm6
from padesign.spectroscopy.special import as_floats

_PREFACTOR = (
    8.0 * math.pi**2 * ELEMENTARY_CHARGE_esu**4 * nm6_PER_cm6 / (3.0 * PLANCK_erg_s**2 * SPEED_OF_LIGHT_cm_per_s)
)


def local_field(refractive_index: ArrayLike) -> Array:
    """chi = (n^2 + 2)^2 / (9 n^2): the Lorentz local field over the screening of the medium, for one of two ions."""
    (n,) = as_floats(refractive_index)
    return (n**2 + 2.0) ** 2 / (9.0 * n**2)


def pair_constant_nm6_per_s(
    donor_strength_cm2: ArrayLike,
    acceptor_strength_cm2: ArrayLike,
    overlap_cm: ArrayLike,
    two_J_donor: ArrayLike,
    two_J_acceptor: ArrayLike,
    donor_index: ArrayLike,
    acceptor_index: ArrayLike,
) -> Array:
    """C6 = 8 pi^2 e^4 chi_d chi_a S_d S_a O / (3 h^2 c g_d g_a) [nm^6/s], g = 2J+1 of the initial levels.

    Strengths S are electric-dipole line strengths [cm^2] of the donor's downward and the acceptor's upward
    transition, the overlap O [cm] is the line shape at the surplus E_d - E_a with both widths added in square. With
    one host chi_d chi_a = chi^2. Source: T. Kushida, J. Phys. Soc. Jpn. 34, 1318 (1973),
    https://doi.org/10.1143/JPSJ.34.1318, in wavenumbers. Arguments broadcast.
    """
    donor, acceptor, overlap, two_J_d, two_J_a = as_floats(
        donor_strength_cm2, acceptor_strength_cm2, overlap_cm, two_J_donor, two_J_acceptor
    )
    field = local_field(donor_index) * local_field(acceptor_index)
    return _PREFACTOR * donor * acceptor * field * overlap / ((two_J_d + 1.0) * (two_J_a + 1.0))
