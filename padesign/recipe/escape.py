"""Text that users wrote, made harmless for Markdown tables and for spreadsheets."""

from __future__ import annotations

import re
import unicodedata

_MARKDOWN = re.compile(r"([\\`*_\[\]|~#$])")
_LINE_START = re.compile(r"^([-+=]|\d+[.)](?=\s|$))")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def one_line(text: str) -> str:
    """The text on one line: white space of any kind becomes one blank, control and direction marks vanish."""
    spaced = re.sub(r"\s+", " ", text)
    return "".join(c for c in spaced if not unicodedata.category(c).startswith("C")).strip()


def markdown(text: str) -> str:
    """The text so that Markdown shows it letter by letter, also inside a table cell or at the start of a list item."""
    escaped = _MARKDOWN.sub(r"\\\1", one_line(text))
    escaped = _LINE_START.sub(lambda match: match[1][:-1] + "\\" + match[1][-1], escaped)
    return "".join(_HTML.get(c, c) for c in escaped)


def cell(value: str | float | None) -> str | float:
    """A CSV cell. Text that a spreadsheet would run as a formula gets a leading apostrophe; numbers stay numbers."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return "'" + text if text.startswith(_FORMULA_STARTS) else text
