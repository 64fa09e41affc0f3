"""`padesign ui`: MLflow's dashboard of one run, on this machine only."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO, Any

from padesign.cli.campaign import read_run
from padesign.cli.console import clean, emit, say, shown
from padesign.cli.files import newest_run
from padesign.cli.guard import UNEXPECTED
from padesign.cli.ports import HOST, free_port
from padesign.errors import InputError
from padesign.search import RunFolder

_PATIENCE_s = 90.0


def serve(path: Path | None, port: int | None) -> int:
    """Start the server, print its address and wait until the user interrupts."""
    folder = RunFolder.open(path if path is not None else newest_run())
    run = read_run(folder)
    uri = run.tracking.uri or f"sqlite:///{(folder.path / 'mlflow.db').as_posix()}"
    if uri.startswith(("http://", "https://")):
        emit(f"this run is tracked at {uri}: open that address in a browser")
        return 0
    if not run.tracking.enabled or (run.tracking.uri is None and not (folder.path / "mlflow.db").is_file()):
        raise InputError(
            f"{shown(folder.path)} has no MLflow record", cure="see report.html and designs.csv in that folder"
        )
    if importlib.util.find_spec("mlflow") is None or importlib.util.find_spec("flask") is None:
        raise InputError(
            "the dashboard needs the full mlflow package, and only its small part is installed",
            cure='pip install "padesign[ui]", or `make setup` in the source tree',
        )
    chosen = free_port(port)
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", HOST, "--port", str(chosen)]
    command += ["--backend-store-uri", uri, "--default-artifact-root", (folder.path / "mlartifacts").as_uri()]
    environment = os.environ | {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    before = {number: signal.signal(number, _interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    say("starting the dashboard (a few seconds)")
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            address = f"http://{HOST}:{chosen}"
            if not _answers(server, address):
                say(clean(f"the dashboard did not start:\n{_last_lines(log)}"))
                return UNEXPECTED
            emit(address)
            sys.stdout.flush()
            say(f"showing {shown(folder.path)}; Ctrl-C ends the dashboard")
            server.wait()
            say(clean(f"the dashboard has ended by itself:\n{_last_lines(log)}"))
            return UNEXPECTED
        except KeyboardInterrupt:
            return 0
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            _stop(server)


def _interrupt(signum: int, frame: Any) -> None:
    raise KeyboardInterrupt


def _answers(server: subprocess.Popen[bytes], address: str) -> bool:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + _PATIENCE_s
    while time.monotonic() < end and server.poll() is None:
        try:
            with direct.open(f"{address}/health", timeout=2.0):
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server and its worker, which are a process group of their own."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, sign)
            server.wait(timeout=10.0)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def _last_lines(log: IO[str], count: int = 12) -> str:
    log.seek(0)
    return "\n".join(f"  {line}" for line in log.read().splitlines()[-count:])
