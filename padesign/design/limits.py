"""What a laboratory limits about a particle as a whole: dopants, lattice mismatch, steps of its synthesis."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import jax
import numpy as np

from padesign.parameters import load_host, mismatch_percent
from padesign.particle.layers import Particle

Numbers = TypeVar("Numbers", np.ndarray, jax.Array)
_ROUND_OFF = 1e-6


@dataclass(frozen=True)
class Limits:
    """Largest allowed values; None does not limit. Dopants of one layer are limited by its `LayerSpace`.

    `dopant_mol_percent`: dopants of the whole particle, of its cation sites. `lattice_mismatch_percent`: between any
    two neighbouring layers (`mismatch_percent`). `synthesis_steps`: growth steps, see `synthesis_steps`.
    """

    dopant_mol_percent: float | None = None
    lattice_mismatch_percent: float | None = None
    synthesis_steps: int | None = None

    def refusal(self, hosts: Sequence[str]) -> tuple[str, str] | None:
        """Why layers of these hosts, from the core outward, cannot be grown within the limits, and the cure."""
        if self.synthesis_steps is not None and len(hosts) > self.synthesis_steps:
            what = f"{len(hosts)} layers need {len(hosts)} growth steps, more than max_synthesis_steps"
            return f"{what} {self.synthesis_steps}", "make layers optional, or allow more steps"
        if self.lattice_mismatch_percent is None:
            return None
        for core, shell in itertools.pairwise(hosts):
            mismatch = host_mismatch_percent(core, shell)
            if mismatch > self.lattice_mismatch_percent:
                what = f"{shell} on {core} has {mismatch_words(mismatch)}, more than max_lattice_mismatch_percent"
                return f"{what} {self.lattice_mismatch_percent:g}", "offer hosts that fit, or allow more mismatch"
        return None

    def numbers(self, particle: Particle) -> dict[str, float]:
        """What is limited, as it is in a finished particle."""
        found = {}
        if self.dopant_mol_percent is not None:
            found["dopant_mol_percent"] = dopant_mol_percent(particle)
        if self.lattice_mismatch_percent is not None:
            found["lattice_mismatch_percent"] = largest_mismatch_percent([layer.host for layer in particle.layers])
        if self.synthesis_steps is not None:
            found["synthesis_steps"] = float(synthesis_steps(particle))
        return found

    def excess(self, particle: Particle) -> dict[str, float]:
        """By how much each limit is broken; 0 or less is kept."""
        return {name: beyond(number, float(getattr(self, name))) for name, number in self.numbers(particle).items()}


NO_LIMITS = Limits()


def beyond(number: float, limit: float) -> float:
    """By how much a number is above a limit; round-off is not above it."""
    over = number - limit
    return 0.0 if 0.0 < over <= _ROUND_OFF * limit else over


def synthesis_steps(particle: Particle) -> int:
    """Growth steps: the core and every shell, each a stage of the recipe with a work-up of its own."""
    return len(particle.layers)


def host_mismatch_percent(core: str, shell: str) -> float:
    """Lattice mismatch of a host grown on another one; infinite where no common lattice is known."""
    if core == shell:
        return 0.0
    found = mismatch_percent(load_host(core), load_host(shell))
    return math.inf if found is None else found


def largest_mismatch_percent(hosts: Sequence[str]) -> float:
    """The largest mismatch of neighbouring layers; 0 for a core alone."""
    return max((host_mismatch_percent(core, shell) for core, shell in itertools.pairwise(hosts)), default=0.0)


def mismatch_words(percent: float) -> str:
    """A mismatch for people."""
    if math.isinf(percent):
        return "no common crystal system with known lattice constants"
    return f"a lattice mismatch of {percent:.2g} %"


def cation_weights(thickness_nm: Numbers, density_nm3: np.ndarray) -> Numbers:
    """Share of every layer (layers,) in the cation sites of a particle; `density_nm3` of sites in every layer."""
    outer = thickness_nm.cumsum()
    sites = density_nm3 * (outer**3 - (outer - thickness_nm) ** 3)
    return sites / sites.sum()


def cation_density_nm3(host: str) -> float:
    """Dopable cations of a host per nm^3, from its lattice."""
    return load_host(host).cation_density_nm3


def dopant_mol_percent(particle: Particle) -> float:
    """Dopants of a whole particle in mol% of its cation sites."""
    thickness = np.array([layer.thickness_nm for layer in particle.layers])
    density = np.array([cation_density_nm3(layer.host) for layer in particle.layers])
    totals = np.array([sum(layer.dopants_mol_percent.values()) for layer in particle.layers])
    return float(cation_weights(thickness, density) @ totals)
