"""Turns what pydantic finds into sentences: which key, what is wrong, how to mend it."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from padesign.config.quantity import Path, Problem, show
from padesign.config.schema import RunFile
from padesign.config.values import suggest

_UNITS = {
    "kW_per_cm2": "kW/cm^2",
    "mol_percent": "mol%",
    "nm": "nm",
    "um": "um",
    "mW": "mW",
    "K": "K",
    "cm1": "cm^-1",
    "minutes": "minutes",
    "mmol": "mmol",
    "per_s": "1/s",
}
_ALIASES = {
    "concentration": "dopants_mol_percent",
    "concentrations": "dopants_mol_percent",
    "doping": "dopants_mol_percent",
    "radius": "diameter_nm",
    "size": "diameter_nm",
    "laser": "wavelength_nm",
    "lambda": "wavelength_nm",
    "intensity": "irradiance_kW_per_cm2",
    "spot": "spot_fwhm_um",
    "fwhm": "spot_fwhm_um",
    "color": "colour",
    "transition": "emission",
    "transitions": "emission",
    "material": "host",
    "slope": "nonlinearity",
    "trial": "trials",
    "objectives": "objective",
    "max_size": "max_diameter_nm",
    "max_dopants": "max_dopant_mol_percent",
    "max_mismatch": "max_lattice_mismatch_percent",
    "max_steps": "max_synthesis_steps",
}
_MAPPING = ("a mapping (`key: value`)", "write its keys below it, indented")
_LIST = ("a list", "write it in brackets, [...], or one item a line behind `- `")
_SHAPES = {"model_type": _MAPPING, "dict_type": _MAPPING, "tuple_type": _LIST}


def explain(error: ValidationError, data: Any, schema: type[BaseModel] = RunFile) -> list[Problem]:
    """All problems of a validation error, with paths that exist in `data` (what the file said by its `schema`)."""
    found: list[Problem] = []
    item: Any
    for item in error.errors(include_url=False):
        path = _place(item["loc"], data, absent=item["type"] == "missing")
        if item["type"] == "run_file":
            found += [Problem((*path, *sub), what, cure) for sub, what, cure in item["ctx"]["problems"]]
        else:
            found.append(_sentence(item, path, data, schema))
    # a key under a wrong name is told once, not also as missing under its right name
    named = {(problem.path[:-1], problem.cure) for problem in found if problem.what.startswith(("unknown key", "`"))}
    missing = [one for one in found if one.what.startswith("has no `")]
    told = [one for one in missing for parent, cure in named if parent == one.path and one.what.split()[-1] in cure]
    return [problem for problem in dict.fromkeys(found) if problem not in told]


def _place(loc: Iterable[str | int], data: Any, absent: bool) -> Path:
    """The location without pydantic's own marks: tags of unions, "[key]". An absent key is kept at the end."""
    parts = [part for part in loc if part != "[key]" and not (isinstance(part, str) and part.startswith("~"))]
    path: list[str | int] = []
    node: Any = data
    for i, part in enumerate(parts):
        if _holds(node, part):
            node = node[part]
        elif i < len(parts) - 1 or not absent:
            continue
        path.append(part)
    return tuple(path)


def _holds(node: Any, part: str | int) -> bool:
    return part in (range(len(node)) if isinstance(node, list) else node if isinstance(node, dict) else ())


