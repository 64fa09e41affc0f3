"""One design in full: a space without anything free, as the numbers that a compiled program takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp

from padesign.design.scene import Hosts, Scene
from padesign.design.space import DesignSpace
from padesign.kinetics.particle_network import Conditions, Geometry, Signature
from padesign.parameters import load_parameter_set


class FixedDesign(NamedTuple):
    """What programs of `padesign.design` take, in their order; `hosts`: parameter values of every host slot."""

    signature: Signature
    scene: Scene
    geometry: Geometry
    hosts: Hosts
    conditions: Conditions


def fixed_design(
    space: DesignSpace, scene: Scene, parameter_sets: Mapping[str, str], cells_per_layer: int | None = None
) -> FixedDesign:
    """The one design of a space, by default on the judging grid."""
    sets = dict(parameter_sets)
    cells = scene.judge_cells_per_layer if cells_per_layer is None else cells_per_layer
    return FixedDesign(
        space.signature(cells, sets),
        scene,
        fixed_geometry(space),
        set_values(space, sets),
        scene.conditions(space.wavelengths_nm[0]),
    )


def fixed_geometry(space: DesignSpace) -> Geometry:
    """The numbers of a space that holds one design."""
    bounds = space.bounds({})
    return Geometry(
        jnp.asarray(bounds.thickness_low_nm), jnp.asarray(bounds.fraction_low), jnp.asarray(space.interface_mixing_nm)
    )


def set_values(space: DesignSpace, parameter_sets: Mapping[str, str]) -> Hosts:
    """Parameter values of every host slot of a space without choices."""
    sets = [load_parameter_set(parameter_sets.get(name, name)) for name in space.slot_hosts({})]
    return tuple({key: jnp.asarray(value, dtype=float) for key, value in one.values.items()} for one in sets)
