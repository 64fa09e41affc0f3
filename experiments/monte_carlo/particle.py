"""Kinetic Monte Carlo of all ions of a particle: every level, every process, every pair of ions.

Events are selected without keeping track of neighbours. Of two ions the one in the higher level starts a process (both,
if the levels are the same, each as donor). Its rate of trying is the sum of r^-6 over all its neighbours times the
largest pair constant with a partner in any level; it picks a neighbour with weight r^-6, and the try comes to nothing
as often as the pair constant with the level that is met there falls short of the largest one. This is exact, and an
event changes the rates of the two ions alone: a Fenwick tree over the ions' total rates finds the next one.

Hops i,0 -> 0,i of levels that live long are many and change nothing but places. Their rate may be limited for each pair
(`fastest_hop_per_s`): pairs that exchange much faster than anything else happens are equally often on either side.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from experiments.monte_carlo.rates import Rates
from experiments.monte_carlo.sites import Neighbours


class Pairs(NamedTuple):
    """Processes by the levels of the ion that starts them and of its partner, with `C6` [nm^6/s] added up.

    Those of levels (a, b) are at `first[a, b]` to `first[a, b + 1]`: `C6_until` runs up, `own` and `other` are the
    levels afterwards, `process` the number in `Rates`. `most` (levels,) is the largest sum over b.
    """

    first: np.ndarray
    C6_until: np.ndarray
    own: np.ndarray
    other: np.ndarray
    process: np.ndarray
    most: np.ndarray


class Run(NamedTuple):
    """What a run counted. `population` (bins, levels): mean number of ions in each level in bins of equal time.

    `single` (levels, levels) and `pair` (processes,) count events, [to, from] and by number in `Rates`; `surface`
    losses by level; `level` (ions,) is the end state. All counts are of the time after the bins in `skipped`.
    """

    population: np.ndarray
    single: np.ndarray
    surface: np.ndarray
    pair: np.ndarray
    level: np.ndarray
    tries: int


def pairs(rates: Rates, limited: np.ndarray) -> Pairs:
    """Table of processes; hops of the levels marked in `limited` (levels,) are left to the kernel's own channel."""
    levels = len(rates.levels)
    cells: list[list[tuple[float, int, int, int]]] = [[] for _ in range(levels * levels)]
    for k, ((i, j), (i2, j2), C6) in enumerate(zip(rates.before, rates.after, rates.C6, strict=True)):
        if rates.hop[k] and limited[i]:
            continue
        if i >= j:
            cells[i * levels + j].append((C6, i2, j2, k))
        else:
            cells[j * levels + i].append((C6, j2, i2, k))
    sums = np.array([sum(row[0] for row in cell) for cell in cells]).reshape(levels, levels)
    flat = [(C6, own, other, k) for cell in cells for C6, own, other, k in cell]
    until = np.concatenate([np.cumsum([row[0] for row in cell]) for cell in cells if cell])
    counts = np.array([len(cell) for cell in cells]).reshape(levels, levels)
    first = np.zeros((levels, levels + 1), dtype=np.int64)
    first[:, 1:] = np.cumsum(counts, axis=1)
    first[1:] += first[:-1, -1].cumsum()[:, None]
    _, own, other, process = (np.array(column) for column in zip(*flat, strict=True))
    return Pairs(first, until, own, other, process, sums.max(axis=1))


def simulate(
    rates: Rates,
    near: Neighbours,
    surface_nm4: np.ndarray,
    irradiance_W_per_cm2: float,
    level: np.ndarray,
    bin_s: float,
    bins: int,
    skipped: int,
    seed: int,
    fastest_hop_per_s: float = np.inf,
    limited: tuple[str, ...] = (),
) -> Run:
    """Follow all ions from the levels `level` (ions,) for `bins` times `bin_s`; `surface_nm4` (ions,) as in padesign.

    Hops of the levels `limited` go at most at `fastest_hop_per_s` in each pair.
    """
    levels = len(rates.levels)
    mark = np.isin(np.array(rates.levels), limited)
    table = pairs(rates, mark)
    hops = np.array([rates.migration_C6(name) if mark[k] else 0.0 for k, name in enumerate(rates.levels)])
    weight = near.distance_nm**-6.0
    slowed = [k for k in range(levels) if hops[k] > 0.0]
    if len(slowed) > 1:
        raise ValueError("the hops of one level at most can be limited")
    limit = fastest_hop_per_s / hops[slowed[0]] if slowed else np.inf
    own = rates.dark + irradiance_W_per_cm2 * rates.pump
    found = _simulate(
        own, rates.surface, rates.lands, surface_nm4, near.start, near.ion, weight, np.minimum(weight, limit), hops,
        *table, len(rates.C6), level.copy(), bin_s, bins, skipped, seed,
    )  # fmt: skip
    return Run(*found)


@numba.njit(cache=True)
def _add(tree: np.ndarray, place: int, change: float) -> None:
    k = place + 1
    while k < len(tree):
        tree[k] += change
        k += k & -k


