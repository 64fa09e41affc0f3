"""Cells and the transfer kernel: sum rule, reciprocity, direct quadrature, conservation of ions, derivatives."""

from __future__ import annotations

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from padesign.errors import InputError
from padesign.particle.cells import cell_volumes_nm3, count_cells, layer_of_cell, mixed_density, split_layers
from padesign.particle.kernel import (
    cell_kernel_nm3,
    cell_mean_kernel_per_nm3,
    crossing_share,
    mean_kernel,
    pair_kernel,
    shell_integral_per_nm3,
    transfer_over_diffusion,
)

kernel = jax.jit(cell_kernel_nm3)
kernel_derivative = jax.jit(jax.jacfwd(cell_kernel_nm3, argnums=(0, 1, 2)))
limit = jax.jit(cell_mean_kernel_per_nm3)
limit_derivative = jax.jit(jax.grad(lambda *args: jnp.sum(cell_mean_kernel_per_nm3(*args) ** 2), argnums=(0, 1, 2)))
seen_from = jax.jit(shell_integral_per_nm3)
mixed = jax.jit(mixed_density)
split = jax.jit(split_layers, static_argnums=1)
volumes = jax.jit(cell_volumes_nm3)
per_volume = jax.jit(mean_kernel)


def K(a: float, b: float, r: float) -> float:
    return 0.0 if a + b <= r else (max(abs(a - b), r) ** -4 - (a + b) ** -4) / (8 * a * b)


def by_quadrature(x: tuple[float, float], y: tuple[float, float], r: float) -> float:
    """Integral of 16 pi^2 a^2 b^2 K over the two cells, cut at every kink."""

    def cut(function, low, high, kinks):
        edges = [low, *sorted(k for k in kinks if low < k < high), high]
        return sum(quad(function, p, q, epsrel=1e-9)[0] for p, q in pairwise(edges))

    def inner(a: float) -> float:
        return cut(lambda b: 4 * math.pi * b**2 * K(a, b, r), *y, [abs(a - r), a + r])

    kinks = [r, *(abs(e + sign * r) for e in y for sign in (1, -1))]
    return cut(lambda a: 4 * math.pi * a**2 * inner(a), *x, kinks)


def test_pair_kernel_is_the_mean_of_inverse_sixth_powers_over_two_spheres():
    a, b, r = 2.0, 2.3, 0.5
    mu, weights = np.polynomial.legendre.leggauss(400)
    cut = (a**2 + b**2 - r**2) / (2 * a * b)
    cosine = -1 + (mu + 1) / 2 * (cut + 1)
    average = np.sum(weights * (cut + 1) / 4 * (a**2 + b**2 - 2 * a * b * cosine) ** -3.0)
    assert float(pair_kernel(a, b, r)) == pytest.approx(average, rel=1e-10)
    assert float(pair_kernel(0.1, 0.2, r)) == 0.0
    assert float(pair_kernel(0.0, 2.0, r)) == pytest.approx(2.0**-6)


def test_infinite_medium_gives_the_mean_field_volume():
    for a in (0.0, 0.2, 3.0):
        assert float(seen_from(a, 0.0, 1e4, 0.5)) == pytest.approx(4 * math.pi / (3 * 0.5**3), rel=1e-9)


def test_core_shell_values():
    inner, outer = jnp.array([0.0, 3.0]), jnp.array([3.0, 5.0])
    mean = np.asarray(per_volume(kernel(inner, outer, 0.5), volumes(inner, outer)))
    assert mean.ravel() == pytest.approx([27.33, 6.107, 1.684, 27.07], rel=1e-3)


CELLS = (np.array([0.0, 0.4, 3.0, 3.2, 6.5]), np.array([0.4, 3.0, 3.2, 5.0, 9.0]))


def test_cells_that_touch_overlap_themselves_or_lie_apart_agree_with_quadrature():
    W = np.asarray(kernel(*CELLS, 0.387))
    assert np.array_equal(W, W.T)
    for x, y in [(0, 0), (0, 1), (2, 2), (2, 3), (1, 3), (0, 4), (3, 4), (4, 4)]:
        exact = by_quadrature((CELLS[0][x], CELLS[1][x]), (CELLS[0][y], CELLS[1][y]), 0.387)
        assert W[x, y] == pytest.approx(exact, rel=1e-7), (x, y)


