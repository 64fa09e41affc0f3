"""`padesign worker`: computes trials of a run that another process conducts."""

from __future__ import annotations

from pathlib import Path

from padesign.cli.campaign import make_problem, read_run
from padesign.cli.console import say
from padesign.search import RunFolder
from padesign.search.campaign import interrupts
from padesign.search.engines import work


def serve(path: Path, idle_minutes: float, quiet: bool) -> int:
    """Take trials until the search ends or none came for so long."""
    folder = RunFolder.open(path)
    make = make_problem(read_run(folder))
    with interrupts(say) as stop:
        done = work(folder, make, idle_s=60.0 * idle_minutes, stop=stop, told=_silent if quiet else say)
    if not quiet:
        say(f"{done} trials done")
    return 0


def _silent(text: str) -> None:
    pass
