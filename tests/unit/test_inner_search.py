"""Rounding, batches, fronts, descents and repeats: the parts of a search, each beside an answer known otherwise."""

from __future__ import annotations

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der

from padesign.design.descent import Spent, descend, hopeless
from padesign.design.known import locate
from padesign.design.robust import Robust
from padesign.design.rounding import Steps, on_grid
from padesign.design.space import ABSENT, PRESENT, Choice, DesignSpace, DopantSpace, Fixed, Free, LayerSpace
from padesign.design.trial import Candidate
from padesign.kinetics.particle_network import Geometry
from padesign.parameters import load_parameter_set
from padesign.particle.layers import Layer, Particle
from padesign.search.front import find_front, hypervolume
from padesign.search.repeats import go_on_from, rival, worth_repeating
from padesign.search.runfolder import TrialRecord
from tests.systems.avalanche import Avalanche

FLAT = np.zeros((6, 6))
HOST = ("beta-NaYF4",)
SPACE = DesignSpace(
    (
        LayerSpace("core", HOST, Free(4.0, 10.0), (DopantSpace("Tm", Free(2.0, 60.0)), DopantSpace("Yb", Free(5, 90)))),
        LayerSpace("shell", HOST, Free(1.0, 6.0)),
    ),
    (1064.0,),
    max_diameter_nm=24.0,
)


def record(number: int, value: float | None, **metrics: float) -> TrialRecord:
    history = [{"start": 0.0, "loss": -loss} for loss in (1.0, 2.0, value or 0.0)]
    found = Candidate("ok" if value else "no avalanche", value, -(value or 0.0), {}, {}, metrics, history)
    return TrialRecord(number, {}, number, found, 0.1, 0.0)


def test_every_rounded_design_is_on_the_grid_inside_all_limits_and_next_to_the_design() -> None:
    rng, bounds, steps = np.random.default_rng(3), SPACE.bounds({}), Steps(0.5, 2.0)
    for _ in range(50):
        radius = rng.uniform(4.0, 10.0)
        sizes = np.array([radius, rng.uniform(1.0, min(6.0, 12.0 - radius))])
        tm = rng.uniform(0.02, 0.6)
        shares = np.array([[tm, rng.uniform(0.05, min(0.9, 1.0 - tm))], [0.0, 0.0]])
        for t, x in on_grid(sizes, shares, rng.normal(size=6), FLAT, bounds, steps, 3):
            assert np.abs(t / 0.5 - np.round(t / 0.5)).max() < 1e-9 and np.abs(t - sizes).max() < 0.5
            inner = x[0][~np.isclose(x[0], [0.05, 0.05])]  # a limit off the grid is a neighbour of its own
            assert np.abs(inner / 0.02 - np.round(inner / 0.02)).max(initial=0.0) < 1e-9
            assert 2 * t.sum() <= 24.0 + 1e-9 and x.sum(axis=1).max() <= 1.0 + 1e-9
            assert (t >= bounds.thickness_low_nm).all() and (t <= bounds.thickness_high_nm).all()


def test_rounding_follows_the_slope_of_the_loss_and_stays_where_nothing_is_rounded() -> None:
    bounds, shares = SPACE.bounds({}), np.array([[0.1, 0.2], [0.0, 0.0]])
    slope = np.array([1.0, -1.0, 0.0, 0.0, 0.0, 0.0])
    (best, _), *_ = on_grid(np.array([6.24, 3.26]), shares, slope, FLAT, bounds, Steps(0.5, 0.0), 4)
    assert best.tolist() == [6.0, 3.5]
    ((same, _),) = on_grid(np.array([6.24, 3.26]), shares, slope, FLAT, bounds, Steps(), 4)
    assert same.tolist() == [6.24, 3.26]


def test_rounding_keeps_the_numbers_together_that_a_ridge_binds() -> None:
    """Radius and thickness whose sum must not change: one goes up where the other goes down."""
    bounds, shares, ridge = SPACE.bounds({}), np.array([[0.1, 0.2], [0.0, 0.0]]), np.zeros((6, 6))
    ridge[:2, :2] = 100.0
    (best, _), *_ = on_grid(np.array([6.3, 3.2]), shares, np.zeros(6), ridge, bounds, Steps(0.5, 0.0), 4)
    assert best.tolist() == [6.5, 3.0]


NOMINAL = load_parameter_set("beta-NaYF4_avalanche")


def steepness(geometry: Geometry, scale: float = 1.0, slope_cm: float | None = None) -> float:
    """A closed-form avalanche: losses fall with the radius, transfer grows with the square of the dopant.

    `scale` of the transfer and the slope of the sideband, which carries the weak absorption, are physical parameters.
    """
    radius, share = float(geometry.thickness_nm[0]), float(geometry.fraction[0, 0])
    moved = 0.0 if slope_cm is None else slope_cm - NOMINAL.values["sideband.slope_cm"]
    transfer, weak = scale * 1e4 * (share / 0.08) ** 2, 6e-25 * np.exp(-1000.0 * moved)
    return Avalanche(80.0 + 900.0 / radius, 723.0, 0.247, transfer, weak, 6.4e-21).steepest_closed_form()


