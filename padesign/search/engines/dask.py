"""A Dask cluster: workers of any scheduler, of a queueing system, or on this machine when no address is given."""

from __future__ import annotations

import os
import pickle
import queue
import tempfile
import time
from typing import Any, final

from padesign.design.trial import AbstractProblem, Task
from padesign.errors import InputError
from padesign.search.engines.engine import DEATHS, AbstractEngine, Answer, MakeProblem, failure, nothing, perform

SLURM = "slurm"
_CONNECT_s = 30


@final
class DaskEngine(AbstractEngine):
    """Tasks as Dask futures; whatever a dying worker held is computed again by another.

    `address` is that of a scheduler, or `slurm`: then dask-jobqueue submits `workers` jobs as its own configuration
    (`jobqueue.yaml`) says. Workers need padesign installed and one thread each.
    """

    def __init__(self, make_problem: MakeProblem, workers: int, address: str | None) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            cure = 'Install it: pip install "padesign[dask]"'
            raise InputError("the dask engine needs the package `distributed`", cure=cure) from error
        self._make, self._cluster = make_problem, None
        self._futures: dict[Any, tuple[int, Task]] = {}
        self._done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._disk = tempfile.TemporaryDirectory(prefix="padesign-dask-", ignore_cleanup_errors=True)
        try:
            self._cluster = _start_cluster(workers, address, self._disk.name)
            self._client: Any = Client(self._cluster or address, timeout=_CONNECT_s, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            self._disk.cleanup()
            raise InputError(f"no Dask scheduler answers at `{address}`: {error}", cure="Check the address.") from error

    @property
    def slots(self) -> int:
        return max(len(self._client.scheduler_info(n_workers=-1)["workers"]), 1)

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that the scheduler knows."""
        return list(self._client.run(os.getpid, on_error="ignore").values())

    def submit(self, number: int, task: Task) -> None:
        future = self._client.submit(_compute, self._make, number, task, pure=False, retries=DEATHS)
        self._futures[future] = number, task
        future.add_done_callback(self._done.put)

    def wait(self, timeout_s: float) -> list[Answer]:
        try:
            future = self._done.get(timeout=timeout_s)
        except queue.Empty:
            return []
        if future not in self._futures:  # withdrawn
            return []
        number, task = self._futures.pop(future)
        try:
            return [future.result()]
        except Exception as error:  # the scheduler gave the task up, or the answer did not come through
            reason = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
            return [Answer(number, task.seed, failure(reason), 0.0, time.time(), "dask")]
        finally:
            future.release()

    def withdraw(self) -> list[int]:
        begun = {key for keys in self._client.processing().values() for key in keys}
        idle = [future for future in self._futures if not future.done() and future.key not in begun]
        self._client.cancel(idle)
        return [self._futures.pop(future)[0] for future in idle]

    def settled(self, number: int) -> None:
        pass

    def close(self) -> None:
        self._client.cancel(list(self._futures), force=True)
        self._futures.clear()
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()
        self._disk.cleanup()


def _start_cluster(workers: int, address: str | None, disk: str) -> Any:
    """A cluster of our own, which ends with the engine; None when a scheduler is there already."""
    if address is None:
        from distributed import LocalCluster

        no_page: Any = None
        return LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=no_page, local_directory=disk)
    if address != SLURM:
        return None
    try:
        from dask_jobqueue.slurm import SLURMCluster
    except ImportError as error:
        cure = 'Install it: pip install "padesign[dask]"'
        raise InputError("`address: slurm` needs the package `dask-jobqueue`", cure=cure) from error
    cluster = SLURMCluster()
    cluster.scale(jobs=workers)
    return cluster


_held: dict[bytes, AbstractProblem] = {}


def _compute(make_problem: MakeProblem, number: int, task: Task) -> Answer:
    """On a worker: the problem is made once per process."""
    key = pickle.dumps(make_problem)
    if key not in _held:
        _held.clear()
        _held[key] = make_problem()
    return perform(_held[key], number, task, nothing)
