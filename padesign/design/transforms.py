"""From unconstrained numbers to a particle that can exist, and back.

Every number lies between its limits by a logistic bijection. What must not exceed a total (the radius, the dopants of
a layer) is dealt in turn: each number may take what the total leaves after the ones before it and the least of the ones
after it, so every design keeps every limit by construction. Where the dopants of the whole particle are limited, its
layers are dealt their totals in turn too, once the sizes are known.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from padesign.design.limits import cation_weights
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


def _dealt_shares(z: Array, bounds: Bounds, thickness_nm: Array) -> Array:
    """Shares (layers, ions) that keep the totals of their layers and of the particle."""
    low, high, totals = (jnp.asarray(x) for x in (bounds.fraction_low, bounds.fraction_high, bounds.largest_total))
    if bounds.largest_share is None:
        return _deal(z, low, high, totals)
    weights, used = cation_weights(thickness_nm, bounds.density_nm3), jnp.asarray(0.0)
    rows: list[Array] = []
    for k, least in enumerate(low.sum(axis=-1)):
        reserved = weights[k + 1 :] @ low[k + 1 :].sum(axis=-1)
        there = weights[k] > 0.0
        room = jnp.where(there, bounds.largest_share - used - reserved, least) / jnp.where(there, weights[k], 1.0)
        rows.append(_deal(z[k], low[k], high[k], jnp.minimum(totals[k], room)))
        used = used + weights[k] * rows[k].sum()
    return jnp.stack(rows)


def forward(z: Unconstrained, bounds: Bounds, interface_mixing_nm: ScalarLike) -> Geometry:
    """Radii and compositions of the design at `z`."""
    low, high = jnp.asarray(bounds.thickness_low_nm), jnp.asarray(bounds.thickness_high_nm)
    thickness = _deal(z.thickness, low, high, bounds.largest_radius_nm)
    return Geometry(thickness, _dealt_shares(z.fraction, bounds, thickness), jnp.asarray(interface_mixing_nm))


def _undo(values: np.ndarray, low: np.ndarray, high: np.ndarray, total: float) -> tuple[np.ndarray, float]:
    """The numbers that `_deal` makes these values of, and the sum that it makes."""
    z = np.zeros_like(values, dtype=float)
    used = 0.0
    for k, value in enumerate(values):
        top = max(min(high[k], total - used - low[k + 1 :].sum()), low[k])
        share = 0.5 if top <= low[k] else np.clip((value - low[k]) / (top - low[k]), _EDGE, 1.0 - _EDGE)
        z[k] = np.log(share / (1.0 - share))
        used += low[k] + (top - low[k]) * share
    return z, used


def inverse(thickness_nm: np.ndarray, fraction: np.ndarray, bounds: Bounds) -> Unconstrained:
    """The `z` of a design (host side); values at or beyond a limit are moved inside it."""
    low, high = bounds.thickness_low_nm, bounds.thickness_high_nm
    t, _ = _undo(thickness_nm, low, high, bounds.largest_radius_nm)
    made = np.asarray(_deal(jnp.asarray(t), jnp.asarray(low), jnp.asarray(high), bounds.largest_radius_nm))
    weights, used = cation_weights(made, bounds.density_nm3), 0.0
    rows = []
    for k, shares in enumerate(fraction):
        total = bounds.largest_total[k]
        if bounds.largest_share is not None and weights[k] > 0.0:
            reserved = weights[k + 1 :] @ bounds.fraction_low[k + 1 :].sum(axis=1)
            total = min(total, (bounds.largest_share - used - reserved) / weights[k])
        z, sum_of_shares = _undo(shares, bounds.fraction_low[k], bounds.fraction_high[k], total)
        used += weights[k] * sum_of_shares
        rows.append(z)
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
