"""Special functions that JAX lacks, written so that nothing cancels and no gradient is NaN."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import erfc
from jax.typing import ArrayLike

from padesign.constants import BOLTZMANN_cm1_per_K

_SQRT_PI = math.sqrt(math.pi)
_SWITCH = 3.0
_DEPTH = 20


def as_floats(*values: ArrayLike) -> tuple[Array, ...]:
    """The arguments as arrays of the default float type (64 bit in padesign), shapes untouched."""
    return tuple(jnp.asarray(value, dtype=float) for value in values)


def _mills_remainder(x: Array) -> Array:
    """t(x) = 1/(sqrt(pi) erfcx(x)) - x for x >= 3, any shape.

    Laplace's continued fraction t = (1/2)/(x + 1/(x + (3/2)/(x + ...))). At x = 3 twenty levels are exact to
    rounding; the error falls as exp(-2 x sqrt(2 depth)). Source: NIST DLMF, https://dlmf.nist.gov/7.9.
    """
    tail = x
    for level in range(_DEPTH, 1, -1):
        tail = x + 0.5 * level / tail
    return 0.5 / tail


def erfcx(x: ArrayLike) -> Array:
    """Scaled complementary error function exp(x^2) erfc(x), any shape; relative error below 1e-12 for x >= -5."""
    (x,) = as_floats(x)
    large = x >= _SWITCH
    near, far = jnp.where(large, _SWITCH, x), jnp.where(large, x, _SWITCH)
    return jnp.where(large, 1.0 / (_SQRT_PI * (far + _mills_remainder(far))), jnp.exp(near**2) * erfc(near))


def hopping_gain(x: ArrayLike) -> Array:
    """G(x) = erfcx(x) / (1 - sqrt(pi) x erfcx(x)) for x >= 0: 1 at x = 0, 2 x / sqrt(pi) for large x.

    With q = sqrt(pi) x erfcx(x) this is [q/(1-q)] / (sqrt(pi) x), and G = 1/(sqrt(pi) t) with t from the continued
    fraction, so the difference 1 - q is never formed where it cancels. Any shape; relative error below 1e-11.
    """
    (x,) = as_floats(x)
    large = x >= _SWITCH
    near, far = jnp.where(large, _SWITCH, x), jnp.where(large, x, _SWITCH)
    scaled = jnp.exp(near**2) * erfc(near)
    return jnp.where(large, 1.0 / (_SQRT_PI * _mills_remainder(far)), scaled / (1.0 - _SQRT_PI * near * scaled))


def log_one_plus_occupation(phonon_energy_cm1: ArrayLike, temperature_K: ArrayLike) -> Array:
    """ln(1 + n) with the Bose occupation n = 1/(exp(hw/kT) - 1) of a phonon of `phonon_energy_cm1`; any shape."""
    phonon, temperature = as_floats(phonon_energy_cm1, temperature_K)
    return -jnp.log1p(-jnp.exp(-phonon / (BOLTZMANN_cm1_per_K * temperature)))
