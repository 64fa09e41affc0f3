"""Laws of nature that rates and steady states obey, one test for each law that no other file checks.

Every flow is computed here from the pieces of a network (`EmittingNetwork`, `ProcessRates`, the list of transfer
events), process by process, and held against the network that the solvers see. Pair constants, conservation of ions,
loss to the surface and thick spacers between equal layers are in `test_particle_network.py`, diffusion in
`test_migration.py`; the closed forms of the kernel, the line shape, multiphonon and radiative rates in `tests/unit`.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.constants import BOLTZMANN_cm1_per_K
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.network import RateNetwork
from padesign.kinetics.particle_network import ParticleModel, ProcessRates, particle_model
from padesign.parameters import load_parameter_set
from padesign.parameters.keys import CRYSTAL_FIELD_KEYS
from padesign.particle.cells import split_layers
from padesign.particle.kernel import cell_mean_kernel_per_nm3, pair_kernel
from padesign.solve.steady import pump_off_equilibrium
from padesign.spectroscopy.ion import rates_of_ions
from padesign.spectroscopy.tables import load_ion
from tests.systems.differences import central
from tests.systems.particles import HOST, build, builder, conditions, geometry, signature, values
from tests.systems.solving import steady_state

YB_TM = signature(["Yb", "Tm"], [[True, True], [True, True], [False, False]], [2, 1, 0])
YB_TM_SHAPE = geometry([6.0, 2.5, 3.0], [[10.0, 8.0], [20.0, 1.0], [0.0, 0.0]], mixing_nm=0.5)
WAVELENGTH_nm = 976.0
PHOTON_cm1 = 1e7 / WAVELENGTH_nm

gain_loss = jax.jit(lambda network, p, irradiance: network.gain_loss(p, irradiance))
mean_kernel = jax.jit(cell_mean_kernel_per_nm3)


class Flows(NamedTuple):
    """Transitions of the whole particle per second, (n,), and the unknowns they lead from and to."""

    before: np.ndarray
    after: np.ndarray
    per_s: np.ndarray


class Events(NamedTuple):
    """One transfer process between one cell of donors and one of acceptors in every entry.

    `donor` and `acceptor` (2, n): unknowns before and after. `from_donors_per_s` and `from_acceptors_per_s`: events per
    second in the whole particle at populations of 1, counted from either side. `reverse`: position of the event back.
    """

    apart: np.ndarray
    donor: np.ndarray
    acceptor: np.ndarray
    from_donors_per_s: np.ndarray
    from_acceptors_per_s: np.ndarray
    reverse: np.ndarray

    def flows(self, p: np.ndarray) -> tuple[Flows, Flows]:
        """What the donors do, and what the acceptors do."""
        pairs = p[self.donor[0]] * p[self.acceptor[0]]
        given, taken = self.from_donors_per_s * pairs, self.from_acceptors_per_s * pairs
        return Flows(*self.donor, given), Flows(*self.acceptor, taken)


def first_unknowns(light: EmittingNetwork) -> np.ndarray:
    """Where each ion's unknowns begin."""
    return np.cumsum([0, *(rates.shape[0] * rates.shape[1] for rates in light.network.dark)])


def energy_of_unknown(model: ParticleModel, light: EmittingNetwork) -> np.ndarray:
    """Energy (n_unknowns,) in cm^-1 of every level, all layers being of one host."""
    cells = [len(cells) for cells in model.cells_of.values()]
    return np.concatenate([np.tile(np.asarray(e), n) for e, n in zip(light.energies_cm1, cells, strict=True)])


def ion_flows(light: EmittingNetwork, s: int, rates: jax.Array, p: np.ndarray) -> Flows:
    """The flows that `rates` (cells, to, from) of one ion make."""
    per_ion, ions = np.asarray(rates), np.asarray(light.ions_in_cell[s])
    cells, levels = per_ion.shape[:2]
    unknown = first_unknowns(light)[s] + np.arange(cells * levels).reshape(cells, levels)
    x, to, start = np.nonzero(per_ion)
    before = unknown[x, start]
    return Flows(before, unknown[x, to], ions[x] * per_ion[x, to, start] * p[before])


