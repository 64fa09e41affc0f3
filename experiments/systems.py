"""What the uncalibrated model says of published nanoscale systems: `python -m experiments.systems`.

Every file of configs/systems is evaluated at its judging cells and at twice as many; the table goes to docs/systems.md.
It takes some forty minutes on two cores; the page is written again after every system, the largest last.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import NamedTuple

import jax

from padesign.config import RunFile, load_run_file
from padesign.config.blocks.results import Reported
from padesign.config.build import build_design
from padesign.design.evaluate import Evaluation, evaluate_solution, solve_design
from padesign.kinetics.particle_network import particle_model

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "configs" / "systems"
PAGE = ROOT / "docs" / "systems.md"
REFINED = 2
MOST_EVENTS = 150_000_000
"""Transfer events (processes times pairs of cells) up to which a system is also solved on the finer grid."""
LEFT_OUT = {
    "Bednarkiewicz et al. 2019, Szałkowski et al. 2021": "simulations of rate equations, no sample",
    "Bednarkiewicz et al. 2023": "paired pulses and networks of particles, no particle of its own",
    "Lee et al. 2023": "the particle of Lee et al. 2021; photodarkening is not in a rate model",
    "Liu et al. 2024 (self-interference)": "an imaging method at 852 nm; the particle is not described",
    "Fernandez-Bravo et al. 2018, Liu et al. 2020, Shang et al. 2022": "lasing of a microcavity, not of a particle",
    "Liu et al. 2017, Zhan et al. 2017, Li et al. (Ga:ZnO)": "depletion or brightness at 980 nm, no avalanche curve",
    "Deng et al. 2015, Lu et al. 2014": "colours and lifetimes of ordinary upconversion",
}
INTRODUCTION = """
Each row is a run file of `configs/systems/`, so every number can be repeated with `padesign evaluate`. Nothing was
adjusted to any of them, and misfits stand as they are. The parameter sets are not calibrated; most of those of other
hosts than NaYF4 are taken over from it. Most sources, read here through the review of Aggarwal et al., Nanoscale 17,
6329 (2025), state neither sizes nor all concentrations: the last column says what is assumed, and one different shell
can move a threshold severalfold. So the table shows whether orders of magnitude and trends (temperature, shells,
cascades) come out. It cannot confirm or refute a single number. What is compared also differs. The model's threshold is
the lowest irradiance at which the dark state is unstable; groups read theirs off curves, each in its own way. The
model's S is the largest local slope of one particle in uniform light; an ensemble, or the profile of a focused beam,
lowers it. Temperatures are those stated: no particle heats itself.

S is that of the first band; where the curve jumps, exact S is infinite and the mean slope over 0.05 decades of an
upward sweep stands in brackets. "edge" marks a slope that is largest at an end of the power window: no avalanche lies
inside. The last numbers are the changes when every layer has twice as many cells.
"""
REASONS = """
## Reasons that are known

* **Nd**: cross-relaxation 4F3/2 + 4I9/2 -> 4I15/2 + 4I15/2 lacks about 500 cm^-1 between the centroids of the
  manifolds, which the model takes with the levels of the aquo ion; at 77 K next to nothing comes of it. What feeds the
  avalanche of a bare particle is the loss of 4F3/2 to two C-H quanta of its ligands: it ends in 4I15/2, and two more
  cross-relaxations make three ions in 4I11/2 of that one. So the model has bare particles far below shelled ones. The
  constant of that loss is an assumption, and losses of 4I11/2 itself at a surface are not in it.
* **Emitters in an outermost shell**: nothing protects them or the Yb beside them, and no source here gives that shell's
  thickness. A further shell without Yb halves the threshold of the 852 nm cascade in the table.
* **NaLuF4** has the line strengths of NaYF4 in its set, so the model can only say that lattice and density alone do not
  raise S.
* **Thermometers**: the sources name absorption from the thermally filled 4I11/2, and the model has it (S = 1). In
  NaYF4 and YAG it has an avalanche on top from some 2 and 11 MW/cm^2 on, by the same loss of 4F3/2 to the surface.
  Five of these bare particles take 8 cells for every e-fold of depth: with 4 their thresholds are 3 to 7 % lower.
  "not run" stands where twice as many were too many.
