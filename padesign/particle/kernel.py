"""Mean of r^-6 between shells of a sphere: the one kernel of transfer inside cells, between cells and to the surface.

Two points uniformly on spheres of radius a and b have the mean

    K(a, b) = [max(|a-b|, r_min)^-4 - (a+b)^-4] / (8 a b)        (0 if a + b <= r_min),

pairs closer than r_min left out: with r^2 = a^2 + b^2 - 2ab cos(theta) it is the integral of r^-6 r dr / (2 a b).
Integrated over b it is algebraic, 4 pi (integral of b^2 K db) = -(4 pi/3) [b/(b^2-a^2)]^3 beyond r_min, and all forms
below are differences taken analytically, so that thin and distant cells lose no digits.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from padesign.particle.cells import cell_volumes_nm3, edges_for_derivative, mean_by_edges, shell_quadrature

_GRADING = (1.0, 4.0, 16.0)
_SMALLEST_RADIUS = 1e-5
_JOIN = 1.3


def pair_kernel(a: ArrayLike, b: ArrayLike, r_min: ArrayLike) -> Array:
    """K(a, b) [nm^-6] for radii and closest distance in nm; arguments broadcast, finite at a = 0 and b = 0."""
    a, b, r_min = (jnp.asarray(x, dtype=float) for x in (a, b, r_min))
    total, product = a + b, a * b
    apart = jnp.abs(a - b) >= r_min
    near = ~apart & (total > r_min)
    square = jnp.where(apart, (b - a) ** 2, 1.0)
    far_value = (a**2 + b**2) / (square**2 * jnp.where(apart, total, 1.0) ** 4)
    v, ab = jnp.where(near, total, 1.0), jnp.where(near, product, 1.0)
    near_value = (v - r_min) * (v + r_min) * (v**2 + r_min**2) / (8.0 * ab * r_min**4 * v**4)
    return jnp.where(apart, far_value, jnp.where(near, near_value, 0.0))


def shell_integral_per_nm3(a: ArrayLike, inner_nm: ArrayLike, outer_nm: ArrayLike, r_min: ArrayLike) -> Array:
    """Integral of r^-6 [nm^-3] from a point at radius a over the shell from `inner_nm` to `outer_nm`; broadcasts.

    Exact: 4 pi times the integral of b^2 K(a, b) db in three pieces, b <= a - r_min, |a-b| < r_min, b >= a + r_min.
    """
    a, inner, outer, r = (jnp.asarray(x, dtype=float) for x in (a, inner_nm, outer_nm, r_min))
    a = jnp.maximum(a, _SMALLEST_RADIUS * r)
    below, near, above = jnp.maximum(a - r, 0.0), jnp.abs(a - r), a + r
    return (
        _beyond(a, jnp.minimum(inner, below), jnp.minimum(outer, below))
        + _touching(a, jnp.clip(inner, near, above), jnp.clip(outer, near, above), r)
        + _beyond(a, jnp.maximum(inner, above), jnp.maximum(outer, above))
    )


def _beyond(a: Array, low: Array, high: Array) -> Array:
    """-(4 pi/3) {[b/(b^2-a^2)]^3} from low to high, both on one side of a."""
    w_low, w_high = low**2 - a**2, high**2 - a**2
    p_low, p_high = low / w_low, high / w_high
    fall = (high - low) * (low * high + a**2) / (w_low * w_high)
    return 4.0 * math.pi / 3.0 * fall * (p_low**2 + p_low * p_high + p_high**2)


def _touching(a: Array, low: Array, high: Array, r: Array) -> Array:
    """4 pi times the integral of b [r^-4 - (a+b)^-4]/(8a) db from low to high."""
    v, w = a + low, a + high
    flat = (low + high) / (16.0 * a * r**4)
    far_side = (v**2 + v * w + w**2) / (24.0 * v**3 * w**3) - (v + w) / (16.0 * a * v**2 * w**2)
    return 4.0 * math.pi * (high - low) * (flat + far_side)


@jax.custom_jvp
def _mean_from_quadrature(inner: Array, outer: Array, r_min: Array) -> Array:
    """Mean over cell x of the integral over cell y [nm^-3], (n, n)."""
    radii, weights = _nodes(inner, outer, r_min)
    integral = shell_integral_per_nm3(radii, inner[None, :, None], outer[None, :, None], r_min)
    return jnp.sum(weights * integral, axis=-1)


@_mean_from_quadrature.defjvp
def _mean_from_quadrature_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    """Exact and without a derivative of any node: both cells' edges by Leibniz's rule, r_min under the integral."""
    (inner, outer, r_min), (d_inner, d_outer, d_r_min) = primals, tangents
    radii, weights = _nodes(inner, outer, r_min)
    y_inner, y_outer = inner[None, :], outer[None, :]
    integral = shell_integral_per_nm3(radii, y_inner[..., None], y_outer[..., None], r_min)
    mean = jnp.sum(weights * integral, axis=-1)
    low, high = edges_for_derivative(inner, outer)
    # P[e, x, y]: from edge e of cell x over cell y; its transpose serves the edges of cell y.
    P = shell_integral_per_nm3(jnp.stack([low, high])[:, :, None], y_inner, y_outer, r_min)
    by_inner, by_outer = mean_by_edges(mean, P[0], P[1], inner[:, None], outer[:, None])
    volume = cell_volumes_nm3(inner, outer)[:, None]
    solid = volume > 0.0
    middle = 0.5 * (inner + outer)[:, None]
    seen = [
        jnp.where(solid, P[e].T / jnp.where(solid, volume, 1.0), pair_kernel(middle, edge[None, :], r_min))
        for e, edge in enumerate((low, high))
    ]
    sphere = 4.0 * math.pi
    change = by_inner * d_inner[:, None] + by_outer * d_outer[:, None]
    change += sphere * (outer**2 * d_outer * seen[1] - inner**2 * d_inner * seen[0])
    by_r_min = jnp.sum(weights * _touching_by_r_min(radii, y_inner[..., None], y_outer[..., None], r_min), axis=-1)
    return mean, change + by_r_min * d_r_min


def _touching_by_r_min(a: Array, inner: Array, outer: Array, r: Array) -> Array:
    """Derivative of `shell_integral_per_nm3` with respect to r_min: only pairs within r_min + 0 lose or win."""
    a = jnp.maximum(a, _SMALLEST_RADIUS * r)
    near, beyond = jnp.abs(a - r), a + r
    low, high = jnp.clip(inner, near, beyond), jnp.clip(outer, near, beyond)
    return -math.pi * (high - low) * (high + low) / (a * r**5)


def _nodes(inner: Array, outer: Array, r_min: Array) -> tuple[Array, Array]:
    """Radii and weights (n, n, k) in cell x that suit the integral over cell y."""
    edges = jnp.stack([inner, outer], axis=-1)[..., None]
    steps = jnp.asarray(_GRADING) * r_min
    centre = jnp.broadcast_to(r_min, edges.shape)
    kinks = jnp.concatenate([edges + steps, edges - steps, r_min - edges, centre], axis=-1)
    return shell_quadrature(inner[:, None], outer[:, None], kinks.reshape(1, inner.shape[0], -1))


def _reciprocal(W: Array) -> Array:
    """The upper triangle mirrored: a sum of both could be contracted to a fused product that is not symmetric."""
    return jnp.where(jnp.tri(W.shape[0], dtype=bool), W.T, W)


def cell_kernel_nm3(inner_nm: ArrayLike, outer_nm: ArrayLike, r_min_nm: ArrayLike) -> Array:
    """W[x, y]: integral over cell x of 4 pi a^2 da times the integral over cell y of 4 pi b^2 K(a, b) db.

    Cells (n,) in nm; returns (n, n), symmetric to the last bit. Two volumes times r^-6: W itself has no unit; over a
    volume it is nm^-3 (`mean_kernel`). The inner integral is exact, the outer is a Gauss-Legendre rule cut at the kinks
    and graded towards the edges: relative error below 1e-8 for cells up to 100 nm.
    """
    inner, outer, r_min = (jnp.asarray(x, dtype=float) for x in (inner_nm, outer_nm, r_min_nm))
    return _reciprocal(cell_volumes_nm3(inner, outer)[:, None] * _mean_from_quadrature(inner, outer, r_min))


def mean_kernel(W: ArrayLike, volume: ArrayLike) -> Array:
    """W[x, y] / V_x [nm^-3]: what an ion in cell x sees of cell y at unit density; rows of a cell of no volume are 0.

    `cell_mean_kernel_per_nm3` has the limit for cells of no volume.
    """
    W, volume = jnp.asarray(W, dtype=float), jnp.asarray(volume, dtype=float)[:, None]
    return jnp.where(volume > 0.0, W / jnp.where(volume > 0.0, volume, 1.0), 0.0)


def cell_mean_kernel_per_nm3(inner_nm: ArrayLike, outer_nm: ArrayLike, r_min_nm: ArrayLike) -> Array:
    """`mean_kernel` of `cell_kernel_nm3` (n, n) [nm^-3], with the limit value in rows of cells of no thickness."""
    inner, outer, r_min = (jnp.asarray(x, dtype=float) for x in (inner_nm, outer_nm, r_min_nm))
    mean = _mean_from_quadrature(inner, outer, r_min)
    volume = jnp.broadcast_to(cell_volumes_nm3(inner, outer)[:, None], mean.shape)
    return jnp.where(volume > 0.0, _reciprocal(volume * mean) / jnp.where(volume > 0.0, volume, 1.0), mean)


def transfer_over_diffusion(kernel_per_nm3: Array, inner_nm: Array, outer_nm: Array, r_min_nm: ArrayLike) -> Array:
    """Rate of transfer between two cells over that of diffusion from middle to middle (n, n); symmetric.

    With the constant D = (2 pi/3) C6 n h / r_min of the kernel beyond r_min (h the reduction for random sites) and
    finite volumes, the rate of diffusion is D A/(V_x d), A the area of the border and d the distance of the middles;
    the rate of transfer is C6 n h K_xy. Their ratio does not depend on the ions. 0 on the diagonal.
    """
    inner, outer = (jnp.broadcast_to(one[:, None], kernel_per_nm3.shape) for one in (inner_nm, outer_nm))
    middle = 0.5 * (inner + outer)
    apart = jnp.abs(middle - middle.T)
    border = 0.5 * (jnp.minimum(outer, outer.T) + jnp.maximum(inner, inner.T))
    area = 4.0 * math.pi * border**2
    other = ~jnp.eye(inner.shape[0], dtype=bool)
    times = 3.0 * jnp.asarray(r_min_nm) * kernel_per_nm3 * cell_volumes_nm3(inner, outer) * apart
    return jnp.where(other, times / (2.0 * math.pi * jnp.where(other, area, 1.0)), 0.0)


def crossing_share(over_diffusion: Array) -> Array:
    """Share of the kernel that leads from cell to cell, from the ratio of `transfer_over_diffusion`.

    A population that is even inside its cell is too quick from cell to cell: a transfer over the border would carry an
    excitation from the middle of one cell to the middle of the next. The transfer and the diffusion from middle to
    middle act one after the other; the two are joined as (transfer^-p + diffusion^-p)^(-1/p). With p = 1.3 equal cells
    of any thickness from 0.1 to 30 r_min have the mean squared displacement of the kernel itself to 3 %, so that
    diffusion does not depend on the cells.
    """
    positive = over_diffusion > 0.0
    power = jnp.where(positive, jnp.where(positive, over_diffusion, 1.0) ** _JOIN, 0.0)
    return (1.0 + power) ** (-1.0 / _JOIN)
