"""Reads a run file: YAML to a checked `RunFile`, every problem told with file, line, key and cure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from padesign.config.explain import explain
from padesign.config.quantity import Path, Problem, show
from padesign.config.schema import RunFile
from padesign.config.values import suggest
from padesign.config.yaml_text import MAX_BYTES, YamlFault, read_yaml
from padesign.errors import InputError

Model = TypeVar("Model", bound=BaseModel)
SHOWN = 10


class RunFileError(InputError):
    """Everything that is wrong in one run file; `problems` are single `InputError`s in the order of the file."""

    def __init__(self, problems: Sequence[InputError]) -> None:
        self.problems = tuple(problems)
        first = self.problems[0]
        super().__init__(first.what, cure=first.cure, path=first.path, file=first.file, line=first.line)

    def __str__(self) -> str:
        shown = [str(problem) for problem in self.problems[:SHOWN]]
        hidden = len(self.problems) - SHOWN
        return "\n".join([*shown, f"... and {hidden} more"] if hidden > 0 else shown)


@dataclass(frozen=True)
class LoadedRun:
    """A checked run file, its text, and where its keys stand."""

    run: RunFile
    text: str
    file: str
    lines: Mapping[Path, int] = field(repr=False)
    overrides: Mapping[Path, str] = field(default_factory=dict)

    def line_of(self, path: Path | str) -> int | None:
        """Line (from 1) of a key path, or of the nearest key above it; None for what an override set.

        `path` is a tuple of keys and list positions, or the same dotted (`particle.layers.0.host`).
        """
        parts = _known_parts(path, self.run) if isinstance(path, str) else tuple(path)
        return None if _override_of(parts, self.overrides) else _nearest_line(parts, self.lines)

    def locate(self, error: InputError) -> InputError:
        """The same error with file and line, for errors that later checks raise with a path alone."""
        return _placed(Problem(error.path, error.what, error.cure), self.file, self.lines, self.overrides)


def load_run_file(path: str | FilePath, overrides: Sequence[str] = ()) -> LoadedRun:
    """Read and check a run file.

    **Arguments:** `path` of a YAML file; `overrides` such as "search.trials=3" or
    "particle.layers.core.dopants_mol_percent.Tm={min: 2, max: 9}", whose values are read as YAML. A list item is named
    by its position or its `name`.

    **Raises:** `RunFileError` (an `InputError`) with every problem found.
    """
    text = text_of(FilePath(path))
    return load_run_text(text, str(path), overrides)


def load_run_text(text: str, file: str = "run file", overrides: Sequence[str] = ()) -> LoadedRun:
    """As `load_run_file`, for text that was read already; `file` is what messages call it."""
    run, lines, applied = read_checked(text, file, RunFile, overrides)
    return LoadedRun(run, text, file, lines, applied)


def load_checked(path: str | FilePath, schema: type[Model]) -> Model:
    """Any other file by its closed schema; raises as `load_run_file` does."""
    return read_checked(text_of(FilePath(path)), str(path), schema)[0]


def read_checked(
    text: str, file: str, schema: type[Model], overrides: Sequence[str] = ()
) -> tuple[Model, Mapping[Path, int], Mapping[Path, str]]:
    """Text by its closed schema, the line of every key, and what an override wrote."""
    try:
        data, lines, faults = read_yaml(text)
    except YamlFault as fault:
        raise RunFileError([_fault(fault, file)]) from None
    if data is None:
        cure = "begin with `version: 1`; see the examples in configs/"
        raise RunFileError([InputError("is empty", cure=cure, file=file)])
    if not isinstance(data, dict):
        what = f"must be a mapping (`key: value`) at top level, but is {show(data)}"
        raise RunFileError([InputError(what, cure="begin with `version: 1`", file=file, line=1)])
    problems = [_fault(fault, file) for fault in faults]
    applied = _apply(overrides, data, problems)
    checked: Model | None = None
    try:
        checked = schema.model_validate(data)
    except ValidationError as error:
        problems += [_placed(problem, file, lines, applied) for problem in explain(error, data, schema)]
    if problems or checked is None:
        raise RunFileError(sorted(problems, key=lambda problem: problem.line or 0))
    return checked, lines, applied


def resolve(run: RunFile) -> dict[str, Any]:
    """The run with every default written out, as JSON data; reading it again gives an equal run."""
    return run.model_dump(mode="json", exclude_none=True)


def json_schema() -> dict[str, Any]:
    """JSON Schema of a run file, for editors that complete and check while typing."""
    schema = RunFile.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "padesign run file"}


# -------------------------------------------------------------------------------------------------------------- reading
def text_of(path: FilePath) -> str:
    """A file as text; raises `RunFileError` for what cannot be one."""

    def fail(what: str, cure: str, line: int | None = None) -> RunFileError:
        return RunFileError([InputError(what, cure=cure, file=str(path), line=line)])

    try:
        if path.is_dir():
            raise fail("is a folder", "name the run file in it, such as configs/quickstart.yaml")
        if not path.exists():
            near = suggest(path.name, sorted(other.name for other in path.parent.glob("*.y*ml")))
            raise fail("does not exist", near if near.startswith("did") else "check the path")
        if not path.is_file():
            raise fail("is not an ordinary file", "name a YAML file")
        if path.stat().st_size > MAX_BYTES:
            raise fail(f"is larger than {MAX_BYTES // 1_000_000} MB", "a run file is a page of text: check the path")
        raw = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise fail(f"cannot be read ({reason})", "check the path and its rights") from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise fail("is UTF-16 text, not UTF-8", "save it as UTF-8")
    if b"\0" in raw:
        raise fail("is a binary file", "name a YAML file")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise fail("is not UTF-8 text", "save it as UTF-8 (the character in this line is not)", line) from None


# ------------------------------------------------------------------------------------------------------------ overrides
def _apply(overrides: Sequence[str], data: dict[str, Any], problems: list[InputError]) -> dict[Path, str]:
    """Write `a.b=c` into the data; returns what stands where, and adds to `problems` what cannot be written."""
    applied: dict[Path, str] = {}
    for override in overrides:
        text = override.encode("utf-8", "replace").decode()
        label = f"--set {text if len(text) <= 80 else text[:77] + '...'}"
        key, equals, written = text.partition("=")
        if not equals or not key.strip():
            problems.append(InputError("must be KEY=VALUE", cure="write for instance search.trials=3", file=label))
            continue
        try:
            value, _, faults = read_yaml(written)
            if faults:
                raise faults[0]
            applied[_write(key.strip().split("."), value, data)] = label
        except YamlFault as fault:
            problems.append(InputError(fault.what, cure=fault.cure, file=label))
    return applied


def _write(keys: Sequence[str], value: Any, data: dict[str, Any]) -> Path:
    node: dict[str, Any] | list[Any] | Any = data
    part: str | int
    path: list[str | int] = []
    for i, key in enumerate(keys):
        last = i == len(keys) - 1
        here = ".".join(str(part) for part in path) or "the file"
        part = key
        if isinstance(node, list):
            part = _position(key, node)
            if part < 0:
                names = [str(item.get("name")) for item in node if isinstance(item, dict) and "name" in item]
                raise YamlFault(f"{here} has no item {key}", suggest(key, names, "names") if names else "count from 0")
        elif not isinstance(node, dict):
            raise YamlFault(f"{here} has no parts: it is {show(node)}", f"set {here} itself")
        elif not key:
            raise YamlFault("has an empty part in its key", "write for instance search.trials=3")
        path.append(part)
        holder: Any = node
        if last:
            holder[part] = value
        elif isinstance(node, dict) and node.get(key) is None:
            holder[part] = {}
        node = holder[part]
    return tuple(path)


def _position(key: str, items: list[Any]) -> int:
    if key.isascii() and key.isdigit():
        return int(key) if int(key) < len(items) else -1
    return next((i for i, item in enumerate(items) if isinstance(item, dict) and item.get("name") == key), -1)


# --------------------------------------------------------------------------------------------------------------- places
def _nearest_line(path: Path, lines: Mapping[Path, int]) -> int | None:
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return 1


def _override_of(path: Path, applied: Mapping[Path, str]) -> str:
    for length in range(len(path), 0, -1):
        if path[:length] in applied:
            return applied[path[:length]]
    return ""


def _placed(problem: Problem, file: str, lines: Mapping[Path, int], applied: Mapping[Path, str]) -> InputError:
    label = _override_of(problem.path, applied)
    line = None if label else _nearest_line(problem.path, lines)
    return InputError(problem.what, cure=problem.cure, path=problem.path, file=label or file, line=line)


def _fault(fault: YamlFault, file: str) -> InputError:
    return InputError(fault.what, cure=fault.cure, path=fault.path, file=file, line=fault.line)


def _known_parts(dotted: str, run: RunFile) -> Path:
    """A dotted path as keys and positions; keys that hold dots do not occur in a run file."""
    parts: list[str | int] = []
    node: Any = run.model_dump()
    for key in dotted.split("."):
        if isinstance(node, list | tuple):
            position = _position(key, list(node))
            parts.append(position if position >= 0 else key)
            node = node[position] if position >= 0 else None
        else:
            parts.append(key)
            node = node.get(key) if isinstance(node, dict) else None
    return tuple(parts)
