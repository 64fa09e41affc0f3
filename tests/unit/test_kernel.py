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
    # Equal steps of log(distance + 1 nm): core from 6 to 2 nm below the shell, shell from its middle to the surface.
    assert outer[0] == pytest.approx(6 - (math.sqrt(7 * 3) - 1), abs=0.01)
    assert outer[3] == pytest.approx(9 - ((3.5 * 3.5 / 3) ** (1 / 3) - 1), abs=0.01)
    # Without the core, equal steps of log(depth + 1 nm) from 3 nm to the surface.
    alone = np.asarray(split(np.array([6.0, 3.0]), (0, 3))[1])
    assert alone[0] == pytest.approx(9 - (4 ** (2 / 3) - 1)) and np.all(np.diff(np.diff(alone)) < 0)
    assert layer_of_cell((2, 0, 3)) == (0, 0, 2, 2, 2)
    assert float(volumes(inner, outer)[2:].sum()) == pytest.approx(4 / 3 * math.pi * (9**3 - 6**3))
    for wrong in ((1, 2), (0, 0, 0), (1, -1, 1)):
        with pytest.raises(InputError, match="cells_per_layer"):
            split_layers(THICKNESS, wrong)


def test_cells_narrow_towards_a_layer_of_other_ions_from_both_sides():
    inner, outer = (np.asarray(edges) for edges in split(np.array([8.0, 4.0]), (40, 60)))
    width, middle = outer - inner, 0.5 * (inner + outer)
    distance = np.minimum(np.abs(middle - 8.0), 12.0 - middle) + 1.0
    core, shell = width[:40] / distance[:40], width[40:] / distance[40:]
    assert core == pytest.approx(np.full(40, math.log(9.0) / 40), rel=0.01)
    assert shell == pytest.approx(np.full(60, 2.0 * math.log(3.0) / 60), rel=0.01)  # from 1 to 3 nm and back


def test_a_layer_of_no_thickness_moves_no_cell_of_the_others():
    present = split(np.array([6.0, 3.0, 4.0]), (5, 4, 0))
    absent = split(np.array([6.0, 0.0, 3.0, 0.0, 4.0]), (5, 2, 4, 3, 0))
    others = [0, 1, 2, 3, 4, 7, 8, 9, 10]
    for edges, with_them in zip(present, absent, strict=True):
        assert np.asarray(with_them)[others] == pytest.approx(np.asarray(edges), abs=1e-12)


def test_derivatives_of_edges_equal_differences_and_are_finite_without_thickness():
    counts = (3, 5, 2, 0)
    edges = jax.jit(lambda thickness: jnp.concatenate(split_layers(thickness, counts)))
    slopes = jax.jit(jax.jacfwd(edges))
    for thickness in ([2.0, 7.0, 3.0, 0.0], [10.0, 3.0, 5.0, 1.5]):
        for k in range(3):
            move = 1e-5 * np.eye(4)[k]
            difference = (edges(np.array(thickness) + move) - edges(np.array(thickness) - move)) / 2e-5
            assert np.asarray(slopes(np.array(thickness)))[:, k] == pytest.approx(np.asarray(difference), abs=1e-7)
    for k in range(3):  # an edge of a layer of no thickness moves by its share of the cells
        thickness = np.array([4.0, 3.0, 2.0, 5.0])
        thickness[k] = 0.0
        own, places = np.equal(layer_of_cell(counts), k), np.arange(counts[k])
        by_own = np.asarray(slopes(thickness)).reshape(2, -1, 4)[:, own, k]
        assert by_own == pytest.approx(np.array([places, places + 1]) / counts[k], abs=1e-9)
    assert np.all(np.isfinite(slopes(np.zeros(4))))


def test_a_layer_has_cells_for_every_fold_by_which_they_widen_and_never_fewer_than_asked_for():
    for cells, bare in ((1, (3, 4)), (2, (6, 8)), (4, (11, 16))):  # log(16) = 2.77 and log(51) = 3.93
        assert [count_cells([thick], [True], cells)[0] for thick in (15.0, 50.0)] == list(bare)
        assert count_cells([8.5, 5.6], [True, False], cells) == (cells, 0)  # log(15.1 / 6.6) = 0.83
    assert count_cells([8.5, 3.0], [True, True], 4) == (9, 7)  # log(9.5) = 2.25 and 2 log(2.5) = 1.83
    assert count_cells([8.5, 2.0, 3.0], [True, False, True], 4) == (5, 0, 6)  # log(11.5 / 3) and log(3.5^2 / 3)
    assert count_cells([8.5, 2.0, 3.0], [True, False, True], 4, [3.0, 0.0, 1.0]) == (9, 0, 7)  # if they may touch


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
