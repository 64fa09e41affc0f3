"""Parameter sets: every shipped set keeps the same contract, a bad file is refused with its place and its cure."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from padesign.errors import InputError
from padesign.parameters import (
    ParameterSet,
    available_hosts,
    available_sets,
    diff,
    drawn_values,
    load_host,
    load_parameter_set,
    normal_numbers,
)
from padesign.parameters.hosts import hosts
from padesign.parameters.keys import GLOBAL_KEYS, energy_key, split_level, surface_key, unit_of
from padesign.parameters.lattice_sum import lattice_sum_per_nm6, mean_field_distance_nm
from padesign.parameters.load import PARAMETER_SETS
from padesign.spectroscopy.tables import load_ion

NAYF4 = "beta-NaYF4"
ALL_IONS = {"Pr", "Nd", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb"}


@pytest.fixture(params=available_sets())
def shipped(request: pytest.FixtureRequest) -> ParameterSet:
    return load_parameter_set(request.param)


def edited(tmp_path: Path, old: str, new: str) -> Path:
    """The NaYF4 file with one place changed."""
    text = (PARAMETER_SETS / f"{NAYF4}_literature.yaml").read_text(encoding="utf-8")
    assert text.count(old) >= 1
    path = tmp_path / "own.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_every_entry_has_a_unit_an_uncertainty_and_a_source(shipped: ParameterSet) -> None:
    assert set(shipped.levels) == ALL_IONS
    assert shipped.name.startswith(f"{shipped.host}_")
    exact = {"host.reference_temperature_K", *(energy_key(ion, ids[0]) for ion, ids in shipped.levels.items())}
    exact |= {key for key in ("defect.density_nm3",) if shipped.entries[key].value == 0.0}
    for key, entry in shipped.entries.items():
        assert entry.unit == unit_of(key) and len(entry.source) > 10
        assert (entry.sigma == 0.0) == (key in exact), key
    assert list(shipped.values) == list(shipped.entries)


def test_every_level_of_the_tables_up_to_45000_has_an_energy_in_the_same_order(shipped: ParameterSet) -> None:
    for ion, ids in shipped.levels.items():
        table = load_ion(ion)
        assert ids == tuple(i for i, e in zip(table.level_ids, table.energy_cm1, strict=True) if e <= 45000)
        if shipped.calibrated:
            continue
        np.testing.assert_allclose([shipped.energy_cm1(ion, i) for i in ids], table.energy_cm1[: len(ids)], atol=0.06)


def test_cation_density_and_nearest_distance_follow_from_the_lattice(shipped: ParameterSet) -> None:
    host = load_host(shipped.host)
    assert shipped.values["host.cation_density_nm3"] == pytest.approx(host.cation_density_nm3, rel=1e-4)
    assert shipped.values["host.refractive_index"] == host.refractive_index
    if host.name.startswith("beta-Na") and host.lattice_nm is not None:
        # two sites per hexagonal cell, 1.5 occupied: 1/sqrt(3) a apart in the plane and c/2 along the axis
        a, _, c = host.lattice_nm
        assert shipped.values["host.nearest_distance_nm"] == pytest.approx(
            math.hypot(a / math.sqrt(3), c / 2), rel=1e-4
        )


def test_the_mean_field_of_a_lattice_is_the_sum_over_its_sites(shipped: ParameterSet) -> None:
    of_sites = shipped.name.endswith(("_lattice", "_stark")) and f"{shipped.host}_lattice" in available_sets()
    if of_sites:
        expected = mean_field_distance_nm(load_host(shipped.host))
    elif not shipped.name.endswith("_literature") and f"{shipped.host}_lattice" in available_sets():
        expected = load_parameter_set(f"{shipped.host}_lattice").values["host.mean_field_distance_nm"]
    else:
        expected = shipped.values["host.nearest_distance_nm"]
    assert shipped.values["host.mean_field_distance_nm"] == pytest.approx(expected, rel=1e-5)


def test_sums_over_sites_are_the_known_ones() -> None:
    """Sum of (a/r)^6, simple cubic: 8.4019 (J. E. Jones and A. E. Ingham, Proc. R. Soc. A 107, 636 (1925))."""
    cubic = load_host("KMgF3")
    assert cubic.lattice_nm is not None
    assert lattice_sum_per_nm6(cubic) * cubic.lattice_nm[0] ** 6 == pytest.approx(8.4019, rel=1e-4)
    for name, host in hosts().items():
        assert not host.sites or sum(site[3] for site in host.sites) == host.cations_per_cell, name
    with pytest.raises(InputError, match="KPb2Cl5"):
        lattice_sum_per_nm6(load_host("KPb2Cl5"))


def test_hosts_have_exactly_one_default_set() -> None:
    assert set(available_hosts()) >= {NAYF4, "beta-NaGdF4", "beta-NaLuF4"}
    documents = [
        YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")) for path in PARAMETER_SETS.iterdir()
    ]
    for host in available_hosts():
        assert sum(d["default_for_host"] for d in documents if d["host"] == host) == 1
        assert load_parameter_set(host).host == host
    assert {d["name"] for d in documents} == set(available_sets())


def test_multiphonon_slope_is_that_of_the_two_published_rates() -> None:
    alpha = load_parameter_set(NAYF4).entries["multiphonon.alpha_cm"]
    assert math.log(6.02 / 0.00239) / (5675 - 4339) == pytest.approx(alpha.value, abs=0.05e-3)


def test_yb_line_strength_is_the_stored_one() -> None:
    values, yb = load_parameter_set(NAYF4).values, load_ion("Yb")
    omega = [values[f"Yb.omega{k}_cm2"] for k in (2, 4, 6)]
    assert yb.U[0, 1] @ omega == pytest.approx(1.5e-20, rel=1e-4)


def test_surface_constants_give_the_extra_losses_of_the_17_nm_core() -> None:
    losses = load_parameter_set(NAYF4).surface_levels("Tm")
    core, outer = 8.5, 14.1
    nodes, weights = np.polynomial.legendre.leggauss(40)
    r = 0.5 * core * (nodes + 1.0)
    law = np.pi * outer / (2.0 * r) * ((outer - r) ** -4 - (outer + r) ** -4)
    average = np.sum(0.5 * core * weights * law * 3.0 * r**2) / core**3
    assert losses["3F4"][0] * average == pytest.approx(0.25 * 162.6, rel=1e-4)
    assert losses["3H4"][0] * average == pytest.approx(0.5 * 162.6, rel=1e-4)
    assert losses["3F4"][1] == "3H6" and losses["3H4"][1] == "3F4"


def test_a_surface_loss_without_a_measurement_ends_in_the_manifold_next_below(shipped: ParameterSet) -> None:
    for name, target in shipped.surface_lands_in.items():
        ion, level = split_level(name)
        if shipped.entries[surface_key(ion, level)].assumption and name != "Tm:3H4":
            ids = load_parameter_set(NAYF4).levels[ion]
            assert target == ids[ids.index(level) - 1], f"{shipped.name}: {name}"


def test_a_taken_over_value_says_so_and_is_less_certain() -> None:
    own, other = load_parameter_set(NAYF4), load_parameter_set("beta-NaLuF4")
    changed = diff(own, other)
    assert changed.keys() == own.entries.keys()  # sigma at least, or (exact values) the source
    before, after = changed["Tm.omega2_cm2"]
    assert before is not None and after is not None
    assert after.value == before.value and after.sigma == pytest.approx(1.5 * before.sigma)
    assert after.assumption and before.source in after.source and own.name in after.source
    assert diff(own, own) == {}


def test_digest_knows_every_entry_but_not_their_order() -> None:
    own = load_parameter_set(NAYF4)
    assert own.digest != load_parameter_set("beta-NaLuF4").digest
    turned = replace(own, entries=dict(reversed(own.entries.items())))
    assert turned.digest == own.digest and pickle.loads(pickle.dumps(own)).digest == own.digest
    entry = own.entries["transfer.scale"]
    moved = replace(own, entries={**own.entries, "transfer.scale": replace(entry, value=entry.value + 1e-9)})
    assert moved.digest != own.digest and list(diff(own, moved)) == ["transfer.scale"]


@pytest.mark.parametrize("wrong", ["beta-nayf4", "beta-NaYF", "bNaYF4"])
def test_unknown_host_is_refused_with_the_one_that_was_meant(wrong: str) -> None:
    with pytest.raises(InputError, match=f"Did you mean `{NAYF4}`"):
        load_parameter_set(wrong)
    with pytest.raises(InputError, match=f"Did you mean `{NAYF4}`"):
        load_host(wrong)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("transfer.scale:", "transfer.scal:", "Did you mean `transfer.scale`"),
        ("Tm.omega2_cm2:", "tm.omega2_cm2:", "there is no parameter"),
        ("{value: 450, sigma: 50", "{value: 450", "exactly value, sigma"),
        ("value: 450, sigma: 50", "value: soft, sigma: 50", "`value` must be a finite number"),
        ("value: 450, sigma: 50", "value: .inf, sigma: 50", "`value` must be a finite number"),
        ("value: 450, sigma: 50", "value: 450, sigma: -50", "`sigma` must not be negative"),
        ("sigma: 50, unit: cm^-1", "sigma: 50, unit: nm", "must be cm^-1"),
        ("unit: cm^-1, source: npt", 'unit: cm^-1, source: ""', "`source` must cite"),
        ('"Tm:3H4": 3F4', '"Tm:3H4": 3F3', "cannot end in `3F3`"),
        ('  "Tm:3H4": 3F4\n', "", "differ in Tm:3H4"),
        ("calibrated:", "calibratd:", "lacks calibrated and has unknown fields calibratd"),
        ("surface_lands_in:", "level_energies:", "cannot be read"),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_the_reason(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = edited(tmp_path, old, new)
    with pytest.raises(InputError) as refused:
        load_parameter_set(path)
    assert told in str(refused.value) and str(path) in str(refused.value)


def test_a_set_of_the_user_is_read_and_may_be_based_on_a_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "{name: mine, host: beta-NaYF4, default_for_host: false, calibrated: true, description: d, validity: v,\n"
        " based_on: {set: beta-NaYF4, reason: same host, widen: 1}, references: {me: Own notebook p. 3},\n"
        ' entries: {transfer.scale: {value: 0.5, sigma: 0.1, unit: "1", source: me, assumption: false}}}\n',
        encoding="utf-8",
    )
    mine = load_parameter_set(str(path))
    assert mine.calibrated and mine.values["transfer.scale"] == 0.5
    assert mine.entries["transfer.scale"].source == "Own notebook p. 3"
    assert set(mine.entries) >= set(GLOBAL_KEYS)


def test_drawn_values_have_the_stated_errors_and_correlations() -> None:
    """Factors of medians 1, energies about their values, what is exact unmoved; a fit's errors hang together."""
    one, count = load_parameter_set(f"{NAYF4}_avalanche"), 20000
    found = drawn_values(one, normal_numbers(one.entries, count, (3, 1)))
    for key in ("transfer.scale", "host.phonon_energy_cm1", "Er.omega4_cm2", "surface.loss.Tm:3F4_nm4_per_s"):
        ln = np.log(found[key] / one.entries[key].value)
        assert ln.mean() == pytest.approx(0.0, abs=0.03 * one.entries[key].sigma_ln)
        assert ln.std() == pytest.approx(one.entries[key].sigma_ln, rel=0.03)
    energy, shift = found["Tm:3H4.energy_cm1"] - 12582.0, found["multiphonon.stokes_shift_cm1"]
    assert energy.std() == pytest.approx(60.0, rel=0.03) and energy.mean() == pytest.approx(0.0, abs=1.5)
    assert shift.std() == pytest.approx(75.0, rel=0.03) and shift.min() < 0.0
    assert (found["Tm:3H6.energy_cm1"] == 0.0).all() and (found["host.reference_temperature_K"] == 295.0).all()
    assert one.correlations is not None
    logs = np.log(np.stack([found[key] for key in one.correlations.keys]))
    assert np.corrcoef(logs) == pytest.approx(one.correlations.matrix, abs=0.03)
    assert np.abs(one.correlations.matrix - np.eye(len(logs))).max() > 0.5
    assert pickle.loads(pickle.dumps(one)).digest == one.digest


