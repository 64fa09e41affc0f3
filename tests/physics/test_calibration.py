"""Fitting a parameter set: derivatives, recovery of known parameters, the written set and its range."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from padesign.calibration.avalanche import AvalancheForward
from padesign.calibration.fit import fit, spread_ln
from padesign.calibration.forward import Outcome
from padesign.calibration.problem import Calibration, load_calibration
from padesign.calibration.schema import Avalanche, FurtherShell
from padesign.calibration.write import set_document, write_set
from padesign.cli import app
from padesign.cli.definitions import range_notes
from padesign.config import RunFileError, load_run_file
from padesign.config.build import build_design
from padesign.design.evaluate import solve_design
from padesign.errors import InputError
from padesign.kinetics.particle_network import Geometry
from padesign.parameters import load_parameter_set
from padesign.parameters.valid_range import ValidRange
from padesign.particle.layers import Layer, Particle
from tests.systems.run_files import SMALL_TM

OBSERVATIONS = Path(__file__).parents[2] / "experiments" / "published" / "tm_lifetimes.yaml"
FILE = """\
version: 1
name: beta-NaYF4_test
base: beta-NaYF4_literature
description: a test
fit: [transfer.scale, Tm.radiative_scale, sideband.slope_cm]
observations: [{observations}]
"""


@pytest.fixture(scope="module")
def problem(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    path = tmp_path_factory.mktemp("calibration") / "calibration.yaml"
    path.write_text(FILE.format(observations=OBSERVATIONS))
    return load_calibration(path)


def test_derivatives_of_every_observation_are_differences(problem: Calibration) -> None:
    theta, step = np.array([0.2, -0.3, 0.05]), 1e-4
    for one in problem.used:
        exact = one.predict(theta).by_parameter
        for k, direction in enumerate(np.eye(3)):
            up, down = one.predict(theta + step * direction), one.predict(theta - step * direction)
            np.testing.assert_allclose(exact[:, k], (up.ln - down.ln) / (2 * step), rtol=1e-5, atol=1e-7)


def test_a_fit_to_the_models_own_numbers_gives_back_the_parameters(problem: Calibration) -> None:
    truth = np.array([-0.8, -0.5, 0.1])
    kept = [(one, one.ln_observed, one.sigma_ln) for one in problem.used]
    try:
        for one in problem.used:
            one.ln_observed, one.sigma_ln = one.predict(truth).ln, np.full(len(one.labels), 0.01)
        found = fit(problem.used, problem.fitted.prior_sigma_ln())
    finally:
        for one, observed, sigma in kept:
            one.ln_observed, one.sigma_ln = observed, sigma
    assert found.converged
    np.testing.assert_allclose(found.theta, truth, atol=0.02)
    assert np.all(np.abs(found.theta - truth) < 4.0 * np.sqrt(np.diag(found.covariance)))
    assert np.all(found.directions[0] > 1.0)


def test_a_parameter_without_observations_keeps_its_prior(problem: Calibration) -> None:
    lifetimes = [one for one in problem.used if one.name == "Tm_3H4_bulk"]
    prior = problem.fitted.prior_sigma_ln()
    found = fit(lifetimes, prior)
    assert found.theta[2] == pytest.approx(0.0, abs=1e-9)
    assert np.sqrt(found.covariance[2, 2]) == pytest.approx(prior[2])
    assert np.sqrt(found.covariance[1, 1]) < prior[1]


def test_a_written_set_is_the_base_with_the_fitted_values(problem: Calibration, tmp_path: Path) -> None:
    found = fit(problem.used, problem.fitted.prior_sigma_ln())
    document = set_document(problem.file, problem.fitted, found, problem.used, "beta-NaYF4")
    write_set(document, tmp_path / "beta-NaYF4_test.yaml")
    made, base = load_parameter_set(tmp_path / "beta-NaYF4_test.yaml"), problem.fitted.base
    for k, key in enumerate(problem.fitted.keys):
        assert made.entries[key].value == pytest.approx(base.entries[key].value * np.exp(found.theta[k]), rel=1e-5)
    assert made.calibrated
    assert made.entries["host.cation_density_nm3"].value == base.entries["host.cation_density_nm3"].value
    assert made.surface_lands_in == base.surface_lands_in
    assert made.valid_for is not None
    assert made.valid_for.outside({"Tm": [3.0]}, 295.0, [1064.0]) == []
    assert made.digest != base.digest
    assert made.correlations is not None and made.correlations.keys == problem.fitted.keys
    spread = np.array([made.entries[key].sigma_ln for key in made.correlations.keys])
    again = made.correlations.matrix * np.outer(spread, spread)
    assert again == pytest.approx(found.covariance, abs=5e-3 * np.diag(found.covariance).max())


def test_a_shell_that_may_be_there_makes_a_mixture_of_both_cases(
    problem: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mean and variance of the mixture, from the means and variances of its parts."""
    shell = FurtherShell(probability=0.3, thickness_nm=3.0, sigma_ln=0.4)
    run_file = "configs/systems/zhan2023_tandem.yaml"
    what = Avalanche(kind="avalanche", run_file=run_file, unstated={"core.diameter_nm": 0.5}, further_shell=shell)
    one = AvalancheForward(what, problem.fitted, Path(__file__).parents[2])
    shares, means, spreads = (0.7, 0.3), np.array([[2.0, 3.0], [1.0, 3.5]]), np.array([[0.4, 0.2], [0.1, 0.6]])

    def case(theta: np.ndarray, geometry: Geometry) -> Outcome:
        k = int(geometry.thickness_nm[-1] > 0.0)
        return Outcome(means[k], np.full((2, 3), float(k)), np.stack([spreads[k] / 0.5, np.zeros(2)], axis=1))

    monkeypatch.setattr(one, "_one", case)
    out = one.both(np.zeros(3))
    np.testing.assert_allclose(out.ln, shares @ means)
    np.testing.assert_allclose(out.by_parameter, 0.3)
    variance = shares @ (means**2 + spreads**2) - (shares @ means) ** 2
    np.testing.assert_allclose(spread_ln(out, one), np.sqrt(variance))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Calibration:
    """A curve and a rise of the model with 1 % noise, as files of a laboratory, analysed and read for a calibration."""
    folder = tmp_path_factory.mktemp("measured")
    design = folder / "small.yaml"
    design.write_text(SMALL_TM)
    run = load_run_file(design).run
    solution = solve_design(build_design(run))
    assert run.emission is not None
    band, rng = solution.band(str(run.emission[0])), np.random.default_rng(0)
    powers = np.geomspace(3.0, 60.0, 130)
    light = 1e5 * np.exp(np.asarray(solution.states(jnp.log(1e3 * powers)))) @ np.asarray(solution.light.weights(band))
    table = "\n".join(f"{p:.6g},{n:.6g}" for p, n in zip(powers, rng.normal(light, 0.01 * light), strict=True))
    (folder / "curve.csv").write_text(f"Wavelength [nm]: 1064\npower density [kW/cm^2],counts\n{table}\n")
    arguments = [str(folder / "curve.csv"), "--design", str(design), "--observations", str(folder / "seen.yaml")]
    done = CliRunner().invoke(app, ["analyse", *arguments])
    assert done.exit_code == 0, done.stderr
    rise = {"kind": "rise_time", "value": 0.01, "unit": "s", "sigma_ln": 0.03, "definition": "to 90 %"}
    conditions = {"irradiance_kW_per_cm2": 20.0, "fraction": 0.9}
    document = YAML(typ="safe").load(folder / "seen.yaml")
    document["observations"].append(rise | {"conditions": conditions, "design": "small.yaml", "source": "rise.csv"})
    YAML(typ="safe").dump(document, folder / "seen.yaml")
    path = folder / "calibration.yaml"
    path.write_text(FILE.format(observations="seen.yaml"))
    return load_calibration(path)


