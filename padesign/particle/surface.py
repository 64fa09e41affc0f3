"""Loss of an excitation to quenchers spread over the outer surface of the particle.

Quenchers of surface density rho_s that act as C/d^6 on an ion at radius r sum over the sphere of radius R to
4 pi R^2 rho_s C K(r, R) with the kernel of two spheres, closest approach in the place of the nearest distance.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from padesign.particle.cells import edges_for_derivative, mean_by_edges, shell_quadrature
from padesign.particle.kernel import pair_kernel

_GRADING = (1.0, 4.0, 16.0)


def surface_loss_per_s(
    radius_nm: ArrayLike, outer_radius_nm: ArrayLike, strength_nm4_per_s: ArrayLike, closest_approach_nm: ArrayLike
) -> Array:
    """k(r) = strength (pi R/2r) [max(R-r, d)^-4 - (R+r)^-4] [1/s], d the closest approach; arguments broadcast.

    `strength_nm4_per_s` = C_i rho_s. At the centre k = 4 pi R^2 strength / R^6; near the surface of a large particle it
    goes over into pi strength / (2 (R-r)^4), a flat sheet. Continuous everywhere, with a bent slope at R - r = d.
    """
    outer = jnp.asarray(outer_radius_nm, dtype=float)
    return 4.0 * math.pi * outer**2 * strength_nm4_per_s * pair_kernel(radius_nm, outer, closest_approach_nm)


def surface_kernel_nm4(
    inner_nm: ArrayLike, outer_nm: ArrayLike, outer_radius_nm: ArrayLike, closest_approach_nm: ArrayLike
) -> Array:
    """Volume average over cells (...,) of k(r)/strength [nm^-4]; a cell of no thickness has the value at its radius."""
    arguments = (jnp.asarray(x, dtype=float) for x in (inner_nm, outer_nm, outer_radius_nm, closest_approach_nm))
    return _mean_kernel(*arguments)


@jax.custom_jvp
def _mean_kernel(inner: Array, outer: Array, radius: Array, closest: Array) -> Array:
    radii, weights = _nodes(inner, outer, radius, closest)
    return jnp.sum(weights * _kernel(radii, radius[..., None], closest[..., None]), axis=-1)


@_mean_kernel.defjvp
def _mean_kernel_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    """The cell's edges by Leibniz's rule, the surface's place under the integral: the nodes need no derivative."""
    (inner, outer, radius, closest), (d_inner, d_outer, d_radius, d_closest) = primals, tangents
    radii, weights = _nodes(inner, outer, radius, closest)
    R, d = radius[..., None], closest[..., None]
    here, by_radius = jax.jvp(lambda R: _kernel(radii, R, d), (R,), (jnp.ones_like(R),))
    by_closest = jax.jvp(lambda d: _kernel(radii, R, d), (d,), (jnp.ones_like(d),))[1]
    mean, by_radius, by_closest = (jnp.sum(weights * one, axis=-1) for one in (here, by_radius, by_closest))
    low, high = edges_for_derivative(inner, outer)
    by_inner, by_outer = mean_by_edges(
        mean, _kernel(low, radius, closest), _kernel(high, radius, closest), inner, outer
    )
    return mean, by_inner * d_inner + by_outer * d_outer + by_radius * d_radius + by_closest * d_closest


def _kernel(radius_nm: Array, outer_radius_nm: Array, closest_approach_nm: Array) -> Array:
    return surface_loss_per_s(radius_nm, outer_radius_nm, 1.0, closest_approach_nm)


def _nodes(inner: Array, outer: Array, radius: Array, closest: Array) -> tuple[Array, Array]:
    return shell_quadrature(inner, outer, radius[..., None] - jnp.asarray(_GRADING) * closest[..., None])
