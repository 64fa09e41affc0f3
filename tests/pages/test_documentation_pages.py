"""The documentation as pages: built without a warning, opened from a folder without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and not done.stderr.strip(), done.stderr
    return folder


def test_pages_build_without_a_warning_and_open_without_a_network(open_page: Any, site: Path) -> None:
    page, seen = open_page((site / "index.html").as_uri(), site.as_uri())
    told = {}
    for name in ("first-design", "python", "results", "extend", "physics", "api"):
        page.goto((site / f"{name}.html").as_uri())
        assert page.locator("h1").count() == 1
        told[name] = page.inner_text("article")
        if name == "physics":
            assert page.locator("math").count() > 10 and "$" not in told[name]
    assert seen.complaints == [] and seen.requests == []
    assert page.goto((site / "python.html").as_uri()) and page.get_attribute("text='This page as a notebook'", "href")
    assert json.loads((site / "python.ipynb").read_text(encoding="utf-8"))["nbformat"] == 4
    assert "build_recipe" in told["api"] and "first.yaml" in told["first-design"]
    there = (ROOT / "docs" / "evidence.md").is_file()
    assert (page.locator("text='The evidence'").count() > 0) is there
