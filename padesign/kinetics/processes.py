"""Which energy-transfer processes a pair of ions has: a static list, made once from nominal parameters.

A process is donor i -> i' (down) with acceptor j -> j' (up). Its reverse is in the list of the swapped pair, and both
share one reduction factor, taken from the exothermic direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from padesign.spectroscopy.ion import IonRates, Values
from padesign.spectroscopy.line_shape import line_shape_cm, sideband_slope_cm
from padesign.spectroscopy.pair_constant import pair_constant_nm6_per_s
from padesign.spectroscopy.tables import IonTable

MOST_PHONONS = 8
"""Transfers whose surplus exceeds this many phonons are left out, in either direction."""
WEAKEST_C6_nm6_per_s = 1e-5
"""Reversible pairs weaker than this both ways are left out: under 1e-2 s^-1 with every site an acceptor."""


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
    tables: Mapping[str, IonTable], rates: Mapping[str, IonRates], values: Values
) -> dict[tuple[str, str], PairProcesses]:
    """The processes of every ordered pair of ions, from nominal rates (any wavelength) and parameter values."""
    kept = {(d, a): _candidates(tables[d], tables[a], rates[d], rates[a], values) for d in tables for a in tables}
    keys = {
        pair: list(zip(*(column.tolist() for column in columns[:4]), strict=True)) for pair, columns in kept.items()
    }
    positions = {pair: {key: n for n, key in enumerate(pair_keys)} for pair, pair_keys in keys.items()}
    result = {}
    for (d, a), (i, i2, j, j2, surplus) in kept.items():
        swapped = positions[(a, d)]
        chosen = np.array([(y2, y, x2, x) in swapped for x, x2, y, y2 in keys[(d, a)]], dtype=bool)
        if not chosen.all():
            raise RuntimeError("a transfer process has lost its reverse")
        reverse = np.array([swapped[(y2, y, x2, x)] for x, x2, y, y2 in keys[(d, a)]], dtype=int)
        exothermic = surplus >= 0.0
        groups, group = np.unique(np.stack([i, j], axis=1).reshape(-1, 2), axis=0, return_inverse=True)
        exchange = (i2 == j) & (j2 == i) & (d == a)
        upconversion = np.where(exothermic, j, i2) > 0
        result[(d, a)] = PairProcesses(
            d, a, i, i2, j, j2, exothermic, upconversion, exchange, group.ravel(), groups[:, 0], groups[:, 1], reverse
        )
    return result


def _candidates(
    donor: IonTable, acceptor: IonTable, donor_rates: IonRates, acceptor_rates: IonRates, values: Values
) -> tuple[np.ndarray, ...]:
    down_to, down_from = np.triu_indices(len(donor.level_ids), 1)
    up_from, up_to = np.triu_indices(len(acceptor.level_ids), 1)
    x, y = (grid.ravel() for grid in np.meshgrid(np.arange(len(down_to)), np.arange(len(up_to)), indexing="ij"))
    i, i2, j, j2 = down_from[x], down_to[x], up_from[y], up_to[y]
    e_d, e_a = np.asarray(donor_rates.energies_cm1), np.asarray(acceptor_rates.energies_cm1)
    surplus = (e_d[i] - e_d[i2]) - (e_a[j2] - e_a[j])
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
    keep = (C6 >= WEAKEST_C6_nm6_per_s) & (np.abs(surplus) <= MOST_PHONONS * phonon)
    same = donor.symbol == acceptor.symbol
    exchange = (i2 == j) & (j2 == i) & same
    keep &= ~exchange | (j == 0)
    return i[keep], i2[keep], j[keep], j2[keep], surplus[keep]
