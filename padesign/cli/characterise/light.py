"""Photons, yields, lifetimes, colour and spectrum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from padesign.cli.characterise.sections import Characterisation, Line, Section
from padesign.cli.console import number
from padesign.config import RunFile
from padesign.config.build import build_space
from padesign.design.characterise import (
    dark_lifetimes_s,
    state_at,
)
from padesign.design.fixed import set_values
from padesign.kinetics.light import Band
from padesign.observables.balance import photon_balance
from padesign.observables.colour import chromaticity, lines, srgb_hex, unknown_energies, uv_of_xy
from padesign.observables.nonlinearity import log_emission
from padesign.observables.solution import Solution
from padesign.observables.spectrum import spectrum_per_nm
from padesign.spectroscopy.tables import INERT_IONS

_COLOUR_POWERS = 25
SPECTRUM_nm = np.arange(300.0, 1700.5, 1.0)
"""Where spectra are drawn."""


def spectrum(run: RunFile, solution: Solution, state: Any) -> np.ndarray:
    """Photons/s/nm at `SPECTRUM_nm` of a particle."""
    space = build_space(run)
    values = set_values(space, dict(run.parameter_sets))[0]
    ions = [ion for ion in space.ions if ion not in INERT_IONS]
    heated = solution.light.heated
    temperature_K = run.temperature_K + (0.0 if heated is None else float(heated.rise_K(state)))
    return np.asarray(spectrum_per_nm(solution.light, state, values, ions, temperature_K, SPECTRUM_nm))


def colour_path(solution: Solution) -> list[tuple[float, float, float]]:
    """Irradiance in kW cm^-2 and CIE 1931 (x, y) of the emission over the power window, where anything is visible."""
    low, high = float(solution.log_irradiance_min), float(solution.log_irradiance_max)
    seen = []
    for log_power in np.linspace(low, high, _COLOUR_POWERS):
        light = lines(solution.light, state_at(solution, jnp.asarray(log_power)))
        colour = chromaticity(light.photons_per_s, light.wavelengths_nm)
        if bool(colour.visible):
            seen.append((math.exp(log_power) / 1e3, float(colour.x), float(colour.y)))
    return seen


def emitted(
    run: RunFile, found: Characterisation, solution: Solution, bands: Sequence[Band], state: Any, log_at: float
) -> Section:
    """Photons, yields, lifetimes and colour of every band; `found` keeps colours and spectrum."""
    light = solution.light
    at = f"at {number(found.at_kW_per_cm2)} kW/cm^2"
    photons = {band.label: float(jnp.exp(log_emission(light.weights(band), state))) for band in bands}
    balance = photon_balance(light, state, jnp.asarray(log_at))
    absorbed = float(balance.absorbed_per_s)
    per = "ion" if run.network is not None else "particle"
    rows = []
    for label, rate in photons.items():
        key = label.replace(" -> ", "_to_").replace(":", "_")
        rows.append(
            Line(f"photons_per_s_{key}", label, rate, "photons/s", f"photons of the band per second and {per}, {at}")
        )
        if absorbed > 0.0:
            share = rate / absorbed
            text = f"photons of the band over photons absorbed from the swept beam (net of stimulated emission), {at}"
            rows.append(Line(f"quantum_yield_{key}", f"quantum yield of {label}", share, "1", text))
    lifetimes = 1e3 * np.asarray(dark_lifetimes_s(light, tuple(bands)))
    for band, lifetime_ms in zip(bands, lifetimes.tolist(), strict=True):
        key = band.label.replace(" -> ", "_to_").replace(":", "_")
        text = (
            "photons of the band after a weak, short excitation of its upper level over its photons per second right "
            "after it, swept beam off"
        )
        rows.append(Line(f"lifetime_ms_{key}", f"lifetime of {band.label} in the dark", lifetime_ms, "ms", text))
    rows.append(Line("absorbed_per_s", "absorbed", absorbed, "photons/s", f"net absorption from the swept beam, {at}"))
    if unknown_energies(light):
        return Section(
            "light", "Light", tuple(rows), "no colour and no spectrum: energies of some levels are not given"
        )
    seen = lines(light, state)
    colour = chromaticity(seen.photons_per_s, seen.wavelengths_nm)
    if bool(colour.visible):
        found.colour = srgb_hex(np.asarray(colour.XYZ_W))
        cie = "of the whole emission, 2-degree observer"
        rows += [
            Line("x", "CIE 1931 x", float(colour.x), "1", f"chromaticity {cie}"),
            Line("y", "CIE 1931 y", float(colour.y), "1", f"chromaticity {cie}"),
            Line("u_prime", "CIE 1976 u'", float(colour.u_prime), "1", f"chromaticity {cie}"),
            Line("v_prime", "CIE 1976 v'", float(colour.v_prime), "1", f"chromaticity {cie}"),
        ]
    found.colours = colour_path(solution)
    if len(found.colours) > 1:
        first, last = found.colours[0], found.colours[-1]
        shift = math.dist(uv_of_xy(*first[1:]), uv_of_xy(*last[1:]))
        ends = f"{number(first[0])} and {number(last[0])} kW/cm^2"
        text = f"distance in CIE 1976 (u', v') between the colours at {ends}, the ends of what is visible"
        rows.append(Line("colour_shift", "colour against power", shift, "1", text))
    if run.network is not None:
        return Section("light", "Light", tuple(rows), "no spectrum: a hand-written network has no line widths")
    found.spectrum = spectrum(run, solution, state)
    return Section("light", "Light", tuple(rows))
