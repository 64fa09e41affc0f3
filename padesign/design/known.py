"""Known designs, such as published particles, as places of a design space from which a search may begin."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from padesign.design.space import ABSENT, PRESENT, Choice, DesignSpace, DopantSpace, Fixed, Free, LayerSpace, Value
from padesign.design.trial import Option
from padesign.errors import InputError
from padesign.particle.layers import Layer, Particle

_MOST_COMBINATIONS = 256


@dataclass(frozen=True)
class Known:
    """The design of a space that is nearest to a known particle.

    `thickness_nm` (layers,) and `fraction` (layers, ions) of all layers of the space, 0 where absent; `distance` is the
    sum of |ln| of all factors between the two, 0 when the space holds the particle itself.
    """

    choice: Mapping[str, Option]
    thickness_nm: np.ndarray
    fraction: np.ndarray
    distance: float


def locate(space: DesignSpace, particle: Particle) -> Known | None:
    """Where a particle stands in a space; None when no choice gives its layers, hosts and ions.

    A number outside its range is moved to the nearest limit or option. Of several lasers the first is taken.
    """
    found = [place for present in _presences(space, len(particle.layers)) if (place := _fit(space, present, particle))]
    return min(found, key=lambda place: place.distance, default=None)


def _presences(space: DesignSpace, count: int) -> Iterator[tuple[bool, ...]]:
    """Every way to leave out optional layers such that so many are there."""
    ways = itertools.product(*((True, False) if layer.optional else (True,) for layer in space.layers))
    return (present for present in itertools.islice(ways, _MOST_COMBINATIONS) if sum(present) == count)


def _fit(space: DesignSpace, present: Sequence[bool], particle: Particle) -> Known | None:
    thickness, fraction = np.zeros(len(space.layers)), np.zeros((len(space.layers), len(space.ions)))
    choice: dict[str, Option] = {}
    layers, distance = iter(particle.layers), 0.0
    for k, (spec, there) in enumerate(zip(space.layers, present, strict=True)):
        if spec.optional:
            choice[spec.name] = PRESENT if there else ABSENT
        if not there:
            continue
        layer = next(layers)
        if not _holds(spec, layer):
            return None
        choice[f"{spec.name}.host"] = layer.host
        thickness[k] = _nearest(spec.thickness_nm, layer.thickness_nm)
        distance += abs(math.log(thickness[k] / layer.thickness_nm))
        if isinstance(spec.thickness_nm, Choice):
            choice[f"{spec.name}.thickness_nm"] = thickness[k]
        for dopant in spec.dopants:
            name, share = f"{spec.name}.{dopant.ion}", layer.dopants_mol_percent.get(dopant.ion, 0.0)
            if share <= 0.0:
                choice[name] = ABSENT
                continue
            nearest = _nearest(dopant.mol_percent, share)
            choice[name] = nearest if isinstance(dopant.mol_percent, Choice) else PRESENT
            fraction[k, space.ions.index(dopant.ion)] = 0.01 * nearest
            distance += abs(math.log(nearest / share))
    whole = {name: options[0] for name, options in space.choices.items()}
    choice = whole | {name: option for name, option in choice.items() if name in whole}
    try:
        space.bounds(choice)
    except InputError:
        return None
    return Known(choice, thickness, fraction, distance)


def _holds(spec: LayerSpace, layer: Layer) -> bool:
    """Whether a layer of the space can have this host and these ions, and no others."""
    ions = {ion for ion, share in layer.dopants_mol_percent.items() if share > 0.0}
    needed = {dopant.ion for dopant in spec.dopants if not _may_be_without(dopant)}
    return layer.host in spec.hosts and needed <= ions <= {dopant.ion for dopant in spec.dopants}


def _may_be_without(dopant: DopantSpace) -> bool:
    return dopant.optional or _nearest(dopant.mol_percent, 0.0) <= 0.0


def _nearest(value: Value, wanted: float) -> float:
    if isinstance(value, Free):
        return min(max(wanted, value.low), value.high)
    return value.value if isinstance(value, Fixed) else min(value.options, key=lambda option: abs(option - wanted))
