"""Colour: published chromaticities, watts not photons, darkness told apart from colour, derivatives; the objective."""

from __future__ import annotations

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from objectives.colour import Colour
from padesign.constants import BOLTZMANN_cm1_per_K
from padesign.errors import InputError
from padesign.kinetics.light import EmittingNetwork, find_band
from padesign.kinetics.network import RateNetwork
from padesign.observables import colour
from padesign.observables.solution import Solution, solve

seen = jax.jit(colour.chromaticity)
seen_slopes = jax.jit(jax.grad(lambda photons, wavelengths: sum(colour.chromaticity(photons, wavelengths)[1:5])))


def _xy(wavelengths_nm, photons=None, width_cm1=170.0):
    wavelengths = jnp.asarray(wavelengths_nm, dtype=float)
    result = seen(jnp.ones_like(wavelengths) if photons is None else jnp.asarray(photons), wavelengths, width_cm1)
    return float(result.x), float(result.y)


def test_colour_matching_functions_have_the_published_sums():
    matching = colour.colour_matching()
    assert matching[::5].sum(axis=0) == pytest.approx([21.371524, 21.371327, 21.371540], abs=1e-6)
    assert matching[175] == pytest.approx([0.5121, 1.0, 0.0057], abs=1e-4)  # 555 nm: the eye is most sensitive
    for wavelength_nm, published in ((503, [0.002425, 0.371699, 0.234772]), (617, [0.907244, 0.417036, 0.000221])):
        assert matching[wavelength_nm - 380] == pytest.approx(published, abs=6e-5)  # between two rows of the table


@pytest.mark.parametrize(
    ("wavelength_nm", "x", "y"), [(480.0, 0.0913, 0.1327), (530.0, 0.1547, 0.8059), (600.0, 0.6270, 0.3725)]
)
def test_a_narrow_line_lies_on_the_spectral_locus(wavelength_nm, x, y):
    assert _xy([wavelength_nm], width_cm1=60.0) == pytest.approx((x, y), abs=6e-4)


def test_deep_red_is_the_red_corner_at_any_width():
    assert _xy([700.0]) == pytest.approx((0.7347, 0.2653), abs=4e-4)


def test_equal_power_at_every_wavelength_is_equal_energy_white():
    wavelengths = np.arange(380.0, 781.0)
    x, y = _xy(wavelengths, wavelengths)
    assert (x, y) == pytest.approx((1 / 3, 1 / 3), abs=3e-4)
    assert _xy(wavelengths) != pytest.approx((1 / 3, 1 / 3), abs=3e-3)  # equal photons are not equal power


def test_a_black_body_at_6500_K_has_the_published_colour():
    """Planckian locus at 6500 K: x = 0.3135, y = 0.3237 (Wyszecki and Stiles)."""
    wavelengths = np.arange(380.0, 781.0)
    photons = wavelengths**-4 / np.expm1(1e7 / wavelengths / (BOLTZMANN_cm1_per_K * 6500.0))
    assert _xy(wavelengths, photons) == pytest.approx((0.3135, 0.3237), abs=5e-4)


def test_lines_of_finite_width_agree_with_an_independent_colour_library():
    """475, 545, 650 and 800 nm with 1, 2, 3 and 50 photons/s; numbers of colour-science 0.4.7 with the same lines."""
    result = seen(jnp.array([1.0, 2.0, 3.0, 50.0]), jnp.array([475.0, 545.0, 650.0, 800.0]))
    assert result.XYZ_W == pytest.approx([5.94815e-19, 8.61271e-19, 4.48365e-19], rel=1e-4)
    assert (result.x, result.y) == pytest.approx((0.312329, 0.452241), abs=2e-5)
    assert (result.u_prime, result.v_prime) == pytest.approx((0.160123, 0.521667), abs=2e-5)
    assert result.visible
    assert result.visible_fraction == pytest.approx(result.visible_photons_per_s / 56.0)
    infrared_tail = 50.0 * 0.5 * math.erfc((1e7 / 780.0 - 1e7 / 800.0) / 170.0 / math.sqrt(2.0))
    assert result.visible_photons_per_s == pytest.approx(6.0 + infrared_tail, rel=1e-3)


