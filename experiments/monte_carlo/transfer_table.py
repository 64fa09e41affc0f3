"""Cross-relaxation of one Tm 3H4 among ions in the ground state, against concentration and hopping."""

from __future__ import annotations

import math
from concurrent.futures import Executor, Future
from typing import NamedTuple

import numpy as np

from experiments.monte_carlo.continuum import NEAREST, Particle
from experiments.monte_carlo.excitation import Estimate, Lives, estimate, lives
from experiments.monte_carlo.sites import lattice_box, neighbours, random_box
from padesign.spectroscopy.transfer_law import mean_field_constant_nm3_per_s, transfer_factor

DONOR, ACCEPTOR = "3H4", "3H6"
PERCENT = (0.5, 1.0, 2.0, 5.0, 8.0, 20.0)
MIGRATION = {"static": 0.0, "hopping": 1.0, "fast": 100.0}
"""Factors on the donor's own constant of migration."""
SEEN = 150
"""Mean number of neighbours; those beyond would add 0.4 % to the law of donors that do not hop."""


class Effort(NamedTuple):
    """Placements of `ions` ions each, excitations in each of them; a tenth of those where hopping is fast."""

    placements: int
    ions: int
    excitations: int


class Row(NamedTuple):
    """One concentration and kind of hopping; all rates per donor in s^-1.

    `law` is padesign's, `mended` the same with the lattice's mean field as its cap.
    """

    percent: float
    hopping: str
    law: float
    mended: float
    lattice: Estimate
    random: Estimate


def law_per_s(particle: Particle, percent: float, migration: float, mean_field_nm: float) -> float:
    """kappa n_A of padesign's transfer law."""
    nearest_nm = particle.values[NEAREST]
    rates, density = particle.rates, 0.01 * percent * particle.values["host.cation_density_nm3"]
    C6 = rates.channel_sum_C6(DONOR, ACCEPTOR)
    factor = transfer_factor(
        C6,
        migration * rates.migration_C6(DONOR),
        rates.decay[rates.level(DONOR)],
        density,
        density,
        nearest_nm,
        mean_field_nm,
        acceptor_is_ground=True,
        acceptor_loss_per_s=0.0,
        acceptor_migration_C6=0.0,
    )
    return float(factor * mean_field_constant_nm3_per_s(C6, nearest_nm)) * density


def _placed(particle: Particle, percent: float, on_lattice: bool, effort: Effort, seed: int) -> list[Lives]:
    """Lives in one placement of the ions, for every kind of hopping."""
    rng = np.random.default_rng(seed)
    density = 0.01 * percent * particle.values["host.cation_density_nm3"]
    nearest = 0.0 if on_lattice else particle.values[NEAREST]
    place, box = lattice_box(rng, 0.01 * percent, effort.ions) if on_lattice else random_box(rng, density, effort.ions)
    reach = min((3.0 * SEEN / (4.0 * math.pi * density)) ** (1.0 / 3.0), 0.499 * float(box.min()))
    near = neighbours(place, reach, box, nearest)
    rates = particle.rates
    numbers = rates.channel_sum_C6(DONOR, ACCEPTOR), rates.migration_C6(DONOR), rates.decay[rates.level(DONOR)]
    found = []
    for k, factor in enumerate(MIGRATION.values()):
        count = effort.excitations // (10 if factor > 1.0 else 1)
        found.append(lives(near, numbers[0], factor * numbers[1], numbers[2], count, 10 * seed + k))
    return found


def transfer_table(particle: Particle, mended_nm: float, effort: Effort, workers: Executor) -> list[Row]:
    """All rows; placements are independent and seeded by their number."""
    jobs: dict[tuple[float, bool], list[Future[list[Lives]]]] = {}
    for percent in PERCENT:
        for on_lattice in (True, False):
            jobs[percent, on_lattice] = [
                workers.submit(_placed, particle, percent, on_lattice, effort, 1000 + k)
                for k in range(effort.placements)
            ]
    loss = particle.rates.decay[particle.rates.level(DONOR)]
    rows = []
    for percent in PERCENT:
        done = {place: [job.result() for job in jobs[percent, place]] for place in (True, False)}
        for k, (name, factor) in enumerate(MIGRATION.items()):
            rows.append(
                Row(
                    percent,
                    name,
                    law_per_s(particle, percent, factor, particle.values[NEAREST]),
                    law_per_s(particle, percent, factor, mended_nm),
                    estimate([one[k] for one in done[True]], loss),
                    estimate([one[k] for one in done[False]], loss),
                )
            )
    return rows
