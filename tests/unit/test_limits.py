"""Limits of a laboratory: kept by every point of a search, by every rounded design, and by every choice."""

from __future__ import annotations

import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.config import load_run_text
from padesign.config.build import build_problem, build_reference, build_space
from padesign.design.known import locate
from padesign.design.limits import Limits, cation_density_nm3, dopant_mol_percent, synthesis_steps
from padesign.design.rounding import Steps, on_grid
from padesign.design.space import ABSENT, PRESENT, DesignSpace, DopantSpace, Fixed, Free, LayerSpace
from padesign.design.transforms import Packing, Unconstrained, forward, inverse
from padesign.errors import InputError
from padesign.particle.layers import Layer, Particle
from padesign.recipe import Batch, Lattice, build_recipe
from tests.unit.test_campaign import Fake, essence, new_folder, optuna_trials, run
from tests.unit.test_recipe import PREDICTION

Y, GD, LU = "beta-NaYF4", "beta-NaGdF4", "beta-NaLuF4"
LAYERS = (
    LayerSpace(
        "core",
        (Y,),
        Free(4.0, 10.0),
        (DopantSpace("Tm", Free(2.0, 60.0)), DopantSpace("Yb", Free(5.0, 90.0))),
        max_dopant_mol_percent=30.0,
    ),
    LayerSpace("active", (Y, GD), Free(1.0, 4.0), (DopantSpace("Yb", Free(1.0, 80.0)),), optional=True),
    LayerSpace("inert", (Y,), Free(1.0, 6.0)),
)
SPACE = DesignSpace(LAYERS, (1064.0,), max_diameter_nm=30.0, limits=Limits(dopant_mol_percent=12.0))
WHOLE = {"active": PRESENT, "active.host": GD}


def points(count: int, spread: float) -> list[Unconstrained]:
    rng = np.random.default_rng(5)
    return [
        Unconstrained(jnp.asarray(rng.normal(0, spread, 3)), jnp.asarray(rng.normal(0, spread, (3, 2))))
        for _ in range(count)
    ]


@pytest.mark.parametrize("active", [PRESENT, ABSENT])
def test_every_point_keeps_the_dopants_of_the_layer_and_of_the_particle(active: str) -> None:
    """And far out on every axis both limits bind: the particle is as full as it may be, not less."""
    choice = WHOLE | {"active": active}
    bounds = SPACE.bounds(choice)
    fullest = 0.0
    for z in [*points(40, 1.0), *points(40, 20.0), Unconstrained(jnp.zeros(3), jnp.full((3, 2), 40.0))]:
        shape = forward(z, bounds, 0.0)
        thickness, fraction = np.asarray(shape.thickness_nm), np.asarray(shape.fraction)
        particle = SPACE.particle(choice, thickness, fraction)
        assert fraction[0].sum() <= 0.3 + 1e-12 and bounds.keeps_totals(thickness, fraction)
        assert (fraction >= bounds.fraction_low - 1e-12).all() and (fraction <= bounds.fraction_high + 1e-12).all()
        assert max(SPACE.excess(particle).values()) <= 0.0
        fullest = max(fullest, dopant_mol_percent(particle))
    assert fullest == pytest.approx(12.0, rel=1e-9)
    broken = SPACE.particle(choice, np.array([9.0, 2.0, 1.0]), np.array([[0.2, 0.2], [0.0, 0.5], [0.0, 0.0]]))
    assert SPACE.excess(broken)["core_dopant_mol_percent"] == pytest.approx(10.0)
    assert SPACE.excess(broken)["dopant_mol_percent"] > 10.0


def test_limited_designs_are_found_again_from_their_numbers_and_have_a_slope() -> None:
    bounds = SPACE.bounds(WHOLE)
    for z in points(20, 1.0):
        shape = forward(z, bounds, 0.0)
        again = forward(inverse(np.asarray(shape.thickness_nm), np.asarray(shape.fraction), bounds), bounds, 0.0)
        assert np.asarray(again.fraction) == pytest.approx(np.asarray(shape.fraction), rel=1e-9, abs=1e-12)
        slope = jax.grad(lambda z: forward(z, bounds, 0.0).fraction.sum())(z)
        assert np.isfinite(Packing(bounds).flat(slope)).all() and np.abs(slope.fraction).max() > 0.0


