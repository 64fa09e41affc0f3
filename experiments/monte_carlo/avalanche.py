"""Emission of the whole particle against pump near threshold, from dark and from bright starts."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from typing import NamedTuple

import numpy as np

from experiments.monte_carlo.continuum import Particle
from experiments.monte_carlo.particle import Run, simulate
from experiments.monte_carlo.sites import lattice_sphere, neighbours
from padesign.particle.surface import surface_loss_per_s

UPPER, STORE = "3H4", "3F4"
REACH_nm = 3.0
FASTEST_HOP_per_s = 5e3
"""Limit on hops of 3F4 between two ions: 20 times the decay of 3F4; compared with a limit four times higher."""
BIN_s = 0.1


class Task(NamedTuple):
    """One run: placement of the ions, power, share of 3F4 in the beginning, limit of hops, time, time left out."""

    placement: int
    power_kW_per_cm2: float
    bright: float
    fastest_hop_per_s: float
    time_s: float
    settle_s: float


class Point(NamedTuple):
    """Mean number of ions in the upper level and in 3F4 after settling, with standard errors, and the run itself."""

    task: Task
    ions: int
    upper: float
    upper_error: float
    store: float
    run: Run


def run(particle: Particle, task: Task) -> Point:
    """Follow one particle."""
    rng = np.random.default_rng(task.placement)
    places = lattice_sphere(rng, particle.fraction, particle.core_radius_nm)
    radius = np.sqrt((places**2).sum(axis=1))
    closest = particle.values["surface.closest_approach_nm"]
    reach = np.asarray(surface_loss_per_s(radius, particle.outer_radius_nm, 1.0, closest))
    rates = particle.rates
    level = np.where(rng.random(len(places)) < task.bright, rates.level(STORE), 0).astype(np.int64)
    bins, skipped = round(task.time_s / BIN_s), round(task.settle_s / BIN_s)
    seed = int(rng.integers(2**31)) + int(1000 * task.power_kW_per_cm2)
    near = neighbours(places, REACH_nm)
    power = 1e3 * task.power_kW_per_cm2
    limit = task.fastest_hop_per_s
    found = simulate(rates, near, reach, power, level, BIN_s, bins, skipped, seed % 2**31, limit, (STORE,))
    upper, store = (found.population[skipped:, rates.level(name)] for name in (UPPER, STORE))
    return Point(task, len(places), float(upper.mean()), blocked_error(upper), float(store.mean()), found)


def blocked_error(values: np.ndarray) -> float:
    """Standard error of the mean of a series that remembers: the largest over blocks of 1, 2, 4... with 8 or more."""
    worst, width = 0.0, 1
    while len(values) // width >= 8 or width == 1:
        blocks = values[: len(values) // width * width].reshape(-1, width).mean(axis=1)
        if len(blocks) > 1:
            worst = max(worst, float(blocks.std(ddof=1)) / len(blocks) ** 0.5)
        width *= 2
    return worst


def measure(particle: Particle, tasks: list[Task], workers: Executor) -> list[Point]:
    """All runs, the longest first."""
    order = sorted(range(len(tasks)), key=lambda k: -tasks[k].time_s * tasks[k].power_kW_per_cm2 ** 4)
    jobs: dict[int, Future[Point]] = {k: workers.submit(run, particle, tasks[k]) for k in order}
    return [jobs[k].result() for k in range(len(tasks))]


def window_slopes(powers: np.ndarray, emission: np.ndarray, steps: int) -> np.ndarray:
    """Mean slope d ln emission / d ln power between powers that are `steps` apart, for every start."""
    return np.log(emission[steps:] / emission[:-steps]) / np.log(powers[steps:] / powers[:-steps])


def power_where(powers: np.ndarray, emission: np.ndarray, level: float) -> float:
    """The power at which the emission passes a level, on straight lines in logarithms; NaN where it does not."""
    passed = np.flatnonzero((emission[:-1] < level) & (emission[1:] >= level))
    if not len(passed):
        return float("nan")
    k = passed[0]
    share = np.log(level / emission[k]) / np.log(emission[k + 1] / emission[k])
    return float(powers[k] * (powers[k + 1] / powers[k]) ** share)
