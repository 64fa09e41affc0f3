"""Which energy-transfer processes a pair of ions has: a static list, made once from nominal parameters.

A process is donor i -> i' (down) with acceptor j -> j' (up). Its reverse is in the list of the swapped pair, and both
share one reduction factor, taken from the exothermic direction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from padesign.spectroscopy.ion import IonRates, Values
from padesign.spectroscopy.line_shape import line_shape_cm, sideband_slope_cm
from padesign.spectroscopy.pair_constant import pair_constant_nm6_per_s
from padesign.spectroscopy.tables import IonTable

WEAKEST_C6_nm6_per_s = 1e-3
"""Reversible pairs weaker than this both ways are left out: about 1 s^-1 with every site an acceptor."""


@dataclass(frozen=True, eq=False)
class PairProcesses:
    """Processes with `donor` giving and `acceptor` taking; index arrays (n,) of levels, all static.

    `exothermic`: surplus >= 0 with the nominal energies. `upconversion`: the exothermic direction of the reversible
    pair meets an excited acceptor, which decides the class of its phonon sideband. `exchange`: i,j -> j,i of one kind
    of ion, which moves an excitation and changes nothing inside a cell. `group`: index into `group_donor`,
    `group_acceptor`, the (donor level, acceptor level) pairs. `reverse`: position in the swapped pair's list.
    """

    donor: str
    acceptor: str
    donor_from: np.ndarray
    donor_to: np.ndarray
    acceptor_from: np.ndarray
    acceptor_to: np.ndarray
    exothermic: np.ndarray
    upconversion: np.ndarray
    exchange: np.ndarray
    group: np.ndarray
    group_donor: np.ndarray
    group_acceptor: np.ndarray
    reverse: np.ndarray

    def __len__(self) -> int:
        return len(self.donor_from)


def list_processes(
    tables: Mapping[str, IonTable], nominal: Sequence[tuple[Mapping[str, IonRates], Values]]
) -> dict[tuple[str, str], PairProcesses]:
    """The processes of every ordered pair of ions: those that matter in at least one of the `nominal` hosts.

    `nominal` holds rates (of any wavelength) and parameter values of each host; the first decides which direction of a
    pair is called exothermic.
    """
    result, keys = {}, {}
    for d in tables:
        for a in tables:
            kept = [_matter(tables[d], tables[a], rates[d], rates[a], values) for rates, values in nominal]
            keep = np.logical_or.reduce(kept)
            keys[(d, a)] = [column[keep] for column in _all_pairs(tables[d], tables[a])]
    positions = {pair: {key: n for n, key in enumerate(_tuples(columns))} for pair, columns in keys.items()}
    rates = nominal[0][0]
    for (d, a), (i, i2, j, j2) in keys.items():
        reverse_keys = [(y2, y, x2, x) for x, x2, y, y2 in _tuples(keys[(d, a)])]
        if any(key not in positions[(a, d)] for key in reverse_keys):
            raise RuntimeError("a transfer process has lost its reverse")
        reverse = np.array([positions[(a, d)][key] for key in reverse_keys], dtype=int)
        surplus = _surplus(rates[d], rates[a], i, i2, j, j2)
        # A pair without surplus has one direction too: the one that comes first.
        first = np.array([(d, *k) <= (a, *r) for k, r in zip(_tuples(keys[(d, a)]), reverse_keys, strict=True)], bool)
        exothermic = (surplus > 0.0) | ((surplus == 0.0) & first)
        groups, group = np.unique(np.stack([i, j], axis=1).reshape(-1, 2), axis=0, return_inverse=True)
        exchange = (i2 == j) & (j2 == i) & (d == a)
        upconversion = np.where(exothermic, j, i2) > 0
        result[(d, a)] = PairProcesses(
            d, a, i, i2, j, j2, exothermic, upconversion, exchange, group.ravel(), groups[:, 0], groups[:, 1], reverse
        )
    return result


def _tuples(columns: Sequence[np.ndarray]) -> list[tuple[int, ...]]:
    return list(zip(*(column.tolist() for column in columns), strict=True))


def _all_pairs(donor: IonTable, acceptor: IonTable) -> tuple[np.ndarray, ...]:
    """Level indices (from, to) of every downward with every upward transition."""
    down_to, down_from = np.triu_indices(len(donor.level_ids), 1)
    up_from, up_to = np.triu_indices(len(acceptor.level_ids), 1)
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(len(down_to)), np.arange(len(up_to)), indexing="ij"))
    return down_from[x], down_to[x], up_from[y], up_to[y]


def _surplus(
    donor: IonRates, acceptor: IonRates, i: np.ndarray, i2: np.ndarray, j: np.ndarray, j2: np.ndarray
) -> np.ndarray:
    e_d, e_a = np.asarray(donor.energies_cm1), np.asarray(acceptor.energies_cm1)
    return (e_d[i] - e_d[i2]) - (e_a[j2] - e_a[j])


def _matter(
    donor: IonTable, acceptor: IonTable, donor_rates: IonRates, acceptor_rates: IonRates, values: Values
) -> np.ndarray:
    """Which of all pairs are strong enough in one host; the same answer for a process and its reverse."""
    i, i2, j, j2 = _all_pairs(donor, acceptor)
    surplus = _surplus(donor_rates, acceptor_rates, i, i2, j, j2)
    phonon, reference_K = float(values["host.phonon_energy_cm1"]), float(values["host.reference_temperature_K"])
    slope = min(float(values[f"transfer.slope_{kind}_cm"]) for kind in ("cross_relaxation", "upconversion"))
    index = values["host.refractive_index"]
    width = np.hypot(float(donor_rates.width_cm1), float(acceptor_rates.width_cm1))
    overlap = line_shape_cm(
        np.abs(surplus), width, sideband_slope_cm(slope, phonon, reference_K, reference_K), reference_K
    )
    strength_d = np.asarray(donor_rates.line_strength_cm2)[i, i2]
    strength_a = np.asarray(acceptor_rates.line_strength_cm2)[j, j2]
    # The weaker of the two statistical weights makes the estimate the same for a process and its reverse.
    g_d = np.minimum(donor.two_J[i], donor.two_J[i2])
    g_a = np.minimum(acceptor.two_J[j], acceptor.two_J[j2])
    C6 = np.asarray(pair_constant_nm6_per_s(strength_d, strength_a, overlap, g_d, g_a, index, index))
    exchange = (i2 == j) & (j2 == i) & (donor.symbol == acceptor.symbol)
    return (C6 >= WEAKEST_C6_nm6_per_s) & (~exchange | (j == 0))
