"""What a particle costs against its number of unknowns, from one ion in one layer to four ions in five layers.

    python -m experiments.benchmarks.scale

Every particle is measured in two processes of its own: one on all cores without a compile cache, for compile times (a
first call less a warm one) and for the peak memory of all of it, and one pinned to one core, for medians of warm calls.
Value with gradient is the largest slope over 0.05 decade with respect to all thicknesses and fractions, built and
solved from scratch, as in `experiments.benchmarks.power_curve`. All ions may be in all doped layers, which makes the
most transfer events that these layers can have; an inert shell lies outside. Table and figure go to
experiments/results/.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.benchmarks.power_curve import ONE_CORE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

RESULTS = Path(__file__).parents[1] / "results"
BAND = "Tm:3H4 -> Tm:3H6"
WINDOW_kW_per_cm2 = (1.0, 100.0)
CORE_RADIUS_nm, LAYER_nm, SHELL_nm = 6.0, 2.5, 4.0
PERCENT = {"Yb": 15.0, "Tm": 4.0, "Er": 1.0, "Ho": 1.0, "Nd": 1.0, "Gd": 10.0}
TIMED_s, FEWEST, MOST = 3.0, 3, 15
"""A warm call is repeated for this long, but at least and at most so many times."""


@dataclass(frozen=True)
class Size:
    """A particle: its ions, cells of each doped layer, hosts of these in turn, levels kept."""

    ions: tuple[str, ...]
    cells: tuple[int, ...]
    hosts: tuple[str, ...] = ("beta-NaYF4",)
    max_level_cm1: float = 30000.0

    @property
    def text(self) -> str:
        layers = f"{len(self.cells)} layer" + ("s" if len(self.cells) > 1 else "")
        hosts = f" of {len(self.hosts)} hosts" if len(self.hosts) > 1 else ""
        return f"{', '.join(self.ions)} in {layers}{hosts}"


_TWO, _THREE = ("beta-NaYF4", "beta-NaGdF4"), ("beta-NaYF4", "beta-NaGdF4", "beta-NaLuF4")
SIZES = (
    Size(("Tm",), (1,), max_level_cm1=40000.0),
    Size(("Yb", "Tm"), (3, 2)),
    Size(("Yb", "Tm", "Er"), (2, 1, 1)),
    Size(("Yb", "Tm", "Er"), (2, 2, 2), _TWO),
    Size(("Yb", "Tm", "Er", "Gd"), (3, 2, 2, 2), _THREE),
    Size(("Yb", "Tm", "Er", "Gd"), (4, 3, 3, 3, 2), _THREE),
    Size(("Yb", "Tm", "Ho", "Nd"), (2, 1, 1, 1, 1), _THREE),
)
LARGEST = SIZES[5:]
"""Four ions in five layers, about 400 unknowns: few levels an ion and the 15 cells of a search by default; many levels
and 6 cells."""


@dataclass(frozen=True)
class Cost:
    """Seconds and bytes of one particle. `model_s`: the static part; `compile_s` and `warm_s` by program.

    `core_share`: processor time over time of the warm calls, below 1 where other programs took the core.
    """

    unknowns: int
    processes: int
    events: int
    model_s: float
    compile_s: dict[str, float]
    warm_s: dict[str, float]
    core_share: float
    peak_bytes: int
    outcome: str
    value: float


PROGRAMS = ("build", "curve", "value and gradient")
BARS_s = {"curve": 1.5, "value and gradient": 4.0}
BAR_bytes = 2e9


def measure(size: Size) -> Cost:
    """All numbers of one particle, in this process."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from padesign.kinetics.light import find_band
    from padesign.kinetics.particle_network import Conditions, Geometry, Signature, particle_model
    from padesign.observables.solution import solve
    from padesign.parameters import load_parameter_set
    from padesign.solve.continuation import Outcome

    layers = len(size.cells)
    inert = (False,) * len(size.ions)
    slots = tuple(k % len(size.hosts) for k in range(layers))
    presence = (*((True,) * len(size.ions) for _ in size.cells), inert)
    signature = Signature(size.ions, presence, (*size.cells, 0), (*slots, 0), size.hosts, size.max_level_cm1)
    hosts = tuple(
        {key: jnp.asarray(value, dtype=float) for key, value in load_parameter_set(host).values.items()}
        for host in size.hosts
    )
    thickness = jnp.array([CORE_RADIUS_nm, *([LAYER_nm] * (layers - 1)), SHELL_nm])
    percent = [[PERCENT[ion] * (1.0 + 0.1 * k) for ion in size.ions] for k in range(layers)]
    geometry = Geometry(thickness, jnp.array([*percent, [0.0] * len(size.ions)]) / 100.0, jnp.asarray(0.5))
    conditions = Conditions(jnp.asarray(1064.0), jnp.asarray(295.0))

    start = time.perf_counter()
    model = particle_model(signature)
    model_s = time.perf_counter() - start

    def build(geometry: Geometry) -> Any:
        return model.build(geometry, hosts, conditions)[0]

    def value(geometry: Geometry) -> Any:
        light = build(geometry)
        found = solve(light, *WINDOW_kW_per_cm2).steepest_window(find_band(light.levels, BAND), 0.05)
        return found.value

    programs: dict[str, Callable] = {
        "build": jax.jit(build),
        "curve": jax.jit(lambda light: solve(light, *WINDOW_kW_per_cm2).trace),
        "value and gradient": jax.jit(jax.value_and_grad(value)),
    }
    first_s, answers = {}, {}
    for name, program in programs.items():
        start = time.perf_counter()
        answers[name] = jax.block_until_ready(program(answers["build"] if name == "curve" else geometry))
        first_s[name] = time.perf_counter() - start
    number, gradient = answers["value and gradient"]
    if not all(np.all(np.isfinite(part)) for part in (number, *jax.tree.leaves(gradient))):
        raise RuntimeError(f"{size.text}: value or gradient is not finite")
    start, used = time.perf_counter(), time.process_time()
    warm_s = {
        name: _median_s(program, answers["build"] if name == "curve" else geometry)
        for name, program in programs.items()
    }
    core_share = (time.process_time() - used) / (time.perf_counter() - start)
    return Cost(
        len(model.labels),
        len(model.processes),
        model.transfer.n_events,
        model_s,
        {name: first_s[name] - warm_s[name] for name in programs},
        warm_s,
        core_share,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        Outcome(int(answers["curve"].outcome)).text,
        float(number),
    )


