"""The local field of a sphere much smaller than the wavelength: how a particle's rates differ from its bulk host's."""

from __future__ import annotations

from typing import NamedTuple

from jax import Array
from jax.typing import ArrayLike

from padesign.spectroscopy.special import as_floats


class LocalField(NamedTuple):
    """Factors on the rates of the bulk host: `emission` on A, `absorption` on sigma (with the irradiance outside)."""

    emission: Array
    absorption: Array


def local_field_of_sphere(index: ArrayLike, medium_index: ArrayLike) -> LocalField:
    """A (n_m/n_p) L^2 and sigma (n_p/n_m) L^2 with L = 3 n_m^2/(n_p^2 + 2 n_m^2), the field in a small sphere.

    `index` n_p of the particle and `medium_index` n_m broadcast. The field is that of electrostatics (J. D. Jackson,
    Classical Electrodynamics, section 4.4); the density of states is that of the medium. Magnetic-dipole lines, a few
    percent of most strengths, are treated as electric ones. Both factors are 1 where the indices are equal.
    """
    particle, medium = as_floats(index, medium_index)
    inside = (3.0 * medium**2 / (particle**2 + 2.0 * medium**2)) ** 2
    return LocalField(medium / particle * inside, particle / medium * inside)
