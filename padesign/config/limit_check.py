"""Limits that no design can keep: told with the line of the limit, before anything is computed."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from padesign.config.check import least_total, options
from padesign.config.quantity import Path, Problem
from padesign.config.values import Range
from padesign.parameters import load_host, mismatch_percent

if TYPE_CHECKING:
    from padesign.config.blocks.particle import ParticleSpec

_LAYER: Path = ("max_dopant_mol_percent",)
_SHOWN = 4


def layer_limit_problems(dopants: Mapping[str, Any], limit: float | None) -> list[Problem]:
    """A limit of one layer's dopants below what they need, or of none."""
    if limit is None:
        return []
    if not dopants:
        return [Problem(_LAYER, "limits nothing: the layer has no dopants", "remove it")]
    total = least_total(dopants)
    if total > limit + 1e-9:
        what = f"is {limit:g} mol%, but the dopants of the layer hold at least {total:g} mol%"
        return [Problem(_LAYER, what, "raise it, or lower the minima of the dopants")]
    if total > limit - 1e-9 and any(isinstance(value, Range) for value in dopants.values()):
        what = f"is {limit:g} mol%, which the smallest values of the dopants already hold"
        return [Problem(_LAYER, what, "raise it, lower the minima, or give the dopants one number each")]
    return []


def dopant_problems(particle: ParticleSpec) -> Iterable[Problem]:
    """A limit of the whole particle's dopants below what one of its layers needs."""
    limit = particle.max_dopant_mol_percent
    if limit is None:
        return
    for layer in particle.layers:
        if not layer.optional and (total := least_total(layer.dopants_mol_percent)) > limit + 1e-9:
            what = f"is {limit:g} mol%, but layer {layer.name} alone holds at least {total:g} mol%"
            yield Problem(
                _LAYER, what, f"raise it, or lower the minima of {layer.name}: sizes do not bend to this limit"
            )
            return


def growth_problems(particle: ParticleSpec) -> Iterable[Problem]:
    """More layers than growth steps, or no hosts that fit on each other, whatever is chosen."""
    steps, mismatch = particle.max_synthesis_steps, particle.max_lattice_mismatch_percent
    needed = sum(not layer.optional for layer in particle.layers)
    if steps is not None and needed > steps:
        what = f"is {steps}, but {needed} layers are always there, and each is grown in a step of its own"
        yield Problem(("max_synthesis_steps",), what, "raise it, or make layers `optional`")
        return
    if mismatch is None:
        return
    fewest = _fewest_layers(particle, mismatch)
    if not fewest:
        what = f"is {mismatch:g} percent, but no choice of hosts fits: {_pairs(particle)}"
        yield Problem(("max_lattice_mismatch_percent",), what, "raise it, or offer hosts that fit on each other")
    elif steps is not None and min(fewest.values()) > steps:
        what = f"is {steps}, but hosts that fit on each other need {min(fewest.values())} layers"
        yield Problem(("max_synthesis_steps",), what, "raise it, or `max_lattice_mismatch_percent`")


def _fewest_layers(particle: ParticleSpec, limit: float) -> dict[str, int]:
    """By host of the outermost layer, how few layers a particle can have; empty where none can be grown."""
    reached = dict.fromkeys(options(particle.layers[0].host), 1)
    for layer in particle.layers[1:]:
        grown: dict[str, int] = {}
        for shell in options(layer.host):
            below = [count for core, count in reached.items() if _mismatch(core, shell) <= limit]
            if below:
                grown[shell] = min(below) + 1
        if layer.optional:
            grown = {host: min(found.get(host, 99) for found in (grown, reached)) for host in {**reached, **grown}}
        reached = grown
    return reached


def _mismatch(core: str, shell: str) -> float:
    found = 0.0 if core == shell else mismatch_percent(load_host(core), load_host(shell))
    return math.inf if found is None else found


def _pairs(particle: ParticleSpec) -> str:
    """Mismatches of hosts that may follow each other."""
    words: dict[str, None] = {}
    for k, inner in enumerate(particle.layers):
        for outer in particle.layers[k + 1 :]:
            for core, shell in itertools.product(options(inner.host), options(outer.host)):
                found = _mismatch(core, shell)
                told = "no common crystal system" if math.isinf(found) else f"{found:.2g} %"
                words[f"{shell} on {core} {told}"] = None
            if not outer.optional:
                break
    shown = list(words)[:_SHOWN]
    return ", ".join([*shown, *["..."] * (len(words) > len(shown))])
