"""Which bulk crystals and glasses avalanche at all in the model, with the one set as far as their hosts follow it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ruamel.yaml import YAML

from padesign.calibration.forward import Fitted
from padesign.config import RunFile
from padesign.config.build import build_design
from padesign.design.evaluate import evaluate_solution, solve_design
from padesign.kinetics.particle_network import particle_model
from padesign.parameters import load_parameter_set

TABLES = Path(__file__).with_name("bulk.yaml")
DIAMETER_nm = 200.0
AVALANCHE_S, STEEPEST = 5.0, 1e3
WINDOW_kW_per_cm2 = {"min": 1e-4, "max": 1e5}


def rows_of_the_tables() -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows that are computed, and what is left out with its reason."""
    document = YAML(typ="safe", pure=True).load(TABLES.read_text(encoding="utf-8"))
    return document["rows"], document["left_out"]


def name_of(row: Mapping[str, Any]) -> str:
    dopants = ", ".join(f"{share:g} % {ion}" for ion, share in row["dopants"].items())
    return f"{row['host']}, {dopants}, {row['pump_nm']:g} nm, {row['temperature_K']:g} K ({row['reference']})"


def measured(row: Mapping[str, Any], fitted: Fitted, theta: np.ndarray) -> dict[str, Any]:
    """Threshold and S of the reported bands, of a sphere of one cell that nothing is lost at."""
    core = {"name": "bulk", "host": row["host"], "diameter_nm": DIAMETER_nm, "dopants_mol_percent": row["dopants"]}
    chosen = load_parameter_set(fitted.set_of(row["host"]))
    run = RunFile.model_validate(
        {
            "version": 1,
            "name": "bulk",
            "parameter_sets": {row["host"]: chosen.name},
            "excitation": {"wavelength_nm": row["pump_nm"], "irradiance_kW_per_cm2": WINDOW_kW_per_cm2},
            "temperature_K": row["temperature_K"],
            "particle": {"layers": [core], "surface_loss": False},
            "emission": row["emission"],
        }
    )
    moved = chosen.values
    for key, shift, follows in zip(fitted.keys, theta, fitted.carried(chosen), strict=True):
        if follows:
            moved[key] *= math.exp(shift)
    design = build_design(run, 1)
    values = {key: jnp.asarray(value, dtype=float) for key, value in moved.items()}
    result = evaluate_solution(solve_design(design._replace(hosts=(values,))), run.emission)
    jax.clear_caches()
    particle_model.cache_clear()
    slopes = [band.S_window if band.S is None or band.S_at_window_edge else band.S for band in result.bands]
    return {
        "name": name_of(row),
        "emission": row["emission"],
        "reported": row.get("threshold_kW_per_cm2"),
        "threshold": result.threshold_kW_per_cm2,
        "S": [None if slope is None else float(slope) for slope in slopes],
        "jumps": [band.S is None for band in result.bands],
        "outcome": result.outcome,
    }


def avalanches(row: Mapping[str, Any]) -> bool:
    """Whether the reported bands avalanche: a threshold inside the window, and all of them steeper than 5.

    A curve that could not be followed (`outcome`) counts as none.
    """
    return row["threshold"] is not None and all(slope is not None and slope >= AVALANCHE_S for slope in row["S"])


def lines(rows: list[dict[str, Any]]) -> list[str]:
    """The section of the page."""
    agree, unstable = sum(map(avalanches, rows)), sum(row["threshold"] is not None for row in rows)
    parts = [
        "## Agreement of kind: bulk crystals, glasses and fibres",
        "",
        "Rows of tables 1 and 2 of the review with one laser, a composition and a host on record, all of them",
        f"reported as avalanches. In the model the dark state of {unstable} of {len(rows)} becomes unstable inside the",
        f"window; of {agree} the reported bands are steeper than 5 as well. One cell without losses at a surface; the",
        "hosts' own sets, which follow the fit where they have taken values over. A suspect for the misses is the one",
        "width of all lines: lasers were tuned between lines of the ground state, where the model has the flank of a",
        "band (Tm at 617 to 650 nm lies 200 to 1100 cm^-1 above 3F2); a ground state that absorbs makes no avalanche.",
        "",
        "| system (reference of the review) | band | reported kW/cm² | threshold | over reported | S | avalanche |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        slopes = ", ".join(
            "–"
            if slope is None
            else (f"{slope:.3g}" if slope < STEEPEST else "at a fold") + (" (jumps)" if jump else "")
            for slope, jump in zip(row["S"], row["jumps"], strict=True)
        )
        followed = row["outcome"] == "ok"
        slopes = slopes if followed else row["outcome"]
        threshold, reported = row["threshold"], row["reported"]
        said = ("none" if followed else "") if threshold is None else f"{threshold:.3g}"
        ratio = "" if threshold is None or reported is None else f"{threshold / reported:.2g}"
        told = "" if reported is None else f"{reported:g}"
        bands = ", ".join(band.replace(":", " ").replace("->", "to") for band in row["emission"])
        yes = "yes" if avalanches(row) else "**no**" if followed else "not known"
        parts.append(f"| {row['name']} | {bands} | {told} | {said} | {ratio} | {slopes} | {yes} |")
    _, left_out = rows_of_the_tables()
    return [*parts, "", *(f"* Not computed: {what}: {why}." for what, why in left_out.items()), ""]
