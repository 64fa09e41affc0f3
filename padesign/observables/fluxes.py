"""Where the excitations of a steady state go: populations of the levels and events per second of every process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import jax.numpy as jnp
import numpy as np

from padesign.kinetics.light import EmittingNetwork
from padesign.types import LogPopulations

Step = tuple[int, int, int]
"""One ion's part of a process: species, level before, level after."""
Kind = Literal["absorption", "stimulated emission", "radiative", "nonradiative", "fed without the beam", "transfer"]
_ROUNDS = 40


@dataclass(frozen=True)
class Flux:
    """Events per second in one particle. A transfer has the steps of both ions (of one, if the other stays)."""

    kind: Kind
    steps: tuple[Step, ...]
    per_s: float

    def text(self, light: EmittingNetwork) -> str:
        """`Tm:3H4 + Tm:3H6 -> Tm:3F4 + Tm:3F4`."""

        def name(s: int, k: int) -> str:
            return f"{light.levels[s][0]}:{light.levels[s][1][k]}"

        steps = sorted(self.steps, key=lambda step: step[2] - step[1])  # who gives comes first
        before = " + ".join(name(s, start) for s, start, _ in steps)
        return f"{before} -> {' + '.join(name(s, end) for s, _, end in steps)}"


def mean_populations(light: EmittingNetwork, u: LogPopulations) -> list[np.ndarray]:
    """Fraction of all ions of each kind in each of its levels."""
    found = []
    for block, ions in zip(light.network.split(jnp.exp(u)), light.ions_in_cell, strict=True):
        held = np.asarray(ions)
        found.append(held @ np.asarray(block) / max(held.sum(), 1e-300))
    return found


def fluxes(
    light: EmittingNetwork,
    u: LogPopulations,
    irradiance_W_per_cm2: float,
    weights: Mapping[tuple[Step, Step], float] | None = None,
) -> list[Flux]:
    """Every process that happens, most frequent first; exchanges, which leave the ions as they were, are left out.

    The network keeps each ion's part of a transfer. Parts are joined so that the events of both add up, in proportion
    to the `weights` of the pairs of steps (donor's first), or evenly where there are none.
    """
    light, u = light.at(u)
    network = light.network
    p = np.exp(np.asarray(u))
    blocks = [np.asarray(block) for block in network.split(jnp.exp(u))]
    found: list[Flux] = []
    for s, block in enumerate(blocks):
        held = np.asarray(light.ions_in_cell[s])[:, None, None] * block[:, None, :]
        beam = (held * irradiance_W_per_cm2 * np.asarray(network.pump[s])).sum(axis=0)
        bright = (held * np.asarray(light.radiative_per_s[s])).sum(axis=0)
        dark = (held * np.asarray(network.dark[s])).sum(axis=0) - bright
        up = np.tri(block.shape[1], k=-1) > 0.0  # [to, from] with the higher level as the end
        found += _of(s, "absorption", beam * up) + _of(s, "stimulated emission", beam * ~up)
        found += _of(s, "radiative", bright)
        found += _of(s, "nonradiative", dark * ~up) + _of(s, "fed without the beam", dark * up)
    found += _transfers(light, blocks, p, weights)
    return sorted(found, key=lambda one: -one.per_s)


def net(found: Sequence[Flux]) -> list[Flux]:
    """Processes without the beam less their reverse ones; where the two balance within 1e-9 both vanish."""
    without_beam = {"nonradiative", "fed without the beam", "transfer"}
    gross = {(one.kind == "transfer", tuple(sorted(one.steps))): one for one in found if one.kind in without_beam}
    kept = []
    for one in found:
        back = tuple(sorted((s, end, start) for s, start, end in one.steps))
        reverse = gross.get((one.kind == "transfer", back)) if one.kind in without_beam else None
        left = one.per_s - (reverse.per_s if reverse is not None else 0.0)
        if left > 1e-9 * one.per_s:
            kept.append(replace(one, per_s=left))
    return sorted(kept, key=lambda one: -one.per_s)


def _of(s: int, kind: Kind, events: np.ndarray) -> list[Flux]:
    ends, starts = np.nonzero(events > 0.0)
    return [Flux(kind, ((s, int(b), int(a)),), float(events[a, b])) for a, b in zip(ends, starts, strict=True)]


def _transfers(
    light: EmittingNetwork, blocks: list[np.ndarray], p: np.ndarray, weights: Mapping[tuple[Step, Step], float] | None
) -> Iterator[Flux]:
    """Transfers of every pair of levels."""
    owners = [(s, k) for s, block in enumerate(blocks) for _ in range(block.shape[0]) for k in range(block.shape[1])]
    partners = sorted(set(owners))
    gather = np.array([[owner == one for one in partners] for owner in owners], dtype=float)
    parts = {}
    for s, block in enumerate(blocks):
        held = np.asarray(light.ions_in_cell[s])[:, None] * block
        per_partner = (np.asarray(light.network.transfer[s]) * p) @ gather
        rates = np.einsum("xabn,xb->abn", per_partner, held)
        for n, partner in enumerate(partners):
            for b in range(block.shape[1]):
                parts[(s, b), partner] = rates[:, b, n]
    for (first, second), mine in parts.items():
        if first > second or not mine.any():
            continue
        theirs = parts[second, first]
        yield from _joined(first, second, mine, theirs, weights)


def _joined(
    first: tuple[int, int],
    second: tuple[int, int],
    mine: np.ndarray,
    theirs: np.ndarray,
    weights: Mapping[tuple[Step, Step], float] | None,
) -> Iterator[Flux]:
    """Events by both ends, with the sums over either given: iterative proportional fitting of the weights."""
    if not theirs.any():
        yield from _of(first[0], "transfer", _column(mine, first[1]))
        return
    events = np.ones((mine.size, theirs.size))
    if weights is not None:
        for a in range(mine.size):
            for m in range(theirs.size):
                one, other = (*first, a), (*second, m)
                events[a, m] = weights.get((one, other), 0.0) + weights.get((other, one), 0.0)
    for _ in range(_ROUNDS):
        events *= _ratio(mine, events.sum(axis=1))[:, None]
        events *= _ratio(theirs, events.sum(axis=0))[None, :]
    for a, m in zip(*np.nonzero(events > 0.0), strict=True):
        exchange = first[0] == second[0] and (a, m) == (second[1], first[1])
        twice = first == second and a > m
        if not exchange and not twice:
            share = 0.5 if first == second and a == m else 1.0
            yield Flux("transfer", ((*first, int(a)), (*second, int(m))), share * float(events[a, m]))


def _ratio(wanted: np.ndarray, have: np.ndarray) -> np.ndarray:
    return np.divide(wanted, have, out=np.zeros_like(wanted), where=have > 0.0)


def _column(events: np.ndarray, start: int) -> np.ndarray:
    whole = np.zeros((events.size, events.size))
    whole[:, start] = events
    return whole
