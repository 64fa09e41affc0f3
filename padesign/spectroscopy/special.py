"""Special functions that JAX lacks, written so that nothing cancels and no gradient is NaN."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import erfc
from jax.typing import ArrayLike

from padesign.constants import BOLTZMANN_cm1_per_K

_SQRT_PI = math.sqrt(math.pi)
_SWITCH = 5.0
_DEPTH = 14


def as_floats(*values: ArrayLike) -> tuple[Array, ...]:
    """The arguments as arrays of the default float type (64 bit in padesign), shapes untouched."""
    return tuple(jnp.asarray(value, dtype=float) for value in values)


def _mills_remainder(x: Array) -> tuple[Array, Array]:
    """t(x) = 1/(sqrt(pi) erfcx(x)) - x with erfcx(x) = exp(x^2) erfc(x), and dt/dx, for x >= 0, any shape.

    Beyond x = 5 Laplace's continued fraction t = (1/2)/(x + s), s = 1/(x + (3/2)/(x + ...)), exact to
    rounding with fourteen levels. dt/dx = 2 t (t + x) - 1 = 2 t (t - s), so that nothing cancels. Source: NIST DLMF,
    https://dlmf.nist.gov/7.9.
    """
    large = x >= _SWITCH
    near, far = jnp.where(large, _SWITCH, x), jnp.where(large, x, _SWITCH)
    tail = far
    for level in range(_DEPTH, 2, -1):
        tail = far + 0.5 * level / tail
    s = 1.0 / tail
    t_far = 0.5 / (far + s)
    whole = 1.0 / (_SQRT_PI * jnp.exp(near**2) * erfc(near))
    t_near = whole - near
    return jnp.where(large, t_far, t_near), 2.0 * jnp.where(large, t_far * (t_far - s), t_near * whole - 0.5)


@jax.custom_jvp
def hopping_gain(x: Array) -> Array:
    """G(x) = erfcx(x) / (1 - sqrt(pi) x erfcx(x)) for x >= 0: 1 at x = 0, 2 x / sqrt(pi) for large x.

    With q = sqrt(pi) x erfcx(x) this is [q/(1-q)] / (sqrt(pi) x), and G = 1/(sqrt(pi) t) with t from the continued
    fraction, so the difference 1 - q is never formed where it cancels. Any shape; relative error below 1e-11.
    """
    return 1.0 / (_SQRT_PI * _mills_remainder(x)[0])


@hopping_gain.defjvp
def _hopping_gain_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    t, slope = _mills_remainder(primals[0])
    return 1.0 / (_SQRT_PI * t), -slope / (_SQRT_PI * t**2) * tangents[0]


def log_one_plus_occupation(phonon_energy_cm1: ArrayLike, temperature_K: ArrayLike) -> Array:
    """ln(1 + n) with the Bose occupation n = 1/(exp(hw/kT) - 1) of a phonon of `phonon_energy_cm1`; any shape."""
    phonon, temperature = as_floats(phonon_energy_cm1, temperature_K)
    return -jnp.log1p(-jnp.exp(-phonon / (BOLTZMANN_cm1_per_K * temperature)))
