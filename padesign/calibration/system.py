"""The particle of a run file with the parameters of a fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

import jax
import jax.numpy as jnp

from padesign.calibration.forward import Fitted, fitted_values
from padesign.config import free_variables
from padesign.config.build import build_design, build_space
from padesign.config.schema import RunFile
from padesign.design.scene import Scene, solve_particle
from padesign.errors import InputError
from padesign.kinetics.particle_network import Conditions, Geometry, Signature
from padesign.observables.solution import Solution
from padesign.parameters import load_parameter_set


@final
class FittedSystem:
    """A run file without free values, its first band, and which of its numbers follow the fit."""

    def __init__(self, run: RunFile, fitted: Fitted, file: Path) -> None:
        if run.particle is None:
            raise InputError(f"{run.name} has no particle", file=str(file))
        if not run.emission:
            raise InputError(f"{run.name} names no band in `emission`", file=str(file))
        free = free_variables(run)
        if free:
            what = f"{free[0].path} is free, and only one design can be compared with what was observed"
            raise InputError(what, cure="give the particle that was made, with every number fixed", file=str(file))
        hosts = [str(layer.host) for layer in run.particle.layers]
        sets = {host: fitted.set_of(host) for host in hosts} | dict(run.parameter_sets)
        self.run = run.model_copy(update={"parameter_sets": sets})
        self.keys, self.band = fitted.keys, str(run.emission[0])
        self.space, self.design = build_space(self.run), build_design(self.run)
        self.sets = [load_parameter_set(sets[name]) for name in self.space.slot_hosts({})]
        values, carried = fitted.values(self.sets)
        self.values = tuple({key: float(value) for key, value in one.items()} for one in values)
        self.carried = jnp.asarray(carried)

    def covers(self) -> dict[str, Any]:
        """Ions with mol%, temperature and laser, for the range of the fitted set."""
        shares: dict[str, list[float]] = {}
        for layer in self.run.particle.layers if self.run.particle is not None else ():
            for ion, share in layer.dopants_mol_percent.items():
                shares.setdefault(ion, []).append(float(share))  # type: ignore[arg-type]
        wavelength = float(self.run.excitation.wavelength_nm)  # type: ignore[arg-type]
        return {"ions": shares, "temperature_K": [self.run.temperature_K], "pump_nm": [wavelength]}


def solve_fitted(
    signature: Signature,
    scene: Scene,
    keys: tuple[str, ...],
    theta: jax.Array,
    geometry: Geometry,
    values: tuple[dict[str, Any], ...],
    carried: jax.Array,
    conditions: Conditions,
) -> Solution:
    """The power curve with exp(theta) on the fitted parameters of every host that follows the fit."""
    hosts = tuple(fitted_values(one, keys, theta * mask) for one, mask in zip(values, carried, strict=True))
    return solve_particle(signature, geometry, hosts, conditions, scene, 1.0)
