"""Networks written by hand: what a line means, and every mistake named with its place."""

from __future__ import annotations

import numpy as np
import pytest

from padesign.constants import JOULE_PER_cm1
from padesign.errors import InputError
from padesign.kinetics.light import find_band
from padesign.kinetics.text import parse_network

LEVELS = {"Tm": ("3H6", "3F4", "3H4"), "Yb": ("2F7/2", "2F5/2")}
GOOD = "Tm:3F4 -> Tm:3H6 @ 162.6 1/s radiative"


@pytest.mark.parametrize(
    ("line", "says", "cure"),
    [
        ("Tm:3F5 -> Tm:3H6 @ 1 1/s", "unknown level `Tm:3F5`", "`Tm:3F4`"),
        ("3F4 -> Tm:3H6 @ 1 1/s", "unknown level `3F4`", "Tm:3F4"),
        ("Er:4I13/2 -> Er:4I15/2 @ 1 1/s", "unknown level `Er:4I13/2`", "levels of this network"),
        ("Tm:3H4 -> Yb:2F7/2 @ 1 1/s", "must keep each ion", "order of the ions on the left"),
        ("Tm:3H4 + Yb:2F7/2 -> Yb:2F5/2 + Tm:3H6 @ 1 1/s", "must keep each ion", "order of the ions on the left"),
        ("Tm:3H4 + Tm:3H6 -> Tm:3F4 @ 1 1/s", "must keep each ion", "order of the ions on the left"),
        ("Tm:3H4 -> Tm:3F4 + Tm:3F4 @ 1 1/s", "must keep each ion", "one or two ions a line"),
        ("Tm:3H4 + Tm:3H4 + Tm:3H4 -> Tm:3H6 + Tm:3H6 + Tm:3H6 @ 1 1/s", "must keep each ion", "one or two ions"),
        ("Tm:3H4 -> Tm:3H4 @ 1 1/s", "changes nothing", "leave the line out"),
        ("Tm:3H4 -> Tm:3F4 @ 1 Hz", "cannot read", "write `"),
        ("Tm:3H4 -> Tm:3F4 @ 1 m^2", "cannot read", "write `"),
        ("Tm:3H4 -> Tm:3F4 @ 1", "cannot read", "write `"),
        ("Tm:3H4 -> Tm:3F4", "cannot read", "write `"),
        ("Tm:3H4 = Tm:3F4 @ 1 1/s", "cannot read", "write `"),
        ("", "cannot read", "write `"),
        ("Tm:3H4 -> Tm:3F4 @ fast 1/s", "`fast` is not a number", "write `"),
        ("Tm:3H4 -> Tm:3F4 @ nan 1/s", "must be finite", "write `"),
        ("Tm:3H4 -> Tm:3F4 @ inf 1/s", "must be finite", "write `"),
        ("Tm:3H4 -> Tm:3F4 @ 1e999 1/s", "must be finite", "write `"),
        ("Tm:3H4 -> Tm:3F4 @ -1 1/s", "not negative", "write `"),
        ("Tm:3H4 + Tm:3H6 -> Tm:3F4 + Tm:3F4 @ 1e-20 cm^2", "rate in 1/s", "write `"),
        ("Tm:3H4 + Tm:3H6 -> Tm:3F4 + Tm:3F4 @ 1 1/s radiative", "rate in 1/s", "write `"),
        ("Tm:3H6 -> Tm:3F4 @ 1e-20 cm^2 radiative", "cannot be radiative", "write `"),
        (GOOD, "already in line 1", "add the two rates"),
        ("Tm:3F4  ->  Tm:3H6 @ 1 s^-1 radiative", "already in line 1", "add the two rates"),
    ],
)
def test_a_bad_line_is_refused_with_its_place_and_a_cure(line: str, says: str, cure: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_network(LEVELS, [GOOD, line])
    assert says in caught.value.what
    assert cure in caught.value.cure
    assert caught.value.path == ("network", "processes", 1)


def test_a_transfer_written_with_its_ions_swapped_is_the_same_process() -> None:
    lines = ["Tm:3H4 + Yb:2F7/2 -> Tm:3H6 + Yb:2F5/2 @ 5 1/s", "Yb:2F7/2 + Tm:3H4 -> Yb:2F5/2 + Tm:3H6 @ 5 1/s"]
    with pytest.raises(InputError, match="already in line 1"):
        parse_network(LEVELS, lines)


def test_an_energy_of_an_unknown_level_is_refused() -> None:
    with pytest.raises(InputError) as caught:
        parse_network(LEVELS, [GOOD], {"Tm:3F2": 15000.0})
    assert caught.value.path == ("network", "energies_cm1")


def test_rates_of_the_same_transition_add_and_only_the_radiative_part_emits() -> None:
    light = parse_network(LEVELS, [GOOD, "Tm:3F4 -> Tm:3H6 @ 40.4 1/s"]).network(1064.0)
    assert float(light.network.dark[0][0, 0, 1]) == pytest.approx(203.0, rel=1e-15)
    weights = np.asarray(light.weights(find_band(light.levels, "Tm:3F4 -> Tm:3H6")))
    assert weights == pytest.approx([0.0, 162.6, 0.0, 0.0, 0.0])


def test_a_cross_section_becomes_a_rate_per_irradiance() -> None:
    light = parse_network(LEVELS, ["Tm:3H6 -> Tm:3F4 @ 6e-25 cm^2"]).network(1064.0)
    photon_J = JOULE_PER_cm1 * 1e7 / 1064.0
    assert photon_J == pytest.approx(6.62607015e-34 * 299792458.0 / 1064e-9, rel=1e-12)
    pump = np.asarray(light.network.pump[0][0])
    assert pump[1, 0] == pytest.approx(6e-25 / photon_J, rel=1e-15)
    assert np.count_nonzero(pump) == 1


def test_a_transfer_between_two_ions_moves_both_once_an_event() -> None:
    rate, p = 300.0, np.array([0.5, 0.2, 0.3, 0.9, 0.1])
    light = parse_network(LEVELS, [f"Tm:3H4 + Yb:2F7/2 -> Tm:3H6 + Yb:2F5/2 @ {rate} 1/s"]).network(980.0)
    event = rate * p[2] * p[3]
    assert np.asarray(light.network.derivative_per_s(p, 0.0)) == pytest.approx(event * np.array([1, 0, -1, -1, 1]))


def test_a_transfer_inside_one_ion_counts_donor_and_acceptor() -> None:
    """3 + 1 -> 2 + 2 gives level 2 two ions an event; 2 + 2 -> 1 + 2 takes one away, 2 + 2 -> 1 + 3 two."""
    p = np.array([0.5, 0.2, 0.3])
    for products, change, event in (
        ("Tm:3H4 + Tm:3H6 -> Tm:3F4 + Tm:3F4", (-1, 2, -1), p[2] * p[0]),
        ("Tm:3F4 + Tm:3F4 -> Tm:3H6 + Tm:3F4", (1, -1, 0), p[1] ** 2),
        ("Tm:3F4 + Tm:3F4 -> Tm:3H6 + Tm:3H4", (1, -2, 1), p[1] ** 2),
    ):
        light = parse_network({"Tm": LEVELS["Tm"]}, [f"{products} @ 7 1/s"]).network(1064.0)
        assert np.asarray(light.network.derivative_per_s(p, 0.0)) == pytest.approx(7 * event * np.array(change))


def test_wavelength_of_a_band_and_a_band_that_does_not_exist() -> None:
    energies = {"Tm:3H6": 0.0, "Tm:3F4": 5800.0, "Tm:3H4": 12600.0}
    light = parse_network(LEVELS, [GOOD], energies).network(1064.0)
    assert float(light.wavelength_nm(find_band(light.levels, "Tm:3F4 -> Tm:3H6"))) == pytest.approx(1e7 / 5800.0)
    for label in ("Tm:3F4 -> Tm:3F5", "Tm:3H6 -> Tm:3F4", "Tm:3F4 -> Yb:2F7/2", "Tm:3F4"):
        with pytest.raises(InputError, match=r"emission"):
            find_band(light.levels, label)
