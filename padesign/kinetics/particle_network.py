"""From layers, ions and a parameter set to the rate network of a particle.

`ParticleModel` holds everything that depends only on which ions may sit in which layer (its signature): levels, cells,
process lists. `ParticleModel.build` is a pure function of numbers (radii, compositions, parameters, wavelength,
temperature) and differentiable in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.network import RateNetwork
from padesign.kinetics.processes import list_processes
from padesign.kinetics.transfer import Crowd, Transfer
from padesign.parameters import load_parameter_set
from padesign.parameters.keys import GLOBAL_KEYS, ION_KEYS, energy_key, surface_key
from padesign.particle.cells import cell_volumes_nm3, layer_of_cell, mixed_density, split_layers
from padesign.particle.kernel import cell_mean_kernel_per_nm3
from padesign.particle.surface import surface_kernel_nm4
from padesign.spectroscopy.ion import IonRates, Values, rates_of_ions
from padesign.spectroscopy.tables import IonTable, load_ion
from padesign.types import Scalar


@dataclass(frozen=True)
class Signature:
    """What is compiled once: everything that is not a number.

    `ions`: kinds of ion. `presence`: per layer, one flag per ion (an ion that may be there; its fraction may be 0).
    `cells_per_layer`: 0 for a layer without active ions. `host_slots`: per layer, the position of its host in the tuple
    of parameter sets given to `build`. `nominal_sets`: names of every set that may stand there, for the process lists.
    """

    ions: tuple[str, ...]
    presence: tuple[tuple[bool, ...], ...]
    cells_per_layer: tuple[int, ...]
    host_slots: tuple[int, ...]
    nominal_sets: tuple[str, ...]
    max_level_cm1: float
    surface_loss: bool = True


class Geometry(eqx.Module):
    """Numbers of a particle: `thickness_nm` (layers,), `fraction` (layers, ions) of cation sites, interface width."""

    thickness_nm: Float[Array, " layers"]
    fraction: Float[Array, "layers ions"]
    interface_mixing_nm: Scalar


class Conditions(eqx.Module):
    """Excitation wavelength and lattice temperature."""

    wavelength_nm: Scalar
    temperature_K: Scalar


class ProcessRates(eqx.Module):
    """What the network was made of, for listing; (cells, levels, levels) arrays are [to, from] in s^-1.

    `C6_nm6_per_s` (processes,) in the first host belongs to `ParticleModel.processes`, `factor` (events,) to
    `ParticleModel.transfer`. `density_nm3` (cells, ions), `kernel_per_nm3` (cells, cells).
    """

    multiphonon_per_s: tuple[Array, ...]
    surface_per_s: tuple[Array, ...]
    C6_nm6_per_s: Array
    factor: Array
    density_nm3: Array
    kernel_per_nm3: Array


class ParticleModel:
    """Static part of a particle's network; make it with `particle_model`, which keeps one per signature."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        sets = [load_parameter_set(name) for name in signature.nominal_sets]
        nominal: Values = sets[0].values
        self.tables: dict[str, IonTable] = {
            ion: _up_to(load_ion(ion), signature.max_level_cm1, nominal) for ion in signature.ions
        }
        self.cell_layer = np.asarray(layer_of_cell(signature.cells_per_layer), dtype=int)
        presence = np.asarray(signature.presence, dtype=bool).reshape(len(signature.cells_per_layer), -1)
        self._may_hold = presence[self.cell_layer]
        self.cells_of = {ion: np.flatnonzero(self._may_hold[:, s]) for s, ion in enumerate(signature.ions)}
        self._slot_of_layer = np.asarray(signature.host_slots)
        slot = self._slot_of_layer[self.cell_layer]
        self._slots = {ion: slot[cells] for ion, cells in self.cells_of.items()}
        tables = list(self.tables.values())
        with jax.ensure_compile_time_eval():
            known = [(rates_of_ions(tables, one.values, 1000.0, 295.0), one.values) for one in sets]
            self.processes = list_processes(tables, known)
        self._n_slots = max(signature.host_slots) + 1
        self.transfer = Transfer(tables, self.processes, list(self.cells_of.values()), slot, self._n_slots)
        self.surface = {
            ion: [
                (level, _ground_or(table, sets[0].surface_lands_in.get(f"{ion}:{name}")), name)
                for level, name in enumerate(table.level_ids)
                if surface_key(ion, name) in sets[0].entries and signature.surface_loss
            ]
            for ion, table in self.tables.items()
        }
        self._names = [
            *GLOBAL_KEYS,
            *(f"{ion}.{key}" for ion in self.tables for key in ION_KEYS),
            *(energy_key(ion, level) for ion, table in self.tables.items() for level in table.level_ids),
            *(surface_key(ion, level) for ion, lost in self.surface.items() for _, _, level in lost),
        ]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Name of every unknown: species, level, cell."""
        return tuple(
            f"{ion}:{level}@{cell}"
            for ion, table in self.tables.items()
            for cell in self.cells_of[ion]
            for level in table.level_ids
        )

    def build(
        self, geometry: Geometry, hosts: Sequence[Values], conditions: Conditions
    ) -> tuple[EmittingNetwork, ProcessRates]:
        """The network of one particle and its parts; `hosts` holds one mapping of parameter values per host slot."""
        values = self._stacked(hosts)
        outer_layer = jnp.cumsum(geometry.thickness_nm)
        inner, outer = split_layers(geometry.thickness_nm, self.signature.cells_per_layer)
        volume = cell_volumes_nm3(inner, outer)
        volume_of_layer = cell_volumes_nm3(outer_layer - geometry.thickness_nm, outer_layer)
        nominal = geometry.fraction * values["host.cation_density_nm3"][self._slot_of_layer][:, None]
        density = mixed_density(nominal, outer_layer, inner, outer, geometry.interface_mixing_nm)
        density = _conserved(jnp.where(self._may_hold, density, 0.0), volume, volume_of_layer @ nominal)
        r_min = jnp.mean(values["host.nearest_distance_nm"][self._slot_of_layer])
        crowd = Crowd(density, cell_mean_kernel_per_nm3(inner, outer, r_min), r_min)

        def in_host(one: Values) -> list[IonRates]:
            tables = list(self.tables.values())
            return rates_of_ions(tables, one, conditions.wavelength_nm, conditions.temperature_K)

        rates = jax.vmap(in_host)(values)
        transfer = self.transfer.rates(rates, values, conditions.temperature_K, crowd)
        closest = jnp.mean(values["surface.closest_approach_nm"][self._slot_of_layer])
        reach = surface_kernel_nm4(inner, outer, outer_layer[-1], closest)
        dark, pump, radiative, surface, multiphonon = [], [], [], [], []
        for ion, one in zip(self.tables, rates, strict=True):
            slots, cells = self._slots[ion], self.cells_of[ion]
            lost = jnp.zeros((len(cells), *one.pump.shape[1:]))
            if self.surface[ion]:
                levels, lands, names = zip(*self.surface[ion], strict=True)
                strength = jnp.stack([values[surface_key(ion, name)] for name in names], axis=1)
                lost = lost.at[:, np.array(lands), np.array(levels)].set(strength[slots] * reach[cells, None])
            surface.append(lost)
            radiative.append(one.radiative_per_s[slots])
            multiphonon.append(one.multiphonon_per_s[slots])
            dark.append(radiative[-1] + multiphonon[-1] + lost)
            pump.append(one.pump[slots])
        light = EmittingNetwork(
            RateNetwork(tuple(dark), tuple(pump), tuple(transfer.rates), self.labels),
            tuple(radiative),
            tuple(volume[cells] * density[cells, s] for s, cells in enumerate(self.cells_of.values())),
            tuple(one.energies_cm1[0] for one in rates),
            tuple((ion, table.level_ids) for ion, table in self.tables.items()),
        )
        first_host = transfer.C6_nm6_per_s[0, 0]
        parts = (tuple(multiphonon), tuple(surface), first_host, transfer.factor, density, crowd.kernel_per_nm3)
        return light, ProcessRates(*parts)

    def _stacked(self, hosts: Sequence[Values]) -> dict[str, Array]:
        """The numbers that this model uses, (host slots,) each."""
        hosts = hosts[: self._n_slots]
        return {name: jnp.stack([jnp.asarray(host[name], dtype=float) for host in hosts]) for name in self._names}


def _conserved(density: Array, volume: Array, ions: Array) -> Array:
    """Densities scaled so that the cells together hold every ion, also those that mixed into a layer without cells."""
    held = volume @ density
    return density * jnp.where(held > 0.0, ions / jnp.where(held > 0.0, held, 1.0), 1.0)


@lru_cache(maxsize=64)
def particle_model(signature: Signature) -> ParticleModel:
    """The model of a signature; made once."""
    return ParticleModel(signature)


def _up_to(table: IonTable, max_level_cm1: float, nominal: Values) -> IonTable:
    """The levels that the parameter set knows and that lie at or below an energy; always the ground and one more."""
    keys = [f"{table.symbol}:{level}.energy_cm1" for level in table.level_ids]
    keep = [k for k, key in enumerate(keys) if key in nominal and (float(nominal[key]) <= max_level_cm1 or k < 2)]
    return replace(
        table,
        level_ids=tuple(table.level_ids[k] for k in keep),
        two_J=table.two_J[keep],
        energy_cm1=table.energy_cm1[keep],
        U=table.U[np.ix_(keep, keep)],
        LS2=table.LS2[np.ix_(keep, keep)],
    )


def _ground_or(table: IonTable, level: str | None) -> int:
    return table.level_ids.index(level) if level in table.level_ids else 0
