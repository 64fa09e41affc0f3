"""Measured far sidebands of Yb against the slopes of the sets: which rule carries a slope from host to host."""

from __future__ import annotations

import math

import numpy as np
import pytest

from padesign.parameters import load_parameter_set

TAILS: dict[str, list[tuple[float, float]]] = {
    "LiYF4": [
        *((1040.03, 65.25), (1045.02, 51.80), (1050.02, 41.46), (1055.01, 32.25), (1060.0, 23.38), (1065.0, 15.95)),
        *((1069.99, 9.21), (1074.99, 5.24), (1079.98, 3.86)),
    ],
    "CaF2": [
        *((1060.0, 101.7), (1065.0, 78.0), (1070.0, 58.5), (1075.0, 44.7), (1080.0, 32.2), (1085.0, 23.6)),
        *((1090.0, 16.3), (1095.0, 12.4), (1099.0, 8.2)),
    ],
    "YAG": [
        *((1086.0, 36.0), (1090.0, 32.0), (1095.0, 27.0), (1100.0, 20.6), (1105.0, 16.6), (1110.0, 12.8)),
        *((1115.0, 11.4), (1120.0, 8.4), (1125.0, 7.2), (1130.0, 5.0), (1135.0, 4.7), (1140.0, 3.25), (1145.0, 2.8)),
    ],
}
"""Stimulated emission of Yb beyond its longest line, (nm, relative cross-section): means over about 1 nm.

LiYF4 at 300 K, mean over polarisations, fluorescence times the fifth power of the wavelength: data of H. Tanaka and
S. Püschel, Opt. Express 32, 2306 (2024), https://doi.org/10.1364/OE.503250 (hirokitanaka-ikz/fluorescence_ray_tracing,
commit 682ba794). CaF2 at 300 K and YAG at 280 K: Tatze99/Laser_Simulation, commits 59fab61a and eec0c882.
"""


def slope_cm(host: str) -> float:
    """Decay constant of the sideband of created phonons, by a straight line through the logarithms."""
    nm, emission = np.array(TAILS[host]).T
    return float(np.polyfit(1e7 / nm, np.log(emission), 1)[0])


def miss(measured: dict[str, float], tag: str) -> float:
    """Root mean square of ln(slope of the sets / measured)."""
    sets = {host: load_parameter_set(f"{host}_{tag if host != 'YAG' else 'literature'}") for host in measured}
    return math.sqrt(np.mean([math.log(sets[h].values["sideband.slope_cm"] / s) ** 2 for h, s in measured.items()]))


@pytest.mark.parametrize(("host", "set_name"), [("LiYF4", "sideband"), ("CaF2", "sideband"), ("YAG", "literature")])
def test_measured_sidebands_fall_as_those_of_the_sets(host: str, set_name: str) -> None:
    """Within 15 %: a line through 300 to 550 cm^-1 of phonon structure, and energies of phonons, are no better."""
    assert load_parameter_set(f"{host}_{set_name}").values["sideband.slope_cm"] == pytest.approx(
        slope_cm(host), rel=0.15
    )


def test_among_fluorides_the_phonon_energy_carries_a_slope_better_than_the_multiphonon_slope() -> None:
    measured = {host: slope_cm(host) for host in ("LiYF4", "CaF2")}
    assert miss(measured, "sideband") < 0.1
    assert miss(measured, "literature") > 0.3
