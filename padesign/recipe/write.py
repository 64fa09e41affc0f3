"""A recipe on disk: JSON for programs, Markdown for the hood, CSV for the balance."""

from __future__ import annotations

import re
from pathlib import Path

from padesign.errors import InputError
from padesign.recipe.schema import Recipe

_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def write_recipe(recipe: Recipe, folder: str | Path, stem: str) -> dict[str, Path]:
    """Write `stem.json`, `stem.md` and `stem.csv` into `folder` (made if missing); the paths by suffix.

    The CSV starts with a byte-order mark, without which spreadsheets misread the dot of hydrates.
    """
    if not _STEM.fullmatch(stem):
        raise InputError(
            f"`stem` must be a plain file name, but is `{stem}`",
            cure="Use letters, digits, dot, dash and underscore.",
        )
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"`{folder}` cannot be written: {error.strerror or error}", cure="name another folder"
        ) from error
    texts = {
        "json": (recipe.to_json(), "utf-8"),
        "md": (recipe.to_markdown(), "utf-8"),
        "csv": (recipe.to_csv(), "utf-8-sig"),
    }
    paths = {suffix: target / f"{stem}.{suffix}" for suffix in texts}
    for suffix, (text, encoding) in texts.items():
        paths[suffix].write_text(text, encoding=encoding, newline="\n")
    return paths