def transfer_events(model: ParticleModel, light: EmittingNetwork, rates: ProcessRates) -> Events:
    """Every transfer event of a particle in one host, from pair constant, factor, kernel and densities."""
    processes = model.processes
    n, x, y = model.transfer.events()
    d, a = processes.donor[n], processes.acceptor[n]
    first, levels = first_unknowns(light), np.array([len(table.level_ids) for table in model.tables.values()])
    density, kernel = np.asarray(rates.density_nm3), np.asarray(rates.kernel_per_nm3)
    ions, place = np.zeros_like(density), np.zeros(density.shape, dtype=int)
    for s, cells in enumerate(model.cells_of.values()):
        ions[cells, s], place[cells, s] = np.asarray(light.ions_in_cell[s]), np.arange(len(cells))
    start_d, start_a = first[d] + place[x, d] * levels[d], first[a] + place[y, a] * levels[a]
    strength = np.asarray(rates.C6_nm6_per_s)[n] * np.asarray(rates.factor)[n, x, y]
    position = {key: k for k, key in enumerate(zip(n, x, y, strict=True))}
    return Events(
        x != y,
        np.stack([start_d + processes.donor_from[n], start_d + processes.donor_to[n]]),
        np.stack([start_a + processes.acceptor_from[n], start_a + processes.acceptor_to[n]]),
        ions[x, d] * density[y, a] * strength * kernel[n, x, y],
        ions[y, a] * density[x, d] * strength * kernel[n, y, x],
        np.array([position[key] for key in zip(processes.reverse[n], y, x, strict=True)]),
    )


@functools.cache
def yb_tm(temperature_K: float, parameters: str = HOST) -> tuple[ParticleModel, EmittingNetwork, ProcessRates, Events]:
    """Yb and Tm in a core of two cells and in a shell, below an inert shell."""
    numbers = {key: jnp.asarray(x, dtype=float) for key, x in load_parameter_set(parameters).values.items()}
    model, (light, rates) = particle_model(YB_TM), build(YB_TM, YB_TM_SHAPE, WAVELENGTH_nm, temperature_K, numbers)
    return model, light, rates, transfer_events(model, light, rates)


def boltzmann(model: ParticleModel, energy_cm1: np.ndarray, temperature_K: float) -> np.ndarray:
    """Equilibrium with the lattice, from the energy (n_unknowns,) of every level."""
    blocks, start = [], 0
    for ion, table in model.tables.items():
        levels = len(table.level_ids)
        for _ in model.cells_of[ion]:
            energy = energy_cm1[start : start + levels]
            weight = (table.two_J + 1.0) * np.exp(-energy / (BOLTZMANN_cm1_per_K * temperature_K))
            blocks.append(weight / weight.sum())
            start += levels
    return np.concatenate(blocks)


def phonons_and_transfer(light: EmittingNetwork, rates: ProcessRates) -> RateNetwork:
    network = light.network
    dark, none = tuple(rates.multiphonon_per_s), tuple(jnp.zeros_like(pump) for pump in network.pump)
    return RateNetwork(dark, none, network.transfer, network.labels)


def test_the_transfer_rates_of_the_network_are_the_sum_of_all_events_seen_from_either_ion() -> None:
    _, light, _, events = yb_tm(295.0)
    whole = np.zeros((light.network.n_unknowns,) * 3)
    np.add.at(whole, (*events.donor[::-1], events.acceptor[0]), events.from_donors_per_s)
    np.add.at(whole, (*events.acceptor[::-1], events.donor[0]), events.from_acceptors_per_s)
    seen = 0
    for transfer, ions, first in zip(light.network.transfer, light.ions_in_cell, first_unknowns(light), strict=False):
        for x, one in enumerate(np.asarray(ions)[:, None, None, None] * np.asarray(transfer)):
            here = slice(first + x * len(one), first + (x + 1) * len(one))
            assert one == pytest.approx(whole[here, here], rel=1e-12, abs=0.0)
            seen += np.count_nonzero(one)
    assert seen == np.count_nonzero(whole)


