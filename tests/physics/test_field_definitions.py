"""What experiments read off: conventions, beam average, image, slowing down, photon balance; against closed forms."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.design.characterise import Readings, readings, state_at
from padesign.design.scanning import response_in_dwell
from padesign.design.scene import JUDGE_COARSENESS
from padesign.observables import imaging
from padesign.observables.balance import photon_balance
from padesign.observables.beam import averaged_slope, beam_averaged
from padesign.observables.relaxation import relaxation_time_s
from padesign.observables.response import Response
from padesign.observables.solution import Solution, solve
from tests.systems.avalanche import BISTABLE, SAMPLE_4, Avalanche
from tests.systems.solving import avalanche_light

BAND = "X:3 -> X:1"


@functools.cache
def read(system: Avalanche) -> tuple[Solution, Readings]:
    """The readings of one network on the grid of powers on which numbers are judged."""
    solution = _solve(avalanche_light(system))
    return solution, readings(solution, solution.band(BAND), 0.05, 5.0, 2.0)


_solve = jax.jit(lambda light: solve(light, 1.0, 100.0, coarseness=JUDGE_COARSENESS))


def power_law(exponent: float) -> Response:
    grid = jnp.linspace(0.0, 10.0, 2001)
    return Response(grid, exponent * grid)


def test_the_published_tm_model_averaged_over_its_beam_has_the_published_slope() -> None:
    """Plane wave 52.1, beam average 34.1 for sample 4 of the script to Lee et al. 2021."""
    _, seen = read(SAMPLE_4)
    assert float(seen.steepest.value) == pytest.approx(52.12, rel=1e-3)
    assert float(jnp.max(seen.beam_slope)) == pytest.approx(34.1, rel=2e-3)


def test_every_threshold_is_where_a_fine_grid_has_it() -> None:
    solution, seen = read(SAMPLE_4)
    x, y, s = (
        np.asarray(part)
        for part in (seen.response.log_irradiance, seen.response.log_photons_per_s, seen.response.slope)
    )
    step, low = x[1] - x[0], float(solution.log_irradiance_min)
    top = int(np.argmax(s))
    inside = np.flatnonzero((x > low) & (s >= 5.0))
    assert bool(seen.above.exists) and float(seen.above.log_irradiance) == pytest.approx(x[inside[0]], abs=2 * step)
    after = top + int(np.argmax(s[top:] < 2.0))
    assert bool(seen.saturation.exists) and float(seen.saturation.log_irradiance) == pytest.approx(
        x[after], abs=2 * step
    )
    k = int(np.argmin(np.abs(x - low)))
    cross = ((y[k] - s[k] * x[k]) - (y[top] - s[top] * x[top])) / (s[top] - s[k])
    assert float(seen.tangents) == pytest.approx(cross, abs=5 * step)
    doubling = np.interp(x + math.log(2.0), x, y) - y
    usable = (x >= low) & (x + math.log(2.0) <= x[-1])
    value, at, _ = seen.gain
    assert math.log(float(value)) == pytest.approx(doubling[usable].max(), rel=2e-3)
    assert float(at) == pytest.approx(x[usable][int(np.argmax(doubling[usable]))], abs=20 * step)
    order = [seen.above.log_irradiance, seen.tangents, seen.threshold.log_irradiance, seen.saturation.log_irradiance]
    assert sorted(map(float, order)) == list(map(float, order))


def test_a_curve_that_is_never_so_steep_has_no_such_threshold() -> None:
    solution, _ = read(SAMPLE_4)
    seen = readings(solution, solution.band(BAND), 0.05, 500.0, 2.0)
    assert not bool(seen.above.exists)


def test_a_jump_is_a_jump_in_every_reading() -> None:
    """Sweeping up, the emission jumps at the upper fold; averaged over a beam it rises without a jump."""
    _, seen = read(BISTABLE)
    (_, up), _ = BISTABLE.folds()
    rise = np.diff(np.asarray(seen.response.log_photons_per_s))
    jump = int(np.argmax(rise))
    assert math.exp(float(seen.response.log_irradiance[jump])) == pytest.approx(up, rel=5e-3)
    averaged = np.diff(np.asarray(beam_averaged(seen.response).log_photons_per_s))
    assert np.all(np.isfinite(averaged)) and np.all(averaged > 0.0)
    assert math.exp(averaged.max()) < 0.02 * math.exp(rise.max())


def test_a_power_law_keeps_its_exponent_in_a_beam() -> None:
    for exponent in (1.0, 3.5, 30.0):
        seen = power_law(exponent)
        assert np.asarray(averaged_slope(seen)) == pytest.approx(exponent, rel=1e-9)
        ratio = seen.log_photons_per_s - beam_averaged(seen).log_photons_per_s
        assert np.asarray(ratio) == pytest.approx(math.log(exponent), rel=1e-9, abs=1e-9)


def test_the_image_of_a_power_law_is_the_focus_narrowed_by_the_root_of_the_exponent() -> None:
    focus = imaging.focus_fwhm_nm(1064.0, 1.49)
    for exponent in (1.0, 4.0, 26.0):
        image = imaging.spot(power_law(exponent), math.exp(8.0), 1064.0, 1.49)
        assert image.fwhm_nm == pytest.approx(focus / math.sqrt(exponent), rel=1e-3)
        assert image.centre == 1.0
    airy = imaging.spot(power_law(1.0), math.exp(8.0), 1064.0, 1.49, "airy")
    assert airy.fwhm_nm == pytest.approx(focus, rel=2e-3)


def test_the_published_estimate_of_the_image_and_rayleighs_distance() -> None:
    """70 nm for S = 26 at 1064 nm and NA 1.49 (Lee et al. 2021); two Airy discs at 0.61 lambda/NA dip by 26.5 %."""
    assert imaging.diffraction_estimate_nm(1064.0, 1.49, 26.0) == pytest.approx(70.0, abs=0.1)
    airy = imaging.spot(power_law(1.0), math.exp(8.0), 1064.0, 1.49, "airy")
    assert imaging.resolved_distance_nm(airy) == pytest.approx(0.61 * 1064.0 / 1.49, rel=5e-3)


def test_a_saturated_particle_is_a_wide_image() -> None:
    grid = jnp.linspace(0.0, 10.0, 2001)
    saturated = Response(grid, jnp.minimum(26.0 * (grid - 5.0), 0.0))
    narrow = imaging.spot(saturated, math.exp(5.0), 1064.0, 1.49).fwhm_nm
    wide = imaging.spot(saturated, math.exp(8.0), 1064.0, 1.49).fwhm_nm
    assert narrow < 80.0 < 300.0 < wide


def test_steepness_and_slowing_down_are_one_number() -> None:
    """S - 3/2 = W2 tau at the threshold of the three-state model, to 5 %."""
    solution, seen = read(SAMPLE_4)
    tau = relaxation_time_s(solution.light.network, seen.steepest.log_populations, seen.steepest.log_irradiance)
    assert float(seen.steepest.value) - 1.5 == pytest.approx(SAMPLE_4.W2 * tau, rel=0.05)


def test_far_below_threshold_the_slow_mode_is_the_decay_of_the_metastable_level() -> None:
    solution, _ = read(SAMPLE_4)
    low = solution.log_irradiance_min - 4.0
    tau = relaxation_time_s(solution.light.network, state_at(solution, low), low)
    assert 1.0 / tau == pytest.approx(SAMPLE_4.W2, rel=0.02)


def test_absorbed_photons_are_those_of_both_absorptions() -> None:
    solution, seen = read(SAMPLE_4)
    u, lam = seen.steepest.log_populations, seen.steepest.log_irradiance
    n1, n2, n3 = np.exp(np.asarray(u))[:3]
    flux = math.exp(float(lam)) / SAMPLE_4._photon_J
    found = photon_balance(solution.light, u, lam)
    expected = flux * (SAMPLE_4.sigma_ground_cm2 * n1 + SAMPLE_4.sigma_excited_cm2 * n2)
    assert float(found.absorbed_per_s) == pytest.approx(expected, rel=1e-9)
    assert float(found.emitted_per_s) == pytest.approx((1 - SAMPLE_4.to_2) * SAMPLE_4.W3 * n3, rel=1e-9)


def test_a_long_dwell_gives_the_steady_image_and_a_short_one_that_of_two_photons() -> None:
    """Well below a microsecond the emission is n1 R1 R2 t^2 / 2, whatever the avalanche does later."""
    solution, seen = read(SAMPLE_4)
    band, peak = solution.band(BAND), 12e3
    widths = [
        imaging.spot(response_in_dwell(solution.light, band, peak, dwell_s), peak, 1064.0, 1.49).fwhm_nm
        for dwell_s in (3e-7, 1e-3, 30.0)
    ]
    steady = imaging.spot(seen.response, peak, 1064.0, 1.49).fwhm_nm
    assert widths[0] == pytest.approx(imaging.focus_fwhm_nm(1064.0, 1.49) / math.sqrt(2.0), rel=1e-3)
    assert widths[2] == pytest.approx(steady, rel=0.02)
    assert widths[2] < widths[1] < widths[0]
