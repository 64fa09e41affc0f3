"""`padesign schema SECTION`: the fields of one block of a run file as a table, read off its schema."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from padesign.cli.console import emit, table
from padesign.config import json_schema
from padesign.errors import InputError

Node = Mapping[str, Any]
_READ_IN = "text with a unit, read in "
_PLAIN = {"string": "text", "boolean": "true or false"}


def show(section: str) -> int:
    """Print the block that `section` names, such as `robust`, `particle.layers` or `objective.threshold`."""
    schema = json_schema()
    node: Node = schema
    for done, part in enumerate(section.split(".")):
        inside = _inside(node, schema)
        if part not in inside:
            place = ".".join(section.split(".")[:done]) or "a run file"
            near = difflib.get_close_matches(part, inside, 1)
            cure = f"did you mean `{near[0]}`? " if near else ""
            raise InputError(f"there is no `{part}` in {place}", cure=f"{cure}known there: {', '.join(inside)}")
        node = inside[part]
    kinds = _kinds(node, schema)
    if kinds:
        table(section, ["kind", "is"], [[name, _about(one, schema)] for name, one in kinds.items()], left=(0, 1))
        emit(f"the fields of one: padesign schema {section}.{next(iter(kinds))}")
        return 0
    fields = _fields(node, schema)
    if not fields:
        emit(f"{section}: {_takes(node, schema)}. {_about(node, schema)}".rstrip(". ") + ".")
        return 0
    required = _block(node, schema).get("required", ())
    rows = [
        [name, _takes(one, schema), "needed" if name in required else _default(one), _about(one, schema)]
        for name, one in fields.items()
    ]
    table(section, ["field", "takes", "default", "is"], rows, left=(0, 1, 2, 3))
    if about := _about(node, schema):
        emit(about)
    if deeper := [name for name, one in fields.items() if _inside(one, schema)]:
        emit(f"with fields of their own: {', '.join(f'{section}.{name}' for name in deeper)}")
    return 0


def _parts(node: Node, schema: Node) -> Iterator[Node]:
    """What a node may be, references and alternatives followed; null is left out."""
    if "$ref" in node:
        yield from _parts(schema["$defs"][node["$ref"].rpartition("/")[2]], schema)
    elif options := node.get("anyOf") or node.get("oneOf"):
        for one in options:
            yield from _parts(one, schema)
    elif node.get("type") != "null":
        yield node


def _block(node: Node, schema: Node) -> Node:
    """The block of fields that a node is, or holds as a list; empty for what is a number or a text as well."""
    found = list(_parts(node, schema))
    if len(found) == 1 and "items" in found[0]:
        return _block(found[0]["items"], schema)
    return found[0] if len(found) == 1 and "properties" in found[0] else {}


def _fields(node: Node, schema: Node) -> Mapping[str, Node]:
    return _block(node, schema).get("properties", {})


def _kinds(node: Node, schema: Node) -> dict[str, Node]:
    """The alternatives of a block with a `kind`, such as the objectives."""
    options = [node, *node.get("anyOf", ())]
    for one in options:
        if "discriminator" in one:
            return {name: {"$ref": ref} for name, ref in one["discriminator"]["mapping"].items()}
    return {}


def _inside(node: Node, schema: Node) -> Mapping[str, Node]:
    return _kinds(node, schema) or _fields(node, schema)


def _takes(node: Node, schema: Node) -> str:
    """`5 to 50 nm, {min, max} or {choice}`."""
    if _kinds(node, schema):
        return "a block with `kind`"
    found = list(_parts(node, schema))
    unit = next((f" {one['description'].removeprefix(_READ_IN)}" for one in found if _has_unit(one)), "")
    texts = [_one(one, schema, unit.replace(" parts of one", "")) for one in found if not _has_unit(one)]
    return " or ".join(dict.fromkeys(texts))


def _has_unit(node: Node) -> bool:
    return str(node.get("description", "")).startswith(_READ_IN)


def _one(node: Node, schema: Node, unit: str) -> str:
    kind = node.get("type")
    if "const" in node:
        return str(node["const"])
    if "enum" in node:
        return " or ".join(map(str, node["enum"]))
    if kind in ("number", "integer"):
        low, high = (node.get(key, node.get(f"exclusive{key.capitalize()}")) for key in ("minimum", "maximum"))
        limits = f"{low:g} to {high:g}" if low is not None and high is not None else "a number"
        return limits + unit + (", whole" if kind == "integer" else "")
    if kind == "array":
        return (
            "a list of " + _takes(node["items"], schema).replace("a block", "blocks") if "items" in node else "a list"
        )
    if "properties" in node:
        names = list(node["properties"])
        return "{" + ", ".join(names) + "}" if len(names) <= 4 else "a block"
    if kind == "object" and isinstance(each := node.get("additionalProperties"), Mapping):
        return f"names, each with {_takes(each, schema)}"
    return _PLAIN.get(str(kind), "a value")


def _about(node: Node, schema: Node) -> str:
    """The description of a field, or of the block that it is."""
    text = node.get("description") or _block(node, schema).get("description", "")
    return " ".join(text.split())


def _default(node: Node) -> str:
    value = node.get("default")
    if isinstance(value, Mapping | list | tuple):
        return "see there" if value else "none"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else f"{value}"
