"""The emission spectrum of a particle with the model's own line shapes."""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from padesign.kinetics.light import EmittingNetwork
from padesign.spectroscopy.ion import Values
from padesign.spectroscopy.line_shape import line_shape_cm, sideband_slope_cm
from padesign.spectroscopy.stark import crystal_field_strengths_cm1, line_width_cm1, stark_variance_cm2
from padesign.spectroscopy.tables import load_ion
from padesign.types import LogPopulations, ScalarLike


def spectrum_per_nm(
    light: EmittingNetwork,
    u: LogPopulations,
    values: Values,
    ions: Sequence[str],
    temperature_K: ScalarLike,
    wavelengths_nm: Float[np.ndarray, " wavelengths"],
) -> Float[Array, " wavelengths"]:
    """Photons per second and nanometre at each wavelength, all radiative transitions of all ions together.

    Every transition has the shape g(-d) of its emission, width and sideband as in the rates (see
    `padesign.spectroscopy.line_shape`), with the numbers of the first host; `ions` are those that shine, in the order
    of the network.
    """
    energy = 1e7 / jnp.asarray(wavelengths_nm)
    slope = sideband_slope_cm(
        values["sideband.slope_cm"],
        values["host.phonon_energy_cm1"],
        temperature_K,
        values["host.reference_temperature_K"],
    )
    warmth = jnp.asarray(temperature_K) / values["host.reference_temperature_K"]
    field = crystal_field_strengths_cm1(values)
    total = jnp.zeros_like(energy)
    blocks = light.network.split(jnp.exp(u))
    for ion, (_, ids), radiative, count, levels, block in zip(
        ions, light.levels, light.radiative_per_s, light.ions_in_cell, light.energies_cm1, blocks, strict=False
    ):
        variance = _variance_cm2(ion, ids, field)
        lower, upper = np.triu_indices(block.shape[1], 1)
        width = line_width_cm1(values[f"{ion}.line_fwhm_cm1"], variance[lower], variance[upper], warmth)
        photons = jnp.einsum("c,clu,cu->lu", count, radiative, block)[lower, upper]
        gap = levels[upper] - levels[lower]
        shape = line_shape_cm(gap[:, None] - energy, width[:, None], slope, temperature_K)
        total += photons @ jnp.where(gap[:, None] > 0.0, shape, 0.0)
    return total * 1e7 / jnp.asarray(wavelengths_nm) ** 2


def _variance_cm2(ion: str, level_ids: Sequence[str], strength_cm1: Float[Array, "3"]) -> Float[Array, " levels"]:
    """Splitting of the levels of one ion; levels of a hand-written model, which have names of their own, have none."""
    table = load_ion(ion)
    known = [level in table.level_ids for level in level_ids]
    place = [table.level_ids.index(level) if here else 0 for level, here in zip(level_ids, known, strict=True)]
    electrons = np.full(len(place), table.n_f)
    return jnp.asarray(known) * stark_variance_cm2(table.U_self[place], table.two_J[place], electrons, strength_cm1)
