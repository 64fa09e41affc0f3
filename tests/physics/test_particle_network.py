"""Laws that the network of a particle obeys by its making: detailed balance, counting of ions, invariances."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.constants import BOLTZMANN_cm1_per_K
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.network import RateNetwork
from padesign.kinetics.particle_network import ParticleModel, ProcessRates, particle_model
from padesign.kinetics.processes import LEAST_SHARE
from padesign.particle.cells import cell_volumes_nm3, count_cells, split_layers
from padesign.particle.kernel import cell_mean_kernel_per_nm3
from padesign.solve.stability import find_threshold
from padesign.solve.steady import low_power_start, newton
from tests.systems import particles
from tests.systems.particles import (
    PR_BAND,
    TM_BAND,
    TM_GEOMETRY,
    build,
    geometry,
    measure_tm,
    measure_yb_pr,
    signature,
    tm_signature,
    values,
)
from tests.systems.solving import Measured, measure

TWO_LAYERS = signature(["Yb", "Tm"], [[True, True], [True, True], [False, False]], [2, 1, 0])
TWO_LAYERS_SHAPE = geometry([6.0, 2.5, 3.0], [[0.0, 8.0], [20.0, 1.0], [0.0, 0.0]], mixing_nm=0.5)
gain_loss = jax.jit(lambda network, p: network.gain_loss(p, 0.0))
steady = jax.jit(
    lambda network: newton(network, low_power_start(network, jnp.asarray(0.0)), jnp.asarray(0.0), max_iterations=200)
)


@functools.cache
def two_layers(temperature_K: float) -> tuple[ParticleModel, EmittingNetwork, ProcessRates]:
    return particle_model(TWO_LAYERS), *build(TWO_LAYERS, TWO_LAYERS_SHAPE, temperature_K=temperature_K)


def without_light(light: EmittingNetwork, rates: ProcessRates) -> RateNetwork:
    """Phonons and transfer only."""
    network = light.network
    dark = tuple(rates.multiphonon_per_s)
    return RateNetwork(dark, tuple(jnp.zeros_like(pump) for pump in network.pump), network.transfer, network.labels)


def boltzmann(model: ParticleModel, light: EmittingNetwork, temperature_K: float) -> np.ndarray:
    """Populations at equilibrium with the lattice, in the order of the network."""
    blocks = []
    for (ion, table), energies in zip(model.tables.items(), light.energies_cm1, strict=True):
        weight = (table.two_J + 1.0) * np.exp(-np.asarray(energies) / (BOLTZMANN_cm1_per_K * temperature_K))
        blocks.append(np.tile(weight / weight.sum(), len(model.cells_of[ion])))
    return np.concatenate(blocks)


@pytest.mark.parametrize("temperature_K", [200.0, 295.0, 600.0])
def test_phonons_and_transfer_keep_every_cell_in_boltzmann_equilibrium(temperature_K: float) -> None:
    model, light, rates = two_layers(temperature_K)
    p = boltzmann(model, light, temperature_K)
    gain, loss = gain_loss(without_light(light, rates), jnp.asarray(p))
    assert np.all(np.abs(gain / (loss * p) - 1.0) <= 1e-10)


def test_a_particle_left_in_the_dark_without_emission_settles_at_boltzmann() -> None:
    model, light, rates = two_layers(600.0)
    state = steady(without_light(light, rates))
    assert bool(state.converged)
    assert np.exp(state.log_populations) == pytest.approx(boltzmann(model, light, 600.0), rel=1e-8)


@pytest.mark.parametrize("temperature_K", [200.0, 295.0, 600.0])
def test_every_transfer_and_its_reverse_obey_detailed_balance(temperature_K: float) -> None:
    """k_rev / k_fwd = g_i g_j / (g_i' g_j') exp(-surplus / kT), between any two cells; one factor serves both."""
    model, light, rates = two_layers(temperature_K)
    p, tables = model.processes, list(model.tables.values())
    E = [np.asarray(energies) for energies in light.energies_cm1]
    C6, factor = np.asarray(rates.C6_nm6_per_s), np.asarray(rates.factor)
    assert len(p) > 200
    for n in range(len(p)):
        d, a = p.donor[n], p.acceptor[n]
        i, i2, j, j2 = p.donor_from[n], p.donor_to[n], p.acceptor_from[n], p.acceptor_to[n]
        surplus = E[d][i] - E[d][i2] - E[a][j2] + E[a][j]
        g_d, g_a = tables[d].two_J + 1.0, tables[a].two_J + 1.0
        expected = g_d[i] * g_a[j] / (g_d[i2] * g_a[j2]) * np.exp(-surplus / (BOLTZMANN_cm1_per_K * temperature_K))
        assert C6[p.reverse[n]] / C6[n] == pytest.approx(expected, rel=1e-10)
    assert factor[p.reverse].transpose(0, 2, 1) == pytest.approx(factor, rel=1e-12)
    assert np.all((factor >= 0.0) & (factor <= 1.0 + 1e-12))


def test_seen_from_both_cells_a_pair_of_cells_has_the_same_number_of_events() -> None:
    """V_x K_xy = V_y K_yx, and for Yb with Tm: what the donors of cell x give is what the acceptors of cell y take."""
    model, light, rates = two_layers(295.0)
    inner, outer = split_layers(TWO_LAYERS_SHAPE.thickness_nm, TWO_LAYERS.cells_per_layer)
    events = np.asarray(cell_volumes_nm3(inner, outer))[:, None] * np.asarray(rates.kernel_per_nm3)
    assert events == pytest.approx(events.transpose(0, 2, 1), rel=1e-12)

    cells, levels = len(model.cells_of["Yb"]), len(model.tables["Tm"].level_ids)
    rng = np.random.default_rng(1)
    p_yb, p_tm = rng.uniform(size=(cells, 2)), rng.uniform(size=(cells, levels))
    ions_yb, ions_tm = (np.asarray(ions) for ions in light.ions_in_cell)
    seen_by_yb = np.asarray(light.network.transfer[0])[..., 2 * cells :].reshape(cells, 2, 2, cells, levels)
    seen_by_tm = np.asarray(light.network.transfer[1])[..., : 2 * cells].reshape(cells, levels, levels, cells, 2)
    for before, after in ((1, 0), (0, 1)):
        yb = np.einsum("x,x,xyk,yk->xy", ions_yb, p_yb[:, before], seen_by_yb[:, after, before], p_tm)
        tm = np.einsum("y,yabx,yb,x->xy", ions_tm, seen_by_tm[..., before], p_tm, p_yb[:, before])
        assert yb.min() > 0.0
        assert tm == pytest.approx(yb, rel=1e-12)


def test_what_does_not_cross_a_border_of_cells_happens_inside_them() -> None:
    """Over the particle every process of two ions has as many pairs as the kernel of the cells says."""
    model, _, rates = two_layers(295.0)
    inner, outer = split_layers(TWO_LAYERS_SHAPE.thickness_nm, TWO_LAYERS.cells_per_layer)
    plain = cell_mean_kernel_per_nm3(inner, outer, values()["host.nearest_distance_nm"])
    volume, n = np.asarray(cell_volumes_nm3(inner, outer)), np.asarray(rates.density_nm3)
    p = model.processes
    some = np.flatnonzero(~p.exchange)
    donors, acceptors = volume[:, None] * n[:, p.donor[some]], n[:, p.acceptor[some]]
    expected = np.einsum("xk,xy,yk->k", donors, np.asarray(plain), acceptors)
    kernels = np.asarray(rates.kernel_per_nm3)[some]
    assert np.einsum("xk,kxy,yk->k", donors, kernels, acceptors) == pytest.approx(expected, rel=1e-10)
    crossing = kernels[:, 0, 1] / np.asarray(plain)[0, 1]
    assert crossing.min() < 0.9 and crossing.max() <= 1.0 + 1e-12


# In W/cm^2: the threshold of one band, which needs no power curve.
threshold = jax.jit(lambda network: find_threshold(network, jnp.ones(network.n_unknowns), jnp.log(1.0), jnp.log(1e9)))


@pytest.mark.parametrize(
    ("thickness_nm", "percent"), [([7.9], [[1.5]]), ([8.5, 3.0], [[8.0], [1.0]])], ids=["bare", "tandem"]
)
def test_twice_the_cells_change_a_threshold_by_less_than_two_percent_without_a_shell(
    thickness_nm: list[float], percent: list[list[float]]
) -> None:
    """From the judging grid up; ions at the surface, where populations are steep; interfaces mix as they usually do."""

    def log_threshold(cells: int) -> float:
        counts = count_cells(thickness_nm, [True] * len(percent), cells)
        sig = signature(["Tm"], [[True]] * len(percent), counts, max_level_cm1=15500.0)
        found = threshold(build(sig, geometry(thickness_nm, percent, mixing_nm=0.5))[0].network)
        assert bool(found.exists)
        return float(found.log_irradiance)

    assert abs(log_threshold(8) - log_threshold(4)) < 0.02


def assert_same(found: Measured, expected: Measured, rel: float) -> None:
    assert int(found.solution.trace.outcome) == int(expected.solution.trace.outcome) == 0
    assert found.S == pytest.approx(expected.S, rel=rel)
    assert float(found.window.value) == pytest.approx(float(expected.window.value), rel=rel)
    assert found.threshold_kW_per_cm2 == pytest.approx(expected.threshold_kW_per_cm2, rel=rel)


def test_more_cells_do_not_change_the_avalanche_of_8_percent_tm() -> None:
    for cells in (1, 4):
        assert_same(measure_tm(cells), measure_tm(2), 0.01)


def test_more_cells_do_not_change_the_avalanche_of_yb_and_pr() -> None:
    assert_same(measure_yb_pr(4), measure_yb_pr(2), 0.01)
    assert_same(measure_yb_pr(2), measure_yb_pr(1), 0.02)  # one cell has no way to the surface


def test_more_cells_hardly_change_the_threshold_of_a_particle_without_a_shell() -> None:
    """Excitations that migrate to a lossy surface: the coarse grid of a search must not let them arrive too soon."""

    def threshold(cells: int) -> float:
        sig = signature(["Tm"], [[True], [False]], count_cells([8.5, 0.0], [True, False], cells), max_level_cm1=24000.0)
        light, _ = build(sig, geometry([8.5, 0.0], [[8.0], [0.0]]))
        found = jax.jit(find_threshold)(light.network, jnp.ones(light.network.n_unknowns), jnp.log(1e3), jnp.log(1e9))
        return float(jnp.exp(found.log_irradiance)) / 1e3

    fine = threshold(6)
    assert [threshold(cells) for cells in (3, 4)] == pytest.approx([fine, fine], rel=0.05)


def test_a_layer_written_as_two_equal_layers_is_the_same_particle() -> None:
    halves = signature(["Tm"], [[True], [True], [False]], [1, 1, 0])
    light, _ = build(halves, geometry([5.0, 3.5, 5.6], [[8.0], [8.0], [0.0]], mixing_nm=0.5))
    assert_same(measure(light, TM_BAND, 1.0, 100.0), measure_tm(1), 0.01)


@functools.cache
def two_layer_tm() -> Measured:
    sig = signature(["Tm"], [[True], [True], [False]], [1, 1, 0])
    return measure(build(sig, geometry([6.0, 2.5, 4.0], [[8.0], [3.0], [0.0]]))[0], TM_BAND, 1.0, 100.0)


def test_a_layer_of_no_thickness_changes_nothing() -> None:
    """An absent layer at the end, in the middle, and inert."""
    expected = two_layer_tm()
    middle = signature(["Tm"], [[True]] * 3 + [[False]], [1, 1, 1, 0])
    for thickness, percent in (
        ([6.0, 0.0, 2.5, 4.0], [[8.0], [50.0], [3.0], [0.0]]),
        ([6.0, 2.5, 0.0, 4.0], [[8.0], [3.0], [50.0], [0.0]]),
    ):
        found = measure(build(middle, geometry(thickness, percent))[0], TM_BAND, 1.0, 100.0)
        assert_same(found, expected, 1e-6)
    inert = signature(["Tm"], [[True], [False], [True], [False]], [1, 0, 1, 0])
    light, _ = build(inert, geometry([6.0, 0.0, 2.5, 4.0], [[8.0], [0.0], [3.0], [0.0]]))
    assert_same(measure(light, TM_BAND, 1.0, 100.0), expected, 1e-6)


def test_a_layer_of_no_thickness_changes_nothing_when_interfaces_mix() -> None:
    plain = signature(["Tm"], [[True], [True], [False]], [1, 1, 0])
    shape = geometry([6.0, 2.5, 4.0], [[8.0], [3.0], [0.0]], mixing_nm=0.5)
    expected = measure(build(plain, shape)[0], TM_BAND, 1.0, 100.0)
    middle = signature(["Tm"], [[True]] * 3 + [[False]], [1, 1, 1, 0])
    shape = geometry([6.0, 0.0, 2.5, 4.0], [[8.0], [50.0], [3.0], [0.0]], mixing_nm=0.5)
    assert_same(measure(build(middle, shape)[0], TM_BAND, 1.0, 100.0), expected, 1e-6)


def test_an_ion_of_no_fraction_changes_nothing() -> None:
    sig = signature(["Tm", "Yb"], [[True, True], [False, False]], [1, 0])
    light, _ = build(sig, geometry([8.5, 5.6], [[8.0, 0.0], [0.0, 0.0]]))
    assert_same(measure(light, TM_BAND, 1.0, 100.0), measure_tm(1), 1e-6)


def test_a_thick_inert_spacer_decouples_two_layers() -> None:
    """The core avalanches as if alone 1000 nm below a layer of Tm, and does not with a layer of more touching it."""
    spaced = signature(["Tm"], [[True], [False], [True]], [1, 0, 1], surface=False)
    alone = measure_tm(1, surface=False)

    def emission_of_core(light: EmittingNetwork) -> Measured:
        return measure(light, jnp.zeros(light.network.n_unknowns).at[3].set(1.0), 1.0, 100.0)

    def core(gap_nm: float, percent: float) -> Measured:
        return emission_of_core(build(spaced, geometry([8.5, gap_nm, 4.0], [[8.0], [0.0], [percent]]))[0])

    far, near = core(1000.0, 1.0), core(0.0, 20.0)
    reference = emission_of_core(alone.solution.light)
    assert_same(far, reference, 1e-6)
    assert abs(near.S / reference.S - 1.0) > 0.03


def test_surface_loss_falls_as_the_shell_grows_and_hits_the_outer_cells_most() -> None:
    losses = []
    for shell_nm in (0.5, 2.0, 5.6, 20.0):
        _, rates = build(tm_signature(3), geometry([8.5, shell_nm], [[8.0], [0.0]]))
        by_cell = np.asarray(rates.surface_per_s[0])[:, 0, 1]
        assert np.all(np.diff(by_cell) > 0.0)
        losses.append(by_cell)
    assert np.all(np.diff(np.array(losses), axis=0) < 0.0)
    _, rates = build(tm_signature(1, surface=False), TM_GEOMETRY)
    assert float(rates.surface_per_s[0].max()) == 0.0


def test_the_surface_loss_of_the_published_particle_is_what_its_strength_was_derived_from() -> None:
    """40.65 s^-1 for 3F4 and 81.3 s^-1 for 3H4 in the mean over a 17 nm core below 5.6 nm (Lee et al. 2021)."""
    _, rates = build(tm_signature(1), TM_GEOMETRY)
    lost = np.asarray(rates.surface_per_s[0])[0].sum(axis=0)
    assert lost[[1, 3]] == pytest.approx([40.65, 81.3], rel=1e-3)


@pytest.mark.parametrize("mixing_nm", [0.0, 0.3, 1.0, 3.0])
def test_interface_mixing_moves_ions_and_loses_none(mixing_nm: float) -> None:
    percent = [[2.0, 8.0], [20.0, 1.0], [0.0, 0.0]]
    light, _ = build(TWO_LAYERS, geometry([6.0, 2.5, 3.0], percent, mixing_nm))
    volume = 4.0 / 3.0 * np.pi * (np.array([6.0, 8.5]) ** 3 - np.array([0.0, 6.0]) ** 3)
    sites = 13.7506
    for s, ions in enumerate(light.ions_in_cell):
        nominal = sites * sum(volume[k] * percent[k][s] / 100.0 for k in range(2))
        assert float(ions.sum()) == pytest.approx(nominal, rel=1e-10)


def test_a_second_host_with_equal_numbers_changes_nothing() -> None:
    shape = geometry([6.0, 2.5, 3.0], [[10.0, 8.0], [20.0, 1.0], [0.0, 0.0]], mixing_nm=0.5)
    two = signature(["Yb", "Tm"], TWO_LAYERS.presence, TWO_LAYERS.cells_per_layer, slots=[0, 1, 0])
    one_light, _ = build(TWO_LAYERS, shape)
    two_light, _ = build(two, shape)
    for expected, found in zip(jax.tree.leaves(one_light), jax.tree.leaves(two_light), strict=True):
        assert np.asarray(found) == pytest.approx(np.asarray(expected), rel=1e-12)


def test_the_transfer_scale_multiplies_every_pair_constant() -> None:
    _, _, rates = two_layers(295.0)
    _, scaled = build(TWO_LAYERS, TWO_LAYERS_SHAPE, parameters=values(transfer__scale=2.5))
    assert np.asarray(scaled.C6_nm6_per_s) == pytest.approx(2.5 * np.asarray(rates.C6_nm6_per_s), rel=1e-12)


def test_yb_and_pr_avalanche_through_the_yb_store() -> None:
    """15 % Yb 0.5 % Pr at 852 nm has a threshold; without Yb it has none in the same window."""
    found = measure_yb_pr(1)
    assert bool(found.threshold.exists) and found.S > 5.0
    sig = particles.yb_pr_signature(1)
    light, _ = build(sig, geometry([10.0, 3.0], [[0.0, 0.5], [0.0, 0.0]]), 852.0)
    bare = measure(light, PR_BAND, 5.0, 1000.0)
    assert not bool(bare.threshold.exists)
    assert float(bare.threshold.margin) == pytest.approx(-1.0, abs=0.01)


def test_processes_that_are_left_out_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Yb and Pr at 448 K, with the list of processes against every process that energy and strength allow."""
    sig, at = particles.yb_pr_signature(), particles.conditions(852.0, 448.0)

    @jax.jit
    def threshold(network: RateNetwork) -> jax.Array:
        ends = jnp.log(1e3), jnp.log(1e7)
        return find_threshold(network, jnp.ones(network.n_unknowns), *ends).log_irradiance

    def solved(least_share: float) -> tuple[int, float]:
        monkeypatch.setattr("padesign.kinetics.processes.LEAST_SHARE", least_share)
        model = ParticleModel(sig)
        light, _ = jax.jit(model.build)(particles.YB_PR_GEOMETRY, (values(),), at)
        return len(model.processes), float(threshold(light.network))

    (kept, shortened), (every, full) = solved(LEAST_SHARE), solved(0.0)
    assert kept < 0.5 * every
    assert shortened == pytest.approx(full, abs=1e-3)
