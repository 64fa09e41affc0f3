"""What lies around the ions: beams that stay on, the medium's index, ligands, acceptors that fill, inert ions."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.kinetics.acceptors import ACCEPTOR, with_saturable_acceptors
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.particle_network import Conditions, ProcessRates, particle_model
from padesign.parameters.ligands import known_ligands, ligand_factor
from padesign.particle.surroundings import Surroundings
from padesign.spectroscopy.local_field import local_field_of_sphere
from tests.systems.particles import TM_BAND, TM_GEOMETRY, builder, geometry, measure_tm, signature, tm_signature, values
from tests.systems.solving import measure

BARE = geometry([8.5, 1.5], [[8.0], [0.0]])


@functools.cache
def tm(
    wavelength_nm: float = 1064.0, beams: tuple[tuple[float, float], ...] = (), surroundings: Surroundings | None = None
) -> tuple[EmittingNetwork, ProcessRates]:
    nm, power = np.array(beams, dtype=float).reshape(-1, 2).T
    at = Conditions(
        jnp.asarray(wavelength_nm),
        jnp.asarray(295.0),
        jnp.asarray(nm),
        jnp.asarray(power),
        surroundings or Surroundings(),
    )
    return builder(tm_signature(1))(BARE, (values(),), at)


def test_a_beam_that_stays_on_adds_its_absorption_to_the_rates_in_the_dark() -> None:
    alone, both = tm(), tm(beams=((808.0, 2e3), (1064.0, 500.0)))
    other, same = tm(wavelength_nm=808.0), alone
    expected = alone[0].network.dark[0] + 2e3 * other[0].network.pump[0] + 500.0 * same[0].network.pump[0]
    assert np.asarray(both[0].network.dark[0]) == pytest.approx(np.asarray(expected), rel=1e-12)
    assert np.asarray(both[0].network.pump[0]) == pytest.approx(np.asarray(alone[0].network.pump[0]), rel=1e-12)


def test_a_sphere_in_its_own_index_has_the_rates_of_the_bulk_and_in_air_emits_more_slowly() -> None:
    index = float(values()["host.refractive_index"])
    bulk, same, air = tm()[0], *(tm(surroundings=Surroundings(refractive_index=n))[0] for n in (index, 1.0))
    assert np.asarray(same.radiative_per_s[0]) == pytest.approx(np.asarray(bulk.radiative_per_s[0]), rel=1e-12)
    field = local_field_of_sphere(index, 1.0)
    L = 3.0 / (index**2 + 2.0)
    assert float(field.emission) == pytest.approx(L**2 / index, rel=1e-12)
    assert float(field.absorption) == pytest.approx(L**2 * index, rel=1e-12)
    assert np.asarray(air.radiative_per_s[0]) == pytest.approx(
        float(field.emission) * np.asarray(bulk.radiative_per_s[0]), rel=1e-12
    )
    assert np.asarray(air.network.pump[0]) == pytest.approx(
        float(field.absorption) * np.asarray(bulk.network.pump[0]), rel=1e-12
    )


def test_water_takes_more_from_large_gaps_than_oleate_and_heavy_water_less() -> None:
    assert all(ligand_factor(gap, "oleate") == pytest.approx(1.0) for gap in (1000.0, 6000.0, 10000.0))
    for gap in (6000.0, 10000.0):
        assert ligand_factor(gap, "heavy_water") < 1.0 < ligand_factor(gap, "water")
    assert ligand_factor(10000.0, "water") > ligand_factor(6000.0, "water")
    assert all(np.isfinite(ligand_factor(gap, name)) for name in known_ligands() for gap in (0.0, 500.0, 25000.0))


def test_the_ligand_scales_the_surface_loss_of_every_level_by_its_gap() -> None:
    model = particle_model(tm_signature(1))
    oleate, water = tm()[1], tm(surroundings=Surroundings(ligand="water"))[1]
    energy = model.tables["Tm"].energy_cm1
    checked = 0
    for level, lands, _ in model.surface["Tm"]:
        ratio = float(water.surface_per_s[0][0, lands, level] / oleate.surface_per_s[0][0, lands, level])
        assert ratio == pytest.approx(ligand_factor(float(energy[level] - energy[lands]), "water"), rel=1e-10)
        checked += 1
    assert checked > 3


def test_acceptors_that_are_free_at_once_are_the_surface_loss_and_a_few_slow_ones_make_the_avalanche_steeper() -> None:
    light, rates = builder(tm_signature(1))(
        TM_GEOMETRY, (values(),), Conditions(jnp.asarray(1064.0), jnp.asarray(295.0))
    )
    fill = jax.jit(with_saturable_acceptors)
    plain = measure_tm()
    many, few = (
        measure(fill(light, rates.surface_per_s, jnp.asarray(count), recovery), TM_BAND, 1.0, 100.0)
        for count, recovery in ((1e5, 1e-9), (25.0, 1e-3))
    )
    assert plain.S == pytest.approx(many.S, rel=1e-4)
    assert many.threshold_kW_per_cm2 == pytest.approx(plain.threshold_kW_per_cm2, rel=1e-4)
    assert few.threshold_kW_per_cm2 == pytest.approx(plain.threshold_kW_per_cm2, rel=1e-2)
    assert few.S > 1.3 * plain.S


def test_an_event_at_the_surface_fills_one_acceptor() -> None:
    light, rates = tm()
    with_them = with_saturable_acceptors(light, rates.surface_per_s, jnp.asarray(40.0), 1e-3)
    network, n = with_them.network, light.network.n_unknowns
    assert with_them.levels[-1][0] == ACCEPTOR
    p = jnp.concatenate([jnp.asarray(np.random.default_rng(0).dirichlet(np.ones(n))), jnp.array([0.7, 0.3])])
    change = network.derivative_per_s(p, jnp.asarray(0.0))
    lost = float(light.ions_in_cell[0][0] * (rates.surface_per_s[0][0].sum(axis=0) @ p[:n]) * p[n])
    assert 40.0 * (float(change[n + 1]) + 0.3 / 1e-3) == pytest.approx(lost, rel=1e-12)
    assert float(change[:n].sum()) == pytest.approx(0.0, abs=1e-9 * float(jnp.abs(change[:n]).max()))


def test_an_inert_ion_takes_sites_and_changes_nothing_else() -> None:
    sig = dataclasses.replace(signature(["Tm", "Y"], [[True, True], [False, True]], [1, 0]))
    shape = geometry([8.5, 5.6], [[8.0, 20.0], [0.0, 100.0]])
    at = Conditions(jnp.asarray(1064.0), jnp.asarray(295.0))
    light, _ = builder(sig)(shape, (values(),), at)
    plain, _ = builder(tm_signature(1))(TM_GEOMETRY, (values(),), at)
    for expected, found in zip(jax.tree.leaves(plain), jax.tree.leaves(light), strict=True):
        assert np.asarray(found) == pytest.approx(np.asarray(expected), rel=1e-12)


def test_a_model_says_which_levels_it_left_out_and_has_only_those_that_were_picked() -> None:
    picked = particle_model(dataclasses.replace(tm_signature(1), levels=(("Tm", ("3F4", "3H4")),)))
    assert picked.tables["Tm"].level_ids == ("3H6", "3F4", "3H4")
    assert picked.left_out["Tm"][:3] == ("3H5", "3F3", "3F2")
    assert particle_model(tm_signature(1)).left_out["Tm"][0] == "1I6"


def test_a_replaced_transfer_is_gone_between_all_cells_and_the_rest_stays() -> None:
    sig = tm_signature(2)
    pair = (("Tm:3H4", "Tm:3H6"), ("Tm:3F4", "Tm:3F4"))
    at = Conditions(jnp.asarray(1064.0), jnp.asarray(295.0))
    whole, _ = builder(sig)(TM_GEOMETRY, (values(),), at)
    light, _ = builder(dataclasses.replace(sig, without=(pair,)))(TM_GEOMETRY, (values(),), at)
    model = particle_model(sig)
    p, level = model.processes, model.tables["Tm"].index
    found = p.find((0, level("3H4"), level("3F4")), (0, level("3H6"), level("3F4")))
    assert len(found) == 1
    missing = whole.network.transfer[0] - light.network.transfer[0]
    ground, levels = level("3H6"), len(model.tables["Tm"].level_ids)
    gone = np.asarray(missing)[:, level("3F4"), level("3H4"), ground::levels]
    assert np.all(gone > 0.0)
    rest = np.asarray(missing).copy()
    rest[:, level("3F4"), level("3H4"), ground::levels] = 0.0
    rest[:, level("3F4"), ground, level("3H4") :: levels] = 0.0
    assert np.abs(rest).max() <= 1e-12 * np.abs(np.asarray(missing)).max()
