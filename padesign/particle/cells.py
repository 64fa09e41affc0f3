"""Radial cells of a particle: where they lie, what they hold, and how to average over one of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.special import erf
from jax.typing import ArrayLike

from padesign.arrays import pick
from padesign.errors import InputError

_NODES, _WEIGHTS = (np.asarray(part) for part in np.polynomial.legendre.leggauss(12))
_TINY_RADIUS_nm = 1e-6
_SHARP_nm = 1e-9
_THINNEST_nm = 1e-6
_SKIN_nm = 1.0
"""Distance from the surface, or from a layer of other ions, over which cells begin to widen."""
_HARDLY_THERE_nm = 0.01
"""Thickness below which a layer counts less and less as a neighbour of others."""
_FAR_nm = 1e9
_FWHM_PER_STANDARD_DEVIATION = 2.0 * math.sqrt(2.0 * math.log(2.0))


def layer_of_cell(cells_per_layer: Sequence[int]) -> tuple[int, ...]:
    """Index of the layer that each cell belongs to, from the centre outward."""
    return tuple(layer for layer, count in enumerate(cells_per_layer) for _ in range(count))


class _Widths(NamedTuple):
    """How the cells of layers (n,) widen from both ends inwards: in proportion to the distance from the closer one.

    Distances [nm] from the inner and the outer end begin at `inner_nm` and `outer_nm`, and are equal `turn_nm` above
    the inner end. `below` and `above`: e-folds by which they grow up to there from either end.
    """

    inner_nm: Array
    outer_nm: Array
    turn_nm: Array
    below: Array
    above: Array


def _widths(thickness_nm: ArrayLike, least_nm: ArrayLike, active: Sequence[bool], xp: Any) -> _Widths:
    """Of layers this thick, with layers of `least_nm` between them and around them; `xp` is numpy or jax.numpy."""
    thickness, least = xp.asarray(thickness_nm, dtype=float), xp.asarray(least_nm, dtype=float)
    outer = xp.cumsum(least)
    between = (outer - least) - outer[:, None]
    outwards = np.triu(np.ones(between.shape, dtype=bool), 1)
    skin = _SKIN_nm * (1.0 + _HARDLY_THERE_nm / xp.maximum(thickness, 1.0 / _FAR_nm))

    def closest(gap: Array, where: np.ndarray) -> Array:
        return xp.min(xp.where(where & np.asarray(active, dtype=bool), gap + skin, _FAR_nm), axis=1)

    inside = closest(between.T, outwards.T)
    outside = xp.minimum(closest(between, outwards), outer[-1] - outer + _SKIN_nm)
    equal = 0.5 * (thickness + outside - inside)
    turn = xp.where(equal <= 0.0, 0.0, xp.where(equal < thickness, equal, thickness))
    return _Widths(inside, outside, turn, xp.log1p(turn / inside), xp.log1p((thickness - turn) / outside))


def count_cells(
    thickness_nm: ArrayLike, active: Sequence[bool], cells_per_layer: int, least_nm: ArrayLike | None = None
) -> tuple[int, ...]:
    """Numbers of cells of layers (n,) that may be this thick, static; 0 where `active` is false.

    `cells_per_layer` for every e-fold by which the width of a cell may grow over the layer (`split_layers`), and at
    least that many. `least_nm` are the least thicknesses of the layers, by which the others are closest to each other
    and to the surface; without it they are as thick as stated.
    """
    widths = _widths(thickness_nm, thickness_nm if least_nm is None else least_nm, active, np)
    folds = np.asarray(widths.below + widths.above)
    return tuple(
        max(cells_per_layer, round(cells_per_layer * float(one))) if there else 0
        for one, there in zip(folds, active, strict=True)
    )


def split_layers(thickness_nm: ArrayLike, cells_per_layer: Sequence[int]) -> tuple[Array, Array]:
    """Inner and outer radii [nm] of the cells, each (n_cells,), from the centre outward.

    `thickness_nm` (n_layers,), the core's being its radius; `cells_per_layer` is static. The width of a cell grows with
    the distance + 1 nm from the surface or from the closest layer with other ions, whichever is less: the loss to the
    surface goes as the inverse fourth power of it, and next to other ions populations change over the reach of a
    transfer and over the width of the mixing. A layer with 0 cells is inert: it keeps its place and has no cells. A
    layer of no thickness is nobody's neighbour.
    """
    thickness = jnp.asarray(thickness_nm, dtype=float)
    counts = tuple(int(count) for count in cells_per_layer)
    if thickness.shape != (len(counts),) or min(counts, default=-1) < 0 or sum(counts) == 0:
        raise InputError(
            f"`cells_per_layer` must hold one count (0 or more, not all 0) per layer, but is {counts} "
            f"for `thickness_nm` of shape {thickness.shape}",
            cure="Give each of the layers a number of cells, 0 for an inert one.",
        )
    layers = np.asarray(layer_of_cell(counts))
    number = np.asarray(counts)[layers]
    place = np.concatenate([np.arange(count) for count in counts])
    widths = _widths(thickness, thickness, [count > 0 for count in counts], jnp)
    of_layers = jnp.stack([jnp.cumsum(thickness), thickness, *widths])
    of_edges = jnp.broadcast_to(pick(of_layers, layers, axis=1)[:, None], (len(of_layers), 2, len(layers)))
    outer_layer, width, inside, outside, turn, below, above = of_edges
    passed = np.stack([place, place + 1]) / number * (below + above)
    low = inside * jnp.expm1(passed)
    high = turn - (width - turn + outside) * jnp.expm1(below - passed)
    in_lower_part = jnp.where(width > 0.0, passed < below, inside < outside)
    inner, outer = outer_layer - width + jnp.where(in_lower_part, low, high)
    return inner, jnp.where(place + 1 == number, outer_layer[1], outer)


def cell_volumes_nm3(inner_nm: ArrayLike, outer_nm: ArrayLike) -> Array:
    """Volumes [nm^3] of concentric shells, any shape; accurate for thin shells."""
    inner, outer = jnp.asarray(inner_nm, dtype=float), jnp.asarray(outer_nm, dtype=float)
    return 4.0 * math.pi / 3.0 * (outer - inner) * (outer**2 + outer * inner + inner**2)


def shell_quadrature(inner_nm: ArrayLike, outer_nm: ArrayLike, breaks_nm: ArrayLike) -> tuple[Array, Array]:
    """Radii [nm] and weights (summing to 1) of the volume average over shells, finite for a shell of no thickness.

    `inner_nm`, `outer_nm` (...,) and `breaks_nm` (..., k) broadcast; returns two arrays (..., 12 (k + 1)). Each
    interval between breaks inside the shell gets a 12-point Gauss-Legendre rule, so put breaks where the integrand has
    a kink and, in geometric steps, where it is steep. The breaks carry no derivative, because the integral of a
    continuous function does not depend on where it is cut.
    """
    inner, outer, breaks = (jnp.asarray(x, dtype=float) for x in (inner_nm, outer_nm, breaks_nm))
    inner, outer = inner[..., None], outer[..., None]
    thickness = outer - inner
    span = jnp.where(thickness > 0.0, thickness, 1.0)
    cuts = jnp.clip(jax.lax.stop_gradient((breaks - inner) / span), 0.0, 1.0)
    edge = jnp.zeros_like(cuts[..., :1])
    cuts = jnp.concatenate([edge, jnp.sort(cuts, axis=-1), edge + 1.0], axis=-1)
    cuts = jax.lax.stop_gradient(cuts)
    half = 0.5 * jnp.diff(cuts, axis=-1)[..., None]
    place = (cuts[..., :-1, None] + half * (1.0 + _NODES)).reshape(*half.shape[:-2], -1)
    share = (half * _WEIGHTS).reshape(place.shape)
    radii = inner + thickness * place
    weights = share * (radii**2 + _TINY_RADIUS_nm**2)
    return radii, weights / jnp.sum(weights, axis=-1, keepdims=True)


def edges_for_derivative(inner_nm: Array, outer_nm: Array) -> tuple[Array, Array]:
    """The edges of shells, moved apart to at least 1e-6 nm: where `mean_by_edges` wants the integrand."""
    middle, half = 0.5 * (inner_nm + outer_nm), 0.5 * jnp.maximum(outer_nm - inner_nm, _THINNEST_nm)
    return jnp.maximum(middle - half, 0.0), middle + half


def mean_by_edges(
    mean: Array, at_inner: Array, at_outer: Array, inner_nm: Array, outer_nm: Array
) -> tuple[Array, Array]:
    """Derivatives of a shell's volume average with respect to its inner and its outer radius (Leibniz's rule).

    `at_inner` and `at_outer` are the integrand at the two radii of `edges_for_derivative`; all arguments broadcast.
    """
    low, high = edges_for_derivative(inner_nm, outer_nm)
    share = 3.0 / ((high - low) * (high**2 + high * low + low**2))
    return share * low**2 * (mean - at_inner), share * high**2 * (at_outer - mean)


def mixed_density(
    density_by_layer: ArrayLike,
    outer_radii: ArrayLike,
    inner_nm: ArrayLike,
    outer_nm: ArrayLike,
    mixing_width_nm: ArrayLike,
) -> Array:
    """Mean density of each species in each cell (n_cells, n_species) [nm^-3] when neighbouring layers intermix.

    `density_by_layer` (n_layers, n_species) is the nominal density, `outer_radii` (n_layers,) the layers' outer radii,
    `inner_nm`, `outer_nm` (n_cells,) the cells from the centre outward, `mixing_width_nm` the full width at half
    maximum of dn/dr at an interface. Every interface becomes an error function of that width (interdiffusion at a plane
    boundary); nothing leaves the particle, and each species is scaled so that its number of ions is the nominal one:

        sum over cells of volume x density = sum over layers of volume x density     exactly.

    So a strongly mixed thin layer can exceed its nominal density by the scale. Ions that leak to where no cell is
    (inert layers given no cells) are put back into the nearest cell: a gap between two cells is shared at its middle.
    Give every layer cells to let ions stay where they leak to. Width 0 is a sharp interface with finite derivatives
    (standard deviation 1e-9 nm). A cell of no volume gets the density at its place.
    """
    density, radii, inner, outer, width = (
        jnp.asarray(x, dtype=float) for x in (density_by_layer, outer_radii, inner_nm, outer_nm, mixing_width_nm)
    )
    sigma = width / _FWHM_PER_STANDARD_DEVIATION + _SHARP_nm
    interfaces, steps = radii[:-1], jnp.diff(density, axis=0)

    def ions_within(r: Array) -> Array:
        """Integral of the profile over the sphere of radius r (m,): ions (m, n_species)."""
        moments = _step_moment(jnp.concatenate([jnp.zeros(1), r])[:, None], interfaces, sigma)
        moment = moments[1:] - moments[0]
        return 4.0 * math.pi * (r[:, None] ** 3 / 3.0 * density[0] + moment @ steps)

    volumes = cell_volumes_nm3(jnp.concatenate([jnp.zeros(1), radii[:-1]]), radii)
    borders = jnp.concatenate([jnp.zeros(1), 0.5 * (outer[:-1] + inner[1:]), radii[-1:]])
    counts = ions_within(borders)
    nominal, mixed = volumes @ density, counts[-1]
    scale = jnp.where(mixed > 0.0, nominal / jnp.where(mixed > 0.0, mixed, 1.0), 1.0)
    volume = cell_volumes_nm3(inner, outer)[:, None]
    middle = 0.5 * (inner + outer)[:, None]
    local = density[0] + _normal_cdf((middle - interfaces) / sigma) @ steps
    mean = jnp.where(volume > 0.0, jnp.diff(counts, axis=0) / jnp.where(volume > 0.0, volume, 1.0), local)
    return scale * mean


def _normal_cdf(z: Array) -> Array:
    return 0.5 * (1.0 + erf(z / math.sqrt(2.0)))


@jax.custom_jvp
def _step_moment(r: Array, R: Array, sigma: Array) -> Array:
    """Antiderivative of r^2 Phi((r - R)/sigma), Phi the normal distribution function; derivatives in closed form."""
    z = (r - R) / sigma
    cumulative = _normal_cdf(z) * (sigma * z * (r**2 + r * R + R**2) / 3.0 - R * sigma**2)
    bell = jnp.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    return cumulative + bell * sigma * (R**2 + R * sigma * z + sigma**2 * (z**2 + 2.0) / 3.0)


@_step_moment.defjvp
def _step_moment_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    """The moments of the bell z^k exp(-z^2/2) that the integral's derivatives are."""
    (r, R, sigma), (d_r, d_R, d_sigma) = primals, tangents
    z = (r - R) / sigma
    zeroth = _normal_cdf(z)
    bell = jnp.exp(-0.5 * z**2) / math.sqrt(2.0 * math.pi)
    second, third = zeroth - z * bell, -(z**2 + 2.0) * bell
    by_R = -(R**2 * zeroth - 2.0 * R * sigma * bell + sigma**2 * second)
    by_sigma = R**2 * bell - 2.0 * R * sigma * second - sigma**2 * third
    return _step_moment(r, R, sigma), r**2 * zeroth * d_r + by_R * d_R + by_sigma * d_sigma
