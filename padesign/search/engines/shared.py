"""Tasks and answers as files in the run folder, for any number of `padesign worker RUN` that see the same disk.

The coordinator writes `NNNN.task.json`; a worker takes one by renaming it, which only one can do, and leaves
`NNNN.answer.json`. A worker shows that it lives by touching a file of its own. Nothing else is shared: no server, no
database, and on a cluster no open port.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import final

from padesign.design.trial import AbstractProblem, Task
from padesign.search.engines.engine import DEATHS, AbstractEngine, Answer, failure, nothing, perform
from padesign.search.runfolder import RunFolder, process_alive, read_revived, start_ticks, write_json

BEAT_s = 2.0
SILENT_s = 60.0
"""A worker on another machine that has not shown up for so long is dead."""
_POLL_s = 0.1
_OPEN, _WORKER, _COORDINATOR = "open", "worker", "coordinator"


@final
class SharedEngine(AbstractEngine):
    """The coordinator's side. It computes nothing itself and waits for workers."""

    def __init__(self, folder: RunFolder) -> None:
        self._place = _place(folder)
        self._place.mkdir(exist_ok=True)
        self._tasks: dict[int, Task] = {}
        self._deaths: dict[int, int] = {}
        for left in self._place.glob("*.task.json"):
            left.unlink(missing_ok=True)
        (self._place / _OPEN).write_text("")

    @property
    def slots(self) -> int:
        """One task more than there are workers, so that none waits for the coordinator."""
        return 1 + sum(self._lives(path) for path in self._place.glob(f"*.{_WORKER}"))

    def submit(self, number: int, task: Task) -> None:
        """Publish it, unless a worker of an earlier session is at it or has answered it."""
        self._tasks[number] = task
        if not self._claims(number) and not self._answer(number).exists():
            write_json(self._task(number), {"number": number, "task": task.to_json()})

    def wait(self, timeout_s: float) -> list[Answer]:
        late = time.monotonic() + timeout_s
        while True:
            answers = [answer for number in list(self._tasks) if (answer := self._look(number)) is not None]
            if answers or time.monotonic() >= late:
                return answers
            time.sleep(_POLL_s)

    def withdraw(self) -> list[int]:
        taken = []
        for number in list(self._tasks):
            try:
                self._task(number).unlink()
            except FileNotFoundError:  # a worker has it
                continue
            del self._tasks[number]
            taken.append(number)
        return taken

    def settled(self, number: int) -> None:
        self._answer(number).unlink(missing_ok=True)

    def close(self) -> None:
        """Take back what nobody has begun, and send the workers home."""
        (self._place / _OPEN).unlink(missing_ok=True)
        self.withdraw()
        self._tasks.clear()

    def _look(self, number: int) -> Answer | None:
        """The answer of one task, if it is there; a task whose worker has died is published again."""
        task = self._tasks[number]
        path = self._answer(number)
        if path.exists():
            answer = Answer.from_json(read_revived(path))
            if answer.seed == task.seed:
                del self._tasks[number]
                return answer
            path.unlink()  # of another search that used this folder
            self.submit(number, task)
        for claim in self._claims(number):
            worker = self._place / f"{claim.name.split('.')[1]}.{_WORKER}"
            if self._lives(worker) or path.exists():
                continue
            self._deaths[number] = self._deaths.get(number, 0) + 1
            claim.unlink(missing_ok=True)
            if self._deaths[number] >= DEATHS:
                del self._tasks[number]
                return Answer(number, task.seed, failure(f"{DEATHS} workers died"), 0.0, time.time(), "worker")
            self.submit(number, task)
        return None

    def _lives(self, worker: Path) -> bool:
        """Whether a worker has shown up lately; one of this machine whose process is gone is dead at once.

        Times are those of the shared disk, so that clocks may differ.
        """
        try:
            who, last = json.loads(worker.read_text()), worker.stat().st_mtime
        except (OSError, ValueError):
            return False
        if who["host"] == socket.gethostname() and not process_alive(int(who["pid"]), who["started"]):
            worker.unlink(missing_ok=True)
            return False
        mine = self._place / _COORDINATOR
        mine.touch()
        return mine.stat().st_mtime - last < SILENT_s

    def _task(self, number: int) -> Path:
        return self._place / f"{number:04d}.task.json"

    def _answer(self, number: int) -> Path:
        return self._place / f"{number:04d}.answer.json"

    def _claims(self, number: int) -> list[Path]:
        return list(self._place.glob(f"{number:04d}.*.claim"))


def work(
    folder: RunFolder,
    make_problem: Callable[[], AbstractProblem],
    *,
    idle_s: float,
    stop: threading.Event | None = None,
    told: Callable[[str], None] = lambda text: None,
) -> int:
    """A worker's life: take tasks until the search ends, nothing came for `idle_s`, or `stop` is set.

    Returns the number of tasks done. A search that has not begun yet is waited for.
    """
    place, me = _place(folder), uuid.uuid4().hex[:12]
    stop = stop or threading.Event()
    problem: AbstractProblem | None = None
    done, since, seen = 0, time.monotonic(), False
    with _heartbeat(folder, me):
        while not stop.is_set():
            is_open = (place / _OPEN).exists()
            claim = _claim(place, me) if is_open else None
            if claim is None:
                seen = seen or is_open
                if (seen and not is_open) or time.monotonic() - since > idle_s:
                    break
                stop.wait(_POLL_s)
                continue
            record = read_revived(claim)
            number = int(record["number"])
            problem = problem or make_problem()
            told(f"trial {number}")
            answer = perform(problem, number, Task.from_json(record["task"]), nothing)
            write_json(place / f"{number:04d}.answer.json", answer.to_json())
            claim.unlink(missing_ok=True)
            done, since = done + 1, time.monotonic()
    return done


def _claim(place: Path, me: str) -> Path | None:
    """Take one task, or none."""
    for task in sorted(place.glob("*.task.json")):
        claim = task.with_name(f"{task.name.split('.')[0]}.{me}.claim")
        try:
            task.rename(claim)
        except FileNotFoundError:  # another worker was faster
            continue
        return claim
    return None


@contextmanager
def _heartbeat(folder: RunFolder, me: str) -> Iterator[None]:
    """Show from a thread of its own that this worker lives."""
    place = _place(folder)
    place.mkdir(exist_ok=True)
    sign, over = place / f"{me}.{_WORKER}", threading.Event()
    write_json(sign, {"pid": os.getpid(), "host": socket.gethostname(), "started": start_ticks(os.getpid())})

    def beat() -> None:
        while not over.wait(BEAT_s):
            sign.touch()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        sign.unlink(missing_ok=True)


def _place(folder: RunFolder) -> Path:
    return folder.path / "queue"
