"""`padesign crate`: a whole run as one RO-Crate, the package that data repositories take."""

from __future__ import annotations

import importlib.util
import mimetypes
from pathlib import Path

from padesign import __version__
from padesign.cli.campaign import read_run
from padesign.cli.console import emit, shown
from padesign.cli.page import FILES
from padesign.errors import InputError
from padesign.search import RunFolder

_PARTS = ("report.html", "report.md", "config.yaml", "resolved.json", "designs.csv", "comparison.csv", "summary.json")
_FOLDERS = ("trials", "figures", "recipes", "parameter_sets")


def write(path: Path, out: Path | None) -> int:
    """Pack the run's files, with what each is and by which program it was made; prints the path of the archive."""
    if importlib.util.find_spec("rocrate") is None:
        raise InputError("an RO-Crate needs the package rocrate", cure='pip install "padesign[crate]"')
    from rocrate.model import ContextEntity
    from rocrate.rocrate import ROCrate

    folder = RunFolder.open(path)
    run = read_run(folder)
    target = out if out is not None else folder.path.with_name(f"{folder.name}.crate.zip")
    if target.suffix != ".zip":
        raise InputError(f"an RO-Crate is written as a .zip, but `--out` is `{target}`")
    crate = ROCrate()
    crate.name = run.name
    crate.description = " ".join((run.notes or "A search for photon-avalanche nanoparticles.").split())
    files = [folder.path / name for name in _PARTS if (folder.path / name).is_file()]
    files += [file for name in _FOLDERS for file in sorted((folder.path / name).rglob("*")) if file.is_file()]
    made = []
    for file in files:
        name = file.relative_to(folder.path).as_posix()
        what = FILES.get(name) or FILES.get(f"{name.split('/')[0]}/", "")
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        made.append(crate.add_file(str(file), name, properties={"description": what, "encodingFormat": kind}))
    program = {"@type": "SoftwareApplication", "name": "padesign", "version": __version__}
    software = crate.add(ContextEntity(crate, "#padesign", properties=program))
    given = next(one for one in made if one.id == "config.yaml")
    crate.add_action(software, object=[given], result=[one for one in made if one is not given])
    target.parent.mkdir(parents=True, exist_ok=True)
    crate.write_zip(str(target))
    emit(shown(target))
    return 0
