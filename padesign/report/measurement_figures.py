"""Figures of what an experiment sees: response and its beam average, the image of a particle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from padesign.observables.imaging import Spot
from padesign.observables.response import Response
from padesign.report.figure_style import (
    BLUE,
    GREY,
    ORANGE,
    COLUMN_inch,
    FigureFiles,
    logarithmic,
    number_text,
    shown,
    table_of,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def response_figure(
    response: Response, beam_slope: np.ndarray, band: str, path: Path, window_kW_per_cm2: tuple[float, float]
) -> FigureFiles:
    """Emission of one particle, and the local slope for uniform light and averaged over a Gaussian beam, both drawn
    inside the power window; the CSV holds all."""
    power = np.exp(np.asarray(response.log_irradiance)) / 1e3
    photons, slope = np.exp(np.asarray(response.log_photons_per_s)), np.asarray(response.slope)

    low, high = window_kW_per_cm2
    seen = (power >= low * (1.0 - 1e-9)) & (power <= high * (1.0 + 1e-9))

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
        above.set(xscale="log", yscale="log", ylabel="emission (photons/s)")
        above.plot(power[seen], photons[seen], color=BLUE)
        above.set_title(shown(band, 64), loc="left")
        below.plot(power[seen], slope[seen], color=BLUE, label="uniform light")
        below.plot(power[seen], beam_slope[seen], color=ORANGE, linestyle="--", label="Gaussian beam, peak irradiance")
        below.set(xlabel="irradiance (kW/cm²)", ylabel="local slope S")
        below.set_ylim(0.0, 1.1 * float(np.max(beam_slope)) if np.max(slope) > 200 else None)
        below.legend(loc="upper left")
        for axes in (above, below):
            axes.grid(True)
        logarithmic(below.xaxis)

    columns = {
        "irradiance_kW_per_cm2": power.tolist(),
        "photons_per_s": photons.tolist(),
        "S": slope.tolist(),
        "S_beam_averaged": np.asarray(beam_slope).tolist(),
    }
    return write_figure(path, draw, (COLUMN_inch, 4.1), table_of(columns))


def image_figure(image: Spot, at_kW_per_cm2: float, path: Path, scanned: Spot | None = None) -> FigureFiles:
    """Emission across the image of one particle; `scanned`: the same within the dwell time of a pixel."""
    distance = np.concatenate([-image.distance_nm[:0:-1], image.distance_nm])
    emission = np.concatenate([image.emission[:0:-1], image.emission])
    short = None if scanned is None else np.concatenate([scanned.emission[:0:-1], scanned.emission])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.plot(distance, emission, color=BLUE, label="steady")
        if short is not None:
            axes.plot(distance, short, color=ORANGE, linestyle="--", label="within the dwell time")
            axes.legend(loc="upper right")
        axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=(0, (1, 2)))
        axes.set(xlabel="distance from the middle of the focus (nm)", ylabel="emission (relative)", ylim=(0.0, 1.05))
        widest = max(one.fwhm_nm for one in (image, scanned) if one is not None)
        reach = min(float(image.distance_nm[-1]), 2.5 * widest)
        axes.set_xlim(-reach, reach)
        axes.set_title(f"FWHM {number_text(image.fwhm_nm)} nm at {number_text(at_kW_per_cm2)} kW/cm²", loc="left")
        axes.grid(True)

    columns = {"distance_nm": image.distance_nm.tolist(), "emission_relative": image.emission.tolist()}
    if scanned is not None:
        columns["emission_in_dwell_relative"] = scanned.emission.tolist()
    return write_figure(path, draw, (COLUMN_inch, 2.6), table_of(columns))
