"""Threshold and S of a published system, from its run file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padesign.calibration.forward import AbstractForward, Fitted, Outcome
from padesign.calibration.schema import Avalanche
from padesign.calibration.system import FittedSystem, solve_fitted
from padesign.config.load import load_run_file
from padesign.config.schema import RunFile
from padesign.design.scene import Scene
from padesign.errors import InputError
from padesign.kinetics.particle_network import Conditions, Geometry, Signature
from padesign.programs import program

NO_AVALANCHE_STEEPNESS = 5.0
"""ln of the irradiance that a particle without threshold is charged per unit of its missing growth rate."""
WINDOW_DECADES = 0.05
FURTHER = "further"


class AvalancheForward(AbstractForward):
    """ln threshold (kW cm^-2) and ln S of the first band; what the run file does not report is left out.

    Beyond a fold S is the mean slope over 0.05 decades of an upward sweep. Without a threshold the number is an upper
    end plus a charge for the growth rate that is missing, so that a fit has a slope to follow.
    """

    def __init__(self, observation: Avalanche, fitted: Fitted, folder: Path, overrides: Sequence[str] = ()) -> None:
        file = folder / observation.run_file
        run = _with_shell(load_run_file(file, overrides).run, observation)
        reported = run.reported
        super().__init__(run.name, (reported.source if reported else None) or "", observation.use)
        self.observation, self._system = observation, FittedSystem(run, fitted, file)
        self.run, self.sets, self._design = self._system.run, self._system.sets, self._system.design
        space = self._system.space
        self._sizes = [self._position(name, space) for name in observation.unstated]
        self._shell, last = observation.further_shell, len(space.layers) - 1
        sizes = list(observation.unstated.values())
        if self._shell is not None:
            self._sizes.append((last, None))
            sizes = 2 * [*sizes, self._shell.sigma_ln] + [1.0]
        self.size_sigma_ln = np.array(sizes)
        told = [
            (reported.threshold_kW_per_cm2 if reported else None, observation.threshold_sigma_ln, False),
            (reported.S if reported else None, observation.S_sigma_ln, observation.S_is == "at_least"),
        ]
        self._rows = [k for k, (value, _, _) in enumerate(told) if value is not None]
        self.labels = tuple(("threshold", "S")[k] for k in self._rows)
        self.units = tuple(("kW cm^-2", "1")[k] for k in self._rows)
        self.ln_observed = np.log([float(told[k][0] or 1.0) for k in self._rows])
        self.sigma_ln = np.array([told[k][1] for k in self._rows])
        self.at_least = np.array([told[k][2] for k in self._rows], dtype=bool)

    def _position(self, name: str, space: Any) -> tuple[int, int | None]:
        layer, dot, what = name.partition(".")
        layers = [one.name for one in space.layers]
        ions = list(space.ions)
        if not dot or layer not in layers or what not in ("diameter_nm", "thickness_nm", *ions):
            cure = f"write LAYER.SIZE or LAYER.ION with {', '.join(layers)} and diameter_nm, {', '.join(ions)}"
            raise InputError(f"`{name}` of `unstated` is no part of {self.name}", cure=cure)
        return layers.index(layer), (ions.index(what) if what in ions else None)

    def predict(self, theta: np.ndarray) -> Outcome:
        full, rows = self.both(theta), self._rows
        cases = {name: ln[rows] for name, ln in full.cases.items()}
        return Outcome(full.ln[rows], full.by_parameter[rows], full.by_size[rows], full.flags, cases)

    def both(self, theta: np.ndarray) -> Outcome:
        """Threshold and S, whatever is reported.

        With a further shell that may be there the sizes are those of the two cases, each by the root of its
        probability, and then half of what the cases differ by: in square they add up to the variance of the mixture.
        """
        if self._shell is None:
            return self._one(theta, self._design.geometry)
        share = self._shell.probability
        without, within = self._one(theta, self._bare()), self._one(theta, self._design.geometry)
        apart = np.sqrt(share * (1.0 - share)) * (within.ln - without.ln)
        by_size = [np.sqrt(1.0 - share) * without.by_size, np.sqrt(share) * within.by_size, apart[:, None]]
        return Outcome(
            (1.0 - share) * without.ln + share * within.ln,
            (1.0 - share) * without.by_parameter + share * within.by_parameter,
            np.concatenate(by_size, axis=1),
            tuple(dict.fromkeys([*without.flags, *within.flags])),
            {"bare": without.ln, "with a further shell": within.ln},
        )

    def traced(self, theta: jax.Array) -> tuple[jax.Array, jax.Array]:
        ln, by_theta = self._picked(theta, self._design.geometry)
        if self._shell is not None:
            share, bare = self._shell.probability, self._picked(theta, self._bare())
            ln, by_theta = ((1.0 - share) * one + share * two for one, two in zip(bare, (ln, by_theta), strict=True))
        rows = np.array(self._rows, dtype=int)
        return ln[rows], by_theta[rows]

    def _picked(self, theta: jax.Array, geometry: Geometry) -> tuple[jax.Array, jax.Array]:
        """Threshold and S of one case, (2,) and (2, keys): S of the window where there is a fold."""
        ln, by_theta, _, _, _, fold, _ = self._found(theta, geometry)
        pick = jnp.where(fold, jnp.array([0, 2]), jnp.array([0, 1]))
        return ln[pick], by_theta[pick]

    def _bare(self) -> Geometry:
        """Without the further shell."""
        geometry = self._design.geometry
        thickness = jnp.asarray(geometry.thickness_nm).at[-1].set(0.0)
        return Geometry(thickness, geometry.fraction, geometry.interface_mixing_nm)

    def _found(self, theta: jax.Array, geometry: Geometry) -> tuple[jax.Array, ...]:
        one, design = self._system, self._design
        return _avalanche(
            design.signature,
            design.scene,
            one.keys,
            one.band,
            theta,
            geometry,
            one.values,
            one.carried,
            design.conditions,
        )

    def _one(self, theta: np.ndarray, geometry: Geometry) -> Outcome:
        found = self._found(jnp.asarray(theta), geometry)
        ln, by_theta, by_thickness, by_fraction, exists, fold, inside = jax.tree.map(np.asarray, found)
        pick = [0, 2 if fold else 1]
        sizes = [by_thickness[:, k] if ion is None else by_fraction[:, k, ion] for k, ion in self._sizes]
        by_size = np.stack(sizes, axis=1) if sizes else np.zeros((3, 0))
        flags = [] if exists else ["no threshold"]
        flags += ["bistable"] if fold else [] if inside else ["S at an end of the window"]
        return Outcome(ln[pick], by_theta[pick], by_size[pick], tuple(flags))

    def covers(self) -> dict[str, Any]:
        return self._system.covers()


def _with_shell(run: RunFile, observation: Avalanche) -> RunFile:
    """The run with the further shell that its particle may have."""
    shell = observation.further_shell
    if run.particle is None or shell is None:
        return run
    layers = list(run.particle.layers)
    thickness = {"name": FURTHER, "host": layers[-1].host, "thickness_nm": shell.thickness_nm}
    layers.append(type(layers[-1]).model_validate(thickness))
    return run.model_copy(update={"particle": run.particle.model_copy(update={"layers": tuple(layers)})})


@program(static_argnums=(0, 1, 2, 3))
def _avalanche(
    signature: Signature,
    scene: Scene,
    keys: tuple[str, ...],
    label: str,
    theta: jax.Array,
    geometry: Geometry,
    values: tuple[dict[str, Any], ...],
    carried: jax.Array,
    conditions: Conditions,
) -> tuple[jax.Array, ...]:
    """ln of threshold, S, window S (3,); derivatives by theta, ln thickness, ln fraction; three flags."""

    def measure(theta: jax.Array, ln_size: jax.Array, ln_share: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
        shaped = Geometry(
            geometry.thickness_nm * jnp.exp(ln_size),
            geometry.fraction * jnp.exp(ln_share),
            geometry.interface_mixing_nm,
        )
        solution = solve_fitted(signature, scene, keys, theta, shaped, values, carried, conditions)
        band = solution.band(label)
        threshold, exact = solution.threshold(band), solution.steepest(band)
        window = solution.steepest_window(band, WINDOW_DECADES)
        ln = jnp.stack(
            [
                threshold.log_irradiance - jnp.log(1e3) - NO_AVALANCHE_STEEPNESS * threshold.margin,
                jnp.log(jnp.maximum(exact.value, 1e-3)),
                jnp.log(jnp.maximum(window.value, 1e-3)),
            ]
        )
        return ln, (threshold.exists, solution.trace.has_fold, exact.inside)

    start = theta, jnp.zeros_like(geometry.thickness_nm), jnp.zeros_like(geometry.fraction)
    ln, pull, flags = jax.vjp(measure, *start, has_aux=True)
    by_theta, by_size, by_share = jax.lax.map(pull, jnp.eye(3))
    return ln, by_theta, by_size, by_share, *flags
