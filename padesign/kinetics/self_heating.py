"""A particle that its own light warms, from its network at several temperatures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from padesign.constants import JOULE_PER_cm1
from padesign.kinetics.heated import AT_REST, HeatedNetwork, WarmRates, logarithms, places_K
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.particle_network import Conditions, ProcessRates
from padesign.spectroscopy.radiative import photon_energy_J
from padesign.types import Scalar


def with_self_heating(
    at: Callable[[Scalar], tuple[EmittingNetwork, ProcessRates]], conditions: Conditions
) -> EmittingNetwork:
    """The network at the temperature of the surroundings, and beside it the one that warms; `at` builds for a T.

    Raises `ValueError` for conditions without a thermal resistance.
    """
    if conditions.thermal_resistance_K_per_W is None:
        raise ValueError("conditions without a thermal resistance")
    places = places_K(conditions.temperature_K)
    lights, parts = jax.vmap(at)(places)
    light: EmittingNetwork = jax.tree.map(lambda one: one[AT_REST], lights)
    photon_J = photon_energy_J(conditions.beams_nm)
    taken, given = jax.vmap(lambda beams, ions: _steady_W(beams, photon_J, ions, light.network.n_unknowns))(
        parts.steady_light_per_s, lights.ions_in_cell
    )
    heated = HeatedNetwork(
        logarithms(WarmRates(lights.network, taken, given)),
        places,
        conditions.temperature_K,
        conditions.thermal_resistance_K_per_W,
        photon_energy_J(conditions.wavelength_nm),
        light.ions_in_cell,
        _emitted_W(light),
    )
    return dataclasses.replace(light, heated=heated)


def _steady_W(beams_per_s: Sequence[Array], photon_J: Array, ions: Sequence[Array], size: int) -> tuple[Array, Array]:
    """Power taken from the beams that stay on and given to them, by every unknown at population 1; (size,) each."""
    taken, given = [], []
    for rates, held in zip(beams_per_s, ions, strict=False):  # acceptors outside see no light
        up = np.tri(rates.shape[-1], k=-1)
        power = held[:, None, None] * jnp.einsum("b,xbij->xij", photon_J, rates)
        taken.append((power * up).sum(axis=1).ravel())
        given.append((power * (1.0 - up)).sum(axis=1).ravel())
    return _padded(taken, size), _padded(given, size)


def _emitted_W(light: EmittingNetwork) -> Array:
    """Power of the spontaneous emission of every unknown at population 1."""
    emitted = []
    for radiative, ions, energies in zip(light.radiative_per_s, light.ions_in_cell, light.energies_cm1, strict=True):
        known = jnp.nan_to_num(energies)  # acceptors have no energy and do not shine
        gap_J = JOULE_PER_cm1 * (known[None, :] - known[:, None])
        emitted.append((ions[:, None] * (radiative * gap_J).sum(axis=1)).ravel())
    return jnp.concatenate(emitted)


def _padded(blocks: Sequence[Array], size: int) -> Array:
    held = jnp.concatenate(blocks)
    return jnp.pad(held, (0, size - held.size))
