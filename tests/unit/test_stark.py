"""Stark splitting of manifolds: the sum rule, published levels, and what the splitting does to lines and energies."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padesign.cli.definitions import assumptions
from padesign.constants import BOLTZMANN_cm1_per_K
from padesign.errors import InputError
from padesign.observables.spectrum import spectrum_per_nm
from padesign.parameters import ParameterSet, load_parameter_set
from padesign.parameters.keys import CRYSTAL_FIELD_KEYS
from padesign.particle.layers import Layer, Particle
from padesign.spectroscopy.free_ion import wigner_3j
from padesign.spectroscopy.ion import IonRates, ion_rates
from padesign.spectroscopy.line_shape import FWHM_PER_STANDARD_DEVIATION
from padesign.spectroscopy.stark import (
    C_TENSOR_SQUARED,
    FALL_PER_ELECTRON,
    REFERENCE_ELECTRONS,
    free_energy_shift_cm1,
    line_width_cm1,
    stark_variance_cm2,
)
from padesign.spectroscopy.tables import IONS, load_ion
from tests.systems.particles import build, geometry, tm_signature

STRONG_cm1 = {f"host.crystal_field_S{k}_cm1": S for k, S in ((2, 250.0), (4, 850.0), (6, 600.0))}
ND_YAG_cm1 = (-336, 209, -2870, 414, 1159, 994, -339, 1610, -133)
"""B20, B22, B40, B42, B44, B60, B62, B64, B66 of Nd: V. Nekvasil (1978), table 1."""
PLACES = ((2, 0), (2, 2), (4, 0), (4, 2), (4, 4), (6, 0), (6, 2), (6, 4), (6, 6))


def sigma_cm1(ion: str, strength_cm1: np.ndarray, carried: bool = True) -> dict[str, float]:
    """Level -> root of the second moment; `carried` along the series, or with strengths that are the ion's own."""
    table = load_ion(ion)
    electrons = np.full(len(table.two_J), table.n_f if carried else REFERENCE_ELECTRONS)
    variance = stark_variance_cm2(table.U_self, table.two_J, electrons, strength_cm1)
    return dict(zip(table.level_ids, np.sqrt(variance).tolist(), strict=True))


def strengths_cm1(B_cm1: tuple[float, ...]) -> np.ndarray:
    """S_k of real parameters at `PLACES`; every one with q > 0 stands for -q too."""
    rows = [(k, (2 if q else 1) * B**2) for (k, q), B in zip(PLACES, B_cm1, strict=True)]
    return np.sqrt([sum(B2 for rank, B2 in rows if rank == k) / (2 * k + 1) for k in (2, 4, 6)])


@pytest.mark.parametrize("ion", IONS)
def test_a_manifold_of_J_0_or_one_half_is_not_split(ion: str) -> None:
    sigma = sigma_cm1(ion, np.array([1e3, 1e3, 1e3]))
    few = [level for level, J2 in zip(load_ion(ion).level_ids, load_ion(ion).two_J, strict=True) if J2 < 2]
    assert all(sigma[level] == 0.0 for level in few)
    assert sigma[load_ion(ion).level_ids[0]] > 0.0 or ion == "Eu"


