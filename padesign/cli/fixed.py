"""Run files that must describe one design: which values are still free, and the options that fix them."""

from __future__ import annotations

from collections.abc import Iterable

from padesign.config import FreeVariable, LoadedRun, RunFile, free_variables
from padesign.errors import InputError


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
