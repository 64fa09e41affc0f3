"""What a user should know of a particle's model before trusting its numbers."""

from __future__ import annotations

from padesign.config import RunFile
from padesign.config.blocks.particle import Layer
from padesign.config.values import Choice, Range
from padesign.design.space import DesignSpace
from padesign.kinetics.particle_network import ParticleModel
from padesign.spectroscopy.tables import INERT_IONS, load_ion

NEAR_SURFACE_nm = 3.0
"""Ions closer to the surface than this need more cells than the default."""


def layer_lines(run: RunFile) -> list[str]:
    """The layers from the core outward, with what may vary."""
    lines = []
    for layer in run.particle.layers if run.particle is not None else ():
        doping = ", ".join(_dopant(ion, share) for ion, share in layer.dopants_mol_percent.items()) or "no dopant"
        optional = ", or absent" if layer.optional else ""
        lines.append(f"{layer.name}: {_value(layer.host)}, {_size(layer)}, {doping}{optional}")
    return lines


def _size(layer: Layer) -> str:
    if layer.diameter_nm is not None:
        return f"{_value(layer.diameter_nm)} nm across"
    return f"{_value(layer.thickness_nm)} nm thick"


def _value(spec: object) -> str:
    """A number, its limits, or its options."""
    if isinstance(spec, Choice):
        return " or ".join(_value(option) for option in spec.choice)
    if isinstance(spec, Range):
        return f"{spec.min:g} to {spec.max:g}"
    return f"{spec:g}" if isinstance(spec, float | int) else str(spec)


def _dopant(ion: str, share: object) -> str:
    return f"{_value(share)} % {ion}" + (" or none" if getattr(share, "optional", False) else "")


def surroundings_lines(run: RunFile) -> list[str]:
    """What lies outside the particle, and what the model takes where the run file is silent."""
    spec = run.particle
    if spec is None:
        return []
    outside = spec.surroundings
    index = outside.refractive_index
    lines = ["rates of the bulk host, no local field" if index is None else f"medium of index {index:g}, local field"]
    if not spec.surface_loss:
        lines.append("no loss to the surface")
    else:
        acceptors = outside.saturable_acceptors
        lines.append(f"surface losses for {outside.ligand or 'the ligand of the parameter set (oleate)'}")
        lines += [] if acceptors is None else [f"{acceptors.per_nm2:g} acceptors per nm² that can be filled"]
    warm = outside.thermal_resistance_K_per_W
    lines.append("no self-heating" if warm is None else f"self-heating through {warm:.4g} K/W, whatever the size")
    return lines


def idle_lines(run: RunFile) -> list[str]:
    """What stands in the run file and does nothing."""
    spec = run.particle
    if spec is None:
        return []
    outside, idle = spec.surroundings, []
    if not spec.surface_loss:
        idle = [key for key in ("ligand", "saturable_acceptors") if getattr(outside, key) is not None]
    return [f"`surroundings.{key}` does nothing: `surface_loss` is false" for key in idle]


def kept_level_lines(model: ParticleModel) -> list[str]:
    """Which levels the model has, one line per ion."""
    return [
        f"{ion}: {len(table.level_ids)} levels, {table.level_ids[0]} to {table.level_ids[-1]} "
        f"({table.energy_cm1[-1]:.0f} cm^-1)"
        for ion, table in model.tables.items()
    ]


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
