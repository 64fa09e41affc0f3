"""What the pages need beside Markdown: equations as MathML, which browsers draw by themselves, and optional pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_DISPLAY = re.compile(r"^\$\$(.+?)\$\$$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<![\\$`\w])\$([^$\n`]+?)\$(?![\w$])")
_OPTIONAL = {"The evidence": "evidence.md"}


def on_config(config: Any) -> Any:
    """Pages that other work adds appear once they exist."""
    for title, name in _OPTIONAL.items():
        if (Path(config["docs_dir"]) / name).is_file() and {title: name} not in config["nav"]:
            config["nav"].append({title: name})
    return config


def on_page_markdown(markdown: str, **_: Any) -> str:
    """`$$...$$` on lines of their own and `$...$` inside them become MathML; code stays as it is."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\x00{len(kept) - 1}\x00"

    text = _FENCE.sub(keep, markdown)
    text = _DISPLAY.sub(lambda m: f'<div class="equation">{convert(m[1].strip(), display="block")}</div>', text)
    text = _INLINE.sub(lambda m: convert(m[1]), text)
    return re.sub(r"\x00(\d+)\x00", lambda m: kept[int(m[1])], text)