def test_white_point_and_primaries_have_the_published_u_and_v():
    assert colour.uv_of_xy(0.3127, 0.3290) == pytest.approx((0.1978, 0.4683), abs=1e-4)
    assert colour.uv_of_xy(0.64, 0.33) == pytest.approx((0.4507, 0.5229), abs=1e-4)


@pytest.mark.parametrize(
    ("photons", "wavelengths"),
    [([0.0], [500.0]), ([1e5], [800.0]), ([1e5], [330.0]), ([7.0, 2.0], [math.nan, math.inf])],
)
def test_light_that_no_eye_sees_is_flagged_and_finite(photons, wavelengths):
    photons, wavelengths = jnp.array(photons), jnp.array(wavelengths)
    result = seen(photons, wavelengths)
    assert not result.visible
    assert all(np.isfinite(part).all() for part in result)
    slopes = seen_slopes(photons, wavelengths)
    assert np.isfinite(slopes).all()


def test_infrared_light_does_not_hide_a_colour():
    assert seen(jnp.array([1.0, 1e4]), jnp.array([475.0, 976.0])).visible


def test_chromaticity_has_exact_derivatives():
    photons, wavelengths = jnp.array([3.0, 1.0, 2.0, 9.0]), jnp.array([452.0, 545.0, 650.0, 795.0])
    gradient = jax.jit(jax.grad(lambda p, w: seen(p, w).u_prime + 2.0 * seen(p, w).v_prime, argnums=(0, 1)))
    for k, value in enumerate(gradient(photons, wavelengths)):
        for i in range(4):
            ends = []
            for step in (1e-4, -1e-4):
                point = [photons, wavelengths]
                point[k] = point[k].at[i].add(step)
                result = seen(*point)
                ends.append(float(result.u_prime + 2.0 * result.v_prime))
            assert value[i] == pytest.approx((ends[0] - ends[1]) / 2e-4, rel=1e-5, abs=1e-9)


def test_screen_colours():
    assert colour.srgb_hex(np.array([0.3127 / 0.3290, 1.0, 0.3583 / 0.3290])) == "#ffffff"
    assert colour.srgb_hex(np.zeros(3)) == "#000000"
    red, green, blue = (colour.srgb_hex(np.asarray(seen(jnp.ones(1), jnp.array([w])).XYZ_W)) for w in (650, 540, 450))
    assert (red[:5], green[1:5], blue[3:]) == ("#ff00", "00ff", "00ff")


IDS = ("g", "m", "r", "b")


def _system(second_step: jax.Array, energies=(0.0, 5000.0, 15400.0, 21300.0)) -> EmittingNetwork:
    """An ion in two cells that is pumped to a red level, and from there by `second_step` to a blue one."""
    radiative = jnp.zeros((2, 4, 4)).at[:, 0, 2].set(800.0).at[:, 1, 2].set(200.0)
    radiative = radiative.at[:, 0, 3].set(900.0).at[:, 1, 3].set(300.0).at[:, 0, 1].set(100.0)
    pump = jnp.zeros((2, 4, 4)).at[:, 2, 0].set(1e-4).at[:, 3, 2].set(jnp.array([1.0, 0.3]) * second_step)
    labels = tuple(f"X:{level}@{cell}" for cell in range(2) for level in IDS)
    network = RateNetwork((radiative,), (pump,), (jnp.zeros((2, 4, 4, 8)),), labels)
    return EmittingNetwork(network, (radiative,), (jnp.array([300.0, 500.0]),), (jnp.array(energies),), (("X", IDS),))


BLUE = Colour.from_options({"target": "blue", "at_irradiance_kW_per_cm2": 20.0, "min_photons_per_s": 1e3})
LABELS = ("X:r -> X:g", "X:b -> X:m", "X:m -> X:g")