def test_the_dopants_of_a_particle_are_those_that_its_recipe_weighs() -> None:
    """Two hosts of different site density: the analysis that the recipe expects has the same mol%."""
    particle = Particle((Layer("core", Y, 6.0, {"Tm": 8.0}), Layer("shell", LU, 3.0, {"Yb": 20.0, "Tm": 1.0})))
    lattices = {name: Lattice(cation_density_nm3(name), cation) for name, cation in ((Y, "Y"), (LU, "Lu"))}
    recipe = build_recipe(particle, host_lattices=lattices, prediction=PREDICTION, batch=Batch())
    expected = {share.ion: share.mol_percent for share in recipe.target.layers[-1].expected_icp}
    assert dopant_mol_percent(particle) == pytest.approx(expected["Tm"] + expected["Yb"], rel=1e-9)
    assert synthesis_steps(particle) == len(recipe.stages) == 2


def test_rounding_goes_up_only_where_the_totals_allow_it() -> None:
    """Every rounded design keeps both totals and lies on the grid, also where more numbers move than are varied."""
    rng, steps = np.random.default_rng(7), Steps(0.5, 2.0)
    bounds = SPACE.bounds(WHOLE)
    for z in points(30, 2.0):
        shape = forward(z, bounds, 0.0)
        found = on_grid(
            np.asarray(shape.thickness_nm),
            np.asarray(shape.fraction),
            rng.normal(size=9) - 3.0,
            np.zeros((9, 9)),
            bounds,
            steps,
            3,
        )
        for thickness, fraction in found:
            assert bounds.keeps_totals(thickness, fraction)
            assert max(SPACE.excess(SPACE.particle(WHOLE, thickness, fraction)).values()) <= 0.0
    ions = tuple(DopantSpace(ion, Free(0.4, 90.0)) for ion in ("Tm", "Yb", "Er", "Ho", "Pr", "Nd"))
    two = tuple(LayerSpace(name, (Y,), Fixed(4.0), ions, max_dopant_mol_percent=7.5) for name in ("core", "shell"))
    bounds = DesignSpace(two, (980.0,)).bounds({})
    shares = np.tile([0.0101, 0.0101, 0.0101, 0.0101, 0.016, 0.016], (2, 1))  # the last two of twelve are not varied
    flat = np.zeros(14), np.zeros((14, 14))
    ((_, fraction),) = on_grid(np.array([4.0, 4.0]), shares, *flat, bounds, Steps(0.0, 1.0), 1)
    assert fraction[1] == pytest.approx(np.full(6, 0.01)) and fraction.sum(axis=1).max() <= 0.075


HOSTS = DesignSpace(
    (
        LayerSpace("core", (Y, GD, LU), Fixed(6.0), (DopantSpace("Tm", Fixed(8.0)),)),
        LayerSpace("middle", (Y, GD, LU), Fixed(2.0), optional=True),
        LayerSpace("outer", (Y, GD, LU), Fixed(2.0), optional=True),
    ),
    (1064.0,),
    limits=Limits(lattice_mismatch_percent=2.0, synthesis_steps=2),
)


def test_only_hosts_that_fit_and_few_enough_layers_are_possible() -> None:
    """NaGdF4 and NaYF4 differ by 1.99 % along c, NaLuF4 and NaYF4 by 2.3 %; a layer left out does not count."""
    possible = set()
    for picked in itertools.product(*HOSTS.choices.values()):
        choice = dict(zip(HOSTS.choices, picked, strict=True))
        try:
            HOSTS.bounds(choice)
        except InputError as error:
            assert "growth steps" in str(error) or "lattice mismatch" in str(error)
            continue
        there = [
            HOSTS.hosts(choice)[k]
            for k, name in enumerate(("core", "middle", "outer"))
            if choice.get(name, PRESENT) == PRESENT
        ]
        possible.add(tuple(there))
    fits = {(Y, GD), (GD, Y), *((host, host) for host in (Y, GD, LU))}
    assert possible == {(Y,), (GD,), (LU,)} | fits
    particle = Particle((Layer("core", GD, 6.0, {"Tm": 8.0}), Layer("outer", Y, 2.0)))
    assert HOSTS.limits.numbers(particle) == pytest.approx(
        {"lattice_mismatch_percent": 1.953, "synthesis_steps": 2}, abs=1e-3
    )
    assert locate(HOSTS, Particle((Layer("core", LU, 6.0, {"Tm": 8.0}), Layer("shell", Y, 2.0)))) is None


