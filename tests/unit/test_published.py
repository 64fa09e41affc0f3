"""How a published number is judged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from experiments.published.judge import NINETY, hit, hit_by_mean_alone, inside, model_error_ln
from padesign.calibration.fit import extra_scatter_ln


def row(what: str, observed: float, predicted: float, **more: Any) -> dict[str, Any]:
    spreads = {"model_sigma_ln": 0.3, "size_sigma_ln": 0.0, "observed_sigma_ln": 0.4}
    return {"what": what, "observed": observed, "predicted": predicted, "at_least": False, "flags": []} | spreads | more


@pytest.mark.parametrize(("predicted", "met"), [(5.1, True), (4.9, False), (19.9, True), (20.1, False)])
def test_a_threshold_is_met_within_a_factor_two(predicted: float, met: bool) -> None:
    assert hit(row("threshold", 10.0, predicted)) is met
    assert not hit(row("threshold", 10.0, predicted, flags=["no threshold"]))


@pytest.mark.parametrize(("predicted", "met"), [(13.1, True), (12.9, False), (26.9, True), (27.1, False)])
def test_an_S_is_met_within_35_percent_and_a_bound_from_above(predicted: float, met: bool) -> None:
    assert hit(row("S", 20.0, predicted)) is met
    assert hit(row("S", 12.0, 300.0, at_least=True))
    assert not hit(row("S", 12.0, 11.9, at_least=True))


def test_a_mean_of_two_cases_that_both_miss_is_told() -> None:
    assert hit_by_mean_alone(row("threshold", 10.0, 5.2, cases={"bare": 1.2, "with a further shell": 23.0}))
    assert not hit_by_mean_alone(row("threshold", 10.0, 11.0, cases={"bare": 8.0, "with a further shell": 15.0}))
    assert not hit_by_mean_alone(row("threshold", 10.0, 25.0, cases={"bare": 3.0, "with a further shell": 200.0}))
    assert not hit_by_mean_alone(row("threshold", 10.0, 5.2))


def test_an_interval_adds_all_errors_in_square() -> None:
    edge = math.exp(NINETY * 0.5)
    assert inside(row("S", 20.0, 20.0 * edge * 0.999), 1.0)
    assert not inside(row("S", 20.0, 20.0 * edge * 1.001), 1.0)
    assert inside(row("S", 20.0, 20.0 * edge * 1.001), 1.1)
    assert inside(row("S", 20.0, 2e4, at_least=True), 1.0)


def test_scatter_beyond_the_known_errors_is_found_and_none_is_invented() -> None:
    normal = np.random.default_rng(3).normal(size=4000)
    known = np.full(4000, 0.3**2)
    assert extra_scatter_ln(0.5 * normal, known) == pytest.approx(0.4, abs=0.02)
    assert extra_scatter_ln(0.2 * normal, known) == 0.0


def test_a_number_is_no_evidence_for_its_own_interval() -> None:
    rows = [row("threshold", 10.0, 10.0 * ratio) for ratio in (1.1, 0.9, 1.05, 20.0)]
    assert model_error_ln(rows, "threshold") > 1.0
    assert model_error_ln(rows, "threshold", rows[3]) == 0.0
    assert model_error_ln(rows, "S") == 0.0
