"""Which energy-transfer processes a set of ions has: a static list, made once from nominal parameters.

A process is donor i -> i' (down) with acceptor j -> j' (up). Its reverse is in the list too, and both share one
reduction factor, taken from the exothermic direction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from padesign.constants import BOLTZMANN_cm1_per_K
from padesign.programs import value_now
from padesign.spectroscopy.ion import IonRates, Values
from padesign.spectroscopy.line_shape import line_shape_cm, sideband_slope_cm
from padesign.spectroscopy.pair_constant import pair_constant_nm6_per_s
from padesign.spectroscopy.tables import IonTable
from padesign.spectroscopy.transfer_law import mean_field_constant_nm3_per_s

LEAST_SHARE = 1e-4
"""A process is left out when fewer of an ion's stays in a level end by it, in each of the two ions' levels."""
GROUND_LASTS_s = 1.0
"""How long a stay in the ground level counts at most: longer than any excited level lives."""
HOTTEST_K = 600.0
"""Uphill transfer is judged at this temperature, at which it is strongest."""
_HOST_NUMBERS = (
    "host.phonon_energy_cm1",
    "host.reference_temperature_K",
    "host.refractive_index",
    "host.cation_density_nm3",
    "host.mean_field_distance_nm",
)


@dataclass(frozen=True, eq=False)
class Processes:
    """Index arrays (n,), all static: `donor` and `acceptor` number the ions, the other names their levels.

    `exothermic`: surplus >= 0 with the nominal energies. `upconversion`: the exothermic direction of the reversible
    pair meets an excited acceptor, which decides the class of its phonon sideband. `exchange`: i,j -> j,i of one kind
    of ion, which moves an excitation and changes nothing inside a cell. `reverse`: position of the reverse process.
    `group`: processes with the same donor level and acceptor level, in all `n_groups`.
    """

    donor: np.ndarray
    acceptor: np.ndarray
    donor_from: np.ndarray
    donor_to: np.ndarray
    acceptor_from: np.ndarray
    acceptor_to: np.ndarray
    exothermic: np.ndarray
    upconversion: np.ndarray
    exchange: np.ndarray
    reverse: np.ndarray
    group: np.ndarray

    def __len__(self) -> int:
        return len(self.donor)

    @property
    def n_groups(self) -> int:
        return int(self.group.max(initial=-1)) + 1

    def find(self, given: tuple[int, int, int], taken: tuple[int, int, int]) -> np.ndarray:
        """Positions of the process donor i -> i' with acceptor j -> j', each as (ion, from, to); empty where none."""
        (d, i, i2), (a, j, j2) = given, taken
        donor = (self.donor == d) & (self.donor_from == i) & (self.donor_to == i2)
        acceptor = (self.acceptor == a) & (self.acceptor_from == j) & (self.acceptor_to == j2)
        return np.flatnonzero(donor & acceptor)

    def between(self, donor: int, acceptor: int) -> np.ndarray:
        """Positions of the processes of one ordered pair of ions."""
        return np.flatnonzero((self.donor == donor) & (self.acceptor == acceptor))


def list_processes(tables: Sequence[IonTable], nominal: Sequence[tuple[Sequence[IonRates], Values]]) -> Processes:
    """The processes of every ordered pair of ions: those that matter in at least one of the `nominal` hosts.

    `nominal` holds rates (of any wavelength) and parameter values of each host; the first decides which direction of a
    pair is called exothermic.
    """
    every = _all_pairs(tables)
    kept = [_matter(tables, every, rates, values) for rates, values in nominal]
    d, a, i, i2, j, j2 = every[:, np.logical_or.reduce(kept)]
    reverse = _positions(np.stack([a, d, j2, j, i2, i]), np.stack([d, a, i, i2, j, j2]))
    E = _padded([np.asarray(one.energies_cm1) for one in nominal[0][0]])
    surplus = (E[d, i] - E[d, i2]) - (E[a, j2] - E[a, j])
    # A pair without surplus has one direction too: the one that comes first.
    exothermic = (surplus > 0.0) | ((surplus == 0.0) & (np.arange(len(d)) <= reverse))
    _, group = np.unique(np.stack([d, a, i, j]), axis=1, return_inverse=True)
    exchange = (i2 == j) & (j2 == i) & (d == a)
    upconversion = np.where(exothermic, j, i2) > 0
    return Processes(d, a, i, i2, j, j2, exothermic, upconversion, exchange, reverse, group.ravel())


def _positions(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Where each column of `wanted` stands among the columns of `known`."""
    place = {tuple(column): n for n, column in enumerate(known.T.tolist())}
    found = [place.get(tuple(column), -1) for column in wanted.T.tolist()]
    if -1 in found:
        raise RuntimeError("a transfer process has lost its reverse")
    return np.array(found, dtype=int)