@numba.njit(cache=True)
def _find(tree: np.ndarray, top: int, value: float) -> int:
    """The place whose running sum first exceeds `value`."""
    place, step = 0, top
    while step > 0:
        after = place + step
        if after < len(tree) and tree[after] <= value:
            place = after
            value -= tree[after]
        step >>= 1
    return min(place, len(tree) - 2)


@numba.njit(cache=True)
def _neighbour(start: int, end: int, weight: np.ndarray, value: float) -> int:
    for k in range(start, end):
        value -= weight[k]
        if value < 0.0:
            return k
    return end - 1


@numba.njit(cache=True)
def _move(number: np.ndarray, since: np.ndarray, area: np.ndarray, before: int, after: int, time: float) -> None:
    """One ion changes its level: add up what both levels held since they last changed, in ions times seconds."""
    for k in (before, after):
        area[k] += number[k] * (time - since[k])
        since[k] = time
    number[before] -= 1.0
    number[after] += 1.0


@numba.njit(cache=True)
def _simulate(
    own, surface, lands, surface_nm4, start, ion, weight, hop_weight, hops, first, C6_until, after, other_after,
    process, most, processes, level, bin_s, bins, skipped, seed,
):  # fmt: skip
    np.random.seed(seed)  # noqa: NPY002  (numba's own generator)
    n, levels = len(level), len(own)
    near, near_hop = np.zeros(n), np.zeros(n)
    for i in range(n):
        for k in range(start[i], start[i + 1]):
            near[i] += weight[k]
            near_hop[i] += hop_weight[k]
    leave = own.sum(axis=0)
    top = 1
    while 2 * top <= n:
        top *= 2
    tree, rate = np.zeros(n + 1), np.zeros(n)
    number, since, area = np.zeros(levels), np.zeros(levels), np.zeros((bins, levels))
    for i in range(n):
        number[level[i]] += 1.0
    single, lost = np.zeros((levels, levels), dtype=np.int64), np.zeros(levels, dtype=np.int64)
    pair = np.zeros(processes, dtype=np.int64)
    changed = np.arange(n)
    n_changed, tries, total, time, b = n, 0, 0.0, 0.0, 0
    while True:
        if tries % 4_000_000 == 0:  # rounding in the tree is swept out
            tree[:] = 0.0
            rate[:] = 0.0
            for i in range(n):
                changed[i] = i
            n_changed, total = n, 0.0
        for m in range(n_changed):
            i = changed[m]
            a = level[i]
            new = leave[a] + surface[a] * surface_nm4[i] + most[a] * near[i] + hops[a] * near_hop[i]
            _add(tree, i, new - rate[i])
            total += new - rate[i]
            rate[i] = new
        n_changed = 0
        time += np.random.exponential(1.0 / total)  # noqa: NPY002
        while b < bins and time >= (b + 1) * bin_s:
            for a in range(levels):
                area[b, a] += number[a] * ((b + 1) * bin_s - since[a])
                since[a] = (b + 1) * bin_s
            b += 1
        if b == bins:
            break
        tries += 1
        i = _find(tree, top, np.random.random() * total)  # noqa: NPY002
        a = level[i]
        draw = np.random.random() * rate[i]  # noqa: NPY002
        j, a_after, b_after, b_before = -1, -1, -1, -1
        if draw < hops[a] * near_hop[i]:
            k = _neighbour(start[i], start[i + 1], hop_weight, draw / hops[a])
            j = ion[k]
            if level[j] != 0:
                continue
            level[j], level[i] = a, 0
            changed[0], changed[1], n_changed = i, j, 2
            continue
        draw -= hops[a] * near_hop[i]
        if draw < most[a] * near[i]:
            k = _neighbour(start[i], start[i + 1], weight, draw / most[a])
            j = ion[k]
            b_before = level[j]
            if b_before > a:
                continue
            low, high = first[a, b_before], first[a, b_before + 1]
            at = np.random.random() * most[a]  # noqa: NPY002
            if high == low or at >= C6_until[high - 1]:
                continue
            k = low
            while C6_until[k] <= at:
                k += 1
            a_after, b_after = after[k], other_after[k]
            if b >= skipped:
                pair[process[k]] += 1
        else:
            draw -= most[a] * near[i]
            if draw < surface[a] * surface_nm4[i]:
                a_after = lands[a]
                if b >= skipped:
                    lost[a] += 1
            else:
                draw -= surface[a] * surface_nm4[i]
                a_after = 0
                for to in range(levels):
                    if own[to, a] > 0.0:
                        a_after = to
                        draw -= own[to, a]
                        if draw < 0.0:
                            break
                if b >= skipped:
                    single[a_after, a] += 1
        _move(number, since, area[b], a, a_after, time)
        level[i] = a_after
        changed[0], n_changed = i, 1
        if j >= 0:
            _move(number, since, area[b], b_before, b_after, time)
            level[j] = b_after
            changed[1], n_changed = j, 2
    return area / bin_s, single, lost, pair, level, tries
