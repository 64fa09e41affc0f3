"""`padesign characterise`: every number that an avalanche experiment measures, under the field's definitions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from padesign.cli import definitions
from padesign.cli.console import clean, emit, emit_json, number, say, shown, table, unit_suffix
from padesign.cli.definitions import calibration_note, set_line, sets_of
from padesign.cli.evaluate import own_hosts
from padesign.cli.fixed import demand_fixed, solved_or_said
from padesign.cli.guard import NOTHING_FOUND, placed
from padesign.config import RunFile, load_run_file
from padesign.config.blocks.results import Characterise, SizeSpread
from padesign.config.build import build_design, build_scene, build_space
from padesign.design.batch import Spread, batch_of
from padesign.design.characterise import (
    Readings,
    batch_response,
    by_temperature,
    dark_lifetimes_s,
    readings,
    rise_by_temperature,
    state_at,
)
from padesign.design.dynamics import switch_on
from padesign.design.fixed import set_values
from padesign.design.scanning import response_in_dwell
from padesign.kinetics.light import Band
from padesign.observables import imaging
from padesign.observables.balance import photon_balance
from padesign.observables.colour import chromaticity, lines, srgb_hex, unknown_energies, uv_of_xy
from padesign.observables.nonlinearity import log_emission
from padesign.observables.relaxation import relaxation_time_s
from padesign.observables.response import Response
from padesign.observables.solution import Solution
from padesign.observables.spectrum import spectrum_per_nm
from padesign.observables.traces import FRACTIONS, Rise
from padesign.report.figure_style import FigureFiles
from padesign.spectroscopy.tables import INERT_IONS

_COLOUR_POWERS = 25
_LIFETIMES = 10.0
"""A rise is followed for at least this many times the slowest mode of the steady state that it ends in."""
SPECTRUM_nm = np.arange(300.0, 1700.5, 1.0)
"""Where spectra are drawn."""


@dataclass(frozen=True)
class Line:
    """One number: `key` for programs, the rest for people. `value` None where there is no such number."""

    key: str
    label: str
    value: float | None
    unit: str
    definition: str


@dataclass(frozen=True)
class Section:
    """Numbers that belong together; `note` says why there are none."""

    key: str
    title: str
    lines: tuple[Line, ...]
    note: str = ""


@dataclass
class Characterisation:
    """All sections of one band, and what the figures are drawn from."""

    band: str
    at_kW_per_cm2: float
    sections: list[Section]
    response: Response
    beam_slope: np.ndarray
    image: imaging.Spot | None = None
    scanned: imaging.Spot | None = None
    rise: Rise | None = None
    spectrum: np.ndarray | None = None
    colour: str = ""
    colours: Sequence[tuple[float, float, float]] = ()


def characterise(file: Path, overrides: Sequence[str], as_json: bool, out: Path | None) -> int:
    """Print the numbers; write figures with their CSV into `out`."""
    loaded = load_run_file(file, overrides)
    demand_fixed(loaded)
    run = loaded.run
    with placed(loaded):
        solved = solved_or_said(run)
        if solved is None:
            return NOTHING_FOUND
        found = _characterise(run, *solved)
    sets = [] if run.network is not None else sets_of(run, own_hosts(run))
    if as_json:
        emit_json(_record(run, found, sets))
    else:
        _print(run, found)
        note = calibration_note(sets)
        if note:
            emit(note)
    if out is not None:
        for files in _draw(found, run.excitation.irradiance_window_kW_per_cm2, out):
            say(f"figure: {shown(files.png)}")
    return 0


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


def _characterise(run: RunFile, solution: Solution, bands: Sequence[Band]) -> Characterisation:
    options, band = run.characterise, bands[0]
    window = getattr(run.objective, "window_decades", 0.05)
    seen = readings(solution, band, window, options.slope_above, options.saturated_slope)
    asked = options.at_irradiance_kW_per_cm2
    log_at = float(seen.steepest.log_irradiance) if asked is None else math.log(1e3 * asked)
    state = state_at(solution, jnp.asarray(log_at))
    found = Characterisation(band.label, math.exp(log_at) / 1e3, [], seen.response, np.asarray(seen.beam_slope))
    found.sections = [
        _nonlinearity(seen, solution, window),
        _thresholds(seen, solution, options.slope_above),
        _amplification(seen, options.saturated_slope),
        _time(run, found, seen, solution, band),
        _image(run, found, seen, solution, band),
        _light(run, found, solution, bands, state, log_at),
        _temperature(run, found, bands, log_at),
    ]
    if options.batch is not None:
        found.sections.insert(1, _batch(run, band.label, options.batch))
    return found


def _kW(log_irradiance: object) -> float:
    return float(np.exp(np.asarray(log_irradiance))) / 1e3


def _nonlinearity(seen: Readings, solution: Solution, window: float) -> Section:
    jumps = bool(solution.trace.has_fold)
    top = int(np.argmax(seen.beam_slope))
    lines_ = (
        Line("S", "S (exact)", None if jumps else float(seen.steepest.value), "1", definitions.S),
        Line("S_window", f"S over {window:g} decade", float(seen.window.value), "1", definitions.S_WINDOW),
        Line(
            "S_beam",
            "S averaged over a Gaussian beam",
            float(seen.beam_slope[top]),
            "1",
            "largest local slope of the emission of a thin even film of particles in a TEM00 beam, against its peak "
            "irradiance",
        ),
        Line(
            "S_beam_at_kW_per_cm2",
            "peak irradiance there",
            _kW(seen.response.log_irradiance[top]),
            "kW/cm^2",
            "peak irradiance of the beam at which that slope is largest",
        ),
    )
    return Section("nonlinearity", "Nonlinearity", lines_)


def _thresholds(seen: Readings, solution: Solution, above: float) -> Section:
    exists = bool(seen.threshold.exists)
    lines_ = (
        Line(
            "threshold_linear_stability_kW_per_cm2",
            "linear stability",
            _kW(seen.threshold.log_irradiance) if exists else None,
            "kW/cm^2",
            definitions.THRESHOLD,
        ),
        Line(
            "threshold_steepest_kW_per_cm2",
            "largest slope",
            _kW(seen.steepest.log_irradiance),
            "kW/cm^2",
            "irradiance at which the exact local slope is largest",
        ),
        Line(
            "threshold_tangents_kW_per_cm2",
            "intersection of tangents",
            _kW(seen.tangents),
            "kW/cm^2",
            "where, on logarithmic axes, the tangent at the lower end of the power window meets the tangent at the "
            "steepest point",
        ),
        Line(
            "threshold_slope_above_kW_per_cm2",
            f"first slope above {above:g}",
            _kW(seen.above.log_irradiance) if bool(seen.above.exists) else None,
            "kW/cm^2",
            f"first irradiance of an upward sweep at which the local slope reaches {above:g}; none where it is that "
            "steep from the start, or never",
        ),
    )
    return Section("thresholds", "Thresholds", lines_)


def _amplification(seen: Readings, saturated: float) -> Section:
    value, at, _ = seen.gain
    lines_ = (
        Line("gain", "gain I(2P)/I(P)", float(value), "1", "largest I(2P)/I(P) with P and 2P in the power window"),
        Line("gain_from_kW_per_cm2", "from P =", _kW(at), "kW/cm^2", "the P of that gain"),
        Line(
            "saturation_kW_per_cm2",
            f"saturation (slope down to {saturated:g})",
            _kW(seen.saturation.log_irradiance) if bool(seen.saturation.exists) else None,
            "kW/cm^2",
            f"first irradiance above the steepest point at which the local slope has fallen to {saturated:g}",
        ),
    )
    return Section("amplification", "Gain and saturation", lines_)


def _time(run: RunFile, found: Characterisation, seen: Readings, solution: Solution, band: Band) -> Section:
    steepest = seen.steepest
    light, state = solution.light.at(steepest.log_populations)
    slow = relaxation_time_s(light.network, state, steepest.log_irradiance)
    lines_ = [
        Line(
            "relaxation_ms_at_steepest",
            "slowest mode at the steepest point",
            1e3 * slow if math.isfinite(slow) else None,
            "ms",
            "1/(slowest decay rate) of a small disturbance of the steady state at the steepest point",
        )
    ]
    if run.characterise.rise_time or run.characterise.dwell_ms is not None:
        rise = found.rise = _risen(solution, band, 1e3 * found.at_kW_per_cm2)
        at = f"of its steady emission at {number(found.at_kW_per_cm2)} kW/cm^2"
        for share, time_s in zip(FRACTIONS, np.asarray(rise.time_s)[:, 0].tolist(), strict=True):
            text = f"time from switching on, from rest, until the band reaches {share:.0%} {at}"
            value = 1e3 * time_s if bool(rise.finished[0]) else None
            lines_.append(Line(f"t{100 * share:.0f}_ms", f"rise time t{100 * share:.0f}", value, "ms", text))
    return Section("time", "Slowing down", tuple(lines_))


def _risen(solution: Solution, band: Band, irradiance_W_per_cm2: float) -> Rise:
    """The band switched on at one irradiance and followed until it is steady."""
    say("integrating the rise")
    log_power = jnp.log(irradiance_W_per_cm2)
    light, state = solution.light.at(state_at(solution, log_power))
    slow = relaxation_time_s(light.network, state, log_power)
    return switch_on(solution, (band,), irradiance_W_per_cm2, _LIFETIMES * (slow if math.isfinite(slow) else 1.0))


def _image(run: RunFile, found: Characterisation, seen: Readings, solution: Solution, band: Band) -> Section:
    options = run.characterise
    laser = float(run.excitation.wavelength_nm)  # type: ignore[arg-type]
    aperture = options.numerical_aperture
    peak = 1e3 * found.at_kW_per_cm2
    image = found.image = imaging.spot(seen.response, peak, laser, aperture, options.focus)
    distance = imaging.resolved_distance_nm(image)
    slope_here = float(jnp.interp(jnp.log(peak), seen.response.log_irradiance, seen.response.slope))
    at = f"at a peak of {number(found.at_kW_per_cm2)} kW/cm^2, NA {aperture:g}, {laser:g} nm, {options.focus} focus"
    lines_ = (
        Line(
            "image_fwhm_nm",
            "width of the image",
            image.fwhm_nm if math.isfinite(image.fwhm_nm) else None,
            "nm",
            f"full width at half maximum of one particle scanned through the focus, from its own response, {at}",
        ),
        Line(
            "focus_fwhm_nm",
            "width of the focus",
            imaging.focus_fwhm_nm(laser, aperture),
            "nm",
            "full width at half maximum of the irradiance, that of an Airy disc",
        ),
        Line(
            "estimate_nm",
            "lambda/(2 NA sqrt S)",
            imaging.diffraction_estimate_nm(laser, aperture, slope_here) if slope_here > 0.0 else None,
            "nm",
            "the usual estimate, with the local slope at the peak irradiance",
        ),
        Line(
            "resolved_nm",
            "two particles resolved from",
            distance if math.isfinite(distance) else None,
            "nm",
            f"smallest distance of two equal particles whose summed image dips by {imaging.DIP:.1%} between them",
        ),
        Line(
            "image_centre",
            "emission in the middle",
            image.centre,
            "1",
            "relative to the brightest point of the image; below 1 the particle saturates into a ring",
        ),
    )
    if options.dwell_ms is None:
        return Section("imaging", "Imaging", lines_)
    scanned, note = _scanned(found, solution, band, options, laser)
    return Section("imaging", "Imaging", (*lines_, *scanned), note)


def _scanned(
    found: Characterisation, solution: Solution, band: Band, options: Characterise, laser_nm: float
) -> tuple[tuple[Line, ...], str]:
    """The image of pixels that are lit for a dwell time, and a warning where that is shorter than the rise."""
    peak, dwell_ms = 1e3 * found.at_kW_per_cm2, options.dwell_ms or math.nan
    say(f"integrating the response within a dwell time of {dwell_ms:g} ms")
    short = response_in_dwell(solution.light, band, peak, 1e-3 * dwell_ms)
    image = found.scanned = imaging.spot(short, peak, laser_nm, options.numerical_aperture, options.focus)
    share = float(jnp.exp(short.at(jnp.log(peak)) - found.response.at(jnp.log(peak))))
    rise = found.rise
    t90_ms = 1e3 * float(rise.time_s[-1, 0]) if rise is not None and bool(rise.finished[0]) else math.inf
    lines_ = (
        Line(
            "image_in_dwell_fwhm_nm",
            f"width of the image, {dwell_ms:g} ms a pixel",
            image.fwhm_nm if math.isfinite(image.fwhm_nm) else None,
            "nm",
            "full width at half maximum of the photons of each pixel over its dwell time, every pixel lit from rest",
        ),
        Line("signal_in_dwell", "signal of such a pixel", share, "1", "in the middle, over that of steady emission"),
    )
    warning = (
        f"the dwell time of {dwell_ms:g} ms is shorter than the rise time t90 of {number(t90_ms)} ms: the steady image "
        "is not what such a scan sees"
    )
    return lines_, warning if dwell_ms < t90_ms else ""


def _light(
    run: RunFile, found: Characterisation, solution: Solution, bands: Sequence[Band], state: Any, log_at: float
) -> Section:
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


def _temperature(run: RunFile, found: Characterisation, bands: Sequence[Band], log_at: float) -> Section:
    title = "Change with temperature"
    if run.network is not None:
        return Section("temperature", title, (), "the rates of a hand-written network do not depend on temperature")
    one = build_design(run)
    labels = tuple(band.label for band in bands)
    photons, threshold = by_temperature(
        one.signature, one.scene, labels, one.geometry, one.hosts, one.conditions, jnp.asarray(log_at)
    )
    at = f"at {math.exp(log_at) / 1e3:.3g} kW/cm^2 and {run.temperature_K:g} K"
    rows = []
    for band, value in zip(bands, np.asarray(photons), strict=True):
        key = band.label.replace(" -> ", "_to_").replace(":", "_")
        rows.append(
            Line(
                f"S_R_{key}_percent_per_K",
                f"intensity of {band.label}",
                100.0 * float(value),
                "%/K",
                f"d ln(photons/s) / dT, {at}; the relative sensitivity is its absolute value",
            )
        )
    if len(bands) > 1:
        ratio = 100.0 * float(photons[0] - photons[1])
        text = f"d ln(ratio of the first two bands) / dT, {at}"
        rows.append(Line("S_R_ratio_percent_per_K", "ratio of the first two bands", ratio, "%/K", text))
    rows.append(
        Line(
            "S_R_threshold_percent_per_K",
            "threshold",
            100.0 * float(threshold) if np.isfinite(float(threshold)) else None,
            "%/K",
            f"d ln(linear-stability threshold) / dT at {run.temperature_K:g} K",
        )
    )
    if run.characterise.rise_time and found.rise is not None and bool(found.rise.finished[0]):
        say("differentiating the rise by temperature (compiles once, about a minute)")
        longest = found.rise.trace.times_s[-1]
        by_K = rise_by_temperature(
            one.signature, one.scene, labels[0], one.geometry, one.hosts, one.conditions, jnp.asarray(log_at), longest
        )
        for share, value in zip(FRACTIONS, np.asarray(by_K).tolist(), strict=True):
            name = f"t{100 * share:.0f}"
            text = f"d ln({name}) / dT of the first band, {at}"
            rows.append(Line(f"S_R_{name}_percent_per_K", f"rise time {name}", 100.0 * value, "%/K", text))
    return Section("temperature", title, tuple(rows))


def _batch(run: RunFile, label: str, spread: SizeSpread) -> Section:
    title = "A batch of particles"
    if run.network is not None:
        return Section("batch", title, (), "a hand-written network has no sizes")
    one = build_design(run, build_scene(run).cells_per_layer)
    core, shell, dopant = (0.01 * x for x in (spread.core_percent, spread.shell_percent, spread.dopant_percent))
    lognormal = spread.sizes == "lognormal"
    batch = batch_of(one.geometry, Spread(core, shell, dopant, lognormal, spread.samples, spread.seed))
    say(f"solving {batch.weight.size} particles of the batch")
    grid, photons = batch_response(
        one.signature,
        one.scene,
        label,
        batch.thickness_nm,
        batch.fraction,
        one.geometry.interface_mixing_nm,
        one.hosts,
        one.conditions,
    )
    x, each = np.asarray(grid), np.asarray(photons)
    mean = np.log(batch.mean(np.exp(each - each.max())) + 1e-300) + each.max()
    slopes = np.gradient(each, x, axis=1)
    alone, together = slopes.max(axis=1), float(np.gradient(mean, x).max())
    powers = np.exp(x[slopes.argmax(axis=1)]) / 1e3
    how = (
        f"{batch.how}, relative standard deviations {spread.core_percent:g} % of the core, {spread.shell_percent:g} % "
        f"of every shell, {spread.dopant_percent:g} % of every dopant, sizes {spread.sizes}"
    )
    lines_ = (
        Line("S_batch", "S of the whole batch", together, "1", f"largest local slope of the mean emission of {how}"),
        Line("S_single_mean", "S of single particles, mean", float(batch.mean(alone)), "1", f"mean over {how}"),
        Line("S_single_sd", "their standard deviation", batch.deviation(alone), "1", f"over {how}"),
        Line(
            "steepest_spread",
            "spread of the steepest irradiance",
            batch.deviation(np.log(powers)),
            "1",
            f"standard deviation of its natural logarithm over {how}",
        ),
    )
    return Section("batch", title, lines_)


def _record(run: RunFile, found: Characterisation, sets: Sequence[Any]) -> dict[str, Any]:
    return {
        "name": run.name,
        "band": found.band,
        "at_kW_per_cm2": found.at_kW_per_cm2,
        "sections": {one.key: {line.key: line.value for line in one.lines} for one in found.sections},
        "notes": {one.key: one.note for one in found.sections if one.note},
        "units": {line.key: line.unit for one in found.sections for line in one.lines},
        "definitions": {line.key: line.definition for one in found.sections for line in one.lines},
        "parameter_sets": [set_line(one) for one in sets],
        "options": run.characterise.model_dump(),
    }


def _print(run: RunFile, found: Characterisation) -> None:
    emit(clean(f"{run.name}: {found.band}"))
    for section in found.sections:
        rows = [[one.label, f"{number(one.value, 4)}{unit_suffix(one.unit)}", one.definition] for one in section.lines]
        if rows:
            table(section.title, ["", "value", "definition"], rows, left=(0, 2))
        if section.note:
            emit(f"{section.title}: {section.note}." if not rows else f"{section.note}.")


def _draw(found: Characterisation, window: tuple[float, float], folder: Path) -> list[FigureFiles]:
    from padesign.report.colour_figures import chromaticity_figure, spectrum_figure
    from padesign.report.measurement_figures import image_figure, response_figure

    files = [response_figure(found.response, found.beam_slope, found.band, folder / "response", window)]
    if found.image is not None:
        files.append(image_figure(found.image, found.at_kW_per_cm2, folder / "image", found.scanned))
    if len(found.colours) > 1:
        power, x, y = zip(*found.colours, strict=True)
        files.append(chromaticity_figure(power, x, y, folder / "colour"))
    if found.spectrum is not None:
        files.append(spectrum_figure(SPECTRUM_nm, found.spectrum, found.at_kW_per_cm2, folder / "spectrum"))
    return files
