"""How predictions are judged: bars, intervals, and the error that parameters and sizes leave unexplained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from padesign.calibration.fit import extra_scatter_ln

NINETY = 1.6449
"""Half of a two-sided 90 % interval in standard deviations."""
THRESHOLD_FACTOR, S_SHARE, RATE_FACTOR = 2.0, 0.35, 1.5
COMPOSITIONS = ("stated", "in part", "assumed")
Row = dict[str, Any]


def hit(row: Row) -> bool:
    """Whether a number meets its bar: threshold within a factor 2, S within 35 %, a bound reached."""
    ratio = row["predicted"] / row["observed"]
    if row["what"] == "threshold":
        return "no threshold" not in row["flags"] and 1.0 / THRESHOLD_FACTOR <= ratio <= THRESHOLD_FACTOR
    return ratio >= 1.0 if row["at_least"] else abs(ratio - 1.0) <= S_SHARE


def hit_by_mean_alone(row: Row) -> bool:
    """Whether the mean of two cases meets a bar that neither of them meets."""
    cases = row.get("cases") or {}
    return hit(row) and bool(cases) and not any(hit({**row, "predicted": one}) for one in cases.values())


def spread_ln(row: Row, model_error: float = 0.0) -> float:
    """Standard deviation of a prediction: parameters, sizes and model error."""
    return math.hypot(row["model_sigma_ln"], row["size_sigma_ln"], model_error)


def inside(row: Row, observed_factor: float = 1.0, model_error: float = 0.0) -> bool:
    """Whether the reported number lies in the 90 % interval, its own error (times a factor) included."""
    half = NINETY * math.hypot(spread_ln(row, model_error), observed_factor * row["observed_sigma_ln"])
    away = math.log(row["observed"] / row["predicted"])
    return away <= half if row["at_least"] else abs(away) <= half


def model_error_ln(left_out: Sequence[Row], what: str, without: Row | None = None) -> float:
    """The scatter of left-out predictions beyond all errors that are accounted for.

    Of the fitted systems, each predicted by a fit without it. A row that is judged is no evidence for its own interval:
    `without` leaves it out.
    """
    rows = [row for row in left_out if row["what"] == what and row is not without and not row["at_least"]]
    if len(rows) < 2:
        return 0.0
    misses = np.array([math.log(row["observed"] / row["predicted"]) for row in rows])
    known = np.array([spread_ln(row) ** 2 + row["observed_sigma_ln"] ** 2 for row in rows])
    return extra_scatter_ln(misses, known)


def covered(rows: Sequence[Row], left_out: Sequence[Row]) -> list[bool]:
    """`inside` of every row with the model error."""
    return [inside(row, 1.0, model_error_ln(left_out, row["what"], row)) for row in rows]


def transfer_rates(fitted: Sequence[Row]) -> list[tuple[str, float, float]]:
    """What 3H4 loses more than at 0.1 %, 1/tau - 1/tau at 0.1 % of the readings [s^-1]: (content, measured, model)."""
    rows = [row for row in fitted if row["system"] == "Tm_3H4_bulk"]
    first = rows[0]
    return [
        (row["what"], *(1e3 / row[key] - 1e3 / first[key] for key in ("observed", "predicted")))
        for row in rows
        if float(row["what"].split()[0]) >= 1.0
    ]