def _all_pairs(tables: Sequence[IonTable]) -> np.ndarray:
    """Every downward with every upward transition: rows donor, acceptor, i, i', j, j'."""
    blocks = []
    for d, donor in enumerate(tables):
        down_to, down_from = np.triu_indices(len(donor.level_ids), 1)
        for a, acceptor in enumerate(tables):
            up_from, up_to = np.triu_indices(len(acceptor.level_ids), 1)
            x, y = (g.ravel() for g in np.meshgrid(np.arange(len(down_to)), np.arange(len(up_to)), indexing="ij"))
            ions = np.full((1, len(x)), d), np.full((1, len(x)), a)
            blocks.append(np.concatenate([*ions, np.stack([down_from[x], down_to[x], up_from[y], up_to[y]])]))
    return np.concatenate(blocks, axis=1)


def _padded(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays of different ions as one, the first axis the ion; zeros where an ion has fewer levels."""
    longest = max(len(column) for column in columns)
    return np.stack([np.pad(column, [(0, longest - n) for n in column.shape]) for column in columns])


def _matter(tables: Sequence[IonTable], every: np.ndarray, rates: Sequence[IonRates], values: Values) -> np.ndarray:
    """Which of all pairs matter in one host; the same answer for a process and its reverse.

    The largest possible rate W, with an acceptor on every cation site around the donor, is compared with the escape
    rates of the level that the donor is in and of the level that the acceptor is in: of all stays in a level a share of
    W / escape at most ends by the process. A pair matters if that share is not small for both, in either direction.
    """
    d, a, i, i2, j, j2 = every
    E = _padded([np.asarray(one.energies_cm1) for one in rates])
    S = _padded([np.asarray(one.line_strength_cm2) for one in rates])
    two_J = _padded([table.two_J for table in tables])
    escape = _padded([_escape_per_s(one) for one in rates])
    width = _padded([np.asarray(one.width_cm1) for one in rates])
    slope = min(float(values[f"transfer.slope_{kind}_cm"]) for kind in ("cross_relaxation", "upconversion"))
    surplus = (E[d, i] - E[d, i2]) - (E[a, j2] - E[a, j])
    rate = value_now(
        _largest_exothermic_per_s,
        surplus,
        np.hypot(width[d, i, i2], width[a, j, j2]),
        (S[d, i, i2], S[a, j, j2]),
        slope,
        {name: float(values[name]) for name in _HOST_NUMBERS},
    )
    strength = float(values["transfer.scale"]) * np.asarray(rate)
    share = np.zeros(len(surplus))
    for donor_level, acceptor_level, gained in ((i, j, surplus), (i2, j2, -surplus)):
        weights = (two_J[d, donor_level] + 1.0) * (two_J[a, acceptor_level] + 1.0)
        uphill = np.exp(np.minimum(gained, 0.0) / (BOLTZMANN_cm1_per_K * HOTTEST_K))
        slower = np.maximum(escape[d, donor_level], escape[a, acceptor_level])
        share = np.maximum(share, strength * uphill / (weights * slower))
    exchange = (i2 == j) & (j2 == i) & (d == a)
    return (share >= LEAST_SHARE) & (~exchange | (j == 0))


def _escape_per_s(rates: IonRates) -> np.ndarray:
    """Rate (levels,) at which an ion leaves a level for good: what comes back thermally from below has not left."""
    shining, steps = np.asarray(rates.radiative_per_s).sum(axis=0), np.asarray(rates.multiphonon_per_s)
    escape = [1.0 / GROUND_LASTS_s]
    for k in range(1, len(shining)):
        down, up = steps[k - 1, k], steps[k, k - 1]
        escape.append(shining[k] + down * escape[-1] / (up + escape[-1]))
    return np.array(escape)


def _largest_exothermic_per_s(
    surplus_cm1: np.ndarray,
    width_cm1: np.ndarray,
    strengths_cm2: tuple[np.ndarray, np.ndarray],
    slope_cm: float,
    host: Mapping[str, float],
) -> jax.Array:
    """Rate in the direction without a barrier, all sites filled with acceptors, for statistical weights of 1."""
    phonon, reference_K, index, sites_nm3, distance_nm = (host[name] for name in _HOST_NUMBERS)
    slope = sideband_slope_cm(slope_cm, phonon, reference_K, reference_K)
    overlap = line_shape_cm(jnp.abs(surplus_cm1), width_cm1, slope, reference_K)
    C6 = pair_constant_nm6_per_s(*strengths_cm2, overlap, 0.0, 0.0, index, index)
    return sites_nm3 * mean_field_constant_nm3_per_s(C6, distance_nm)
