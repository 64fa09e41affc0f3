"""One line of the table of long checks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was checked, the bar it has to meet, what was measured, and whether it met it."""

    what: str
    bar: str
    measured: str
    passed: bool


def within(what: str, value: float, expected: float, relative: float, unit: str = "") -> Row:
    """A number against the number it must be."""
    error = abs(value / expected - 1.0)
    return Row(
        what, f"{expected:.6g}{unit} ± {relative:.1g}", f"{value:.6g}{unit} ({error:.1e} off)", error <= relative
    )


def at_most(what: str, value: float, bar: float) -> Row:
    """A number that must not be larger than the bar; NaN fails."""
    return Row(what, f"≤ {bar:.1g}", f"{value:.2e}", bool(value <= bar))


def table(rows: Iterable[Row]) -> str:
    """Markdown."""
    lines = ["| check | bar | measured | pass |", "|---|---|---|---|"]
    lines += [f"| {r.what} | {r.bar} | {r.measured} | {'yes' if r.passed else '**NO**'} |" for r in rows]
    return "\n".join(lines)
