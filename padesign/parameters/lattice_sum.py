"""The sum of r^-6 over the cation sites of a lattice, and the distance that gives mean field this sum."""

from __future__ import annotations

import math

import numpy as np

from padesign.errors import InputError
from padesign.parameters.hosts import Host


def lattice_sum_per_nm6(host: Host, reach_nm: float = 6.0) -> float:
    """Sum of r^-6 [nm^-6] over the sites around one, each times the share of dopable cations, mean over these.

    Sites beyond the reach count as a continuum. A host without places of its sites raises `InputError`.
    """
    if host.lattice_nm is None or host.angles_deg is None or not host.sites:
        raise InputError(f"the places of the cation sites of {host.name} are not on record")
    edges = _edges_nm(host.lattice_nm, host.angles_deg)
    places, held = np.array([site[:3] for site in host.sites]) @ edges, np.array([site[3] for site in host.sites])
    heights = abs(np.linalg.det(edges)) / np.linalg.norm(np.cross(edges[[1, 2, 0]], edges[[2, 0, 1]]), axis=1)
    count = np.ceil(reach_nm / heights).astype(int) + 1
    cells = np.stack(np.meshgrid(*(np.arange(-n, n + 1) for n in count), indexing="ij"), axis=-1).reshape(-1, 3) @ edges
    total = 0.0
    for place, weight in zip(places, held, strict=True):
        for other, share in zip(places, held, strict=True):
            square = ((cells + other - place) ** 2).sum(axis=1)
            square = square[(square > 1e-9) & (square < reach_nm**2)]
            total += weight * share * float((square**-3).sum())
    return total / held.sum() + 4.0 * math.pi * host.cation_density_nm3 / (3.0 * reach_nm**3)


def mean_field_distance_nm(host: Host) -> float:
    """r with 4 pi n/(3 r^3) the lattice's sum: beyond it a continuum of the same density transfers as the sites do."""
    return float((4.0 * math.pi * host.cation_density_nm3 / (3.0 * lattice_sum_per_nm6(host))) ** (1.0 / 3.0))


def _edges_nm(lengths: tuple[float, float, float], angles_deg: tuple[float, float, float]) -> np.ndarray:
    """Edges (3, xyz) of the cell; a along x, b in the xy plane."""
    (a, b, c), (alpha, beta, gamma) = lengths, (math.radians(angle) for angle in angles_deg)
    x = math.cos(beta)
    y = (math.cos(alpha) - math.cos(beta) * math.cos(gamma)) / math.sin(gamma)
    z = math.sqrt(1.0 - x * x - y * y)
    return np.array([[a, 0.0, 0.0], [b * math.cos(gamma), b * math.sin(gamma), 0.0], [c * x, c * y, c * z]])
