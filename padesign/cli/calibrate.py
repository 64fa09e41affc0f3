"""`padesign calibrate`: fit the shared parameters of a set to published observations."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from padesign.calibration.fit import Posterior, fit, spread_ln
from padesign.calibration.forward import AbstractForward
from padesign.calibration.nuts import FEWEST_DRAWS, require_blackjax, sample
from padesign.calibration.problem import Calibration, load_calibration
from padesign.calibration.write import samples_data, set_document, write_set
from padesign.cli.console import emit, emit_json, number, say, shown, table
from padesign.errors import InputError

SHOWN_PARTS = 4
DETERMINED = 1.0
"""Eigenvalue of the information, in units of the prior, above which the data say more than the prior."""


def calibrate(file: Path, out: Path | None, draws: int | None, as_json: bool) -> int:
    """Fit, sample where `draws` of every chain are wanted, tell, and write the new set beside the calibration file."""
    if draws is not None:
        require_blackjax()
        if draws < FEWEST_DRAWS:
            raise InputError(f"--nuts is {draws}", cure=f"take {FEWEST_DRAWS} or more; its diagnostics need them")
    problem = load_calibration(file)
    if problem.left_out:
        say(f"left out, as the model has no number of the same definition: {', '.join(problem.left_out)}")
    if not problem.used:
        cure = "name files with observations whose `use` is fit"
        raise InputError("no observation is fitted", cure=cure, path=("observations",), file=str(file))
    say("fitting (every kind of system compiles once, up to a minute each)")
    posterior = fit(problem.used, problem.fitted.prior_sigma_ln(), told=say)
    samples = None if draws is None else sample(problem.used, posterior, draws, told=say)
    path = (out if out is not None else file.parent) / f"{problem.file.name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    host = problem.fitted.base.host
    write_set(set_document(problem.file, problem.fitted, posterior, problem.used, host, samples), path)
    record = calibration_record(problem, posterior)
    if samples is not None:
        record["sampled"] = samples_data(problem.fitted, posterior, samples)
    if as_json:
        emit_json(record | {"written": shown(path)})
    else:
        _print(record)
        if samples is not None:
            _print_samples(record["sampled"])
        emit(f"written: {shown(path)}")
    if not posterior.converged:
        say("the fit has not converged")
    doubts = samples.doubts if samples is not None else []
    if doubts:
        say(f"the samples are not to be trusted: {'; '.join(doubts)}. Draw more, or fit fewer parameters")
    return 0 if posterior.converged and not doubts else 1


def calibration_record(problem: Calibration, posterior: Posterior) -> dict[str, Any]:
    """Everything a fit says, as JSON data."""
    keys, spread = problem.fitted.keys, np.sqrt(np.diag(posterior.covariance))
    eigenvalues, vectors = posterior.directions
    return {
        "name": problem.file.name,
        "base": problem.fitted.base.name,
        "keys": list(keys),
        "theta": posterior.theta.tolist(),
        "prior_sigma_ln": posterior.prior_sigma_ln.tolist(),
        "sigma_ln": spread.tolist(),
        "covariance": posterior.covariance.tolist(),
        "chi_square": posterior.chi_square,
        "excess": posterior.excess,
        "observations": posterior.n_observations,
        "evaluations": posterior.evaluations,
        "converged": posterior.converged,
        "directions": [
            {"information": float(value), "parts": dict(zip(keys, vector.tolist(), strict=True))}
            for value, vector in zip(eigenvalues, vectors.T, strict=True)
        ],
        "values": {
            key: problem.fitted.base.entries[key].value * math.exp(shift)
            for key, shift in zip(keys, posterior.theta, strict=True)
        },
        "rows": [row for one in problem.used for row in rows_of(one, posterior)],
    }


def rows_of(one: AbstractForward, posterior: Posterior) -> list[dict[str, Any]]:
    """Observed and predicted with the spread of the prediction, one mapping per number."""
    out = one.predict(posterior.theta)
    model = np.einsum("ij,jk,ik->i", out.by_parameter, posterior.covariance, out.by_parameter)
    spread = np.sqrt(model + spread_ln(out, one) ** 2)
    return [
        {
            "observation": one.name,
            "what": label,
            "unit": one.units[k],
            "observed": float(np.exp(one.ln_observed[k])),
            "at_least": bool(one.at_least[k]),
            "predicted": float(np.exp(out.ln[k])),
            "sigma_ln": float(spread[k]),
            "observed_sigma_ln": float(one.sigma_ln[k]),
            "flags": list(out.flags),
            "source": one.source,
        }
        for k, label in enumerate(one.labels)
    ]


def _print(record: dict[str, Any]) -> None:
    cells = []
    for k, key in enumerate(record["keys"]):
        before, after = record["prior_sigma_ln"][k], record["sigma_ln"][k]
        factor = math.exp(record["theta"][k])
        cells.append(
            [
                key,
                number(record["values"][key], 4),
                number(factor, 3),
                number(math.exp(before), 3),
                number(math.exp(after), 3),
            ]
        )
    table("parameters", ["parameter", "value", "times base", "1 sigma before: factor", "after: factor"], cells)
    cells = [
        [
            row["observation"],
            row["what"],
            number(row["observed"], 3),
            number(row["predicted"], 3),
            number(math.exp(row["sigma_ln"]), 3),
            ", ".join(row["flags"]),
        ]
        for row in record["rows"]
    ]
    table("observations", ["observation", "what", "observed", "model", "1 sigma of the model: factor", ""], cells)
    emit(
        f"chi^2 {record['chi_square']:.1f} of {record['observations']} observations; their errors were widened "
        f"{record['excess']:.2f} times"
    )
    known = [one for one in record["directions"] if one["information"] > DETERMINED]
    emit(f"the observations determine {len(known)} of {len(record['keys'])} directions better than the prior does:")
    for one in record["directions"]:
        parts = sorted(one["parts"].items(), key=lambda item: -abs(item[1]))[:SHOWN_PARTS]
        said = "  ".join(f"{weight:+.2f} {key}" for key, weight in parts)
        emit(f"  {'known' if one in known else 'open '} {one['information']:10.3g}  {said}")


def _print_samples(sampled: dict[str, Any]) -> None:
    """Intervals of Laplace and NUTS side by side, with what tells whether the samples can be trusted."""
    cells = [
        [
            key,
            *(" to ".join(number(one[by][k], 3) for k in (0, 2)) for by in ("laplace", "nuts")),
            number(one["nuts"][1], 3),
            f"{one['r_hat']:.3f}",
            str(one["effective"]),
        ]
        for key, one in sampled["parameters"].items()
    ]
    head = ["parameter", "Laplace: 5 to 95 %", "NUTS: 5 to 95 %", "median", "R-hat", "effective samples"]
    table("posterior", head, cells)
    emit(
        f"{sampled['by']}: {sampled['chains']} chains of {sampled['draws']} draws after {sampled['warmup']}, "
        f"{sampled['evaluations']} models with derivatives, {sampled['divergences']} divergences, mean acceptance "
        f"{sampled['acceptance']:g}"
    )
