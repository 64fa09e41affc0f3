"""Reading parameter sets from YAML (1.2, data only): `padesign/data/parameter_sets/<host>_<tag>.yaml` or any path.

A file gives `entries` (name -> value, sigma, unit, source, assumption) and, for brevity, `level_energies`, a list of
blocks of one ion and one source. `source` may be a key of `references`. A set may be `based_on` another one, or on a
list of others: what it does not give itself is taken over, marked as assumption with the stated reason, and its sigma
multiplied by `widen`. `only`, a list of patterns such as `Er.omega?_cm2`, takes over only the entries they match; a
later set of the list overrides an earlier one. `correlations` of a set that has them are taken over between the entries
that are. `published: true` says that the values were published for the new host
already, so they stay what they are. `sampled` is what samples of the posterior say beside the entries and is not read.
"""

from __future__ import annotations

import difflib
import fnmatch
import functools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from padesign.errors import InputError
from padesign.parameters.correlations import Correlations, read_correlations
from padesign.parameters.keys import energy_key, split_level, surface_key
from padesign.parameters.sets import Entry, ParameterSet
from padesign.parameters.valid_range import ValidRange

PARAMETER_SETS = Path(__file__).parents[1] / "data" / "parameter_sets"
_FIELDS = {"name", "host", "description", "calibrated", "validity", "default_for_host", "references", "entries"}
_OPTIONAL = {"level_energies", "surface_lands_in", "based_on", "valid_for", "correlations", "sampled"}
_BASE_FIELDS = {"set", "reason", "widen"}
_BASE_OPTIONAL = {"only", "published"}


@functools.cache
def available_sets() -> tuple[str, ...]:
    """Names of the sets that come with the program; a file is named after its set, `<host>_<tag>.yaml`."""
    return tuple(sorted(path.stem for path in PARAMETER_SETS.glob("*.yaml")))


def available_hosts() -> tuple[str, ...]:
    """Hosts that have a set."""
    return tuple(dict.fromkeys(_host_of(name) for name in available_sets()))


def _host_of(name: str) -> str:
    return name.rpartition("_")[0]


def load_parameter_set(host_or_name: str | Path) -> ParameterSet:
    """A set by name, the default set of a host, or the set in a file (`Path`, or a text that ends in `.yaml`).

    Raises `InputError` for an unknown name (with the nearest known one) and for whatever is wrong in a file.
    """
    if isinstance(host_or_name, Path) or host_or_name.endswith(".yaml"):
        return _read_set(_read_document(Path(host_or_name)), str(host_or_name))
    return _shipped(host_or_name)


@functools.cache
def _shipped(host_or_name: str) -> ParameterSet:
    for name in available_sets():
        if host_or_name == name or (host_or_name == _host_of(name) and _document(name)["default_for_host"]):
            return _read_set(_document(name), f"{name}.yaml")
    known = [*available_hosts(), *available_sets()]
    folded = {name.lower(): name for name in known}
    near = difflib.get_close_matches(host_or_name.lower(), folded, n=1, cutoff=0.5)
    hint = f"Did you mean `{folded[near[0]]}`? " if near else ""
    raise InputError(f"there is no host or parameter set `{host_or_name}`", cure=f"{hint}Known: {', '.join(known)}.")


@functools.cache
def _document(name: str) -> dict[str, Any]:
    return _read_document(PARAMETER_SETS / f"{name}.yaml")


def _read_document(path: Path) -> dict[str, Any]:
    try:
        document = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, YAMLError) as error:
        raise InputError(f"the parameter set cannot be read: {error}", file=str(path)) from error
    if not isinstance(document, dict):
        raise InputError("the parameter set is not a mapping", file=str(path))
    wanted = sorted(_FIELDS - document.keys())
    odd = sorted(str(key) for key in document.keys() - _FIELDS - _OPTIONAL)
    if wanted or odd:
        said = [f"lacks {', '.join(wanted)}"] * bool(wanted) + [f"has unknown fields {', '.join(odd)}"] * bool(odd)
        raise InputError(f"the parameter set {' and '.join(said)}", file=str(path))
    return document


