"""Surface acceptors that can be filled: a species of their own, which makes the loss to the surface saturate.

Each acceptor takes one excitation and is free again after its recovery time, so that surface losses are proportional to
the share of empty acceptors: the second-order loss that can make an avalanche bistable.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array

from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.network import RateNetwork
from padesign.types import Scalar

ACCEPTOR = "acceptor"
LEVELS = ("empty", "filled")


def with_saturable_acceptors(
    light: EmittingNetwork, surface_per_s: Sequence[Array], count: Scalar, recovery_s: float
) -> EmittingNetwork:
    """The network with `count` acceptors per particle; `surface_per_s[s]` (cells, to, from) are its losses when empty.

    Every loss event fills one acceptor; energy is not followed further. With a recovery time of zero the losses are
    those of the network without acceptors.
    """
    network = light.network
    n = network.n_unknowns
    dark, transfer, filling = [], [], []
    for rates, seen, lost, ions in zip(network.dark, network.transfer, surface_per_s, light.ions_in_cell, strict=True):
        dark.append(rates - lost)
        to_empty = jnp.stack([lost, jnp.zeros_like(lost)], axis=-1)
        transfer.append(jnp.concatenate([seen, to_empty], axis=-1))
        filling.append((ions[:, None] * lost.sum(axis=1) / count).ravel())
    empties = jnp.zeros((1, 2, 2)).at[0, 0, 1].set(1.0 / recovery_s)
    takes = jnp.zeros((1, 2, 2, n + 2)).at[0, 1, 0, :n].set(jnp.concatenate(filling))
    none = jnp.zeros((1, 2, 2))
    return EmittingNetwork(
        RateNetwork(
            (*dark, empties),
            (*network.pump, none),
            (*transfer, takes),
            (*network.labels, *(f"{ACCEPTOR}:{level}@surface" for level in LEVELS)),
        ),
        (*light.radiative_per_s, none),
        (*light.ions_in_cell, count[None]),
        (*light.energies_cm1, jnp.full(2, jnp.nan)),
        (*light.levels, (ACCEPTOR, LEVELS)),
    )
