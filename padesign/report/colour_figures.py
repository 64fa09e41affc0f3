"""Light as the eye sees it: the spectrum over its true colours, and the colour's way through the CIE diagrams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from padesign.observables.colour import (
    LONGEST_VISIBLE_nm,
    SHORTEST_VISIBLE_nm,
    colour_matching,
    srgb_hex,
    uv_of_xy,
)
from padesign.report.figure_style import (
    BLACK,
    GREY,
    PALE,
    COLUMN_inch,
    FigureFiles,
    number_text,
    table_of,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_VISIBLE_nm = np.arange(SHORTEST_VISIBLE_nm, LONGEST_VISIBLE_nm + 0.5, 1.0)
_LABELS_APART = 0.075
"""Least distance of the names of two wavelengths, in units of the axes; a name that would lie closer is left out."""
_TOLD_nm = (460, 480, 500, 520, 540, 560, 580, 600, 620)


def spectrum_figure(
    wavelengths_nm: np.ndarray, photons_per_s_per_nm: np.ndarray, at_kW_per_cm2: float, path: Path
) -> FigureFiles:
    """Photons per second and nanometre on five decades; the visible part is filled with the colour of each wavelength,
    the rest grey."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        top = float(photons_per_s_per_nm.max())
        shown = np.maximum(photons_per_s_per_nm, 1e-12 * top)
        axes.set(yscale="log", ylim=(1e-5 * top, 2.0 * top), xlim=(wavelengths_nm[0], wavelengths_nm[-1]))
        axes.fill_between(wavelengths_nm, 1e-12 * top, shown, color=PALE, linewidth=0.0)
        step = 4
        for k in range(0, _VISIBLE_nm.size - step, step):
            low, high = _VISIBLE_nm[k], _VISIBLE_nm[k + step]
            here = np.linspace(low, high, 5)
            height = np.interp(here, wavelengths_nm, shown)
            axes.fill_between(
                here, 1e-12 * top, height, color=srgb_hex(colour_matching()[k + step // 2]), linewidth=0.0
            )
        axes.plot(wavelengths_nm, shown, color=BLACK, linewidth=0.9)
        axes.set(xlabel="wavelength (nm)", ylabel="emission (photons/s/nm)")
        axes.set_title(f"emission at {number_text(at_kW_per_cm2)} kW/cm²", loc="left")
        axes.grid(True)

    columns = {
        "wavelength_nm": wavelengths_nm.tolist(),
        "photons_per_s_per_nm": np.asarray(photons_per_s_per_nm).tolist(),
    }
    return write_figure(path, draw, (COLUMN_inch, 2.4), table_of(columns))


def chromaticity_figure(
    irradiance_kW_per_cm2: Sequence[float], x: Sequence[float], y: Sequence[float], path: Path
) -> FigureFiles:
    """The colour's path against irradiance in the CIE 1931 (x, y) and CIE 1976 (u', v') diagrams."""
    power = np.asarray(irradiance_kW_per_cm2, float)
    xy = np.column_stack([x, y])
    uv = np.array([uv_of_xy(*point) for point in xy])

    def draw(figure: Figure) -> None:
        from matplotlib.colors import LogNorm

        above, below = figure.subplots(2, 1)
        norm = LogNorm(power.min(), power.max())
        for axes, path_, names, convert in (
            (above, xy, ("CIE 1931 x", "CIE 1931 y"), lambda a, b: (a, b)),
            (below, uv, ("CIE 1976 u'", "CIE 1976 v'"), uv_of_xy),
        ):
            _draw_diagram(axes, convert)
            axes.plot(*path_.T, color=BLACK, linewidth=0.8, zorder=4)
            dots = axes.scatter(
                *path_.T, c=power, norm=norm, cmap="cividis", s=13, edgecolors=BLACK, linewidths=0.4, zorder=5
            )
            axes.set(xlabel=names[0], ylabel=names[1])
        figure.colorbar(dots, ax=(above, below), label="irradiance (kW/cm²)", shrink=0.6, aspect=30)

    columns = {
        "irradiance_kW_per_cm2": power.tolist(),
        "x": xy[:, 0].tolist(),
        "y": xy[:, 1].tolist(),
        "u_prime": uv[:, 0].tolist(),
        "v_prime": uv[:, 1].tolist(),
    }
    return write_figure(path, draw, (COLUMN_inch, 5.3), table_of(columns))


def _draw_diagram(axes: Axes, convert: Any) -> None:
    """The locus of pure wavelengths, filled with the colours that a screen can show of it, paled."""
    from matplotlib.patches import Polygon

    XYZ = colour_matching()[: int(700 - SHORTEST_VISIBLE_nm) + 1]
    locus = np.array([convert(*point) for point in (XYZ / XYZ.sum(axis=1, keepdims=True))[:, :2]])
    grid = np.linspace(0.0, 0.9, 91)
    gx, gy = np.meshgrid(grid, grid)
    px, py = (gx, gy) if np.allclose(convert(0.3, 0.3), (0.3, 0.3)) else _xy_of_uv(gx, gy)
    z = np.clip(1.0 - px - py, 0.0, None)
    picture = np.ones((grid.size, grid.size, 3))
    for place in np.ndindex(*gx.shape):
        if px[place] + py[place] <= 1.0 and py[place] > 0.0:
            code = srgb_hex(np.array([px[place], py[place], z[place]]))
            picture[place] = [int(code[k : k + 2], 16) / 255.0 for k in (1, 3, 5)]
    edge = Polygon(locus, closed=True, facecolor="none", edgecolor=GREY, linewidth=0.9, zorder=3)
    axes.add_patch(edge)
    image = axes.imshow(
        0.5 + 0.5 * picture, extent=(0.0, 0.9, 0.0, 0.9), origin="lower", interpolation="bilinear", zorder=1
    )
    image.set_clip_path(edge)
    middle, last = locus.mean(axis=0), np.full(2, np.inf)
    for nm in _TOLD_nm:
        point = locus[int(nm - SHORTEST_VISIBLE_nm)]
        away = point - middle
        place = point + 0.045 * away / np.hypot(*away)
        axes.plot(*point, ".", color=GREY, markersize=3, zorder=4)
        if np.hypot(*(place - last)) < _LABELS_APART:
            continue
        last = place
        axes.text(float(place[0]), float(place[1]), str(nm), fontsize=6.5, ha="center", va="center", color=GREY)
    low, high = locus.min(axis=0) - 0.075, locus.max(axis=0) + 0.075
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")


def _xy_of_uv(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x = 9u'/(6u' - 16v' + 12), y = 4v'/(6u' - 16v' + 12): the inverse of `uv_of_xy`."""
    denominator = np.maximum(6.0 * u - 16.0 * v + 12.0, 1e-9)
    return 9.0 * u / denominator, 4.0 * v / denominator
