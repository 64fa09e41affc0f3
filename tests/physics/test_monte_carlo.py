"""Explicit ions: two ions against their master equation, balance, ions alone, the lattice, and a smoke run."""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest

from experiments.monte_carlo import transfer_table
from experiments.monte_carlo.avalanche import Task, measure
from experiments.monte_carlo.excitation import estimate, lives
from experiments.monte_carlo.particle import Run, simulate
from experiments.monte_carlo.rates import Rates, rates_of_particle
from experiments.monte_carlo.sites import (
    HOST,
    lattice_box,
    lattice_sphere,
    neighbours,
    orthogonal_cell,
)
from padesign.parameters import load_parameter_set
from padesign.parameters.hosts import load_host
from padesign.parameters.lattice_sum import lattice_sum_per_nm6
from padesign.solve.steady import stationary_distribution
from tests.systems.particles import TM_GEOMETRY, build, particle_model, tm_signature, values

ENERGY_kT = np.array([0.0, 0.7, 1.5])
PROCESSES = (((2, 0), (1, 1), 3.0), ((1, 0), (0, 1), 2.0), ((1, 1), (2, 0), 3.0 * np.exp(2 * 0.7 - 1.5)))


def toy(balanced: bool) -> Rates:
    """Three levels, a cross-relaxation with its reverse and a hop; in thermal balance or pumped out of it."""
    dark = np.zeros((3, 3))
    for low, high, down in ((0, 1, 1.0), (1, 2, 2.0), (0, 2, 0.5)):
        dark[low, high] = down
        dark[high, low] = down * np.exp(ENERGY_kT[low] - ENERGY_kT[high])
    if not balanced:
        dark[2, 1] += 3.0
    before, after, C6 = zip(*PROCESSES, strict=True)
    surface = np.zeros(3) if balanced else np.array([0.0, 0.4, 0.0])
    hop = np.array([False, True, False])
    none = np.zeros((3, 3))
    levels = ("g", "m", "u")
    lands = np.zeros(3, dtype=np.int64)
    ways = np.array(before), np.array(after), np.array(C6)
    return Rates(levels, dark, none, dark, surface, lands, *ways, hop, dark.sum(axis=0))


def row(spacing_nm: float, count: int) -> np.ndarray:
    return np.arange(count)[:, None] * np.array([[spacing_nm, 0.0, 0.0]])


def followed(
    rates: Rates, places: np.ndarray, time_s: float, limit: float = np.inf, limited: tuple[str, ...] = ()
) -> Run:
    level = np.zeros(len(places), dtype=np.int64)
    near = neighbours(places, 1.5)
    return simulate(rates, near, np.ones(len(places)), 0.0, level, time_s / 10, 10, 0, 7, limit, limited)


@pytest.mark.parametrize(("limit", "limited"), [(np.inf, ()), (0.9, ("m",))])
def test_two_ions_follow_their_master_equation(limit: float, limited: tuple[str, ...]) -> None:
    rates, distance = toy(balanced=False), 0.9
    single = rates.dark.copy()
    single[rates.lands, np.arange(3)] += rates.surface
    master = np.kron(single, np.eye(3)) + np.kron(np.eye(3), single)
    strength = rates.C6 / distance**6
    if limited:
        strength[rates.hop] = np.minimum(strength[rates.hop], limit)
    for (i, j), (i2, j2), rate in zip(rates.before, rates.after, strength, strict=True):
        master[3 * i2 + j2, 3 * i + j] += rate
        master[3 * j2 + i2, 3 * j + i] += rate
    np.fill_diagonal(master, 0.0)
    p = np.asarray(stationary_distribution(master[None]))[0].reshape(3, 3)
    time = 4e4
    run = followed(rates, row(distance, 2), time, limit, limited)
    np.testing.assert_allclose(run.population.mean(axis=0), p.sum(axis=0) + p.sum(axis=1), rtol=0.015)
    for k in (0, 2):
        i, j = rates.before[k]
        expected = time * strength[k] * (p[i, j] + p[j, i])
        assert abs(run.pair[k] - expected) < 6.0 * np.sqrt(expected)


def test_every_event_is_accounted_for() -> None:
    rates = toy(balanced=False)
    run = followed(rates, row(0.8, 30), 50.0)
    change = run.single.sum(axis=1) - run.single.sum(axis=0) - run.surface
    np.add.at(change, rates.lands, run.surface)
    for k, count in enumerate(run.pair):
        np.add.at(change, rates.after[k], count)
        np.add.at(change, rates.before[k], -count)
    start = np.array([30, 0, 0])
    assert np.array_equal(np.bincount(run.level, minlength=3), start + change)
    np.testing.assert_allclose(run.population.sum(axis=1), 30.0, rtol=1e-9)


def test_without_light_ions_are_in_thermal_balance_and_no_process_wins_over_its_reverse() -> None:
    rates = toy(balanced=True)
    run = followed(rates, row(0.8, 30), 2000.0)
    boltzmann = np.exp(-ENERGY_kT) / np.exp(-ENERGY_kT).sum()
    np.testing.assert_allclose(run.population.mean(axis=0) / 30.0, boltzmann, rtol=0.015)
    assert run.pair[0] > 1e4
    assert abs(run.pair[0] - run.pair[2]) < 6.0 * np.sqrt(run.pair[0] + run.pair[2])


