"""The definition of every number that the program reports, and the parameter sets behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from padesign.config import RunFile
from padesign.parameters import Entry, ParameterSet, load_parameter_set
from padesign.parameters.keys import CRYSTAL_FIELD_KEYS, ENERGY_SUFFIX, GLOBAL_KEYS
from padesign.particle.layers import Particle
from padesign.spectroscopy.tables import INERT_IONS

S = (
    "largest local slope d ln(emission) / d ln(irradiance) on an upward sweep inside the power window, exact and not "
    "read off a grid; none where the curve jumps (bistable)"
)
S_WINDOW = "largest mean slope over the stated width of irradiance on an upward sweep, jumps included"
THRESHOLD = (
    "linear-stability threshold: lowest irradiance at which the system with every ion at rest in the dark is unstable "
    "against avalanching; none where there is none up to ten times the power window"
)
PHOTONS = "spontaneous photons per second of the band from one particle, in all directions, at the stated irradiance"
PHOTONS_PER_ION = (
    "spontaneous photons per second of the band per ion of its kind (a hand-written network is one cell of one ion "
    "each), at the stated irradiance"
)
WARMTH = (
    "temperature of the particle above that of its surroundings: thermal resistance times the light that it absorbs "
    "and does not emit; the threshold supposes the particle as warm as at the lowest power"
)
DIAMETER = "outer diameter of the particle"
PLANE_WAVE = "all numbers hold for one uniform irradiance, not averaged over the profile of a beam"

OF_THE_BUILD = ("dopant_mol_percent", "lattice_mismatch_percent", "synthesis_steps")
"""Numbers that a recipe makes true, and that no measurement of its particles tells."""
_METRICS: dict[str, tuple[str, str, str]] = {
    "S_window": ("S_window", "1", S_WINDOW),
    "S_exact": ("S (exact)", "1", S),
    "S_at_kW_per_cm2": ("irradiance of largest S", "kW/cm^2", "irradiance at which the exact slope is largest"),
    "threshold_kW_per_cm2": ("threshold", "kW/cm^2", THRESHOLD),
    "photons_per_s": ("brightness", "photons/s", PHOTONS),
    "diameter_nm": ("diameter", "nm", DIAMETER),
    "dopant_mol_percent": (
        "dopants of the whole particle",
        "mol%",
        "share of all dopants in the cation sites of the particle",
    ),
    "lattice_mismatch_percent": (
        "lattice mismatch",
        "%",
        "largest relative difference of the lattice constants of the hosts of neighbouring layers",
    ),
    "synthesis_steps": (
        "growth steps",
        "1",
        "steps of the synthesis in which something grows: the core and every shell",
    ),
    "visible_photons_per_s": (
        "visible brightness",
        "photons/s",
        "photons per second between 380 and 780 nm of all lines of one particle",
    ),
    "visible_fraction": ("visible share", "1", "share of all emitted photons that lies between 380 and 780 nm"),
    "u_prime": ("u'", "1", "chromaticity of the emission, CIE 1976, 2-degree observer"),
    "v_prime": ("v'", "1", "chromaticity of the emission, CIE 1976, 2-degree observer"),
    **{
        f"t{percent}_ms": (
            f"rise time t{percent}",
            "ms",
            f"time from switching on, from rest, until the band reaches {percent} % of its steady emission",
        )
        for percent in (10, 50, 90)
    },
    "P_up_kW_per_cm2": ("jump up", "kW/cm^2", "irradiance of the fold at which a slow upward sweep jumps"),
    "P_down_kW_per_cm2": ("fall back", "kW/cm^2", "irradiance of the fold at which a slow downward sweep falls back"),
    "lifetime_ms": ("lifetime", "ms", "mean lifetime of the band after a weak excitation of its upper level"),
    "change_percent_per_K": ("change with temperature", "%/K", "d ln(photons/s)/dT, or of the ratio of two bands"),
    "x": ("x", "1", "chromaticity of the emission, CIE 1931, 2-degree observer"),
    "y": ("y", "1", "chromaticity of the emission, CIE 1931, 2-degree observer"),
}


def numbers_of(metrics: Mapping[str, float]) -> list[tuple[str, float | None, str, str]]:
    """(label, value, unit, definition) of the further numbers of a design."""
    rows: list[tuple[str, float | None, str, str]] = []
    for key, (label, unit, definition) in _METRICS.items():
        if key not in metrics:
            continue
        if key == "photons_per_s" and "photons_at_kW_per_cm2" in metrics:
            label = f"{label} at {metrics['photons_at_kW_per_cm2']:.3g} kW/cm²"
        rows.append((label, float(metrics[key]), unit, definition))
    return rows


def label_of(metric: str) -> str:
    """What a number of a design is called."""
    return _METRICS[metric][0]


def sets_of(run: RunFile, hosts: Iterable[str]) -> list[ParameterSet]:
    """The parameter sets of the hosts, each once."""
    names = dict.fromkeys(run.parameter_sets.get(host, host) for host in hosts)
    sets = [load_parameter_set(name) for name in names]
    return list({one.digest: one for one in sets}.values())


def hosts_of(run: RunFile) -> list[str]:
    """Every host that a run may touch, the reference particles' included."""
    found: list[object] = []
    for layer in run.particle.layers if run.particle is not None else ():
        found += list(getattr(layer.host, "choice", None) or [layer.host])
    found += [layer.host for reference in run.compare_with for layer in reference.layers]
    return list(dict.fromkeys(map(str, found)))