def _sentence(item: Any, path: Path, data: Any, schema: type[BaseModel]) -> Problem:
    kind, context, value = item["type"], item.get("ctx", {}), item.get("input")
    if kind == "missing":
        where = "" if len(path) < 2 else " here"
        key = item["loc"][-1]
        return Problem(path[:-1], f"has no `{key}`", f"add `{key}`{where}")
    if kind == "extra_forbidden":
        what, cure = _unknown_key(str(item["loc"][-1]), path[:-1], data, schema)
        return Problem(path, what, cure)
    if kind in _SHAPES or kind.endswith("_attributes_type"):
        shape, cure = _SHAPES.get(kind, _MAPPING)
        return Problem(path, f"must be {shape}, but is {show(value)}", cure)
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", context["expected"]) or [context["expected"]]
        if path == ("version",):
            return Problem(path, f"must be 1, but is {show(value)}", "this padesign reads files of version 1")
        cure = suggest(value, known, "values") if isinstance(value, str) else f"known values: {', '.join(known)}"
        return Problem(path, f"must be one of {', '.join(known)}, but is {show(value)}", cure)
    if kind == "union_tag_not_found":
        kinds = f"; {suggest('', _objective_kinds(), 'kinds')}" if schema is RunFile and "objective" in path else ""
        return Problem(path, "has no `kind`", f"add `kind: ...`{kinds}")
    if kind == "union_tag_invalid" and (schema is not RunFile or "objective" not in path):
        known = re.findall(r"'([^']*)'", context["expected_tags"])
        return Problem(
            (*path, "kind"), f'unknown kind "{context["tag"]}"', suggest(str(context["tag"]), known, "kinds")
        )
    if kind == "union_tag_invalid":
        cure = suggest(str(context["tag"]), _objective_kinds(), "kinds")
        more = "for an objective of your own package write `kind: custom` and `name: ...`"
        return Problem((*path, "kind"), f'unknown objective "{context["tag"]}"', f"{cure} ({more})")
    message = item["msg"]
    return Problem(path, message[:1].lower() + message[1:], f"it is {show(value)}")


def _objective_kinds() -> list[str]:
    models = _models(RunFile.model_fields["objective"].annotation)
    return [typing.get_args(model.model_fields["kind"].annotation)[0] for model in models]


def _unknown_key(key: str, parent: Path, data: Any, schema: type[BaseModel]) -> tuple[str, str]:
    known = _known_keys(parent, data, schema)
    what = f"unknown key `{key}`"
    for name in known:
        stem, unit = _split_unit(name)
        if unit and key == stem:
            return f"`{key}` says no unit", f"say `{name}` (in {unit})"
    for name in known:
        stem, unit = _split_unit(name)
        if unit and stem and key.startswith(stem + "_") and key != name:
            return what, f'say `{name}` (in {unit}), or give text with another unit: `{name}: "... unit"`'
    for name in known:
        stem, unit = _split_unit(name)
        if unit and key in stem.split("_"):
            return f"`{key}` says no unit", f"say `{name}` (in {unit})"
    if _ALIASES.get(key.lower()) in known:
        return what, f"say `{_ALIASES[key.lower()]}`"
    return what, suggest(key, known, "keys here")


def _split_unit(name: str) -> tuple[str, str]:
    for suffix, unit in _UNITS.items():
        if name.endswith("_" + suffix):
            return name[: -len(suffix) - 1], unit
    return name, ""


def _known_keys(parent: Path, data: Any, schema: type[BaseModel]) -> list[str]:
    """Every key that may stand at a path of the file."""
    candidates: list[Any] = [schema]
    for part in parent:
        candidates = [child for one in candidates for child in _children(one, part)]
    node = data
    for part in parent:
        node = node[part]
    kind = node.get("kind") if isinstance(node, dict) else None
    models = [model for candidate in candidates for model in _models(candidate)]
    if kind is not None:
        models = [model for model in models if "kind" not in model.model_fields or _is_kind(model, kind)]
    if isinstance(node, dict) and "choice" in node:
        models = [model for model in models if "choice" in model.model_fields] or models
    return list(dict.fromkeys(name for model in models for name in model.model_fields))


def _is_kind(model: type[BaseModel], kind: Any) -> bool:
    return kind in typing.get_args(model.model_fields["kind"].annotation)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models among the members of a type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _models(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return [model for member in typing.get_args(annotation) for model in _models(member)]
    return []


def _children(annotation: Any, part: str | int) -> list[Any]:
    """The types that may stand below `part` of a value of this type."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _children(arguments[0], part)
    if origin in (typing.Union, types.UnionType):
        return [child for member in arguments for child in _children(member, part)]
    if origin is dict:
        return [arguments[1]]
    if origin is tuple:
        return [arguments[0]]
    if origin is Literal or not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        return []
    field = annotation.model_fields.get(str(part))
    return [] if field is None else [field.annotation]
