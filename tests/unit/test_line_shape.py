"""The line shape: unit area, detailed balance, smoothness, and no under- or overflow down to 4 K."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from padesign.constants import BOLTZMANN_cm1_per_K
from padesign.spectroscopy.line_shape import line_shape_cm, log_line_shape, sideband_slope_cm

CASES = [(170.0, 5.9e-3, 295.0), (170.0, 5.9e-3, 4.0), (240.0, 1.96e-3, 700.0), (3.0, 5.9e-3, 295.0)]

log_g = jax.jit(log_line_shape)
gradients = jax.jit(jax.vmap(jax.grad(log_line_shape, argnums=(0, 1, 2, 3))))
slope = jax.jit(sideband_slope_cm)
slope_by_temperature = jax.jit(jax.grad(sideband_slope_cm, argnums=2))


@pytest.mark.parametrize("case", CASES)
def test_area_is_one(case):
    s, a, temperature = case
    shift = s**2 / (2 * BOLTZMANN_cm1_per_K * temperature)
    low, high = (-(a + 1 / (BOLTZMANN_cm1_per_K * temperature)) * s**2 + shift, a * s**2 + shift)
    panels = [low - 40 / (a + 1 / (BOLTZMANN_cm1_per_K * temperature)), low, high, high + 40 / a]
    centre = np.clip(shift + np.array([-8, -1, 1, 8]) * s, low, high)
    edges = np.unique(np.concatenate([panels, centre]))
    nodes, weights = np.polynomial.legendre.leggauss(60)
    halves = np.diff(edges)[:, None] / 2
    d = (edges[:-1, None] + halves * (1 + nodes)).ravel()
    area = np.sum((halves * weights).ravel() * np.exp(np.asarray(log_g(d, *case))))
    assert area == pytest.approx(1.0, abs=1e-9)


def test_area_agrees_with_adaptive_quadrature():
    s, a, temperature = CASES[0]
    kT = BOLTZMANN_cm1_per_K * temperature

    def piecewise(d: float) -> float:
        x, b = d - s**2 / (2 * kT), a + 1 / kT
        if x > a * s**2:
            return np.exp((a * s) ** 2 / 2 - a * x)
        return np.exp((b * s) ** 2 / 2 + b * x) if x < -b * s**2 else np.exp(-(x**2) / (2 * s**2))

    norm = quad(piecewise, -4000, 9000, points=[-b for b in (400, 0)] + [300, 1000], limit=400)[0]
    d = np.array([-900.0, -300.0, 0.0, 141.0, 500.0, 1155.0])
    expected = np.array([piecewise(x) / norm for x in d])
    assert np.exp(np.asarray(log_g(d, s, a, temperature))) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize("case", CASES)
def test_emission_over_absorption_is_the_boltzmann_factor(case):
    d = np.array([0.3, 17.0, 141.0, 628.0, 1155.0, 3107.0, 20000.0])
    ratio = np.asarray(log_g(-d, *case)) - np.asarray(log_g(d, *case))
    assert ratio == pytest.approx(-d / (BOLTZMANN_cm1_per_K * case[2]), rel=1e-11, abs=1e-11)


def test_far_tails_are_finite_and_exponential():
    s, a, temperature = 170.0, 5.9e-3, 295.0
    d = np.array([5e3, 6e3, 1e5, 2e5])
    value = np.asarray(log_g(d, s, a, temperature))
    assert np.diff(value)[[0, 2]] == pytest.approx(-a * np.diff(d)[[0, 2]], rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_differences_on_every_piece(case):
    s, a, temperature = case
    kT = BOLTZMANN_cm1_per_K * temperature
    c = s**2 / (2 * kT)
    d = np.array([c - 1.3 * (a + 1 / kT) * s**2, c - 0.4 * s, c, c + 0.5 * a * s**2, c + a * s**2, c + 3 * a * s**2])
    points = [jnp.asarray(d), *(jnp.full(d.shape, value) for value in case)]
    exact = gradients(*points)
    for k, step in enumerate((1e-6 * s, 1e-6 * s, 1e-5 * a, 1e-5 * temperature)):
        up, down = ([p + sign * step * (i == k) for i, p in enumerate(points)] for sign in (1, -1))
        difference = (log_g(*up) - log_g(*down)) / (2 * step)
        assert np.all(np.isfinite(exact[k]))
        scale = np.max(np.abs(difference))
        assert np.asarray(exact[k]) == pytest.approx(np.asarray(difference), rel=2e-4, abs=1e-4 * scale)


def test_line_shape_is_the_exponential_of_its_logarithm():
    assert float(line_shape_cm(100.0, 170.0, 6e-3, 295.0)) == pytest.approx(np.exp(log_g(100.0, 170.0, 6e-3, 295.0)))


def test_sideband_slope_is_exact_at_the_reference_falls_with_temperature_and_stays_positive():
    assert float(slope(5.9e-3, 450.0, 295.0, 295.0)) == pytest.approx(5.9e-3, rel=1e-14)
    n = [1 / np.expm1(450 / (BOLTZMANN_cm1_per_K * T)) for T in (450.0, 295.0)]
    assert float(slope(5.9e-3, 450.0, 450.0, 295.0)) == pytest.approx(
        5.9e-3 - np.log((1 + n[0]) / (1 + n[1])) / 450, rel=1e-12
    )
    values = np.array([slope(1.96e-3, 300.0, T, 295.0) for T in (4.0, 77.0, 295.0, 600.0, 1000.0, 2500.0)])
    assert np.all(np.diff(values) < 0) and values[-1] == pytest.approx(0.05 * 1.96e-3, rel=1e-2)
    for T in (4.0, 295.0, 450.0, 1000.0, 2500.0):
        step = 1e-4 * T
        difference = (slope(1.96e-3, 300.0, T + step, 295.0) - slope(1.96e-3, 300.0, T - step, 295.0)) / (2 * step)
        exact = float(slope_by_temperature(1.96e-3, 300.0, T, 295.0))
        assert exact == pytest.approx(float(difference), rel=1e-5, abs=1e-15)
