"""The documentation is true: its commands run, its files are sound, its searches find."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from mlflow import MlflowClient
from typer.main import get_command
from typer.testing import CliRunner

from padesign.cli import app

ROOT = Path(__file__).parents[2]
GUIDE = ("index", "first-design", "python", "results", "extend", "physics", "api")
"""In the order in which a reader meets them; later pages use the files of earlier ones."""
_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    page: str
    language: str
    title: str
    text: str


def blocks(path: Path) -> Iterator[Block]:
    for info, text in _FENCE.findall(path.read_text(encoding="utf-8")):
        title = re.search(r'title="([^"]+)"', info)
        yield Block(path.stem, info.split(" ")[0], title[1] if title else "", text)


def run_line(line: str) -> None:
    """One line of a console block, as a shell would read it."""
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets, line
        return
    assert words[0] == "padesign", line
    arguments = []
    for word in words[1:]:
        found = sorted(map(str, Path().glob(word))) if "*" in word else [word]
        assert found, f"{line}: nothing matches {word}"
        arguments += found
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def cells_of_the_notebook() -> list[str]:
    """Code of the notebook that the documentation offers."""
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None and spec.loader is not None
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    return [one["source"] for one in hooks.notebook(ROOT / "docs")["cells"] if one["cell_type"] == "code"]


def run_search(text: str) -> None:
    (folder,) = Path("runs").iterdir()
    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiments = [one.experiment_id for one in client.search_experiments()]
    assert client.search_runs(experiments, text.strip()), text


def test_every_block_of_the_guide_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    written: set[str] = set()
    for page in GUIDE:
        names: dict[str, Any] = {"__name__": page}
        if page == "python":  # runs as its notebook, which holds the same cells and one more
            cells, shown = (
                cells_of_the_notebook(),
                [block.text.strip() for block in blocks(ROOT / "docs" / "python.md")],
            )
            assert cells[1:] == shown
            for cell in cells:
                exec(compile(cell, "python.ipynb", "exec"), names)
            continue
        for block in blocks(ROOT / "docs" / f"{page}.md"):
            if block.title:
                Path(block.title).write_text(block.text, encoding="utf-8")
                written.add(block.title)
            elif block.language == "console":
                for line in block.text.splitlines():
                    run_line(line)
            elif block.language == "python":
                exec(compile(block.text, f"{page}.md", "exec"), names)
            elif block.language == "mlflow":
                run_search(block.text)
            else:
                raise AssertionError(f"{page}: nobody checks a block of {block.language or 'no language'}")
    sys.modules.pop("contrast", None)
    used = " ".join(block.text for page in GUIDE for block in blocks(ROOT / "docs" / f"{page}.md"))
    assert all(Path(name).stem in used for name in written)
    assert (tmp_path / "compared" / "curves.svg").is_file()


@pytest.mark.parametrize("page", ["README", "CONTRIBUTING"])
def test_commands_of_the_front_pages_are_targets_of_the_makefile(page: str) -> None:
    found = list(blocks(ROOT / f"{page}.md"))
    assert found
    for block in found:
        for line in block.text.splitlines():
            run_line(line)


def test_every_command_that_is_named_exists_and_every_command_is_named() -> None:
    known = set(get_command(app).commands)  # type: ignore[attr-defined]
    texts = {path: path.read_text(encoding="utf-8") for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))}
    for path, text in texts.items():
        for verb in re.findall(r"`padesign ([a-z]+)", text):
            assert verb in known, f"{path}: there is no `padesign {verb}`"
    readme = texts[ROOT / "README.md"]
    assert all(f"padesign {verb}" in readme or f"`{verb} " in readme for verb in known)
