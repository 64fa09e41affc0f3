"""The band of a batch around a power curve: quantiles of its curves, and how its particles scatter."""

from __future__ import annotations

import numpy as np
import pytest

from padesign.design.tolerance import HIGH, LOW, LOW_S, Scatter, with_band
from padesign.report.charts import power_chart
from tests.systems.particles import geometry

POWERS = np.geomspace(1.0, 100.0, 41)
ERRORS = (-1.0, -0.5, 0.0, 0.5, 1.0)


def curve(threshold: float, folded: bool = False) -> dict[str, list[float]]:
    """P^3 below a threshold and a jump by e^5 there; `folded` adds the unstable way back that the jump skips."""
    photons = POWERS**3 * np.where(POWERS >= threshold, np.exp(5.0), 1.0)
    columns = {"irradiance_kW_per_cm2": POWERS, "photons_per_s": photons, "S": 0 * POWERS + 3, "stable": 0 * POWERS + 1}
    if folded:
        at = int(np.searchsorted(POWERS, threshold))
        back = {"irradiance_kW_per_cm2": POWERS[at - 4 : at][::-1], "photons_per_s": np.geomspace(1e9, 1e12, 4)}
        back |= {"S": -np.ones(4), "stable": np.zeros(4)}
        columns = {key: np.concatenate([x[:at], back[key], x[at:]]) for key, x in columns.items()}
    return {key: values.tolist() for key, values in columns.items()}


def test_the_band_is_the_quantiles_of_the_batch_at_every_power() -> None:
    batch = [{**curve(10.0), "photons_per_s": (POWERS**3 * np.exp(error)).tolist()} for error in ERRORS]
    found = with_band(curve(10.0), batch, len(batch))
    half = np.quantile(ERRORS, 0.84)
    assert found[HIGH] == pytest.approx(POWERS**3 * np.exp(half))
    assert found[LOW] == pytest.approx(POWERS**3 * np.exp(-half))
    assert with_band(curve(10.0), batch[:2], len(batch)) == curve(10.0)  # most of the batch has no curve


def test_the_band_of_different_thresholds_is_widest_where_the_particles_jump_and_says_so() -> None:
    batch = [curve(at) for at in (9.0, 9.5, 10.0, 10.5, 11.0)]
    found, scatter = with_band(curve(10.0), batch, 5), Scatter((0.1,), 0.1, "typed", 5)
    width = np.log(np.array(found[HIGH]) / np.array(found[LOW]))
    assert 9.0 <= POWERS[int(np.argmax(width))] <= 11.2 and width.max() > 3.0 > 0.1 > width[0]
    assert "typed. It is widest at 10 kW/cm^2" in scatter.note(found)
    assert scatter.note(curve(10.0)) == ""


def test_a_batch_without_scatter_has_no_width_on_the_upward_sweep_of_a_folded_curve() -> None:
    folded = curve(10.0, folded=True)
    found = with_band(folded, [folded] * 5, 5)
    stable = np.asarray(folded["stable"]) > 0.5
    assert np.asarray(found[LOW])[stable] == pytest.approx(np.asarray(folded["photons_per_s"])[stable])
    assert found[LOW] == pytest.approx(found[HIGH])
    assert np.asarray(found[LOW_S])[stable] == pytest.approx(3.0)


def test_particles_scatter_by_the_stated_shares_around_the_target() -> None:
    target = geometry([8.0, 4.0], [[8.0], [0.0]])
    scatter = Scatter((0.05, 0.1), 0.2, "typed", particles=400)
    made = list(scatter.made(target))
    sizes = np.array([one.thickness_nm for one in made]) / np.asarray(target.thickness_nm)
    shares = np.array([one.fraction[0, 0] for one in made]) / 0.08
    assert sizes.mean(axis=0) == pytest.approx(1.0, abs=0.02)
    assert sizes.std(axis=0) == pytest.approx([0.05, 0.1], rel=0.15)
    assert shares.std() == pytest.approx(0.2, rel=0.15)
    assert abs(np.corrcoef(sizes[:, 0], shares)[0, 1]) < 0.2
    assert [float(one.fraction[1, 0]) for one in made] == [0.0] * 400
    again = next(iter(scatter.made(target)))
    assert np.array_equal(again.thickness_nm, made[0].thickness_nm)


def test_a_chart_fills_the_band_between_its_ends() -> None:
    batch = [{**curve(10.0), "photons_per_s": (POWERS**3 * np.exp(error)).tolist()} for error in ERRORS]
    banded = with_band(curve(10.0), batch, len(batch))
    with_it, without = (power_chart({"one": c}, {})["data"] for c in (banded, curve(10.0)))
    assert len(with_it) == len(without) + 4
    low, high = with_it[:2]
    assert (low["y"], high["y"], high["fill"]) == (banded[LOW], banded[HIGH], "tonexty")
