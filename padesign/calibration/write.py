"""A fitted set as a file that run files can name."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from padesign.calibration.fit import Posterior
from padesign.calibration.forward import AbstractForward, Fitted
from padesign.calibration.nuts import Samples
from padesign.calibration.schema import CalibrationFile
from padesign.parameters.correlations import Correlations, symmetric

SHARES = (0.05, 0.5, 0.95)


def fitted_range(forwards: Sequence[AbstractForward]) -> dict[str, Any]:
    """Ions with lowest and highest mol%, temperatures and lasers of the observations, as `valid_for` says them."""
    shares: dict[str, list[float]] = {}
    temperatures: set[float] = set()
    lasers: set[float] = set()
    for forward in forwards:
        covered = forward.covers()
        for ion, found in covered["ions"].items():
            shares.setdefault(ion, []).extend(found)
        temperatures.update(covered["temperature_K"])
        lasers.update(covered["pump_nm"])
    return {
        "ions_mol_percent": {ion: [min(found), max(found)] for ion, found in shares.items()},
        "temperature_K": [min(temperatures), max(temperatures)],
        "pump_nm": sorted(lasers),
    }


def set_document(
    file: CalibrationFile,
    fitted: Fitted,
    posterior: Posterior,
    forwards: Sequence[AbstractForward],
    host: str,
    samples: Samples | None = None,
) -> dict[str, Any]:
    """The set as YAML data: fitted entries with their marginal spread, all others as in the base set.

    The entries are those of Laplace; `samples` are told beside them.
    """
    entries: dict[str, Any] = {}
    spread = posterior.covariance.diagonal() ** 0.5
    for k, key in enumerate(fitted.keys):
        old = fitted.base.entries[key]
        value = float(f"{old.value * math.exp(posterior.theta[k]):.6g}")
        share = "not moved by the observations" if spread[k] > 0.9 * posterior.prior_sigma_ln[k] else "fitted"
        entries[key] = {
            "value": value,
            "sigma": float(f"{value * math.sqrt(math.expm1(float(spread[k]) ** 2)):.3g}"),
            "unit": old.unit,
            "source": f"{share}: {old.value:g} times {math.exp(posterior.theta[k]):.3g}; before the fit: {old.source}",
            "assumption": old.assumption and share != "fitted",
        }
    valid = fitted_range(forwards)
    ions = ", ".join(f"{ion} {low:g} to {high:g} %" for ion, (low, high) in valid["ions_mol_percent"].items())
    lasers = ", ".join(f"{nm:g}" for nm in valid["pump_nm"])
    low, high = valid["temperature_K"]
    return {
        "name": file.name,
        "host": host,
        "default_for_host": False,
        "calibrated": True,
        "description": file.description,
        "validity": (
            f"Fitted to {posterior.n_observations} observations with chi^2 {posterior.chi_square:.0f}: {ions}; "
            f"{low:g} to {high:g} K; {lasers} nm. Outside it is an extrapolation."
        ),
        "valid_for": valid,
        "based_on": {
            "set": file.base,
            "reason": "not fitted",
            "widen": 1,
            "published": True,
        },
        "references": {},
        "entries": entries,
        "correlations": correlations_data(correlations_of(fitted.keys, posterior.covariance)),
        **({} if samples is None else {"sampled": samples_data(fitted, posterior, samples)}),
    }


def samples_data(fitted: Fitted, posterior: Posterior, samples: Samples) -> dict[str, Any]:
    """What NUTS says of every fitted value beside Laplace, with its diagnostics, as YAML data of plain numbers.

    Intervals are the quantiles `SHARES` of a value in the unit of its entry.
    """
    laplace = posterior.theta + NormalDist().inv_cdf(SHARES[-1]) * np.outer(
        (-1, 0, 1), posterior.covariance.diagonal() ** 0.5
    )
    by_nuts = samples.quantiles(SHARES)
    values = np.array([fitted.base.entries[key].value for key in fitted.keys])
    return {
        "by": samples.by,
        "chains": len(samples.theta),
        "draws": samples.theta.shape[1],
        "warmup": samples.warmup,
        "seed": samples.seed,
        "divergences": samples.divergences,
        "acceptance": _rounded(samples.acceptance),
        "evaluations": samples.evaluations,
        "doubts": samples.doubts,
        "quantiles": _line(SHARES),
        "parameters": {
            key: {
                "laplace": _line(_rounded(x) for x in values[k] * np.exp(laplace[:, k])),
                "nuts": _line(_rounded(x) for x in values[k] * np.exp(by_nuts[:, k])),
                "r_hat": _rounded(samples.r_hat[k], 5),
                "effective": int(samples.effective[k]),
            }
            for k, key in enumerate(fitted.keys)
        },
    }


def _rounded(number: float, digits: int = 4) -> float:
    return float(f"{number:.{digits}g}")


def correlations_of(keys: Sequence[str], covariance: np.ndarray) -> Correlations:
    """Correlation coefficients of the logarithms to three decimals, made smaller by 0.1 % so that rounding cannot make
    them those of no distribution."""
    spread = np.sqrt(np.diag(covariance))
    rounded = np.round(0.999 * covariance / np.outer(spread, spread), 3) + 0.0  # no -0.0
    return symmetric(keys, [row[:k].tolist() for k, row in enumerate(rounded)][1:])


def correlations_data(correlations: Correlations) -> dict[str, Any]:
    """As YAML data with one line for each row."""
    data = correlations.to_yaml()
    return {"keys": data["keys"], "below": [_line(row) for row in data["below"]]}


def _line(numbers: Iterable[float]) -> CommentedSeq:
    """A list that stands on one line of a file."""
    line = CommentedSeq(numbers)
    line.fa.set_flow_style()
    return line


def write_set(document: dict[str, Any], path: Path) -> None:
    """Write the set; the file is its own documentation."""
    yaml = YAML()
    yaml.width = 120
    with path.open("w", encoding="utf-8") as stream:
        stream.write("# Made by `padesign calibrate`; do not edit by hand.\n")
        yaml.dump(document, stream)