@pytest.mark.parametrize("parameters", [HOST, f"{HOST}_stark"])
@pytest.mark.parametrize("temperature_K", [200.0, 295.0, 600.0])
def test_at_equilibrium_every_process_runs_as_often_forth_as_back_inside_a_cell_and_between_cells(
    temperature_K: float, parameters: str
) -> None:
    """Events per second, not pair constants: densities, kernel and reduction factor included; and each phonon step."""
    model, light, rates, events = yb_tm(temperature_K, parameters)
    p = boltzmann(model, energy_of_unknown(model, light), temperature_K)
    forth, taken = (flows.per_s for flows in events.flows(p))
    assert min(np.count_nonzero(forth[events.apart]), np.count_nonzero(forth[~events.apart])) > 400
    assert forth[events.reverse] == pytest.approx(forth, rel=1e-10, abs=0.0)
    assert taken == pytest.approx(forth, rel=1e-12, abs=0.0)
    for s, multiphonon in enumerate(rates.multiphonon_per_s):
        steps = ion_flows(light, s, multiphonon, p)
        rate = {(i, j): flow for i, j, flow in zip(steps.before, steps.after, steps.per_s, strict=True)}
        assert len(rate) == 2 * multiphonon.shape[0] * (multiphonon.shape[1] - 1)
        assert [rate[j, i] for i, j in rate] == pytest.approx(list(rate.values()), rel=1e-10, abs=0.0)


def test_two_hosts_whose_levels_differ_keep_every_cell_in_the_equilibrium_of_its_own_energies() -> None:
    """Transfer over the border, down or up by the difference of the hosts, is balanced too."""
    shifted = values()
    shift_cm1 = {"Yb:2F5/2": 120.0, "Tm:3F4": -90.0, "Tm:3H5": 60.0, "Tm:3H4": 150.0, "Tm:1G4": -200.0}
    shifted |= {f"{level}.energy_cm1": shifted[f"{level}.energy_cm1"] + by for level, by in shift_cm1.items()}
    shifted |= {"host.refractive_index": jnp.asarray(1.6), "host.phonon_energy_cm1": jnp.asarray(350.0)}
    sig = dataclasses.replace(YB_TM, host_slots=(0, 1, 0), nominal_sets=(HOST, HOST))
    model = particle_model(sig)
    light, rates = builder(sig)(YB_TM_SHAPE, (values(), shifted), conditions(WAVELENGTH_nm))
    energy = [
        float((values(), shifted)[model.cell_layer[cell]][f"{ion}:{level}.energy_cm1"])
        for ion, table in model.tables.items()
        for cell in model.cells_of[ion]
        for level in table.level_ids
    ]
    p = boltzmann(model, np.array(energy), 295.0)
    gain, loss = gain_loss(phonons_and_transfer(light, rates), jnp.asarray(p), 0.0)
    assert np.abs(np.asarray(gain / (loss * p)) - 1.0).max() <= 1e-10


KNOWN_LEVELS = load_parameter_set(HOST).levels
EVERY_ION = [load_ion(ion) for ion in KNOWN_LEVELS]
EVERY_LEVEL = {
    f"{t.symbol}:{k}.energy_cm1": e for t in EVERY_ION for k, e in zip(t.level_ids, t.energy_cm1, strict=True)
}
FIELDS = {"": (0.0, 0.0, 0.0), "split": (240.0, 830.0, 450.0)}
rates_of_every_ion = jax.jit(
    lambda field, wavelength_nm, temperature_K: rates_of_ions(
        EVERY_ION,
        EVERY_LEVEL | values() | dict(zip(CRYSTAL_FIELD_KEYS, field, strict=True)),
        wavelength_nm,
        temperature_K,
    )
)


