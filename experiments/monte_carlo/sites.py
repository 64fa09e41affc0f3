"""Where ions sit, on the cation sites of a lattice or anywhere, in a sphere or a periodic box; who is near."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.spatial import KDTree

from padesign.parameters.hosts import load_host

HOST = "beta-NaYF4"


class Cell(NamedTuple):
    """Orthogonal cell of the lattice: lengths (3,) [nm], places (sites, 3) [nm], share of rare earths (sites,)."""

    lengths: np.ndarray
    places: np.ndarray
    share: np.ndarray


class Neighbours(NamedTuple):
    """Neighbours of every ion, nearest first: those of ion i are `ion[start[i]:start[i+1]]` at `distance_nm`."""

    start: np.ndarray
    ion: np.ndarray
    distance_nm: np.ndarray


def orthogonal_cell() -> Cell:
    """The hexagonal lattice as a rectangular cell a, a sqrt(3), c of two primitive cells."""
    host = load_host(HOST)
    if host.lattice_nm is None:
        raise RuntimeError(f"{HOST} has no lattice on record")
    a, _, c = host.lattice_nm
    lengths = np.array([a, a * math.sqrt(3.0), c])
    second = np.array([0.5 * a, 0.5 * a * math.sqrt(3.0), 0.0])
    places, share = [], []
    for x, y, z, held in host.sites:
        first = np.array([(x - 0.5 * y) * a, 0.5 * y * a * math.sqrt(3.0), z * c])
        places += [first % lengths, (first + second) % lengths]
        share += [held, held]
    return Cell(lengths, np.array(places), np.array(share))


def lattice_box(rng: np.random.Generator, fraction: float, ions: int) -> tuple[np.ndarray, np.ndarray]:
    """About `ions` ions on lattice sites of a periodic box: positions (ions, 3) and lengths (3,) [nm].

    Every site has a rare earth with its share, and that is a dopant with probability `fraction`, independently.
    """
    cell = orthogonal_cell()
    side = (ions * cell.lengths.prod() / (fraction * cell.share.sum())) ** (1.0 / 3.0)
    count = np.maximum(np.round(side / cell.lengths).astype(int), 1)
    return _occupied(rng, cell, [np.arange(n) for n in count], fraction), count * cell.lengths


def lattice_sphere(rng: np.random.Generator, fraction: float, radius_nm: float) -> np.ndarray:
    """Ions (ions, 3) on lattice sites inside a sphere about the origin, which lies anywhere in the cell."""
    cell = orthogonal_cell()
    reach = np.ceil(radius_nm / cell.lengths).astype(int) + 1
    places = _occupied(rng, cell, [np.arange(-n, n + 1) for n in reach], fraction) + rng.random(3) * cell.lengths
    return places[(places**2).sum(axis=1) <= radius_nm**2]


def _occupied(rng: np.random.Generator, cell: Cell, counts: list[np.ndarray], fraction: float) -> np.ndarray:
    corners = np.stack(np.meshgrid(*counts, indexing="ij"), axis=-1).reshape(-1, 1, 3) * cell.lengths
    here = rng.random((len(corners), len(cell.share))) < cell.share * fraction
    return (corners + cell.places)[here]


def random_box(rng: np.random.Generator, density_nm3: float, ions: int) -> tuple[np.ndarray, np.ndarray]:
    """The same of ions anywhere, independent of each other, as the transfer law has them."""
    lengths = np.full(3, (ions / density_nm3) ** (1.0 / 3.0))
    return rng.random((ions, 3)) * lengths, lengths


def neighbours(
    places_nm: np.ndarray, reach_nm: float, box_nm: np.ndarray | None = None, nearest_nm: float = 0.0
) -> Neighbours:
    """All pairs between `nearest_nm` and `reach_nm`, in the nearest image of a periodic box if there is one."""
    if box_nm is not None and np.any(reach_nm > 0.5 * box_nm):
        raise ValueError(f"a reach of {reach_nm} nm exceeds half of the box {box_nm}")
    pairs = KDTree(places_nm if box_nm is None else places_nm % box_nm, boxsize=box_nm)
    found = pairs.query_pairs(reach_nm, output_type="ndarray")
    apart = places_nm[found[:, 0]] - places_nm[found[:, 1]]
    if box_nm is not None:
        apart -= box_nm * np.round(apart / box_nm)
    distance = np.sqrt((apart**2).sum(axis=1))
    found, distance = found[distance >= nearest_nm], distance[distance >= nearest_nm]
    first = np.concatenate([found[:, 0], found[:, 1]])
    second = np.concatenate([found[:, 1], found[:, 0]])
    distance = np.concatenate([distance, distance])
    order = np.lexsort((distance, first))
    start = np.searchsorted(first[order], np.arange(len(places_nm) + 1))
    return Neighbours(start.astype(np.int64), second[order].astype(np.int64), distance[order])
