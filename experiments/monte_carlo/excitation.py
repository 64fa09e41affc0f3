"""One excitation among ions in the ground state: it hops, is lost, or is transferred to an acceptor for good."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from experiments.monte_carlo.sites import Neighbours


class Lives(NamedTuple):
    """Many excitations: how long each lived [s], and whether it ended by transfer; its mean transfer rate [1/s]."""

    lifetime_s: np.ndarray
    transferred: np.ndarray


class Estimate(NamedTuple):
    """Transfer rate per donor [1/s] with its standard error, by yield and by the time to 1/e."""

    by_yield: float
    by_yield_error: float
    by_time: float
    by_time_error: float


def lives(near: Neighbours, transfer_C6: float, migration_C6: float, loss_per_s: float, count: int, seed: int) -> Lives:
    """Lives of `count` excitations that start anywhere; pairs beyond the neighbours do not interact."""
    weight = near.distance_nm**-6.0
    return Lives(*_lives(near.start, near.ion, weight, transfer_C6, migration_C6, loss_per_s, count, seed))


@numba.njit(cache=True)
def _lives(
    start: np.ndarray,
    ion: np.ndarray,
    weight: np.ndarray,
    transfer: float,
    migration: float,
    loss: float,
    count: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    np.random.seed(seed)  # noqa: NPY002  (numba's own generator)
    n = len(start) - 1
    total = np.zeros(n)
    for i in range(n):
        for k in range(start[i], start[i + 1]):
            total[i] += weight[k]
    lifetime, transferred = np.zeros(count), np.zeros(count, dtype=np.bool_)
    for walker in range(count):
        i, time = np.random.randint(n), 0.0  # noqa: NPY002
        while True:
            given, hops = transfer * total[i], migration * total[i]
            time += np.random.exponential(1.0 / (given + hops + loss))  # noqa: NPY002
            draw = np.random.random() * (given + hops + loss)  # noqa: NPY002
            if draw >= hops:
                transferred[walker] = draw >= hops + loss
                break
            draw /= migration
            for k in range(start[i], start[i + 1]):
                draw -= weight[k]
                if draw <= 0.0:
                    break
            i = ion[k]
        lifetime[walker] = time
    return lifetime, transferred


def estimate(found: list[Lives], loss_per_s: float) -> Estimate:
    """Transfer rates from independent placements of the ions; the errors are those of the mean over placements.

    By yield: transfers per time lived. With E the share that ends by transfer and tau the mean lifetime this is
    E/tau = E/(1 - E) times the loss = 1/tau - 1/tau_0, and good where E is small as well as where it is close to 1. By
    time: 1/t_e - 1/tau_0 with t_e the time at which 1/e of the excitations are left.
    """
    transfers = np.array([one.transferred.mean() for one in found])
    lived = np.array([one.lifetime_s.mean() for one in found])
    rate = transfers.mean() / lived.mean()
    times = np.array([np.quantile(one.lifetime_s, 1.0 - math.exp(-1.0)) for one in found])
    root = math.sqrt(len(found))
    spread = (transfers - rate * lived).std(ddof=1) / lived.mean()
    time = times.mean()
    errors = float(spread) / root, float(times.std(ddof=1)) / root / float(time) ** 2
    return Estimate(float(rate), errors[0], float(1.0 / time) - loss_per_s, errors[1])
