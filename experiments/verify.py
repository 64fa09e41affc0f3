"""The long checks as one table: `python -m experiments.verify`; written to experiments/results/verify.md.

Exits with 1 when a bar is not met.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import padesign
from experiments.verify_closed_forms import closed_forms
from experiments.verify_networks import integrations, steady_states
from experiments.verify_refinement import cells, powers
from experiments.verify_rows import Row, table
from experiments.verify_search import kills, speed

GROUPS: dict[str, Callable[[], list[Row]]] = {
    "closed forms": closed_forms,
    "cells": cells,
    "powers": powers,
    "steady states": steady_states,
    "integrations": integrations,
    "kills": kills,
    "speed of a search": speed,
}
RESULTS = Path(__file__).parent / "results" / "verify.md"


def commit() -> str:
    """Short name of the commit, marked when files differ from it."""
    root = Path(__file__).parents[1]
    try:
        name = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return name.stdout.strip()


def main() -> int:
    """Run every group, print and write the table."""
    rows, times = [], []
    for name, group in GROUPS.items():
        begin = time.perf_counter()
        rows += group()
        times.append(f"{name} {time.perf_counter() - begin:.0f} s")
        print(f"{times[-1]}", file=sys.stderr, flush=True)
    failed = sum(not row.passed for row in rows)
    text = (
        f"# Long checks\n\npadesign {padesign.__version__}, commit {commit()}; `python -m experiments.verify`; "
        f"{len(rows) - failed} of {len(rows)} bars met; {', '.join(times)}.\n\n{table(rows)}\n"
    )
    print(text)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text, encoding="utf-8")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
