"""MLflow as a view of a campaign: one parent run per campaign, one child run per trial, one writer.

The run folder is the truth. Whatever the tracking server lacks (a new server, a crash, an outage) is added when the
campaign is resumed; what it has is found by tag and left alone.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import math
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from padesign.design.trial import Candidate, Option
from padesign.search.campaign import INTERRUPTED, flat
from padesign.search.journal import has_result
from padesign.search.runfolder import plain
from padesign.search.tracker import CampaignInfo

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

_log = logging.getLogger("padesign")
_PARENT, _KIND, _CAMPAIGN, _TRIAL = "mlflow.parentRunId", "padesign.kind", "padesign.campaign", "padesign.trial"
_METRICS_PER_BATCH, _PARAMS_PER_BATCH, _TAGS_PER_BATCH = 800, 100, 100
"""MLflow takes a thousand entries at a time, of which a hundred may be parameters and a hundred tags."""
_LONGEST_NAME, _LONGEST_VALUE = 250, 500
_GIVE_UP, _RETRY_s = 3, 300.0
_NOTHING: Mapping[str, Path] = {}


@final
class MlflowTracker:
    """Show a campaign in MLflow.

    **Arguments:** `uri` is any tracking address; without one everything goes to `mlflow.db` and `mlartifacts/` in the
    run folder. `experiment` names the experiment, by default after the run without its date. `warn` is told, once,
    when the service does not answer; the campaign goes on and nothing is lost, because resuming sends what is missing.
    """

    def __init__(
        self, uri: str | None = None, experiment: str | None = None, warn: Callable[[str], None] | None = None
    ) -> None:
        self._asked_uri, self._experiment = uri, experiment
        self._warn = warn if warn is not None else _log.warning
        self._warned = False
        self._reset(None)

    def _reset(self, info: CampaignInfo | None) -> None:
        self._info = info
        self._client: MlflowClient | None = None
        self._experiment_id = self._parent = ""
        self._children: dict[int, tuple[str, bool]] = {}  # trial -> run, whether it is complete
        self._best: float | None = None
        self._counted = self._feasible = 0
        self._steps: set[int] = set()
        self._waiting: list[Callable[[], None]] = []
        self._lost = False
        self._retry_at = math.inf

    @property
    def uri(self) -> str:
        """The tracking address in use; known once the campaign has started."""
        if self._asked_uri is not None:
            return self._asked_uri
        return "" if self._info is None else f"sqlite:///{(self._info.folder / 'mlflow.db').as_posix()}"

    def start_campaign(self, info: CampaignInfo) -> None:
        """Find or make the parent run and learn which trials are there."""
        self._reset(info)
        try:
            self._connect()
        except Exception as error:
            self._lose(error)

    def trial_finished(
        self,
        number: int,
        choice: Mapping[str, Option],
        candidate: Candidate,
        duration_s: float,
        *,
        seed: int = 0,
        finished_at_s: float | None = None,
        artifacts: Mapping[str, Path] = _NOTHING,
    ) -> None:
        """Add the child run of one trial, unless it is there in full."""
        end = finished_at_s if finished_at_s is not None else time.time()
        best = self._count(candidate)
        totals = {"feasible_share": self._feasible / self._counted}
        if best is not None:
            totals |= best
        step = self._counted
        self._do(lambda: self._log_child(number, choice, candidate, duration_s, seed, end, artifacts))
        self._do(lambda: self._log_totals(totals, step, end))

    def finish(self, summary: Mapping[str, Any], artifacts: Mapping[str, Path]) -> None:
        """Send what is waiting, then the summary and the files, and close the parent run."""
        self._waiting.append(lambda: self._close(summary, artifacts))
        self._retry_at = 0.0
        self._send()

    def _do(self, action: Callable[[], None]) -> None:
        """Act now, or later when the service does not answer."""
        self._waiting.append(action)
        if not self._lost or time.monotonic() >= self._retry_at:
            self._send()

    def _send(self) -> None:
        """Do what waits, in order; an action that fails is kept, and three in a row mean that nobody answers."""
        try:
            if self._lost:
                self._connect()
        except Exception as error:
            self._lose(error)
            return
        failed: list[Callable[[], None]] = []
        trouble: Exception | None = None
        while self._waiting and len(failed) < _GIVE_UP:
            action = self._waiting.pop(0)
            try:
                action()
            except Exception as error:
                failed.append(action)
                trouble = error
        self._waiting = failed + self._waiting
        if trouble is not None:
            self._lose(trouble)
        else:
            self._lost = False

    def _lose(self, error: Exception) -> None:
        folder = self._info.folder if self._info is not None else "the run folder"
        self._retry_at = time.monotonic() + _RETRY_s
        if not self._warned:
            self._warned = True
            reason = f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
            self._warn(
                f"MLflow at {self.uri} does not answer ({reason}). "
                f"The search goes on and everything is kept in {folder}. "
                f"When MLflow is back, `padesign resume {folder}` sends what is missing."
            )
        self._lost = True

    @property
    def _mlflow(self) -> MlflowClient:
        if self._client is None:
            raise ConnectionError("not connected")
        return self._client

    def _connect(self) -> None:
        info = self._info
        if info is None:
            raise ConnectionError("the campaign has not started")
        location = None
        if self._asked_uri is None:
            location = (info.folder / "mlartifacts").as_uri()
            _set_aside_if_moved(info.folder, location)
        client = _client(self.uri)
        name = self._experiment or re.sub(r"-\d{8}-\d{6}(-\d+)?$", "", info.name)
        self._experiment_id = _experiment(client, name, location)
        found = client.search_runs(
            [self._experiment_id], f"tags.`{_CAMPAIGN}` = '{info.campaign_id}' and tags.`{_KIND}` = 'campaign'"
        )
        if found:
            self._parent = found[0].info.run_id
            client.update_run(self._parent, status="RUNNING")
        else:
            tags = {_CAMPAIGN: info.campaign_id, _KIND: "campaign", "mlflow.runName": info.name}
            self._parent = client.create_run(self._experiment_id, tags=tags).info.run_id
        self._client = client
        self._children = {}
        for run in _all_runs(client, self._experiment_id, f"tags.`{_PARENT}` = '{self._parent}'"):
            self._children[int(run.data.tags[_TRIAL])] = (run.info.run_id, run.info.status != "RUNNING")
        self._steps = {metric.step for metric in client.get_metric_history(self._parent, "feasible_share")}
        self._describe(info)

    def _describe(self, info: CampaignInfo) -> None:
        """Settings of the parent run; those that a later session may change are tags."""
        known = self._mlflow.get_run(self._parent).data.params
        params = _named({**flat(plain(info.resolved), ""), "choices": json.dumps(plain(info.choices))}, _text)
        tags = {f"padesign.{key}": _text(value) for key, value in info.settings.items()}
        tags |= {"padesign.objective": info.objective, "padesign.unit": info.unit, "padesign.folder": info.name}
        tags["padesign.direction"] = "maximise" if info.maximise else "minimise"
        if info.parameter_set is not None:
            tags["padesign.parameter_set"] = _text(info.parameter_set.get("name", ""))
            tags["padesign.parameter_set_digest"] = _text(info.parameter_set.get("digest", ""))
            self._mlflow.log_dict(self._parent, plain(info.parameter_set), "parameter_set.json")
        self._log(self._parent, {key: value for key, value in params.items() if key not in known}, tags, [])
        for file in ("config.yaml", "resolved.json"):
            if (info.folder / file).is_file():
                self._mlflow.log_artifact(self._parent, str(info.folder / file))

    def _log_child(
        self,
        number: int,
        choice: Mapping[str, Option],
        candidate: Candidate,
        duration_s: float,
        seed: int,
        end_s: float,
        artifacts: Mapping[str, Path],
    ) -> None:
        run_id, complete = self._children.get(number, ("", False))
        if complete:
            return
        info, client = self._info, self._mlflow
        if info is None:
            raise ConnectionError("the campaign has not started")
        end, start = round(1000 * end_s), round(1000 * (end_s - duration_s))
        if not run_id:
            tags = {
                _PARENT: self._parent,
                _CAMPAIGN: info.campaign_id,
                _KIND: "trial",
                _TRIAL: str(number),
                "mlflow.runName": f"trial {number:04d}",
            }
            run_id = client.create_run(self._experiment_id, start_time=start, tags=tags).info.run_id
            self._children[number] = (run_id, False)
        numbers: dict[str, float] = {"loss": candidate.loss, "duration_s": duration_s}
        numbers |= {f"violation/{name}": value for name, value in candidate.violations.items()}
        numbers |= dict(candidate.metrics)
        if candidate.value is not None:
            numbers[info.objective] = candidate.value
        final, dropped = _finite(numbers)
        steps, dropped_steps = _history(candidate.history, start, end)
        tags = {
            "padesign.feasible": str(has_result(candidate)).lower(),
            "padesign.outcome": _text(candidate.outcome),
            "padesign.unit": info.unit,
            **_particle_tags(candidate.design),
        }
        if dropped or dropped_steps:
            tags["padesign.nonfinite"] = _text(", ".join(sorted({*dropped, *dropped_steps})))
        params = _named({**flat(plain(choice), "choice"), **flat(plain(candidate.design), ""), "seed": seed}, _text)
        self._log(run_id, params, tags, [*_metrics(final, len(candidate.history), end), *steps])
        client.log_dict(run_id, plain(candidate.to_json()), "candidate.json")
        if candidate.curve:
            client.log_text(run_id, _csv(candidate.curve), "curve.csv")
        self._send_files(run_id, artifacts)
        client.set_terminated(run_id, "FAILED" if candidate.outcome.startswith("error:") else "FINISHED", end)
        self._children[number] = (run_id, True)

    def _count(self, candidate: Candidate) -> dict[str, float] | None:
        """Keep the tally; the best design's numbers when this one is better than all before."""
        info = self._info
        self._counted += 1
        if not has_result(candidate) or candidate.value is None or info is None:
            return None if self._best is None or info is None else {f"best_{info.objective}": self._best}
        self._feasible += 1
        best, value = self._best, candidate.value
        if best is not None and not (value > best if info.maximise else value < best):
            return {f"best_{info.objective}": best}
        self._best = value
        return {**{f"best_{name}": x for name, x in candidate.metrics.items()}, f"best_{info.objective}": value}

    def _log_totals(self, totals: Mapping[str, float], step: int, end_s: float) -> None:
        if step in self._steps:
            return
        finite, _ = _finite(totals)
        self._log(self._parent, {}, {}, list(_metrics(finite, step, round(1000 * end_s))))
        self._steps.add(step)

    def _close(self, summary: Mapping[str, Any], artifacts: Mapping[str, Path]) -> None:
        reason = str(summary.get("stopped_because", ""))
        self._mlflow.log_dict(self._parent, plain(summary), "summary.json")
        self._send_files(self._parent, artifacts)
        self._log(self._parent, {}, {"padesign.stopped_because": _text(reason)}, [])
        self._mlflow.set_terminated(self._parent, "KILLED" if reason == INTERRUPTED else "FINISHED")

    def _send_files(self, run_id: str, artifacts: Mapping[str, Path]) -> None:
        for name, path in artifacts.items():
            if path.is_dir():
                self._mlflow.log_artifacts(run_id, str(path), artifact_path=name)
            elif path.is_file():
                inside = Path(name).parent.as_posix()
                self._mlflow.log_artifact(run_id, str(path), artifact_path=None if inside == "." else inside)

    def _log(self, run_id: str, params: Mapping[str, str], tags: Mapping[str, str], metrics: Sequence[Metric]) -> None:
        """Everything in as few requests as the service's limits allow: each opens a transaction of its own."""
        from mlflow.entities import Param, RunTag

        parts = zip_longest(
            _chunks([Param(key, value) for key, value in params.items()], _PARAMS_PER_BATCH),
            _chunks([RunTag(key, value) for key, value in tags.items()], _TAGS_PER_BATCH),
            _chunks(metrics, _METRICS_PER_BATCH),
            fillvalue=(),
        )
        for some_params, some_tags, some_metrics in parts:
            self._mlflow.log_batch(run_id, metrics=some_metrics, params=some_params, tags=some_tags)


