"""A run as an RO-Crate: every file once, said what it is, and made by which program."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

from typer.testing import CliRunner

from padesign import __version__
from padesign.cli import app
from padesign.config import load_run_text, resolve
from padesign.search import RunFolder

NOTES = "<b>&</b> = a note"


def test_a_crate_holds_every_file_of_the_run_and_says_how_it_was_made(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "configs" / "quickstart.yaml").read_text()
    loaded = load_run_text(text, "run file", [f"notes={json.dumps(NOTES)}"])
    folder = RunFolder.create(tmp_path, "packed", text, resolve(loaded.run))
    (folder.recipes / "design_01.csv").write_text("mass_mg\n1\n")
    (folder.path / "mlflow.db").write_text("not packed")
    done = CliRunner().invoke(app, ["crate", str(folder.path)])
    assert done.exit_code == 0, done.stderr
    (archive,) = tmp_path.glob("*.zip")
    with zipfile.ZipFile(archive) as packed:
        names = set(packed.namelist())
        record = json.loads(packed.read("ro-crate-metadata.json"))
        assert packed.read("config.yaml").decode() == text
    assert names == {"ro-crate-metadata.json", "config.yaml", "resolved.json", "recipes/design_01.csv"}
    entities = {one["@id"]: one for one in record["@graph"]}
    assert {one["@id"] for one in entities["./"]["hasPart"]} == names - {"ro-crate-metadata.json"}
    assert entities["./"]["description"] == NOTES and entities["#padesign"]["version"] == __version__
    (action,) = [one for one in entities.values() if one["@type"] == "CreateAction"]
    assert action["instrument"] == {"@id": "#padesign"} and {one["@id"] for one in action["result"]} == {
        "resolved.json",
        "recipes/design_01.csv",
    }
    assert "recipes" in entities["recipes/design_01.csv"]["description"]
    assert entities["recipes/design_01.csv"]["encodingFormat"] == "text/csv"
    wrong = CliRunner().invoke(app, ["crate", str(folder.path), "--out", "crate.tar"])
    assert wrong.exit_code == 2 and ".zip" in wrong.stderr