@pytest.mark.parametrize("field", list(FIELDS))
@pytest.mark.parametrize("temperature_K", [200.0, 295.0, 600.0])
def test_stimulated_emission_and_absorption_of_every_line_of_every_ion_are_reciprocal(
    temperature_K: float, field: str
) -> None:
    """Their ratio is (g_low/g_high) exp(-(photon - transition)/kT), D. E. McCumber, Phys. Rev. 136, A954 (1964)."""
    wavelengths = np.array([450.0, 808.0, 976.0, 1064.0, 1450.0])
    checked = 0
    for table, rates in zip(EVERY_ION, rates_of_every_ion(FIELDS[field], wavelengths, temperature_K), strict=True):
        known = [k for k, level in enumerate(table.level_ids) if level in KNOWN_LEVELS[table.symbol]]
        low, high = (np.array(known)[index] for index in np.triu_indices(len(known), 1))
        pump, energy = np.asarray(rates.pump), np.asarray(rates.energies_cm1)
        absorbed, stimulated = pump[:, high, low], pump[:, low, high]
        detuning = 1e7 / wavelengths[:, None] - (energy[high] - energy[low])
        log_ratio = np.log((table.two_J[low] + 1.0) / (table.two_J[high] + 1.0))
        log_ratio = log_ratio - detuning / (BOLTZMANN_cm1_per_K * temperature_K)
        lit = absorbed > 0.0
        assert np.log(stimulated[lit] / absorbed[lit]) == pytest.approx(log_ratio[lit], rel=1e-10, abs=1e-10)
        allowed = np.any(table.U[low, high] > 0.0, axis=-1) | (table.LS2[low, high] > 0.0)
        allowed &= energy[high] > energy[low]
        assert np.array_equal(lit, np.broadcast_to(allowed, lit.shape))
        checked += np.count_nonzero(lit)
    assert len(EVERY_ION) == 11 and checked > 20000


def sphere_kernel_per_nm3(radius_nm: float, r_min_nm: float) -> float:
    """Mean of the integral of r^-6 over a sphere, seen from its own points, pairs closer than r_min left out.

    The distance of two random points of a sphere has the density 3 r^2/R^3 - 9 r^3/(4 R^4) + 3 r^5/(16 R^6)
    (J. M. Hammersley, Ann. Math. Statist. 21, 447 (1950)).
    """
    R, r = radius_nm, r_min_nm
    near = (r**-3 - (2 * R) ** -3) / R**3
    edge = 9.0 / (8.0 * R**4) * (r**-2 - (2 * R) ** -2)
    return 4.0 / 3.0 * math.pi * R**3 * (near - edge + 3.0 / (16.0 * R**6) * math.log(2 * R / r))


def test_the_kernel_of_a_sphere_is_its_closed_form_and_that_of_an_infinite_medium_when_it_is_large() -> None:
    r_min = 0.387
    for radius in (0.5, 3.0, 20.0, 100.0):
        one = float(mean_kernel(np.array([0.0]), np.array([radius]), r_min)[0, 0])
        assert one == pytest.approx(sphere_kernel_per_nm3(radius, r_min), rel=1e-8)
    edges = np.concatenate([[0.0], np.geomspace(10.0, 1e4, 8)])
    cells = np.asarray(mean_kernel(edges[:-1], edges[1:], r_min))
    assert cells[0].sum() == pytest.approx(4 * math.pi / (3 * r_min**3), rel=1e-6)


