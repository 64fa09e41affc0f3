"""Numbers that must not depend on how finely a particle or its power curve is cut."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from experiments.verify_rows import Row
from experiments.verify_solving import numbers
from padesign.kinetics.light import EmittingNetwork
from padesign.kinetics.particle_network import Conditions, Geometry, Signature, particle_model
from padesign.parameters import load_parameter_set
from padesign.solve.stability import Threshold, find_threshold

HOST = "beta-NaYF4"
CELLS = (2, 3, 4, 6, 8)
"""From the number that a search uses upward; a single cell has no migration to the surface."""
THIN_CELLS = (8, 12, 16)
"""About the number that a claim uses for a core of 17 nm below next to nothing, and more."""
ND_CELLS = (11, 22)
"""The same for a bare particle of 30 nm."""
COARSENESS = (2.0, 1.0, 0.5, 0.25)
PARTICLES = {
    "8 % Tm": (("Tm",), [8.5, 5.6], [[0.08], [0.0]], 1064.0, "Tm:3H4 -> Tm:3H6", (1.0, 100.0)),
    "15 % Yb 0.5 % Pr": (
        ("Yb", "Pr"),
        [10.0, 3.0],
        [[0.15, 0.005], [0.0, 0.0]],
        852.0,
        "Pr:3P0 -> Pr:3H6",
        (5.0, 1000.0),
    ),
}
THIN_SHELLS = {"8 % Tm below 1 nm": [8.5, 1.0], "8 % Tm without a shell": [8.5, 0.0]}


@functools.cache
def particle(name: str, cells: int) -> EmittingNetwork:
    """Core below an inert shell, 295 K, with surface loss."""
    ions, thickness, fraction, wavelength_nm, _, _ = PARTICLES[name if name in PARTICLES else "8 % Tm"]
    thickness = THIN_SHELLS.get(name, thickness)
    signature = Signature(ions, ((True,) * len(ions), (False,) * len(ions)), (cells, 0), (0, 0), (HOST,), 3e4)
    shape = Geometry(jnp.asarray(thickness), jnp.asarray(fraction), jnp.asarray(0.5))
    values = {key: jnp.asarray(float(v)) for key, v in load_parameter_set(HOST).values.items()}
    at = Conditions(jnp.asarray(wavelength_nm), jnp.asarray(295.0))
    return jax.jit(particle_model(signature).build)(shape, (values,), at)[0]


def cells() -> list[Row]:
    """S and threshold for 2 to 8 cells a layer, against the finest; thresholds of particles with thin shells."""
    rows = []
    for name, (*_, band, window) in PARTICLES.items():
        found = [numbers(particle(name, n), band, window) for n in CELLS]
        rows.append(_spread(f"{name}: S with {_list(CELLS)} cells", [float(x.S) for x in found], 0.01))
        thresholds = [float(x.threshold_kW) for x in found]
        rows.append(_spread(f"{name}: threshold (kW/cm²) with {_list(CELLS)} cells", thresholds, 0.01))
    band, window = "Tm:3H4 -> Tm:3H6", (10.0, 1000.0)
    for name in THIN_SHELLS:
        thin = [float(numbers(particle(name, n), band, window).threshold_kW) for n in THIN_CELLS]
        rows.append(_spread(f"{name}: threshold (kW/cm²) with {_list(THIN_CELLS)} cells", thin, 0.03))
    found = [float(_bromide(n).log_irradiance) for n in ND_CELLS]
    rows.append(
        _spread(
            f"16 % Nd in KPb2Br5 without a shell: threshold (kW/cm²) with {_list(ND_CELLS)} cells",
            [float(np.exp(one)) / 1e3 for one in found],
            0.02,
        )
    )
    return rows


def _bromide(cells: int) -> Threshold:
    """The threshold of a bare particle of 30 nm: strongly pumped Nd feels the loss to the surface within 1 nm only."""
    host = "KPb2Br5"
    signature = Signature(("Nd",), ((True,),), (cells,), (0,), (host,), 3e4)
    shape = Geometry(jnp.asarray([15.0]), jnp.asarray([[0.16]]), jnp.asarray(0.5))
    values = {key: jnp.asarray(float(v)) for key, v in load_parameter_set(host).values.items()}
    at = Conditions(jnp.asarray(1064.0), jnp.asarray(295.0))
    network = jax.jit(particle_model(signature).build)(shape, (values,), at)[0].network
    low = jnp.log(1e2)
    found = jax.jit(find_threshold)(network, jnp.ones(network.n_unknowns), low, jnp.log(1e8))
    if not found.log_irradiance > low:
        raise RuntimeError("the threshold lies at the low end of the powers, where no number of cells would move it")
    return found


def powers() -> list[Row]:
    """S, exact and over a window, from coarser and finer traces of the power curve."""
    rows = []
    for name, (*_, band, window) in PARTICLES.items():
        found = [numbers(particle(name, 1), band, window, coarse, 1024) for coarse in COARSENESS]
        steps = f"{_list(COARSENESS)} of the usual miss of the predictor"
        rows.append(_spread(f"{name}: S with {steps}", [float(x.S) for x in found], 1e-8))
        rows.append(_spread(f"{name}: S over 0.05 decade with {steps}", [float(x.S_window) for x in found], 1e-8))
    return rows


def _list(values: tuple) -> str:
    return ", ".join(f"{x:g}" for x in values)


def _spread(what: str, values: list[float], bar: float) -> Row:
    worst = float(np.max(np.abs(np.array(values) / values[-1] - 1.0)))
    return Row(what, f"within {bar:.0e} of the finest", f"{_list(tuple(values))} ({worst:.1e})", worst <= bar)