@pytest.mark.parametrize(
    ("ion", "level"), [("Tm", "3H6"), ("Tm", "3F4"), ("Nd", "4I15/2"), ("Er", "4F9/2"), ("Yb", "2F5/2")]
)
def test_the_second_moment_is_that_of_the_diagonalised_field_of_a_manifold(ion: str, level: str) -> None:
    """A field without any symmetry: 27 complex numbers, in all of 2J+1 states by the Wigner-Eckart theorem."""
    table, rng = load_ion(ion), np.random.default_rng(5)
    i = table.index(level)
    two_J = int(table.two_J[i])
    field, strength = np.zeros((two_J + 1, two_J + 1), dtype=complex), np.zeros(3)
    for n, k in enumerate((2, 4, 6)):
        reduced = math.sqrt(table.U_self[i, n] * C_TENSOR_SQUARED[n]) * (-1) ** n
        for q in range(k + 1):
            B = complex(*rng.normal(scale=300.0, size=2)) if q else complex(rng.normal(scale=300.0))
            strength[n] += (1 if q == 0 else 2) * abs(B) ** 2 / (2 * k + 1)
            for sign in {1, -1} if q else {1}:
                part = B if sign > 0 else (-1) ** q * B.conjugate()
                for a, b in np.ndindex(field.shape):
                    M, N = two_J - 2 * a, two_J - 2 * b
                    element = (-1) ** ((two_J - M) // 2) * wigner_3j(two_J, 2 * k, two_J, -M, 2 * sign * q, N)
                    field[a, b] += part * element * reduced
    assert np.allclose(field, field.conj().T)
    expected = float(np.std(np.linalg.eigvalsh(field)))
    assert sigma_cm1(ion, np.sqrt(strength), carried=False)[level] == pytest.approx(expected, rel=1e-4)


def test_reduced_elements_of_one_electron_are_49_times_the_square_of_the_3j_symbol() -> None:
    assert pytest.approx([49.0 * wigner_3j(6, 2 * k, 6, 0, 0, 0) ** 2 for k in (2, 4, 6)]) == C_TENSOR_SQUARED
    assert load_ion("Yb").U_self[0] == pytest.approx([50 / 49, 36 / 49, 2 / 7], abs=1e-6)


@pytest.mark.parametrize(
    ("level", "measured_cm1"),
    [("4I9/2", (0, 131, 200, 310, 857)), ("4I15/2", (5767, 5822, 5939, 5970, 6564, 6590, 6648, 6743))],
)
def test_published_parameters_give_the_published_splitting_of_nd_in_yag(
    level: str, measured_cm1: tuple[int, ...]
) -> None:
    """Levels as listed by Nekvasil (6564 calculated), within what the other manifolds of 4I mix in."""
    found = sigma_cm1("Nd", strengths_cm1(ND_YAG_cm1), carried=False)[level]
    assert found == pytest.approx(float(np.std(measured_cm1)), rel=0.06)


@pytest.mark.parametrize(
    ("level", "measured_cm1"),
    [
        ("4I9/2", (0, 45, 136, 296, 500)),
        ("4I11/2", (1978, 2037, 2068, 2091, 2187, 2223)),
        ("4I13/2", (3918, 3978, 4038, 4076, 4118, 4208, 4278)),
        ("4I15/2", (5816, 5874, 5986, 6141, 6167, 6323, 6454, 6556)),
        ("4F3/2", (11592, 11634)),
        ("4F7/2", (13514, 13590, 13711, 13715)),
        ("4F9/2", (14834, 14861, 14892, 14926, 14959)),
        ("4S3/2", (13671, 13676)),
    ],
)
def test_the_set_of_LaF3_gives_the_measured_splittings_of_nd(level: str, measured_cm1: tuple[int, ...]) -> None:
    """W. T. Carnall et al., ANL-88-8 (1988), appendix II; carried from Tm, within a fifth and 5 cm^-1."""
    strength = np.array([load_parameter_set("LaF3_stark").values[key] for key in CRYSTAL_FIELD_KEYS])
    expected = float(np.std(measured_cm1))
    assert sigma_cm1("Nd", strength)[level] == pytest.approx(expected, rel=0.2, abs=5.0)


def test_strengths_fall_along_the_series_as_those_of_pr_do() -> None:
    """Pr in LaF3: W. T. Carnall et al., ANL-88-8 (1988), table 4; in LiYF4: J. Cheng et al. (2016).

    Ten electrons away from Tm, within two standard deviations of the sets.
    """
    fall = np.exp(-FALL_PER_ELECTRON * (2 - REFERENCE_ELECTRONS))
    laf3 = strengths_cm1((-218, -120, 738, 431, 616, 679, -921, -348, -788))
    liyf4 = strengths_cm1((512, 0, -1127, 0, -1239, -85, 0, -1205, 0))
    for host, own in (("LaF3_stark", laf3), ("LiYF4_stark", liyf4)):
        stated = [load_parameter_set(host).entries[key] for key in CRYSTAL_FIELD_KEYS][1:]
        value, sigma = np.array([entry.value for entry in stated]), np.array([entry.sigma for entry in stated])
        assert np.all(np.abs(own[1:] / fall[1:] - value) < 2.0 * sigma), host


def test_free_energy_is_that_of_the_levels_where_they_lie_close() -> None:
    levels = np.array([0.0, 45, 136, 296, 500]) * 0.1
    kT = BOLTZMANN_cm1_per_K * 295.0
    exact = -kT * math.log(float(np.mean(np.exp(-levels / kT)))) - float(np.mean(levels))
    assert float(free_energy_shift_cm1(np.var(levels), 295.0)) == pytest.approx(exact, rel=0.05)


def test_a_band_absorbs_from_the_boltzmann_mean_of_the_levels_in_which_it_begins() -> None:
    """Shift of the free energies and of the line's own maximum together: sigma^2/(kT) of the lower manifold alone."""
    lower, upper, kT = 132.0**2, 42.0**2, BOLTZMANN_cm1_per_K * 295.0
    width = float(line_width_cm1(1e-9, lower, upper, 1.0))
    between = float(free_energy_shift_cm1(upper, 295.0) - free_energy_shift_cm1(lower, 295.0))
    assert between + width**2 / (2.0 * kT) == pytest.approx(lower / kT, rel=1e-12)


@functools.cache
def rates(ion: str, split: bool, temperature_K: float) -> IonRates:
    values = load_parameter_set("beta-NaYF4").values | (STRONG_cm1 if split else {})
    table = load_ion(ion)
    known = {f"{ion}:{level}.energy_cm1": e for level, e in zip(table.level_ids, table.energy_cm1, strict=True)}
    numbers = {key: jnp.asarray(value, dtype=float) for key, value in (known | values).items()}
    return jax.jit(lambda one: ion_rates(table, one, np.array([650.0, 852.0, 1064.0]), temperature_K))(numbers)


@pytest.mark.parametrize("temperature_K", [77.0, 295.0, 600.0])
def test_without_a_field_every_line_has_the_width_of_its_ion_and_every_level_its_own_energy(
    temperature_K: float,
) -> None:
    found, table = rates("Tm", False, temperature_K), load_ion("Tm")
    values = load_parameter_set("beta-NaYF4").values
    own = values["Tm.line_fwhm_cm1"] / FWHM_PER_STANDARD_DEVIATION * math.sqrt(temperature_K / 295.0)
    off = ~np.eye(len(table.two_J), dtype=bool)
    assert np.asarray(found.width_cm1)[off] == pytest.approx(own, rel=1e-14)
    energies = zip(table.level_ids, table.energy_cm1.tolist(), strict=True)
    stated = np.array([values.get(f"Tm:{level}.energy_cm1", energy) for level, energy in energies])
    assert np.array_equal(np.asarray(found.energies_cm1), stated)


@pytest.mark.parametrize("ion", ["Pr", "Nd", "Ho", "Tm"])
def test_a_field_widens_every_line_by_the_moments_of_both_manifolds(ion: str) -> None:
    split, plain, table = rates(ion, True, 295.0), rates(ion, False, 295.0), load_ion(ion)
    sigma = np.array(list(sigma_cm1(ion, np.array(list(STRONG_cm1.values()))).values()))
    low, high = np.triu_indices(len(table.two_J), 1)
    gained = np.asarray(split.width_cm1 - plain.width_cm1)[low, high]
    expected = np.sqrt(np.asarray(plain.width_cm1)[low, high] ** 2 + sigma[low] ** 2 + sigma[high] ** 2)
    assert np.asarray(split.width_cm1)[low, high] == pytest.approx(expected, rel=1e-12)
    assert gained.min() >= 0.0 and gained.max() > 100.0
    lowered = np.asarray(split.energies_cm1 - plain.energies_cm1)
    assert lowered == pytest.approx(
        (sigma[0] ** 2 - sigma**2) / (2.0 * BOLTZMANN_cm1_per_K * 295.0), rel=1e-9, abs=1e-9
    )


@pytest.mark.parametrize("ion", ["Pr", "Nd", "Ho", "Tm"])
def test_levels_that_a_field_brings_into_the_other_order_emit_and_absorb_nothing(ion: str) -> None:
    found = rates(ion, True, 295.0)
    swapped = np.diff(np.asarray(found.energies_cm1)) < 0.0
    assert swapped.any() or ion == "Tm"
    for array in (found.radiative_per_s, found.pump):
        assert np.asarray(array).min() == 0.0
    upper = 1 + np.flatnonzero(swapped)
    assert np.all(np.asarray(found.radiative_per_s)[upper - 1, upper] == 0.0)
    assert np.all(np.asarray(found.pump)[:, upper, upper - 1] == 0.0)


@pytest.mark.parametrize("key", list(STRONG_cm1))
def test_derivatives_by_the_strengths_are_those_of_differences(key: str) -> None:
    table, base = load_ion("Tm"), load_parameter_set("beta-NaYF4_stark").values
    known = {f"Tm:{level}.energy_cm1": e for level, e in zip(table.level_ids, table.energy_cm1, strict=True)} | base
    numbers = {name: jnp.asarray(value, dtype=float) for name, value in known.items()}
    low, high = np.triu_indices(6, 1)

    def log_absorption(strength: jax.Array) -> jax.Array:
        return jnp.log(ion_rates(table, numbers | {key: strength}, 1064.0, 250.0).pump[high, low])

    at, step = base[key], 1e-3 * base[key]
    central = (log_absorption(jnp.asarray(at + step)) - log_absorption(jnp.asarray(at - step))) / (2.0 * step)
    exact = jax.jacfwd(log_absorption)(jnp.asarray(at))
    assert np.asarray(exact) == pytest.approx(np.asarray(central), rel=1e-4, abs=1e-9)
    none = {name: jnp.asarray(0.0) for name in STRONG_cm1}
    flat = jax.jacfwd(lambda S: ion_rates(table, numbers | none | {key: S}, 1064.0, 250.0).pump)(jnp.asarray(0.0))
    assert np.all(np.asarray(flat) == 0.0)


def test_the_spectrum_has_the_widths_and_places_of_the_rates() -> None:
    """Tm in 3F3 alone, whose bands are apart: each has its photons, and the variance of its line about its mean."""
    values = load_parameter_set("beta-NaYF4_stark").values | {"sideband.slope_cm": 0.05}
    numbers = {key: jnp.asarray(value, dtype=float) for key, value in values.items()}
    light, _ = build(tm_signature(), geometry([8.0, 4.0], [[1.0], [0.0]]), parameters=numbers)
    table, found = load_ion("Tm"), jax.jit(lambda one: ion_rates(load_ion("Tm"), one, 1064.0, 295.0))
    known = {f"Tm:{level}.energy_cm1": e for level, e in zip(table.level_ids, table.energy_cm1, strict=True)}
    alone = found({key: jnp.asarray(x, dtype=float) for key, x in known.items()} | numbers)
    state = jnp.log(jnp.asarray([1.0 if level == "3F3" else 1e-30 for level in light.levels[0][1]]))
    nm = np.linspace(600.0, 800.0, 4001)
    shown = np.asarray(spectrum_per_nm(light, state, numbers, ["Tm"], 295.0, nm))
    upper, ground = table.index("3F3"), 0
    energy, weight = 1e7 / nm, shown * np.gradient(nm)
    photons = float(light.ions_in_cell[0][0] * light.radiative_per_s[0][0, ground, upper])
    width = float(alone.width_cm1[ground, upper])
    mean = float(np.average(energy, weights=weight))
    assert weight.sum() == pytest.approx(photons, rel=1e-3)
    shift = width**2 / (2.0 * BOLTZMANN_cm1_per_K * 295.0)
    assert mean == pytest.approx(float(alone.energies_cm1[upper]) - shift, abs=2.0)
    assert math.sqrt(np.average((energy - mean) ** 2, weights=weight)) == pytest.approx(width, rel=0.02)


def test_a_set_states_all_strengths_or_none() -> None:
    full = load_parameter_set("beta-NaYF4_stark")
    lacking = {key: entry for key, entry in full.entries.items() if key != "host.crystal_field_S4_cm1"}
    with pytest.raises(InputError, match=r"lacks host\.crystal_field_S4_cm1"):
        ParameterSet("mine", full.host, "d", False, "v", lacking, full.surface_lands_in)


def test_assumed_strengths_of_a_host_are_told_with_a_particle() -> None:
    particle = Particle((Layer("core", "beta-NaYF4", 8.5, {"Tm": 8.0}),))
    told = assumptions(particle, [load_parameter_set("beta-NaYF4_stark")], 295.0)
    assert any("host.crystal_field_S4_cm1 = 290 ± 87 cm^-1" in line for line in told)
    assert not any("crystal_field" in line for line in assumptions(particle, [load_parameter_set("beta-NaYF4")], 295.0))