"""


class Row(NamedTuple):
    """A system at its own cells and at more of them."""

    run: RunFile
    reported: Reported
    plain: Evaluation
    refined: Evaluation | None

    @property
    def slopes(self) -> tuple[float, ...]:
        """S of the first band on both grids, exact where neither curve jumps, otherwise over the window."""
        bands = [one.bands[0] for one in (self.plain, self.refined) if one is not None]
        jumps = any(band.S is None for band in bands)
        return tuple(band.S_window if jumps or band.S is None else band.S for band in bands)

    @property
    def thresholds(self) -> tuple[float | None, ...]:
        return tuple(one.threshold_kW_per_cm2 for one in (self.plain, self.refined) if one is not None)


def measure(path: Path) -> Row:
    """Evaluate a run file on both grids."""
    solver = load_run_file(path).run.solver
    more = [f"solver.{key}={REFINED * getattr(solver, key)}" for key in ("judge_cells_per_layer", "cells_per_layer")]
    runs = [load_run_file(path, overrides).run for overrides in ([], more)]
    results: list[Evaluation] = []
    for run in runs:
        if results and events(run) > MOST_EVENTS:
            break
        solution = solve_design(build_design(run))
        result = evaluate_solution(solution, run.emission)
        results.append(result)
        jax.clear_caches()
        particle_model.cache_clear()
        if result.outcome != "ok":
            raise RuntimeError(f"{path.name}: {result.outcome}")
    return Row(runs[0], runs[0].reported or Reported(), results[0], results[1] if len(results) > 1 else None)


def events(run: RunFile) -> int:
    """Size of a system's transfer."""
    return particle_model(build_design(run).signature).transfer.n_events


def number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}" if abs(value) < 1e3 else f"{value:.0f}"


def change(pair: tuple[float | None, ...]) -> str:
    """Change from the first to the second number in percent."""
    if len(pair) < 2:
        return "not run"
    first, second = pair
    if first is None or second is None:
        return "–" if first == second else "appears" if first is None else "vanishes"
    return f"{100.0 * (second / first - 1.0):+.1f} %"


def cells(row: Row) -> list[str]:
    """The columns of one row of the table."""
    run, band, reported = row.run, row.plain.bands[0], row.reported
    S = (
        f"∞ ({number(band.S_window)})"
        if band.S is None
        else number(band.S) + (" edge" if band.S_at_window_edge else "")
    )
    return [
        f"[{run.name}](../configs/systems/{run.name}.yaml)",
        (reported.source or "") + ("" if reported.note is None else f": {reported.note}"),
        f"{band.transition}, {number(band.wavelength_nm)} nm",
        number(reported.S),
        S,
        number(reported.threshold_kW_per_cm2),
        number(row.thresholds[0]),
        "yes" if row.plain.bistable else "no",
        change(row.slopes),
        change(row.thresholds),
        " ".join((run.notes or "").split()),
    ]


def within(pairs: list[tuple[float, float]], factor: float = 2.0) -> str:
    """How many of the pairs (model, report) agree within a factor."""
    return f"{sum(1 / factor <= model / report <= factor for model, report in pairs)} of {len(pairs)}"


def page(rows: list[Row]) -> str:
    """The whole page as Markdown."""
    S = [(row.slopes[0], it) for row in rows if (it := row.reported.S) is not None]
    limits = [(row.thresholds[0], it) for row in rows if (it := row.reported.threshold_kW_per_cm2) is not None]
    thresholds = [(model or float("inf"), report) for model, report in limits]
    head = "system | source | band | S reported | S model | threshold reported | threshold model | bistable | S refined"
    head += " | threshold refined | what is reported, what is assumed"
    lines = ["# Published nanoscale systems beside the model", INTRODUCTION]
    lines.append(
        f"Within a factor of two of the report lie {within(S)} values of S and {within(thresholds)} thresholds."
    )
    lines += ["Thresholds are in kW/cm^2.\n", f"| {head} |", "|" + "---|" * (head.count("|") + 1)]
    lines += [f"| {' | '.join(cells(row))} |" for row in rows]
    missing = sorted({path.stem for path in FOLDER.glob("*.yaml")} - {row.run.name for row in rows})
    if missing:
        lines.append(f"\nNot computed when this page was written: {', '.join(missing)}.")
    lines += [REASONS, "## Systems left out\n", *(f"* {name}: {why}." for name, why in LEFT_OUT.items())]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Evaluate every system and write the page."""
    rows: list[Row] = []
    for path in sorted(FOLDER.glob("*.yaml"), key=lambda path: events(load_run_file(path).run)):
        particle_model.cache_clear()
        begin = time.perf_counter()
        rows.append(measure(path))
        print(f"{path.stem} {time.perf_counter() - begin:.0f} s", file=sys.stderr, flush=True)
        PAGE.write_text(page(sorted(rows, key=lambda row: row.run.name)), encoding="utf-8")


if __name__ == "__main__":
    main()
