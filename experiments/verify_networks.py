"""Random particles: every point of their power curves is a steady state, and time integration agrees.

300 particles over 8 shapes of network with ions from Tm, Yb, Pr, Er, Ho and Nd in one to three active layers below an
inert shell. Thicknesses, fractions, wavelength, temperature (100 to 500 K), the power window and the parameters with
the widest uncertainty are drawn at random from one seed.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.verify_rows import Row, at_most
from padesign.kinetics.network import RateNetwork
from padesign.kinetics.particle_network import Conditions, Geometry, Signature, particle_model
from padesign.parameters import load_parameter_set
from padesign.solve.continuation import Outcome, Trace, trace_curve
from padesign.solve.transient import integrate

HOST = "beta-NaYF4"
NETWORKS = 300
INTEGRATED = 20
SLOWEST_per_s = 1.0
SMALLEST = 1e-12
"""Populations below this are not compared with a time integration, whose accuracy is absolute."""
_SHAPES: tuple[tuple[tuple[str, ...], tuple[tuple[int, ...], ...]], ...] = (
    (("Tm",), ((1,),)),
    (("Yb", "Pr"), ((1, 1),)),
    (("Yb", "Er"), ((1, 1),)),
    (("Nd",), ((1,),)),
    (("Yb", "Ho"), ((1, 1), (1, 0))),
    (("Tm", "Yb"), ((1, 0), (1, 1))),
    (("Nd", "Yb", "Tm"), ((0, 1, 1), (1, 1, 0))),
    (("Tm", "Yb", "Pr"), ((1, 0, 0), (0, 1, 0), (0, 1, 1))),
)
_WAVELENGTHS_nm = (790.0, 852.0, 976.0, 1064.0, 1150.0, 1450.0)
_VARIED = ("sideband.slope_cm", "transfer.scale", "multiphonon.alpha_cm", "multiphonon.rate_W0_per_s")


class Drawn(NamedTuple):
    """The numbers of one random particle."""

    geometry: Geometry
    factors: jax.Array
    conditions: Conditions
    log_window: jax.Array


@dataclass(frozen=True)
class Solved:
    """One random particle with its network and power curve."""

    name: str
    network: RateNetwork
    trace: Trace


def signature(ions: tuple[str, ...], presence: tuple[tuple[int, ...], ...]) -> Signature:
    """Active layers with one cell each below an inert shell."""
    flags = (*(tuple(bool(x) for x in row) for row in presence), (False,) * len(ions))
    return Signature(ions, flags, (*(1 for _ in presence), 0), (0,) * len(flags), (HOST,), 3e4)


def draw(rng: np.random.Generator, sig: Signature) -> Drawn:
    """A particle of this signature at random."""
    layers = len(sig.presence)
    thickness = np.concatenate([[rng.uniform(3.0, 12.0)], rng.uniform(0.5, 5.0, layers - 1)])
    share = 10.0 ** rng.uniform(-3.0, -0.5, (layers, len(sig.ions))) * np.array(sig.presence)
    share /= np.maximum(share.sum(axis=1, keepdims=True), 1.0)
    low = rng.uniform(-4.0, 1.0)
    return Drawn(
        Geometry(jnp.asarray(thickness), jnp.asarray(share), jnp.asarray(rng.choice([0.0, 0.5, 1.0]))),
        jnp.asarray(
            np.concatenate([rng.uniform(0.85, 1.2, 1), 10 ** rng.uniform(-1, 0.5, 1), rng.uniform(0.8, 1.2, 2)])
        ),
        Conditions(jnp.asarray(rng.choice(_WAVELENGTHS_nm)), jnp.asarray(rng.uniform(100.0, 500.0))),
        jnp.log(10.0) * jnp.array([low, low + rng.uniform(3.0, 9.0)]) + jnp.log(1e3),
    )


@functools.partial(jax.jit, static_argnums=0)
def _solve(sig: Signature, drawn: Drawn) -> tuple[RateNetwork, Trace, jax.Array]:
    values = {key: jnp.asarray(float(v)) for key, v in load_parameter_set(HOST).values.items()}
    values |= {key: values[key] * factor for key, factor in zip(_VARIED, drawn.factors, strict=True)}
    light, _ = particle_model(sig).build(drawn.geometry, (values,), drawn.conditions)
    network = light.network
    trace = trace_curve(network, drawn.log_window[0], drawn.log_window[1])
    balance = jax.lax.map(lambda point: network.residual(*point), (trace.log_populations, trace.log_irradiance))
    return network, trace, jnp.max(jnp.abs(balance), axis=1)


@functools.cache
def solved() -> tuple[list[Solved], dict[str, float], list[str]]:
    """All particles, the worst of every measure, and the names of the curves that were not followed to the end."""
    rng = np.random.default_rng(20240501)
    found: list[Solved] = []
    worst = {"balance": 0.0, "sum": 0.0, "least": np.inf, "points": 0.0, "folds": 0.0}
    failed = []
    for k in range(NETWORKS):
        ions, presence = _SHAPES[k % len(_SHAPES)]
        network, trace, balance = _solve(signature(ions, presence), draw(rng, signature(ions, presence)))
        name = f"{k} {'/'.join(ions)}"
        valid = np.asarray(trace.valid)
        if int(trace.outcome) != Outcome.COMPLETE:
            failed.append(f"{name}: {Outcome(int(trace.outcome)).text}")
        if valid.any():
            populations = np.exp(np.asarray(trace.log_populations)[valid])
            sums = [np.asarray(b).sum(axis=1) for p in populations for b in network.split(p)]
            worst["balance"] = float(np.fmax(worst["balance"], np.asarray(balance)[valid].max()))
            worst["sum"] = float(np.fmax(worst["sum"], np.abs(np.concatenate(sums) - 1.0).max()))
            worst["least"] = float(np.fmin(worst["least"], populations.min()))
        worst["points"] += int(valid.sum())
        worst["folds"] += bool(trace.has_fold)
        found.append(Solved(name, network, trace))
    return found, worst, failed


def steady_states() -> list[Row]:
    """Every point of every curve."""
    found, worst, failed = solved()
    said = f"{len(found) - len(failed)} of {len(found)}, {worst['points']:.0f} points, {worst['folds']:.0f} with folds"
    least = worst["least"]
    return [
        Row(
            "random particles: curves followed to the end",
            f"{NETWORKS}",
            said + "".join(f"; {x}" for x in failed),
            not failed,
        ),
        at_most("random particles: largest log balance", worst["balance"], 1e-10),
        at_most("random particles: sum of an ion's populations, off 1", worst["sum"], 1e-12),
        Row("random particles: smallest population", "> 0", f"{least:.1e}", bool(least > 0.0)),
    ]


_jacobian = jax.jit(jax.jacfwd(lambda p, network, power: network.derivative_per_s(p, power)))
_late = jax.jit(
    lambda network, start, power, times: integrate(network, start, power, times, max_steps=30000),
)


def integrations() -> list[Row]:
    """Time integration from an earlier point of the same branch, for particles that settle fast enough."""
    found, _, _ = solved()
    errors, unfinished, slow = [], 0, 0
    for k, one in enumerate(found):
        if len(errors) == INTEGRATED:
            break
        count = int(one.trace.count)
        index = count // 2 + (k * 7) % max(count // 3, 1)
        direction = np.asarray(one.trace.tangent_log_irradiance)[: index + 1]
        if count < 8 or not np.all(direction > 0.0):
            continue
        power = jnp.exp(one.trace.log_irradiance[index])
        p = jnp.exp(one.trace.log_populations[index])
        rates = np.sort(np.abs(np.linalg.eigvals(np.asarray(_jacobian(p, one.network, power))).real))
        conserved = sum(dark.shape[0] for dark in one.network.dark)
        slowest = rates[conserved]
        if slowest < SLOWEST_per_s:
            slow += 1
            continue
        start = jnp.exp(one.trace.log_populations[index - 2])
        late = _late(one.network, start, power, jnp.array([1.0 / slowest, 40.0 / slowest]))
        unfinished += not bool(late.converged)
        error = np.abs(np.asarray(late.populations[-1]) - np.asarray(p)) / np.maximum(np.asarray(p), SMALLEST)
        errors.append(float(error.max()))
    what = f"{INTEGRATED} random particles by diffrax over 40 slowest times ({slow} slower than 1 s⁻¹ passed over)"
    return [
        Row(
            f"{what}: finished",
            f"{INTEGRATED}",
            f"{len(errors) - unfinished}",
            len(errors) == INTEGRATED and not unfinished,
        ),
        at_most(f"{what}: populations above {SMALLEST:g}, relative", max(errors, default=np.nan), 1e-5),
    ]
