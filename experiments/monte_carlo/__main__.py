"""Is mean field good enough? `python -m experiments.monte_carlo` writes experiments/results/monte_carlo.md, .csv, .svg.

With `--smoke FOLDER` a run of a minute, too short for any number, is written to a folder; `--continuum` sets the
continuum of today beside the explicit ions on record (monte_carlo_continuum.md).
"""

from __future__ import annotations

import csv
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from experiments.monte_carlo.again import compare
from experiments.monte_carlo.avalanche import (
    UPPER,
    FASTEST_HOP_per_s,
    Point,
    Task,
    measure,
    power_where,
    window_slopes,
)
from experiments.monte_carlo.continuum import CELLS, Curve, Particle, continuum, lattice_distance_nm, particle
from experiments.monte_carlo.excitation import Estimate
from experiments.monte_carlo.transfer_table import Effort, Row, transfer_table
from experiments.verify import commit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RESULTS = Path(__file__).parents[1] / "results"
STEPS = 2
"""Window of S: this many steps between powers."""
BARS_percent = {"threshold": 25.0, "S": 35.0}


class Plan(NamedTuple):
    """How much is run. `time_s` for each power, of which `settle_s` is left out; `check` powers with quicker hops."""

    effort: Effort
    powers_kW_per_cm2: tuple[float, ...]
    time_s: tuple[float, ...]
    settle_s: float
    placements: int
    check: tuple[int, ...]


FULL = Plan(
    Effort(6, 1500, 2000),
    tuple(round(14.0 * 1.07**k, 2) for k in range(-3, 5)),
    (8.0, 8.0, 8.0, 8.0, 5.0, 4.0, 2.5, 2.5),
    1.0,
    2,
    (3, 5),
)
SMOKE = Plan(Effort(2, 1200, 50), (13.0, 14.0, 15.0), (0.4, 0.4, 0.4), 0.2, 1, (1,))


class Found(NamedTuple):
    """Everything measured. `points[name]` are the runs at all powers, in the order of the plan."""

    particle: Particle
    mended_nm: float
    rows: list[Row]
    points: dict[str, list[Point]]
    quick: list[Point]
    law: Curve
    mended: Curve


def study(plan: Plan) -> Found:
    """Run all of it, on two processes."""
    one, mended_nm = particle(), lattice_distance_nm()
    powers = np.array(plan.powers_kW_per_cm2)
    names = ["particle 1, dark start", "particle 1, bright start"]
    starts = [(1, 0.0), (1, 0.3)]
    for k in range(2, plan.placements + 1):
        names.append(f"particle {k}, dark start")
        starts.append((k, 0.0))
    tasks = [
        Task(place, power, bright, FASTEST_HOP_per_s, time_s, plan.settle_s)
        for place, bright in starts
        for power, time_s in zip(plan.powers_kW_per_cm2, plan.time_s, strict=True)
    ]
    quick = [tasks[k]._replace(fastest_hop_per_s=4.0 * FASTEST_HOP_per_s) for k in plan.check]
    processes = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))
    with processes as workers, ThreadPoolExecutor(1) as beside:
        smooth = beside.submit(lambda: (continuum(powers), continuum(powers, mended_nm)))
        runs = measure(one, tasks + quick, workers)
        rows = transfer_table(one, mended_nm, plan.effort, workers)
    width = len(plan.powers_kW_per_cm2)
    points = {name: runs[k * width : (k + 1) * width] for k, name in enumerate(names)}
    return Found(one, mended_nm, rows, points, runs[len(tasks) :], *smooth.result())


def upper_per_ion(points: list[Point]) -> np.ndarray:
    """Share of the ions in the emitting level, which the emission is proportional to."""
    return np.array([point.upper / point.ions for point in points])


def curves(found: Found) -> dict[str, np.ndarray]:
    """Emitting share of every curve against power; the Monte Carlo's mean is over all runs."""
    level = found.particle.rates.level(UPPER)
    runs = {name: upper_per_ion(points) for name, points in found.points.items()}
    return {
        "continuum": found.law.number[:, level] / found.law.ions,
        "continuum, lattice's mean field": found.mended.number[:, level] / found.mended.ions,
        "Monte Carlo, mean": np.mean(list(runs.values()), axis=0),
        **runs,
    }


def numbers(found: Found, powers: np.ndarray) -> dict[str, tuple[float, float, float]]:
    """For every curve: S by window, the middle of that window, and where the continuum's threshold emission is met."""
    every = curves(found)
    base = every["continuum"]
    at = np.interp(np.log(found.law.threshold_kW_per_cm2), np.log(powers), np.log(base))
    result = {}
    for name, curve in every.items():
        slopes = window_slopes(powers, curve, STEPS)
        k = int(np.nanargmax(slopes))
        result[name] = (
            float(slopes[k]),
            float(np.sqrt(powers[k] * powers[k + STEPS])),
            power_where(powers, curve, float(np.exp(at))),
        )
    return result


def percent(value: float, against: float) -> str:
    return f"{100.0 * (value / against - 1.0):+.0f} %"


