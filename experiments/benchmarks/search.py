"""The search of padesign beside general optimisers: five design problems, budgets counted in power curves.

    python -m experiments.benchmarks.search [--problems NAME...] [--seeds N] [--costs]

padesign may spend 200 curve equivalents (`padesign.design.cost`), every other optimiser 1,000. They minimise the same
loss on the same grid, with choices and unconstrained numbers as their variables, and a curve of theirs counts 1; the
judgement of their three best designs is free (so are, for padesign, the batches of its first three). Nothing is
rounded, and every answer is judged on the finer grid. Finished runs are kept in experiments/results/search.jsonl and
not computed again; the table and the figure go beside it. The Gaussian process needs the package torch, which is not
among the locked ones; without it the table says so.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optuna

from experiments.verify import commit
from padesign.config import load_run_text
from padesign.config.build import build_problem
from padesign.design import compiled
from padesign.design.cost import EQUIVALENT, EQUIVALENTS
from padesign.design.problem import Problem
from padesign.design.scene import solve_particle
from padesign.design.transforms import Packing, forward, start_point
from padesign.design.trial import Candidate, Option
from padesign.errors import InputError
from padesign.programs import program
from padesign.search import Campaign, CampaignSettings, RunFolder
from padesign.search.events import TrialFinished
from padesign.search.journal import has_result

RESULTS = Path(__file__).parents[1] / "results"
KEPT, TABLE, FIGURE = RESULTS / "search.jsonl", RESULTS / "search.md", RESULTS / "search.svg"
OURS, THEIRS = 200, 1000
JUDGED = 3
SPREAD = 3.0
"""Range of the unconstrained numbers that the others search: 5 to 95 % of every range."""

_TM = """
  layers:
    - {name: core, host: beta-NaYF4, diameter_nm: {min: 8, max: 20}, dopants_mol_percent: {Tm: {min: 1, max: 15}}}
    - name: active
      host: beta-NaYF4
      thickness_nm: {min: 1, max: 4}
      optional: true
      dopants_mol_percent: {Tm: {min: 0.5, max: 15}, Yb: {min: 1, max: 30, optional: true}}
    - {name: inert, host: beta-NaYF4, thickness_nm: {min: 1, max: 6}}
"""
_ER = """
  layers:
    - name: core
      host: beta-NaYF4
      diameter_nm: {min: 8, max: 20}
      dopants_mol_percent: {Er: {min: 0.5, max: 20}, Yb: {min: 1, max: 40, optional: true}}
    - {name: inert, host: beta-NaYF4, thickness_nm: {min: 1, max: 6}, optional: true}
"""
_PR = """
  layers:
    - name: core
      host: beta-NaYF4
      diameter_nm: {min: 8, max: 20}
      dopants_mol_percent: {Yb: {min: 2, max: 60}, Pr: {min: 0.1, max: 5}}
    - {name: inert, host: beta-NaYF4, thickness_nm: {min: 1, max: 6}, optional: true}
"""
_STEEP = '{kind: nonlinearity, emission: "Tm:3H4 -> Tm:3H6"}'


def _run(nm: float, powers: str, layers: str, objective: str, rest: str = "", level: int = 15500) -> str:
    return (
        "version: 1\nname: benchmark\nrounding: {size_step_nm: 0, dopant_step_mol_percent: 0}\n"
        f"excitation: {{wavelength_nm: {nm}, irradiance_kW_per_cm2: {powers}}}\n"
        f"particle:\n  max_diameter_nm: 25\n  max_level_cm1: {level}{layers}objective: {objective}\n"
        f"solver: {{cells_per_layer: 1, judge_cells_per_layer: 2}}\n{rest}"
    )


PROBLEMS: Mapping[str, str] = {
    "steep": _run(1064, "{min: 1, max: 100}", _TM, _STEEP),
    "low threshold": _run(
        1064,
        "{min: 1, max: 100}",
        _TM,
        '{kind: threshold, emission: "Tm:3H4 -> Tm:3H6", min_nonlinearity: 20}',
    ),
    "green": _run(  # towards the green primary of ITU-R BT.2020, bright
        980,
        "{min: 1, max: 200}",
        _ER,
        "{kind: colour, target_xy: {x: 0.17, y: 0.797}, at_irradiance_kW_per_cm2: 50, min_photons_per_s: 3e5}",
        level=25500,
    ),
    "cascade": _run(852, "{min: 5, max: 1000}", _PR, '{kind: nonlinearity, emission: "Pr:3P0 -> Pr:3H6"}', level=22500),
    "robust": _run(1064, "{min: 1, max: 100}", _TM, _STEEP, "robust: {samples: 8, judge_samples: 64}\n"),
}
GP = "GP"
_Sampler = Callable[[int], optuna.samplers.BaseSampler]
BASELINES: Mapping[str, _Sampler] = {
    "random": lambda seed: optuna.samplers.RandomSampler(seed=seed),
    "TPE": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True),
    "CMA-ES": lambda seed: optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False),
    "NSGA-II": lambda seed: optuna.samplers.NSGAIISampler(seed=seed),
    GP: lambda seed: optuna.samplers.GPSampler(seed=seed, deterministic_objective=True),
}


def not_here(method: str) -> str:
    """Why a method cannot run in this environment; empty if it can. Optuna's Gaussian process computes with torch."""
    missing = method == GP and importlib.util.find_spec("torch") is None
    return "torch is not installed" if missing else ""