def test_hosts_err_together_and_pairs_err_to_opposite_sides() -> None:
    one, other = load_parameter_set(NAYF4), load_parameter_set("beta-NaGdF4")
    normal = normal_numbers({**one.entries, **other.entries}, 7, (3, 0), in_pairs=True)
    alone = normal_numbers(other.entries, 7, (3, 0), in_pairs=True)
    assert all(np.array_equal(normal[key], alone[key]) for key in other.entries)
    here, there = drawn_values(one, normal)["Tm.omega4_cm2"], drawn_values(other, normal)["Tm.omega4_cm2"]
    by_z = [
        np.log(x / of.values["Tm.omega4_cm2"]) / of.entries["Tm.omega4_cm2"].sigma_ln
        for x, of in ((here, one), (there, other))
    ]
    assert by_z[0] == pytest.approx(by_z[1]) and by_z[0][0] == pytest.approx(-by_z[0][1]) and by_z[0].size == 7
    assert not np.allclose(normal["Tm.omega4_cm2"], normal["Tm.omega2_cm2"])


def test_correlations_are_taken_over_between_what_is_taken_over_and_wrong_ones_are_refused(tmp_path: Path) -> None:
    text = (
        "{name: mine, host: beta-NaYF4, default_for_host: false, calibrated: true, description: d, validity: v,\n"
        " based_on: {set: beta-NaYF4_avalanche, reason: same host, widen: 2}, references: {me: Own notebook p. 3},\n"
        ' entries: {transfer.scale: {value: 0.5, sigma: 0.1, unit: "1", source: me, assumption: false}}JOINT}\n'
    )

    def read(joint: str) -> ParameterSet:
        path = tmp_path / "mine.yaml"
        path.write_text(text.replace("JOINT", joint), encoding="utf-8")
        return load_parameter_set(path)

    old, mine = load_parameter_set(f"{NAYF4}_avalanche").correlations, read("").correlations
    assert old is not None and mine is not None
    assert mine == old.among(set(old.keys) - {"transfer.scale"}) and len(mine.keys) == len(old.keys) - 1
    more = read(", correlations: {keys: [transfer.scale, host.phonon_energy_cm1], below: [[0.4]]}").correlations
    assert more is not None and more.keys == ("transfer.scale", "host.phonon_energy_cm1", *mine.keys)
    assert more.matrix[0, 1] == more.matrix[1, 0] == 0.4 and not more.matrix[:2, 2:].any()
    for joint, told in (
        ("[[1.2]]", "not those of any distribution"),
        ("[[0.4, 0.1]]", "a row of 1, 2, ..."),
        ("[[x]]", "names and numbers"),
    ):
        with pytest.raises(InputError, match=told):
            read(f", correlations: {{keys: [transfer.scale, host.phonon_energy_cm1], below: {joint}}}")
    with pytest.raises(InputError, match="no entry that errs by a factor"):
        read(', correlations: {keys: [transfer.scale, "Tm:3H4.energy_cm1"], below: [[0.4]]}')
