"""From a checked run file to the objects of the layers below."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence

from padesign.config.blocks.objectives import Composite, Custom, Resolution, Threshold
from padesign.config.blocks.particle import Surroundings as SurroundingsSpec
from padesign.config.blocks.results import Reference
from padesign.config.installed import objective_class
from padesign.config.quantity import Path
from padesign.config.schema import RunFile
from padesign.config.values import Choice as ChoiceSpec
from padesign.config.values import Range
from padesign.design.fixed import FixedDesign, fixed_design
from padesign.design.limits import NO_LIMITS, Limits
from padesign.design.objective import AbstractObjective
from padesign.design.problem import InnerSettings, Problem
from padesign.design.robust import Robust
from padesign.design.rounding import Steps
from padesign.design.scene import Scene
from padesign.design.space import Choice, DesignSpace, DopantSpace, Fixed, Free, LayerSpace, Value
from padesign.errors import InputError
from padesign.kinetics.mixed import replaced_pairs
from padesign.kinetics.text import TextNetwork, parse_network
from padesign.particle.layers import Particle
from padesign.particle.surroundings import Acceptors, Surroundings
from padesign.spectroscopy.tables import INERT_IONS, load_ion


def build_space(run: RunFile) -> DesignSpace:
    """The design space of a run file with a `particle` block."""
    spec = run.particle
    if spec is None:
        raise InputError("this run file has no `particle`", cure="it holds a hand-written network: use `evaluate`")
    layers = []
    for layer in spec.layers:
        thickness = _value(layer.thickness_nm) if layer.diameter_nm is None else _value(layer.diameter_nm, scale=0.5)
        dopants = tuple(
            DopantSpace(ion, _value(share), bool(getattr(share, "optional", False)))
            for ion, share in layer.dopants_mol_percent.items()
        )
        hosts = tuple(layer.host.choice) if isinstance(layer.host, ChoiceSpec) else (layer.host,)
        most = 100.0 if layer.max_dopant_mol_percent is None else layer.max_dopant_mol_percent
        layers.append(LayerSpace(layer.name, hosts, thickness, dopants, layer.optional, most))
    wavelength = run.excitation.wavelength_nm
    lasers = tuple(wavelength.choice) if isinstance(wavelength, ChoiceSpec) else (float(wavelength),)
    return DesignSpace(
        tuple(layers),
        lasers,
        spec.max_diameter_nm,
        spec.interface_mixing_nm,
        spec.surface_loss,
        spec.max_level_cm1,
        tuple(spec.levels.items()),
        replaced_pairs(spec.replace_processes, _levels(layers)),
        Limits(spec.max_dopant_mol_percent, spec.max_lattice_mismatch_percent, spec.max_synthesis_steps),
    )


def build_design(run: RunFile, cells_per_layer: int | None = None) -> FixedDesign:
    """The one design of a run file with nothing free, by default on the judging grid."""
    return fixed_design(build_space(run), build_scene(run), run.parameter_sets, cells_per_layer)


def _levels(layers: Sequence[LayerSpace]) -> dict[str, tuple[str, ...]]:
    """Every level of the ions of these layers that shine."""
    ions = dict.fromkeys(dopant.ion for layer in layers for dopant in layer.dopants)
    return {ion: load_ion(ion).level_ids for ion in ions if ion not in INERT_IONS}


def build_reference(run: RunFile, reference: Reference) -> DesignSpace:
    """A published particle under the conditions of the run."""
    layers = tuple(
        LayerSpace(
            layer.name,
            (layer.host,),
            Fixed(0.5 * layer.diameter_nm if layer.diameter_nm is not None else float(layer.thickness_nm or 0.0)),
            tuple(DopantSpace(ion, Fixed(x)) for ion, x in layer.dopants_mol_percent.items()),
        )
        for layer in reference.layers
    )
    space = build_space(run)
    return dataclasses.replace(space, layers=layers, max_diameter_nm=None, limits=NO_LIMITS)


def build_particle(run: RunFile) -> Particle:
    """The one particle of a run file without free values."""
    return _only_particle(build_space(run))


def _only_particle(space: DesignSpace) -> Particle:
    """The particle of a space without free values."""
    bounds = space.bounds({})
    return space.particle({}, bounds.thickness_low_nm.tolist(), bounds.fraction_low)


def build_network(run: RunFile) -> TextNetwork:
    """The hand-written network of a run file with a `network` block."""
    if run.network is None:
        raise InputError("this run file has no `network`")
    return parse_network(run.network.levels, run.network.processes, run.network.energies_cm1)


def build_scene(run: RunFile) -> Scene:
    """Power window, temperature and solver settings."""
    spec = run.particle
    return Scene(
        run.excitation.irradiance_window_kW_per_cm2,
        run.temperature_K,
        tuple((beam.wavelength_nm, beam.irradiance_kW_per_cm2) for beam in run.excitation.also),
        Surroundings() if spec is None else _surroundings(spec.surroundings),
        None if spec is None else spec.surroundings.thermal_resistance_K_per_W,
        () if spec is None else spec.add_processes,
        () if spec is None else spec.replace_processes,
        run.solver.steady_state,
        run.solver.cells_per_layer,
        run.solver.judge_cells_per_layer,
    )


def _surroundings(spec: SurroundingsSpec) -> Surroundings:
    acceptors = spec.saturable_acceptors
    held = None if acceptors is None else Acceptors(acceptors.per_nm2, acceptors.recovery_s)
    return Surroundings(spec.refractive_index, spec.ligand, held)


def build_objective(run: RunFile) -> AbstractObjective:
    """The objective by name from the installed ones (entry points `padesign.objectives`)."""
    spec = run.objective
    if spec is None:
        raise InputError("this run file has no `objective`", cure="add one, for instance nonlinearity or threshold")
    if not isinstance(spec, Composite):
        return _objective(run, spec, ("objective",))
    parts, named = [], Counter[str]()
    for k, part in enumerate(spec.parts):
        one = _objective(run, part.objective, ("objective", "parts", k, "objective"))
        named[one.name] += 1
        label = one.name if named[one.name] == 1 else f"{one.name}_{named[one.name]}"
        parts.append({"label": label, "objective": one, **part.model_dump(exclude={"objective"})})
    return _installed("composite", {"parts": parts, "front": spec.front}, ("objective",))


def _objective(run: RunFile, spec: object, path: Path) -> AbstractObjective:
    """One objective that stands for itself."""
    if isinstance(spec, Custom):
        return _installed(spec.name, dict(spec.options), (*path, "name"))
    kind: str = spec.kind  # type: ignore[attr-defined]
    plain = spec.model_dump(exclude={"kind"})  # type: ignore[attr-defined]
    options = {key: value for key, value in plain.items() if value is not None}
    if isinstance(spec, Threshold) and "emission" not in options:
        options["emission"] = (run.emission or (None,))[0]
        if options["emission"] is None:
            raise InputError(
                "the threshold objective needs a band to report S and brightness of",
                cure='add `emission: "Tm:3H4 -> Tm:3H6"` to the objective',
                path=path,
            )
    if isinstance(spec, Resolution):
        if isinstance(run.excitation.wavelength_nm, ChoiceSpec):
            raise InputError("a resolution needs one laser", cure="give `wavelength_nm` one number", path=path)
        options["wavelength_nm"] = float(run.excitation.wavelength_nm)
    return _installed(kind, options, path)


def _installed(name: str, options: dict[str, object], path: Path) -> AbstractObjective:
    try:
        return objective_class(name, path).from_options(options)
    except TypeError as error:
        raise InputError(f"objective `{name}` does not take these options: {error}", path=path) from error


def build_problem(run: RunFile) -> Problem:
    """The whole design problem of a run file."""
    inner = InnerSettings(run.search.starts, run.search.steps, run.search.learning_rate)
    known = [_only_particle(build_reference(run, reference)) for reference in run.compare_with]
    return Problem(
        build_space(run),
        build_objective(run),
        build_scene(run),
        inner,
        dict(run.parameter_sets),
        known,
        Steps(run.rounding.size_step_nm, run.rounding.dopant_step_mol_percent),
        build_robust(run),
    )


def build_robust(run: RunFile) -> Robust | None:
    """What a run file asks of batches; None when it is about the particle that is aimed at."""
    spec = run.robust
    if spec is None:
        return None
    return Robust(
        core=0.01 * spec.core_percent,
        shell=0.01 * spec.shell_percent,
        dopant=0.01 * spec.dopant_percent,
        aim=spec.aim,
        level=spec.quantile,
        specification=1.0 if spec.specification is None else spec.specification,
        samples=spec.samples,
        judge_samples=spec.judge_samples,
        seed=spec.seed,
        parameters=spec.parameter_uncertainty,
    )


def wants_more(run: RunFile, objective: AbstractObjective) -> bool:
    """Whether a larger value is better; a yield always wants more."""
    return objective.maximise or (run.robust is not None and run.robust.aim == "yield")


def problem_from(resolved: str) -> Problem:
    """The design problem of resolved settings as JSON text, made anew in another process."""
    return build_problem(RunFile.model_validate_json(resolved))


def _value(spec: object, scale: float = 1.0) -> Value:
    if isinstance(spec, ChoiceSpec):
        return Choice(tuple(scale * float(option) for option in spec.choice))
    if isinstance(spec, Range):
        start = None if spec.start is None else scale * spec.start
        return Free(scale * spec.min, scale * spec.max, start)
    return Fixed(scale * float(spec))  # type: ignore[arg-type]