def set_line(one: ParameterSet) -> dict[str, Any]:
    """Name, digest and state of a parameter set, as JSON data."""
    return {"name": one.name, "host": one.host, "digest": one.digest, "calibrated": one.calibrated}


def set_record(one: ParameterSet) -> dict[str, Any]:
    """Everything a parameter set says, as JSON data."""
    joint = {} if one.correlations is None else {"correlations": one.correlations.to_yaml()}
    return {
        **set_line(one),
        "description": one.description,
        "validity": one.validity,
        "entries": {key: asdict(entry) for key, entry in one.entries.items()},
        "surface_lands_in": dict(one.surface_lands_in),
        **joint,
    }


def calibration_note(sets: Iterable[ParameterSet]) -> str:
    """One line for the reader of a number."""
    raw = [one.name for one in sets if not one.calibrated]
    if not raw:
        return ""
    return f"{', '.join(raw)}: NOT calibrated against measurements. Trust comparisons between designs, not the numbers."


def range_notes(
    sets: Iterable[ParameterSet], particle: Particle, temperature_K: float, wavelengths_nm: Sequence[float]
) -> list[str]:
    """One line for every fitted set that is asked about something outside the range it was fitted in."""
    lines = []
    for one in sets:
        if one.valid_for is None:
            continue
        shares: dict[str, list[float]] = {}
        for layer in particle.layers:
            for ion, share in layer.dopants_mol_percent.items():
                if layer.host == one.host and ion not in INERT_IONS:
                    shares.setdefault(ion, []).append(share)
        if outside := one.valid_for.outside(shares, temperature_K, wavelengths_nm):
            lines.append(f"{one.name} is extrapolated: it was fitted with {'; '.join(outside)}.")
    return lines


def assumptions(particle: Particle, sets: Iterable[ParameterSet], temperature_K: float) -> list[str]:
    """The parameters of this particle that no publication gives, those with one reason in one line."""
    ions = {ion for layer in particle.layers for ion in layer.dopants_mol_percent}
    lines = []
    for one in sets:
        by_reason: dict[str, list[str]] = {}
        levels: dict[str, int] = {}
        for key, entry in one.entries.items():
            if not entry.assumption or not _concerns(key, ions):
                continue
            if key.endswith(ENERGY_SUFFIX):
                levels[entry.source] = levels.get(entry.source, 0) + 1
            else:
                by_reason.setdefault(entry.source, []).append(_value_text(key, entry))
        lines += [f"{one.host}: {', '.join(texts)} ({reason})" for reason, texts in by_reason.items()]
        lines += [f"{one.host}: {count} level energies ({reason})" for reason, count in levels.items()]
    if abs(temperature_K - 295.0) > 1.0:
        lines.append(f"The temperature is {temperature_K:g} K; the parameters hold near room temperature.")
    return lines


def _concerns(key: str, ions: set[str]) -> bool:
    owner = key.removeprefix("surface.loss.").split(":")[0].split(".")[0]
    return key in GLOBAL_KEYS or key in CRYSTAL_FIELD_KEYS or owner in ions


def _value_text(key: str, entry: Entry) -> str:
    unit = "" if entry.unit == "1" else f" {entry.unit}"
    return f"{key} = {entry.value:.3g} ± {entry.sigma:.2g}{unit}"
