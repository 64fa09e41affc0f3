"""`padesign validate`: what a run file would solve, without solving it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

from padesign.cli.caveats import (
    idle_lines,
    inert_line,
    kept_level_lines,
    layer_lines,
    level_lines,
    surroundings_lines,
)
from padesign.cli.console import clean, emit
from padesign.cli.definitions import calibration_note, hosts_of, sets_of
from padesign.cli.fixed import named
from padesign.cli.guard import placed
from padesign.config import LoadedRun, free_variables, load_run_file
from padesign.config.build import (
    build_network,
    build_objective,
    build_reference,
    build_robust,
    build_scene,
    build_space,
)
from padesign.config.schema import RunFile
from padesign.design.limits import host_mismatch_percent
from padesign.design.space import DesignSpace, nothing_fits
from padesign.errors import InputError
from padesign.kinetics.particle_network import particle_model
from padesign.parameters import load_host, mismatch_warning

_MOST_COMBINATIONS = 100_000
_SECONDS_OF_50, _GROWTH = 0.008, 2.3
"""Time of a power curve with its gradient at 50 unknowns on one core, and the power of the unknowns with which it
grows: from the table of `experiments.benchmarks.scale` (50 to 405 unknowns)."""


def validate(file: Path, overrides: Sequence[str]) -> int:
    """Check a run file down to the last level name and print the size of the problem."""
    loaded = load_run_file(file, overrides)
    with placed(loaded):
        lines = _network_lines(loaded.run) if loaded.run.network is not None else _particle_lines(loaded)
    emit(clean(f"{loaded.file} is a sound run file: {loaded.run.name}"))
    for name, text in lines:
        emit(clean(f"  {name:<22}{text}"))
    return 0


def _network_lines(run: RunFile) -> list[tuple[str, str]]:
    network = build_network(run)
    pumped = sum(process.pumped for process in network.processes)
    pairs = sum(len(process.before) == 2 for process in network.processes)
    decays = len(network.processes) - pumped - pairs
    return [
        ("system", f"hand-written network, {len(network.labels)} levels of {', '.join(network.levels)}"),
        ("processes", f"{pumped} absorptions, {decays} decays, {pairs} transfers"),
        ("unknowns", f"{len(network.labels)} populations"),
        *_scene_lines(run),
        ("next", "padesign evaluate"),
    ]


def _particle_lines(loaded: LoadedRun) -> list[tuple[str, str]]:
    run = loaded.run
    space, scene = build_space(run), build_scene(run)
    sets = sets_of(run, hosts_of(run))
    models = [
        particle_model(space.signature(cells, dict(run.parameter_sets)))
        for cells in (scene.cells_per_layer, scene.judge_cells_per_layer)
    ]
    counts = [len(model.labels) for model in models]
    free = free_variables(run)
    continuous = [variable for variable in free if variable.kind == "continuous"]
    lines = [("system", f"{len(space.layers)} layers, ions {', '.join(space.ions)}")]
    lines += [("layers", text) for text in layer_lines(run)]
    lines += [("levels", text) for text in [*kept_level_lines(models[-1]), *level_lines(run, models[-1])]]
    lines += [("surroundings", text) for text in surroundings_lines(run)]
    if free:
        lines.append(("choices", _choices(space)))
        moving = ", ".join(
            f"{named(run, v.path).removeprefix('particle.layers.')} {v.low:g} to {v.high:g}" for v in continuous
        )
        lines.append(("continuous variables", f"{len(continuous)}: {moving}" if continuous else "none"))
    else:
        lines.append(("design", "fixed: one particle, nothing to search"))
    lines += [("limits", text) for text in limit_lines(run)]
    lines.append(("unknowns", f"{counts[0]} populations while searching, {counts[1]} for the numbers reported"))
    lines += _scene_lines(run)
    if run.objective is not None:
        objective = build_objective(run)
        lines.append(
            ("objective", f"{'largest' if objective.maximise else 'smallest'} {objective.name}: {objective.statement}")
        )
        lines += _objective_limits(run)
        if (robust := build_robust(run)) is not None:
            lines.append(("robust", robust.meaning))
            scatter = (robust.core, robust.shell, robust.dopant)
            core, shell, dopant = (f"{100.0 * share:g} %" for share in scatter)
            lines.append(("batch", f"scatters by {core} of the core, {shell} of every shell, {dopant} of every share"))
        search = run.search
        each = f", each of {run.robust.samples} particles" if run.robust is not None else ""
        lines.append(("search", f"{search.trials} trials of {search.starts} × {search.steps} gradient steps{each}"))
        lines.append(("time", _time(run, counts[0])))
        lines += _grid(run)
    for reference in run.compare_with:
        build_reference(run, reference)
        lines.append(("compared with", f"{reference.name}, {reference.source}"))
    programs = 1
    if run.objective is not None:
        programs = (
            4
            + build_objective(run).guesses
            + (run.robust is not None) * (1 + len(run.compare_with))
            + len(run.compare_with)
        )
    once = "once, up to a minute each; kept on disk for later runs"
    lines.append(("to compile", f"{programs} program{'s' * (programs > 1)}, {once}"))
    lines.append(("parameter sets", ", ".join(f"{one.name} (sha256 {one.digest[:12]})" for one in sets)))
    lines += [("mind", text) for text in [*idle_lines(run), *inert_line(space), *growth_warnings(space)]]
    note = calibration_note(sets)
    if note:
        lines.append(("", note))
    fixed_next = "padesign evaluate, sweep, network or recipe"
    lines.append(("next", "padesign run" if run.objective is not None and free else fixed_next))
    return lines


def _time(run: RunFile, unknowns: int) -> str:
    """What the search costs at most, from the number of unknowns alone."""
    search, particles = run.search, 1 if run.robust is None else run.robust.samples
    solves = search.trials * (search.starts + 1) * search.steps * particles
    seconds = solves * _SECONDS_OF_50 * (unknowns / 50.0) ** _GROWTH
    said = f"{seconds / 3600:.0f} h" if seconds > 7200 else f"{max(seconds / 60, 1):.0f} min"
    return f"about {said} of one core or less for {solves} gradients (a guess from the unknowns), beside compiling"


def _objective_limits(run: RunFile) -> list[tuple[str, str]]:
    """What the run file itself says of the objective, beside its kind."""
    said = run.objective.model_dump(exclude_unset=True) if run.objective is not None else {}
    numbers = [
        f"{key} {value:g}" for key, value in said.items() if isinstance(value, int | float) and value is not True
    ]
    return [("  with", ", ".join(numbers))] if numbers else []


def _grid(run: RunFile) -> list[tuple[str, str]]:
    """The grid that designs are rounded to."""
    steps = [(run.rounding.size_step_nm, "nm"), (run.rounding.dopant_step_mol_percent, "mol%")]
    text = " and ".join(f"{step:g} {unit}" for step, unit in steps if step > 0.0)
    return [("rounded to", text)] if text else []


def limit_lines(run: RunFile) -> list[str]:
    """What every design of the search keeps."""
    particle = run.particle
    if particle is None:
        return []
    lines = []
    if particle.max_diameter_nm is not None:
        lines.append(f"at most {particle.max_diameter_nm:g} nm across")
    held = [(layer.name, layer.max_dopant_mol_percent) for layer in particle.layers]
    held.append(("the whole particle", particle.max_dopant_mol_percent))
    lines += [f"dopants of {name}: at most {most:g} mol% together" for name, most in held if most is not None]
    if (mismatch := particle.max_lattice_mismatch_percent) is not None:
        lines.append(f"lattice mismatch of neighbouring layers: at most {mismatch:g} %")
    if (steps := particle.max_synthesis_steps) is not None:
        lines.append(f"at most {steps} growth step{'s' * (steps > 1)} (core and every shell)")
    return lines


def growth_warnings(space: DesignSpace) -> list[str]:
    """What the lattices say against growing neighbouring layers on each other, for every host they may have."""
    limit = space.limits.lattice_mismatch_percent
    pairs = (
        (load_host(core), load_host(shell))
        for inner, outer in itertools.pairwise(space.layers)
        for core, shell in itertools.product(inner.hosts, outer.hosts)
        if limit is None or host_mismatch_percent(core, shell) <= limit
    )
    return list(dict.fromkeys(text for core, shell in pairs if (text := mismatch_warning(core, shell))))


def _scene_lines(run: RunFile) -> list[tuple[str, str]]:
    low, high = run.excitation.irradiance_window_kW_per_cm2
    wavelength = run.excitation.wavelength_nm
    lasers = ", ".join(f"{w:g}" for w in getattr(wavelength, "choice", None) or [wavelength])
    swept = f"{lasers} nm, {low:.4g} to {high:.4g} kW/cm²"
    steady = "".join(f" + {b.irradiance_kW_per_cm2:.4g} kW/cm² at {b.wavelength_nm:g} nm" for b in run.excitation.also)
    return [("excitation", f"{swept}{steady}, {run.temperature_K:g} K")]


def _choices(space: DesignSpace) -> str:
    """How many different sets of choices there are; a layer left out makes the choices inside it meaningless."""
    names, options = list(space.choices), list(space.choices.values())
    total = 1
    for some in options:
        total *= len(some)
    if total > _MOST_COMBINATIONS:
        return f"{total} combinations of {', '.join(names)}"
    different: set[str] = set()
    troubles: list[InputError] = []
    for combination in itertools.product(*options):
        choice = dict(zip(names, combination, strict=True))
        try:
            space.bounds(choice)
        except InputError as error:
            troubles.append(error)
            continue
        different.add(space.topology(choice))
    if not different:
        raise nothing_fits(troubles)
    text = f"{len(different)} different" + (f" ({', '.join(names)})" if names else "")
    return text + (f"; {len(troubles)} more do not fit the limits" if troubles else "")
