"""All rates of ions in one host: radiative and multiphonon decay, absorption and stimulated emission of the pump."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import ArrayLike

from padesign.spectroscopy.line_shape import line_shape_cm, sideband_slope_cm
from padesign.spectroscopy.local_field import LocalField
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
from padesign.spectroscopy.stark import (
    crystal_field_strengths_cm1,
    free_energy_shift_cm1,
    line_width_cm1,
    stark_variance_cm2,
)
from padesign.spectroscopy.tables import IonTable

Values = Mapping[str, Any]
"""Numbers of a parameter set by name, see `padesign.parameters`."""


class IonRates(NamedTuple):
    """Rates of one ion, (levels, levels) arrays are [to, from].

    `energies_cm1` (levels,) above the ground manifold, free energies where a crystal field splits the manifolds;
    `radiative_per_s` spontaneous emission; `multiphonon_per_s` downward to the next manifold and thermally upward;
    `pump` absorption and stimulated emission in s^-1 per W cm^-2, with the leading axes of the wavelengths it was asked
    for; `line_strength_cm2` electric dipole and `width_cm1` standard deviation of every line, both symmetric;
    `decay_per_s` (levels,) irreversible loss.
    """

    energies_cm1: Array
    radiative_per_s: Array
    multiphonon_per_s: Array
    pump: Array
    line_strength_cm2: Array
    width_cm1: Array
    decay_per_s: Array

    def in_field(self, field: LocalField) -> IonRates:
        """The same ion in a small particle: light-matter rates scaled by the local field."""
        shining = self.radiative_per_s.sum(axis=0)
        return self._replace(
            radiative_per_s=field.emission * self.radiative_per_s,
            pump=field.absorption * self.pump,
            decay_per_s=self.decay_per_s + (field.emission - 1.0) * shining,
        )


def ion_rates(table: IonTable, values: Values, wavelength_nm: ArrayLike, temperature_K: ArrayLike) -> IonRates:
    """Every rate of the ion `table` in the host described by `values`; differentiable in all numbers."""
    return rates_of_ions([table], values, wavelength_nm, temperature_K)[0]


def rates_of_ions(
    tables: Sequence[IonTable], values: Values, wavelength_nm: ArrayLike, temperature_K: ArrayLike
) -> list[IonRates]:
    """`ion_rates` of several ions. The lines of all ions are one vector, so that each formula is compiled once."""
    wavelength = jnp.asarray(wavelength_nm, dtype=float)
    triangles = [np.triu_indices(len(table.level_ids), 1) for table in tables]
    lines = [len(low) for low, _ in triangles]
    steps = [len(table.level_ids) - 1 for table in tables]

    def of_lines(columns: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(columns)

    def numbers(names: Sequence[str]) -> Array:
        return jnp.stack([jnp.asarray(values[name], dtype=float) for name in names])

    two_J_low = of_lines([table.two_J[low] for table, (low, _) in zip(tables, triangles, strict=True)])
    two_J_high = of_lines([table.two_J[high] for table, (_, high) in zip(tables, triangles, strict=True)])
    U = of_lines([table.U[low, high] for table, (low, high) in zip(tables, triangles, strict=True)])
    magnetic = of_lines([table.LS2[low, high] for table, (low, high) in zip(tables, triangles, strict=True)])
    ion_of_line = np.repeat(np.arange(len(tables)), lines)
    counts = [len(table.level_ids) for table in tables]
    first, ion_of_level = np.cumsum([0, *counts]), np.repeat(np.arange(len(tables)), counts)
    two_J = np.concatenate([table.two_J for table in tables])
    variance = stark_variance_cm2(
        np.concatenate([table.U_self for table in tables]),
        two_J,
        np.array([table.n_f for table in tables])[ion_of_level],
        crystal_field_strengths_cm1(values),
    )
    reference_K = values["host.reference_temperature_K"]
    energies = numbers([f"{table.symbol}:{level}.energy_cm1" for table in tables for level in table.level_ids])
    energies += free_energy_shift_cm1(variance - variance[first[ion_of_level]], reference_K)
    low_level = of_lines([first[s] + low for s, (low, _) in enumerate(triangles)])
    high_level = of_lines([first[s] + high for s, (_, high) in enumerate(triangles)])
    # A field may bring close levels into the other order; such a pair neither shines nor absorbs.
    gap = jnp.maximum(energies[high_level] - energies[low_level], 0.0)

    index = values["host.refractive_index"]
    phonon = values["host.phonon_energy_cm1"]
    omega = numbers([f"{table.symbol}.omega{k}_cm2" for table in tables for k in (2, 4, 6)]).reshape(-1, 3)
    scale = numbers([f"{table.symbol}.radiative_scale" for table in tables])
    strength = scale[ion_of_line] * line_strength_cm2(omega[ion_of_line], U)
    fwhm = numbers([f"{table.symbol}.line_fwhm_cm1" for table in tables])
    warmth = jnp.asarray(temperature_K) / reference_K
    width = line_width_cm1(fwhm[ion_of_line], variance[low_level], variance[high_level], warmth)

    emission = electric_dipole_rate_per_s(gap, strength, two_J_high, index)
    emission += magnetic_dipole_rate_per_s(gap, magnetic, two_J_high, index)

    lower = np.concatenate([first[s] + np.arange(count) for s, count in enumerate(steps)])
    gap_down = energies[lower + 1] - energies[lower]
    down = multiphonon_rate_per_s(
        gap_down,
        values["multiphonon.rate_W0_per_s"],
        values["multiphonon.alpha_cm"],
        phonon,
        temperature_K,
        reference_K,
        values["multiphonon.stokes_shift_cm1"],
    )
    up = down * upward_ratio(gap_down, two_J[lower + 1], two_J[lower], temperature_K)

    slope = sideband_slope_cm(values["sideband.slope_cm"], phonon, temperature_K, reference_K)
    detuning = wavenumber_cm1(wavelength)[..., None] - gap
    area = electric_dipole_absorption_cm(gap, strength, two_J_low, index)
    area += magnetic_dipole_absorption_cm(gap, magnetic, two_J_low, index)
    # Absorption g(d) and emission g(-d) in one call.
    both_ways = jnp.stack([detuning, -detuning])
    shape = line_shape_cm(both_ways, width, slope, temperature_K) / photon_energy_J(wavelength)[..., None]
    absorbed = area * shape[0]
    stimulated = (two_J_low + 1.0) / (two_J_high + 1.0) * area * shape[1]

    result = []
    line_ends, step_ends = np.cumsum([0, *lines]), np.cumsum([0, *steps])
    for s, (table, (low, high)) in enumerate(zip(tables, triangles, strict=True)):
        levels = len(table.level_ids)
        of_ion, of_steps = slice(line_ends[s], line_ends[s + 1]), slice(step_ends[s], step_ends[s + 1])
        k = np.arange(1, levels)
        radiative = _matrix(levels, (low, high, emission[of_ion]))
        multiphonon = _matrix(levels, (k - 1, k, down[of_steps]), (k, k - 1, up[of_steps]))
        pump = _matrix(levels, (high, low, absorbed[..., of_ion]), (low, high, stimulated[..., of_ion]))
        both = _matrix(levels, (low, high, strength[of_ion]), (high, low, strength[of_ion]))
        widths = _matrix(levels, (low, high, width[of_ion]), (high, low, width[of_ion]))
        decay = radiative.sum(axis=0) + jnp.concatenate([jnp.zeros(1), down[of_steps]])
        levels_here = slice(first[s], first[s + 1])
        result.append(IonRates(energies[levels_here], radiative, multiphonon, pump, both, widths, decay))
    return result


def _matrix(levels: int, *parts: tuple[np.ndarray, np.ndarray, ArrayLike]) -> Array:
    """(..., levels, levels) from rows, columns and what stands there (..., places); 0 elsewhere.

    Every element looks up its number, because writing the numbers to their places would be a loop over them.
    """
    rows, columns = (np.concatenate([part[axis] for part in parts]) for axis in (0, 1))
    numbers = jnp.concatenate([jnp.asarray(part[2]) for part in parts], axis=-1)
    index = np.full((levels, levels), len(rows))
    index[rows, columns] = np.arange(len(rows))
    return jnp.pad(numbers, (*[(0, 0)] * (numbers.ndim - 1), (0, 1)))[..., index]