def test_thin_shells_see_the_kernel_of_two_spheres_and_far_ones_the_inverse_sixth_power() -> None:
    t, r_min = 1e-5, 0.387
    radii = np.array([2.0, 2.2, 5.0, 9.0])
    K = np.asarray(mean_kernel(radii - t / 2, radii + t / 2, r_min))
    seen = 4 * math.pi * radii**2 * t * np.asarray(pair_kernel(radii[:, None], radii[None, :], r_min))
    assert K == pytest.approx(seen, rel=1e-6, abs=0.0)
    for distance in (100.0, 1000.0):
        inner, outer = np.array([0.0, distance - 0.05]), np.array([1.0, distance + 0.05])
        K = np.asarray(mean_kernel(inner, outer, r_min))
        volume = 4 / 3 * math.pi * (outer**3 - inner**3)
        far = volume[::-1] / distance**6
        assert K[[0, 1], [1, 0]] == pytest.approx(far, rel=4 / distance**2 + 1e-5, abs=0.0)


def energy_of(p: np.ndarray, irradiance_W_per_cm2: float) -> tuple[dict[str, float], list[Flows]]:
    """Powers of the Yb/Tm particle in cm^-1 per second, the share of them that is missing, and every flow."""
    model, light, rates, events = yb_tm(295.0)
    energy = energy_of_unknown(model, light)
    quenched = {"surface": rates.surface_per_s, "defects": rates.defect_per_s}
    parts = {"emitted": light.radiative_per_s, "multiphonon": rates.multiphonon_per_s, **quenched}
    totals, flows = dict.fromkeys(("absorbed", "stimulated", "detuning", *parts), 0.0), []

    def lost(flow: Flows) -> np.ndarray:
        return energy[flow.before] - energy[flow.after]

    for s in range(len(model.tables)):
        pumped = ion_flows(light, s, irradiance_W_per_cm2 * light.network.pump[s], p)
        up = lost(pumped) < 0.0
        totals["absorbed"] += PHOTON_cm1 * float(pumped.per_s[up].sum())
        totals["stimulated"] += PHOTON_cm1 * float(pumped.per_s[~up].sum())
        totals["detuning"] += float(pumped.per_s @ (np.where(up, PHOTON_cm1, -PHOTON_cm1) + lost(pumped)))
        found = {name: ion_flows(light, s, part[s], p) for name, part in parts.items()}
        for name, flow in found.items():
            totals[name] += float(flow.per_s @ lost(flow))
        flows += [pumped, *found.values()]
    given, taken = events.flows(p)
    totals["transfer"] = float(given.per_s @ (lost(given) + lost(taken)))
    net = totals["absorbed"] - totals["stimulated"]
    left = sum(totals[name] for name in ("detuning", "transfer", *parts))
    return totals | {"net": net, "missing": 1.0 - left / net}, [*flows, given, taken]


@pytest.mark.parametrize("power_W_per_cm2", [10.0, 1e3, 1e5, 1e7])
def test_the_power_that_a_particle_absorbs_leaves_as_light_phonons_and_surface_loss(power_W_per_cm2: float) -> None:
    """Absorbed less stimulated = emitted + detuning + multiphonon + surface + surplus of transfer, to 1e-9.

    Each sum runs over its own processes and transfer is counted once, by its donors. What holds them together is that
    the same flows into and out of every level are those of the network, and that these cancel: not so one level off.
    """
    model, light, _, _ = yb_tm(295.0)
    p = steady_state(light.network, power_W_per_cm2)
    found, flows = energy_of(p, power_W_per_cm2)
    assert min(found[name] for name in ("emitted", "multiphonon", "surface", "transfer")) > 0.01 * found["net"]
    assert abs(found["detuning"]) > 1e-4 * found["net"]
    assert abs(found["missing"]) <= 1e-9
    for level in ("Yb:2F5/2@0", "Tm:3H4@0"):
        moved = p * np.where(np.array(light.network.labels) == level, 1.01, 1.0)
        assert abs(energy_of(moved, power_W_per_cm2)[0]["missing"]) > 1e-6

    gain, loss = (np.asarray(part) for part in gain_loss(light.network, jnp.asarray(p), power_W_per_cm2))
    per_level = zip(light.ions_in_cell, light.network.dark, strict=True)
    ions = np.concatenate([np.repeat(np.asarray(n), dark.shape[1]) for n, dark in per_level])
    into, out = np.zeros_like(p), np.zeros_like(p)
    for flow in flows:
        np.add.at(into, flow.after, flow.per_s)
        np.add.at(out, flow.before, flow.per_s)
    assert into == pytest.approx(ions * gain, rel=1e-11, abs=0.0)
    assert out == pytest.approx(ions * loss * p, rel=1e-11, abs=0.0)
    assert abs(float(energy_of_unknown(model, light) @ (into - out))) <= 1e-9 * found["net"]


