"""Computed networks with processes written by hand: what a line does to the rates, and every mistake with its place."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.constants import JOULE_PER_cm1
from padesign.errors import InputError
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.mixed import ADD, REPLACE, check_processes, with_processes
from padesign.kinetics.network import RateNetwork
from padesign.kinetics.text import parse_network
from padesign.solve.steady import low_power_start, newton
from tests.systems.avalanche import BISTABLE
from tests.systems.networks import random_network, random_populations
from tests.systems.particles import YB_PR_GEOMETRY, build, yb_pr_signature

SHAPE = ((3, 4), (2, 3))
IONS = (jnp.array([900.0, 0.0, 700.0]), jnp.array([30.0, 50.0]))
"""A in three cells, the middle one empty; B in the last two."""
EVENT = "A:3 + B:0 -> A:1 + B:2 @ 4000 1/s"
mixed = jax.jit(with_processes, static_argnums=(2, 3))
solve = jax.jit(lambda network, lam: newton(network, low_power_start(network, lam), lam, max_iterations=200))


@pytest.fixture(scope="module")
def light() -> EmittingNetwork:
    """Random rates for everything, half of every downward rate radiative."""
    network = random_network(np.random.default_rng(1), SHAPE)
    labels = [f"A:{k}@{x}" for x in range(3) for k in range(4)] + [f"B:{k}@{x}" for x in (1, 2) for k in range(3)]
    radiative = tuple(0.5 * jnp.triu(dark) for dark in network.dark)
    energies = (jnp.array([0.0, 6000.0, 12000.0, 21000.0]), jnp.array([0.0, 6500.0, 14000.0]))
    levels = (("A", ("0", "1", "2", "3")), ("B", ("0", "1", "2")))
    network = RateNetwork(network.dark, network.pump, network.transfer, tuple(labels))
    return EmittingNetwork(network, radiative, IONS, energies, levels)


def test_an_added_line_is_its_rate_in_every_cell_and_nothing_else(light: EmittingNetwork) -> None:
    assert with_processes(light, 1064.0, (), ()) is light
    lines = ("A:3 -> A:1 @ 70 1/s radiative", "A:3 -> A:1 @ 5 1/s", "B:0 -> B:1 @ 3e-21 cm^2")
    photon_J = JOULE_PER_cm1 * 1e7 / 1064.0
    by_hand = eqx.tree_at(
        lambda x: (x.network.dark[0], x.radiative_per_s[0], x.network.pump[1]),
        light,
        (
            light.network.dark[0].at[:, 1, 3].add(75.0),
            light.radiative_per_s[0].at[:, 1, 3].add(70.0),
            light.network.pump[1].at[:, 1, 0].add(3e-21 / photon_J),
        ),
    )
    assert eqx.tree_equal(mixed(light, 1064.0, lines, ()), by_hand, rtol=1e-14)


def test_a_replaced_rate_is_what_is_written_and_emits_only_what_is_called_radiative(light: EmittingNetwork) -> None:
    replaced = ("A:2 -> A:0 @ 40 1/s radiative", "A:2 -> A:0 @ 2 1/s", "B:1 -> B:0 @ 9 1/s", "A:1 -> A:3 @ 0 cm^2")
    got = mixed(light, 1064.0, ("B:1 -> B:0 @ 1 1/s radiative",), replaced)
    by_hand = eqx.tree_at(
        lambda x: (*x.network.dark, *x.radiative_per_s, x.network.pump[0]),
        light,
        (
            light.network.dark[0].at[:, 0, 2].set(42.0),
            light.network.dark[1].at[:, 0, 1].set(10.0),
            light.radiative_per_s[0].at[:, 0, 2].set(40.0),
            light.radiative_per_s[1].at[:, 0, 1].set(1.0),
            light.network.pump[0].at[:, 3, 1].set(0.0),
        ),
    )
    assert eqx.tree_equal(got, by_hand, rtol=1e-14)


def test_a_two_level_ion_with_every_process_replaced_has_its_closed_form() -> None:
    """p1/p0 = R/W with R = sigma I / h nu."""
    sigma_cm2, decay_per_s, irradiance_W_per_cm2, wavelength_nm = 2.5e-20, 480.0, 3e3, 980.0
    levels, energies = {"X": ("0", "1")}, {"X:0": 0.0, "X:1": 10250.0}
    computed = parse_network(levels, ["X:0 -> X:1 @ 7e-19 cm^2", "X:1 -> X:0 @ 1e5 1/s"], energies)
    lines = (f"X:0 -> X:1 @ {sigma_cm2} cm^2", f"X:1 -> X:0 @ {decay_per_s} 1/s radiative")
    light = computed.network(wavelength_nm)
    check_processes(light, wavelength_nm, 295.0, (), lines)
    state = solve(mixed(light, wavelength_nm, (), lines).network, jnp.log(irradiance_W_per_cm2))
    flux = irradiance_W_per_cm2 * wavelength_nm * 1e-9 / (6.62607015e-34 * 299792458.0)
    excited = sigma_cm2 * flux / (sigma_cm2 * flux + decay_per_s)
    assert np.exp(state.log_populations) == pytest.approx([1.0 - excited, excited], rel=1e-9)


def test_lines_added_to_a_network_without_rates_are_the_network_written_by_hand() -> None:
    """Every kind of line, within one ion and between two."""
    energies = {f"{ion}:{level}": 7e3 * k for ion, ids in BISTABLE.levels.items() for k, level in enumerate(ids)}
    written = parse_network(BISTABLE.levels, BISTABLE.lines, energies).network(1064.0)
    zeros = jax.tree.map(jnp.zeros_like, (written.network, written.radiative_per_s))
    empty = eqx.tree_at(lambda x: (x.network, x.radiative_per_s), written, zeros)
    assert eqx.tree_equal(mixed(empty, 1064.0, tuple(BISTABLE.lines), ()), written, rtol=1e-14)


def test_an_event_between_two_ions_moves_as_many_of_each_and_only_where_both_are(light: EmittingNetwork) -> None:
    """4000 N_A p(A:3) p(B:0) events a second in the one cell with both; elsewhere not even a rate."""
    p = jnp.asarray(random_populations(np.random.default_rng(2), SHAPE, 3.0, "any"))
    change = mixed(light, 1064.0, (EVENT,), ()).network.derivative_per_s(p, 0.0) - light.network.derivative_per_s(
        p, 0.0
    )
    (a, b), (p_a, p_b) = light.network.split(change), light.network.split(p)
    events = 4000.0 * 700.0 * p_a[2, 3] * p_b[1, 0]
    rounding = 1e-12 * float(max(np.max(x) for x in light.network.gain_loss(p, 0.0)))
    for found, step, ions in ((a, np.array([0, 1, 0, -1]), 700.0), (b, np.array([-1, 0, 1]), 50.0)):
        assert np.asarray(found[-1]) == pytest.approx(np.asarray(events / ions * step), rel=1e-9, abs=rounding)
        assert np.asarray(found[:-1]) == pytest.approx(0.0, abs=rounding)
    assert rounding < 1e-3 * float(events) / 700.0


def test_rates_written_by_hand_follow_the_numbers_of_ions_also_where_there_are_none(light: EmittingNetwork) -> None:
    def taken_per_s(ions: tuple[jax.Array, ...]) -> jax.Array:
        held = eqx.tree_at(lambda x: x.ions_in_cell, light, ions)
        return with_processes(held, 1064.0, (EVENT,), ()).network.transfer[1].sum()

    by_numbers = jax.jit(jax.grad(taken_per_s))
    by_a, by_b = by_numbers(IONS)
    assert by_a == pytest.approx([0.0, 0.0, 4000.0 / 50.0])
    assert by_b == pytest.approx([0.0, -4000.0 * 700.0 / 50.0**2])
    assert np.concatenate(by_numbers((IONS[0], jnp.array([30.0, 1e-200])))) == pytest.approx([0.0] * 5)


def test_a_particle_with_lines_keeps_its_ions_and_has_no_negative_rate() -> None:
    add = (
        "Yb:2F5/2 + Pr:3H4 -> Yb:2F7/2 + Pr:1G4 @ 3e4 1/s",
        "Pr:1G4 -> Pr:3P0 @ 4e-20 cm^2",
        "Pr:3P0 -> Pr:1D2 @ 1e3 1/s",
    )
    replace = (
        "Yb:2F5/2 -> Yb:2F7/2 @ 900 1/s radiative",
        "Pr:3H4 -> Pr:1G4 @ 1e-24 cm^2",
        "Pr:1G4 -> Pr:3F4 @ 2e4 1/s",
    )
    computed, _ = build(yb_pr_signature(), YB_PR_GEOMETRY, 852.0)
    check_processes(computed, 852.0, 295.0, add, replace)
    light = mixed(computed, 852.0, add, replace)
    network = light.network
    for rates in (*network.dark, *network.pump, *network.transfer):
        assert np.all(np.asarray(rates) >= 0.0)
    for dark, radiative in zip(network.dark, light.radiative_per_s, strict=True):
        assert np.all(np.asarray(radiative) <= np.asarray(dark) * (1 + 1e-12))
    state = solve(network, jnp.log(2e4))
    assert bool(state.converged)
    for block in network.split(jnp.exp(state.log_populations)):
        assert np.asarray(block.sum(axis=1)) == pytest.approx(1.0, abs=1e-12)
    gain, loss = network.gain_loss(jnp.exp(state.log_populations), 2e4)
    assert np.asarray(gain) == pytest.approx(np.asarray(loss * jnp.exp(state.log_populations)), rel=1e-8)


@pytest.mark.parametrize(
    ("line", "says", "cure"),
    [
        ("A:4 -> A:0 @ 1 1/s", "unknown level `A:4`", "did you mean `A:"),
        ("Zr:0 -> Zr:1 @ 1 1/s", "unknown level `Zr:0`", "A:0"),
        ("A:3 + B:0 -> A:1 @ 1 1/s", "must keep each ion", "one or two ions"),
        ("A:3 -> A:1 @ -1 1/s", "not negative", "write"),
        ("A:3 -> A:1 @ inf 1/s", "must be finite", "write"),
        ("A:0 -> A:1 @ 1 1/s", "climbs 6000 cm^-1 without light, more than 10 kT", "turn the arrow"),
        ("A:1 -> A:0 @ 1e-21 cm^2", "goes down by 6000", "turn the arrow"),
        ("A:0 -> A:1 @ 1e-21 cm^2", "climbs 6000 cm^-1, but the photon has 9398", "within 3000"),
    ],
)
def test_a_mistake_is_named_with_its_line_in_either_list(
    light: EmittingNetwork, line: str, says: str, cure: str
) -> None:
    good = "A:3 -> A:2 @ 1 1/s"
    for path, lists in ((ADD, ((good, line), ())), (REPLACE, ((), (good, line)))):
        with pytest.raises(InputError) as caught:
            check_processes(light, 1064.0, 295.0, *lists)
        assert says in caught.value.what
        assert cure in caught.value.cure
        assert caught.value.path == (*path, 1)


@pytest.mark.parametrize(
    ("add", "replace", "path", "says"),
    [
        (["A:1 + B:0 -> A:0 + B:2 @ 1 1/s"], [], (*ADD, 0), "needs 8000 cm^-1 from the lattice"),
        (["B:0 + A:3 -> B:2 + A:1 @ 1 1/s"], [], (*ADD, 0), "names the ion first that takes"),
        (["A:3 -> A:1 @ 1 1/s"], ["A:3 -> A:1 @ 2 1/s"], (*ADD, 0), "already in line 1 of `replace_processes`"),
        ([], ["A:3 -> A:1 @ 1 1/s", "A:3 -> A:1 @ 2 1/s"], (*REPLACE, 1), "already in line 1"),
        ([], ["A:2 -> A:1 @ 1 1/s", "B:2 -> B:1 @ 1 1/s"], (*REPLACE, 1), "no computed process `B:2 -> B:1`"),
        ([], ["B:0 -> B:1 @ 1e-21 cm^2"], (*REPLACE, 0), "no computed process `B:0 -> B:1`"),
        (["A:3 + C:0 -> A:1 + C:1 @ 1 1/s"], [], (*ADD, 0), "A and C share no cell"),
    ],
)
def test_what_cannot_act_is_refused(
    light: EmittingNetwork, add: list[str], replace: list[str], path: tuple, says: str
) -> None:
    """B has no decay 2 -> 1 and no absorption 0 -> 1 here; C sits where A is not."""
    none = jnp.zeros((1, 2, 2))
    network = RateNetwork(
        (light.network.dark[0].at[:, 1, 2].add(1.0), light.network.dark[1].at[:, 1, 2].set(0.0), none),
        (light.network.pump[0], light.network.pump[1].at[:, 1, 0].set(0.0), none),
        (*(jnp.pad(x, ((0, 0),) * 3 + ((0, 2),)) for x in light.network.transfer), jnp.zeros((1, 2, 2, 20))),
        (*light.network.labels, "C:0@surface", "C:1@surface"),
    )
    held = EmittingNetwork(
        network,
        (*light.radiative_per_s, none),
        (*IONS, jnp.ones(1)),
        (*light.energies_cm1, jnp.full(2, jnp.nan)),
        (*light.levels, ("C", ("0", "1"))),
    )
    with pytest.raises(InputError) as caught:
        check_processes(held, 1064.0, 295.0, add, replace)
    assert says in caught.value.what
    assert caught.value.path == path
