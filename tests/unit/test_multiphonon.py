"""Multiphonon relaxation: a printed rate, the temperature law, detailed balance."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from padesign.constants import BOLTZMANN_cm1_per_K
from padesign.spectroscopy.multiphonon import multiphonon_rate_per_s, upward_ratio

rate = jax.jit(multiphonon_rate_per_s)
by_temperature = jax.jit(jax.grad(multiphonon_rate_per_s, argnums=4))
NAYF4 = (1e7, 3.5e-3, 450.0)


@pytest.mark.parametrize(
    ("gap_cm1", "printed"),
    [(6495.0, 0.05289722764057991), (5675.0, 0.9329), (2568.0, 4.927e4), (4339.0, 100.1)],
)
def test_rates_printed_by_nanoparticletools(gap_cm1, printed):
    """Er 4I13/2 and Tm 3F4, 3H5, 3H4 with W0 = 1e7, alpha = 3.5e-3, hw = 450 and a Stokes shift of 150 cm^-1."""
    assert float(rate(gap_cm1, *NAYF4, 295.0, 295.0, 150.0)) == pytest.approx(printed, rel=5e-4)


def test_rate_is_W0_at_a_gap_of_two_phonons():
    assert float(rate(900.0, *NAYF4, 295.0, 295.0)) == pytest.approx(1e7, rel=1e-12)


def test_temperature_law_is_one_stimulated_phonon_per_quantum():
    n = [1 / np.expm1(450.0 / (BOLTZMANN_cm1_per_K * T)) for T in (500.0, 295.0)]
    ratio = rate(5675.0, *NAYF4, 500.0, 295.0) / rate(5675.0, *NAYF4, 295.0, 295.0)
    assert float(ratio) == pytest.approx(((1 + n[0]) / (1 + n[1])) ** (5675.0 / 450.0), rel=1e-11)


def test_gradient_is_finite_from_4_to_1000_kelvin_and_equals_differences():
    for T in (4.0, 77.0, 295.0, 1000.0):
        step = 1e-4 * T
        difference = (rate(1800.0, *NAYF4, T + step, 295.0) - rate(1800.0, *NAYF4, T - step, 295.0)) / (2 * step)
        assert float(by_temperature(1800.0, *NAYF4, T, 295.0)) == pytest.approx(float(difference), rel=1e-5, abs=1e-4)


def test_upward_over_downward_is_the_equilibrium_population_ratio():
    kT = BOLTZMANN_cm1_per_K * 295.0
    assert float(upward_ratio(700.0, 4, 15, 295.0)) == pytest.approx(5 / 16 * np.exp(-700.0 / kT), rel=1e-13)
    assert float(upward_ratio(0.0, 8, 8, 4.0)) == 1.0