@pytest.mark.parametrize("parameters", [False, True])
@pytest.mark.parametrize("aim", ["mean", "quantile", "yield"])
def test_a_batch_keeps_what_is_claimed_of_it(aim, parameters: bool) -> None:
    """The target with the best statistic of 16 particles is claimed from 1,000 others; 2,000 fresh ones agree.

    The same over what the parameters may be, as their set says it.
    """
    robust = Robust(0.08, 0.08, 0.15, aim, 0.1, 20.0, 16, 1000, seed=4, parameters=parameters)

    def values(share: float, samples: int, stream: int) -> np.ndarray:
        target = Geometry(jnp.array([8.0]), jnp.array([[share]]), jnp.array(0.0))
        errors = robust.draw(1, 1, samples, stream)
        made = jax.vmap(lambda own: robust.made(target, own))(errors)
        particles = zip(np.asarray(made.thickness_nm), np.asarray(made.fraction), strict=True)
        geometries = [Geometry(t, x, 0.0) for t, x in particles]
        if not parameters:
            return np.array([steepness(one) for one in geometries])
        (world,) = robust.worlds([NOMINAL], samples, stream)
        scales, slopes = (np.asarray(world[key]) for key in ("transfer.scale", "sideband.slope_cm"))
        scales = scales / NOMINAL.values["transfer.scale"]
        return np.array([steepness(*own) for own in zip(geometries, scales, slopes, strict=True)])

    shares = (0.04, 0.06, 0.08, 0.12)
    losses = [robust.loss(-np.log(v), v, True) for v in (jnp.asarray(values(x, 16, 0)) for x in shares)]
    best = shares[int(np.argmin([float(loss) for loss in losses]))]
    claim, fresh = robust.claim(values(best, 1000, 1), True), values(best, 2000, 7)
    assert claim.low <= claim.value <= claim.high
    if aim == "quantile":
        below = float((fresh < claim.value).mean())
        assert below == pytest.approx(0.1, abs=3 * np.sqrt(0.09 / 1000 + 0.09 / 2000))
    else:
        error = 3 * (claim.high - claim.low) / 2 * np.sqrt(1.5)
        truth = fresh.mean() if aim == "mean" else (fresh >= 20.0).mean()
        assert claim.value == pytest.approx(truth, abs=error)
    assert ("errors of the parameters" in robust.words) is parameters


def test_a_particle_without_a_value_counts_as_the_worst_of_its_batch() -> None:
    values = np.array([np.nan, *np.linspace(1.0, 2.0, 9)])
    assert Robust(0, 0, 0, "quantile", 0.1).claim(values, True).value == -np.inf
    assert Robust(0, 0, 0, "quantile", 0.2).claim(values, True).value == 1.0
    assert Robust(0, 0, 0, "quantile", 0.2).claim(values, False).value == 2.0
    assert Robust(0, 0, 0, "yield", specification=1.5).claim(values, True).value == pytest.approx(0.5)


def test_the_hypervolume_is_that_of_the_boxes_and_the_knee_is_where_the_front_bends() -> None:
    assert hypervolume(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [1.0, 1.0]])) == pytest.approx(6.0)
    assert hypervolume(np.array([[1.0, 1.0, 2.0], [2.0, 2.0, 1.0]])) == pytest.approx(5.0)
    rows = [(10.0, 9.0), (9.0, 3.0), (2.0, 2.0), (5.0, 9.5)]  # S, larger is better; threshold, smaller is better
    trials = [record(k, 1.0, S=s, threshold=t) for k, (s, t) in enumerate(rows)]
    front = find_front(trials, {"S": True, "threshold": False})
    assert front is not None and front.trials == (0, 1, 2) and front.knee == 1
    assert front.reference == pytest.approx((2.0, 9.5))
    assert find_front(trials, {"S": True}) is None


def test_a_descent_finds_the_minimum_and_one_that_is_hopeless_is_given_up() -> None:
    def valley(x: np.ndarray) -> tuple[float, np.ndarray]:
        return float(rosen(x)), rosen_der(x)

    found = descend(valley, np.array([-1.2, 1.0]), evaluations=80, stall=0.0)
    assert found.point == pytest.approx([1.0, 1.0], abs=1e-3) and found.loss < 1e-6
    best = found.lowest
    given_up = descend(
        lambda x: (100.0 + x[0] ** 2, 2 * x), np.array([3.0]), evaluations=80, stall=0.0, rival=best[20:]
    )
    assert given_up.ended_because == "hopeless" and len(given_up.lowest) == 4
    assert not hopeless([5.0, 4.0, 3.0, 2.0], (5.0, 4.5, 4.0, 3.5, 1.9))


