"""One set of parameters against all published nanoscale avalanches: `python -m experiments.published`.

Fits (`calibration.yaml`), predicts every system with the one set, predicts each fitted system again from a fit without
it, and computes the trends. Writes the set, experiments/results/published.json, its figure and docs/evidence.md;
`--rest` goes on with what the record lacks after the fit, `--page` writes the page again.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from experiments.published import kinds, page
from padesign.calibration.avalanche import AvalancheForward
from padesign.calibration.fit import fit, spread_ln
from padesign.calibration.forward import AbstractForward, make_forwards
from padesign.calibration.problem import Calibration, load_calibration
from padesign.calibration.schema import Avalanche, ObservationFile
from padesign.calibration.write import fitted_range, set_document, write_set
from padesign.cli.calibrate import calibration_record
from padesign.config.load import load_checked
from padesign.kinetics.particle_network import particle_model
from padesign.parameters.load import PARAMETER_SETS
from padesign.parameters.valid_range import ValidRange

HERE, ROOT = Path(__file__).parent, Path(__file__).parents[2]
RECORD = ROOT / "experiments" / "results" / "published.json"
LEFT_OUT_EVALUATIONS = 6
SYSTEMS = "configs/systems"
LEE = f"{SYSTEMS}/lee2021_tm8.yaml"
CONTENT, SHELL, CORE = (
    "particle.layers.core.dopants_mol_percent.Tm",
    "particle.layers.shell.thickness_nm",
    "particle.layers.core.diameter_nm",
)
TRENDS: dict[str, tuple[str, list[tuple[str, list[str]]]]] = {
    page.CONTENT: (LEE, [(f"{x:g}", [f"{CONTENT}={x}"]) for x in (1, 2, 4, 8, 15, 20, 50, 100)]),
    page.SHELL: (LEE, [(f"{x:g}", [f"{SHELL}={x}"]) for x in (1, 2, 3, 5.6, 10)]),
    page.CORE: (
        LEE,
        [(f"{x:g}", [f"{CORE}={x}", f"{SHELL}=3"]) for x in (10, 17, 50, 200)],
    ),
    page.WARM: (
        f"{SYSTEMS}/korczak2023_plus175C.yaml",
        [(f"{x:g}", [f"temperature_K={x}"]) for x in (98, 200, 295, 370, 448)],
    ),
}


def main() -> None:
    if sys.argv[1:] == ["--page"]:
        page.write_page(json.loads(RECORD.read_text(encoding="utf-8")), ROOT)
        return
    began, made_on = time.perf_counter(), commit()
    problem = load_calibration(HERE / "calibration.yaml")
    if sys.argv[1:] == ["--rest"]:
        record = json.loads(RECORD.read_text(encoding="utf-8"))
        began -= 60.0 * record["minutes"]
        if made_on not in record["commit"]:
            record["commit"] += f", the rest on {made_on}"
    else:
        posterior = fit(problem.used, problem.fitted.prior_sigma_ln(), told=say)
        host = problem.fitted.base.host
        document = set_document(problem.file, problem.fitted, posterior, problem.used, host)
        write_set(document, PARAMETER_SETS / f"{problem.file.name}.yaml")
        record = {"calibration": calibration_record(problem, posterior), "commit": made_on}
        nothing, prior = np.zeros_like(posterior.theta), np.diag(posterior.prior_sigma_ln**2)
        record["before"] = [row for one in problem.used for row in told(one, nothing, prior)]
        record["fitted"] = [row for one in problem.used for row in told(one, posterior.theta, posterior.covariance)]
        save(record, began)
    leave_out(problem, record, began)
    trends(problem, record, began)
    predict_others(problem, record, began)
    kinds_of_bulk(problem, record, began)


def kinds_of_bulk(problem: Calibration, record: dict[str, Any], began: float) -> None:
    """Which bulk crystals and glasses avalanche, where the record lacks them."""
    rows = record.setdefault("bulk", [])
    done = {row["name"] for row in rows}
    theta = np.array(record["calibration"]["theta"])
    for row in kinds.rows_of_the_tables()[0]:
        if kinds.name_of(row) not in done:
            rows.append(kinds.measured(row, problem.fitted, theta))
            say(f"{rows[-1]['name']}: {rows[-1]['threshold']} {rows[-1]['S']}")
            save(record, began)


def leave_out(problem: Calibration, record: dict[str, Any], began: float) -> None:
    """Predict every fitted system from a fit without it, where the record lacks it."""
    theta, prior = np.array(record["calibration"]["theta"]), problem.fitted.prior_sigma_ln()
    rows = record.setdefault("left_out", [])
    done = {row["system"] for row in rows}
    for one in problem.used:
        if isinstance(one, AvalancheForward) and one.name not in done:
            rest = [other for other in problem.used if other is not one]
            without = fit(rest, prior, theta, LEFT_OUT_EVALUATIONS, 2)
            new = told(one, without.theta, without.covariance)
            rows += new
            say(f"without {one.name}: {[round(row['predicted'], 2) for row in new]}")
            save(record, began)


def predict_others(problem: Calibration, record: dict[str, Any], began: float) -> None:
    """Add the systems that are never fitted and not in the record yet."""
    theta, covariance = (np.array(record["calibration"][key]) for key in ("theta", "covariance"))
    valid = ValidRange(**fitted_range(problem.used))
    rows = record.setdefault("predicted", [])
    done = {row["system"] for row in rows}
    others = load_checked(HERE / "systems_other.yaml", ObservationFile)
    for one in make_forwards(others, problem.fitted, HERE, problem.file.irradiance_sigma_ln):
        if not isinstance(one, AvalancheForward) or one.name in done:
            continue
        covered = one.covers()
        outside = valid.outside(covered["ions"], covered["temperature_K"][0], covered["pump_nm"])
        new = told(one, theta, covariance)
        rows += [row | {"reason": one.observation.reason, "outside": outside} for row in new]
        say(f"{one.name}: {[round(row['predicted'], 2) for row in new]}")
        save(record, began)
        jax.clear_caches()
        particle_model.cache_clear()


def told(one: AbstractForward, theta: np.ndarray, covariance: np.ndarray) -> list[dict[str, Any]]:
    """Every number of an observation beside its prediction; spreads of logarithms by their causes."""
    out = one.predict(theta)
    model = np.sqrt(np.einsum("ij,jk,ik->i", out.by_parameter, covariance, out.by_parameter))
    sizes = spread_ln(out, one)
    return [
        {
            "system": one.name,
            "what": label,
            "kind": type(one).__name__,
            "unit": one.units[k],
            "observed": math.exp(one.ln_observed[k]),
            "observed_sigma_ln": float(one.sigma_ln[k]),
            "at_least": bool(one.at_least[k]),
            "predicted": math.exp(out.ln[k]),
            "model_sigma_ln": float(model[k]),
            "size_sigma_ln": float(sizes[k]),
            "flags": list(out.flags),
            "cases": {name: math.exp(ln[k]) for name, ln in out.cases.items()},
            "composition": one.observation.composition if isinstance(one, AvalancheForward) else "stated",
            "source": one.source,
        }
        for k, label in enumerate(one.labels)
    ]


def trends(problem: Calibration, record: dict[str, Any], began: float) -> None:
    """Threshold and S along one number of a system, where the record lacks them."""
    rows = record.setdefault("trends", [])
    done = {(row["trend"], row["at"]) for row in rows}
    for name, (path, steps) in TRENDS.items():
        for label, overrides in steps:
            if (name, label) not in done:
                one = AvalancheForward(_observation(path), problem.fitted, ROOT, overrides)
                rows.append({"trend": name, "at": label} | threshold_and_S(one, record["calibration"]))
                say(f"{name} {label}: {rows[-1]['threshold']:.3g} {rows[-1]['S']:.3g}")
        save(record, began)


def _observation(path: str) -> Avalanche:
    return Avalanche(kind="avalanche", run_file=path)


def threshold_and_S(one: AvalancheForward, fitted: dict[str, Any]) -> dict[str, Any]:
    out = one.both(np.array(fitted["theta"]))
    sigma = np.sqrt(np.einsum("ij,jk,ik->i", out.by_parameter, np.array(fitted["covariance"]), out.by_parameter))
    threshold, S = (float(x) for x in np.exp(out.ln))
    return {
        "threshold": threshold,
        "S": S,
        "threshold_sigma_ln": float(sigma[0]),
        "S_sigma_ln": float(sigma[1]),
        "flags": list(out.flags),
    }


def save(record: dict[str, Any], began: float) -> None:
    """What is there so far, as JSON, and the page made of it."""
    record["minutes"] = (time.perf_counter() - began) / 60.0
    RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    page.write_page(record, ROOT)


def commit() -> str:
    command: Sequence[str] = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout.strip()


def say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    main()