def test_what_was_measured_is_what_the_model_computes_under_the_same_definition(measured: Calibration) -> None:
    (one,) = measured.forwards
    assert measured.left_out == ("threshold_tangents_lunasi",)
    assert {"S over 0.1 decade", "gain", "threshold_steepest", "threshold_slope_above_5", "t90"} <= set(one.labels)
    at = {label: k for k, label in enumerate(one.labels)}
    out = one.predict(np.zeros(3))
    apart = np.abs(out.ln - one.ln_observed)
    assert out.flags == ()
    for label, bar in (
        ("S over 0.1 decade", 0.03),
        ("gain", 0.03),
        ("threshold_steepest", 0.01),
        ("threshold_slope_above_5", 0.05),
    ):
        assert apart[at[label]] < bar, label
    assert one.sigma_ln[at["gain"]] < 0.2 < one.sigma_ln[at["threshold_steepest"]]  # the axis counts for powers only


def test_numbers_of_a_laboratory_are_fitted_by_their_exact_derivatives(measured: Calibration) -> None:
    (one,) = measured.forwards
    theta, step = np.array([0.1, -0.1, 0.02]), 1e-3  # a rise is integrated to 1e-7 or so
    exact = one.predict(theta).by_parameter
    for k, direction in enumerate(np.eye(3)):
        up, down = one.predict(theta + step * direction), one.predict(theta - step * direction)
        np.testing.assert_allclose(exact[:, k], (up.ln - down.ln) / (2 * step), rtol=1e-3, atol=1e-5)
    kept, one.ln_observed = one.ln_observed, one.predict(theta).ln
    found = fit([one], measured.fitted.prior_sigma_ln())
    one.ln_observed = kept
    assert found.converged and found.chi_square < 0.05


