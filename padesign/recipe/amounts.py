"""How much of what: spheres, cations and shells. Exact geometry, no typical values.

A particle is a sphere; `density` is the number of dopable cation sites per volume [nm^-3] of a host.
"""

from __future__ import annotations

import math

from padesign.constants import AVOGADRO_per_mol

SITES_PER_mmol = AVOGADRO_per_mol * 1e-3


def sphere_volume_nm3(diameter_nm: float) -> float:
    return math.pi / 6.0 * diameter_nm**3


def cation_sites(diameter_nm: float, density_nm3: float) -> float:
    """Dopable cation sites in one sphere."""
    return density_nm3 * sphere_volume_nm3(diameter_nm)


def particles(core_mmol: float, diameter_nm: float, density_nm3: float) -> float:
    """Particles that `core_mmol` of cations make: mmol * 6.022e20 / (density pi d^3 / 6)."""
    return core_mmol * SITES_PER_mmol / cation_sites(diameter_nm, density_nm3)


def shell_ratio(seed_nm: float, thickness_nm: float, shell_density_nm3: float, seed_density_nm3: float) -> float:
    """Cations in a shell per cation in the seed: rho_s/rho_c ((d + 2t)^3 - d^3) / d^3."""
    volume = (seed_nm + 2.0 * thickness_nm) ** 3 - seed_nm**3
    return shell_density_nm3 / seed_density_nm3 * volume / seed_nm**3


def shell_mmol(n_particles: float, seed_nm: float, thickness_nm: float, density_nm3: float) -> float:
    """Cations [mmol] that put a shell of `thickness_nm` on `n_particles` seeds of diameter `seed_nm`."""
    volume = sphere_volume_nm3(seed_nm + 2.0 * thickness_nm) - sphere_volume_nm3(seed_nm)
    return n_particles * density_nm3 * volume / SITES_PER_mmol


def extra_thickness_nm(seed_nm: float, thickness_nm: float, excess: float = 0.10) -> float:
    """How much thicker [nm] a shell grows when `excess` (a fraction) more precursor is added than planned."""
    outer = (seed_nm + 2.0 * thickness_nm) ** 3
    return 0.5 * ((outer + excess * (outer - seed_nm**3)) ** (1.0 / 3.0) - outer ** (1.0 / 3.0))
