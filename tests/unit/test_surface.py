"""Loss to the surface: both limits, the exact cell average, derivatives."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.particle.cells import cell_volumes_nm3
from padesign.particle.kernel import shell_integral_per_nm3
from padesign.particle.surface import surface_kernel_nm4, surface_loss_per_s

loss = jax.jit(surface_loss_per_s)
average = jax.jit(surface_kernel_nm4)
INNER, OUTER = np.array([0.0, 3.0, 6.0, 9.5, 4.0]), np.array([3.0, 6.0, 9.5, 10.0, 4.0])


def test_loss_follows_the_closed_form():
    R, r = 10.0, np.array([0.01, 3.0, 8.0, 9.4])
    expected = 7.0 * math.pi * R / (2 * r) * ((R - r) ** -4 - (R + r) ** -4)
    assert np.asarray(loss(r, R, 7.0, 0.5)) == pytest.approx(expected, rel=1e-9)


def test_limits_are_the_centre_and_the_flat_sheet():
    assert float(loss(0.0, 10.0, 7.0, 0.5)) == pytest.approx(7.0 * 4 * math.pi * 10.0**2 / 10.0**6, rel=1e-13)
    assert float(loss(1e4 - 1.0, 1e4, 7.0, 0.5)) == pytest.approx(7.0 * math.pi / 2, rel=2e-4)


def test_closest_approach_limits_the_loss():
    R, r = 10.0, 9.9
    expected = math.pi * R / (2 * r) * (0.5**-4 - (R + r) ** -4)
    assert float(loss(r, R, 1.0, 0.5)) == pytest.approx(expected, rel=1e-12)
    assert float(loss(9.5 + 1e-9, R, 1.0, 0.5)) == pytest.approx(float(loss(9.5 - 1e-9, R, 1.0, 0.5)), rel=1e-7)


def test_mean_over_a_cell_is_the_shell_integral_seen_from_the_surface():
    """By reciprocity of the kernel: mean k = strength 4 pi R^2 (integral of 4 pi r^2 K(R, r) dr) / V, exactly."""
    volume = cell_volumes_nm3(INNER[:4], OUTER[:4])
    exact = 4 * math.pi * 10.0**2 * jax.jit(shell_integral_per_nm3)(10.0, INNER[:4], OUTER[:4], 0.4) / volume
    assert np.asarray(average(INNER, OUTER, 10.0, 0.4))[:4] == pytest.approx(np.asarray(exact), rel=1e-8)


def test_cell_of_no_thickness_has_the_value_at_its_radius():
    assert float(average(INNER, OUTER, 10.0, 0.4)[4]) == pytest.approx(float(loss(4.0, 10.0, 1.0, 0.4)), rel=1e-12)


def test_derivatives_are_finite_and_equal_differences():
    exact = jax.jit(jax.jacfwd(surface_kernel_nm4, argnums=(0, 1, 2, 3)))(INNER, OUTER, 10.0, 0.4)
    assert all(np.all(np.isfinite(part)) for part in exact)
    for k in (2, 3):
        up, down = ([INNER, OUTER, 10.0 + s * 1e-5 * (k == 2), 0.4 + s * 1e-5 * (k == 3)] for s in (1, -1))
        difference = (np.asarray(average(*up)) - np.asarray(average(*down))) / 2e-5
        assert np.asarray(exact[k]) == pytest.approx(difference, rel=1e-5, abs=1e-7)
    by_radius = jax.jit(jax.vmap(jax.grad(lambda r: surface_loss_per_s(r, 10.0, 1.0, 0.5))))(
        jnp.array([0.0, 5.0, 9.5, 10.0])
    )
    assert np.all(np.isfinite(by_radius)) and float(by_radius[0]) == pytest.approx(0.0, abs=1e-15)
