"""How far a crystal field spreads the Stark levels of a manifold, and what that does to levels and lines.

The model has manifolds, not Stark levels. A field that splits a manifold widens every line that starts or ends in it,
each by its own amount, and lowers its free energy; both follow from the second moment of the splitting alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from padesign.constants import BOLTZMANN_cm1_per_K
from padesign.parameters.keys import CRYSTAL_FIELD_KEYS
from padesign.spectroscopy.line_shape import FWHM_PER_STANDARD_DEVIATION
from padesign.spectroscopy.special import as_floats

C_TENSOR_SQUARED = np.array([28.0 / 15.0, 14.0 / 11.0, 700.0 / 429.0])
"""<3||C(k)||3>^2 of one f electron, k = 2, 4, 6: 49 times the square of the 3j symbol (3 k 3; 0 0 0)."""
REFERENCE_ELECTRONS = 12
"""The strengths of a set are those that Tm3+ sees."""
FALL_PER_ELECTRON = np.array([0.0, 0.037, 0.065])
"""-d ln S_k / d(number of 4f electrons): straight lines through the strengths of ten ions in LiYF4 (J. Cheng et al., J.
Rare Earths 34, 1048 (2016)) and of eight in LaF3 (W. T. Carnall et al., ANL-88-8 (1988)), both hosts with one slope.
They are 0.005 +- 0.008, 0.037 +- 0.005 and 0.065 +- 0.003; single ions are 11, 6 and 4 % off the lines."""


def crystal_field_strengths_cm1(values: Mapping[str, Any]) -> Array:
    """The strengths S_2, S_4, S_6 (3,) of a host, 0 where its set states none."""
    return jnp.stack([jnp.asarray(values.get(key, 0.0), dtype=float) for key in CRYSTAL_FIELD_KEYS])


def stark_variance_cm2(U_self: np.ndarray, two_J: np.ndarray, electrons: np.ndarray, strength_cm1: ArrayLike) -> Array:
    """Second moment (L,) [cm^-2] of the Stark levels of every manifold about their mean.

    sigma^2 = sum_k S_k^2 <J||C(k)||J>^2 / (2J+1) with S_k^2 = sum_q |B_kq|^2 / (2k+1), B_kq in Wybourne's convention:
    R. P. Leavitt, J. Chem. Phys. 77, 1661 (1982). It is exact for the field inside a manifold, whatever its symmetry;
    what other manifolds mix in is left out. `U_self` (L, 3) squared elements of a level with itself, `two_J` and
    `electrons` (L,), `strength_cm1` (3,) of `REFERENCE_ELECTRONS`.
    """
    (strength,) = as_floats(strength_cm1)
    trend = np.exp(-2.0 * FALL_PER_ELECTRON * (electrons[:, None] - REFERENCE_ELECTRONS))
    return jnp.asarray(U_self * C_TENSOR_SQUARED * trend / (two_J[:, None] + 1.0)) @ strength**2


def free_energy_shift_cm1(variance_cm2: ArrayLike, reference_temperature_K: ArrayLike) -> Array:
    """What the splitting adds to the energy of a manifold [cm^-1]: -sigma^2/(2kT).

    The free energy of a manifold, -kT ln of the mean of its Boltzmann factors, to second order in 1/kT. Populations of
    manifolds and the relation of absorption and emission (D. E. McCumber, Phys. Rev. 136, A954 (1964),
    https://doi.org/10.1103/PhysRev.136.A954) go by it. With it a band absorbs at the difference of the mean energies
    plus sigma^2/(kT) of the manifold in which it begins, as the Boltzmann mean over its Stark levels does, and emits at
    that difference less sigma^2/(kT) of the other one. With sigma^2 proportional to T, the law of all widths, the shift
    is the same at every temperature. Arguments broadcast.
    """
    variance, temperature = as_floats(variance_cm2, reference_temperature_K)
    return -variance / (2.0 * BOLTZMANN_cm1_per_K * temperature)


def line_width_cm1(
    fwhm_cm1: ArrayLike, lower_variance_cm2: ArrayLike, upper_variance_cm2: ArrayLike, warmth: ArrayLike
) -> Array:
    """Standard deviation of a line [cm^-1]: what phonons and disorder leave, and the splitting of both manifolds.

    `fwhm_cm1` and the variances hold at the reference temperature, `warmth` is the temperature over it. s^2 grows as kT
    (linear electron-phonon coupling above the phonon energies), so that the shift s^2/(2kT) between absorption and
    emission is a constant of the transition and sidebands fall on cooling. Arguments broadcast.
    """
    fwhm, lower, upper, ratio = as_floats(fwhm_cm1, lower_variance_cm2, upper_variance_cm2, warmth)
    own = fwhm / FWHM_PER_STANDARD_DEVIATION
    return jnp.sqrt(own**2 + lower + upper) * jnp.sqrt(ratio)
