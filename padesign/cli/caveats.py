"""What a user should know of a particle's model before trusting its numbers."""

from __future__ import annotations

from padesign.config import RunFile
from padesign.design.space import DesignSpace
from padesign.kinetics.particle_network import ParticleModel
from padesign.spectroscopy.tables import INERT_IONS, load_ion

NEAR_SURFACE_nm = 3.0
"""Ions closer to the surface than this need more cells than the default."""


def level_lines(run: RunFile, model: ParticleModel) -> list[str]:
    """Which levels the model does not have, one line per ion."""
    spec = run.particle
    lines = []
    for ion, missing in model.left_out.items():
        if not missing or spec is None:
            continue
        table = load_ion(ion)
        lowest = min(table.energy_cm1[table.level_ids.index(level)] for level in missing)
        why = "not named in `levels`" if ion in spec.levels else f"above {spec.max_level_cm1:g} cm^-1"
        shown = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        lines.append(f"{ion} without {shown} (from {lowest:.0f} cm^-1): {why}")
    return lines


def inert_line(space: DesignSpace) -> list[str]:
    """Ions that take a site and nothing else."""
    inert = [ion for ion in space.ions if ion in INERT_IONS]
    return [f"{', '.join(inert)} only take cation sites"] if inert else []


def near_surface(space: DesignSpace) -> bool:
    """Whether ions that shine lie within `NEAR_SURFACE_nm` of the surface in a fixed design."""
    thickness = space.bounds({}).thickness_low_nm
    depth = 0.0
    for layer, nm in zip(reversed(space.layers), reversed(thickness), strict=True):
        if any(dopant.ion not in INERT_IONS for dopant in layer.dopants):
            return depth < NEAR_SURFACE_nm
        depth += float(nm)
    return False