def metric_name(name: str) -> str:
    """The name with every sign that MLflow refuses replaced: "S(P)" becomes "S_P_"."""
    name = re.sub(r"[^\w\-. :/]", "_", name)
    name = re.sub(r"/+", "/", re.sub(r"\.{2,}", ".", name)).strip("/. ")
    return name[:_LONGEST_NAME] or "unnamed"


def _named(values: Mapping[str, Any], convert: Callable[[Any], Any]) -> dict[str, Any]:
    """Allowed and distinct names."""
    named: dict[str, Any] = {}
    for key, value in values.items():
        name, count = metric_name(key), 1
        while name in named:
            count += 1
            name = f"{metric_name(key)[: _LONGEST_NAME - 5]}_{count}"
        named[name] = convert(value)
    return named


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 1] + "…"


def _finite(values: Mapping[str, Any]) -> tuple[dict[str, float], list[str]]:
    """The finite numbers, and the names of the others; what is no number at all is left out of both."""
    numbers = {key: float(value) for key, value in values.items() if value is not None and not isinstance(value, str)}
    kept = {key: value for key, value in numbers.items() if math.isfinite(value)}
    return kept, [key for key in numbers if key not in kept]


def _metrics(values: Mapping[str, float], step: int, time_ms: int) -> Iterator[Metric]:
    from mlflow.entities import Metric

    for name, value in _named(values, float).items():
        yield Metric(name, value, time_ms, step)