def test_europium_in_the_dark_without_emission_settles_at_boltzmann_with_a_third_of_it_in_7F1() -> None:
    """The levels 7F0 to 7F6: above them only phonons of 12000 cm^-1 lead down, once in 1e15 years."""
    sig = signature(["Eu"], [[True], [False]], [1, 0], max_level_cm1=6000.0)
    model = particle_model(sig)
    light, rates = build(sig, geometry([6.0, 2.0], [[10.0], [0.0]]))
    network = phonons_and_transfer(light, rates)
    expected = boltzmann(model, energy_of_unknown(model, light), 295.0)
    first_excited = model.tables["Eu"].index("7F1")
    assert 0.28 < expected[first_excited] < 0.36
    assert np.count_nonzero(network.transfer[0]) > 20
    assert steady_state(network, 1.0) == pytest.approx(expected, rel=1e-8, abs=0.0)


def test_tm_pumped_through_yb_falls_with_the_kernel_of_the_spacer_between_them() -> None:
    """Yb core, inert spacer, Tm shell, only Yb absorbs: light of 3F4 takes one transfer and goes with the kernel."""
    sig = signature(["Yb", "Tm"], [[True, False], [False, False], [False, True]], [1, 0, 1], surface=False)
    tm_3F4 = particle_model(sig).labels.index("Tm:3F4@1")

    def emission(gap_nm: float) -> tuple[float, float]:
        light, rates = build(sig, geometry([6.0, gap_nm, 2.0], [[20.0, 0.0], [0.0, 0.0], [0.0, 1.0]]), WAVELENGTH_nm)
        network = light.network
        pump = (network.pump[0], jnp.zeros_like(network.pump[1]))
        only_yb = RateNetwork(network.dark, pump, network.transfer, network.labels)
        lit, dark = (steady_state(only_yb, power)[tm_3F4] for power in (1e3, 1e-9))
        return float(lit - dark), float(rates.kernel_per_nm3[0, 1, 0])

    contact, _ = emission(0.0)
    gaps = np.array([10.0, 20.0, 30.0])
    light, kernel = np.array([emission(gap) for gap in gaps]).T
    assert light / light[0] == pytest.approx(kernel / kernel[0], rel=1e-3)
    assert np.all(np.diff(light) < 0.0)
    assert 0.0 < light[-1] < 1e-6 * contact


def rates_at(temperature_K: jax.Array) -> list[jax.Array]:
    """Every rate of the Yb/Tm particle."""
    at = dataclasses.replace(conditions(WAVELENGTH_nm), temperature_K=temperature_K)
    light, parts = particle_model(YB_TM).build(YB_TM_SHAPE, (values(),), at)
    return [*light.network.dark, *light.network.pump, *light.network.transfer, parts.C6_nm6_per_s, parts.factor]


by_temperature = jax.jit(lambda T: jax.jvp(rates_at, (T,), (jnp.ones_like(T),)))


