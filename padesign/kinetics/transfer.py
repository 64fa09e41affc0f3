"""Energy transfer between the ions of a particle: pair constants, reduction factors and the rates they add up to.

Every formula is applied to all processes of all pairs of ions at once, so that it is compiled once however many ions,
layers and hosts there are. The cells of the donors are taken one after the other, because processes times pairs of
cells are millions of numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float

from padesign.arrays import pick
from padesign.kinetics.processes import Processes
from padesign.particle.kernel import crossing_share
from padesign.spectroscopy.ion import IonRates
from padesign.spectroscopy.line_shape import line_shape_cm, sideband_slope_cm
from padesign.spectroscopy.pair_constant import pair_constant_nm6_per_s
from padesign.spectroscopy.tables import IonTable
from padesign.spectroscopy.transfer_law import transfer_factor
from padesign.types import Scalar

_ABSENT = 0.02
"""Ratio of the densities of an ion in two cells below which it counts as absent from the poorer one."""

_NO_IONS = 1e-12


class Crowd(NamedTuple):
    """Where the ions are: `density_nm3` (cells, ions), `kernel_per_nm3` (cells, cells), the nearest distance and that
    of the lattice's mean field.

    `over_diffusion` (cells, cells) is what `transfer_over_diffusion` says, `thickness_nm` (cells,) that of the cells.
    """

    density_nm3: Float[Array, "cells ions"]
    kernel_per_nm3: Float[Array, "cells cells"]
    nearest_distance_nm: Scalar
    mean_field_distance_nm: Scalar
    over_diffusion: Float[Array, "cells cells"]
    thickness_nm: Float[Array, " cells"]


class TransferRates(NamedTuple):
    """`rates[s]` (cells, to, from, n_unknowns) of every ion in s^-1, what `RateNetwork` calls transfer.

    `C6_nm6_per_s` (hosts, hosts, processes), donor's host first; `factor` (processes, cells, cells) the reduction by
    random sites and `kernel_per_nm3` (processes, cells, cells) the kernel of the two cells, donor's cell first.
    """

    rates: list[Array]
    C6_nm6_per_s: Float[Array, "hosts hosts processes"]
    factor: Float[Array, "processes cells cells"]
    kernel_per_nm3: Float[Array, "processes cells cells"]


class Events(NamedTuple):
    """One process between one cell of donors and one cell of acceptors in every entry: three arrays (events,)."""

    process: np.ndarray
    donor_cell: np.ndarray
    acceptor_cell: np.ndarray


class Transfer:
    """The static part: where the numbers of every process stand and where its rates add up.

    `cells_of[s]` are the cells that may hold ion s. Processes at the positions `without` do not happen, but count in
    the reduction factor of the others.
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
        p = self.processes = processes
        self._cells_of, self._slot_of_cell, self._n_slots = cells_of, slot_of_cell, n_slots
        self._present = np.ones(len(p))
        self._present[list(without)] = 0.0
        self._two_J = [table.two_J for table in tables]
        self._levels = levels = np.array([len(table.level_ids) for table in tables])
        self._first = first = np.cumsum([0, *levels])
        self._squares = squares = np.cumsum([0, *levels**2])

        def bins(changes: np.ndarray, before: np.ndarray, after: np.ndarray, seen: np.ndarray) -> np.ndarray:
            """Rows of the ions' rates [to, from, level of the other ion], all laid end to end."""
            return (squares[changes] + after * levels[changes] + before) * first[-1] + seen

        self._at_donor = bins(p.donor, p.donor_from, p.donor_to, first[p.acceptor] + p.acceptor_from)
        self._at_acceptor = bins(p.acceptor, p.acceptor_from, p.acceptor_to, first[p.donor] + p.donor_from)
        # The law is asked once for each group of processes, in the exothermic direction; then come the ions' hops.
        _, self._example = np.unique(p.group, return_index=True)
        law = np.where(p.exothermic, p.group, p.n_groups + p.group[p.reverse])
        self._asked = np.where(p.exchange, 2 * p.n_groups + p.donor, law)
        # One kernel for the hops of each ion, then one for each donor and acceptor.
        ions = len(tables)
        self._kernel_of = np.where(p.exchange, p.donor, ions * (1 + p.donor) + p.acceptor)

    @property
    def n_events(self) -> int:
        """Processes times pairs of cells that may hold their ions."""
        counts = np.array([len(cells) for cells in self._cells_of])
        return int((counts[self.processes.donor] * counts[self.processes.acceptor]).sum())

    def events(self) -> Events:
        """All events, process by process."""
        p, columns = self.processes, []
        for n in range(len(p)):
            x, y = np.meshgrid(self._cells_of[p.donor[n]], self._cells_of[p.acceptor[n]], indexing="ij")
            columns.append(np.stack([np.full(x.size, n), x.ravel(), y.ravel()]))
        return Events(*np.concatenate(columns, axis=1))

    def rates(
        self, ions: Sequence[IonRates], values: Mapping[str, Array], temperature_K: Scalar, crowd: Crowd
    ) -> TransferRates:
        """Rates of every process; `ions` and `values` carry a leading axis of hosts (slots)."""
        C6 = self._pair_constants(ions, values, temperature_K)
        density = crowd.density_nm3.T
        hop = _hopping_factor(0.5 * (density[:, :, None] + density[:, None, :]), crowd.nearest_distance_nm)
        asked = self._factors(ions, C6, crowd, hop)
        slot = self._slot_of_cell
        strengths = (C6 * self._present).transpose(2, 0, 1)
        kernels = self._kernels(crowd, hop)
        every = (len(density), *density.shape)
        donors = jnp.concatenate([density, jnp.broadcast_to(density[:, None], every).reshape(-1, len(slot))])
        acceptors = jnp.concatenate([density, jnp.broadcast_to(density, every).reshape(-1, len(slot))])
        empty = jnp.zeros((self._squares[-1] * self._first[-1], len(slot)))

        def from_cell(_: None, here: tuple[Array, ...]) -> tuple[None, tuple[Array, Array]]:
            """What donors of one cell do (rates, acceptors' cells), and what acceptors of every cell do with them."""
            slot_x, factor, giving, taking = here
            strength = strengths[:, slot_x][:, slot] * factor[self._asked]
            given, taken = strength * pick(giving, self._kernel_of), strength * pick(taking, self._kernel_of)
            return None, (empty.at[self._at_donor].add(given), empty.at[self._at_acceptor].add(taken))

        cells = (
            slot,
            asked.transpose(1, 0, 2),
            (kernels * acceptors[:, None, :]).transpose(1, 0, 2),
            (kernels * donors[:, None, :]).transpose(2, 0, 1),
        )
        _, (given, taken) = jax.lax.scan(jax.checkpoint(from_cell), None, cells)
        rates = self._by_ion(given + taken.transpose(2, 1, 0))
        return TransferRates(rates, C6, asked[self._asked], kernels[self._kernel_of])

    def _kernels(self, crowd: Crowd, hop: Array) -> Array:
        """Kernels (ions + ions^2, cells, cells) [nm^-3]: of hops, and of the processes of every donor and acceptor.

        A transfer over the border of two cells has its partners near the border, where the populations are between
        those of the two cells, while the network has the mean of each cell. Taken at face value such transfers carry
        energy from middle to middle, and thick cells mix too fast. So only `crossing_share` leads to the other cell;
        the rest is counted as events inside the cells, half in each, as many as they were. An ion that only one of the
        cells holds has no such place, and its transfers lead across.

        Hops cross the two halves of their way one after the other, with n^2 h of either cell as conductivity.
        """
        kernel, density = crowd.kernel_per_nm3, crowd.density_nm3.T
        here, there = jnp.broadcast_arrays(density[:, :, None], density[:, None, :])
        squares = here**2 + there**2 + 1e-60
        alike = 2.0 * here * there / squares
        present = (1.0 + _ABSENT) / (alike + _ABSENT)
        kept, weighted = alike * present, 2.0 * there**2 / squares * present  # weighted = kept there / here
        itself = np.eye(len(kernel))
        inward = jnp.where(itself, 0.0, kernel * (1.0 - crossing_share(crowd.over_diffusion)))
        both = jnp.stack([kept, weighted])
        giving, taking = jnp.broadcast_arrays(both[:, :, None], both[:, None])
        inward = jnp.broadcast_to(inward, giving.shape[1:])
        either = inward * (giving[1] * taking[0] + giving[0] * taking[1])
        within = 0.5 * jnp.sum(either, axis=3, keepdims=True)
        pairs = kernel - inward * giving[0] * taking[0] + itself * within
        resistance = crowd.thickness_nm / (density**2 * jnp.sum(itself * hop, axis=2) + _NO_IONS)
        way = crowd.thickness_nm[:, None] + crowd.thickness_nm + _NO_IONS
        slower = here * there * hop * (resistance[:, :, None] + resistance[:, None, :]) / way
        hops = jnp.where(itself, 0.0, kernel * crossing_share(crowd.over_diffusion * slower))
        return jnp.concatenate([hops, pairs.reshape(-1, *kernel.shape)])

    def _by_ion(self, both: Array) -> list[Array]:
        """From (cell, row, cell of the other ion) to the rates of every ion in its own cells."""
        rates = []
        for s, cells in enumerate(self._cells_of):
            n, rows = self._levels[s], slice(self._squares[s] * self._first[-1], self._squares[s + 1] * self._first[-1])
            own = pick(both, cells)[:, rows].reshape(len(cells), n, n, self._first[-1], -1)
            seen = [
                jnp.swapaxes(pick(own[:, :, :, self._first[a] : self._first[a + 1]], others, axis=4), 3, 4)
                for a, others in enumerate(self._cells_of)
            ]
            rates.append(jnp.concatenate([one.reshape(len(cells), n, n, -1) for one in seen], axis=-1))
        return rates

    def _pair_constants(self, ions: Sequence[IonRates], values: Mapping[str, Array], temperature_K: Scalar) -> Array:
        """C6 (donor's host, acceptor's host, process), nm^6 s^-1; host numbers of a pair are means of the two."""
        p, first, squares = self.processes, self._first, self._squares

        def mean(name: str) -> Array:
            return 0.5 * (values[name][:, None] + values[name][None, :])

        slopes = sideband_slope_cm(
            jnp.stack([mean(f"transfer.slope_{kind}_cm") for kind in ("cross_relaxation", "upconversion")], axis=-1),
            mean("host.phonon_energy_cm1")[..., None],
            temperature_K,
            mean("host.reference_temperature_K")[..., None],
        )
        energy = jnp.concatenate([one.energies_cm1 for one in ions], axis=1)
        strength = jnp.concatenate([one.line_strength_cm2.reshape(self._n_slots, -1) for one in ions], axis=1)
        width = jnp.concatenate([one.width_cm1.reshape(self._n_slots, -1) for one in ions], axis=1)
        two_J = np.concatenate(self._two_J)
        d, a = p.donor, p.acceptor
        given = energy[:, first[d] + p.donor_from] - energy[:, first[d] + p.donor_to]
        taken = energy[:, first[a] + p.acceptor_to] - energy[:, first[a] + p.acceptor_from]
        down = squares[d] + p.donor_from * self._levels[d] + p.donor_to
        up = squares[a] + p.acceptor_from * self._levels[a] + p.acceptor_to
        overlap = line_shape_cm(
            given[:, None] - taken[None, :],
            jnp.sqrt(width[:, None, down] ** 2 + width[None, :, up] ** 2),
            slopes[:, :, p.upconversion.astype(int)],
            temperature_K,
        )
        index = values["host.refractive_index"]
        return mean("transfer.scale")[..., None] * pair_constant_nm6_per_s(
            strength[:, None, down],
            strength[None, :, up],
            overlap,
            two_J[first[d] + p.donor_from].astype(float),
            two_J[first[a] + p.acceptor_from].astype(float),
            index[:, None, None],
            index[None, :, None],
        )

    def hopping_C6(self, C6_nm6_per_s: Array) -> Array:
        """Constant i,0 -> 0,i of every level (hosts, levels of all ions) [nm^6/s], of the ions of one host."""
        p, slots = self.processes, np.arange(self._n_slots)
        own = np.flatnonzero(p.exchange & (p.acceptor_from == 0))
        number = np.full(self._first[-1], len(own))
        number[self._first[p.donor[own]] + p.donor_from[own]] = np.arange(len(own))
        return jnp.pad(C6_nm6_per_s[slots, slots][:, own], ((0, 0), (0, 1)))[:, number]

    def _factors(self, ions: Sequence[IonRates], C6: Array, crowd: Crowd, hop: Array) -> Array:
        """Reduction factors (2 groups + ions, donor's cell, acceptor's cell), the rows that `_asked` points to.

        First the law of random sites for every group, then the same with donor's and acceptor's cell exchanged, then
        hopping to a neighbour for the exchange of every ion.
        """
        p, slots, first = self.processes, self._n_slots, self._first
        additive = np.flatnonzero(~p.exchange)
        channels = jnp.zeros((slots, slots, p.n_groups)).at[:, :, p.group[additive]].add(C6[:, :, additive])
        hopping = self.hopping_C6(C6)
        decay = jnp.concatenate([one.decay_per_s for one in ions], axis=1)
        d, a = p.donor[self._example], p.acceptor[self._example]
        level_d, level_a = first[d] + p.donor_from[self._example], first[a] + p.acceptor_from[self._example]
        x = self._slot_of_cell
        density = crowd.density_nm3.T
        law = transfer_factor(
            channels[x][:, x].transpose(2, 0, 1),
            hopping.T[level_d][:, x, None],
            decay.T[level_d][:, x, None],
            pick(density, d)[:, :, None],
            pick(density, a)[:, None, :],
            crowd.nearest_distance_nm,
            crowd.mean_field_distance_nm,
            acceptor_is_ground=(p.acceptor_from[self._example] == 0)[:, None, None],
            acceptor_loss_per_s=decay.T[level_a][:, None, x],
            acceptor_migration_C6=hopping.T[level_a][:, None, x],
        )
        return jnp.concatenate([law, law.transpose(0, 2, 1), hop])


def _hopping_factor(density_nm3: Array, nearest_distance_nm: Scalar) -> Array:
    """Reduction of the kernel for migration: a nearest neighbour at the mean distance instead of at r_min.

    The cube root of 4 pi n r_min^3 / 3, at most 1: it gives the diffusion constant 3.4 C6 n^(4/3) of hopping among ions
    at random sites.
    """
    filled = 4.0 * np.pi / 3.0 * density_nm3 * nearest_distance_nm**3 + 1e-12
    return jnp.cbrt(filled) / (1.0 + filled**4) ** (1.0 / 12.0)
