"""Errors found in the data of other programs, each turned into a test that this program's data do not share it.

The programs: NanoParticleTools (BlauGroup, commit 3dc4a35), LOMS-JO (commit 27084785), UCNP-Project (JayLau123, commit
8dba9815).
"""

from __future__ import annotations

import numpy as np
import pytest

from padesign.parameters import available_sets, load_parameter_set
from padesign.spectroscopy.radiative import electric_dipole_rate_per_s, magnetic_dipole_rate_per_s
from padesign.spectroscopy.tables import load_ion

ED_HO_OMEGA_cm2 = np.array([1.16, 1.62, 1.60]) * 1e-20
N = 1.5


def line_strength_cm2(ion: str, low: str, high: str, omega_cm2: np.ndarray) -> float:
    table = load_ion(ion)
    return float(table.U[table.index(low), table.index(high)] @ omega_cm2)


def test_terbium_carries_its_own_wave_functions_and_not_those_of_samarium() -> None:
    """NanoParticleTools stores the vectors of Sm for Tb, which makes its magnetic dipole rates not a number."""
    tb, sm = load_ion("Tb"), load_ion("Sm")
    assert tb.n_f == 8 and sm.n_f == 5
    assert set(tb.two_J % 2) == {0} and set(sm.two_J % 2) == {1}
    low, high = tb.index("7F6"), tb.index("7F5")
    rate = float(magnetic_dipole_rate_per_s(tb.energy_cm1[high], tb.LS2[low, high], tb.two_J[high], N))
    assert np.all(np.isfinite(tb.LS2)) and np.isfinite(rate) and rate > 0.0
    # pure 7F (L = 3, S = 3): |<6||L+2S||5>|^2 = [(S+L+1)^2 - 36][36 - (L-S)^2]/(4*6) = 13*36/24
    assert tb.LS2[low, high] == pytest.approx(13 * 36 / 24, rel=0.03)
    assert tb.LS2[:5, :5].max() != pytest.approx(sm.LS2[:5, :5].max(), rel=0.01)


@pytest.mark.parametrize("label", ["5G5", "5F2", "5G4"])
def test_a_repeated_label_of_holmium_keeps_the_rates_of_both_levels(label: str) -> None:
    """In NanoParticleTools the second level of a label overwrites the first, whose electric dipole rates become 0."""
    table = load_ion("Ho")
    for level in (label, f"{label}#2"):
        high = table.index(level)
        gap = table.energy_cm1[high] - table.energy_cm1[:high]
        strength = table.U[:high, high] @ ED_HO_OMEGA_cm2
        rates = np.asarray(electric_dipole_rate_per_s(gap, strength, table.two_J[high], N))
        assert rates.sum() > 100.0, level
    assert table.energy_cm1[table.index(f"{label}#2")] > table.energy_cm1[table.index(label)] + 1000.0


def test_holmium_green_absorption_has_the_strength_of_its_own_parameters() -> None:
    """5I8 -> 5F4 is stored as 0.561e-20 cm^2 in NanoParticleTools; its own Omegas give 1.52e-20."""
    assert line_strength_cm2("Ho", "5I8", "5F4", ED_HO_OMEGA_cm2) == pytest.approx(1.52e-20, rel=0.01)


def test_erbium_strengths_follow_from_the_parameters_in_use() -> None:
    """NanoParticleTools stores 1.941e-20 cm^2, which needs 2.11/1.37/1.22, not the 1.33/0.861/0.766 beside it."""
    stored = 1.941e-20
    used, unused = np.array([2.11, 1.37, 1.22]) * 1e-20, np.array([1.33, 0.861, 0.766]) * 1e-20
    assert line_strength_cm2("Er", "4I15/2", "4I13/2", used) == pytest.approx(stored, rel=0.01)
    assert line_strength_cm2("Er", "4I15/2", "4I13/2", unused) < 0.7 * stored
    values = load_parameter_set("beta-NaYF4").values
    assert [values[f"Er.omega{k}_cm2"] for k in (2, 4, 6)] == pytest.approx(used)


def test_erbium_4I9_2_has_no_rank_2_element_from_the_ground() -> None:
    """Delta J = 3 forbids it; LOMS-JO lists (0.118, 0, 0.0099)."""
    table = load_ion("Er")
    u2, u4, u6 = table.U[table.index("4I15/2"), table.index("4I9/2")]
    assert u2 == 0.0
    assert (u4, u6) == pytest.approx((0.1733, 0.0099), abs=1e-3)


def test_thulium_1I6_lies_below_3P0_in_every_set() -> None:
    """NanoParticleTools has them interchanged; Carnall, Fields and Rajnak (1968): 34886 and 35637, ground at 202."""
    table = load_ion("Tm")
    published = {"1I6": 34886 - 202, "3P0": 35637 - 202}
    for level, two_J in (("1I6", 12), ("3P0", 0)):
        assert table.two_J[table.index(level)] == two_J
        assert table.energy_cm1[table.index(level)] == pytest.approx(published[level], abs=100)
    for name in available_sets():
        energies = load_parameter_set(name)
        assert energies.energy_cm1("Tm", "1I6") < energies.energy_cm1("Tm", "3P0") < energies.energy_cm1("Tm", "3P1")


def test_thulium_3F4_and_3H4_are_not_interchanged() -> None:
    """UCNP-Project swaps the two in its excited-state rows. Both have J = 4, so energy and elements must tell them."""
    table = load_ion("Tm")
    ground, low, high = (table.index(level) for level in ("3H6", "3F4", "3H4"))
    assert table.energy_cm1[low] == pytest.approx(5675) and table.energy_cm1[high] == pytest.approx(12582)
    np.testing.assert_allclose(table.U[ground, low], [0.5375, 0.7261, 0.2382], atol=2e-4)
    np.testing.assert_allclose(table.U[ground, high], [0.2373, 0.1090, 0.5947], atol=2e-4)
    # between excited levels: 3H5 is coupled to 3F4 by rank 6 and to 3H4 by rank 4, and not the other way round
    to_3H5 = table.U[table.index("3H5")]
    assert to_3H5[low, 2] > 0.9 and to_3H5[low, 1] < 0.2
    assert to_3H5[high, 2] < 0.02 and to_3H5[high, 1] > 0.4


def test_no_set_has_the_slipped_omega2_of_terbium() -> None:
    """NanoParticleTools has Omega2 = 28.3e-20 cm^2, ten times any other value."""
    for name in available_sets():
        assert load_parameter_set(name).values["Tb.omega2_cm2"] < 5e-20, name
