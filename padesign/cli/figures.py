"""`padesign figures`: a design from inside and outside, each picture as SVG and PNG with its numbers as CSV."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from padesign.cli.characterise.light import SPECTRUM_nm, colour_path, spectrum
from padesign.cli.console import emit, say, shown
from padesign.cli.definitions import calibration_note, sets_of
from padesign.cli.evaluate import own_hosts
from padesign.cli.fixed import demand_fixed, solved_or_said
from padesign.cli.guard import NOTHING_FOUND, placed
from padesign.config import RunFile, load_run_file
from padesign.config.build import build_design, build_particle, build_space
from padesign.design.characterise import state_at, transfer_weights
from padesign.design.evaluate import evaluate_solution
from padesign.design.sensitivity import Derivatives, by_everything
from padesign.kinetics.light import Band
from padesign.kinetics.particle_network import particle_model
from padesign.observables.colour import unknown_energies
from padesign.observables.fluxes import fluxes, mean_populations, net
from padesign.observables.solution import Solution
from padesign.parameters import ParameterSet
from padesign.particle.cells import split_layers
from padesign.recipe.tables import quantity
from padesign.report.design_figures import Influence, RadialLevel, influence_figure, radial_figure
from padesign.report.figure_style import FigureFiles, number_text
from padesign.types import LogPopulations

_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def figures(file: Path, overrides: Sequence[str], out: Path) -> int:
    """Draw every figure that this design has into `out`, and say what has none."""
    loaded = load_run_file(file, overrides)
    demand_fixed(loaded)
    run = loaded.run
    with placed(loaded):
        solved = solved_or_said(run)
        if solved is None:
            return NOTHING_FOUND
        for files in _all(run, *solved, out):
            emit(shown(files.svg))
    note = "" if run.network is not None else calibration_note(sets_of(run, own_hosts(run)))
    if note:
        emit(note)
    return 0


def _all(run: RunFile, solution: Solution, bands: Sequence[Band], out: Path) -> list[FigureFiles]:
    from padesign.report.colour_figures import spectrum_figure
    from padesign.report.figures import particle_figure, power_curve_figure
    from padesign.report.power_curve_figure import within

    asked = run.characterise.at_irradiance_kW_per_cm2
    result = evaluate_solution(solution, [bands[0].label])
    band = result.bands[0]
    at = band.S_at_kW_per_cm2 if asked is None else float(asked)
    state = state_at(solution, jnp.asarray(math.log(1e3 * at)))
    marks = {"S_at_kW_per_cm2": band.S_at_kW_per_cm2}
    marks |= {} if band.S is None else {"S_exact": band.S}
    marks |= {} if result.threshold_kW_per_cm2 is None else {"threshold_kW_per_cm2": result.threshold_kW_per_cm2}
    curve = within(result.curves[band.transition], run.excitation.irradiance_window_kW_per_cm2)
    made = [power_curve_figure(curve, marks, band.transition, out / "power_curve")]
    if unknown_energies(solution.light):
        say("no level diagram and no colour: energies of some levels are not given")
    else:
        made.append(_levels(run, solution, state, at, out))
        made += _colour(solution, out)
    if run.network is not None:
        say("a hand-written network has no cross-section, spectrum, radii or influences")
        return made
    made.append(particle_figure(build_particle(run), out / "particle"))
    made.append(spectrum_figure(SPECTRUM_nm, spectrum(run, solution, state), at, out / "spectrum"))
    made.append(_radial(run, solution, state, at, out))
    if result.threshold_kW_per_cm2 is None or band.S is None:
        say("no influences: without a threshold or with a jump there is nothing to differentiate")
    else:
        say("differentiating by every size, share and constant (compiles once, about a minute)")
        made.append(influence_figure(influences(run, band.transition), out / "influence"))
    return made


def _levels(run: RunFile, solution: Solution, state: LogPopulations, at: float, out: Path) -> FigureFiles:
    from padesign.report.level_figure import level_figure

    weights = None
    if run.network is None:
        weights = transfer_weights(build_design(run))
    found = net(fluxes(solution.light, state, 1e3 * at, weights))
    populations = mean_populations(solution.light, state)
    return level_figure(solution.light, populations, found, at, out / "levels")


def _colour(solution: Solution, out: Path) -> list[FigureFiles]:
    """The path of the colour over the power window, as far as there is anything to see."""
    from padesign.report.colour_figures import chromaticity_figure

    seen = colour_path(solution)
    if len(seen) < 2:
        say("no colour: nothing is emitted between 380 and 780 nm")
        return []
    power, x, y = zip(*seen, strict=True)
    return [chromaticity_figure(power, x, y, out / "colour")]


def _radial(run: RunFile, solution: Solution, state: LogPopulations, at: float, out: Path) -> FigureFiles:
    one = build_design(run)
    model = particle_model(one.signature)
    edges = split_layers(one.geometry.thickness_nm, one.signature.cells_per_layer)
    inner, outer = (np.asarray(radii) for radii in edges)
    blocks = solution.light.network.split(jnp.exp(jnp.asarray(state)))
    found = []
    for s, (ion, ids) in enumerate(solution.light.levels):
        if ion not in model.cells_of:  # acceptors outside the particle
            continue
        cells, held = model.cells_of[ion], np.asarray(solution.light.ions_in_cell[s])
        some = held > 1e-6 * held.sum()
        for k, level in enumerate(ids):
            fraction = np.asarray(blocks[s])[some, k]
            found.append(RadialLevel(f"{ion}:{level}", inner[cells][some], outer[cells][some], fraction))
    particle = build_particle(run)
    borders = dict(zip((layer.name for layer in particle.layers), particle.outer_radii_nm, strict=True))
    return radial_figure(found, borders, at, out / "populations")


def influences(run: RunFile, label: str) -> list[Influence]:
    """Every size and share by the tolerance of a synthesis, every constant by its standard deviation; first order."""
    one = build_design(run)
    threshold, S = by_everything(one.signature, one.scene, label, one.geometry, one.hosts, one.conditions)
    ions = build_space(run).ions
    return [*_of_design(run, ions, one.geometry.fraction, threshold, S), *_of_constants(run, threshold, S)]


def _of_design(
    run: RunFile, ions: Sequence[str], fraction: object, threshold: Derivatives, S: Derivatives
) -> list[Influence]:
    core = quantity("core_diameter_tolerance_percent").set / 100.0
    shell = quantity("shell_thickness_tolerance_nm").set
    share = quantity("dopant_tolerance_percent_relative").set / 100.0
    held = np.asarray(fraction)
    found = []
    for k, layer in enumerate(build_particle(run).layers):
        step = core * layer.thickness_nm if k == 0 else shell
        name = f"{layer.name} {'radius' if k == 0 else 'thickness'}"
        sides = (float(one.geometry.thickness_nm[k]) * step for one in (threshold, S))
        found.append(Influence(name, f"+{number_text(step)} nm", True, *sides))
        for i, ion in enumerate(ions):
            if held[k, i] > 0.0:
                sides = (float(one.geometry.fraction[k, i]) * share * held[k, i] for one in (threshold, S))
                step_text = f"+{number_text(100.0 * share * held[k, i])} mol%"
                found.append(Influence(f"{layer.name} {ion}", step_text, True, *sides))
    return found


def _of_constants(run: RunFile, threshold: Derivatives, S: Derivatives) -> list[Influence]:
    """One entry per constant of each parameter set; hosts that share a set are added up."""
    space = build_space(run)
    found: dict[tuple[str, str], Influence] = {}
    for slot, host in enumerate(space.slot_hosts({})):
        (one,) = sets_of(run, [host])
        for key, entry in one.entries.items():
            if key not in threshold.hosts[slot] or entry.sigma <= 0.0:
                continue
            sides = [float(side.hosts[slot][key]) * entry.sigma for side in (threshold, S)]
            if not any(sides):
                continue
            before = found.get((one.name, key))
            if before is not None:
                sides = [sides[0] + before.log_threshold, sides[1] + before.log_S]
            found[one.name, key] = Influence(_name(key, one, run), _step(entry.sigma, entry.unit), False, *sides)
    return list(found.values())


def _name(key: str, one: ParameterSet, run: RunFile) -> str:
    return key if len(own_hosts(run)) == 1 else f"{one.host} {key}"


def _step(sigma: float, unit: str) -> str:
    pretty = re.sub(r"\^(-?\d+)", lambda power: power[1].translate(_RAISED), unit)
    return f"+{number_text(sigma)}" + ("" if unit == "1" else f" {pretty}")
