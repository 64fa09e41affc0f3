"""All rates of one ion in one host: radiative and multiphonon decay, absorption and stimulated emission of the pump."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from padesign.spectroscopy.line_shape import FWHM_PER_STANDARD_DEVIATION, line_shape_cm, sideband_slope_cm
from padesign.spectroscopy.multiphonon import multiphonon_rate_per_s, upward_ratio
from padesign.spectroscopy.radiative import (
    electric_dipole_absorption_cm,
    electric_dipole_rate_per_s,
    line_strength_cm2,
    magnetic_dipole_absorption_cm,
    magnetic_dipole_rate_per_s,
    photon_energy_J,
    wavenumber_cm1,
)
from padesign.spectroscopy.tables import IonTable

Values = Mapping[str, Any]
"""Numbers of a parameter set by name, see `padesign.parameters`."""


class IonRates(NamedTuple):
    """Rates of one ion, (levels, levels) arrays are [to, from].

    `energies_cm1` (levels,); `radiative_per_s` spontaneous emission; `multiphonon_per_s` downward to the next manifold
    and thermally upward; `pump` absorption and stimulated emission in s^-1 per W cm^-2; `line_strength_cm2` electric
    dipole, symmetric; `width_cm1` standard deviation of the lines; `decay_per_s` (levels,) irreversible loss.
    """

    energies_cm1: Array
    radiative_per_s: Array
    multiphonon_per_s: Array
    pump: Array
    line_strength_cm2: Array
    width_cm1: Array
    decay_per_s: Array


def ion_rates(table: IonTable, values: Values, wavelength_nm: ArrayLike, temperature_K: ArrayLike) -> IonRates:
    """Every rate of the ion `table` in the host described by `values`; differentiable in all numbers."""
    ion, levels = table.symbol, len(table.level_ids)
    low, high = np.triu_indices(levels, 1)
    two_J = table.two_J
    energies = jnp.stack([jnp.asarray(values[f"{ion}:{level}.energy_cm1"], dtype=float) for level in table.level_ids])
    gap = energies[high] - energies[low]
    index = values["host.refractive_index"]
    phonon, reference_K = values["host.phonon_energy_cm1"], values["host.reference_temperature_K"]
    omega = jnp.stack([jnp.asarray(values[f"{ion}.omega{k}_cm2"], dtype=float) for k in (2, 4, 6)])
    scale = values[f"{ion}.radiative_scale"]
    strength = scale * line_strength_cm2(omega, table.U[low, high])
    magnetic = table.LS2[low, high]
    # s^2 grows as kT (linear electron-phonon coupling above the phonon energies), so that the shift s^2/(2kT) between
    # absorption and emission is a constant of the transition and sidebands fall on cooling.
    warmth = jnp.asarray(temperature_K) / reference_K
    width = jnp.asarray(values[f"{ion}.line_fwhm_cm1"]) / FWHM_PER_STANDARD_DEVIATION * jnp.sqrt(warmth)

    emission = electric_dipole_rate_per_s(gap, strength, two_J[high], index)
    emission += magnetic_dipole_rate_per_s(gap, magnetic, two_J[high], index)
    radiative = jnp.zeros((levels, levels)).at[low, high].set(emission)

    steps = np.arange(1, levels)
    gap_down = energies[1:] - energies[:-1]
    down = multiphonon_rate_per_s(
        gap_down,
        values["multiphonon.rate_W0_per_s"],
        values["multiphonon.alpha_cm"],
        phonon,
        temperature_K,
        reference_K,
        values["multiphonon.stokes_shift_cm1"],
    )
    up = down * upward_ratio(gap_down, two_J[1:], two_J[:-1], temperature_K)
    multiphonon = jnp.zeros((levels, levels)).at[steps - 1, steps].set(down).at[steps, steps - 1].set(up)

    slope = sideband_slope_cm(values["sideband.slope_cm"], phonon, temperature_K, reference_K)
    detuning = wavenumber_cm1(wavelength_nm) - gap
    area = electric_dipole_absorption_cm(gap, strength, two_J[low], index)
    area += magnetic_dipole_absorption_cm(gap, magnetic, two_J[low], index)
    per_photon = 1.0 / photon_energy_J(wavelength_nm)
    absorbed = area * line_shape_cm(detuning, width, slope, temperature_K) * per_photon
    back = (two_J[low] + 1.0) / (two_J[high] + 1.0)
    stimulated = back * area * line_shape_cm(-detuning, width, slope, temperature_K) * per_photon
    pump = jnp.zeros((levels, levels)).at[high, low].set(absorbed).at[low, high].set(stimulated)

    both = jnp.zeros((levels, levels)).at[low, high].set(strength)
    decay = radiative.sum(axis=0) + jnp.concatenate([jnp.zeros(1), down])
    return IonRates(energies, radiative, multiphonon, pump, both + both.T, width, decay)