def _history(history: Sequence[Mapping[str, float]], start: int, end: int) -> tuple[list[Metric], list[str]]:
    """The inner steps as metrics `inner/...`; the times are a function of the record, so that sending twice is once."""
    metrics: list[Metric] = []
    dropped: list[str] = []
    for place, values in enumerate(history):
        step = int(values.get("step", place))
        kept, lost = _finite({f"inner/{key}": value for key, value in values.items() if key != "step"})
        metrics.extend(_metrics(kept, step, start + (end - start) * (place + 1) // (len(history) + 1)))
        dropped.extend(lost)
    return metrics, dropped


def _particle_tags(design: Mapping[str, Any]) -> dict[str, str]:
    """Layers and dopants to filter by, when the design holds a particle."""
    particle = design.get("particle")
    layers = particle.get("layers") if isinstance(particle, Mapping) else None
    if not isinstance(layers, Sequence) or not all(isinstance(layer, Mapping) for layer in layers):
        return {}
    ions = sorted({str(ion) for layer in layers for ion in layer.get("dopants_mol_percent", {})})
    hosts = list(dict.fromkeys(str(layer.get("host", "")) for layer in layers))
    return {"dopants": _text(", ".join(ions)), "n_layers": str(len(layers)), "host": _text(", ".join(hosts))}


def _csv(columns: Mapping[str, Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(plain(column) for column in columns.values()), strict=False))
    return text.getvalue()


def _chunks(entries: Sequence[Any], size: int) -> Iterable[Sequence[Any]]:
    return (entries[start : start + size] for start in range(0, len(entries), size))


def _client(uri: str) -> MlflowClient:
    """A client that sends no telemetry, prints no addresses and gives up after seconds, not minutes."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    from mlflow import MlflowClient

    for name in ("mlflow.store.db.utils", "alembic"):  # a new database announces each table
        logging.getLogger(name).setLevel(logging.WARNING)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _set_aside_if_moved(folder: Path, location: str) -> None:
    """Rename the folder's database when it was made for another place: its artifacts would go there."""
    database = folder / "mlflow.db"
    if not database.is_file():
        return
    with closing(sqlite3.connect(database)) as connection:
        try:
            rows = connection.execute("SELECT artifact_location FROM experiments").fetchall()
        except sqlite3.DatabaseError:  # a crash left it without tables, or it is no database; MLflow will say
            return
    if any(str(row[0]).endswith("/mlartifacts") and row[0] != location for row in rows):
        places = (folder / f"mlflow-before-move-{count}.db" for count in range(1, 1000))
        database.rename(next(place for place in places if not place.exists()))


def _experiment(client: MlflowClient, name: str, location: str | None) -> str:
    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            return client.create_experiment(name, artifact_location=location)
        except Exception:
            found = client.get_experiment_by_name(name)  # someone was faster
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    return found.experiment_id


def _all_runs(client: MlflowClient, experiment_id: str, query: str) -> Iterator[Any]:
    token: str | None = None
    while True:
        page = client.search_runs([experiment_id], query, max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