def test_a_descent_along_a_curved_ridge_beside_a_cliff_spends_few_evaluations_beyond_it() -> None:
    """The steepest avalanche lies where it just fits into the power window; a step further its slope is gone."""
    seen: list[float] = []

    def cliff(x: np.ndarray) -> tuple[float, np.ndarray]:
        across = x[0] - 0.3 * x[1] ** 2
        beyond = 200.0 * np.logaddexp(across / 0.005, 0.0) * 0.005 if across < 0.5 else 100.0 * across + 50.0
        slope = 200.0 / (1.0 + np.exp(-across / 0.005)) if across < 0.5 else 100.0
        seen.append(across)
        loss = -0.3 * x[0] + 0.1 * (x[1] - 1.5) ** 2 + beyond
        return loss, np.array([-0.3 + slope, 0.2 * (x[1] - 1.5) - 0.6 * x[1] * slope])

    found = descend(cliff, np.array([-1.0, 0.0]), evaluations=60, stall=0.0)
    assert found.loss < -0.7 and sum(one > 0.5 for one in seen) <= 0.1 * len(seen)


def test_a_descent_ends_where_the_budget_does() -> None:
    def paid(x: np.ndarray) -> tuple[float, np.ndarray]:
        if len(asked) == 5:
            raise Spent
        asked.append(x)
        return float(rosen(x)), rosen_der(x)

    asked: list[np.ndarray] = []
    found = descend(paid, np.array([-1.2, 1.0]), evaluations=80, stall=0.0)
    assert found.ended_because == "budget spent" and len(found.lowest) == 5
    assert found.loss == min(rosen(x) for x in asked)


def test_a_search_goes_on_from_its_best_design_once() -> None:
    best = record(2, 30.0)
    particle = {"layers": []}
    best = dataclasses.replace(best, candidate=dataclasses.replace(best.candidate, design={"particle": particle}))
    assert go_on_from([record(0, 20.0), best], best) == particle
    assert go_on_from([best, record(3, 29.0)], best) is None and go_on_from([], best) is None


def test_paired_errors_of_a_batch_have_no_side() -> None:
    errors = Robust(0.1, 0.1, 0.1, samples=6).draw(2, 1, 6, 0, in_pairs=True)
    assert np.allclose(errors.thickness.sum(axis=0), 0.0) and np.allclose(errors.fraction.sum(axis=0), 0.0)


def test_a_topology_is_explored_again_only_while_it_may_be_the_best() -> None:
    best = record(0, 30.0)
    assert worth_repeating([], best, True)
    assert worth_repeating([record(1, 28.0)], best, True) and not worth_repeating([record(1, 20.0)], best, True)
    assert worth_repeating([record(1, 4.2)], record(0, 4.0), False) and not worth_repeating(
        [record(1, 9.0)], best, False
    )
    assert not worth_repeating([], best, True, running=1)
    assert worth_repeating([record(1, None)], None, True) and not worth_repeating([record(1, None)] * 2, None, True)
    assert rival([record(0, 3.0), record(1, 5.0)]) == (-1.0, -2.0, -5.0)


def test_choices_of_the_same_particles_have_one_topology_and_others_do_not() -> None:
    twin = (DopantSpace("Yb", Choice((5.0, 10.0))),)
    layers = (
        LayerSpace("core", HOST, Fixed(8.0), (DopantSpace("Tm", Fixed(8.0)),)),
        LayerSpace("first", HOST, Free(1.0, 3.0), twin, optional=True),
        LayerSpace("second", HOST, Free(1.0, 3.0), twin, optional=True),
    )
    space = DesignSpace(layers, (1064.0,))
    every = [dict(zip(space.choices, picked, strict=True)) for picked in itertools.product(*space.choices.values())]
    assert len(every) == 16
    assert len({space.topology(choice) for choice in every}) == 1 + 2 + 4
    one = {"first": PRESENT, "first.Yb": 5.0, "second": ABSENT, "second.Yb": 10.0}
    other = {"first": ABSENT, "first.Yb": 10.0, "second": PRESENT, "second.Yb": 5.0}
    assert space.topology(one) == space.topology(other)


def test_a_published_particle_is_found_in_the_space_that_holds_it_and_moved_to_the_limits_of_one_that_does_not() -> (
    None
):
    inside = locate(SPACE, Particle((Layer("c", HOST[0], 8.0, {"Tm": 8.0, "Yb": 20.0}), Layer("s", HOST[0], 3.0))))
    assert inside is not None and inside.distance == 0.0
    assert inside.thickness_nm.tolist() == [8.0, 3.0] and inside.fraction[0] == pytest.approx([0.08, 0.2])
    outside = locate(SPACE, Particle((Layer("c", HOST[0], 2.0, {"Tm": 8.0, "Yb": 20.0}), Layer("s", HOST[0], 3.0))))
    assert outside is not None and outside.distance == pytest.approx(np.log(2.0)) and outside.thickness_nm[0] == 4.0
    assert locate(SPACE, Particle((Layer("c", HOST[0], 8.0, {"Er": 8.0}), Layer("s", HOST[0], 3.0)))) is None
