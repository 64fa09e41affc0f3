"""Rates and pair constants of one kind of ion as plain arrays, taken from padesign's network of the particle."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import numpy as np

from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.particle_network import ParticleModel, ProcessRates
from padesign.parameters.keys import surface_key
from padesign.spectroscopy.ion import Values, ion_rates


@dataclass(frozen=True)
class Rates:
    """One ion's rates: (levels, levels) arrays are [to, from] in s^-1, `pump` per W cm^-2, without the surface.

    `surface` (levels,) [nm^4/s] is the strength of the loss to the surface and `lands` where it ends. Processes of two
    ions, (processes,): donor `before[:, 0] -> after[:, 0]`, acceptor `before[:, 1] -> after[:, 1]`, pair constant `C6`
    [nm^6/s]; `hop` marks the exchange i,0 -> 0,i. `decay` (levels,) [1/s] is the irreversible loss of the transfer law.
    """

    levels: tuple[str, ...]
    dark: np.ndarray
    pump: np.ndarray
    radiative: np.ndarray
    surface: np.ndarray
    lands: np.ndarray
    before: np.ndarray
    after: np.ndarray
    C6: np.ndarray
    hop: np.ndarray
    decay: np.ndarray

    def level(self, name: str) -> int:
        return self.levels.index(name)

    def channel_sum_C6(self, donor: str, acceptor: str) -> float:
        """Sum of the pair constants [nm^6/s] of (donor level, acceptor level), hops left out."""
        here = (self.before[:, 0] == self.level(donor)) & (self.before[:, 1] == self.level(acceptor)) & ~self.hop
        return float(self.C6[here].sum())

    def migration_C6(self, level: str) -> float:
        """Pair constant [nm^6/s] of i,0 -> 0,i."""
        return float(self.C6[self.hop & (self.before[:, 0] == self.level(level))].sum())


def rates_of_particle(
    model: ParticleModel,
    light: EmittingNetwork,
    parts: ProcessRates,
    values: Values,
    conditions_nm_K: tuple[float, float],
) -> Rates:
    """The rates of a particle with one kind of ion in one host, in bulk field and without a ligand's factor."""
    ((ion, levels),) = light.levels
    table, p = model.tables[ion], model.processes
    alone = jax.jit(lambda numbers: ion_rates(table, numbers, *conditions_nm_K))(dict(values))
    surface, lands = np.zeros(len(levels)), np.zeros(len(levels), dtype=np.int64)
    for level, ends, name in model.surface[ion]:
        surface[level], lands[level] = float(values[surface_key(ion, name)]), ends
    network = light.network
    return Rates(
        levels=levels,
        dark=np.asarray(network.dark[0][0] - parts.surface_per_s[0][0]),
        pump=np.asarray(network.pump[0][0]),
        radiative=np.asarray(light.radiative_per_s[0][0]),
        surface=surface,
        lands=lands,
        before=np.stack([p.donor_from, p.acceptor_from], axis=1),
        after=np.stack([p.donor_to, p.acceptor_to], axis=1),
        C6=np.asarray(parts.C6_nm6_per_s),
        hop=np.asarray(p.exchange),
        decay=np.asarray(alone.decay_per_s),
    )