def test_splitting_a_layer_leaves_the_sum_unchanged():
    W = np.asarray(kernel(*CELLS, 0.387))
    merged = (np.array([0.0, 6.5]), np.array([5.0, 9.0]))
    V = np.asarray(kernel(*merged, 0.387))
    assert W[:4, :4].sum() == pytest.approx(V[0, 0], rel=1e-9)
    assert W[:4, 4].sum() == pytest.approx(V[0, 1], rel=1e-9)


def test_kernel_derivatives_equal_differences():
    exact = kernel_derivative(*CELLS, 0.387)
    points = [*CELLS, np.array(0.387)]
    scale = np.abs(np.asarray(kernel(*CELLS, 0.387)))
    for k, place in [(0, 2), (1, 0), (1, 2), (1, 3), (0, 4), (2, ())]:
        move = np.zeros_like(points[k])
        move[place] = 1e-5
        up, down = ([p + sign * move if i == k else p for i, p in enumerate(points)] for sign in (1, -1))
        difference = (np.asarray(kernel(*up)) - np.asarray(kernel(*down))) / 2e-5
        value = np.asarray(exact[k])[(..., place)] if place != () else np.asarray(exact[k])
        assert np.all(np.abs(value - difference) <= 1e-5 * np.abs(difference) + 1e-6 * scale)


def test_cells_of_no_thickness_have_a_finite_mean_and_finite_derivatives():
    inner, outer = np.array([0.0, 0.0, 3.0, 3.0, 5.0]), np.array([0.0, 3.0, 3.0, 5.0, 5.0])
    mean = np.asarray(limit(inner, outer, 0.5))
    at_surface_of_core = float(seen_from(3.0, 3.0, 5.0, 0.5))
    assert mean[2, 3] == pytest.approx(at_surface_of_core, rel=1e-12)
    assert mean[0, 1] == pytest.approx(float(seen_from(0.0, 0.0, 3.0, 0.5)), rel=1e-9)
    assert np.all(mean[:, [0, 2, 4]] == 0)
    W = kernel(inner, outer, 0.5)
    assert np.all(np.asarray(per_volume(W, volumes(inner, outer)))[[0, 2, 4]] == 0)
    for part in limit_derivative(inner, outer, 0.5):
        assert np.all(np.isfinite(part))


def test_cells_fill_their_layers_widen_inwards_and_inert_layers_are_skipped():
    inner, outer = (np.asarray(edges) for edges in split(np.array([4.0, 2.0, 3.0]), (2, 0, 3)))
    assert [inner[0], outer[1], inner[2], outer[4]] == pytest.approx([0, 4, 6, 9], abs=1e-12)
    assert outer[[0, 2, 3]].tolist() == pytest.approx(inner[[1, 3, 4]].tolist())
    # Equal steps of log(depth + 1 nm): core from depth 9 to 5, shell from 3 to 0.
    assert outer[0] == pytest.approx(9 - (math.sqrt(10 * 6) - 1))
    assert outer[2] == pytest.approx(9 - (4 ** (2 / 3) - 1))
    assert np.all(np.diff((outer - inner)[2:]) < 0)
    assert layer_of_cell((2, 0, 3)) == (0, 0, 2, 2, 2)
    assert float(volumes(inner, outer)[2:].sum()) == pytest.approx(4 / 3 * math.pi * (9**3 - 6**3))
    for wrong in ((1, 2), (0, 0, 0), (1, -1, 1)):
        with pytest.raises(InputError, match="cells_per_layer"):
            split_layers(THICKNESS, wrong)


def test_a_layer_has_cells_in_proportion_to_the_logarithm_of_its_depth_and_never_fewer_than_asked_for():
    for cells, bare in ((1, (3, 4)), (2, (6, 8)), (4, (11, 16))):  # log(16) = 2.77 and log(51) = 3.93
        assert count_cells([15.0, 50.0], [0.0, 0.0], cells) == bare
        assert count_cells([8.5, 0.0], [5.6, 0.0], cells) == (cells, cells)  # log(15.1 / 6.6) = 0.83
    assert count_cells([8.5, 3.0], [3.0, 0.0], 4) == (5, 6)


