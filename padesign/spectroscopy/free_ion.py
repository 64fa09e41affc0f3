"""Generator of the pinned ion tables: 4f^n levels and matrix elements in intermediate coupling.

Works in the space of Slater determinants, where rank-k unit tensors U(k)_0, L_z and S_z are diagonal, so nothing but
one-body operators is ever built. The free-ion Hamiltonian (B. G. Wybourne, *Spectroscopic Properties of Rare Earths*,
1965) is

    H = sum_k F^k f_k + zeta A_so + alpha L(L+1) + beta G(G2) + gamma G(R7) [+ sum_k M^k m_k + sum_k P^k p_k]

and the electrostatic terms follow from the scalars S_k = sum_q (-1)^q U(k)_q U(k)_-q, k = 1..6. The magnetic terms in
brackets (spin-spin, spin-other-orbit, electrostatically correlated spin-orbit) are left out where they are zero.
`python -m padesign.spectroscopy.free_ion` writes `padesign/data/ions/<Ion>.csv` and `<Ion>_levels.csv` anew.
"""

from __future__ import annotations

import csv
import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
from ruamel.yaml import YAML
from scipy import sparse

from padesign.constants import ELECTRON_G_FACTOR
from padesign.errors import InputError

ION_DATA = Path(__file__).parents[1] / "data" / "ions"
OMITTED_BELOW = 5e-7
"""A row of the pinned table is left out when all of its four elements are smaller than this."""

_L = 3
_ORBITALS: tuple[tuple[int, int], ...] = tuple((m, s) for s in (1, -1) for m in range(_L, -_L - 1, -1))  # (m_l, 2 m_s)
_TERM_LETTERS = "SPDFGHIKLMNOQRTUV"


@final
@dataclass(frozen=True)
class FreeIonParameters:
    """The radial parameters of a 4f^n ion in cm^-1; `n_f` electrons (2 to 13)."""

    n_f: int
    F2: float
    F4: float
    F6: float
    zeta: float
    alpha: float = 0.0
    beta: float = 0.0
    gamma: float = 0.0
    M0: float = 0.0
    M2: float = 0.0
    M4: float = 0.0
    P2: float = 0.0
    P4: float = 0.0
    P6: float = 0.0

    @classmethod
    def from_racah(
        cls, n_f: int, E1: float, E2: float, E3: float, zeta: float, alpha: float, beta: float, gamma: float
    ) -> FreeIonParameters:
        """From Racah's E1, E2, E3 (cm^-1): the linear relations of G. Racah, Phys. Rev. 76, 1352 (1949)."""
        to_racah = np.array([[70.0, 231.0, 2002.0], [1.0, -3.0, 7.0], [15.0, 18.0, -273.0]]) / 9.0
        scale = np.array([225.0, 1089.0, 184041.0 / 25.0])  # F^k = D_k F_k
        slater = np.linalg.solve(to_racah, np.array([E1, E2, E3])) * scale
        F2, F4, F6 = slater.tolist()
        return cls(n_f, F2, F4, F6, zeta, alpha, beta, gamma)


@final
@dataclass(frozen=True, eq=False)
class FreeIon:
    """Levels of one ion, ascending in calculated energy, and the matrix elements of all pairs.

    `level_ids` unique term symbols, `composition` leading LS weights as text, `two_J` (L,), `energy_cm1` (L,) above
    the ground manifold, `U` (L, L, 3) squared reduced elements of U(2), U(4), U(6), `LS2` (L, L) of L + g_s S in
    units of hbar^2.
    """

    level_ids: tuple[str, ...]
    composition: tuple[str, ...]
    two_J: np.ndarray
    energy_cm1: np.ndarray
    U: np.ndarray
    LS2: np.ndarray


