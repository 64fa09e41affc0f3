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
from padesign.config.build import build_design, build_scene, build_space
from padesign.config.schema import SizeSpread
from padesign.design.characterise import (
    Readings,
    batch_response,
    by_temperature,
    draw_batch,
    readings,
    state_at,
)
from padesign.design.fixed import set_values
from padesign.kinetics.light import Band
from padesign.observables import imaging
from padesign.observables.balance import photon_balance
from padesign.observables.colour import chromaticity, lines, srgb_hex, unknown_energies
from padesign.observables.nonlinearity import log_emission
from padesign.observables.relaxation import relaxation_time_s
from padesign.observables.response import Response
from padesign.observables.solution import Solution
from padesign.observables.spectrum import spectrum_per_nm
from padesign.report.figure_style import FigureFiles
from padesign.spectroscopy.tables import INERT_IONS

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
    spectrum: np.ndarray | None = None
    colour: str = ""


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
        for files in _draw(found, out):
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
        _time(seen, solution),
        _image(run, found, seen),
        _light(run, found, solution, bands, state, log_at),
        _temperature(run, bands, log_at),
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


def _time(seen: Readings, solution: Solution) -> Section:
    steepest = seen.steepest
    light, state = solution.light.at(steepest.log_populations)
    slow = relaxation_time_s(light.network, state, steepest.log_irradiance)
    return Section(
        "time",
        "Slowing down",
        (
            Line(
                "relaxation_ms_at_steepest",
                "slowest mode at the steepest point",
                1e3 * slow if math.isfinite(slow) else None,
                "ms",
                "1/(slowest decay rate) of a small disturbance of the steady state at the steepest point",
            ),
        ),
    )


def _image(run: RunFile, found: Characterisation, seen: Readings) -> Section:
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
    return Section("imaging", "Imaging", lines_)


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
    if run.network is not None:
        return Section("light", "Light", tuple(rows), "no spectrum: a hand-written network has no line widths")
    found.spectrum = spectrum(run, solution, state)
    return Section("light", "Light", tuple(rows))


def _temperature(run: RunFile, bands: Sequence[Band], log_at: float) -> Section:
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
    return Section("temperature", title, tuple(rows))


def _batch(run: RunFile, label: str, spread: SizeSpread) -> Section:
    title = "A batch of particles"
    if run.network is not None:
        return Section("batch", title, (), "a hand-written network has no sizes")
    one = build_design(run, build_scene(run).cells_per_layer)
    core, shell, dopant = (0.01 * x for x in (spread.core_percent, spread.shell_percent, spread.dopant_percent))
    drawn = draw_batch(one.geometry, core, shell, dopant, spread.samples, spread.seed)
    say(f"solving {spread.samples} particles of the batch")
    grid, photons = batch_response(
        one.signature,
        one.scene,
        label,
        jnp.asarray(drawn[0]),
        jnp.asarray(drawn[1]),
        one.geometry.interface_mixing_nm,
        one.hosts,
        one.conditions,
    )
    x, each = np.asarray(grid), np.asarray(photons)
    mean = np.log(np.exp(each - each.max()).mean(axis=0)) + each.max()
    slopes = np.gradient(each, x, axis=1)
    alone, together = slopes.max(axis=1), float(np.gradient(mean, x).max())
    powers = np.exp(x[slopes.argmax(axis=1)]) / 1e3
    how = (
        f"{spread.samples} particles, relative standard deviations {spread.core_percent:g} % of the core, "
        f"{spread.shell_percent:g} % of every shell, {spread.dopant_percent:g} % of every dopant, seed {spread.seed}"
    )
    lines_ = (
        Line("S_batch", "S of the whole batch", together, "1", f"largest local slope of the mean emission of {how}"),
        Line("S_single_mean", "S of single particles, mean", float(alone.mean()), "1", f"mean over {how}"),
        Line("S_single_sd", "their standard deviation", float(alone.std(ddof=1)), "1", f"over {how}"),
        Line(
            "steepest_spread",
            "spread of the steepest irradiance",
            float(np.log(powers).std(ddof=1)),
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


def _draw(found: Characterisation, folder: Path) -> list[FigureFiles]:
    from padesign.report.colour_figures import spectrum_figure
    from padesign.report.measurement_figures import image_figure, response_figure

    files = [response_figure(found.response, found.beam_slope, found.band, folder / "response")]
    if found.image is not None:
        files.append(image_figure(found.image, found.at_kW_per_cm2, folder / "image"))
    if found.spectrum is not None:
        files.append(spectrum_figure(SPECTRUM_nm, found.spectrum, found.at_kW_per_cm2, folder / "spectrum"))
    return files
