"""`padesign init`: example run files to start from."""

from __future__ import annotations

import json
from pathlib import Path

from padesign.cli.console import emit, say, shown, typed
from padesign.cli.files import DEFAULT_FILE, templates
from padesign.config import json_schema
from padesign.errors import InputError

SCHEMA_FILE = "padesign.schema.json"
_HEADER = f"# yaml-language-server: $schema=./{SCHEMA_FILE}\n"


def make(folder: Path, names: list[str], force: bool) -> int:
    """Write the named examples and the schema into `folder`; nothing is written unless all of it can be."""
    known = templates()
    for name in names:
        if name not in known:
            raise InputError(f"there is no template `{name}`", cure=f"templates: {', '.join(known)}")
    texts = {f"{name}.yaml": _HEADER + known[name].read_text(encoding="utf-8") for name in names}
    texts[SCHEMA_FILE] = json.dumps(json_schema(), indent=1) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        there = [folder / name for name, text in texts.items() if _differs(folder / name, text)]
        if there and not force:
            raise InputError(
                f"{', '.join(map(shown, there))} would be overwritten", cure="move it, or overwrite it with --force"
            )
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
            emit(shown(folder / name))
    except OSError as error:
        raise InputError(f"`{folder}` cannot be written: {error.strerror or error}") from error
    others = [name for name in known if name not in names]
    if others:
        say(f"other templates: {', '.join(others)}")
    here = folder.absolute() == Path.cwd()
    first = folder / f"{names[0]}.yaml"
    say(f"next: padesign run{'' if here and first.name == DEFAULT_FILE else f' {typed(first)}'}")
    return 0


def _differs(path: Path, text: str) -> bool:
    return path.exists() and not (path.is_file() and path.read_bytes() == text.encode())
