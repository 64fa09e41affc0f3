"""What the commands print: results on stdout, everything else on stderr. Rich is imported only to draw a table."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_WIDE = 200
"""Columns for tables that do not go to a terminal, so that nothing is wrapped in a file."""


def say(text: str) -> None:
    """One message on stderr."""
    print(text, file=sys.stderr, flush=True)


def emit(text: str) -> None:
    """Part of the result, on stdout."""
    print(text)


def emit_json(value: Any) -> None:
    """Strict JSON on stdout: a number that is not finite becomes null."""
    print(json.dumps(finite(value), indent=1, allow_nan=False, ensure_ascii=False))


def finite(value: Any) -> Any:
    """The value as JSON can hold it, with null for numbers that are not finite."""
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return finite(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Path):
        return str(value)
    return [finite(item) for item in value]


def clean(text: str) -> str:
    """The text without control characters, which could move the cursor of a terminal."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else f"\\x{ord(sign):02x}" for sign in text)


def number(value: float | None, digits: int = 3) -> str:
    """Three significant digits: 14.6, 0.0123, 2.9e5; a dash for nothing."""
    if value is None or not math.isfinite(value):
        return "–"
    text = f"{value:.{digits}g}"
    head, e, power = text.partition("e")
    if not e:
        return text
    return f"{value:.{digits}g}" if abs(value) < 1.0 and int(power) > -4 else f"{head}e{int(power)}"


def unit_suffix(unit: str) -> str:
    """A unit to write behind a number; nothing for the unit of pure numbers."""
    return "" if unit in ("", "1") else f" {unit}".replace("^2", "²")


def shown(path: Path) -> str:
    """A path as the user would type it from where they are."""
    try:
        return os.path.relpath(path) if path.absolute().is_relative_to(Path.cwd()) else str(path)
    except OSError:
        return str(path)


def typed(path: Path) -> str:
    """`shown`, quoted for pasting into a shell."""
    return shlex.quote(shown(path))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)) -> None:
    """A table on stdout; the columns in `left` hold text, the others numbers."""
    from rich import box
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table
    from rich.text import Text

    terminal = sys.stdout.isatty()
    console = Console(highlight=False, width=None if terminal else _WIDE)
    least = [_least_width([name, *(row[k] for row in rows)], whole=k == 0) for k, name in enumerate(columns)]
    drawn = Table(title=Text(clean(title)), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, expand=False)
    for place, name in enumerate(columns):
        text = place in left
        drawn.add_column(Text(name), justify="left" if text else "right", overflow="fold", min_width=least[place])
    for row in rows:
        drawn.add_row(*(Text(clean(cell)) for cell in row))
    needed = Measurement.get(console, console.options.update(max_width=10_000), drawn).minimum
    console.width = max(console.width, needed + 3 * len(least))  # rather too wide than words cut in two
    console.print(drawn)


def _least_width(cells: Sequence[str], whole: bool) -> int:
    """Columns that the longest word takes, or the longest cell."""
    return max((len(part) for cell in cells for part in ([cell] if whole else cell.split())), default=1)