def test_a_space_of_which_nothing_fits_tells_every_reason_with_its_cure() -> None:
    """With the layer between them the hosts fit and the particle is too large; without it they do not fit."""
    text = RUN.replace("host: beta-NaYF4\n", "host: beta-NaLuF4\n", 1)
    shell = "    - {name: shell, host: beta-NaGdF4, thickness_nm: {min: 1, max: 6}}\n"
    bridge = "    - {name: bridge, host: beta-NaYF4, thickness_nm: {min: 2, max: 3}, optional: true}\n"
    layers = text[text.index("    - {name: shell, host: {choice") : text.index("objective:")]
    over = ["particle.max_diameter_nm=14", "particle.max_lattice_mismatch_percent=3", "particle.max_synthesis_steps=3"]
    with pytest.raises(InputError) as refused:
        build_problem(load_run_text(text.replace(layers, bridge + shell), overrides=over).run).check()
    assert "16 nm across, more than max_diameter_nm 14" in refused.value.what
    assert "beta-NaGdF4 on beta-NaLuF4 has a lattice mismatch of 4.3 %" in refused.value.what
    assert "thinner layers" in refused.value.cure and "hosts that fit" in refused.value.cure


class Picky(Fake):
    """Only one option of each choice is possible together with the others."""

    def refusal(self, choice) -> str:
        return "" if choice == {"host": "NaGdF4", "shells": 2, "sensitised": True} else "breaks a limit"


@pytest.mark.parametrize("sampler", ["tpe", "random", "nsga2", "brute"])
def test_an_impossible_choice_is_never_computed_and_the_sampler_is_told(tmp_path: Path, sampler: str) -> None:
    """One of 18 combinations is possible; every trial is spent on it, and the search goes on from its journal alike."""
    folder = new_folder(tmp_path)
    run(Picky(), folder, trials=2, sampler=sampler)
    run(Picky(), folder, trials=3, sampler=sampler)
    assert all(choice == {"host": "NaGdF4", "shells": 2, "sensitised": True} for _, choice, _, _ in essence(folder))
    at_once = new_folder(tmp_path)
    run(Picky(), at_once, trials=3, sampler=sampler)
    assert essence(at_once) == essence(folder)
    refused = [trial for trial in optuna_trials(folder) if "padesign.impossible_for" in trial.user_attrs]
    assert bool(refused) is (sampler != "brute") and all(trial.constraints["padesign.limits"] > 0 for trial in refused)


def test_a_search_in_which_nothing_is_possible_ends_with_the_reason(tmp_path: Path) -> None:
    class Never(Fake):
        def refusal(self, choice) -> str:
            return "is too wide"

    for sampler in ("tpe", "brute"):
        with pytest.raises(InputError, match=r"is too wide|every combination breaks"):
            run(Never(), new_folder(tmp_path), sampler=sampler)


RUN = """\
version: 1
name: limited
excitation: {wavelength_nm: 1064, irradiance_kW_per_cm2: {min: 1, max: 100}}
particle:
  max_dopant_mol_percent: 12
  max_lattice_mismatch_percent: 2
  max_synthesis_steps: 2
  layers:
    - name: core
      host: beta-NaYF4
      diameter_nm: {min: 10, max: 20}
      max_dopant_mol_percent: 20
      dopants_mol_percent: {Tm: {min: 2, max: 15}, Yb: {min: 1, max: 30, optional: true}}
    - {name: shell, host: {choice: [beta-NaYF4, beta-NaLuF4]}, thickness_nm: {min: 1, max: 6}, optional: true}
objective: {kind: nonlinearity, emission: "Tm:3H4 -> Tm:3H6"}
compare_with:
  - name: published
    source: somebody
    layers:
      - {name: core, host: beta-NaYF4, diameter_nm: 17, dopants_mol_percent: {Tm: 40}}
      - {name: shell, host: beta-NaLuF4, thickness_nm: 5.6}
"""


def test_a_run_file_gives_the_space_its_limits_and_a_published_particle_none() -> None:
    loaded = load_run_text(RUN).run
    space = build_space(loaded)
    assert space.limits == Limits(12.0, 2.0, 2)
    assert [layer.max_dopant_mol_percent for layer in space.layers] == [20.0, 100.0]
    problem = build_problem(loaded)
    whole = {"core.Yb": PRESENT, "shell": PRESENT, "shell.host": Y}
    assert problem.refusal(whole) == "" and "lattice mismatch" in problem.refusal(whole | {"shell.host": LU})
    build_reference(loaded, loaded.compare_with[0]).bounds({})
