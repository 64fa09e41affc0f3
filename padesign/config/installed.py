"""Objectives by name, among those that are installed."""

from __future__ import annotations

from importlib.metadata import entry_points

from padesign.config.quantity import Path
from padesign.design.objective import AbstractObjective
from padesign.errors import InputError

OBJECTIVE_GROUP = "padesign.objectives"


def objective_class(name: str, path: Path) -> type[AbstractObjective]:
    """The class of an objective (entry points `padesign.objectives`); `path` is where the run file names it."""
    points = {point.name: point for point in entry_points(group=OBJECTIVE_GROUP)}
    if name not in points:
        cure = f"installed: {', '.join(points) or 'none; install padesign itself (make setup)'}"
        raise InputError(f"there is no objective `{name}`", cure=cure, path=path)
    try:
        return points[name].load()
    except ImportError as error:
        raise InputError(f"objective `{name}` cannot be loaded: {error}", path=path) from error
