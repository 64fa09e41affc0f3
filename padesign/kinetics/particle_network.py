"""From layers, ions and a parameter set to the rate network of a particle.

`ParticleModel` holds everything that depends only on which ions may sit in which layer (its signature): levels, cells,
process lists. `ParticleModel.build` is a pure function of numbers (radii, compositions, parameters, wavelength,
temperature) and differentiable in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from padesign.arrays import pick
from padesign.errors import InputError
from padesign.kinetics.acceptors import with_saturable_acceptors
from padesign.kinetics.defects import defect_loss_per_s
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.network import RateNetwork
from padesign.kinetics.processes import list_processes
from padesign.kinetics.transfer import Crowd, Transfer
from padesign.parameters import load_parameter_set
from padesign.parameters.keys import CRYSTAL_FIELD_KEYS, GLOBAL_KEYS, ION_KEYS, energy_key, surface_key
from padesign.parameters.ligands import ligand_factor
from padesign.particle.cells import cell_volumes_nm3, layer_of_cell, mixed_density, split_layers
from padesign.particle.kernel import cell_mean_kernel_per_nm3, transfer_over_diffusion
from padesign.particle.surface import surface_kernel_nm4
from padesign.particle.surroundings import Surroundings
from padesign.programs import value_now
from padesign.spectroscopy.ion import IonRates, Values, rates_of_ions
from padesign.spectroscopy.local_field import local_field_of_sphere
from padesign.spectroscopy.tables import INERT_IONS, IonTable, load_ion
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
    levels: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The only levels that an ion shall have beside its ground level, where the user picks them."""
    without: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    """Computed processes of two ions that are left out, (levels before, levels after)."""

    def program_key(self) -> tuple[str, ...]:
        """What the names of the sets stand for: digests of their files."""
        return tuple(load_parameter_set(name).digest for name in self.nominal_sets)


class Geometry(eqx.Module):
    """Numbers of a particle: `thickness_nm` (layers,), `fraction` (layers, ions) of cation sites, interface width."""

    thickness_nm: Float[Array, " layers"]
    fraction: Float[Array, "layers ions"]
    interface_mixing_nm: Scalar


class Conditions(eqx.Module):
    """Wavelength of the swept laser, temperature, beams that stay on, and what lies outside the particle."""

    wavelength_nm: Scalar
    temperature_K: Scalar
    beams_nm: Float[Array, " beams"] = eqx.field(default_factory=lambda: jnp.zeros(0))
    beams_W_per_cm2: Float[Array, " beams"] = eqx.field(default_factory=lambda: jnp.zeros(0))
    surroundings: Surroundings = eqx.field(static=True, default=Surroundings())
    thermal_resistance_K_per_W: Scalar | None = None
    """Between particle and surroundings; without it the particle stays at `temperature_K`."""

    def warmed(self, temperature_K: Scalar) -> Conditions:
        """The same at another temperature."""
        return eqx.tree_at(lambda one: one.temperature_K, self, temperature_K)


class Placed(eqx.Module):
    """Where the ions of a particle are: cells (cells,) with their ions, and how far each lies from the surface.

    `surface_kernel_nm4` times the strength of a sheet of quenchers is the mean loss rate over a cell.
    """

    crowd: Crowd
    volume_nm3: Float[Array, " cells"]
    surface_kernel_nm4: Float[Array, " cells"]
    outer_radius_nm: Scalar


class ProcessRates(eqx.Module):
    """What the network was made of, for listing; (cells, levels, levels) arrays are [to, from] in s^-1.

    `C6_nm6_per_s` (processes,) in the first host, `factor` and `kernel_per_nm3` (processes, cells, cells), donor's cell
    first, belong to `ParticleModel.processes`. `density_nm3` (cells, ions). `steady_light_per_s` (cells, beams, levels,
    levels): absorption and stimulated emission of every beam that stays on.
    """

    multiphonon_per_s: tuple[Array, ...]
    surface_per_s: tuple[Array, ...]
    defect_per_s: tuple[Array, ...]
    C6_nm6_per_s: Array
    factor: Array
    density_nm3: Array
    kernel_per_nm3: Array
    steady_light_per_s: tuple[Array, ...]


class _Quenchable(NamedTuple):
    """A level that quenchers empty: which ion, its number, where it ends, the name of its constant."""

    species: int
    level: int
    lands: int
    key: str