DENSITY = np.array([[1.1, 0.0], [0.0, 0.0], [0.2, 2.0]])
RADII = np.array([4.0, 5.0, 8.0])
THICKNESS = np.array([4.0, 1.0, 3.0])


@pytest.mark.parametrize("counts", [(2, 3, 4), (2, 0, 4)])
@pytest.mark.parametrize("width_nm", [0.0, 0.5, 3.0])
def test_mixing_conserves_every_ion(counts, width_nm):
    inner, outer = split(THICKNESS, counts)
    held = np.asarray(mixed(DENSITY, RADII, inner, outer, width_nm))
    nominal = volumes(RADII - THICKNESS, RADII) @ DENSITY
    assert np.asarray(volumes(inner, outer) @ held) == pytest.approx(np.asarray(nominal), rel=1e-12)
    assert np.all(held >= 0)
    if width_nm == 0.0:
        assert held == pytest.approx(DENSITY[list(layer_of_cell(counts))], rel=1e-7, abs=1e-7)


def test_mixed_profile_is_an_error_function_averaged_with_r_squared():
    inner, outer = split(THICKNESS, (2, 3, 4))
    sigma = 0.8 / 2.3548200450309493

    def profile(r: float) -> float:
        return 2.0 * 0.5 * math.erfc(-(r - 5.0) / (sigma * math.sqrt(2)))

    total = quad(lambda r: r**2 * profile(r), 0, 8, points=[4, 5, 6])[0]
    scale = 2.0 * (8**3 - 5**3) / 3 / total
    held = np.asarray(mixed(DENSITY, RADII, inner, outer, 0.8))[:, 1]
    for cell, (low, high) in enumerate(zip(np.asarray(inner), np.asarray(outer), strict=True)):
        mean = scale * quad(lambda r: r**2 * profile(r), low, high)[0] / ((high**3 - low**3) / 3)
        assert held[cell] == pytest.approx(mean, rel=1e-7, abs=1e-9)


def test_mixed_density_derivatives_equal_differences_and_are_finite_at_a_sharp_interface():
    def held(thickness, width):
        return mixed_density(DENSITY, jnp.cumsum(thickness), *split_layers(thickness, (1, 1, 2)), width)

    value, slopes = jax.jit(held), jax.jit(jax.jacfwd(held, argnums=(0, 1)))
    for width in (0.0, 0.5):
        by_thickness, by_width = slopes(THICKNESS, width)
        assert np.all(np.isfinite(by_thickness)) and np.all(np.isfinite(by_width))
        step = 1e-5
        difference = (value(THICKNESS, width + step) - value(THICKNESS, max(width - step, 0.0))) / (
            step + min(step, width)
        )
        assert np.asarray(by_width) == pytest.approx(np.asarray(difference), rel=1e-3, abs=1e-4)
        for layer in range(3):
            move = step * np.eye(3)[layer]
            difference = (value(THICKNESS + move, width) - value(THICKNESS - move, width)) / (2 * step)
            assert np.asarray(by_thickness)[..., layer] == pytest.approx(np.asarray(difference), rel=1e-5, abs=1e-6)


def test_hops_between_cells_become_diffusion_where_cells_are_thick_and_stay_hops_where_they_are_thin():
    r_min = 0.35
    for thick_nm, rel in ((4.0, 0.08), (40.0, 0.01)):
        edges = 1e5 + thick_nm * np.arange(4)
        inner, outer = edges[:-1], edges[1:]
        K = limit(inner, outer, r_min)
        share = np.asarray(crossing_share(transfer_over_diffusion(K, jnp.asarray(inner), jnp.asarray(outer), r_min)))
        # In units of C6 n h: the rate of a hop is K, the diffusion constant 2 pi / (3 r_min).
        expected = 2 * math.pi / (3 * r_min) / thick_nm**2
        assert share[0, 1] * float(K[0, 1]) == pytest.approx(expected, rel=rel)
        assert share == pytest.approx(share.T, rel=1e-12) and np.all(np.diag(share) == 1.0)
    edges = 10.0 + 1e-3 * np.arange(4)
    inner, outer = jnp.asarray(edges[:-1]), jnp.asarray(edges[1:])
    thin = crossing_share(transfer_over_diffusion(limit(inner, outer, r_min), inner, outer, r_min))
    assert float(thin[0, 1]) == pytest.approx(1.0, abs=1e-3)
