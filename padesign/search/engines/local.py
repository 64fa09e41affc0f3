"""Processes on this machine, each with a pipe of its own, so that one that dies takes nothing with it."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import final

from padesign.design.trial import Task
from padesign.search.engines.engine import DEATHS, AbstractEngine, Answer, MakeProblem, failure, nothing, perform

_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_ONE_XLA_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    job: tuple[int, Task] | None = None


@final
class LocalEngine(AbstractEngine):
    """Spawned processes (a fork of a process that runs JAX hangs). Each has one thread for its linear algebra.

    Ctrl-C reaches only the coordinator, which lets the workers finish; workers whose coordinator is gone end.
    """

    def __init__(self, make_problem: MakeProblem, workers: int) -> None:
        self._make, self._slots = make_problem, workers
        self._waiting: deque[tuple[int, Task]] = deque()
        self._workers: list[_Worker] = []
        self._deaths: dict[int, int] = {}

    @property
    def slots(self) -> int:
        return self._slots

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that are alive."""
        return [worker.process.pid for worker in self._workers if worker.process.pid and worker.process.is_alive()]

    def submit(self, number: int, task: Task) -> None:
        self._waiting.append((number, task))
        self._deal()

    def wait(self, timeout_s: float) -> list[Answer]:
        ready = set(wait([worker.pipe for worker in self._workers], timeout_s))
        answers: list[Answer] = []
        for worker in [worker for worker in self._workers if worker.pipe in ready]:
            try:
                answers.append(worker.pipe.recv())
                worker.job = None
            except (EOFError, OSError):
                answers += self._bury(worker)
        self._deal()
        return answers

    def withdraw(self) -> list[int]:
        taken = [number for number, _ in self._waiting]
        self._waiting.clear()
        return taken

    def settled(self, number: int) -> None:
        pass

    def close(self) -> None:
        for worker in self._workers:
            worker.pipe.close()
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.process.close()
        self._workers.clear()
        self._waiting.clear()

    def _deal(self) -> None:
        """Give every idle worker a task, and start workers while there are tasks for them."""
        while self._waiting:
            worker = next((worker for worker in self._workers if worker.job is None), None)
            if worker is None:
                if len(self._workers) >= self._slots:
                    return
                worker = self._start()
            job = self._waiting.popleft()
            try:
                worker.pipe.send(job)
                worker.job = job
            except OSError:
                self._waiting.appendleft(job)
                self._bury(worker)

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, self._make), daemon=True)
        with _quiet_environment():
            process.start()
        there.close()
        self._workers.append(_Worker(process, here))
        return self._workers[-1]

    def _bury(self, worker: _Worker) -> list[Answer]:
        """Take a dead worker out; its task is done again, or given up when it kills every worker."""
        self._workers.remove(worker)
        worker.pipe.close()
        worker.process.join(1.0)
        code, job = worker.process.exitcode, worker.job
        if job is None:
            return []
        number, task = job
        self._deaths[number] = self._deaths.get(number, 0) + 1
        if self._deaths[number] < DEATHS:
            self._waiting.appendleft(job)
            return []
        return [Answer(number, task.seed, failure(f"{DEATHS} workers died (exit code {code})"), 0.0, 0.0, "worker")]


@contextlib.contextmanager
def _quiet_environment() -> Iterator[None]:
    """What a worker inherits: one thread each."""
    before = dict(os.environ)
    os.environ.update(_ONE_THREAD)
    flags = os.environ.get("XLA_FLAGS", "")
    if "multi_thread_eigen" not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_ONE_XLA_THREAD}".strip()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _serve(pipe: Connection, make_problem: MakeProblem) -> None:
    """A worker's life: tasks in, answers out, until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):
        problem = None
        while True:
            number, task = pipe.recv()
            if problem is None:
                problem = make_problem()
            pipe.send(perform(problem, number, task, nothing))