@pytest.mark.parametrize("temperature_K", [4.0, 77.0, 295.0, 600.0])
def test_every_rate_is_finite_and_smooth_in_temperature(temperature_K: float) -> None:
    """The derivative of ln(rate) against differences, down to rates of 1e-250; and there is a steady state."""

    def flat(parts: list[jax.Array]) -> np.ndarray:
        return np.concatenate([np.asarray(part).ravel() for part in parts])

    steady_state(yb_tm(temperature_K)[1].network, 1e3)
    rates, slopes = (flat(parts) for parts in by_temperature(jnp.asarray(temperature_K)))
    assert np.all(np.isfinite(rates)) and np.all(np.isfinite(slopes)) and np.all(rates >= 0.0)
    seen = rates > 1e-250
    assert np.count_nonzero(seen) > 1000

    def log_rates(step_K: float) -> np.ndarray:
        return np.log(flat(by_temperature(jnp.asarray(temperature_K + step_K))[0])[seen])

    found, _ = central(log_rates, 1e-6 * temperature_K**2)
    exact = slopes[seen] / rates[seen]
    assert np.all(np.abs(exact - found) <= 1e-5 * np.abs(found) + 1e-6 / temperature_K)
    assert np.abs(found).max() * temperature_K > 1.0


def test_at_4_kelvin_nothing_goes_up_and_every_ion_lies_in_its_lowest_level() -> None:
    model, light, rates, events = yb_tm(4.0)
    for multiphonon in rates.multiphonon_per_s:
        down, up = np.triu(multiphonon), np.tril(multiphonon).transpose(0, 2, 1)
        assert np.all(up <= 1e-60 * down)
    energy = energy_of_unknown(model, light)
    surplus = -np.diff(energy[events.donor], axis=0)[0] - np.diff(energy[events.acceptor], axis=0)[0]
    uphill = surplus < -300.0
    assert np.count_nonzero(uphill) > 300
    assert np.all(events.from_donors_per_s[uphill] <= 1e-40 * events.from_donors_per_s[events.reverse[uphill]])
    p = np.asarray(jax.jit(pump_off_equilibrium)(light.network))
    for block in light.network.split(p):
        assert np.all(np.asarray(block[:, 0]) == 1.0) and np.all(np.asarray(block[:, 1:]) <= 1e-40)


def test_populations_do_not_change_when_a_layer_is_written_as_two() -> None:
    """The same cells as one layer of two and as two layers of one, and an inert shell in two parts."""
    percent = [[10.0, 8.0], [20.0, 1.0], [0.0, 0.0]]
    first = float(split_layers(YB_TM_SHAPE.thickness_nm, YB_TM.cells_per_layer)[1][0])
    both = [True, True]
    split = signature(["Yb", "Tm"], [both, both, both, [False] * 2, [False] * 2], [1, 1, 1, 0, 0])
    shape = geometry([first, 6.0 - first, 2.5, 1.2, 1.8], [percent[0], *percent, percent[2]], mixing_nm=0.5)
    whole, parts = build(YB_TM, YB_TM_SHAPE, WAVELENGTH_nm)[0], build(split, shape, WAVELENGTH_nm)[0]
    for power in (10.0, 1e5):
        expected = steady_state(whole.network, power)
        assert steady_state(parts.network, power) == pytest.approx(expected, rel=1e-9, abs=0.0)


def test_an_inert_shell_in_another_host_may_be_written_as_two() -> None:
    """Nor does it matter that the nearest distance of ions is another one where no active ion is."""
    other = values() | {"host.nearest_distance_nm": jnp.asarray(0.3727)}

    def populations(shell_nm: list[float]) -> np.ndarray:
        layers = len(shell_nm)
        sig = signature(["Tm"], [[True], *[[False]] * layers], [1] + [0] * layers, slots=[0] + [1] * layers)
        shape = geometry([8.5, *shell_nm], [[8.0], *[[0.0]] * layers])
        return steady_state(builder(sig)(shape, (values(), other), conditions())[0].network, 1e4)

    assert populations([2.8, 2.8]) == pytest.approx(populations([5.6]), rel=1e-9, abs=0.0)
