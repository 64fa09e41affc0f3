"""Where run files are: the one a user means, and the examples that come with the program."""

from __future__ import annotations

from pathlib import Path

from padesign.errors import InputError

_PACKAGE = Path(__file__).parents[1]
DEFAULT_FILE = "quickstart.yaml"


def templates() -> dict[str, Path]:
    """The example run files by name: inside an installed package, or at the top of the source tree."""
    for folder in (_PACKAGE / "data" / "configs", _PACKAGE.parent / "configs"):
        found = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
        if found:
            return found
    return {}


def run_file(given: Path | None) -> Path:
    """The run file the user named, or `quickstart.yaml` here, or the only run file here."""
    if given is not None:
        return given
    if Path(DEFAULT_FILE).is_file():
        return Path(DEFAULT_FILE)
    here = sorted(path for path in Path().glob("*.y*ml") if not path.name.startswith("."))
    if len(here) == 1:
        return here[0]
    if here:
        raise InputError("there are several run files here", cure=f"name one: {', '.join(map(str, here))}")
    raise InputError("there is no run file here", cure="`padesign init` makes one, or name one: padesign run FILE")


def newest_run(root: Path = Path("runs")) -> Path:
    """The newest run folder in `runs/`."""
    found = [path.parent for path in root.glob("*/resolved.json") if not path.parent.name.startswith(".")]
    if not found:
        raise InputError("there is no run in runs/", cure="name the run folder that `padesign run` printed")
    return max(found, key=lambda path: path.stat().st_mtime)
