"""Photons in and photons out of a steady state."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from padesign.kinetics.light import EmittingNetwork
from padesign.types import LogPopulations, Scalar


class PhotonBalance(NamedTuple):
    """Photons per second of one particle: absorbed from the swept beam less those it stimulates, and emitted in all."""

    absorbed_per_s: Scalar
    emitted_per_s: Scalar


def photon_balance(light: EmittingNetwork, u: LogPopulations, log_irradiance: Scalar) -> PhotonBalance:
    """Both from the rates of the network; the quantum yield of a band is its photons over those absorbed."""
    light, u = light.at(u)
    absorbed, emitted = jnp.asarray(0.0), jnp.asarray(0.0)
    blocks = light.network.split(jnp.exp(u))
    for pump, radiative, ions, block in zip(
        light.network.pump, light.radiative_per_s, light.ions_in_cell, blocks, strict=True
    ):
        levels = block.shape[1]
        upward = np.sign(np.arange(levels)[:, None] - np.arange(levels)[None, :])
        absorbed += jnp.exp(log_irradiance) * jnp.einsum("x,xab,ab,xb->", ions, pump, upward, block)
        emitted += jnp.einsum("x,xab,xb->", ions, radiative, block)
    return PhotonBalance(absorbed, emitted)