@jax.jit
def _solve_and_judge(second_step, brightness):
    """Loss with slope, judgement, solution, lines and log photons of `LABELS`; one program for all tests."""

    def loss(second_step):
        solution = solve(_system(second_step), 0.1, 100.0)
        solution = eqx.tree_at(lambda s: s.light.ions_in_cell, solution, (jnp.array([300.0, 500.0]) * brightness,))
        bands = [find_band(solution.light.levels, label) for label in LABELS]
        more = colour.lines_on_sweep(solution, math.log(2e4)), solution.log_photons_per_s(bands, jnp.log(2e4))
        return BLUE.loss(solution), (BLUE.judge(solution), solution, *more)

    return jax.value_and_grad(loss, has_aux=True)(second_step)


def _solved(second_step, brightness=1.0):
    return _solve_and_judge(jnp.asarray(second_step), jnp.asarray(brightness))


@pytest.fixture(scope="module")
def solution() -> Solution:
    return _solved(2e-3)[0][1][1]


def test_lines_are_the_bands_of_the_network():
    (_, (_, solution, (lines, residual), log_photons)), _ = _solved(2e-3)
    assert residual < 1e-8
    assert lines.photons_per_s.shape == (6,)
    for label, expected in zip(LABELS, log_photons, strict=True):
        wavelength = float(solution.light.wavelength_nm(find_band(solution.light.levels, label)))
        k = np.flatnonzero(np.isclose(lines.wavelengths_nm, wavelength))
        assert lines.photons_per_s[k] == pytest.approx([math.exp(expected)], rel=1e-9)


def test_the_objective_reports_the_distance_in_u_and_v():
    (loss, (verdict, *_)), slope = _solved(2e-3)
    u, v = colour.uv_of_xy(0.15, 0.06)
    assert verdict.valid
    assert verdict.value == pytest.approx(math.hypot(verdict.metrics["u_prime"] - u, verdict.metrics["v_prime"] - v))
    assert verdict.violations["min_photons_per_s"] == pytest.approx(1e3 - verdict.metrics["visible_photons_per_s"])
    assert loss == pytest.approx(float(verdict.value), abs=0.02)
    step = 1e-7
    ends = [_solved(2e-3 + sign * step)[0][0] for sign in (1.0, -1.0)]
    assert slope == pytest.approx(float(ends[0] - ends[1]) / (2 * step), rel=1e-5)
    assert slope < 0.0  # more of the second step is more blue


def test_a_dark_particle_has_no_colour_but_a_finite_loss():
    (loss, (verdict, *_)), slope = _solved(2e-3, 1e-9)
    assert not verdict.valid
    assert np.isnan(verdict.value)
    assert loss > _solved(2e-3)[0][0] + 10.0
    assert np.isfinite(slope)


def test_systems_without_a_colour_are_refused(solution):
    assert BLUE.check(solution) == ""
    far = Colour.from_options({"target": "red", "at_irradiance_kW_per_cm2": 500.0})
    assert "window" in far.check(solution)
    for energies, word in (((0.0, 1e3, 2e3, 9e3), "380"), ((0.0, math.nan, 15400.0, 21300.0), "`energies_cm1`: X:m")):
        other = eqx.tree_at(lambda s: s.light.energies_cm1, solution, (jnp.array(energies),))
        assert word in BLUE.check(other)


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({}, "gives 0"),
        ({"target": "red", "target_xy": {"x": 0.3, "y": 0.3}}, "gives 2"),
        ({"target": "cyan"}, "`cyan`"),
        ({"target_uv": {"u": 0.2}}, "two numbers"),
    ],
)
def test_unclear_targets_are_refused(options, word):
    with pytest.raises(InputError, match=word):
        Colour.from_options({"at_irradiance_kW_per_cm2": 10.0, **options})


def test_the_same_target_in_three_notations():
    at = {"at_irradiance_kW_per_cm2": 10.0}
    named, xy = (
        Colour.from_options({"target": "white", **at}),
        Colour.from_options({"target_xy": [0.3127, 0.329], **at}),
    )
    uv = Colour.from_options({"target_uv": dict(zip("uv", named.target_uv_prime, strict=True)), **at})
    assert named.target_uv_prime == xy.target_uv_prime == uv.target_uv_prime
    assert named == Colour.from_options({"target": "white", **at})  # an objective is a static argument of programs
    assert named != Colour.from_options({"target": "green", **at})
    assert isinstance(hash(named), int)