def transfer_lines(rows: list[Row]) -> list[str]:
    """The table of rates per donor."""
    head = "Tm (%) | hopping | law | lattice, yield | law off | lattice, 1/e | random, yield | random, 1/e | mended law"
    lines = [f"| {head} | mended off |", "|" + "---|" * (head.count("|") + 2)]
    for r in rows:
        a, b = r.lattice, r.random
        cells = [
            f"{r.percent:g}",
            r.hopping,
            f"{r.law:.0f}",
            f"{a.by_yield:.0f} ± {a.by_yield_error:.0f}",
            percent(r.law, a.by_yield),
            f"{a.by_time:.0f} ± {a.by_time_error:.0f}",
            f"{b.by_yield:.0f} ± {b.by_yield_error:.0f}",
            f"{b.by_time:.0f} ± {b.by_time_error:.0f}",
            f"{r.mended:.0f}",
            percent(r.mended, a.by_yield),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def avalanche_lines(found: Found, plan: Plan) -> list[str]:
    """Curves, their slopes and the bars."""
    powers, every = np.array(plan.powers_kW_per_cm2), curves(found)
    lines = ["Share of ions in 3H4, 1e-6:\n", f"| kW/cm^2 | {' | '.join(every)} |", "|" + "---|" * (len(every) + 1)]
    for k, power in enumerate(powers):
        cells = [f"{power:g}"]
        for name, curve in every.items():
            point = found.points[name][k] if name in found.points else None
            error = "" if point is None else f" ± {1e6 * point.upper_error / point.ions:.2g}"
            cells.append(f"{1e6 * curve[k]:.3g}{error}")
        lines.append(f"| {' | '.join(cells)} |")
    measured = numbers(found, powers)
    window = STEPS * np.log10(powers[1] / powers[0])
    lines += [
        f"\n| curve | S over {window:.3f} decades | steepest at (kW/cm^2) | continuum's threshold emission at |",
        "|---|---|---|---|",
    ]
    lines += [f"| {name} | {S:.1f} | {at:.2f} | {level:.2f} |" for name, (S, at, level) in measured.items()]
    S, at, level = measured["Monte Carlo, mean"]
    lines.append("\n| against the Monte Carlo | continuum | lattice's mean field | bar |\n|---|---|---|---|")
    for what, k, bar in (("S by window", 0, "S"), ("steepest at", 1, "threshold"), ("emission met at", 2, "threshold")):
        law, mended = measured["continuum"][k], measured["continuum, lattice's mean field"][k]
        truth = (S, at, level)[k]
        met = "met" if abs(law / truth - 1.0) * 100.0 <= BARS_percent[bar] else "missed"
        limit = f"{BARS_percent[bar]:.0f} %, {met}"
        lines.append(f"| {what} | {percent(law, truth)} | {percent(mended, truth)} | {limit} |")
    return lines


def process_lines(found: Found, plan: Plan) -> list[str]:
    """Most frequent processes of two ions at the highest power: events per second against both continua."""
    rates, last = found.particle.rates, [points[-1] for points in found.points.values()]
    seconds = plan.time_s[-1] - round(plan.settle_s, 6)
    counted = np.stack([point.run.pair for point in last]).mean(axis=0) / seconds
    upper, store = (np.mean([getattr(point, name) for point in last]) for name in ("upper", "store"))
    lines = [
        f"\nPairs of ions at {plan.powers_kW_per_cm2[-1]:g} kW/cm^2, where the Monte Carlo has {store:.0f} ions in 3F4 "
        f"and {upper:.2f} in 3H4: events per second; then the continuum's rate for one ion in each of the two levels "
        "over that of the Monte Carlo.\n",
        "| process | Monte Carlo (1/s) | continuum over it | lattice's mean field over it |",
        "|---|---|---|---|",
    ]
    bins = round(plan.settle_s / 0.1)
    mean = np.concatenate([point.run.population[bins:] for point in last]).mean(axis=0)
    ions = float(np.mean([point.ions for point in last]))
    for k in [k for k in np.argsort(-counted) if not rates.hop[k]][:6]:
        (i, j), (i2, j2) = rates.before[k], rates.after[k]
        name = f"{rates.levels[i]} + {rates.levels[j]} -> {rates.levels[i2]} + {rates.levels[j2]}"
        shares = []
        for curve in (found.law, found.mended):
            theirs = curve.pair_per_s[-1, k] / (curve.number[-1, i] * curve.number[-1, j] / curve.ions)
            ours = counted[k] / (mean[i] * mean[j] / ions)
            shares.append(f"{theirs / ours:.2f}")
        lines.append(f"| {name} | {counted[k]:.3g} | {' | '.join(shares)} |")
    return lines


def quick_lines(found: Found, plan: Plan) -> list[str]:
    """Runs with quicker hops beside the same runs."""
    lines = [
        f"\nShare of ions in 3H4, 1e-6, with hops of 3F4 limited to {FASTEST_HOP_per_s:g} s^-1 in a pair and to "
        "four times as much:\n",
        "| kW/cm^2 | limit | four times the limit |",
        "|---|---|---|",
    ]
    slow = next(iter(found.points.values()))
    for k, quick in zip(plan.check, found.quick, strict=True):
        pair = [f"{1e6 * p.upper / p.ions:.3g} ± {1e6 * p.upper_error / p.ions:.2g}" for p in (slow[k], quick)]
        lines.append(f"| {plan.powers_kW_per_cm2[k]:g} | {' | '.join(pair)} |")
    return lines


def draw(figure: Figure, found: Found, powers: np.ndarray) -> None:
    """Emission against power, and the law over the Monte Carlo against concentration."""
    from padesign.report.figure_style import BLUE, GREEN, ORANGE, PALETTE

    left, right = figure.subplots(1, 2)
    every = curves(found)
    left.plot(powers, every["continuum"], color=BLUE, label="continuum")
    left.plot(powers, every["continuum, lattice's mean field"], color=GREEN, ls="--", label="lattice's mean field")
    for name, points in found.points.items():
        errors = [point.upper_error / point.ions for point in points]
        mark = "s" if "bright" in name else "o"
        left.errorbar(powers, every[name], errors, fmt=mark, ms=3, lw=0.8, color=ORANGE, mfc="none")
    left.set(yscale="log", xlabel="irradiance (kW/cm²)", ylabel="share of ions in 3H4")
    left.legend(loc="lower right")
    for colour, hopping in zip(PALETTE, ("static", "hopping", "fast"), strict=False):
        rows = [row for row in found.rows if row.hopping == hopping]
        x = [row.percent for row in rows]
        right.plot(x, [row.law / row.lattice.by_yield for row in rows], color=colour, label=hopping)
        right.plot(x, [row.mended / row.lattice.by_yield for row in rows], color=colour, ls="--")
    right.axhline(1.0, color="0.5", lw=0.8)
    right.set(xscale="log", xlabel="Tm (%)", ylabel="law / lattice; dashed: mended")
    right.legend()


def write(folder: Path, found: Found, plan: Plan, ran_on: str, seconds: float) -> None:
    """The page, the figure and its numbers."""
    import padesign
    from padesign.report.figure_style import table_of, write_figure

    powers = np.array(plan.powers_kW_per_cm2)
    head = [
        "# Explicit ions against the continuum\n",
        f"padesign {padesign.__version__}, commit {ran_on}; `python -m experiments.monte_carlo`; {seconds:.0f} s on "
        "two processes. What it means is in docs/notes/monte_carlo.md.\n",
        "## Cross-relaxation of 3H4\n",
        "Transfer rate per donor among acceptors in the ground state, s^-1; errors are standard errors over "
        "placements.\n",
        *transfer_lines(found.rows),
        f"\n## 8 % Tm, 17 nm core, 5.6 nm shell, {CELLS} cells\n",
        f"The continuum has S = {found.law.S:.1f} (exact) and its linear threshold at "
        f"{found.law.threshold_kW_per_cm2:.2f} kW/cm^2; with the lattice's mean field (its distance "
        f"{found.mended_nm:.4f} nm) {found.mended.S:.1f} and {found.mended.threshold_kW_per_cm2:.2f}.\n",
        *avalanche_lines(found, plan),
        *process_lines(found, plan),
        *quick_lines(found, plan),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "monte_carlo.md").write_text("\n".join(head) + "\n", encoding="utf-8")
    table = table_of({"irradiance (kW/cm^2)": powers.tolist(), **{k: v.tolist() for k, v in curves(found).items()}})
    with tempfile.TemporaryDirectory() as scratch:
        files = write_figure(Path(scratch) / "figure", lambda figure: draw(figure, found, powers), (7.4, 3.6), table)
        (folder / "monte_carlo.svg").write_bytes(files.svg.read_bytes())
        (folder / "monte_carlo.csv").write_bytes(files.csv.read_bytes())
    with (folder / "monte_carlo_transfer.csv").open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        kinds = [f"{place} {name}" for place in ("lattice", "random") for name in Estimate._fields]
        writer.writerow(["percent", "hopping", "law", "mended", *kinds])
        writer.writerows([r.percent, r.hopping, r.law, r.mended, *r.lattice, *r.random] for r in found.rows)


def main() -> None:
    """The whole study, or a smoke run."""
    begin, ran_on = time.perf_counter(), commit()
    smoke = len(sys.argv) == 3 and sys.argv[1] == "--smoke"
    if sys.argv[1:] == ["--continuum"]:
        text = compare(RESULTS, STEPS, ran_on)
        (RESULTS / "monte_carlo_continuum.md").write_text(text, encoding="utf-8")
        print(text)
        return
    if not smoke and len(sys.argv) > 1:
        sys.exit("usage: python -m experiments.monte_carlo [--smoke FOLDER | --continuum]")
    plan, folder = (SMOKE, Path(sys.argv[2])) if smoke else (FULL, RESULTS)
    found = study(plan)
    write(folder, found, plan, ran_on, time.perf_counter() - begin)
    print((folder / "monte_carlo.md").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
