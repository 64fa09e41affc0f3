"""Energy transfer between the ions of a particle: pair constants, reduction factors and the rates they add up to.

An event is one process between one cell of donors and one cell of acceptors. All events of all pairs of ions are one
vector, so that every formula is compiled once however many ions, layers and hosts there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from padesign.kinetics.processes import Processes
from padesign.spectroscopy.ion import IonRates
from padesign.spectroscopy.line_shape import line_shape_cm, sideband_slope_cm
from padesign.spectroscopy.pair_constant import pair_constant_nm6_per_s
from padesign.spectroscopy.tables import IonTable
from padesign.spectroscopy.transfer_law import transfer_factor
from padesign.types import Scalar


class Crowd(NamedTuple):
    """Where the ions are: `density_nm3` (cells, ions), `kernel_per_nm3` (cells, cells), the nearest distance.

    `crossing` (cells, cells) is what is left of the kernel for hops from cell to cell, see `migration_crossing`.
    """

    density_nm3: Float[Array, "cells ions"]
    kernel_per_nm3: Float[Array, "cells cells"]
    nearest_distance_nm: Scalar
    crossing: Float[Array, "cells cells"]


class TransferRates(NamedTuple):
    """`rates[s]` (cells, to, from, n_unknowns) of every ion in s^-1, what `RateNetwork` calls transfer.

    `C6_nm6_per_s` (hosts, hosts, processes), donor's host first; `factor` (events,) the reduction by random sites.
    """

    rates: list[Array]
    C6_nm6_per_s: Float[Array, "hosts hosts processes"]
    factor: Float[Array, " events"]


class Transfer:
    """The static part: index arrays (events,) `process`, `donor_cell`, `acceptor_cell` and where each event adds up.

    Processes at the positions `without` have no events, but count in the reduction factor of the others.
    """

    def __init__(
        self,
        tables: Sequence[IonTable],
        processes: Processes,
        cells_of: Sequence[np.ndarray],
        slot_of_cell: np.ndarray,
        n_slots: int,
        without: Sequence[int] = (),
    ) -> None:
        self.processes = processes
        self._present = np.ones(len(processes))
        self._present[list(without)] = 0.0
        self._two_J = [table.two_J for table in tables]
        self._levels = np.array([len(table.level_ids) for table in tables])
        self._first = np.cumsum([0, *self._levels])
        self._n_slots, self._n_cells = n_slots, len(slot_of_cell)
        self._cell_counts = np.array([len(cells) for cells in cells_of])
        everywhere = np.zeros((len(tables), max(1, self._n_cells)), dtype=int)
        for s, cells in enumerate(cells_of):
            everywhere[s, : len(cells)] = cells
        p = processes

        self.process, x, y, _ = self._between_cells(p.donor, p.acceptor)
        d, a = p.donor[self.process], p.acceptor[self.process]
        self.donor_cell, self.acceptor_cell = everywhere[d, x], everywhere[a, y]
        slots = slot_of_cell[self.donor_cell] * n_slots + slot_of_cell[self.acceptor_cell]
        # There may be millions of events, and every index array becomes a constant of the compiled program.
        self._at_C6 = (slots * len(p) + self.process).astype(np.int32)
        self._at_kernel = (self.donor_cell * self._n_cells + self.acceptor_cell).astype(np.int32)
        self._at_kernel_back = (self.acceptor_cell * self._n_cells + self.donor_cell).astype(np.int32)
        self._at_donors = (self.donor_cell * len(tables) + d).astype(np.int32)
        self._at_acceptors = (self.acceptor_cell * len(tables) + a).astype(np.int32)
        self._hops = np.flatnonzero(p.exchange[self.process])
        self._targets, self._sizes = self._places(x, y, d, a)

        # The law is asked once for each group of processes and pair of cells, in the exothermic direction.
        _, example = np.unique(p.group, return_index=True)
        group, gx, gy, starts = self._between_cells(p.donor[example], p.acceptor[example])
        backward = p.group[p.reverse[self.process]]
        forward = starts[p.group[self.process]] + x * self._cell_counts[a] + y
        swapped = starts[backward] + y * self._cell_counts[d] + x
        needed, asked = np.unique(np.where(p.exothermic[self.process], forward, swapped), return_inverse=True)
        self._asked = asked.astype(np.int32)
        group, gx, gy = group[needed], gx[needed], gy[needed]
        asking = example[group]
        self._group, self._ask_donor, self._ask_acceptor = group, p.donor[asking], p.acceptor[asking]
        self._ask_donor_level, self._ask_acceptor_level = p.donor_from[asking], p.acceptor_from[asking]
        self._ask_x, self._ask_y = everywhere[self._ask_donor, gx], everywhere[self._ask_acceptor, gy]
        self._ask_slot_x, self._ask_slot_y = slot_of_cell[self._ask_x], slot_of_cell[self._ask_y]

    def _between_cells(self, donor: np.ndarray, acceptor: np.ndarray) -> tuple[np.ndarray, ...]:
        """One entry per row and pair of cells: row, position among the donor's and the acceptor's cells; row starts."""
        counts = self._cell_counts[donor] * self._cell_counts[acceptor]
        starts = np.cumsum(counts) - counts
        row = np.repeat(np.arange(len(donor)), counts)
        within = np.arange(len(row)) - starts[row]
        across = self._cell_counts[acceptor][row]
        return row, within // across, within % across, starts

    def _places(self, x: np.ndarray, y: np.ndarray, d: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where an event adds to the donor's and to the acceptor's rates, all ions' arrays laid end to end; sizes."""
        p, n, levels = self.processes, self.process, self._levels
        unknowns = self._cell_counts * levels
        start = np.cumsum(unknowns) - unknowns
        total = int(unknowns.sum())
        sizes = self._cell_counts * levels**2 * total
        base = np.cumsum(sizes) - sizes
        sees_acceptor = start[a] + y * levels[a] + p.acceptor_from[n]
        sees_donor = start[d] + x * levels[d] + p.donor_from[n]
        at_donor = ((x * levels[d] + p.donor_to[n]) * levels[d] + p.donor_from[n]) * total + sees_acceptor
        at_acceptor = ((y * levels[a] + p.acceptor_to[n]) * levels[a] + p.acceptor_from[n]) * total + sees_donor
        return np.concatenate([base[d] + at_donor, base[a] + at_acceptor]).astype(np.int32), sizes

    def rates(
        self, ions: Sequence[IonRates], values: Mapping[str, Array], temperature_K: Scalar, crowd: Crowd
    ) -> TransferRates:
        """Rates of every event; `ions` and `values` carry a leading axis of hosts (slots)."""
        C6 = self._pair_constants(ions, values, temperature_K)
        factor = self._factors(ions, C6, crowd)
        strength = (C6 * self._present).reshape(-1)[self._at_C6] * factor
        density, kernel = crowd.density_nm3.reshape(-1), crowd.kernel_per_nm3.reshape(-1)
        donors = strength * kernel[self._at_kernel] * density[self._at_acceptors]
        acceptors = strength * kernel[self._at_kernel_back] * density[self._at_donors]
        total = int((self._cell_counts * self._levels).sum())
        flat = jnp.zeros(int(self._sizes.sum())).at[self._targets].add(jnp.concatenate([donors, acceptors]))
        pieces = jnp.split(flat, np.cumsum(self._sizes)[:-1])
        shapes = zip(self._cell_counts, self._levels, strict=True)
        rates = [p.reshape(cells, levels, levels, total) for p, (cells, levels) in zip(pieces, shapes, strict=True)]
        return TransferRates(rates, C6, factor)

    def _pair_constants(self, ions: Sequence[IonRates], values: Mapping[str, Array], temperature_K: Scalar) -> Array:
        """C6 (donor's host, acceptor's host, process), nm^6 s^-1; host numbers of a pair are means of the two."""
        p, first = self.processes, self._first

        def mean(name: str) -> Array:
            return 0.5 * (values[name][:, None] + values[name][None, :])

        slopes = sideband_slope_cm(
            jnp.stack([mean(f"transfer.slope_{kind}_cm") for kind in ("cross_relaxation", "upconversion")], axis=-1),
            mean("host.phonon_energy_cm1")[..., None],
            temperature_K,
            mean("host.reference_temperature_K")[..., None],
        )
        squares = np.cumsum([0, *self._levels**2])
        energy = jnp.concatenate([one.energies_cm1 for one in ions], axis=1)
        strength = jnp.concatenate([one.line_strength_cm2.reshape(self._n_slots, -1) for one in ions], axis=1)
        width = jnp.stack([one.width_cm1 for one in ions], axis=1)
        two_J = np.concatenate(self._two_J)
        d, a = p.donor, p.acceptor
        given = energy[:, first[d] + p.donor_from] - energy[:, first[d] + p.donor_to]
        taken = energy[:, first[a] + p.acceptor_to] - energy[:, first[a] + p.acceptor_from]
        S_donor = strength[:, squares[d] + p.donor_from * self._levels[d] + p.donor_to]
        S_acceptor = strength[:, squares[a] + p.acceptor_from * self._levels[a] + p.acceptor_to]
        overlap = line_shape_cm(
            given[:, None] - taken[None, :],
            jnp.sqrt(width[:, None, d] ** 2 + width[None, :, a] ** 2),
            slopes[:, :, p.upconversion.astype(int)],
            temperature_K,
        )
        index = values["host.refractive_index"]
        return mean("transfer.scale")[..., None] * pair_constant_nm6_per_s(
            S_donor[:, None],
            S_acceptor[None, :],
            overlap,
            two_J[first[d] + p.donor_from].astype(float),
            two_J[first[a] + p.acceptor_from].astype(float),
            index[:, None, None],
            index[None, :, None],
        )

    def _factors(self, ions: Sequence[IonRates], C6: Array, crowd: Crowd) -> Array:
        """Reduction factor of every event: the law of random sites, and hopping to a neighbour for exchange."""
        p, slots = self.processes, self._n_slots
        additive, own = np.flatnonzero(~p.exchange), np.flatnonzero(p.exchange & (p.acceptor_from == 0))
        channels = jnp.zeros((slots, slots, p.n_groups)).at[:, :, p.group[additive]].add(C6[:, :, additive])
        same_host = C6[np.arange(slots), np.arange(slots)]
        hopping = jnp.zeros((slots, self._first[-1]))
        hopping = hopping.at[:, self._first[p.donor[own]] + p.donor_from[own]].set(same_host[:, own])
        decay = jnp.concatenate([one.decay_per_s for one in ions], axis=1)
        x, y, slot_x, slot_y = self._ask_x, self._ask_y, self._ask_slot_x, self._ask_slot_y
        level_d = self._first[self._ask_donor] + self._ask_donor_level
        level_a = self._first[self._ask_acceptor] + self._ask_acceptor_level
        answer = transfer_factor(
            channels[slot_x, slot_y, self._group],
            hopping[slot_x, level_d],
            decay[slot_x, level_d],
            crowd.density_nm3[x, self._ask_donor],
            crowd.density_nm3[y, self._ask_acceptor],
            crowd.nearest_distance_nm,
            acceptor_is_ground=self._ask_acceptor_level == 0,
            acceptor_loss_per_s=decay[slot_y, level_a],
            acceptor_migration_C6=hopping[slot_y, level_a],
        )
        factor = answer[self._asked]
        x, y, ion = self.donor_cell[self._hops], self.acceptor_cell[self._hops], p.donor[self.process[self._hops]]
        mean = 0.5 * (crowd.density_nm3[x, ion] + crowd.density_nm3[y, ion])
        return factor.at[self._hops].set(_hopping_factor(mean, crowd.nearest_distance_nm) * crowd.crossing[x, y])


def _hopping_factor(density_nm3: Array, nearest_distance_nm: Scalar) -> Array:
    """Reduction of the kernel for migration: a nearest neighbour at the mean distance instead of at r_min.

    The cube root of 4 pi n r_min^3 / 3, at most 1: it gives the diffusion constant 3.4 C6 n^(4/3) of hopping among ions
    at random sites.
    """
    filled = 4.0 * np.pi / 3.0 * density_nm3 * nearest_distance_nm**3 + 1e-12
    return jnp.cbrt(filled) / (1.0 + filled**4) ** (1.0 / 12.0)
