"""YAML 1.2 text to plain data with the line of every key: no code, no silent overwriting, bounded size and depth.

Scalars follow the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema): `Y`, `No` and `on` are text
and `1e-3` is a number.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml import events as ev
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from padesign.config.quantity import Path, show

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 20_000

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {text: text.lower() == "true" for text in ("true", "True", "TRUE", "false", "False", "FALSE")}
_INT = re.compile(r"[-+]?[0-9]{1,4000}", re.ASCII)
_BASED = re.compile(r"0o[0-7]{1,4000}|0x[0-9a-fA-F]{1,4000}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_COLON_SPACE = "in this line and the one before, check the indentation and the colon and space after each key"


class YamlFault(Exception):
    """One fault of the text: what, cure, and the line (from 1) where it stands."""

    def __init__(self, what: str, cure: str = "", line: int | None = None, path: Path = ()) -> None:
        super().__init__(what)
        self.what, self.cure, self.line, self.path = what, cure, line, path


class _Reader:
    """Builds data from parse events; records lines and the faults that do not stop the reading."""

    def __init__(self, events: Iterator[Any]) -> None:
        self.events = events
        self.lines: dict[Path, int] = {}
        self.faults: list[YamlFault] = []
        self.anchors: dict[str, list[Any] | None] = {}
        self.recordings: list[list[Any]] = []
        self.replay: list[Iterator[Any]] = []
        self.nodes = 0

    def next(self) -> Any:
        event = next(self.events)
        for recording in self.recordings:
            recording.append(event)
        return event

    def node(self, path: Path, event: Any) -> Any:
        """The value that begins with `event`."""
        line = event.start_mark.line + 1
        self.nodes += 1
        if self.nodes > MAX_NODES:
            cure = "a run file is small: remove repeated aliases (*name) or split the file"
            raise YamlFault(f"holds more than {MAX_NODES} values once its aliases are expanded", cure, line, path)
        if len(path) > MAX_DEPTH:
            raise YamlFault(f"is nested deeper than {MAX_DEPTH} levels", "a run file is flat: check brackets", line)
        if isinstance(event, ev.AliasEvent):
            return self._alias(path, event, line)
        if event.anchor is not None:
            return self._anchored(path, event)
        return self._plain(path, event, line)

    def _plain(self, path: Path, event: Any, line: int) -> Any:
        if event.tag is not None and event.tag != "!":
            raise YamlFault(f"carries the tag {str(event.tag)[:60]}", "write the value without a tag", line, path)
        if isinstance(event, ev.ScalarEvent):
            return self._scalar(path, event, line)
        return self._mapping(path) if isinstance(event, ev.MappingStartEvent) else self._sequence(path)

    def _anchored(self, path: Path, event: Any) -> Any:
        self.anchors[event.anchor] = None
        recording = [event]
        self.recordings.append(recording)
        value = self._plain(path, event, event.start_mark.line + 1)
        self.recordings.remove(recording)
        self.anchors[event.anchor] = recording
        return value

    def _alias(self, path: Path, event: Any, line: int) -> Any:
        recording = self.anchors.get(event.anchor)
        if recording is None:
            state = "contains itself" if event.anchor in self.anchors else "is not defined above"
            raise YamlFault(f"the alias *{event.anchor[:40]} {state}", "write the value out", line, path)
        saved, outer = self.events, self.recordings
        self.events, self.recordings = iter(recording), []
        first = next(self.events)
        value = self._plain(path, first, line)
        self.events, self.recordings = saved, outer
        return value

    def _mapping(self, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        while not isinstance(event := self.next(), ev.MappingEndEvent):
            line = event.start_mark.line + 1
            if not isinstance(event, ev.ScalarEvent) or event.anchor is not None:
                raise YamlFault("has a key that is not plain text", "write `key: value` with a simple key", line, path)
            key = self._scalar(path, event, line)
            if event.value == "<<" and event.style is None:
                cure = "YAML 1.2 does not have it: write the keys out"
                raise YamlFault("uses the merge key `<<`", cure, line, path)
            if not isinstance(key, str):
                cure = "put it in quotation marks, or correct it"
                raise YamlFault(f"has the key {show(key)}, which is not text", cure, line, path)
            if key in data:
                where = self.lines[(*path, key)]
                cure = "keep one of them: the second would silently replace the first"
                self.faults.append(YamlFault(f"is written twice (first in line {where})", cure, line, (*path, key)))
                self.node((*path, key), self.next())
                self.lines[(*path, key)] = where
            else:
                self.lines[(*path, key)] = line
                data[key] = self.node((*path, key), self.next())
        return data

    def _sequence(self, path: Path) -> list[Any]:
        data: list[Any] = []
        while not isinstance(event := self.next(), ev.SequenceEndEvent):
            here = (*path, len(data))
            self.lines[here] = event.start_mark.line + 1
            data.append(self.node(here, event))
        return data

    def _scalar(self, path: Path, event: Any, line: int) -> Any:
        text: str = event.value
        if _SURROGATE.search(text):
            raise YamlFault("holds half a character (a surrogate)", "remove the \\u escape", line, path)
        if event.style is not None:
            return text
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _INT.fullmatch(text):
            return int(text)
        if _BASED.fullmatch(text):
            return int(text, 0)
        if _SPECIAL.fullmatch(text) or (_FLOAT.fullmatch(text) and not math.isfinite(float(text))):
            self.faults.append(YamlFault(f"must be a finite number, but is {text[:40]}", "write a number", line, path))
            return 1.0
        return float(text) if _FLOAT.fullmatch(text) else text


def read_yaml(text: str) -> tuple[Any, dict[Path, int], list[YamlFault]]:
    """Data, line of every path, and the faults found on the way; raises `YamlFault` where reading cannot go on."""
    try:
        reader = _Reader(iter(YAML(typ="safe", pure=True).parse(text)))
        event = reader.next()
        while not isinstance(event, ev.DocumentStartEvent | ev.StreamEndEvent):
            event = reader.next()
        if isinstance(event, ev.StreamEndEvent):
            return None, {}, []
        data = reader.node((), reader.next())
        reader.next()
        rest = reader.next()
        if not isinstance(rest, ev.StreamEndEvent):
            what = "holds a second document"
            raise YamlFault(what, "remove the line `---` and what follows", rest.start_mark.line + 1)
    except MarkedYAMLError as error:
        raise _syntax_fault(error, text) from None
    except YAMLError as error:
        position = getattr(error, "position", None)
        line = text.count("\n", 0, position) + 1 if isinstance(position, int) else None
        raise YamlFault("holds a character that YAML does not allow", "remove control characters", line) from None
    except (RecursionError, ValueError, KeyError, IndexError, AttributeError, TypeError, NotImplementedError):
        raise YamlFault("cannot be read as YAML", _COLON_SPACE) from None
    return data, reader.lines, reader.faults


def _syntax_fault(error: MarkedYAMLError, text: str) -> YamlFault:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else None
    rows = text.splitlines()
    row = rows[line - 1] if line is not None and line <= len(rows) else ""
    if "\t" in row[: len(row) - len(row.lstrip())] or "'\\t'" in str(error.problem):
        return YamlFault("is indented with a tab", "YAML wants spaces: replace the tab", line)
    problem = str(error.problem or error.context or "cannot be read").split("\n")[0]
    context = f" ({error.context})" if error.context and error.problem else ""
    return YamlFault(f"is not YAML: {problem}{context}", _COLON_SPACE, line)
