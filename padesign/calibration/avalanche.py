"""Threshold and S of a published system, from its run file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padesign.calibration.forward import AbstractForward, Fitted, Outcome, fitted_values
from padesign.calibration.schema import Avalanche
from padesign.config.build import build_design, build_space
from padesign.config.load import load_run_file
from padesign.config.schema import RunFile
from padesign.design.scene import Scene, solve_particle
from padesign.errors import InputError
from padesign.kinetics.particle_network import Conditions, Geometry, Signature
from padesign.parameters import load_parameter_set
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
        run = _with_sets(load_run_file(folder / observation.run_file, overrides).run, fitted, observation)
        reported = run.reported
        super().__init__(run.name, (reported.source if reported else None) or "", observation.use)
        self.observation, self.run, self._fitted = observation, run, fitted
        if not run.emission:
            raise InputError(f"{run.name} names no band in `emission`", file=observation.run_file)
        self._band = str(run.emission[0])
        space, self._design = build_space(run), build_design(run)
        self.sets = [load_parameter_set(run.parameter_sets[name]) for name in space.slot_hosts({})]
        self._values, self._carried = fitted.values(self.sets)
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
        geometry, share = self._design.geometry, self._shell.probability
        thickness = jnp.asarray(geometry.thickness_nm).at[-1].set(0.0)
        bare = Geometry(thickness, geometry.fraction, geometry.interface_mixing_nm)
        without, within = self._one(theta, bare), self._one(theta, geometry)
        apart = np.sqrt(share * (1.0 - share)) * (within.ln - without.ln)
        by_size = [np.sqrt(1.0 - share) * without.by_size, np.sqrt(share) * within.by_size, apart[:, None]]
        return Outcome(
            (1.0 - share) * without.ln + share * within.ln,
            (1.0 - share) * without.by_parameter + share * within.by_parameter,
            np.concatenate(by_size, axis=1),
            tuple(dict.fromkeys([*without.flags, *within.flags])),
            {"bare": without.ln, "with a further shell": within.ln},
        )

    def _one(self, theta: np.ndarray, geometry: Geometry) -> Outcome:
        one = self._design
        found = _avalanche(
            one.signature,
            one.scene,
            self._fitted.keys,
            self._band,
            jnp.asarray(theta),
            geometry,
            tuple({key: float(v) for key, v in one.items()} for one in self._values),
            jnp.asarray(self._carried),
            one.conditions,
        )
        ln, by_theta, by_thickness, by_fraction, exists, fold, inside = jax.tree.map(np.asarray, found)
        pick = [0, 2 if fold else 1]
        sizes = [by_thickness[:, k] if ion is None else by_fraction[:, k, ion] for k, ion in self._sizes]
        by_size = np.stack(sizes, axis=1) if sizes else np.zeros((3, 0))
        flags = [] if exists else ["no threshold"]
        flags += ["bistable"] if fold else [] if inside else ["S at an end of the window"]
        return Outcome(ln[pick], by_theta[pick], by_size[pick], tuple(flags))

    def covers(self) -> dict[str, Any]:
        shares: dict[str, list[float]] = {}
        for layer in self.run.particle.layers if self.run.particle is not None else ():
            for ion, share in layer.dopants_mol_percent.items():
                shares.setdefault(ion, []).append(float(share))  # type: ignore[arg-type]
        wavelength = float(self.run.excitation.wavelength_nm)  # type: ignore[arg-type]
        return {"ions": shares, "temperature_K": [self.run.temperature_K], "pump_nm": [wavelength]}


def _with_sets(run: RunFile, fitted: Fitted, observation: Avalanche) -> RunFile:
    """The run with the sets of the fit, and with the further shell that its particle may have."""
    if run.particle is None:
        raise InputError(f"{run.name} has no particle", file=observation.run_file)
    layers, shell = list(run.particle.layers), observation.further_shell
    if shell is not None:
        thickness = {"name": FURTHER, "host": layers[-1].host, "thickness_nm": shell.thickness_nm}
        layers.append(type(layers[-1]).model_validate(thickness))
    hosts = [str(layer.host) for layer in layers]
    sets = {host: fitted.set_of(host) for host in hosts} | dict(run.parameter_sets)
    particle = run.particle.model_copy(update={"layers": tuple(layers)})
    return run.model_copy(update={"particle": particle, "parameter_sets": sets})


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
        hosts = tuple(fitted_values(one, keys, theta * mask) for one, mask in zip(values, carried, strict=True))
        solution = solve_particle(signature, shaped, hosts, conditions, scene, 1.0)
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
