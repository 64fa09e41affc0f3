"""The cross-section of a particle, to scale, with every dopant ion of a thin slice as a dot."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from padesign.particle.layers import Layer, Particle
from padesign.report.figure_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PINK,
    SKY,
    YELLOW,
    COLUMN_inch,
    Columns,
    FigureFiles,
    host_text,
    number_text,
    shown,
    write_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ION_COLOURS = {
    "Tm": BLUE,
    "Yb": ORANGE,
    "Er": GREEN,
    "Pr": "#117733",
    "Nd": PINK,
    "Ho": "#882255",
    "Eu": "#AA1E2D",
    "Tb": SKY,
    "Sm": YELLOW,
    "Dy": "#8C6D1F",
    "Gd": "#555555",
    "Pm": "#332288",
}
"""One colour per ion in every figure; the labels name the ions, so that no reader depends on it."""
_OTHER = "#777777"
_BARE = "#f3f1ec"
_SITES_PER_nm2 = 5.7
"""Cation sites of one atomic plane, (13.75 nm^-3)^(2/3) of beta-NaYF4."""
_MOST_SITES = 3500
_LEFT, _LOW, _HIGH = -1.03, -1.28, 1.06
"""What is drawn, in units of the radius."""
_SMALLEST_points, _LARGEST_points = 55.0, 70.0
"""Radius of the disc on paper: as large as leaves room for the labels in one column, within these."""
_BAR_STEPS_nm = (1, 2, 5, 10, 20, 50, 100, 200)


def particle_figure(particle: Particle, path: Path | str, title: str = "") -> FigureFiles:
    """Cross-section to scale with names, hosts, sizes, mol% and a scale bar; one column wide, if the names let it.

    Each dot is a dopant ion of a slice one atomic plane thick, at a site drawn by chance (always the same); above a
    diameter of about 28 nm the dots thin out in proportion. CSV: one row per layer and ion.
    """
    radii = particle.outer_radii_nm
    radius = radii[-1]
    top = 0.92 if title else 1.0
    text = _text_points(particle)
    disc = np.clip((72.0 * COLUMN_inch - text) / (1.2 - _LEFT), _SMALLEST_points, _LARGEST_points)
    points_per_nm = float(disc) / radius
    height = max(float(disc) * (_HIGH - _LOW), 72.0 * (0.6 * len(particle.layers) + 0.1)) / (72.0 * top)
    spare = 0.5 * (72.0 * height * top / points_per_nm - (_HIGH - _LOW) * radius)
    right = 1.2 * radius + text / points_per_nm
    width = max((right - _LEFT * radius) * points_per_nm, 6.2 * len(shown(title, 70)) + 12.0) / 72.0

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("none")
        axes = figure.add_axes((0.0, 0.0, 1.0, top))
        axes.set_aspect("equal", anchor="W")
        axes.set_axis_off()
        axes.set(xlim=(_LEFT * radius, right), ylim=(_LOW * radius - spare, _HIGH * radius + spare))
        for outer, layer in reversed(list(zip(radii, particle.layers, strict=True))):
            _draw_disc(axes, outer, layer)
        _draw_ions(axes, particle, points_per_nm)
        _draw_labels(axes, particle, min(0.78 * radius + spare, _HIGH * radius + spare - 21.0 / points_per_nm))
        _draw_scale_bar(axes, radius, -1.13 * radius - spare, particle.diameter_nm)
        if title:
            axes.set_title(shown(title, 70), loc="left", x=0.01)

    return write_figure(path, draw, (width, height), _table(particle))


def _draw_disc(axes: Axes, outer_nm: float, layer: Layer) -> None:
    """A disc tinted with the ion that there is most of; undoped layers stay pale."""
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Circle

    colour = np.array(to_rgb(_BARE))
    if layer.dopants_mol_percent:
        ion, amount = max(layer.dopants_mol_percent.items(), key=lambda item: item[1])
        tint = 0.12 + 0.22 * min(amount / 100.0, 1.0) ** 0.5
        colour = (1.0 - tint) * colour + tint * np.array(to_rgb(ION_COLOURS.get(ion, _OTHER)))
    axes.add_patch(Circle((0.0, 0.0), outer_nm, facecolor=tuple(colour), edgecolor=GREY, linewidth=0.8))


def _draw_ions(axes: Axes, particle: Particle, points_per_nm: float) -> None:
    """Dopants on a triangular lattice of sites; the number of each ion in a layer is the rounded expectation."""
    radius = 0.5 * particle.diameter_nm
    density = min(_SITES_PER_nm2, _MOST_SITES / (math.pi * radius**2))
    step = math.sqrt(2.0 / (math.sqrt(3.0) * density))
    reach = math.ceil(1.2 * radius / step)
    i, j = np.meshgrid(np.arange(-2 * reach, 2 * reach + 1), np.arange(-reach, reach + 1))
    x = ((i + 0.5 * (j % 2)) * step).ravel() + 0.31 * step
    sites = np.column_stack([x, j.ravel() * step * math.sqrt(0.75) + 0.17 * step])
    distance = np.hypot(*sites.T)
    rng = np.random.default_rng(1)
    inner = 0.0
    for outer, layer in zip(particle.outer_radii_nm, particle.layers, strict=True):
        here = rng.permutation(np.flatnonzero((distance >= inner) & (distance < outer - 0.3 * step)))
        inner = outer
        taken = 0
        for ion, amount in layer.dopants_mol_percent.items():
            dots = sites[here[taken : taken + round(amount / 100.0 * here.size)]]
            taken += len(dots)
            size = 0.72 * step * points_per_nm
            axes.plot(*dots.T, "o", color=ION_COLOURS.get(ion, _OTHER), markersize=size, markeredgewidth=0.0)


def _draw_labels(axes: Axes, particle: Particle, highest_nm: float) -> None:
    """A block of text for every layer, the outermost on top, each tied to its layer by a line."""
    from matplotlib.offsetbox import AnnotationBbox, DrawingArea, HPacker, TextArea, VPacker
    from matplotlib.patches import Circle

    radius, count = 0.5 * particle.diameter_nm, len(particle.layers)
    heights = np.linspace(-highest_nm, highest_nm, count) if count > 1 else np.zeros(1)
    inner, lowest = 0.0, -math.inf
    for k, (outer, layer) in enumerate(zip(particle.outer_radii_nm, particle.layers, strict=True)):
        middle = 0.5 * (inner + outer) if k else 0.45 * outer
        inner = outer
        lowest = max(lowest, float(np.clip(heights[k], -0.8 * middle, 0.8 * middle)))  # so that no two lines cross
        point = (math.sqrt(middle**2 - lowest**2), lowest)
        axes.plot(
            [point[0], 1.07 * radius, 1.13 * radius],
            [point[1], heights[k], heights[k]],
            color=BLACK,
            linewidth=0.8,
            solid_capstyle="round",
        )
        axes.plot(*point, "o", color=BLACK, markersize=3)
        chips: list[Any] = []
        for ion, amount in layer.dopants_mol_percent.items():
            box = DrawingArea(8, 8, 0, 0)
            box.add_artist(Circle((4, 4), 3.4, facecolor=ION_COLOURS.get(ion, _OTHER), linewidth=0.0))
            chips += [box, TextArea(_chip(ion, amount))]
        if not chips:
            chips = [TextArea("undoped", textprops={"color": GREY})]
        block = VPacker(
            children=[
                TextArea(_name(layer), textprops={"weight": "bold"}),
                TextArea(_material(layer, k == 0)),
                HPacker(children=chips, align="center", pad=0, sep=3),
            ],
            align="left",
            pad=0,
            sep=2,
        )
        anchor = (1.16 * radius, heights[k])
        axes.add_artist(AnnotationBbox(block, anchor, box_alignment=(0.0, 0.5), frameon=False, pad=0.0))


def _name(layer: Layer) -> str:
    return shown(layer.name, 32)


def _material(layer: Layer, is_core: bool) -> str:
    size = f"{2.0 * layer.thickness_nm:.4g} nm across" if is_core else f"{layer.thickness_nm:.4g} nm thick"
    return f"{host_text(layer.host)}, {size}"


def _chip(ion: str, amount: float) -> str:
    return f"{amount:.3g} mol% {shown(ion)}  "


def _text_points(particle: Particle) -> float:
    """Width of the widest block of text, rather too much."""
    widths = [20.0]
    for k, layer in enumerate(particle.layers):
        widths += [6.2 * len(_name(layer)), 5.1 * len(_material(layer, k == 0))]
        widths += [sum(5.1 * len(_chip(*item)) + 14.0 for item in layer.dopants_mol_percent.items())]
    return max(widths)


def _draw_scale_bar(axes: Axes, radius_nm: float, low: float, diameter_nm: float) -> None:
    length = max((step for step in _BAR_STEPS_nm if step <= 0.6 * radius_nm), default=_BAR_STEPS_nm[0])
    left = -radius_nm
    axes.plot([left, left + length], [low, low], color=BLACK, linewidth=2.2, solid_capstyle="butt")
    axes.text(left, low - 0.04 * radius_nm, f"{length} nm", ha="left", va="top")
    axes.text(radius_nm, low - 0.04 * radius_nm, f"diameter {number_text(diameter_nm)} nm", ha="right", va="top")


def _table(particle: Particle) -> Columns:
    rows: list[tuple[str, str, float, float, str, float]] = []
    for outer, layer in zip(particle.outer_radii_nm, particle.layers, strict=True):
        for ion, amount in (layer.dopants_mol_percent or {"": 0.0}).items():
            rows.append((layer.name, layer.host, layer.thickness_nm, outer, ion, amount))
    return Columns(("layer", "host", "thickness_nm", "outer_radius_nm", "ion", "mol_percent"), rows)