@pytest.fixture(scope="module")
def tm() -> tuple[Rates, np.ndarray, float]:
    """Rates of Tm, the steady state of an ion alone at 10 MW/cm^2 in padesign, and the reach of the surface."""
    signature = tm_signature(1)
    light, parts = build(signature, TM_GEOMETRY)
    rates = rates_of_particle(particle_model(signature), light, parts, values(), (1064.0, 295.0))
    store = rates.level("3F4")
    reach = float(parts.surface_per_s[0][0, rates.lands[store], store]) / rates.surface[store]
    alone = light.network.rates_per_s(np.zeros(light.network.n_unknowns), 1e7)
    return rates, np.asarray(stationary_distribution(alone[0]))[0], reach


def test_ions_far_apart_have_the_steady_state_of_the_rate_network(tm: tuple[Rates, np.ndarray, float]) -> None:
    rates, p, reach = tm
    places = row(50.0, 100)
    level = np.zeros(100, dtype=np.int64)
    run = simulate(rates, neighbours(places, 3.0), np.full(100, reach), 1e7, level, 0.1, 12, 2, 3)
    seen = run.population[2:].mean(axis=0) / 100.0
    for name in ("3H6", "3F4", "3H4"):
        k = rates.level(name)
        assert seen[k] == pytest.approx(p[k], rel=0.06), name


def test_donors_that_do_not_hop_have_the_mean_yield_of_their_surroundings() -> None:
    places, box = lattice_box(np.random.default_rng(5), 0.05, 400)
    near = neighbours(places, 2.0, box)
    loss, C6 = 800.0, 260.0
    found = [lives(near, C6, 0.0, loss, 40_000, seed) for seed in (1, 2, 3)]
    given = C6 * np.add.reduceat(near.distance_nm**-6.0, near.start[:-1])
    exact = loss * np.mean(given / (given + loss)) / (1.0 - np.mean(given / (given + loss)))
    assert estimate(found, loss).by_yield == pytest.approx(exact, rel=0.03)


def test_the_lattice_has_the_density_of_the_host_and_its_two_shortest_distances() -> None:
    host = load_parameter_set(HOST).values
    cell = orthogonal_cell()
    density = cell.share.sum() / cell.lengths.prod()
    assert density == pytest.approx(host["host.cation_density_nm3"], rel=1e-5)
    places = lattice_sphere(np.random.default_rng(1), 1.0, 4.0)
    assert len(places) == pytest.approx(density * 4.0 / 3.0 * np.pi * 4.0**3, rel=0.05)
    near = neighbours(places, 0.45)
    assert np.unique(near.distance_nm.round(5)) == pytest.approx(
        [cell.lengths[2], host["host.nearest_distance_nm"]], rel=1e-4
    )
    far = neighbours(places, 3.0)
    middle = np.flatnonzero((places**2).sum(axis=1) < 1.0)
    sums = [(far.distance_nm[far.start[i] : far.start[i + 1]] ** -6.0).sum() for i in middle]
    assert np.mean(sums) == pytest.approx(lattice_sum_per_nm6(load_host(HOST)), rel=0.15)


class _AtOnce:
    """An executor that does the work when it is asked."""

    def submit(self, work, *arguments):
        done: Future = Future()
        done.set_result(work(*arguments))
        return done


def test_a_smoke_run_writes_page_table_and_figure(
    tm: tuple[Rates, np.ndarray, float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from experiments.monte_carlo.__main__ import SMOKE, Found, write
    from experiments.monte_carlo.continuum import Curve, Particle

    monkeypatch.setattr(transfer_table, "PERCENT", (5.0,))
    numbers = {name: float(value) for name, value in load_parameter_set(HOST).values.items()}
    one = Particle(tm[0], numbers, 295.0, 0.08, 3.0, 8.6)
    tasks = [Task(1, 10.0 * power, 0.3, 5e3, 0.4, 0.2) for power in SMOKE.powers_kW_per_cm2]
    workers = _AtOnce()
    points = measure(one, tasks, workers)
    rows = transfer_table.transfer_table(one, 0.2864, SMOKE.effort._replace(ions=400, excitations=30), workers)
    seen = np.array([point.run.population[2:].mean(axis=0) for point in points])
    curve = Curve(seen, 20.0, 14.0, float(points[0].ions), np.ones((len(points), len(one.rates.C6))))
    write(tmp_path, Found(one, 0.2864, rows, {"particle 1": points}, points[1:2], curve, curve), SMOKE, "test", 1.0)
    page = (tmp_path / "monte_carlo.md").read_text(encoding="utf-8")
    assert "commit test" in page and "Cross-relaxation of 3H4" in page
    assert all((tmp_path / name).stat().st_size > 100 for name in ("monte_carlo.csv", "monte_carlo.svg"))
