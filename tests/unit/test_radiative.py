"""Radiative rates: values printed by an independent program, and the reciprocity of emission and absorption."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest

from padesign.constants import SPEED_OF_LIGHT_cm_per_s
from padesign.spectroscopy.line_shape import FWHM_PER_STANDARD_DEVIATION
from padesign.spectroscopy.pair_constant import pair_constant_nm6_per_s
from padesign.spectroscopy.radiative import (
    electric_dipole_absorption_cm,
    electric_dipole_rate_per_s,
    line_strength_cm2,
    magnetic_dipole_absorption_cm,
    magnetic_dipole_rate_per_s,
    photon_energy_J,
    wavenumber_cm1,
)

ed_rate, md_rate = jax.jit(electric_dipole_rate_per_s), jax.jit(magnetic_dipole_rate_per_s)
pair_constant = jax.jit(pair_constant_nm6_per_s)

# NanoParticleTools (BlauGroup, commit 3dc4a35), tests/test_files/spectral_kinetics/Yb10_Er2: refractive index 1.5.
N = 1.5
FWHM_cm1 = 400.0
TM_OMEGA_cm2 = np.array([2.04, 2.01, 1.44]) * 1e-20
# Squared reduced matrix elements of Tm3+ from the free-ion parameters of Carnall, Fields and Rajnak (1968).
TM_3F4_3H6 = np.array([0.537472, 0.726103, 0.238210])
TM_3H4_3F4 = np.array([0.129277, 0.130110, 0.205526])


def overlap_of_two_gaussians_cm(distance_cm1: float) -> float:
    s = math.sqrt(2.0) * FWHM_cm1 / FWHM_PER_STANDARD_DEVIATION
    return math.exp(-0.5 * (distance_cm1 / s) ** 2) / (s * math.sqrt(2 * math.pi))


def test_electric_dipole_rate_of_erbium_4I13_2():
    assert float(ed_rate(6495.0, 1.941e-20, 13, N)) == pytest.approx(82.74198810772273, rel=2e-6)


def test_magnetic_dipole_rate_of_erbium_4I13_2():
    assert float(md_rate(6495.0, 18.9166, 13, N)) == pytest.approx(33.703, rel=1e-4)
    assert float(md_rate(6495.0, 18.9166, 13, N)) == pytest.approx(33.54781637918263, rel=6e-3)  # their g_s is 2


def test_radiative_lifetime_of_thulium_3F4():
    """Within 2 %: their Omega are known to three digits and their matrix elements are another calculation."""
    strength = line_strength_cm2(TM_OMEGA_cm2, TM_3F4_3H6)
    assert 1e3 / float(ed_rate(5675.0, strength, 8, N)) == pytest.approx(7.942, rel=2e-2)


@pytest.mark.parametrize(
    ("strength_cm2", "two_J", "printed"),
    [(1.941e-20, (13, 15), 1946.242441483267), (1.5e-20, (5, 7), 5424.19315)],
)
def test_migration_constants_of_erbium_and_ytterbium(strength_cm2, two_J, printed):
    value = pair_constant(strength_cm2, strength_cm2, overlap_of_two_gaussians_cm(150.0), *two_J, N, N)
    assert float(value) == pytest.approx(printed, rel=1e-4)


def test_cross_relaxation_constant_of_thulium_3H4():
    donor, acceptor = (float(line_strength_cm2(TM_OMEGA_cm2, U)) for U in (TM_3H4_3F4, TM_3F4_3H6))
    beta_cm = 3.5e-3 - math.log(2) / 450.0
    overlap = overlap_of_two_gaussians_cm(0.0) * math.exp(-beta_cm * (6907.0 - 5675.0 - 150.0))
    assert float(pair_constant(donor, acceptor, overlap, 8, 12, N, N)) == pytest.approx(343.69, rel=2e-2)


def test_pair_constant_has_one_local_field_factor_per_ion():
    same = pair_constant(1e-20, 1e-20, 1e-3, 8, 12, 1.6, 1.6)
    mixed = pair_constant(1e-20, 1e-20, 1e-3, 8, 12, 1.6, 1.4)
    other = pair_constant(1e-20, 1e-20, 1e-3, 8, 12, 1.4, 1.4)
    assert float(mixed) ** 2 == pytest.approx(float(same) * float(other), rel=1e-12)


@pytest.mark.parametrize(
    ("emission", "absorption", "strength"),
    [
        (electric_dipole_rate_per_s, electric_dipole_absorption_cm, 1.9e-20),
        (magnetic_dipole_rate_per_s, magnetic_dipole_absorption_cm, 18.9),
    ],
)
def test_emission_and_absorption_obey_einstein(emission, absorption, strength):
    """A g_u = 8 pi n^2 c nu^2 g_l (integral of sigma over wavenumber)."""
    energy, n, two_J_upper, two_J_lower = 6495.0, 1.47, 13, 15
    left = float(emission(energy, strength, two_J_upper, n)) * (two_J_upper + 1)
    sigma = float(absorption(energy, strength, two_J_lower, n)) * (two_J_lower + 1)
    assert left == pytest.approx(8 * math.pi * n**2 * SPEED_OF_LIGHT_cm_per_s * energy**2 * sigma, rel=1e-12)


def test_line_strength_sums_the_last_axis():
    U = np.arange(12.0).reshape(2, 2, 3)
    assert np.asarray(line_strength_cm2(np.array([1.0, 10.0, 100.0]), U)).tolist() == [[210.0, 543.0], [876.0, 1209.0]]


def test_photon_of_1064_nm():
    assert float(wavenumber_cm1(1064.0)) == pytest.approx(9398.496, rel=1e-6)
    assert float(photon_energy_J(1064.0)) == pytest.approx(6.62607015e-34 * 299792458 / 1064e-9, rel=1e-12)


def test_rates_differentiate_in_energy_and_index():
    slopes = jax.grad(electric_dipole_rate_per_s, argnums=(0, 3))(6495.0, 1.941e-20, 13.0, N)
    value = float(ed_rate(6495.0, 1.941e-20, 13, N))
    assert float(slopes[0]) == pytest.approx(3 * value / 6495.0, rel=1e-12)
    assert float(slopes[1]) == pytest.approx(value * (1 / N + 4 * N / (N**2 + 2)), rel=1e-12)
