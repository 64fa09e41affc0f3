"""Hand-written networks: processes as lines of text with rates and units.

    Tm:3H6 -> Tm:3F4 @ 6.0e-25 cm^2                       absorption at the excitation wavelength
    Tm:3H4 -> Tm:3F4 @ 6.02 1/s                           decay (add `radiative` when it emits light)
    Tm:3H4 + Tm:3H6 -> Tm:3F4 + Tm:3F4 @ 10240 1/s        transfer: times both fractions

A transfer line is one event: the first ion goes to the first product, the second to the second. A line may appear
once only; the same process written twice is an error, not a sum.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import jax.numpy as jnp
import numpy as np

from padesign.constants import JOULE_PER_cm1
from padesign.errors import InputError
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.network import RateNetwork

_LINE = re.compile(
    r"^\s*(?P<left>[^@>]+?)\s*->\s*(?P<right>[^@>]+?)\s*@\s*(?P<rate>\S+)\s*(?P<unit>1/s|s\^-1|cm\^2)\s*(?P<tag>radiative)?\s*$"
)
_EXAMPLE = "write `Tm:3H4 -> Tm:3F4 @ 6.02 1/s` or `Tm:3H6 -> Tm:3F4 @ 6e-25 cm^2`"


@dataclass(frozen=True)
class TextProcess:
    """One parsed line: levels before and after, in the same order; `rate` in 1/s, or cm^2 when `pumped`."""

    before: tuple[str, ...]
    after: tuple[str, ...]
    rate: float
    pumped: bool
    radiative: bool
    text: str

    @property
    def key(self) -> tuple[tuple[tuple[str, str], ...], bool, bool]:
        """Equal for two lines that write the same process, whatever their rates."""
        return tuple(sorted(zip(self.before, self.after, strict=True))), self.pumped, self.radiative


@dataclass(frozen=True)
class TextNetwork:
    """Levels and processes of a hand-written network; one cell, so populations are fractions of each ion."""

    levels: Mapping[str, tuple[str, ...]]
    processes: tuple[TextProcess, ...]
    energies_cm1: Mapping[str, float]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(f"{ion}:{level}" for ion, ids in self.levels.items() for level in ids)

    def network(self, wavelength_nm: float) -> EmittingNetwork:
        """The network at one excitation wavelength, as one cell with one ion of each kind."""
        offsets, start = {}, 0
        for ion, ids in self.levels.items():
            offsets[ion], start = start, start + len(ids)
        index = {label: k for k, label in enumerate(self.labels)}
        dark = {ion: np.zeros((1, len(ids), len(ids))) for ion, ids in self.levels.items()}
        pump = {ion: np.zeros((1, len(ids), len(ids))) for ion, ids in self.levels.items()}
        transfer = {ion: np.zeros((1, len(ids), len(ids), start)) for ion, ids in self.levels.items()}
        radiative = {ion: np.zeros((1, len(ids), len(ids))) for ion, ids in self.levels.items()}
        photon_J = JOULE_PER_cm1 * 1e7 / wavelength_nm
        for process in self.processes:
            for role, (before, after) in enumerate(zip(process.before, process.after, strict=True)):
                if before == after:
                    continue
                ion = before.split(":")[0]
                b, a = index[before] - offsets[ion], index[after] - offsets[ion]
                if len(process.before) == 2:
                    transfer[ion][0, a, b, index[process.before[1 - role]]] += process.rate
                elif process.pumped:
                    pump[ion][0, a, b] += process.rate / photon_J
                else:
                    dark[ion][0, a, b] += process.rate
                    radiative[ion][0, a, b] += process.rate if process.radiative else 0.0
        arrays = [tuple(map(jnp.asarray, part.values())) for part in (dark, pump, transfer)]
        energies = [
            [self.energies_cm1.get(f"{ion}:{level}", np.nan) for level in ids] for ion, ids in self.levels.items()
        ]
        return EmittingNetwork(
            RateNetwork(arrays[0], arrays[1], arrays[2], tuple(f"{label}@0" for label in self.labels)),
            tuple(map(jnp.asarray, radiative.values())),
            tuple(jnp.ones(1) for _ in self.levels),
            tuple(map(jnp.asarray, energies)),
            tuple(self.levels.items()),
        )


def parse_network(
    levels: Mapping[str, Sequence[str]],
    processes: Sequence[str],
    energies_cm1: Mapping[str, float] | None = None,
    path: tuple[str | int, ...] = ("network",),
) -> TextNetwork:
    """Parse and check every line; raises `InputError` with the path of the first bad one."""
    known = [f"{ion}:{level}" for ion, ids in levels.items() for level in ids]
    parsed = parse_processes(processes, known, (*path, "processes"))
    for label in energies_cm1 or {}:
        _known(label, known, (*path, "energies_cm1"))
    return TextNetwork({ion: tuple(ids) for ion, ids in levels.items()}, parsed, dict(energies_cm1 or {}))


def parse_processes(lines: Sequence[str], known: Sequence[str], path: tuple[str | int, ...]) -> tuple[TextProcess, ...]:
    """All lines of one list between the `known` levels; an error has the path of the list and the line's position."""
    seen: dict[tuple, int] = {}
    parsed = []
    for k, line in enumerate(lines):
        process = parse_process(line, known, (*path, k))
        if process.key in seen:
            raise InputError(
                f"this process stands already in line {seen[process.key] + 1} of the list: {line.strip()}",
                cure="add the two rates and keep one line",
                path=(*path, k),
            )
        seen[process.key] = k
        parsed.append(process)
    return tuple(parsed)


def parse_process(line: str, known: Sequence[str], path: tuple[str | int, ...]) -> TextProcess:
    """One line to one process."""
    match = _LINE.match(line)
    if match is None:
        raise InputError(f"cannot read the process `{line.strip()}`", cure=_EXAMPLE, path=path)
    try:
        rate = float(match["rate"])
    except ValueError:
        raise InputError(f"`{match['rate']}` is not a number", cure=_EXAMPLE, path=path) from None
    if not (np.isfinite(rate) and rate >= 0.0):
        raise InputError(f"a rate must be finite and not negative, but is {rate}", cure=_EXAMPLE, path=path)
    before = tuple(part.strip() for part in match["left"].split("+"))
    after = tuple(part.strip() for part in match["right"].split("+"))
    for label in (*before, *after):
        _known(label, known, path)
    ions_before, ions_after = [x.split(":")[0] for x in before], [x.split(":")[0] for x in after]
    if len(before) > 2 or ions_before != ions_after:
        raise InputError(
            f"`{line.strip()}` must keep each ion: {' + '.join(ions_before)} becomes {' + '.join(ions_after)}",
            cure="write the products in the order of the ions on the left, one or two ions a line",
            path=path,
        )
    if before == after:
        raise InputError(f"`{line.strip()}` changes nothing", cure="leave the line out", path=path)
    pumped = match["unit"] == "cm^2"
    if len(before) == 2 and (pumped or match["tag"]):
        raise InputError("a transfer between two ions has a rate in 1/s", cure=_EXAMPLE, path=path)
    if pumped and match["tag"]:
        raise InputError("an absorption cannot be radiative decay", cure=_EXAMPLE, path=path)
    return TextProcess(before, after, rate, pumped, bool(match["tag"]), line.strip())


def _known(label: str, known: Sequence[str], path: tuple[str | int, ...]) -> None:
    if label not in known:
        near = get_close_matches(label, known, 1)
        hint = f"did you mean `{near[0]}`?" if near else f"levels of this network: {', '.join(known)}"
        raise InputError(f"unknown level `{label}`", cure=hint, path=path)
