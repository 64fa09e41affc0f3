"""A rate network together with what turns its populations into light: emission rates, numbers of ions, energies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from difflib import get_close_matches

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from padesign.errors import InputError
from padesign.kinetics.heated import HeatedNetwork
from padesign.kinetics.network import AbstractNetwork, RateNetwork
from padesign.types import LogPopulations


@dataclass(frozen=True)
class Band:
    """One emission line: `species` and level positions inside it; `label` is "Tm:3H4 -> Tm:3H6"."""

    label: str
    species: int
    upper: int
    lower: int


class EmittingNetwork(eqx.Module):
    """`radiative_per_s[s]` (cells, levels, levels) spontaneous emission [to, from], `ions_in_cell[s]` (cells,).

    `energies_cm1[s]` (levels,) in the host of the first layer, NaN where a hand-written network gives none.
    `levels` names the levels of every species, in the order of the network. `network` holds at the temperature of the
    surroundings; a particle that light warms has its whole system in `heated`.
    """

    network: RateNetwork
    radiative_per_s: tuple[Float[Array, "cells levels levels"], ...]
    ions_in_cell: tuple[Float[Array, " cells"], ...]
    energies_cm1: tuple[Float[Array, " levels"], ...]
    levels: tuple[tuple[str, tuple[str, ...]], ...] = eqx.field(static=True)
    heated: HeatedNetwork | None = None

    @property
    def system(self) -> AbstractNetwork:
        """What steady states solve."""
        return self.network if self.heated is None else self.heated

    def at(self, u: LogPopulations) -> tuple[EmittingNetwork, LogPopulations]:
        """The network at the temperature of a steady state, and its log populations alone."""
        network, populations = self.system.frozen(u)
        return replace(self, network=network, heated=None), populations

    def weights(self, band: Band) -> Float[Array, " n_unknowns"]:
        """Photons per second of the band for each unknown at population 1: number of ions times emission rate.

        A temperature among the unknowns emits nothing.
        """
        blocks = []
        for s, (radiative, ions) in enumerate(zip(self.radiative_per_s, self.ions_in_cell, strict=True)):
            block = jnp.zeros(radiative.shape[:2])
            if s == band.species:
                upper = np.arange(radiative.shape[1]) == band.upper
                block = ions[:, None] * radiative[:, band.lower] * upper
            blocks.append(block.ravel())
        return jnp.pad(jnp.concatenate(blocks), (0, self.system.n_unknowns - self.network.n_unknowns))

    def wavelength_nm(self, band: Band) -> Float[Array, ""]:
        """Vacuum wavelength of the band's barycentre."""
        energies = self.energies_cm1[band.species]
        return 1e7 / (energies[band.upper] - energies[band.lower])


def find_band(levels: tuple[tuple[str, tuple[str, ...]], ...], label: str) -> Band:
    """The band "Tm:3H4 -> Tm:3H6" of a network with these levels; raises `InputError` with the nearest names."""
    upper_text, _, lower_text = (part.strip() for part in label.partition("->"))
    known = {f"{ion}:{level}": (s, k) for s, (ion, ids) in enumerate(levels) for k, level in enumerate(ids)}
    for text in (upper_text, lower_text):
        if text not in known:
            near = get_close_matches(text, known, 1)
            cure = f"did you mean `{near[0]}`?" if near else f"levels here: {', '.join(known)}"
            raise InputError(
                f"the emission `{label}` names `{text}`, a level that this system does not have", cure=cure
            )
    (species, upper), (other, lower) = known[upper_text], known[lower_text]
    if species != other or upper <= lower:
        raise InputError(
            f"the emission `{label}` must go from a level of an ion to a lower level of the same ion",
            cure='write it as "Tm:3H4 -> Tm:3H6"',
        )
    return Band(f"{upper_text} -> {lower_text}", species, upper, lower)


def visible_order(light: EmittingNetwork, shortest_nm: float, longest_nm: float, least_share: float) -> list[Band]:
    """Bands between two wavelengths whose branching ratio is at least `least_share`, by species and energy."""
    bands = []
    for s, (ion, ids) in enumerate(light.levels):
        total = np.asarray(light.radiative_per_s[s]).max(axis=0)
        energies = np.asarray(light.energies_cm1[s])
        for upper in range(1, len(ids)):
            share = total[:, upper] / max(total[:, upper].sum(), 1e-300)
            for lower in range(upper):
                gap = energies[upper] - energies[lower]
                seen = np.isnan(gap) or (gap > 0.0 and shortest_nm <= 1e7 / gap <= longest_nm)
                if total[lower, upper] > 0.0 and share[lower] >= least_share and seen:
                    bands.append(Band(f"{ion}:{ids[upper]} -> {ion}:{ids[lower]}", s, upper, lower))
    return bands
