"""From layers, ions and a parameter set to the rate network of a particle.

`ParticleModel` holds everything that depends only on which ions may sit in which layer (its signature): levels, cells,
process lists. `ParticleModel.build` is a pure function of numbers (radii, compositions, parameters, wavelength,
temperature) and differentiable in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.network import RateNetwork
from padesign.kinetics.processes import PairProcesses, list_processes
from padesign.parameters import load_parameter_set
from padesign.particle.cells import cell_volumes_nm3, layer_of_cell, mixed_density, split_layers
from padesign.particle.kernel import cell_mean_kernel_per_nm3
from padesign.particle.surface import surface_kernel_nm4
from padesign.spectroscopy.ion import IonRates, Values, ion_rates
from padesign.spectroscopy.line_shape import line_shape_cm, sideband_slope_cm
from padesign.spectroscopy.pair_constant import pair_constant_nm6_per_s
from padesign.spectroscopy.tables import IonTable, load_ion
from padesign.spectroscopy.transfer_law import transfer_factor
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

    `C6_nm6_per_s[pair]` (n,) in the first host and `factor[pair]` (n, donor cells, acceptor cells) belong to the lists
    in `ParticleModel.processes`, keyed "donor>acceptor". `density_nm3[ion]` (cells,), `kernel_per_nm3` (cells, cells).
    """

    multiphonon_per_s: tuple[Array, ...]
    surface_per_s: tuple[Array, ...]
    C6_nm6_per_s: dict[str, Array]
    factor: dict[str, Array]
    density_nm3: dict[str, Array]
    kernel_per_nm3: Array