def _read_set(document: Mapping[str, Any], file: str) -> ParameterSet:
    entries: dict[str, Entry] = {}
    lands_in: dict[str, str] = {}
    joint: Correlations | None = None
    references = {str(key): str(text) for key, text in document["references"].items()}
    try:
        for i, base in enumerate(_bases(document)):
            taken, ends, correlations = _taken_over(base, ("based_on", i))
            joint = joint and joint.among(set(joint.keys) - taken.keys())
            joint = correlations.beside(joint) if correlations else joint
            entries.update(taken)
            lands_in.update(ends)
        for key, row in document["entries"].items():
            entries[str(key)] = _entry(row, references, ("entries", str(key)))
        for i, block in enumerate(document.get("level_energies", ())):
            for level, value in block["energy_cm1"].items():
                sigma = 0.0 if value == 0 else block["sigma_cm1"]
                row = {"value": value, "sigma": sigma, "unit": "cm^-1", "source": block["source"]}
                key = energy_key(block["ion"], str(level))
                entries[key] = _entry(
                    row | {"assumption": block["assumption"]}, references, ("level_energies", i, str(level))
                )
        lands_in.update({str(level): str(target) for level, target in document.get("surface_lands_in", {}).items()})
        own = read_correlations(document.get("correlations"))
        joint = joint and joint.among(set(joint.keys) - {str(key) for key in document["entries"]})
        return ParameterSet(
            name=str(document["name"]),
            host=str(document["host"]),
            description=" ".join(str(document["description"]).split()),
            calibrated=bool(document["calibrated"]),
            validity=" ".join(str(document["validity"]).split()),
            entries=entries,
            surface_lands_in=lands_in,
            valid_for=_valid_for(document.get("valid_for")),
            correlations=own.beside(joint) if own else joint,
        )
    except InputError as error:
        raise InputError(error.what, cure=error.cure, path=error.path, file=error.file or file) from error


def _valid_for(row: Any) -> ValidRange | None:
    if row is None:
        return None
    try:
        ions = {str(ion): (float(low), float(high)) for ion, (low, high) in row["ions_mol_percent"].items()}
        low, high = map(float, row["temperature_K"])
        return ValidRange(ions, (low, high), tuple(map(float, row["pump_nm"])))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = "must give ions_mol_percent {ion: [low, high]}, temperature_K [low, high] and pump_nm [...]"
        raise InputError(what, path=("valid_for",)) from error


def _bases(document: Mapping[str, Any]) -> list[Any]:
    bases = document.get("based_on", [])
    return bases if isinstance(bases, list) else [bases]


def _taken_over(base: Any, path: tuple[str | int, ...]) -> tuple[dict[str, Entry], dict[str, str], Correlations | None]:
    """Entries of another set as this one takes them over, where its surface losses end, and correlations."""
    if not isinstance(base, dict) or not _BASE_FIELDS <= base.keys() <= _BASE_FIELDS | _BASE_OPTIONAL:
        raise InputError("`based_on` must have reason, set, widen and may have only, published", path=path)
    old, published = load_parameter_set(str(base["set"])), bool(base.get("published", False))
    keys = {key for pattern in base.get("only", ["*"]) for key in old.entries if fnmatch.fnmatchcase(key, str(pattern))}
    if not keys:
        raise InputError(f"no entry of {old.name} matches `only`", path=path)
    taken = {}
    for key in (key for key in old.entries if key in keys):
        entry = old.entries[key]
        source = f"{'as in' if published else 'taken over from'} {old.name}, {base['reason']}; there: {entry.source}"
        sigma = entry.sigma * float(base["widen"])
        taken[key] = Entry(entry.value, sigma, entry.unit, source, entry.assumption if published else True)
    ends = {name: end for name, end in old.surface_lands_in.items() if surface_key(*split_level(name)) in taken}
    return taken, ends, old.correlations and old.correlations.among(taken.keys())


def _entry(row: Any, references: Mapping[str, str], path: tuple[str | int, ...]) -> Entry:
    wanted = ("value", "sigma", "unit", "source", "assumption")
    if not isinstance(row, dict) or set(row) != set(wanted):
        raise InputError(f"an entry must have exactly {', '.join(wanted)}", path=path)
    for field in ("value", "sigma"):
        number = row[field]
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise InputError(f"`{field}` must be a finite number, but is {number!r}", path=path)
    if row["sigma"] < 0:
        raise InputError(f"`sigma` must not be negative, but is {row['sigma']}", path=path)
    source = " ".join(references.get(str(row["source"]), str(row["source"] or "")).split())
    if not source:
        raise InputError("`source` must cite a publication or give the reason of the assumption", path=path)
    return Entry(float(row["value"]), float(row["sigma"]), str(row["unit"]), source, bool(row["assumption"]))