def padesign(problem: Problem, seed: int) -> tuple[list[float], list[float]]:
    """Curve equivalents after every trial within the budget, and the best value by then.

    As for the others, what the batches of three designs really reach is looked up for free.
    """
    spent: list[float] = []
    values: list[float] = []

    def on_event(event: object) -> None:
        if not isinstance(event, TrialFinished):
            return
        cost = event.record.candidate.cost
        free = EQUIVALENTS["claims"] * cost.get("claims", 0.0) if len(spent) < JUDGED else 0.0
        spent.append((spent[-1] if spent else 0.0) + cost[EQUIVALENT] - free)
        values.append(math.nan if event.best is None else float(event.best.candidate.value or math.nan))

    with tempfile.TemporaryDirectory() as root:
        folder = RunFolder.create(root, "benchmark", "", {})
        Campaign(problem, CampaignSettings(1000, seed, budget=OURS), folder, on_event=on_event).run()
    within = sum(one <= OURS for one in spent)
    return spent[:within], values[:within]


def other(problem: Problem, make_sampler: _Sampler, seed: int) -> tuple[list[float], list[float]]:
    """A general optimiser of the loss over choices and unconstrained numbers; then its best designs are judged."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    per_loss = 1 if problem.robust is None else problem.robust.samples
    free = 1 + len(problem.space.layers) * (1 + len(problem.space.ions))
    seen: list[tuple[float, dict[str, Option], np.ndarray]] = []

    def loss(trial: optuna.Trial) -> float:
        choice: dict[str, Option] = {}
        for name, options in problem.choices.items():
            choice[name] = trial.suggest_categorical(name, list(options))  # type: ignore[assignment]
        x = np.array([trial.suggest_float(f"x{k}", -SPREAD, SPREAD) for k in range(free - 1)])
        try:
            bounds = problem.space.bounds(choice)
        except InputError:
            return 1e6
        packing = Packing(bounds)
        point = x[packing.free]
        found = float(_value(problem, packing, point, bounds, choice))
        seen.append((found if math.isfinite(found) else 1e6, choice, point))
        return seen[-1][0]

    study = optuna.create_study(sampler=make_sampler(seed))
    study.optimize(loss, n_trials=THEIRS // per_loss)
    best = math.nan
    for _, choice, point in sorted(seen, key=lambda one: one[0])[:JUDGED]:
        bounds = problem.space.bounds(choice)
        geometry = problem.geometry(Packing(bounds).point(point), bounds)
        candidate = problem.judge(choice, geometry, 0.0)
        if has_result(candidate):
            best = _better(best, candidate, problem.maximise)
    return [float(len(seen) * per_loss)], [best]


def _better(best: float, candidate: Candidate, maximise: bool) -> float:
    value = float(candidate.value or math.nan)
    return value if math.isnan(best) or (value > best) is maximise else best


def _value(problem: Problem, packing: Packing, x: np.ndarray, bounds: Any, choice: Mapping[str, Option]) -> jax.Array:
    return problem.loss(packing.point(x), bounds, choice)[0]


@program(static_argnums=(0, 1, 2))
def _curve_loss(
    signature: Any, scene: Any, objective: Any, z: Any, bounds: Any, hosts: Any, conditions: Any, mixing_nm: Any
) -> jax.Array:
    geometry = forward(z, bounds, mixing_nm)
    return objective.loss(solve_particle(signature, geometry, hosts, conditions, scene, 1.0, objective.thermal))


def costs() -> dict[str, float]:
    """Measured curve equivalents of what a trial computes: least times of random designs, their mean over problems."""
    found = [_costs(build_problem(load_run_text(PROBLEMS[name]).run)) for name in ("steep", "cascade")]
    return {kind: statistics.fmean(one[kind] for one in found) for kind in found[0]}


def _costs(one: Problem) -> dict[str, float]:
    choice = {name: options[0] for name, options in one.choices.items()}
    bounds, rng = one.space.bounds(choice), np.random.default_rng(0)
    points = [start_point(bounds, rng, spread=np.inf) for _ in range(20)]
    fixed, context = (one.scene, one.objective), (one.hosts(choice), one.conditions(choice))
    mixing_nm = one.space.interface_mixing_nm

    def judged(signature: Any) -> Callable[[Any], Any]:
        return lambda z: compiled.judge(signature, *fixed, forward(z, bounds, mixing_nm), *context)

    kinds: dict[str, Callable[[Any], Any]] = {
        "screens": lambda z: one.guess(z, bounds, choice),
        "curves": lambda z: _curve_loss(one.signature, *fixed, z, bounds, *context, mixing_nm),
        "gradients": lambda z: one.loss(z, bounds, choice),
        "checks": judged(one.signature),
        "judgements": judged(one.judge_signature),
    }
    seconds = {}
    for kind, compute in kinds.items():
        _timed(compute, points[0])  # compiles
        seconds[kind] = statistics.fmean(min(_timed(compute, z) for _ in range(3)) for z in points[1:])
    seconds["claims"] = seconds["judgements"]
    return {kind: each / seconds["curves"] for kind, each in seconds.items()}


def _timed(compute: Callable[[Any], Any], z: Any) -> float:
    begin = time.perf_counter()
    jax.block_until_ready(compute(z))
    return time.perf_counter() - begin


def _kept() -> list[dict[str, Any]]:
    return [json.loads(line) for line in KEPT.read_text().splitlines()] if KEPT.exists() else []


def measure(names: list[str], seeds: int) -> None:
    """Compute what is not there yet, one line for each finished run."""
    RESULTS.mkdir(exist_ok=True)
    for name in names:
        problem = build_problem(load_run_text(PROBLEMS[name]).run)
        for seed in range(1, seeds + 1):
            for method in ("padesign", *BASELINES):
                if any((one["problem"], one["method"], one["seed"]) == (name, method, seed) for one in _kept()):
                    continue
                if why := not_here(method):
                    print(name, method, seed, f"not run: {why}", flush=True)
                    continue
                begin = time.monotonic()
                ours = method == "padesign"
                spent, values = padesign(problem, seed) if ours else other(problem, BASELINES[method], seed)
                line = {"problem": name, "method": method, "seed": seed, "spent": spent, "values": values}
                line |= {"maximise": problem.maximise, "wall_s": time.monotonic() - begin, "commit": commit()}
                with KEPT.open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(name, method, seed, values[-1:], f"{line['wall_s']:.0f} s", flush=True)
        write()


def write() -> None:
    """Table of medians, best of each line in bold, and the figure."""
    runs = _kept()
    methods = ["padesign", *BASELINES]
    lines = ["| problem | better | " + " | ".join(methods) + " | padesign is best |", "|---" * (len(methods) + 3) + "|"]
    won = 0
    for name in PROBLEMS:
        own = [run for run in runs if run["problem"] == name]
        if not own:
            continue
        more = own[0]["maximise"]
        worst = -math.inf if more else math.inf
        medians = {}
        for method in methods:
            ends = [run["values"][-1] if run["values"] else math.nan for run in own if run["method"] == method]
            if ends:
                medians[method] = statistics.median(worst if math.isnan(x) else x for x in ends), len(ends)
        best = (max if more else min)(value for value, _ in medians.values())
        ahead = medians.get("padesign", (worst, 0))[0] == best
        won += ahead
        cells = [
            f"{'**' if medians[m][0] == best else ''}{medians[m][0]:.4g}{'**' if medians[m][0] == best else ''}"
            f" ({medians[m][1]})"
            if m in medians
            else f"not run: {not_here(m)}".removesuffix(": ")
            for m in methods
        ]
        lines.append(
            f"| {name} | {'larger' if more else 'smaller'} | {' | '.join(cells)} | {'yes' if ahead else 'no'} |"
        )
    commits = ", ".join(sorted({run["commit"] for run in runs}))
    text = (
        f"# The search beside general optimisers\n\nMedian of the honest values (number of seeds); padesign at {OURS} "
        f"curve equivalents, the others at {THEIRS}. padesign is best on {won} of {len(lines) - 2} problems run; the "
        f"bar is 4 of 5. Commit {commits}; `python -m experiments.benchmarks.search`.\n\n"
        "The defaults of padesign's search were chosen on these problems, the others have Optuna's. The optimisers "
        "follow the same loss, and only padesign its gradient.\n\n" + "\n".join(lines) + "\n"
    )
    TABLE.write_text(text)
    _draw(runs, methods)


def _draw(runs: list[dict[str, Any]], methods: list[str]) -> None:
    from matplotlib.figure import Figure

    names = [name for name in PROBLEMS if any(run["problem"] == name for run in runs)]
    figure = Figure(figsize=(3.2 * len(names), 3.0), layout="constrained")
    for place, name in enumerate(names):
        axes = figure.add_subplot(1, len(names), place + 1, title=name, xlabel="curve equivalents", xscale="log")
        for k, method in enumerate(methods):
            for run in (run for run in runs if (run["problem"], run["method"]) == (name, method)):
                label = method if run["seed"] == 1 and place == 0 else None
                axes.plot(run["spent"], run["values"], "o-" if k == 0 else "s", color=f"C{k}", ms=3, lw=1, label=label)
    figure.legend(loc="outside lower center", ncols=len(methods), frameon=False)
    figure.savefig(FIGURE)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--problems", nargs="+", default=list(PROBLEMS), choices=list(PROBLEMS))
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--costs", action="store_true", help="measure the curve equivalents and stop")
    given = asked.parse_args()
    if given.costs:
        for kind, found in costs().items():
            print(f"{kind}: {found:.2f} curves measured, counted as {EQUIVALENTS[kind]}")
        return
    measure(given.problems, given.seeds)


if __name__ == "__main__":
    main()
