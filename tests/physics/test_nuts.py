"""NUTS against closed forms: Laplace where that is exact, and a skewed posterior where it is not."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from padesign.calibration.fit import Posterior, fit
from padesign.calibration.forward import AbstractForward, Outcome
from padesign.calibration.nuts import Samples, sample
from padesign.calibration.problem import load_calibration
from padesign.calibration.write import samples_data, set_document, write_set
from padesign.cli import app
from padesign.parameters import load_parameter_set

DRAWS = 400
SHORT = """\
version: 1
name: beta-NaYF4_test
base: beta-NaYF4_lattice
description: a test
fit: [Tm.radiative_scale, Tm.line_fwhm_cm1]
observations: [observations.yaml]
"""
SEEN = """\
version: 1
observations:
  - {kind: cross_section, label: excited, source: a test, ion: Tm, level: 3F4, wavelength_nm: 1064,
     cross_section_cm2: 6.4e-21, sigma_ln: 0.3}
"""


class Toy(AbstractForward):
    """Two straight lines through two parameters, (exp(2 theta) - 1)/2 of a third one, and a bound."""

    def __init__(self) -> None:
        super().__init__("toy", "none", "fit")
        self.labels = ("sum", "difference", "bent", "a bound")
        self.ln_observed, self.sigma_ln = np.array([0.1, 0.2, 0.1, -90.0]), np.full(4, 0.3)
        self.at_least = np.array([False, False, False, True])

    def traced(self, theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        matrix = jnp.array([[1.0, 0.9, 0.0], [0.2, -1.0, 0.0], [0.0, 0.0, 1.0], [50.0, 50.0, 50.0]])
        curved = jnp.array([False, False, True])
        bent = jnp.where(curved, 0.5 * jnp.expm1(2.0 * theta), theta)
        return matrix @ bent, matrix * jnp.where(curved, jnp.exp(2.0 * theta), 1.0)

    def predict(self, theta: np.ndarray) -> Outcome:
        ln, rows = map(np.asarray, self.traced(jnp.asarray(theta)))
        return Outcome(ln, rows, np.zeros((len(ln), 0)))

    def covers(self) -> dict[str, Any]:
        return {"ions": {}, "temperature_K": [295.0], "pump_nm": []}


@pytest.fixture(scope="module")
def sampled() -> tuple[Posterior, Samples]:
    pytest.importorskip("blackjax")
    posterior = fit([Toy()], np.array([0.5, 0.3, 0.5]), rounds=1)
    return posterior, sample([Toy()], posterior, DRAWS)


def error_of_the_mean(samples: Samples) -> np.ndarray:
    return samples.theta.std(axis=(0, 1)) / np.sqrt(samples.effective)


def test_samples_of_well_behaved_posteriors_are_not_doubted(sampled: tuple[Posterior, Samples]) -> None:
    _, samples = sampled
    assert samples.theta.shape == (4, DRAWS, 3) and samples.evaluations > 4 * DRAWS
    assert samples.doubts == [] and 0.6 < samples.acceptance < 1.0


def test_samples_of_a_normal_posterior_have_the_mean_and_covariance_of_laplace(
    sampled: tuple[Posterior, Samples],
) -> None:
    posterior, samples = sampled
    draws, covariance = samples.theta.reshape(-1, 3)[:, :2], posterior.covariance[:2, :2]
    assert np.all(np.abs(draws.mean(axis=0) - posterior.theta[:2]) < 4.0 * error_of_the_mean(samples)[:2])
    np.testing.assert_allclose(np.cov(draws.T), covariance, atol=0.15 * covariance.diagonal().max())


def test_samples_of_a_skewed_posterior_lie_on_its_long_side_and_have_its_exact_mean(
    sampled: tuple[Posterior, Samples],
) -> None:
    """A prediction that grows faster and faster allows more below the maximum than above it; mean by quadrature."""
    posterior, samples = sampled
    line = np.linspace(-3.0, 2.0, 5001)
    weight = np.exp(-0.5 * (((0.5 * np.expm1(2.0 * line) - 0.1) / 0.3) ** 2 + (line / 0.5) ** 2))
    exact, mean, error = line @ weight / weight.sum(), samples.theta[..., 2].mean(), error_of_the_mean(samples)[2]
    assert abs(mean - exact) < 4.0 * error
    assert exact < posterior.theta[2] - 5.0 * error and mean < posterior.theta[2] - 3.0 * error
    low, middle, high = samples.quantiles([0.05, 0.5, 0.95])[:, 2]
    assert middle - low > 1.2 * (high - middle)


def test_chains_that_stay_apart_are_doubted() -> None:
    theta = np.random.default_rng(0).normal(size=(4, 100, 1)) + np.arange(4)[:, None, None]
    apart = Samples(theta, np.array([1.5]), np.array([6.0]), 3, 0.8, 4000, 200, 0, "a test")
    assert apart.doubts == ["R-hat is 1.500, above 1.01", "6 effective samples, fewer than 400", "3 divergences"]
    stuck = Samples(theta, np.array([np.nan]), np.array([np.nan]), 0, 0.8, 4000, 200, 0, "a test")
    assert len(stuck.doubts) == 2


def test_the_file_of_a_set_tells_laplace_and_samples_side_by_side(tmp_path: Path) -> None:
    problem = load_calibration(calibration(tmp_path))
    posterior = fit(problem.used, problem.fitted.prior_sigma_ln(), rounds=1)
    draws = posterior.theta + 0.1 * np.random.default_rng(0).normal(size=(4, 500, 2))
    samples = Samples(draws, np.array([1.0, 1.002]), np.array([1500.0, 900.0]), 0, 0.9, 9000, 200, 0, "a test")
    told = samples_data(problem.fitted, posterior, samples)["parameters"]["Tm.radiative_scale"]
    spread, middle = np.sqrt(posterior.covariance[0, 0]), np.exp(posterior.theta[0])
    value = problem.fitted.base.entries["Tm.radiative_scale"].value * middle
    np.testing.assert_allclose(told["laplace"], value * np.exp(1.6449 * spread * np.array([-1, 0, 1])), rtol=1e-3)
    np.testing.assert_allclose(told["nuts"], value * np.exp(0.16449 * np.array([-1, 0, 1])), rtol=0.02)
    documents = [
        set_document(problem.file, problem.fitted, posterior, problem.used, "beta-NaYF4", x) for x in (None, samples)
    ]
    for k, document in enumerate(documents):
        write_set(document, tmp_path / f"{k}.yaml")
    plain, with_samples = (load_parameter_set(tmp_path / f"{k}.yaml") for k in (0, 1))
    assert "sampled" in (tmp_path / "1.yaml").read_text() and plain.digest == with_samples.digest


def calibration(folder: Path) -> Path:
    (folder / "observations.yaml").write_text(SEEN)
    (folder / "calibration.yaml").write_text(SHORT)
    return folder / "calibration.yaml"


def test_without_the_package_the_cure_is_told_before_anything_is_fitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "blackjax", None)
    done = CliRunner().invoke(app, ["calibrate", str(calibration(tmp_path)), "--nuts", "200"])
    assert done.exit_code == 2 and "padesign[nuts]" in done.stderr and "fitting" not in done.stderr


@pytest.mark.verify
def test_a_set_tells_its_samples_beside_laplace_and_is_read_as_without_them(tmp_path: Path) -> None:
    pytest.importorskip("blackjax")
    done = CliRunner().invoke(app, ["calibrate", str(calibration(tmp_path)), "--nuts", "100", "--json"])
    written = tmp_path / "beta-NaYF4_test.yaml"
    told = YAML(typ="safe").load(written)["sampled"]
    assert told == json.loads(done.stdout)["sampled"]
    assert told["chains"] == 4 and told["draws"] == 100 and done.exit_code == (1 if told["doubts"] else 0)
    made = load_parameter_set(written)
    for key, one in told["parameters"].items():
        assert one["laplace"][0] < made.entries[key].value < one["laplace"][2]
        assert one["nuts"][0] < one["nuts"][1] < one["nuts"][2]