@functools.cache
def wigner_3j(two_a: int, two_b: int, two_c: int, two_ma: int, two_mb: int, two_mc: int) -> float:
    """Wigner 3j symbol of doubled arguments by Racah's sum in exact integers; 0 where the selection rules forbid."""
    if two_ma + two_mb + two_mc or not abs(two_a - two_b) <= two_c <= two_a + two_b or (two_a + two_b + two_c) % 2:
        return 0.0
    pairs = ((two_a, two_ma), (two_b, two_mb), (two_c, two_mc))
    if any(abs(m) > j or (j - m) % 2 for j, m in pairs):
        return 0.0
    f = math.factorial
    c1, c2, c3 = (two_a + two_b - two_c) // 2, (two_a - two_ma) // 2, (two_b + two_mb) // 2
    d1, d2 = (two_c - two_b + two_ma) // 2, (two_c - two_a - two_mb) // 2
    total = sum(
        (-1) ** t * math.prod((f(c1), f(c2), f(c3))) / math.prod(map(f, (t, c1 - t, c2 - t, c3 - t, d1 + t, d2 + t)))
        for t in range(max(0, -d1, -d2), min(c1, c2, c3) + 1)
    )
    triangle = f(c1) * f((two_a - two_b + two_c) // 2) * f((two_b + two_c - two_a) // 2)
    spread = math.prod(f((j + m) // 2) * f((j - m) // 2) for j, m in pairs)
    size = math.sqrt(triangle * spread / f((two_a + two_b + two_c) // 2 + 1))
    return (-1) ** ((two_a - two_b - two_mc) // 2) * size * total / math.prod((f(c1), f(c2), f(c3)))


def _unit_tensor(k: int, q: int) -> np.ndarray:
    """(14, 14) matrix of u(k)_q between spin-orbitals, <f||u(k)||f> = 1."""
    out = np.zeros((14, 14))
    for (a, (ma, sa)), (b, (mb, sb)) in itertools.product(enumerate(_ORBITALS), repeat=2):
        if sa == sb and ma == mb + q:
            out[a, b] = (-1) ** (_L - ma) * wigner_3j(2 * _L, 2 * k, 2 * _L, -2 * ma, 2 * q, 2 * mb)
    return out


def _ladders() -> tuple[np.ndarray, np.ndarray]:
    """(14, 14) matrices of l_+ and s_+."""
    l_plus, s_plus = np.zeros((14, 14)), np.zeros((14, 14))
    for (a, (ma, sa)), (b, (mb, sb)) in itertools.product(enumerate(_ORBITALS), repeat=2):
        if sa == sb and ma == mb + 1:
            l_plus[a, b] = math.sqrt(_L * (_L + 1) - mb * (mb + 1))
        if ma == mb and sa > sb:
            s_plus[a, b] = 1.0
    return l_plus, s_plus


def _spin_orbit() -> np.ndarray:
    """(14, 14) matrix of s.l."""
    l_plus, s_plus = _ladders()
    return 0.5 * (l_plus @ s_plus.T + l_plus.T @ s_plus) + np.diag([0.5 * m * s for m, s in _ORBITALS])


def _c_tensor(k: int) -> float:
    """Reduced element <f||C(k)||f>."""
    return (-1) ** _L * (2 * _L + 1) * wigner_3j(2 * _L, 2 * k, 2 * _L, 0, 0, 0)


def _double_tensor(kappa: int, k: int, pi: int, q: int) -> np.ndarray:
    """(14, 14) matrix of w(kappa k)_pi,q: rank kappa in spin, k in orbit, reduced element sqrt((2 kappa+1)(2k+1))."""
    spin = np.zeros((14, 14))
    for (a, (ma, sa)), (b, (mb, sb)) in itertools.product(enumerate(_ORBITALS), repeat=2):
        if ma == mb:
            spin[a, b] = (-1) ** ((1 - sa) // 2) * wigner_3j(1, 2 * kappa, 1, -sa, 2 * pi, sb)
    return math.sqrt((2 * kappa + 1) * (2 * k + 1)) * spin @ _unit_tensor(k, q)


@final
class _Determinants:
    """All determinants of f^n as bit patterns, and one-body operators on those of one total 2M."""

    def __init__(self, n_f: int) -> None:
        occupied = list(itertools.combinations(range(14), n_f))
        self.bits = np.array([sum(1 << i for i in orbitals) for orbitals in occupied])
        self.position = np.full(1 << 14, -1)
        self.position[self.bits] = np.arange(len(self.bits))
        self.occupation = (self.bits[:, None] >> np.arange(14)) & 1
        self.two_M = self.occupation @ np.array([2 * m + s for m, s in _ORBITALS])
        self.bit_count = np.array([i.bit_count() for i in range(1 << 14)])

    def rows(self, two_M: int) -> np.ndarray:
        return np.flatnonzero(self.two_M == two_M)

    def diagonal(self, h: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Diagonal of a one-body operator that is diagonal in the spin-orbitals, (rows,)."""
        return self.occupation[rows] @ np.diag(h)

    def one_body(self, h: np.ndarray, rows: np.ndarray) -> Any:
        """Sparse (rows, all determinants) matrix of sum_ab h_ab a+_a a_b."""
        parts_i, parts_j, parts_x = [np.zeros(0, int)], [np.zeros(0, int)], [np.zeros(0)]
        for a, b in zip(*np.nonzero(h), strict=True):
            here = np.flatnonzero(self.occupation[rows, a] & ((a == b) | (1 - self.occupation[rows, b])))
            bits = self.bits[rows[here]]
            rest = bits & ~(1 << a)
            between = ((1 << max(a, b)) - 1) & ~((1 << (min(a, b) + 1)) - 1)
            parts_i.append(here)
            parts_j.append(self.position[rest | (1 << b)])
            parts_x.append(h[a, b] * (1 - 2 * (self.bit_count[rest & between] % 2)))
        shape = (len(rows), len(self.bits))
        entries = (np.concatenate(parts_x), (np.concatenate(parts_i), np.concatenate(parts_j)))
        return sparse.csr_matrix(entries, shape=shape)

    def two_body(self, first: np.ndarray, second: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Dense (rows, rows) matrix of sum_{i != j} first_i second_j."""
        everything = np.arange(len(self.bits))
        product = self.one_body(first, rows) @ self.one_body(second, everything)[:, rows]
        return (product - self.one_body(first @ second, rows)[:, rows]).toarray()


def solve_free_ion(parameters: FreeIonParameters, n_levels: int | None = None) -> FreeIon:
    """Diagonalise the free-ion Hamiltonian and return the lowest `n_levels` manifolds (all of 4f^n by default).

    The sector of smallest |M| holds every manifold once; the ladder J_+ carries the vectors to higher M, where the
    3j symbol of a pair does not vanish. Raises `InputError` when `n_f` is outside 2..13.
    """
    p = parameters
    if not 2 <= p.n_f <= 13:
        raise InputError(
            f"`n_f` must be between 2 and 13, but is {p.n_f}", cure="4f^n ions from Pr3+ to Yb3+ are known."
        )
    space = _Determinants(p.n_f)
    low = p.n_f % 2
    rows = space.rows(low)
    l_plus, s_plus = _ladders()
    scalars = [_scalar(space, rows, k) for k in range(1, 7)]
    spin_up = space.one_body(s_plus.T, rows)
    two_Ms = space.occupation[rows] @ np.array([s for _, s in _ORBITALS])
    spin_squared = (spin_up @ spin_up.T).toarray() + np.diag(two_Ms * (two_Ms + 2) / 4.0)
    l_squared = _L * (_L + 1) * (2 * _L + 1) * scalars[0]
    spin_orbit = _spin_orbit()
    h = p.zeta * space.one_body(spin_orbit, rows)[:, rows].toarray()
    h += p.alpha * l_squared + p.beta * (3 * scalars[0] + 11 * scalars[4]) / 4
    h += p.gamma * (3 * scalars[0] + 7 * scalars[2] + 11 * scalars[4]) / 5
    for k, slater in ((2, p.F2), (4, p.F4), (6, p.F6)):
        h += slater * _c_tensor(k) ** 2 * 0.5 * (scalars[k - 1] - p.n_f / (2 * _L + 1) * np.eye(len(rows)))
    h += _spin_other_orbit(space, rows, (p.M0, p.M2, p.M4)) + _correlated_spin_orbit(space, rows, (p.P2, p.P4, p.P6))
    energies, vectors = np.linalg.eigh(h)
    keep = slice(None, n_levels)
    energies, vectors = energies[keep], vectors[:, keep]
    j_plus = space.one_body((l_plus + s_plus).T, rows)
    two_J = _two_j(np.sum((j_plus.T @ vectors) ** 2, axis=0) + low * (low + 2) / 4.0)
    ids, composition = _term_labels(l_squared, spin_squared, vectors, two_J)
    U, LS2 = _reduced_squares(space, vectors, two_J, low, l_plus + s_plus)
    return FreeIon(ids, composition, two_J, energies - energies[0], U, LS2)


def _scalar(space: _Determinants, rows: np.ndarray, k: int) -> np.ndarray:
    """Dense S_k = sum_q U(k)_q U(k)_q^T between `rows`."""
    out = np.zeros((len(rows), len(rows)))
    for q in range(-k, k + 1):
        u = space.one_body(_unit_tensor(k, q), rows)
        out += (u @ u.T).toarray()
    return out


def _spin_other_orbit(space: _Determinants, rows: np.ndarray, M: Sequence[float]) -> np.ndarray:
    """Spin-spin and spin-other-orbit interaction, `M` = (M0, M2, M4): B. R. Judd, H. M. Crosswhite and H. Crosswhite,
    Phys. Rev. 169, 130 (1968), equations for H_ss and H_soo in the double tensors w(kappa k)."""
    out = np.zeros((len(rows), len(rows)))
    for k, marvin in zip((0, 2, 4), M, strict=True):
        if marvin == 0.0:
            continue
        size = -2.0 * marvin * math.sqrt((k + 1) * (k + 2) * (2 * k + 3)) * _c_tensor(k) * _c_tensor(k + 2)
        out += size * _scalar_pair(space, rows, (1, k), (1, k + 2), 2)
        for rank, c, first, second in ((k, _c_tensor(k), 2, 1), (k + 1, _c_tensor(k + 2), 1, 2)):
            size = marvin * c**2 * math.sqrt((rank + 1) * (2 * _L + rank + 2) * (2 * _L - rank))
            out += size * first * _scalar_pair(space, rows, (0, rank + 1), (1, rank), 1)
            out += size * second * _scalar_pair(space, rows, (0, rank), (1, rank + 1), 1)
    return out


def _scalar_pair(
    space: _Determinants, rows: np.ndarray, first: tuple[int, int], second: tuple[int, int], rank: int
) -> np.ndarray:
    """Dense sum_{i != j} {w_i(first) w_j(second)} coupled to (rank, rank) in (spin, orbit), and that to 0."""

    def coupling(a: int, ma: int, b: int, mb: int, c: int) -> float:
        sign = (-1) ** (a - b + ma + mb)
        return sign * math.sqrt(2 * c + 1) * wigner_3j(2 * a, 2 * b, 2 * c, 2 * ma, 2 * mb, -2 * (ma + mb))

    (kappa_a, k_a), (kappa_b, k_b) = first, second
    out = np.zeros((len(rows), len(rows)))
    spins = itertools.product(range(-kappa_a, kappa_a + 1), range(-kappa_b, kappa_b + 1))
    for (pi_a, pi_b), q_a in itertools.product(spins, range(-k_a, k_a + 1)):
        pi, q_b = pi_a + pi_b, -(pi_a + pi_b) - q_a
        weight = coupling(kappa_a, pi_a, kappa_b, pi_b, rank) * coupling(k_a, q_a, k_b, q_b, rank)
        weight *= coupling(rank, pi, rank, -pi, 0)
        if weight != 0.0:
            tensors = _double_tensor(kappa_a, k_a, pi_a, q_a), _double_tensor(kappa_b, k_b, pi_b, q_b)
            out += weight * space.two_body(*tensors, rows)
    return out


def _correlated_spin_orbit(space: _Determinants, rows: np.ndarray, P: Sequence[float]) -> np.ndarray:
    """Electrostatically correlated spin-orbit interaction, `P` = (P2, P4, P6) in the scale of Judd, Crosswhite and
    Crosswhite (1968): -(P^k/6) sum_{i != j} of C(k)_i.C(k)_j times (s.l)_i, symmetrised."""
    out = np.zeros((len(rows), len(rows)))
    s_l = _spin_orbit()
    for k, pseudo in zip((2, 4, 6), P, strict=True):
        for q in range(-k, k + 1) if pseudo else ():
            u = _unit_tensor(k, q)
            pair = space.two_body(u @ s_l + s_l @ u, (-1) ** q * _unit_tensor(k, -q), rows)
            out -= pseudo / 6.0 * _c_tensor(k) ** 2 * pair
    return out


def _two_j(j_squared: np.ndarray) -> np.ndarray:
    """2J from J(J+1)."""
    return np.rint(np.sqrt(4.0 * j_squared + 1.0) - 1.0).astype(int)


def _term_labels(
    l_squared: np.ndarray, spin_squared: np.ndarray, vectors: np.ndarray, two_J: np.ndarray
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Unique ids from the LS term of greatest weight (`5G5`, then `5G5#2`), and the leading weights as text."""
    _, basis = np.linalg.eigh(l_squared + 1000.0 * spin_squared)
    orbits = _two_j(np.sum(basis * (l_squared @ basis), axis=0)) // 2
    two_S = _two_j(np.sum(basis * (spin_squared @ basis), axis=0))
    terms = sorted(set(zip(two_S.tolist(), orbits.tolist(), strict=True)))
    squares = (basis.T @ vectors) ** 2
    weights = np.array([squares[(two_S == spin) & (orbits == orbit)].sum(axis=0) for spin, orbit in terms])
    names = [f"{spin + 1}{_TERM_LETTERS[orbit]}" for spin, orbit in terms]
    ids, texts, seen = [], [], {}
    for level, doubled in enumerate(two_J.tolist()):
        order = np.argsort(-weights[:, level], kind="stable")
        label = names[order[0]] + (str(doubled // 2) if doubled % 2 == 0 else f"{doubled}/2")
        seen[label] = seen.get(label, 0) + 1
        ids.append(label if seen[label] == 1 else f"{label}#{seen[label]}")
        texts.append(" ".join(f"{names[i]} {weights[i, level]:.2f}" for i in order[:3] if weights[i, level] >= 0.03))
    return tuple(ids), tuple(texts)


def _reduced_squares(
    space: _Determinants, vectors: np.ndarray, two_J: np.ndarray, low: int, j_plus: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Squared reduced elements from the Wigner-Eckart theorem, each pair at the M where its 3j symbol is largest."""
    magnetic = np.diag([m + 0.5 * ELECTRON_G_FACTOR * s for m, s in _ORBITALS])
    operators = ((1, magnetic), *((k, _unit_tensor(k, 0)) for k in (2, 4, 6)))
    ranks = np.array([k for k, _ in operators])
    best = np.zeros((len(operators), len(two_J), len(two_J)))
    values = np.zeros_like(best)
    two_M, rows = low, space.rows(low)
    while True:
        for o, (k, h) in enumerate(operators):
            element = vectors.T @ (space.diagonal(h, rows)[:, None] * vectors)
            kinds, kind = np.unique(two_J, return_inverse=True)
            pairs = itertools.product(kinds.tolist(), repeat=2)
            symbols = [abs(wigner_3j(a, 2 * k, b, -two_M, 0, two_M)) for a, b in pairs]
            geometry = np.reshape(symbols, (len(kinds), len(kinds)))[np.ix_(kind, kind)]
            better = geometry > best[o] + 1e-12
            np.divide(element**2, geometry**2, out=values[o], where=better)
            best[o][better] = geometry[better]
        alive = two_J > two_M
        if not alive.any():
            return np.moveaxis(values[ranks > 1], 0, -1), values[0]
        higher = space.rows(two_M + 2)
        step = space.one_body(j_plus, higher)[:, rows]
        norm = np.sqrt(np.where(alive, (two_J - two_M) * (two_J + two_M + 2) / 4.0, np.inf))
        vectors, rows, two_M = (step @ vectors) / norm, higher, two_M + 2


def read_parameters(path: Path = ION_DATA / "free_ion_parameters.yaml") -> dict[str, tuple[FreeIonParameters, int]]:
    """Ion symbol -> (parameters, number of levels kept), in the order of the file."""
    document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    out = {}
    for ion, row in document["ions"].items():
        values = {key: value for key, value in row.items() if key not in ("levels", "source")}
        out[str(ion)] = (FreeIonParameters.from_racah(**values), int(row["levels"]))
    return out


def read_published(path: Path = ION_DATA / "published_energies.yaml") -> dict[str, dict[str, tuple[float, str]]]:
    """Ion -> level id -> (energy above the ground manifold in cm^-1, reference key)."""
    document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    out: dict[str, dict[str, tuple[float, str]]] = {}
    for ion, blocks in document["ions"].items():
        ground = {key: block["ground_cm1"] for key, block in blocks.items()}
        levels = out.setdefault(str(ion), {})
        for key, block in blocks.items():
            levels.update({str(level): (float(e) - ground[key], key) for level, e in block["energy_cm1"].items()})
    return out


def write_tables(ion: str, solved: FreeIon, published: Mapping[str, tuple[float, str]], folder: Path) -> None:
    """Write `<ion>.csv` (pairs) and `<ion>_levels.csv`, levels ascending in published energy (calculated where none).

    The elements U2, U4, U6 of a level with itself, which say how a crystal field splits it, stand with the levels.

    A published id that the calculation does not give raises `InputError`.
    """
    unknown = sorted(set(published) - set(solved.level_ids))
    if unknown:
        raise InputError(f"published levels of {ion} that the calculation does not give: {', '.join(unknown)}")
    calculated = zip(solved.level_ids, solved.energy_cm1.tolist(), strict=True)
    levels = [published.get(name, (energy, "calculated")) for name, energy in calculated]
    order = sorted(range(len(levels)), key=lambda i: levels[i][0])
    level_rows = [
        (
            solved.level_ids[i],
            int(solved.two_J[i]),
            f"{levels[i][0]:.1f}",
            levels[i][1],
            f"{solved.energy_cm1[i]:.1f}",
            solved.composition[i],
            *(f"{x:.6f}" for x in solved.U[i, i]),
        )
        for i in order
    ]
    pair_rows = []
    for a, b in itertools.combinations(order, 2):
        elements = (*solved.U[a, b], solved.LS2[a, b])
        if max(elements) >= OMITTED_BELOW:
            pair_rows.append((solved.level_ids[a], solved.level_ids[b], *(f"{x:.6f}" for x in elements)))
    head = ("id", "two_J", "energy_cm1", "energy_source", "calculated_cm1", "composition", "U2", "U4", "U6")
    _write_csv(folder / f"{ion}_levels.csv", head, level_rows)
    _write_csv(folder / f"{ion}.csv", ("level_i", "level_j", "U2", "U4", "U6", "LS2"), pair_rows)


def _write_csv(path: Path, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def regenerate(folder: Path = ION_DATA) -> None:
    """Compute every ion of `free_ion_parameters.yaml` and write its two tables into `folder`."""
    published = read_published()
    for ion, (parameters, n_levels) in read_parameters().items():
        write_tables(ion, solve_free_ion(parameters, n_levels), published.get(ion, {}), folder)


if __name__ == "__main__":
    regenerate()
