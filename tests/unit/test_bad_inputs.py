"""Every file of tests/bad_inputs is refused with the right line, key and cure, and never with a traceback."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from padesign.config import RunFileError, load_run_file, load_run_text
from padesign.errors import InputError

FOLDER = Path(__file__).parents[1] / "bad_inputs"
CONFIGS = Path(__file__).parents[2] / "configs"
INDEX = YAML(typ="safe", pure=True).load((FOLDER / "index.yaml").read_text(encoding="utf-8"))


def refusal(path: Path) -> RunFileError:
    with pytest.raises(RunFileError) as caught:
        load_run_file(path)
    return caught.value


def test_the_index_names_every_file() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} - {"index"} == set(INDEX)
    assert len(INDEX) >= 45


@pytest.mark.parametrize("name", sorted(INDEX))
def test_a_bad_file_is_told_with_line_key_and_cure(name: str) -> None:
    error = refusal(FOLDER / f"{name}.yaml")
    assert error.line == INDEX[name]["line"]
    place = f"{name}.yaml" + (f":{error.line}: " if error.line else ": ")
    assert place in str(error)
    for fragment in INDEX[name]["says"]:
        assert fragment in str(error)
    assert all(problem.cure for problem in error.problems)


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0", None, "is a binary file"),
        ("version: 1\n".encode("utf-16"), None, "is UTF-16 text, not UTF-8"),
        ("version: 1\nname: größe\n".encode("latin-1"), 2, "is not UTF-8 text"),
        (b"# padding\n" * 110_000, None, "is larger than 1 MB"),
        (b"[" * 100_000, 1, "is nested deeper than 20 levels"),
        (b"x: " + b"9" * 5000, 1, "must be a finite number"),
    ],
    ids=["binary", "utf16", "latin1", "huge", "brackets", "digits"],
)
def test_a_file_of_the_wrong_kind_is_refused(tmp_path: Path, content: bytes, line: int | None, says: str) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(content)
    error = refusal(path)
    assert (error.line, says in str(error)) == (line, True)


def test_a_path_that_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "is a folder" in str(refusal(tmp_path))
    assert "does not exist" in str(refusal(tmp_path / "none" / "run.yaml"))
    (tmp_path / "quickstart.yaml").write_text("version: 1\n", encoding="utf-8")
    assert "did you mean `quickstart.yaml`?" in str(refusal(tmp_path / "quickstat.yaml"))
    os.mkfifo(tmp_path / "pipe")
    assert "is not an ordinary file" in str(refusal(tmp_path / "pipe"))


def test_at_most_ten_problems_are_printed_and_all_are_kept() -> None:
    text = (CONFIGS / "tm_core_shell.yaml").read_text(encoding="utf-8")
    with pytest.raises(RunFileError) as caught:
        load_run_text(text + "".join(f"odd_{i}: 1\n" for i in range(15)), "run.yaml")
    assert len(caught.value.problems) == 15
    assert str(caught.value).count("unknown key") == 10
    assert str(caught.value).endswith("... and 5 more")
    lines = [problem.line for problem in caught.value.problems]
    assert lines == list(range(text.count("\n") + 1, text.count("\n") + 16))


def test_no_damage_to_a_file_ends_in_a_traceback() -> None:
    """Lines are dropped, doubled, shifted and characters exchanged; the loader accepts or refuses, nothing else."""
    dice = random.Random(7)
    sources = [path.read_text(encoding="utf-8") for path in sorted(CONFIGS.glob("*.yaml"))]
    odd = [
        "null",
        "[]",
        "{}",
        "{choice: 3}",
        "{min: a, max: []}",
        "'9^9^9 nm'",
        "*x",
        "&x",
        "!t",
        "-1e400",
        "~",
        ": :",
        "\t",
    ]
    refused = 0
    for _ in range(150):
        rows = dice.choice(sources).splitlines()
        at = dice.randrange(len(rows))
        match dice.randrange(5):
            case 0:
                del rows[at]
            case 1:
                rows.insert(at, rows[dice.randrange(len(rows))])
            case 2:
                rows[at] = " " * dice.randrange(6) + rows[at].strip()
            case 3:
                rows[at] = rows[at].partition(":")[0] + ": " + dice.choice(odd)
            case _:
                column = dice.randrange(len(rows[at]) + 1)
                rows[at] = rows[at][:column] + dice.choice("{}[]:,#&*!|>'\"%@\t0") + rows[at][column + 1 :]
        try:
            load_run_text("\n".join(rows) + "\n")
        except InputError as error:
            assert str(error)
            refused += 1
    assert 50 < refused < 150
