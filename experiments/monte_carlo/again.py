"""The continuum of today beside the Monte Carlo on record: `python -m experiments.monte_carlo --continuum`."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from experiments.monte_carlo.avalanche import UPPER, power_where, window_slopes
from experiments.monte_carlo.continuum import CELLS, continuum, lattice_distance_nm, particle

EXPLICIT = "Monte Carlo, mean"


def recorded(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Powers [kW/cm^2] and the Monte Carlo's share of ions in the emitting level."""
    with path.open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return np.array([float(row["irradiance (kW/cm^2)"]) for row in rows]), np.array(
        [float(row[EXPLICIT]) for row in rows]
    )


def compare(folder: Path, steps: int, ran_on: str) -> str:
    """The page: thresholds and S of both continua and what they are off."""
    powers, explicit = recorded(folder / "monte_carlo.csv")
    level, mended_nm = particle().rates.level(UPPER), lattice_distance_nm()
    law, mended = continuum(powers), continuum(powers, mended_nm)
    every = {
        "continuum": law.number[:, level] / law.ions,
        "continuum, lattice's mean field": mended.number[:, level] / mended.ions,
        EXPLICIT: explicit,
    }
    at = np.exp(np.interp(np.log(law.threshold_kW_per_cm2), np.log(powers), np.log(every["continuum"])))
    window = steps * np.log10(powers[1] / powers[0])
    truth = float(np.nanmax(window_slopes(powers, explicit, steps)))
    met = power_where(powers, explicit, float(at))
    lines = [
        "# The continuum of today against the explicit ions on record\n",
        f"Commit {ran_on}; `python -m experiments.monte_carlo --continuum`; {CELLS} cells. The explicit ions are",
        "those of [monte_carlo.md](monte_carlo.md), with the same pair constants. The lattice's mean field (distance",
        f"{mended_nm:.4f} nm) is the cap of the transfer law alone; kernels between cells are cut at the nearest",
        "distance.\n",
        f"| curve | threshold (kW/cm^2) | exact S | S over {window:.3f} decades | off | emission met at | off |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, curve in every.items():
        own = {"continuum": law, "continuum, lattice's mean field": mended}.get(name)
        exact = ["–", "–"] if own is None else [f"{own.threshold_kW_per_cm2:.2f}", f"{own.S:.1f}"]
        S, here = float(np.nanmax(window_slopes(powers, curve, steps))), power_where(powers, curve, float(at))
        off = [f"{100.0 * (value / against - 1.0):+.0f} %" for value, against in ((S, truth), (here, met))]
        lines.append(f"| {' | '.join([name, *exact, f'{S:.1f}', off[0], f'{here:.2f}', off[1]])} |")
    lines += ["\nShare of ions in 3H4, 1e-6:\n", f"| kW/cm^2 | {' | '.join(every)} |", "|" + "---|" * (len(every) + 1)]
    lines += [
        f"| {power:g} | {' | '.join(f'{1e6 * curve[k]:.3g}' for curve in every.values())} |"
        for k, power in enumerate(powers)
    ]
    return "\n".join(lines) + "\n"
