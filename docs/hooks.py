"""What the pages need beside Markdown: equations as MathML, which browsers draw by themselves, optional pages, and the
page for Python as a notebook as well."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert

_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_DISPLAY = re.compile(r"^\$\$(.+?)\$\$$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<![\\$`\w])\$([^$\n`]+?)\$(?![\w$])")
_OPTIONAL = {"The evidence": "evidence.md"}
_PYTHON = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DESIGN = re.compile(r'^```yaml title="design\.yaml"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def notebook(docs: Path) -> dict[str, Any]:
    """The page for Python as a Jupyter notebook (nbformat 4.5) that also writes the run file that the page uses."""
    design = _DESIGN.search((docs / "first-design.md").read_text(encoding="utf-8"))
    if design is None:
        raise ValueError("docs/first-design.md has no block `design.yaml`, which the notebook needs; give it the title")
    parts = _PYTHON.split((docs / "python.md").read_text(encoding="utf-8"))
    cells = [
        ("markdown", parts[0]),
        ("code", f'from pathlib import Path\n\nPath("design.yaml").write_text("""{design[1]}""")'),
    ]
    cells += [("markdown" if k % 2 else "code", text) for k, text in enumerate(parts[1:])]

    def cell(k: int, kind: str, text: str) -> dict[str, Any]:
        ran = {"execution_count": None, "outputs": []} if kind == "code" else {}
        return {"cell_type": kind, "id": f"cell-{k}", "metadata": {}, "source": text.strip(), **ran}

    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": [cell(k, kind, text) for k, (kind, text) in enumerate(cells)],
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def on_post_build(config: Any) -> None:
    """The notebook beside the page that links to it."""
    text = json.dumps(notebook(Path(config["docs_dir"])), indent=1)
    (Path(config["site_dir"]) / "python.ipynb").write_text(text, encoding="utf-8")


def on_config(config: Any) -> Any:
    """Pages that other work adds appear once they exist."""
    for title, name in _OPTIONAL.items():
        if (Path(config["docs_dir"]) / name).is_file() and {title: name} not in config["nav"]:
            config["nav"].append({title: name})
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """`$$...$$` on lines of their own and `$...$` inside them become MathML; code stays as it is.

    The page for Python gets a link to its notebook.
    """
    if page.file.src_uri == "python.md":
        markdown = markdown.replace("\n\n", '\n\n<a href="python.ipynb" download>This page as a notebook</a>\n\n', 1)
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        kept.append(match[0])
        return f"\x00{len(kept) - 1}\x00"

    text = _FENCE.sub(keep, markdown)
    text = _DISPLAY.sub(lambda m: f'<div class="equation">{convert(m[1].strip(), display="block")}</div>', text)
    text = _INLINE.sub(lambda m: convert(m[1]), text)
    return re.sub(r"\x00(\d+)\x00", lambda m: kept[int(m[1])], text)
