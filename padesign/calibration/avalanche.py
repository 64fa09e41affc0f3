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
from padesign.design.scene import Scene, solve_particle
from padesign.errors import InputError
from padesign.kinetics.particle_network import Conditions, Geometry, Signature
from padesign.parameters import load_parameter_set
from padesign.programs import program

NO_AVALANCHE_STEEPNESS = 5.0
"""ln of the irradiance that a particle without threshold is charged per unit of its missing growth rate."""
WINDOW_DECADES = 0.05


class AvalancheForward(AbstractForward):
    """ln threshold (kW cm^-2) and ln S of the first band; what the run file does not report is left out.

    Beyond a fold S is the mean slope over 0.05 decades of an upward sweep. Without a threshold the number is an upper
    end plus a charge for the growth rate that is missing, so that a fit has a slope to follow.
    """

    def __init__(self, observation: Avalanche, fitted: Fitted, folder: Path, overrides: Sequence[str] = ()) -> None:
        run = load_run_file(folder / observation.run_file, overrides).run
        reported = run.reported
        super().__init__(run.name, (reported.source if reported else None) or "", observation.use)
        self.observation, self.run, self._fitted = observation, run, fitted
        if not run.emission:
            raise InputError(f"{run.name} names no band in `emission`", file=observation.run_file)
        self._band = str(run.emission[0])
        space, self._design = build_space(run), build_design(run)
        self.sets = [load_parameter_set(run.parameter_sets.get(name, name)) for name in space.slot_hosts({})]
        self._values, self._carried = fitted.values(self.sets)
        self._sizes = [self._position(name, space) for name in observation.unstated]
        self.size_sigma_ln = np.array(list(observation.unstated.values()))
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
        full = self.both(theta)
        return Outcome(full.ln[self._rows], full.by_parameter[self._rows], full.by_size[self._rows], full.flags)

    def both(self, theta: np.ndarray) -> Outcome:
        """Threshold and S, whatever is reported."""
        one = self._design
        found = _avalanche(
            one.signature,
            one.scene,
            self._fitted.keys,
            self._band,
            jnp.asarray(theta),
            one.geometry,
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
