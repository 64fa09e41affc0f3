"""Run files that must describe one design: which values are still free, what fixes them, and their solution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from padesign.cli.console import say
from padesign.config import FreeVariable, LoadedRun, RunFile, free_variables
from padesign.config.build import build_design, build_network, build_scene
from padesign.design.evaluate import LEAST_SHARE, LONGEST_nm, SHORTEST_nm, solve_design, solve_text
from padesign.errors import InputError
from padesign.kinetics.light import Band, visible_order
from padesign.observables.solution import Solution
from padesign.solve.continuation import Outcome


def demand_fixed(loaded: LoadedRun, varied: Iterable[str] = ()) -> None:
    """Raise `InputError` that lists every free value and the `--set` that fixes it; those in `varied` may be free."""
    run, allowed = loaded.run, set(varied)
    free = [variable for variable in free_variables(run) if named(run, variable.path) not in allowed]
    if not free:
        return
    one = len(free) == 1
    raise InputError(
        f"{'one value is' if one else f'{len(free)} values are'} still free, and only one design can be computed",
        cure="fix them in the file or with, for instance:\n"
        + "\n".join(f"    --set {key}={value}" for key, value in _cures(run, free).items()),
        file=loaded.file,
    )


def demand_one_temperature(run: RunFile) -> None:
    """Raise `InputError` for a particle that light warms, where only the populations are followed in time."""
    if run.particle is not None and run.particle.surroundings.thermal_resistance_K_per_W is not None:
        raise InputError(
            "a particle that light warms cannot be followed in time: only its steady states are known",
            cure="leave `thermal_resistance_K_per_W` out, and give the warm particle's `temperature_K`",
            path=("particle", "surroundings", "thermal_resistance_K_per_W"),
        )


def named(run: RunFile, path: str) -> str:
    """A dotted path with layers by name instead of position."""
    parts = path.split(".")
    if parts[:2] == ["particle", "layers"] and len(parts) > 2 and parts[2].isdigit() and run.particle is not None:
        parts[2] = run.particle.layers[int(parts[2])].name
    return ".".join(parts)


def _cures(run: RunFile, free: Iterable[FreeVariable]) -> dict[str, str]:
    """What to write behind `--set`: a number for a value, `optional=false` for a layer."""
    cures: dict[str, str] = {}
    for variable in free:
        key = named(run, variable.path)
        if variable.kind == "continuous" and variable.low is not None and variable.high is not None:
            start = variable.start if variable.start is not None else 0.5 * (variable.low + variable.high)
            cures[key] = f"{start:g}"
        elif key.endswith(".present"):
            owner = key.removesuffix(".present")
            if owner not in cures:
                cures[f"{owner}.optional"] = "false"
        else:
            cures[key] = str(variable.options[0])
    return cures


def solve_run(run: RunFile) -> tuple[Solution, Sequence[str] | None]:
    """The solved system of a run file without free values, and the bands that it names, if any."""
    if run.network is None:
        return solve_design(build_design(run)), run.emission
    wavelength_nm = float(run.excitation.wavelength_nm)  # type: ignore[arg-type]
    return solve_text(build_network(run), wavelength_nm, build_scene(run)), run.emission or run.network.emission


def solve_fixed(run: RunFile) -> tuple[Solution, list[Band]]:
    """The solved system of a run file without free values, and the bands to report of it."""
    solution, labels = solve_run(run)
    if labels:
        return solution, [solution.band(label) for label in labels]
    bands = visible_order(solution.light, SHORTEST_nm, LONGEST_nm, LEAST_SHARE)
    if not bands:
        raise InputError("the system has no radiative transition", cure="mark one process as `radiative`")
    return solution, bands


def solved_or_said(run: RunFile) -> tuple[Solution, list[Band]] | None:
    """`solve_fixed` with progress; None, and the reason on the terminal, where there is no solution."""
    say("solving (a new kind of system compiles once, up to a minute)")
    solution, bands = solve_fixed(run)
    outcome = Outcome(int(solution.trace.outcome)).text
    if outcome == "ok":
        return solution, bands
    say(f"no result: {outcome}")
    return None
