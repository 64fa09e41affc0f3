"""How long a power curve, a value with gradient and a compilation take, beside scipy integrating the same network.

    python -m experiments.benchmarks.power_curve

Warm times are medians on one core. scipy integrates each of 40 powers from the ground state to a steady state
(relative tolerance 1e-6, 1000 s of model time, analytic Jacobian), which is what a rate-equation script does today.
Compile times are those of fresh processes on all cores, with an empty cache and with the one that it left: the time to
the first result less that of a warm call, the median of three. A curve from the particle includes making its network
from sizes, shares and parameters, as the value with gradient does; the integrators are given the network, so they are
compared with the curve of the network alone. The table goes to experiments/results/. Below it stands what a GPU needs
for the same, or that there was none to measure.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from scipy.integrate import solve_ivp

from experiments.benchmarks.systems import BAND, system
from padesign.kinetics.light import EmittingNetwork, find_band
from padesign.kinetics.particle_network import Conditions, Geometry, Placed, Signature, particle_model
from padesign.observables.solution import solve
from padesign.programs import Gradient, Program, program
from padesign.solve.continuation import Trace
from padesign.solve.steady import pump_off_equilibrium

RESULTS = Path(__file__).parents[1] / "results" / "power_curve.md"
BARS_ms = {"12 unknowns": 10.0, "90 unknowns": 60.0, "220 unknowns": 400.0}
SCIPY_POWERS = 40
SCIPY_TIMED = {"12 unknowns": 40, "90 unknowns": 8, "220 unknowns": 2}
"""Powers that are really integrated for the timing; the time is scaled to 40."""
SCIPY_PATIENCE_s = 120.0
"""After which an integrator that creeps is left: BDF takes steps of 1e-7 s at a steady state on some machines."""
DIFFRAX_TIMED = {"12 unknowns"}
"""Systems whose curve is also found with diffrax; larger ones take minutes."""
ONE_CORE = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


@program()
def _curve(light: EmittingNetwork) -> Trace:
    return solve(light, 1.0, 100.0).trace


@program(static_argnums=0)
def _curve_of_particle(signature: Signature, geometry: Geometry, values: dict, conditions: Conditions) -> Trace:
    return solve(_build(signature, geometry, values, conditions), 1.0, 100.0).trace


@program()
def _settled_curve(light: EmittingNetwork) -> Trace:
    return solve(light, 1.0, 100.0, method="diffrax").trace


def _build(signature: Signature, geometry: Geometry, values: dict, conditions: Conditions) -> EmittingNetwork:
    return particle_model(signature).build(geometry, (values,), conditions)[0]


_network = Program(_build, (0,))


def _place(signature: Signature, geometry: Geometry, values: dict, conditions: Conditions) -> Placed:
    return particle_model(signature).place(geometry, (values,))


def _light(signature: Signature, placed: Placed, values: dict, conditions: Conditions) -> EmittingNetwork:
    return particle_model(signature).light(placed, (values,), conditions)[0]


def _steepest(signature: Signature, light: EmittingNetwork) -> jax.Array:
    return solve(light, 1.0, 100.0).steepest_window(find_band(light.levels, BAND), 0.05).value


_value_and_gradient = Gradient((_place, _light), _steepest)


def _programs(name: str) -> tuple[Callable, Callable, tuple]:
    """Curve and value with gradient, both from the numbers of the particle; its network and those numbers."""
    it = system(name)
    numbers = it.geometry, it.values, it.conditions
    return (
        lambda all_: _curve_of_particle(it.signature, *all_),
        lambda all_: _value_and_gradient(it.signature, all_[0], all_[1:], ()),
        (_network(it.signature, *numbers), numbers),
    )


def _median_s(function: Callable, argument: object, repeats: int) -> float:
    times = []
    jax.block_until_ready(function(argument))
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(function(argument))
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _compile_s(name: str) -> dict[str, float]:
    """Seconds from the first call to the first result, less a warm call, in this process."""
    curve, value, (_, numbers) = _programs(name)
    seconds = {}
    for label, function, argument in (("curve", curve, numbers), ("value and gradient", value, numbers)):
        start = time.perf_counter()
        jax.block_until_ready(function(argument))
        first = time.perf_counter() - start
        seconds[label] = first - _median_s(function, argument, 3)
    return seconds


def _settled_s(name: str, light: Any) -> float | None:
    """The same curve with `steady_state: diffrax`: 96 powers, each integrated until nothing changes."""
    return _median_s(_settled_curve, light, 1) if name in DIFFRAX_TIMED else None


class _Creeps(Exception):
    """An integrator takes longer than anybody waits."""


class _Taken(NamedTuple):
    """Seconds, at least so many when it was not `finished`."""

    seconds: float
    finished: bool


def _scipy(name: str, method: str) -> _Taken:
    _, _, (light, _) = _programs(name)
    network = light.network
    field = jax.jit(lambda p, power: network.derivative_per_s(p, power))
    jacobian = jax.jit(jax.jacfwd(lambda p, power: network.derivative_per_s(p, power)))
    start_state = np.asarray(pump_off_equilibrium(network))
    powers = np.geomspace(1e3, 1e5, SCIPY_TIMED[name])
    field(start_state, 1.0)
    jacobian(start_state, 1.0)
    start = time.perf_counter()

    def right_side(p: np.ndarray, power: float) -> np.ndarray:
        if time.perf_counter() - start > SCIPY_PATIENCE_s:
            raise _Creeps
        return np.asarray(field(p, power))

    finished = True
    try:
        for power in powers:
            solve_ivp(
                lambda t, p, power=power: right_side(p, power),
                (0.0, 1000.0),
                start_state,
                method=method,
                jac=lambda t, p, power=power: np.asarray(jacobian(p, power)),
                rtol=1e-6,
                atol=1e-12,
            )
    except _Creeps:
        finished = False
    return _Taken((time.perf_counter() - start) * SCIPY_POWERS / len(powers), finished)


def _in_fresh_process(name: str, cache: str) -> dict[str, float]:
    environment = {**os.environ, "XLA_FLAGS": os.environ["XLA_FLAGS"].replace(ONE_CORE, "").strip()}
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.1"
    environment["JAX_COMPILATION_CACHE_DIR"] = cache
    command = [sys.executable, "-m", "experiments.benchmarks.power_curve", "--compile", name]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return json.loads(printed.splitlines()[-1])


def _cold_and_cached(name: str) -> tuple[dict[str, float], dict[str, float]]:
    with tempfile.TemporaryDirectory() as cache:
        return _in_fresh_process(name, cache), _in_fresh_process(name, cache)


def _medians(each: Sequence[dict[str, float]]) -> dict[str, float]:
    return {label: statistics.median(one[label] for one in each) for label in each[0]}


class Measured(NamedTuple):
    """Seconds: warm curve of a particle and of its network alone, value with gradient, compile times, scipy."""

    curve: float
    alone: float
    both: float
    cold: dict[str, float]
    cached: dict[str, float]
    scipy: dict[str, _Taken]
    settled: float | None


def measure(name: str) -> Measured:
    """All numbers of one system, in seconds."""
    curve, value, (light, numbers) = _programs(name)
    warm, alone, both = _median_s(curve, numbers, 9), _median_s(_curve, light, 9), _median_s(value, numbers, 9)
    cold, cached = (_medians(each) for each in zip(*(_cold_and_cached(name) for _ in range(3)), strict=True))
    others = {method: _scipy(name, method) for method in ("LSODA", "BDF", "Radau")}
    return Measured(warm, alone, both, cold, cached, others, _settled_s(name, light))


def table() -> str:
    """The Markdown table of every system."""
    rows = [
        "| system | curve from the particle (bar) | of its network alone | value and gradient | ratio (bar 3) "
        "| compile curve cold / cached (bars 5 s / 1 s) "
        "| compile value and gradient cold / cached | diffrax, 96 powers | scipy LSODA / BDF / Radau, 40 powers |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, bar in BARS_ms.items():
        m = measure(name)
        speed = " / ".join(
            f"{'' if taken.finished else '> '}{taken.seconds:.2f} s ({taken.seconds / m.alone:.0f}x)"
            for taken in m.scipy.values()
        )
        settled = "not run" if m.settled is None else f"{m.settled:.2f} s ({m.settled / m.alone:.0f}x)"
        compiles = " | ".join(
            f"{m.cold[program]:.1f} s / {m.cached[program]:.2f} s" for program in ("curve", "value and gradient")
        )
        rows.append(
            f"| {name} | {1e3 * m.curve:.1f} ms ({bar:.0f}) | {1e3 * m.alone:.1f} ms "
            f"| {1e3 * m.both:.1f} ms | {m.both / m.curve:.2f} "
            f"| {compiles} | {settled} | {speed} |"
        )
        print(rows[-1], flush=True)
    return "\n".join(rows)


def on_gpu(gpu: Any | None) -> str:
    """Warm curve of a particle and value with gradient on a GPU; None for none."""
    if gpu is None:
        return "GPU: not measured, JAX sees none here."
    found = []
    with jax.default_device(gpu):
        for name in BARS_ms:
            curve, value, (_, numbers) = _programs(name)
            each = (f"{1e3 * _median_s(function, numbers, 9):.1f} ms" for function in (curve, value))
            found.append(f"{name} {' / '.join(each)}")
    return f"GPU ({gpu.device_kind}), curve from the particle / value and gradient: {'; '.join(found)}."


def _gpu() -> Any | None:
    try:
        return jax.devices("gpu")[0]
    except RuntimeError:
        return None


def main() -> None:
    """Print and write the table, or measure the compile times of one system in this process."""
    if len(sys.argv) == 3 and sys.argv[1] == "--compile":
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
        print(json.dumps(_compile_s(sys.argv[2])))
        return
    os.environ["XLA_FLAGS"] = f"{os.environ['XLA_FLAGS']} {ONE_CORE}"
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    head = f"Power curves warm on one core, compile times on {os.cpu_count()} cores, commit {commit}"
    gpu = _gpu()
    with jax.default_device(jax.devices("cpu")[0]):
        rows = table()
    last = on_gpu(gpu)
    print(last)
    text = f"{head}\n\n{rows}\n\n{last}\n"
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
