"""What lies outside a particle, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Acceptors:
    """Acceptors at the surface that hold one excitation at a time: number per nm^2, and time until they are free."""

    per_nm2: float
    recovery_s: float


@dataclass(frozen=True)
class Surroundings:
    """Index of the medium (None: rates of the bulk host), ligand (None: losses of the parameter set), acceptors."""

    refractive_index: float | None = None
    ligand: str | None = None
    saturable_acceptors: Acceptors | None = None


BULK = Surroundings()
