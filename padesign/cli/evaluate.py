"""`padesign evaluate`: one design or one hand-written network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from padesign.cli import definitions
from padesign.cli.caveats import idle_lines, inert_line, level_lines, near_surface
from padesign.cli.console import clean, emit, emit_json, number, say, shown, table
from padesign.cli.definitions import calibration_note, hosts_of, range_notes, set_line, sets_of
from padesign.cli.designs import layers_text
from padesign.cli.fixed import demand_fixed, solve_run
from padesign.cli.guard import NOTHING_FOUND, placed
from padesign.config import LoadedRun, RunFile, load_run_file
from padesign.config.blocks.results import Reported
from padesign.config.build import build_design, build_particle, build_space
from padesign.design.evaluate import Evaluation, Warmth, evaluate_solution, threshold_kW_per_cm2
from padesign.design.problem import CONVERGED_WITHIN
from padesign.errors import InputError
from padesign.kinetics.acceptors import ACCEPTOR
from padesign.kinetics.particle_network import particle_model
from padesign.parameters import ParameterSet

FEW_IONS = 10.0
"""Fewer ions of a kind than this in a particle are told to the user."""


def evaluate(file: Path, overrides: Sequence[str], as_json: bool, figure: Path | None) -> int:
    """Simulate a run file without free values and print every number with its definition."""
    loaded = load_run_file(file, overrides)
    if figure is not None and figure.suffix not in (".png", ".svg", ".csv", ""):
        raise InputError(f"cannot draw `{figure}`", cure="figures are written as .svg, .png and .csv")
    result, sets = simulate(loaded)
    if figure is not None and result.outcome == "ok":
        _draw(result, loaded.run.name, loaded.run.excitation.irradiance_window_kW_per_cm2, figure)
    if as_json:
        emit_json(_record(loaded.run, result, sets))
    else:
        _print(loaded.run, result, sets)
    return 0 if result.outcome == "ok" else NOTHING_FOUND


def simulate(loaded: LoadedRun) -> tuple[Evaluation, list[ParameterSet]]:
    """The solved system of a run file without free values, and the parameter sets it rests on."""
    run = loaded.run
    demand_fixed(loaded)
    with placed(loaded):
        say("solving (a new kind of system compiles once, up to a minute; later ones start at once)")
        result = evaluate_solution(*solve_run(run), getattr(run.objective, "window_decades", 0.05))
        if run.network is not None:
            return result, []
        sets = sets_of(run, own_hosts(run))
        beams = [*build_space(run).wavelengths_nm, *(beam.wavelength_nm for beam in run.excitation.also)]
        far = range_notes(sets, build_particle(run), run.temperature_K, beams)
        return replace(result, notes=(*result.notes, *far, *_grid_notes(run, result))), sets


def _grid_notes(run: RunFile, result: Evaluation) -> list[str]:
    """Whether the threshold still changes with the cells, asked where ions lie close to the surface."""
    if not near_surface(build_space(run)) or result.threshold_kW_per_cm2 is None:
        return []
    cells = run.solver.judge_cells_per_layer
    coarse = threshold_kW_per_cm2(build_design(run, max(1, cells // 2)))
    change = abs(result.threshold_kW_per_cm2 / coarse - 1.0) if coarse is not None else float("inf")
    if change <= CONVERGED_WITHIN:
        return []
    return [
        f"not converged: ions lie close to the surface, and the threshold changes by {change:.0%} from {cells // 2} to "
        f"{cells} cells per layer; raise solver.judge_cells_per_layer"
    ]


def own_hosts(run: RunFile) -> list[str]:
    """The hosts of the particle itself."""
    return hosts_of(run.model_copy(update={"compare_with": ()}))


def used_definitions(run: RunFile) -> dict[str, str]:
    """The definition of every number of an evaluation."""
    return {
        "S": definitions.S,
        "S_window": definitions.S_WINDOW,
        "threshold_kW_per_cm2": definitions.THRESHOLD,
        "photons_per_s": definitions.PHOTONS_PER_ION if run.network is not None else definitions.PHOTONS,
        "irradiance": definitions.PLANE_WAVE,
        **({"temperature_rise": definitions.WARMTH} if _warms(run) else {}),
    }


def _warms(run: RunFile) -> bool:
    return run.particle is not None and run.particle.surroundings.thermal_resistance_K_per_W is not None


def warmth_lines(warmth: Warmth | None) -> list[str]:
    """What self-heating does, and what it makes uncertain."""
    if warmth is None:
        return []
    at_threshold = warmth.rise_at_threshold_K
    first = "" if at_threshold is None else f"{number(at_threshold, 3)} K at the threshold, "
    lines = [
        f"self-heating: {first}{number(warmth.rise_at_top_K, 3)} K at {number(warmth.top_kW_per_cm2, 4)} kW/cm² "
        f"({number(warmth.heat_at_top_W, 3)} W of heat)"
    ]
    if warmth.hottest_K > warmth.rates_known_to_K:
        lines.append(
            f"the particle reaches {warmth.hottest_K:.0f} K inside the power window, but its rates are those of "
            f"{warmth.rates_known_to_K:.0f} K from there on: trust the curve up to that temperature only"
        )
    return lines


def _record(run: RunFile, result: Evaluation, sets: Sequence[ParameterSet]) -> dict[str, Any]:
    plain = result.to_json()
    particle = None if run.network is not None else build_particle(run).to_json()
    return {
        "name": run.name,
        "outcome": result.outcome,
        "threshold_kW_per_cm2": result.threshold_kW_per_cm2,
        "threshold_scanned_to_kW_per_cm2": result.threshold_scanned_to_kW_per_cm2,
        "bistable": result.bistable,
        "ions_per_particle": result.ions_per_particle,
        "bands": plain["bands"],
        "wavelength_nm": run.excitation.wavelength_nm,
        "temperature_K": run.temperature_K,
        "self_heating": plain["warmth"],
        "particle": particle,
        "notes": list(result.notes),
        "reported": None if run.reported is None else run.reported.model_dump(),
        "parameter_sets": [set_line(one) for one in sets],
        "definitions": used_definitions(run),
        "largest_residual": result.largest_residual,
    }


def _print(run: RunFile, result: Evaluation, sets: Sequence[ParameterSet]) -> None:
    if run.network is None:
        particle = build_particle(run)
        emit(clean(f"{run.name}: {layers_text(particle)}, {particle.diameter_nm:.1f} nm"))
    else:
        emit(clean(f"{run.name}: hand-written network"))
    if result.outcome != "ok":
        emit(f"no result: {result.outcome}")
        return
    threshold = result.threshold_kW_per_cm2
    reach = number(result.threshold_scanned_to_kW_per_cm2, 3)
    emit(f"threshold {number(threshold, 4)} kW/cm²" if threshold is not None else f"no threshold up to {reach} kW/cm²")
    if run.network is None:
        for ion, count in result.ions_per_particle.items():
            if 0.0 < count < FEW_IONS and ion != ACCEPTOR:
                emit(f"only {number(count, 2)} {ion} ions in a particle: mean populations say little about so few")
    edges = [band.transition for band in result.bands if band.S_at_window_edge]
    if edges:
        emit(f"S of {', '.join(edges)} is largest at an end of the power window: widen the window to see the maximum")
    if run.network is None:
        model = particle_model(build_design(run).signature)
        for text in [*idle_lines(run), *level_lines(run, model), *inert_line(build_space(run))]:
            emit(text)
    if run.excitation.also:
        emit("other beams stay on: the threshold supposes each ion as they alone hold it, without transfer")
    for text in [*warmth_lines(result.warmth), *result.notes]:
        emit(text)
    if result.bistable:
        emit("bistable: the curve jumps, so exact S is infinite; S_window says what a sweep sees")
    per = "per ion" if run.network is not None else "per particle"
    rows = [
        [
            band.transition,
            number(band.wavelength_nm, 4),
            number(band.S, 4),
            number(band.S_window, 4),
            number(band.S_at_kW_per_cm2, 4),
            number(band.photons_per_s),
        ]
        for band in result.bands
    ]
    at = result.bands[0].photons_at_kW_per_cm2
    window = result.bands[0].window_decades
    header = ["band", "nm", "S", f"S_window ({window:g} decade)", "at kW/cm²", f"photons/s {per} at {at:.4g} kW/cm²"]
    table("", header, rows)
    for key, text in used_definitions(run).items():
        emit(f"{key}: {text}.")
    if run.reported is not None:
        emit(clean(_reported_line(run.reported)))
    note = calibration_note(sets)
    if note:
        emit(note)


def _reported_line(reported: Reported) -> str:
    S = "" if reported.S is None else f" S {number(reported.S, 3)},"
    threshold = reported.threshold_kW_per_cm2
    at = "" if threshold is None else f" threshold {number(threshold, 3)} kW/cm²,"
    note = "" if reported.note is None else f" ({reported.note})"
    return f"reported:{S}{at} {reported.source or 'source not stated'}{note}"


def _draw(result: Evaluation, name: str, window: tuple[float, float], path: Path) -> None:
    from padesign.report.figures import power_curve_figure
    from padesign.report.power_curve_figure import within

    curves = {band.transition: within(result.curves[band.transition], window) for band in result.bands}
    marks = {
        band.transition: {"S_at_kW_per_cm2": band.S_at_kW_per_cm2} | ({} if band.S is None else {"S_exact": band.S})
        for band in result.bands
    }
    threshold = {} if result.threshold_kW_per_cm2 is None else {"threshold_kW_per_cm2": result.threshold_kW_per_cm2}
    first = result.bands[0].transition
    if len(curves) == 1:
        files = power_curve_figure(curves[first], marks[first] | threshold, f"{name}: {first}", path)
    else:
        files = power_curve_figure(curves, marks, name, path)
    say(f"figure: {', '.join(shown(one) for one in files)}")
