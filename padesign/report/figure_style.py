"""One look for every figure, text that cannot break it, and the three files that each figure is written as."""

from __future__ import annotations

import csv
import math
import re
import unicodedata
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
)
PALETTE = (BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK)
"""Colours that also colour-blind readers tell apart: M. Okabe and K. Ito, Color Universal Design (2008)."""
COLUMN_inch = 85.0 / 25.4
"""Width of one column of a journal page."""
GREY = "#767676"
PALE = "#c9c9c9"

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 8.0,  # of figures that are one column wide: printed as they are
    "axes.titlesize": 8.5,
    "axes.labelsize": 8.0,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "legend.framealpha": 0.85,
    "legend.edgecolor": "none",
    "legend.borderaxespad": 0.2,
    "lines.linewidth": 1.4,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "savefig.dpi": 300.0,
    "svg.fonttype": "none",
    "svg.hashsalt": "padesign",
}
_SUFFIXES = (".svg", ".png", ".csv")
_FORMULA_STARTS = ("=", "+", "-", "@")


class FigureFiles(NamedTuple):
    """Where a figure was written: for print, for the screen, and the numbers that it shows."""

    svg: Path
    png: Path
    csv: Path


class Columns(NamedTuple):
    """A table: the names of its columns, and its rows."""

    names: Sequence[str]
    rows: Sequence[Sequence[float | int | str]]


def write_figure(
    path: Path | str,
    draw: Callable[[Figure], None],
    size_inch: tuple[float, float],
    table: Columns,
) -> FigureFiles:
    """Draw on a new figure and write `path`.svg, `path`.png and `path`.csv; a suffix of these three is ignored.

    Folders are made. The files do not depend on the day or on what was drawn before.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    stem = Path(path)
    stem = stem.with_suffix("") if stem.suffix in _SUFFIXES else stem
    files = FigureFiles(*(stem.with_name(stem.name + suffix) for suffix in _SUFFIXES))
    stem.parent.mkdir(parents=True, exist_ok=True)
    with rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing")  # a name in a script that the font lacks
        figure = Figure(figsize=size_inch, layout="constrained")
        draw(figure)
        figure.savefig(files.svg, metadata={"Date": None, "Creator": "padesign"})
        figure.savefig(files.png, metadata={"Software": "padesign"})
    with files.csv.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(table.names)
        writer.writerows([_cell(value) for value in row] for row in table.rows)
    return files


def shown(text: str, longest: int = 80) -> str:
    """A user's text for a figure, letter by letter: one line, no mathematics, cut with an ellipsis when too long."""
    spaced = re.sub(r"\s+", " ", text)
    line = "".join(c for c in spaced if not unicodedata.category(c).startswith("C")).strip()
    line = line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
    line = line.replace("$", r"\$")
    return "\u200a" + line if line.startswith("_") else line  # a legend leaves out what starts with an underscore


def host_text(host: str) -> str:
    """`beta-NaYF4` as chemists print it: β-NaYF₄."""
    greek = {"alpha-": "α-", "beta-": "β-"}
    for name, letter in greek.items():
        if host.startswith(name):
            host = letter + host[len(name) :]
    return re.sub(r"(?<=[A-Za-z])\d+", lambda match: "".join(chr(0x2080 + int(d)) for d in match[0]), shown(host))


def number_text(value: float) -> str:
    """Three digits without a power of ten where that can be read."""
    return f"{value:.3g}" if not 1e3 <= abs(value) < 1e5 else f"{value:.0f}"


def logarithmic(axis: Axis) -> None:
    """Ticks of a logarithmic axis as plain numbers, also between the decades where there are few of these."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    low, high = sorted(axis.get_view_interval())
    decades = math.log10(high / low)
    digits = (2, 3, 5) if decades < 1.3 else (2, 5) if decades < 2.2 else ()

    def between(value: float, _: int) -> str:
        return f"{value:g}" if round(value / 10 ** math.floor(math.log10(value) + 1e-9), 6) in digits else ""

    plain = 1e-4 < low and high < 1e5
    if plain:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(FuncFormatter(between) if plain else NullFormatter())


def palette(count: int) -> list[str]:
    """That many colours; they repeat after seven."""
    return [PALETTE[k % len(PALETTE)] for k in range(count)]


def table_of(columns: Mapping[str, Sequence[float]]) -> Columns:
    """Columns of equal length as a table; raises `ValueError` for unequal ones."""
    return Columns(list(columns), list(zip(*columns.values(), strict=True)))


def _cell(value: float | int | str) -> str:
    """Numbers in full; text that a spreadsheet would run as a formula gets a leading apostrophe."""
    if not isinstance(value, str):
        return repr(value if isinstance(value, int) else float(value))
    text = " ".join(value.split())
    return "'" + text if text.startswith(_FORMULA_STARTS) else text
