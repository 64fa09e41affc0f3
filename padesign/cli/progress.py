"""How far a search is, on stderr: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from padesign.cli.console import clean, number, say, unit_suffix
from padesign.search.events import CampaignStarted, Event, InnerStep, Notice, TrialFinished, TrialStarted

_EVERY_s = 10.0


class Progress:
    """Tells the events of a campaign; use it as a context manager around the campaign.

    `unit` belongs to the objective's value, `steps` is the number of inner steps of one trial, `quiet` tells nothing
    but notices.
    """

    def __init__(self, objective: str, unit: str, steps: int, quiet: bool) -> None:
        self._objective, self._unit, self._steps, self._quiet = objective, unit, max(steps, 1), quiet
        self._bar: Any = None
        self._task: Any = None
        self._told_at = time.monotonic()
        self._done = 0
        self._total = 0
        self._summary = ""

    def __enter__(self) -> Progress:
        if not self._quiet and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[text]}", markup=False),
            )
            self._bar = Bar(*columns, console=Console(stderr=True, highlight=False), transient=True)
            self._task = self._bar.add_task("compiling", total=None, text="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._line(event.text)
        elif self._quiet:
            return
        elif isinstance(event, CampaignStarted):
            self._done, self._total = event.finished, event.total
            if 0 < event.finished < event.total:
                self._line(f"going on after {event.finished} of {event.total} trials")
            self._move(0.0)
        elif isinstance(event, TrialStarted):
            self._move(0.0)
        elif isinstance(event, InnerStep):
            self._move(min(event.step / self._steps, 1.0))
            if self._bar is None and time.monotonic() - self._told_at >= _EVERY_s:
                self._line(f"trial {self._done + 1} of {self._total}: step {event.step} of {self._steps}")
        elif isinstance(event, TrialFinished):
            self._finished(event)

    def _finished(self, event: TrialFinished) -> None:
        self._done, self._total = event.finished, event.total
        best = event.best.candidate.value if event.best is not None else None
        found = "nothing feasible yet" if best is None else f"best {number(best)}{unit_suffix(self._unit)}"
        most = "at most" if event.finished == 1 else "about"  # the first trial also compiles
        left = f"{most} {duration(event.left_s)} left" if event.left_s > 0 else "done"
        self._summary = f"{found}, {event.feasible_share:.0%} feasible, {left}"
        if self._bar is not None:
            self._move(0.0)
            return
        candidate = event.record.candidate
        this = number(candidate.value) if candidate.feasible else candidate.outcome
        if candidate.outcome == "ok" and not candidate.feasible:
            this = "breaks " + ", ".join(name for name, by in candidate.violations.items() if by > 0.0)
        self._line(f"{event.finished} of {event.total} trials: this one {this}; {self._summary}")

    def _move(self, part: float) -> None:
        if self._bar is not None and self._total:
            text = f"{self._done}/{self._total} trials  {self._summary}"
            done = min(self._done + part, self._total)
            self._bar.update(self._task, total=self._total, completed=done, text=text, description=self._objective)

    def _line(self, text: str) -> None:
        self._told_at = time.monotonic()
        if self._bar is not None:
            self._bar.console.print(clean(text), markup=False)
        else:
            say(clean(text))


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, as people say them."""
    if seconds < 90.0:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < 5400.0 else f"{seconds / 3600.0:.1f} h"