class _Pair(NamedTuple):
    C6: Array
    factor: Array


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
        self.cells_of = {ion: np.flatnonzero(presence[self.cell_layer, s]) for s, ion in enumerate(signature.ions)}
        with jax.ensure_compile_time_eval():
            known = [
                ({ion: ion_rates(table, one.values, 1000.0, 295.0) for ion, table in self.tables.items()}, one.values)
                for one in sets
            ]
            self.processes: dict[tuple[str, str], PairProcesses] = list_processes(self.tables, known)
        self.surface = {
            ion: [
                (level, _ground_or(table, sets[0].surface_lands_in.get(f"{ion}:{name}")), f"{ion}:{name}")
                for level, name in enumerate(table.level_ids)
                if f"surface.loss.{ion}:{name}_nm4_per_s" in sets[0].entries and signature.surface_loss
            ]
            for ion, table in self.tables.items()
        }

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
        slot_of_layer = np.asarray(self.signature.host_slots)
        slot = slot_of_layer[self.cell_layer]
        outer_layer = jnp.cumsum(geometry.thickness_nm)
        inner, outer = split_layers(geometry.thickness_nm, self.signature.cells_per_layer)
        volume = cell_volumes_nm3(inner, outer)

        def by_layer(name: str) -> Array:
            return jnp.stack([jnp.asarray(hosts[k][name], dtype=float) for k in slot_of_layer])

        sites = by_layer("host.cation_density_nm3")
        density = mixed_density(
            geometry.fraction * sites[:, None], outer_layer, inner, outer, geometry.interface_mixing_nm
        )
        r_min = jnp.mean(by_layer("host.nearest_distance_nm"))
        kernel = cell_mean_kernel_per_nm3(inner, outer, r_min)
        rates = {
            ion: [ion_rates(table, values, conditions.wavelength_nm, conditions.temperature_K) for values in hosts]
            for ion, table in self.tables.items()
        }
        volume_layer = cell_volumes_nm3(outer_layer - geometry.thickness_nm, outer_layer)
        densities = {
            ion: _conserved(density[cells, s], volume[cells], volume_layer @ (geometry.fraction[:, s] * sites))
            for s, (ion, cells) in enumerate(self.cells_of.items())
        }
        slots = {ion: slot[cells] for ion, cells in self.cells_of.items()}

        factors, C6 = self._pairs(rates, hosts, densities, slots, r_min, conditions)
        transfer = self._transfer(factors, densities, kernel)

        closest = jnp.mean(by_layer("surface.closest_approach_nm"))
        reach = surface_kernel_nm4(inner, outer, outer_layer[-1], closest)
        dark, pump, radiative, surface, multiphonon = [], [], [], [], []
        for ion, table in self.tables.items():
            cells = self.cells_of[ion]
            spread = {
                name: jnp.stack([getattr(r, name) for r in rates[ion]])[slots[ion]]
                for name in ("radiative_per_s", "multiphonon_per_s", "pump")
            }
            levels = len(table.level_ids)
            lost = jnp.zeros((len(cells), levels, levels))
            if self.surface[ion]:
                for level, lands, name in self.surface[ion]:
                    strength = jnp.stack([jnp.asarray(v[f"surface.loss.{name}_nm4_per_s"], dtype=float) for v in hosts])
                    lost = lost.at[:, lands, level].add(strength[slots[ion]] * reach[cells])
            surface.append(lost)
            radiative.append(spread["radiative_per_s"])
            multiphonon.append(spread["multiphonon_per_s"])
            dark.append(spread["radiative_per_s"] + spread["multiphonon_per_s"] + lost)
            pump.append(spread["pump"])
        light = EmittingNetwork(
            RateNetwork(tuple(dark), tuple(pump), tuple(transfer), self.labels),
            tuple(radiative),
            tuple(volume[self.cells_of[ion]] * densities[ion] for ion in self.tables),
            tuple(r[0].energies_cm1 for r in rates.values()),
            tuple((ion, table.level_ids) for ion, table in self.tables.items()),
        )
        rates_listed = ProcessRates(
            tuple(multiphonon),
            tuple(surface),
            {f"{d}>{a}": value for (d, a), value in C6.items()},
            {f"{d}>{a}": pair.factor for (d, a), pair in factors.items()},
            densities,
            kernel,
        )
        return light, rates_listed

    def _pairs(
        self,
        rates: dict[str, list[IonRates]],
        hosts: Sequence[Values],
        densities: dict[str, Array],
        slots: dict[str, np.ndarray],
        r_min: Array,
        conditions: Conditions,
    ) -> tuple[dict[tuple[str, str], _Pair], dict[tuple[str, str], Array]]:
        """Pair constants (n, x, y) and reduction factors (n, x, y) of every process, x donor's cell, y acceptor's."""
        by_slot = self._pair_constants(rates, hosts, conditions)
        hopping = {ion: self._migration_constants(ion, by_slot[(ion, ion)]) for ion in self.tables}
        questions: list[tuple[Array, ...]] = []
        shapes = []
        for (d, a), processes in self.processes.items():
            in_group = np.zeros((len(processes.group_donor), len(processes)))
            in_group[processes.group, np.arange(len(processes))] = ~processes.exchange
            channels = by_slot[(d, a)] @ in_group.T
            x, y = slots[d], slots[a]
            i, j = processes.group_donor, processes.group_acceptor
            decay_d = jnp.stack([r.decay_per_s for r in rates[d]])
            decay_a = jnp.stack([r.decay_per_s for r in rates[a]])
            shape = (len(i), len(x), len(y))
            shapes.append(shape)
            arguments = (
                jnp.transpose(channels[x][:, y], (2, 0, 1)),
                hopping[d][x][:, i].T[:, :, None],
                decay_d[x][:, i].T[:, :, None],
                densities[d][None, :, None],
                densities[a][None, None, :],
                jnp.asarray((j == 0)[:, None, None]),
                decay_a[y][:, j].T[:, None, :],
                hopping[a][y][:, j].T[:, None, :],
            )
            questions.append(tuple(jnp.broadcast_to(argument, shape).ravel() for argument in arguments))
        C, migration, loss, n_d, n_a, ground, loss_a, migration_a = map(jnp.concatenate, zip(*questions, strict=True))
        # One call for every pair of ions: the law is the longest expression of the network and compiles once.
        answer = transfer_factor(
            C,
            migration,
            loss,
            n_d,
            n_a,
            r_min,
            acceptor_is_ground=ground,
            acceptor_loss_per_s=loss_a,
            acceptor_migration_C6=migration_a,
        )
        ends = np.cumsum([np.prod(shape) for shape in shapes])[:-1]
        pieces = jnp.split(answer, ends)
        own = {key: piece.reshape(shape) for key, piece, shape in zip(self.processes, pieces, shapes, strict=True)}
        result = {}
        for (d, a), processes in self.processes.items():
            forward = own[(d, a)][processes.group]
            swapped = self.processes[(a, d)]
            backward = jnp.swapaxes(own[(a, d)][swapped.group[processes.reverse]], 1, 2)
            factor = jnp.where(processes.exothermic[:, None, None], forward, backward)
            if processes.exchange.any():
                mean = 0.5 * (densities[d][:, None] + densities[a][None, :])
                apart = self.cells_of[d][:, None] != self.cells_of[a][None, :]
                hop = jnp.where(apart, _migration_factor(mean, r_min), 0.0)
                factor = jnp.where(processes.exchange[:, None, None], hop, factor)
            x, y = slots[d], slots[a]
            result[(d, a)] = _Pair(jnp.transpose(by_slot[(d, a)][x][:, y], (2, 0, 1)), factor)
        return result, {key: value[0, 0] for key, value in by_slot.items()}

    def _pair_constants(
        self, rates: dict[str, list[IonRates]], hosts: Sequence[Values], conditions: Conditions
    ) -> dict[tuple[str, str], Array]:
        """C6 (donor slots, acceptor slots, n) of the processes of every ordered pair of ions, nm^6 s^-1."""
        slots = range(len(hosts))
        rows = [[self._constants_between(rates, hosts, p, q, conditions) for q in slots] for p in slots]
        everything = jnp.stack([jnp.stack(row) for row in rows])
        ends = np.cumsum([len(processes) for processes in self.processes.values()])[:-1]
        return dict(zip(self.processes, jnp.split(everything, ends, axis=2), strict=True))

    def _constants_between(
        self, rates: dict[str, list[IonRates]], hosts: Sequence[Values], p: int, q: int, conditions: Conditions
    ) -> Array:
        """C6 (all processes,) with every donor in host slot `p` and every acceptor in host slot `q`."""

        def mean(name: str) -> Array:
            return 0.5 * (jnp.asarray(hosts[p][name], dtype=float) + jnp.asarray(hosts[q][name], dtype=float))

        slopes = sideband_slope_cm(
            jnp.stack([mean(f"transfer.slope_{kind}_cm") for kind in ("cross_relaxation", "upconversion")]),
            mean("host.phonon_energy_cm1"),
            conditions.temperature_K,
            mean("host.reference_temperature_K"),
        )
        columns = []
        for processes in self.processes.values():
            donor, acceptor = rates[processes.donor][p], rates[processes.acceptor][q]
            i, i2 = processes.donor_from, processes.donor_to
            j, j2 = processes.acceptor_from, processes.acceptor_to
            given = donor.energies_cm1[i] - donor.energies_cm1[i2]
            taken = acceptor.energies_cm1[j2] - acceptor.energies_cm1[j]
            width = jnp.sqrt(donor.width_cm1**2 + acceptor.width_cm1**2)
            columns.append(
                (
                    donor.line_strength_cm2[i, i2],
                    acceptor.line_strength_cm2[j, j2],
                    given - taken,
                    jnp.broadcast_to(width, i.shape),
                    jnp.asarray(self.tables[processes.donor].two_J[i], dtype=float),
                    jnp.asarray(self.tables[processes.acceptor].two_J[j], dtype=float),
                )
            )
        S_d, S_a, surplus, width, two_J_d, two_J_a = map(jnp.concatenate, zip(*columns, strict=True))
        upconversion = np.concatenate([processes.upconversion for processes in self.processes.values()])
        overlap = line_shape_cm(surplus, width, slopes[upconversion.astype(int)], conditions.temperature_K)
        indices = hosts[p]["host.refractive_index"], hosts[q]["host.refractive_index"]
        return mean("transfer.scale") * pair_constant_nm6_per_s(S_d, S_a, overlap, two_J_d, two_J_a, *indices)

    def _migration_constants(self, ion: str, C6: Array) -> Array:
        """C6 of i,0 -> 0,i for every level, (slots, levels); 0 where the list has none."""
        processes = self.processes[(ion, ion)]
        own = np.flatnonzero(processes.exchange & (processes.acceptor_from == 0))
        diagonal = C6[np.arange(C6.shape[0]), np.arange(C6.shape[0])]
        levels = len(self.tables[ion].level_ids)
        return jnp.zeros((C6.shape[0], levels)).at[:, processes.donor_from[own]].set(diagonal[:, own])

    def _transfer(self, pairs: dict[tuple[str, str], _Pair], densities: dict[str, Array], kernel: Array) -> list[Array]:
        """transfer[s] (cells, to, from, n_unknowns) of every species, donors and acceptors."""
        size = {ion: len(table.level_ids) for ion, table in self.tables.items()}
        blocks = {
            (x, y): jnp.zeros((size[x], size[x], size[y], len(self.cells_of[x]), len(self.cells_of[y])))
            for x in size
            for y in size
        }
        for (d, a), processes in self.processes.items():
            strength = pairs[(d, a)].C6 * pairs[(d, a)].factor
            between = kernel[np.ix_(self.cells_of[d], self.cells_of[a])]
            back = kernel[np.ix_(self.cells_of[a], self.cells_of[d])]
            donors = strength * between * densities[a][None, None, :]
            acceptors = jnp.swapaxes(strength, 1, 2) * back * densities[d][None, None, :]
            blocks[(d, a)] = (
                blocks[(d, a)].at[processes.donor_to, processes.donor_from, processes.acceptor_from].add(donors)
            )
            blocks[(a, d)] = (
                blocks[(a, d)].at[processes.acceptor_to, processes.acceptor_from, processes.donor_from].add(acceptors)
            )
        result = []
        for x in size:
            columns = []
            for y in size:
                block = jnp.transpose(blocks[(x, y)], (3, 0, 1, 4, 2))
                columns.append(block.reshape(*block.shape[:3], -1))
            result.append(jnp.concatenate(columns, axis=-1))
        return result


def _migration_factor(density_nm3: Array, nearest_distance_nm: Array) -> Array:
    """Reduction of the kernel for migration: a nearest neighbour at the mean distance instead of at r_min.

    The cube root of 4 pi n r_min^3 / 3, at most 1: it gives the diffusion constant 3.4 C6 n^(4/3) of hopping among ions
    at random sites.
    """
    filled = 4.0 * np.pi / 3.0 * density_nm3 * nearest_distance_nm**3 + 1e-12
    return jnp.cbrt(filled) / (1.0 + filled**4) ** (1.0 / 12.0)


def _conserved(density: Array, volume: Array, ions: Array) -> Array:
    """Densities scaled so that the cells together hold every ion, also those that mixed into a layer without cells."""
    held = jnp.sum(density * volume)
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
