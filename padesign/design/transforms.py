"""From unconstrained numbers to a particle that can exist, and back.

Every number lies between its limits by a logistic bijection. What must not exceed a total (the radius, 100 mol% of a
layer) is dealt in turn: each number may take what the total leaves after the ones before it and the least of the ones
after it, so every design keeps every limit by construction.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from padesign.design.space import Bounds
from padesign.kinetics.particle_network import Geometry
from padesign.types import ScalarLike

_EDGE = 0.02
"""Starts keep this relative distance from the limits, where a logistic has no slope."""


class Unconstrained(NamedTuple):
    """Free real numbers: `thickness` (layers,), `fraction` (layers, ions)."""

    thickness: Float[Array, " layers"]
    fraction: Float[Array, "layers ions"]


class Packing:
    """The numbers that may move, as one flat vector, and back."""

    def __init__(self, bounds: Bounds) -> None:
        free_sizes = bounds.thickness_high_nm > bounds.thickness_low_nm
        free_shares = bounds.fraction_high > bounds.fraction_low
        self._shape = free_shares.shape
        self.free = np.concatenate([free_sizes, free_shares.ravel()])

    def flat(self, z: Unconstrained) -> np.ndarray:
        """The free entries; also of a gradient."""
        return np.concatenate([np.asarray(z.thickness), np.asarray(z.fraction).ravel()])[self.free]

    def point(self, free: np.ndarray) -> Unconstrained:
        """The whole point; what cannot move is 0."""
        full = np.zeros(self.free.size)
        full[self.free] = free
        layers = self._shape[0]
        return Unconstrained(jnp.asarray(full[:layers]), jnp.asarray(full[layers:].reshape(self._shape)))


def _deal(z: Array, low: Array, high: Array, total: ScalarLike) -> Array:
    """Values between `low` and `high` whose sum keeps within `total`, along the last axis."""
    n = z.shape[-1]
    values: list[Array] = []
    for k in range(n):
        used = sum(values, jnp.zeros(z.shape[:-1]))
        reserved = jnp.sum(low[..., k + 1 :], axis=-1)
        top = jnp.maximum(jnp.minimum(high[..., k], total - used - reserved), low[..., k])
        values.append(low[..., k] + (top - low[..., k]) * jax.nn.sigmoid(z[..., k]))
    return jnp.stack(values, axis=-1)


def forward(z: Unconstrained, bounds: Bounds, interface_mixing_nm: ScalarLike) -> Geometry:
    """Radii and compositions of the design at `z`."""
    low, high = jnp.asarray(bounds.thickness_low_nm), jnp.asarray(bounds.thickness_high_nm)
    thickness = _deal(z.thickness, low, high, bounds.largest_radius_nm)
    share_low, share_high = jnp.asarray(bounds.fraction_low), jnp.asarray(bounds.fraction_high)
    return Geometry(thickness, _deal(z.fraction, share_low, share_high, 1.0), jnp.asarray(interface_mixing_nm))


def inverse(thickness_nm: np.ndarray, fraction: np.ndarray, bounds: Bounds) -> Unconstrained:
    """The `z` of a design (host side); values at or beyond a limit are moved inside it."""

    def undo(values: np.ndarray, low: np.ndarray, high: np.ndarray, total: float) -> np.ndarray:
        z = np.zeros_like(values, dtype=float)
        used = 0.0
        for k, value in enumerate(values):
            top = max(min(high[k], total - used - low[k + 1 :].sum()), low[k])
            share = 0.5 if top <= low[k] else np.clip((value - low[k]) / (top - low[k]), _EDGE, 1.0 - _EDGE)
            z[k] = np.log(share / (1.0 - share))
            used += low[k] + (top - low[k]) * share
        return z

    t = undo(thickness_nm, bounds.thickness_low_nm, bounds.thickness_high_nm, bounds.largest_radius_nm)
    rows = [undo(x, a, b, 1.0) for x, a, b in zip(fraction, bounds.fraction_low, bounds.fraction_high, strict=True)]
    return Unconstrained(jnp.asarray(t), jnp.asarray(np.array(rows)))


def start_point(bounds: Bounds, rng: np.random.Generator, spread: float) -> Unconstrained:
    """A start: the stated start values (the middle where none is stated), each moved at random.

    `spread` is the standard deviation of the move in units of the range; 0 stays, infinity draws from the whole range.
    """

    def pick(low: np.ndarray, high: np.ndarray, start: np.ndarray) -> np.ndarray:
        if np.isinf(spread):
            return low + (high - low) * rng.uniform(0.05, 0.95, low.shape)
        stated = np.where(np.isnan(start), 0.5 * (low + high), start)
        return np.clip(stated + spread * (high - low) * rng.standard_normal(low.shape), low, high)

    return inverse(
        pick(bounds.thickness_low_nm, bounds.thickness_high_nm, bounds.start_thickness_nm),
        pick(bounds.fraction_low, bounds.fraction_high, bounds.start_fraction),
        bounds,
    )
