"""The particles that the benchmarks solve: about 12, 90 and 220 unknowns, Tm with a Yb/Tm shell at 1064 nm."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp

from padesign.kinetics.particle_network import Conditions, Geometry, Signature
from padesign.parameters import load_parameter_set

HOST = "beta-NaYF4"
BAND = "Tm:3H4 -> Tm:3H6"


class System(NamedTuple):
    """What a particle is made of, and the numbers to build it with."""

    signature: Signature
    geometry: Geometry
    values: dict
    conditions: Conditions


def system(name: str) -> System:
    """One of `SYSTEMS`."""
    ions, presence, cells, max_level, fraction = SYSTEMS[name]
    signature = Signature(ions, presence, cells, (0,) * len(cells), (HOST,), max_level)
    values = {key: jnp.asarray(value, dtype=float) for key, value in load_parameter_set(HOST).values.items()}
    thickness = jnp.array([8.5, 5.6]) if len(cells) == 2 else jnp.array([8.5, 3.0, 5.6])
    geometry = Geometry(thickness, jnp.array(fraction), jnp.asarray(0.5))
    return System(signature, geometry, values, Conditions(jnp.asarray(1064.0), jnp.asarray(295.0)))


_SHELL = [[0.0, 0.08], [0.2, 0.02], [0.0, 0.0]]
_IN_BOTH = ((True, True), (True, True), (False, False))
SYSTEMS = {
    "12 unknowns": (("Tm",), ((True,), (False,)), (1, 0), 40000.0, [[0.08], [0.0]]),
    "90 unknowns": (("Yb", "Tm"), _IN_BOTH, (4, 5, 0), 30000.0, _SHELL),
    "220 unknowns": (("Yb", "Tm"), _IN_BOTH, (11, 11, 0), 30000.0, _SHELL),
}
