"""What the parts of a run file must agree on, and which of its values are free."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from padesign.config.quantity import Path, Problem
from padesign.config.values import (
    Choice,
    DopantChoice,
    DopantRange,
    Range,
    known_levels,
    known_parameter_sets,
    parse_transition,
    suggest,
)
from padesign.errors import InputError
from padesign.parameters.hosts import load_host
from padesign.spectroscopy.tables import INERT_IONS

if TYPE_CHECKING:
    from padesign.config.schema import RunFile

MAX_LAYERS = 8
MAX_IONS = 6
LASER_TOLERANCE_nm = 0.5


def lowest(value: Any) -> float:
    """Smallest number that a fixed or free value can take."""
    if isinstance(value, Range):
        return value.min
    return min(value.choice) if isinstance(value, Choice) else value


def options(value: Any) -> tuple[Any, ...]:
    """Every discrete option of a fixed value or a choice."""
    return value.choice if isinstance(value, Choice) else (value,)


def _may_be_absent(value: Any) -> bool:
    return isinstance(value, DopantRange | DopantChoice) and value.optional


def least_total(dopants: Mapping[str, Any]) -> float:
    """Sum of the smallest shares of a layer; what may be absent counts nothing."""
    return sum(0.0 if _may_be_absent(value) else lowest(value) for value in dopants.values())


# --------------------------------------------------------------------------------------------- particle and its layers
def layer_problems(dopants: Mapping[str, Any], host: Any) -> list[Problem]:
    """Too many ions, ions that cannot fit on the host's sites, or the host's own cation."""
    here = ("dopants_mol_percent",)
    found = []
    for name in options(host):
        own = load_host(name).site
        if own in dopants and own in INERT_IONS:
            what = f"{own} is the cation of {name} itself"
            found.append(Problem((*here, own), what, "the host's own ions fill the rest: leave it out"))
    if len(dopants) > MAX_IONS:
        found.append(Problem(here, f"has {len(dopants)} ions", f"use at most {MAX_IONS} in one layer"))
    total = least_total(dopants)
    if any(isinstance(value, Range | Choice) for value in dopants.values()):
        if total >= 100.0:
            what = f"sums to {total:g} mol% at the smallest values, which leaves the search no room below 100"
            found.append(Problem(here, what, "lower the minima; the host's own cation is the rest"))
    elif total > 100.0 + 1e-9:
        cure = "the shares of a layer may reach 100 mol% at most; the host's own cation is the rest"
        found.append(Problem(here, f"sums to {total:g} mol%", cure))
    return found


def particle_problems(layers: Sequence[Any], max_diameter_nm: float | None) -> list[Problem]:
    """Faults of a stack of layers (free or fixed); paths are relative to the particle."""
    if not layers:
        return [Problem(("layers",), "is empty", "write at least the core")]
    found = []
    if len(layers) > MAX_LAYERS:
        found.append(Problem(("layers",), f"has {len(layers)} layers", f"use at most {MAX_LAYERS}"))
    names: set[str] = set()
    for i, layer in enumerate(layers):
        here: Path = ("layers", i)
        found += [Problem((*here, *path), what, cure) for path, what, cure in _size_problems(layer, core=i == 0)]
        if layer.name in names:
            found.append(Problem((*here, "name"), f'"{layer.name}" names two layers', "give every layer its own name"))
        names.add(layer.name)
    if not any(ion not in INERT_IONS for layer in layers for ion in layer.dopants_mol_percent):
        cure = "add `dopants_mol_percent: {Tm: 8}` or the like to a layer"
        found.append(Problem(("layers",), "has no doped layer, so nothing can emit", cure))
    if max_diameter_nm is not None and not found:
        smallest = sum(_smallest_nm(layer) for layer in layers)
        if smallest > max_diameter_nm + 1e-9:
            what = f"is {max_diameter_nm:g} nm, but the smallest particle of these layers has {smallest:g} nm"
            found.append(Problem(("max_diameter_nm",), what, "raise it, or lower the smallest diameter or thicknesses"))
    return found


def _size_problems(layer: Any, core: bool) -> Iterable[Problem]:
    wanted, other = ("diameter_nm", "thickness_nm") if core else ("thickness_nm", "diameter_nm")
    place = "the first layer is the core" if core else "this layer is a shell"
    if getattr(layer, other) is not None:
        also = f", and remove `{other}`" if getattr(layer, wanted) is not None else f", not `{other}`"
        yield Problem((other,), f"does not belong here: {place}", f"give its `{wanted}`{also}")
    elif getattr(layer, wanted) is None:
        yield Problem((), f"has no `{wanted}`: {place}", f"add `{wanted}`")
    if core and getattr(layer, "optional", False):
        yield Problem(("optional",), "cannot be true for the core", "a particle has a core: remove the key")


def _smallest_nm(layer: Any) -> float:
    if layer.diameter_nm is not None:
        return lowest(layer.diameter_nm)
    return 0.0 if getattr(layer, "optional", False) else 2.0 * lowest(layer.thickness_nm)


# ------------------------------------------------------------------------------------------------- the file as a whole
def cross_problems(run: RunFile) -> list[Problem]:
    """Faults that only show when the blocks of a run file are read together."""
    found = []
    if run.particle is None and run.network is None:
        found.append(Problem((), "has neither `particle` nor `network`", "describe a particle, or write a network"))
    if run.particle is not None and run.network is not None:
        cure = "keep `particle`, or keep the hand-written `network`"
        found.append(Problem(("network",), "stands beside `particle`, but a run has one of them", cure))
    found += _shelf_problems(run)
    found += _network_problems(run)
    found += _emission_problems(run)
    found += _chosen_level_problems(run)
    found += _objective_problems(run)
    found += _beam_problems(run)
    found += _parameter_set_problems(run)
    found += _heating_problems(run)
    names = [reference.name for reference in run.compare_with]
    for i, name in enumerate(names):
        if name in names[:i]:
            found.append(Problem(("compare_with", i, "name"), f'"{name}" names two references', "rename one"))
    return found


def _ions(run: RunFile) -> dict[str, Path]:
    """Every ion of the particle or network, and where it stands first."""
    if run.particle is not None:
        return {
            ion: ("particle", "layers", i, "dopants_mol_percent", ion)
            for i, layer in reversed(list(enumerate(run.particle.layers)))
            for ion in layer.dopants_mol_percent
        }
    return {ion: ("network", "levels", ion) for ion in run.network.levels} if run.network is not None else {}


def _shelf_problems(run: RunFile) -> Iterable[Problem]:
    shelf = run.shelf
    if shelf is None:
        return
    if shelf.ions is not None and run.particle is not None:
        for i, layer in enumerate(run.particle.layers):
            for ion in layer.dopants_mol_percent:
                if ion not in shelf.ions:
                    cure = f"the shelf holds {', '.join(shelf.ions)}: use one of them, or add {ion} to `shelf.ions`"
                    path = ("particle", "layers", i, "dopants_mol_percent", ion)
                    yield Problem(path, f"{ion} is not on the shelf", cure)
    elif shelf.ions is not None:
        for ion, path in _ions(run).items():
            if ion not in shelf.ions:
                yield Problem(path, f"{ion} is not on the shelf", f"add {ion} to `shelf.ions`")
    if shelf.lasers_nm is not None:
        wavelength = run.excitation.wavelength_nm
        for i, nm in enumerate(options(wavelength)):
            if all(abs(nm - laser) > LASER_TOLERANCE_nm for laser in shelf.lasers_nm):
                lasers = ", ".join(f"{laser:g}" for laser in shelf.lasers_nm)
                place = ("choice", i) if isinstance(wavelength, Choice) else ()
                cure = f"the shelf holds {lasers} nm: use one of them, or add {nm:g} to `shelf.lasers_nm`"
                yield Problem(("excitation", "wavelength_nm", *place), f"no laser of {nm:g} nm is on the shelf", cure)
    high, limit = run.excitation.irradiance_window_kW_per_cm2[1], shelf.irradiance_limit_kW_per_cm2
    if high > limit * (1.0 + 1e-9):
        key = "irradiance_kW_per_cm2" if run.excitation.irradiance_kW_per_cm2 is not None else "power_mW"
        what = f"reaches {high:.4g} kW/cm^2, but the laser on the shelf gives {limit:.4g} kW/cm^2"
        yield Problem(("excitation", key, "max"), what, "lower it, or correct the limit in `shelf`")


def _network_problems(run: RunFile) -> Iterable[Problem]:
    network = run.network
    if network is None:
        return
    if not network.levels:
        yield Problem(("network", "levels"), "is empty", "list the level ids of each ion from low to high")
    if not network.processes:
        yield Problem(("network", "processes"), "is empty", "write at least one process")
    for ion, ids in network.levels.items():
        here: Path = ("network", "levels", ion)
        if len(ids) < 2:
            yield Problem(here, f"has {len(ids)} levels", "list at least two, from low to high")
        for i, level in enumerate(ids):
            if level in ids[:i]:
                yield Problem((*here, i), f'"{level}" is listed twice', "give every level its own id")
    known = [f"{ion}:{level}" for ion, ids in network.levels.items() for level in ids]
    for key in ("energies_cm1", "degeneracies"):
        for level in getattr(network, key):
            if level not in known:
                yield Problem(("network", key, level), f'"{level}" is no level of this network', suggest(level, known))
    for ion, ids in network.levels.items():
        given = [f"{ion}:{level}" for level in ids if f"{ion}:{level}" in network.energies_cm1]
        for below, above in pairwise(given):
            if network.energies_cm1[below] > network.energies_cm1[above]:
                what = f"lies below {below}, but `levels` lists it above"
                yield Problem(("network", "energies_cm1", above), what, "list the levels from low to high")
    if network.emission is not None and run.emission is not None:
        yield Problem(("network", "emission"), "repeats `emission`", "keep the one at top level")


def _emission_problems(run: RunFile) -> Iterable[Problem]:
    ions = _ions(run)
    named: list[tuple[Path, str]] = [(("emission", i), text) for i, text in enumerate(run.emission or ())]
    if run.network is not None:
        named += [(("network", "emission", i), text) for i, text in enumerate(run.network.emission or ())]
    for path, spec in _objectives(run):
        for key in ("emission", "ratio_to"):
            if (wanted := getattr(spec, key, None)) is not None:
                named.append(((*path, key), wanted))
    if run.emission == ():
        yield Problem(("emission",), "is empty", "list transitions, or remove the key and let the program choose")
    for i, (path, text) in enumerate(named):
        ion, upper, lower = parse_transition(text)
        if ion not in ions:
            where = "layer" if run.network is None else "network"
            yield Problem(path, f"{ion} is in no {where}", suggest(ion, tuple(ions), "ions here"))
        else:
            yield from _level_problems(run, path, ion, upper, lower)
        if path[0] == "emission" and text in [other for place, other in named[:i] if place[0] == "emission"]:
            yield Problem(path, f'"{text}" is listed twice', "list every transition once")


def _chosen_level_problems(run: RunFile) -> Iterable[Problem]:
    """Levels picked by name that do not exist, or of an ion that is not there."""
    for ion, chosen in (run.particle.levels if run.particle is not None else {}).items():
        here: Path = ("particle", "levels", ion)
        if ion in INERT_IONS or ion not in _ions(run):
            yield Problem(here, f"{ion} is in no layer, or has no levels", "remove the line")
            continue
        ids = tuple(known_levels(ion))
        for i, level in enumerate(chosen):
            if level not in ids:
                yield Problem((*here, i), f'"{level}" is no level of {ion}', suggest(level, ids, f"levels of {ion}"))
        if not set(chosen) - {ids[0]}:
            yield Problem(here, "names no excited level", f"name at least one above {ids[0]}")


def _level_problems(run: RunFile, path: Path, ion: str, upper: str, lower: str) -> Iterable[Problem]:
    energies = known_levels(ion) if run.network is None else {}
    ids = tuple(energies) if run.network is None else run.network.levels[ion]
    unknown = [level for level in (upper, lower) if level not in ids]
    for level in unknown:
        yield Problem(path, f'"{level}" is no level of {ion}', suggest(level, ids, f"levels of {ion}"))
    if unknown:
        return
    if ids.index(upper) < ids.index(lower):
        yield Problem(path, f"{upper} lies below {lower}, but light is emitted downwards", "exchange the two levels")
    elif run.particle is not None and run.network is None and energies[upper] > run.particle.max_level_cm1:
        what = f"begins at {energies[upper]:.0f} cm^-1, above `max_level_cm1`, where levels are left out"
        yield Problem(path, what, "raise `particle.max_level_cm1`, or choose a lower level")


def _objectives(run: RunFile) -> Iterable[tuple[Path, object]]:
    """Every objective that stands for itself, with its place in the file."""
    if run.objective is None:
        return
    parts = getattr(run.objective, "parts", None)
    if parts is None:
        yield ("objective",), run.objective
        return
    for k, part in enumerate(parts):
        yield ("objective", "parts", k, "objective"), part.objective


def _objective_problems(run: RunFile) -> Iterable[Problem]:
    low, high = run.excitation.irradiance_window_kW_per_cm2
    for path, spec in _objectives(run):
        for key in ("at_irradiance_kW_per_cm2", "from_irradiance_kW_per_cm2", "to_irradiance_kW_per_cm2"):
            at = getattr(spec, key, None)
            if at is not None and not low * (1.0 - 1e-9) <= at <= high * (1.0 + 1e-9):
                what = f"is {at:g}, outside the excitation's window {low:.4g} to {high:.4g} kW/cm^2"
                yield Problem((*path, key), what, "move it into the window, or widen the window")
        most = getattr(spec, "max_irradiance_kW_per_cm2", None)
        if most is not None and most < low:
            what = f"is {most:g}, below the excitation's whole window {low:.4g} to {high:.4g} kW/cm^2"
            yield Problem((*path, "max_irradiance_kW_per_cm2"), what, "raise it, or begin the window lower")


def _beam_problems(run: RunFile) -> Iterable[Problem]:
    """Further beams that a hand-written network cannot absorb, courses in time without a beam, protocols of nothing,
    and powers without a steady state to compare with."""
    low, high = run.excitation.irradiance_window_kW_per_cm2
    for key in ("scan_s", "pause_ms", "frequency_Hz", "irradiances_kW_per_cm2"):
        if getattr(run.dynamics, key, None) == ():
            yield Problem(("dynamics", key), "is empty", "list at least one")
    steady = getattr(run.dynamics, "irradiances_kW_per_cm2", None) or ()
    places: list[tuple[Path, float]] = [(("irradiances_kW_per_cm2", k), power) for k, power in enumerate(steady)]
    if getattr(run.dynamics, "kind", "") == "modulated":
        places.append((("irradiance_kW_per_cm2",), run.dynamics.irradiance_kW_per_cm2))  # type: ignore[union-attr]
    for path, power in places:
        if not low * (1.0 - 1e-9) <= power <= high * (1.0 + 1e-9):
            what = f"is {power:g}, outside the excitation's window {low:.4g} to {high:.4g} kW/cm^2"
            yield Problem(("dynamics", *path), what, "move it into the window, or widen the window")
    beams, courses = run.excitation.also, getattr(run.dynamics, "also", ())
    if beams and run.network is not None:
        what = "stands beside a hand-written network, whose cross-sections hold at one wavelength"
        yield Problem(("excitation", "also"), what, "remove it, or write what it does as rates in 1/s")
    if len(courses) > len(beams):
        what = f"has {len(courses)} courses for {len(beams)} further beams"
        yield Problem(("dynamics", "also"), what, "give one for each beam of `excitation.also`, in its order")


def _parameter_set_problems(run: RunFile) -> Iterable[Problem]:
    used: set[str] = set()
    for layer in run.particle.layers if run.particle is not None else ():
        used.update(options(layer.host))
    used.update(layer.host for reference in run.compare_with for layer in reference.layers)
    for host, name in run.parameter_sets.items():
        path: Path = ("parameter_sets", host)
        if host not in used:
            yield Problem(path, f"no layer uses {host}, so this would be ignored", "remove it")
        elif not name.endswith(".yaml") and name not in (known := known_parameter_sets()):
            cure = f"{suggest(name, known, 'sets')} (a set of your own is named by its file, ending in .yaml)"
            yield Problem(path, f'unknown parameter set "{name}"', cure)


def _heating_problems(run: RunFile) -> Iterable[Problem]:
    if run.particle is None or run.particle.surroundings.thermal_resistance_K_per_W is None:
        return
    from padesign.config.installed import objective_class  # takes seconds, and few files need it

    for path, objective in _objectives(run):
        kind: str = objective.kind  # type: ignore[attr-defined]
        key = "name" if kind == "custom" else "kind"
        name: str = getattr(objective, key)
        try:
            isothermal = objective_class(name, (*path, key)).isothermal
        except InputError as error:
            yield Problem(error.path, error.what, error.cure)
            continue
        if isothermal:
            what = f"is {name}, which keeps the temperature, but the particle has a thermal resistance"
            yield Problem((*path, key), what, "remove `particle.surroundings.thermal_resistance_K_per_W`")
    if run.solver.steady_state != "continuation":
        what = f'is "{run.solver.steady_state}", which keeps the temperature, but the particle has a thermal resistance'
        cure = "write `continuation`, or remove `particle.surroundings.thermal_resistance_K_per_W`"
        yield Problem(("solver", "steady_state"), what, cure)


# ---------------------------------------------------------------------------------------------------------- free values
@dataclass(frozen=True)
class FreeVariable:
    """One value that a search decides.

    `path` is dotted, list items by number (`particle.layers.1.thickness_nm`); whether an optional layer or ion is there
    at all is a variable of its own and ends in `.present`. A continuous one has `low`, `high` and perhaps `start`, a
    discrete one has `options`.
    """

    path: str
    kind: Literal["continuous", "discrete"]
    low: float | None = None
    high: float | None = None
    start: float | None = None
    options: tuple[str | float | bool, ...] = ()


def free_variables(run: RunFile) -> list[FreeVariable]:
    """Every value of the file that is a range, a choice or an optional part, in the order of the file."""
    found = list(_free("excitation.wavelength_nm", run.excitation.wavelength_nm))
    for i, layer in enumerate(run.particle.layers if run.particle is not None else ()):
        here = f"particle.layers.{i}"
        if layer.optional:
            found.append(FreeVariable(f"{here}.present", "discrete", options=(True, False)))
        for key in ("host", "diameter_nm", "thickness_nm"):
            found += _free(f"{here}.{key}", getattr(layer, key))
        for ion, value in layer.dopants_mol_percent.items():
            found += _free(f"{here}.dopants_mol_percent.{ion}", value)
    return found


def _free(path: str, value: Any) -> Iterable[FreeVariable]:
    if isinstance(value, Range):
        yield FreeVariable(path, "continuous", value.min, value.max, value.start)
    if isinstance(value, Choice):
        yield FreeVariable(path, "discrete", options=value.choice)
    if _may_be_absent(value):
        yield FreeVariable(f"{path}.present", "discrete", options=(True, False))


def require_fixed(run: RunFile, file: str = "") -> None:
    """Raise `InputError` naming every free value: one particle can be computed, a range cannot."""
    free = [variable.path for variable in free_variables(run)]
    if free:
        one = len(free) == 1
        what = f"{len(free)} {'value is' if one else 'values are'} still free: {', '.join(free)}"
        cure = "give every value one number (in the file, or with --set KEY=VALUE), or search with `padesign run`"
        raise InputError(what, cure=cure, file=file)


def require_objective(run: RunFile, file: str = "") -> None:
    """Raise `InputError` when there is nothing to search for."""
    if run.objective is None:
        cure = "add for instance `objective: {kind: threshold}`, or evaluate the file as it is instead of searching"
        raise InputError("has no `objective`, so there is nothing to search for", cure=cure, file=file)