def _median_s(function: Callable, argument: object) -> float:
    import jax

    times: list[float] = []
    jax.block_until_ready(function(argument))
    while len(times) < FEWEST or (sum(times) < TIMED_s and len(times) < MOST):
        start = time.perf_counter()
        jax.block_until_ready(function(argument))
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def in_fresh_processes(position: int) -> Cost:
    """The cost of `SIZES[position]`: warm times of one core, all else of all cores without a compile cache."""

    def run(how: str) -> Cost:
        environment = os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "false"}
        if how == "--warm":
            flags = environment.get("XLA_FLAGS", "")
            environment |= {"XLA_FLAGS": f"{flags} {ONE_CORE}".strip()}
        command = [sys.executable, "-m", "experiments.benchmarks.scale", how, str(position)]
        printed = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        return Cost(**json.loads(printed.splitlines()[-1]))

    warm = run("--warm")
    return replace(run("--cold"), warm_s=warm.warm_s, core_share=warm.core_share)


def table(costs: dict[Size, Cost]) -> str:
    """The Markdown table, and the bars of the largest particles."""
    rows = [
        "| particle | unknowns | processes | events | static part | build | curve | value and gradient "
        "| share of the core | compile build / curve / value and gradient | peak memory |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for size, cost in costs.items():
        warm = " | ".join(_seconds(cost.warm_s[name]) for name in PROGRAMS)
        compiles = " / ".join(f"{cost.compile_s[name]:.1f} s" for name in PROGRAMS)
        rows.append(
            f"| {size.text} | {cost.unknowns} | {cost.processes} | {cost.events} | {cost.model_s:.1f} s | {warm} "
            f"| {cost.core_share:.2f} | {compiles} | {cost.peak_bytes / 1e9:.2f} GB |"
        )
    bars = ["| bar for the largest | " + " | ".join(size.text for size in LARGEST) + " |", "|---|---|---|"]
    for name, bar in BARS_s.items():
        found = " | ".join(_judged(costs[size].warm_s[name], bar, "s") for size in LARGEST)
        bars.append(f"| {name} below {bar:g} s | {found} |")
    found = " | ".join(_judged(costs[size].peak_bytes / 1e9, BAR_bytes / 1e9, "GB") for size in LARGEST)
    bars.append(f"| memory below {BAR_bytes / 1e9:g} GB | {found} |")
    return "\n".join(rows) + "\n\n" + "\n".join(bars)


def _seconds(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms" if seconds < 1.0 else f"{seconds:.2f} s"


def _judged(found: float, bar: float, unit: str) -> str:
    return f"{found:.2f} {unit}, {'met' if found < bar else 'missed'}"


def draw(path: Path, costs: dict[Size, Cost]) -> None:
    """Seconds and gigabytes against unknowns; the particle with the most levels stands apart as a diamond."""
    from padesign.report.figure_style import BLACK, BLUE, GREEN, GREY, ORANGE, Columns, logarithmic, write_figure

    found = list(costs.values())
    unknowns = [cost.unknowns for cost in found]
    lines = {
        "build": ([cost.warm_s["build"] for cost in found], GREEN, "-"),
        "power curve": ([cost.warm_s["curve"] for cost in found], BLUE, "-"),
        "value and gradient": ([cost.warm_s["value and gradient"] for cost in found], ORANGE, "-"),
        "compiling value and gradient": ([cost.compile_s["value and gradient"] for cost in found], GREY, ":"),
    }
    memory = [cost.peak_bytes / 1e9 for cost in found]

    def points(axes: Axes, heights: list[float], colour: str, style: str, label: str = "") -> None:
        axes.plot(unknowns[:-1], heights[:-1], f"o{style}", color=colour, label=label or None, markersize=4)
        axes.plot(unknowns[-1], heights[-1], "D", color=colour, markersize=5, fillstyle="none")

    def bar(axes: Axes, height: float, colour: str) -> None:
        axes.plot([0.7 * max(unknowns), 1.3 * max(unknowns)], [height, height], color=colour, linestyle=(0, (3, 2)))

    def on(figure: Figure) -> None:
        left, right = figure.subplots(1, 2, width_ratios=(1.6, 1.0))
        for label, (seconds, colour, style) in lines.items():
            points(left, seconds, colour, style, label)
        left.plot([], [], "D", color=GREY, markersize=5, fillstyle="none", label=", ".join(SIZES[-1].ions))
        left.plot([], [], color=GREY, linestyle=(0, (3, 2)), label="bars for the largest")
        for name, colour in (("curve", BLUE), ("value and gradient", ORANGE)):
            bar(left, BARS_s[name], colour)
        points(right, memory, BLACK, "-")
        bar(right, BAR_bytes / 1e9, BLACK)
        left.set_ylabel("seconds")
        right.set_ylabel("peak memory of a process (GB)")
        for axes in (left, right):
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_xlabel("unknowns")
            axes.grid(True)
            logarithmic(axes.xaxis)
            logarithmic(axes.yaxis)
        figure.legend(loc="outside upper left", ncols=3)

    columns = Columns(
        ["unknowns", "events", *(f"{label} (s)" for label in lines), "peak memory (GB)"],
        [
            [cost.unknowns, cost.events, *(seconds[k] for seconds, _, _ in lines.values()), memory[k]]
            for k, cost in enumerate(found)
        ],
    )
    with tempfile.TemporaryDirectory() as folder:
        files = write_figure(Path(folder) / path.stem, on, (7.4, 3.6), columns)
        path.write_bytes(files.svg.read_bytes())


def main() -> None:
    """Measure every particle, or one in this process, and write table and figure."""
    import padesign  # sets the environment before jax is imported

    if len(sys.argv) == 3 and sys.argv[1] in ("--cold", "--warm"):
        if sys.argv[1] == "--warm":
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        print(json.dumps(asdict(measure(SIZES[int(sys.argv[2])]))))
        return
    costs = {}
    for position, size in enumerate(SIZES):
        costs[size] = in_fresh_processes(position)
        print(size.text, costs[size], flush=True)
    RESULTS.mkdir(exist_ok=True)
    head = (
        f"Cost against the number of unknowns: warm on one core, compiled on {os.cpu_count()} cores without a cache, "
        f"padesign {padesign.__version__}. A share of the core below 0.95 means that other programs ran too."
    )
    (RESULTS / "scale.md").write_text(
        f"{head}\n\n{table(costs)}\n\n![seconds and memory against unknowns](scale.svg)\n", encoding="utf-8"
    )
    draw(RESULTS / "scale.svg", costs)


if __name__ == "__main__":
    main()
