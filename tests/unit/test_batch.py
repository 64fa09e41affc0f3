"""Batches of particles: moments of their distributions, and a quadrature that is one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import lognorm, norm

from padesign.design.batch import Spread, batch_of
from tests.systems.particles import geometry

TARGET = geometry([8.0, 5.0], [[8.0, 2.0], [0.0, 0.0]])


@pytest.mark.parametrize("lognormal", [False, True])
def test_a_quadrature_has_the_moments_of_its_distribution(lognormal: bool) -> None:
    """Two scattering sizes: weights, means and standard deviations, cut at three standard deviations."""
    batch = batch_of(TARGET, Spread(0.1, 0.05, 0.0, lognormal, samples=121))
    assert batch.weight.size == 121 and batch.weight.sum() == pytest.approx(1.0)
    for size, target, spread in zip(np.asarray(batch.thickness_nm).T, (8.0, 5.0), (0.1, 0.05), strict=True):
        assert float(batch.mean(size)) == pytest.approx(target, rel=1e-3)
        assert batch.deviation(size) == pytest.approx(spread * target, rel=0.02)
    assert np.asarray(batch.fraction) == pytest.approx(np.broadcast_to(TARGET.fraction, batch.fraction.shape))


@pytest.mark.parametrize("lognormal", [False, True])
def test_a_steep_response_is_averaged_as_by_adaptive_quadrature(lognormal: bool) -> None:
    """A saturating response that rises as the 30th power of the size, over a batch of 4 %."""

    def response(size_nm: np.ndarray) -> np.ndarray:
        return 1.0 / (1.0 + (8.2 / size_nm) ** 30)

    sigma = np.sqrt(np.log1p(0.04**2))
    median = 8.0 * np.exp(-0.5 * sigma**2)

    def density(size_nm: float) -> float:
        return float(lognorm.pdf(size_nm, sigma, scale=median) if lognormal else norm.pdf(size_nm, 8.0, 0.32))

    expected = quad(lambda size: density(size) * response(size), 5.0, 11.0)[0]
    batch = batch_of(TARGET, Spread(0.04, 0.0, 0.0, lognormal, samples=32))
    assert float(batch.mean(response(np.asarray(batch.thickness_nm)[:, 0]))) == pytest.approx(expected, rel=3e-3)


def test_three_scattering_numbers_are_sampled() -> None:
    batch = batch_of(TARGET, Spread(0.1, 0.0, 0.1, samples=40))
    assert batch.weight == pytest.approx(1.0 / 40) and "seed" in batch.how
    assert len(np.unique(np.asarray(batch.thickness_nm)[:, 0])) == 40