@pytest.mark.verify
def test_a_prediction_is_the_same_while_a_program_is_traced(problem: Calibration) -> None:
    """For a decay, a cross-section, and an avalanche with a shell that may be there."""
    shell = FurtherShell(probability=0.3, thickness_nm=3.0, sigma_ln=0.4)
    what = Avalanche(kind="avalanche", run_file="configs/systems/lee2021_tm8.yaml", further_shell=shell)
    avalanche = AvalancheForward(what, problem.fitted, Path(__file__).parents[2])
    theta = np.array([0.1, -0.1, 0.02])
    for one in (problem.used[0], problem.used[-1], avalanche):
        ln, rows = jax.jit(one.traced)(theta)
        out = one.predict(theta)
        np.testing.assert_allclose(ln, out.ln, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(rows, out.by_parameter, rtol=1e-5, atol=1e-6)


def test_only_one_design_under_the_conditions_of_the_measurement_can_be_fitted(tmp_path: Path) -> None:
    told = {"value": 20.0, "unit": "1", "sigma_ln": 0.1, "definition": "S", "source": "curve.csv"}
    (tmp_path / "calibration.yaml").write_text(FILE.format(observations="seen.yaml"))
    free = SMALL_TM.replace("thickness_nm: 5.6", "thickness_nm: {min: 4, max: 6}")
    (tmp_path / "fixed.yaml").write_text(SMALL_TM)
    (tmp_path / "free.yaml").write_text(free)
    for design, wavelength_nm, said in (
        ("free.yaml", 1064.0, "is free"),
        (None, 1064.0, "what was measured"),
        ("fixed.yaml", 852.0, "852"),
    ):
        record = told | {"kind": "S", "design": design, "conditions": {"wavelength_nm": wavelength_nm}}
        YAML(typ="safe").dump({"version": 1, "observations": [record]}, tmp_path / "seen.yaml")
        with pytest.raises(InputError, match=said):
            load_calibration(tmp_path / "calibration.yaml")


def test_what_lies_outside_the_range_of_a_set_is_told_by_kind() -> None:
    valid = ValidRange({"Tm": (0.1, 15.0)}, (295.0, 295.0), (1064.0,))
    assert valid.outside({"Tm": [8.0, 15.0]}, 295.0, [1064.0]) == []
    assert len(valid.outside({"Tm": [20.0], "Er": [2.0]}, 77.0, [1450.0])) == 4


def test_a_wrong_calibration_file_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "calibration.yaml"
    path.write_text(FILE.format(observations=OBSERVATIONS).replace("fit:", "fits:"))
    with pytest.raises(RunFileError, match=r"calibration.yaml:5: .*fits"):
        load_calibration(path)
    path.write_text(FILE.format(observations=OBSERVATIONS).replace("transfer.scale", "transfer.scal"))
    with pytest.raises(InputError, match=r"transfer\.scale"):
        load_calibration(path)


def test_a_particle_outside_the_range_of_its_set_is_flagged(problem: Calibration, tmp_path: Path) -> None:
    nothing = fit(problem.used, problem.fitted.prior_sigma_ln(), max_evaluations=1, rounds=1)
    write_set(set_document(problem.file, problem.fitted, nothing, problem.used, "beta-NaYF4"), tmp_path / "made.yaml")
    made = load_parameter_set(tmp_path / "made.yaml")
    inside = Particle((Layer("core", "beta-NaYF4", 8.5, {"Tm": 4.0}), Layer("shell", "beta-NaYF4", 5.0, {})))
    outside = Particle((Layer("core", "beta-NaYF4", 8.5, {"Tm": 8.0, "Yb": 2.0}),))
    assert range_notes([made], inside, 295.0, [1064.0]) == []
    (line,) = range_notes([made], outside, 77.0, [852.0])
    assert all(said in line for said in (made.name, "8", "Yb", "77 K", "852 nm"))
    assert range_notes([problem.fitted.base], outside, 77.0, [852.0]) == []