class ParticleModel:
    """Static part of a particle's network; make it with `particle_model`, which keeps one per signature."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        sets = [load_parameter_set(name) for name in signature.nominal_sets]
        nominal: Values = sets[0].values
        self.tables: dict[str, IonTable] = {
            ion: _chosen(load_ion(ion), signature.max_level_cm1, nominal, dict(signature.levels).get(ion))
            for ion in signature.ions
            if ion not in INERT_IONS
        }
        self.left_out = {
            ion: tuple(level for level in load_ion(ion).level_ids if level not in table.level_ids)
            for ion, table in self.tables.items()
        }
        """Levels of each ion that this model does not have, from low to high."""
        self._columns = np.array([k for k, ion in enumerate(signature.ions) if ion not in INERT_IONS])
        self.cell_layer = np.asarray(layer_of_cell(signature.cells_per_layer), dtype=int)
        presence = np.asarray(signature.presence, dtype=bool).reshape(len(signature.cells_per_layer), -1)
        self._may_hold = presence[self.cell_layer][:, self._columns]
        self.cells_of = {ion: np.flatnonzero(self._may_hold[:, s]) for s, ion in enumerate(self.tables)}
        self._slot_of_layer = np.asarray(signature.host_slots)
        slot = self._slot_of_layer[self.cell_layer]
        self._slots = {ion: slot[cells] for ion, cells in self.cells_of.items()}
        tables = list(self.tables.values())
        names = [
            *GLOBAL_KEYS,
            *CRYSTAL_FIELD_KEYS,
            *(key for ion, table in self.tables.items() for key in _ion_keys(ion, table)),
        ]

        def nominal_rates(numbers: Sequence[dict[str, float]]) -> list[list[IonRates]]:
            return [rates_of_ions(tables, values, 1000.0, 295.0) for values in numbers]

        nominal_rates_of_sets = value_now(nominal_rates, [_numbers(one.values, names) for one in sets])
        known = [(rates, one.values) for rates, one in zip(nominal_rates_of_sets, sets, strict=True)]
        self.processes = list_processes(tables, known)
        self._n_slots = max(signature.host_slots) + 1
        cells = list(self.cells_of.values())
        left = [position for pair in signature.without for position in self._positions(pair)]
        self.transfer = Transfer(tables, self.processes, cells, slot, self._n_slots, left)
        self.surface = {
            ion: [
                (level, _ground_or(table, sets[0].surface_lands_in.get(f"{ion}:{name}")), name)
                for level, name in enumerate(table.level_ids)
                if surface_key(ion, name) in sets[0].entries
            ]
            for ion, table in self.tables.items()
        }
        """Levels that quenchers empty, at the surface or inside: number, where it ends, name."""
        self._quenchable = [
            _Quenchable(s, level, lands, surface_key(ion, name))
            for s, (ion, lost) in enumerate(self.surface.items())
            for level, lands, name in lost
        ]
        self._names = [
            *names,
            *(one.key for one in self._quenchable),
        ]

    def _positions(self, pair: tuple[tuple[str, ...], tuple[str, ...]]) -> list[int]:
        """Where the process stands in the list, in either order of its ions; raises `InputError` where it does not."""
        ions = list(self.tables)

        def step(start: str, end: str) -> tuple[int, int, int]:
            ion, level = start.split(":", 1)
            if ion not in ions:
                raise InputError(f"a process of {ion} is replaced, but the particle holds no {ion}")
            return ions.index(ion), self.tables[ion].index(level), self.tables[ion].index(end.split(":", 1)[1])

        first, second = (step(start, end) for start, end in zip(*pair, strict=True))
        found = [*self.processes.find(first, second), *self.processes.find(second, first)]
        if not found:
            text = " -> ".join(" + ".join(side) for side in pair)
            raise InputError(
                f"there is no computed process `{text}` to replace",
                cure="write it in `add_processes`",
                path=("particle", "replace_processes"),
            )
        return list(dict.fromkeys(int(position) for position in found))

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
        return self.light(self.place(geometry, hosts), hosts, conditions)

    def place(self, geometry: Geometry, hosts: Sequence[Values]) -> Placed:
        """Where the ions of one particle are; arguments as for `build`."""
        values = self._stacked(hosts)
        outer_layer = jnp.cumsum(geometry.thickness_nm)
        inner, outer = split_layers(geometry.thickness_nm, self.signature.cells_per_layer)
        volume = cell_volumes_nm3(inner, outer)
        volume_of_layer = cell_volumes_nm3(outer_layer - geometry.thickness_nm, outer_layer)
        fraction = pick(geometry.fraction, self._columns, axis=1)
        nominal = fraction * values["host.cation_density_nm3"][self._slot_of_layer][:, None]
        density = mixed_density(nominal, outer_layer, inner, outer, geometry.interface_mixing_nm)
        density = jnp.where(self._may_hold, jnp.maximum(density, 0.0), 0.0)  # rounding leaves -1e-12 in far tails
        density = _conserved(density, volume, volume_of_layer @ nominal)
        ions = volume_of_layer * nominal.sum(axis=1)
        total = jnp.sum(ions)
        share = jnp.where(total > 0.0, ions / jnp.where(total > 0.0, total, 1.0), 1.0 / len(self._slot_of_layer))

        def of_ions(name: str) -> Array:
            """One number for the whole particle: the mean over its ions."""
            return share @ values[name][self._slot_of_layer]

        r_min, r_mf = of_ions("host.nearest_distance_nm"), of_ions("host.mean_field_distance_nm")
        kernel = cell_mean_kernel_per_nm3(inner, outer, r_min)
        over_diffusion = transfer_over_diffusion(kernel, inner, outer, r_min)
        reach = surface_kernel_nm4(inner, outer, outer_layer[-1], of_ions("surface.closest_approach_nm"))
        crowd = Crowd(density, kernel, r_min, r_mf, over_diffusion, outer - inner)
        return Placed(crowd, volume, reach, outer_layer[-1])

    def light(
        self, placed: Placed, hosts: Sequence[Values], conditions: Conditions
    ) -> tuple[EmittingNetwork, ProcessRates]:
        """The network of ions that are where `place` found them, and its parts; other arguments as for `build`."""
        values, crowd = self._stacked(hosts), placed.crowd
        density = crowd.density_nm3
        outside = conditions.surroundings
        swept_nm = jnp.asarray(conditions.wavelength_nm, dtype=float)
        wavelengths_nm = jnp.concatenate([swept_nm[None], conditions.beams_nm])

        def in_host(one: Values) -> list[IonRates]:
            ions = rates_of_ions(list(self.tables.values()), one, wavelengths_nm, conditions.temperature_K)
            if outside.refractive_index is None:
                return ions
            field = local_field_of_sphere(one["host.refractive_index"], outside.refractive_index)
            return [ion.in_field(field) for ion in ions]

        rates = jax.vmap(in_host)(values)
        transfer = self.transfer.rates(rates, values, conditions.temperature_K, crowd)
        hopping = self.transfer.hopping_C6(transfer.C6_nm6_per_s)
        quenched = self._quenched(values, rates, hopping, placed, outside.ligand)
        dark, pump, radiative, surface, defect, multiphonon, steady_light = [], [], [], [], [], [], []
        for ion, one, (lost, inside) in zip(self.tables, rates, quenched, strict=True):
            slots = self._slots[ion]
            surface.append(lost)
            defect.append(inside)
            radiative.append(one.radiative_per_s[slots])
            multiphonon.append(one.multiphonon_per_s[slots])
            steady_light.append(conditions.beams_W_per_cm2[:, None, None] * one.pump[slots, 1:])
            dark.append(radiative[-1] + multiphonon[-1] + lost + inside + steady_light[-1].sum(axis=1))
            pump.append(one.pump[slots, 0])
        light = EmittingNetwork(
            RateNetwork(tuple(dark), tuple(pump), tuple(transfer.rates), self.labels),
            tuple(radiative),
            tuple(pick(placed.volume_nm3 * density[:, s], cells) for s, cells in enumerate(self.cells_of.values())),
            tuple(one.energies_cm1[0] for one in rates),
            tuple((ion, table.level_ids) for ion, table in self.tables.items()),
        )
        first_host = transfer.C6_nm6_per_s[0, 0]
        if outside.saturable_acceptors is not None:
            count = 4.0 * np.pi * placed.outer_radius_nm**2 * outside.saturable_acceptors.per_nm2
            light = with_saturable_acceptors(light, surface, count, outside.saturable_acceptors.recovery_s)
        parts = (tuple(multiphonon), tuple(surface), tuple(defect), first_host)
        pairs = (transfer.factor, density, transfer.kernel_per_nm3)
        return light, ProcessRates(*parts, *pairs, tuple(steady_light))

    def _quenched(
        self,
        values: Mapping[str, Array],
        rates: Sequence[IonRates],
        hopping_C6: Array,
        placed: Placed,
        ligand: str | None,
    ) -> list[tuple[Array, Array]]:
        """Rates (cells, levels, levels) [to, from] of every ion: to quenchers at the surface, and to those inside.

        Made of all levels that quenchers empty in all cells at once, so that the law is compiled once.
        """
        lossy, cells_of = self._quenchable, self.cells_of.values()
        counts = [len(table.level_ids) for table in self.tables.values()]
        if not lossy:
            nothing = [jnp.zeros((len(cells), n, n)) for cells, n in zip(cells_of, counts, strict=True)]
            return list(zip(nothing, nothing, strict=True))
        ion = np.array([one.species for one in lossy])
        number = np.cumsum([0, *counts])[ion] + np.array([one.level for one in lossy])
        slot, crowd = self._slot_of_layer[self.cell_layer], placed.crowd
        strength = jnp.stack([values[one.key] for one in lossy], axis=1)[slot]
        inside = defect_loss_per_s(
            strength,
            values["surface.quencher_density_nm2"][slot, None],
            values["defect.density_nm3"][slot, None],
            hopping_C6[slot][:, number],
            jnp.concatenate([one.decay_per_s for one in rates], axis=1)[slot][:, number],
            pick(crowd.density_nm3, ion, axis=1),
            crowd.nearest_distance_nm,
            crowd.mean_field_distance_nm,
        )
        reach = placed.surface_kernel_nm4[:, None] if self.signature.surface_loss else 0.0
        both = jnp.stack([strength * self._ligand_factors(ligand) * reach, inside])
        places = [np.zeros((len(lossy), n, n)) for n in counts]
        for k, one in enumerate(lossy):
            places[one.species][k, one.lands, one.level] = 1.0
        quenched = []
        for cells, place in zip(cells_of, places, strict=True):
            at_surface, within = jnp.einsum("qxk,kab->qxab", pick(both, cells, axis=1), place)
            quenched.append((at_surface, within))
        return quenched

    def _ligand_factors(self, ligand: str | None) -> np.ndarray:
        """One factor per level that quenchers empty, from its nominal gap to the level it falls to."""
        if ligand is None:
            return np.ones(len(self._quenchable))
        energies = [table.energy_cm1 for table in self.tables.values()]
        gaps = [energies[one.species][one.level] - energies[one.species][one.lands] for one in self._quenchable]
        return np.array([ligand_factor(gap, ligand) for gap in gaps])

    def _stacked(self, hosts: Sequence[Values]) -> dict[str, Array]:
        """The numbers that this model uses, (host slots,) each."""
        hosts = hosts[: self._n_slots]
        numbers = [_numbers(host, self._names) for host in hosts]
        return {name: jnp.stack([jnp.asarray(one[name], dtype=float) for one in numbers]) for name in self._names}


def _numbers(values: Values, names: Sequence[str]) -> dict[str, Any]:
    """Those of a host by name; a crystal field that it does not state is none."""
    return {name: values.get(name, 0.0) if name in CRYSTAL_FIELD_KEYS else values[name] for name in names}


def _conserved(density: Array, volume: Array, ions: Array) -> Array:
    """Densities scaled so that the cells together hold every ion, also those that mixed into a layer without cells."""
    held = volume @ density
    return density * jnp.where(held > 0.0, ions / jnp.where(held > 0.0, held, 1.0), 1.0)


@lru_cache(maxsize=64)
def particle_model(signature: Signature) -> ParticleModel:
    """The model of a signature; made once."""
    return ParticleModel(signature)


def _chosen(table: IonTable, max_level_cm1: float, nominal: Values, only: Sequence[str] | None) -> IonTable:
    """The levels that the parameter set knows and that lie at or below an energy, or those named; always the ground.

    Without a choice by name at least one excited level stays.
    """
    keys = [energy_key(table.symbol, level) for level in table.level_ids]
    if only is None:
        keep = [k for k, key in enumerate(keys) if key in nominal and (float(nominal[key]) <= max_level_cm1 or k < 2)]
    else:
        keep = [k for k, key in enumerate(keys) if key in nominal and (table.level_ids[k] in only or k == 0)]
    return replace(
        table,
        level_ids=tuple(table.level_ids[k] for k in keep),
        two_J=table.two_J[keep],
        energy_cm1=table.energy_cm1[keep],
        U=table.U[np.ix_(keep, keep)],
        LS2=table.LS2[np.ix_(keep, keep)],
        U_self=table.U_self[keep],
    )


def _ion_keys(ion: str, table: IonTable) -> list[str]:
    """Names of the numbers that the rates of one ion are made of."""
    return [*(f"{ion}.{key}" for key in ION_KEYS), *(energy_key(ion, level) for level in table.level_ids)]


def _ground_or(table: IonTable, level: str | None) -> int:
    return table.level_ids.index(level) if level in table.level_ids else 0
