"""The image of one particle in a scanning microscope."""

from __future__ import annotations

import math

import jax.numpy as jnp

from padesign.cli.characterise.sections import Characterisation, Line, Section
from padesign.cli.console import number, say
from padesign.config import RunFile
from padesign.config.blocks.results import Characterise
from padesign.design.characterise import (
    Readings,
)
from padesign.design.scanning import response_in_dwell
from padesign.kinetics.light import Band
from padesign.observables import imaging
from padesign.observables.solution import Solution


def imaged(run: RunFile, found: Characterisation, seen: Readings, solution: Solution, band: Band) -> Section:
    """Width of the image and of what stands beside it; `found` keeps the images."""
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
