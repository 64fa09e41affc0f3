"""The run folder: everything one campaign leaves behind, written so that a crash never leaves half a file."""

from __future__ import annotations

import json
import math
import os
import re
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, final

from padesign.design.trial import Candidate, Option
from padesign.errors import InputError

_CONFIG, _RESOLVED, _LOCK = "config.yaml", "resolved.json", "run.lock"
_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@final
@dataclass(frozen=True)
class TrialRecord:
    """One finished trial as it stands in `trials/NNNN.json`.

    `seed` is the start seed of the inner optimisation, `finished_at_s` seconds since the Unix epoch, `traceback` the
    text of the exception when the trial raised one.
    """

    number: int
    choice: Mapping[str, Option]
    seed: int
    candidate: Candidate
    duration_s: float
    finished_at_s: float
    traceback: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "choice": dict(self.choice),
            "seed": self.seed,
            "duration_s": self.duration_s,
            "finished_at_s": self.finished_at_s,
            "traceback": self.traceback,
            "candidate": self.candidate.to_json(),
        }

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> TrialRecord:
        return cls(**{**record, "candidate": Candidate.from_json(record["candidate"])})


@final
@dataclass(frozen=True)
class RunFolder:
    """A folder that holds one campaign. Make one with `RunFolder.create`, find one again with `RunFolder.open`."""

    path: Path

    @classmethod
    def create(cls, root: Path | str, name: str, config_text: str, resolved: Mapping[str, Any]) -> RunFolder:
        """Make `root/<name>-<date>-<time>` with the user's file as written and the resolved settings.

        The folder appears complete or not at all; a counter is added when the name is taken.
        Raises `InputError` when the place cannot be written.
        """
        root = Path(root).absolute()
        safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "run"
        stem = f"{safe}-{datetime.now():%Y%m%d-%H%M%S}"
        draft = root / f".{stem}-{uuid.uuid4().hex[:8]}"
        try:
            draft.mkdir(parents=True)
            for part in ("trials", "figures", "recipes"):
                (draft / part).mkdir()
            write_text(draft / _CONFIG, config_text)
            write_json(draft / _RESOLVED, resolved)
            for path in (root / (stem if i == 1 else f"{stem}-{i}") for i in range(1, 1000)):
                if path.exists():
                    continue
                try:
                    draft.rename(path)
                except OSError:
                    if path.exists():  # someone was faster
                        continue
                    raise
                return cls(path)
        except OSError as error:
            raise _unwritable(root, error) from error
        raise InputError(f"`{root}` holds a thousand runs called {stem}", cure="Give the run another name.")

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """The run that stands in `path`. Raises `InputError` when there is none."""
        path = Path(path).absolute()
        if not path.is_dir():
            raise InputError(
                f"there is no run folder `{path}`", cure="`padesign run` prints the folder it makes; look in `runs/`."
            )
        missing = [name for name in (_CONFIG, _RESOLVED) if not (path / name).is_file()]
        if missing:
            raise InputError(
                f"`{path}` is not a run folder: it has no {' and no '.join(missing)}",
                cure="Name the folder of one run, such as `runs/<name>-<date>-<time>`.",
            )
        folder = cls(path)
        try:
            for part in (folder.trials, folder.figures, folder.recipes):
                part.mkdir(exist_ok=True)
        except OSError as error:
            raise _unwritable(path, error) from error
        return folder

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> Path:
        return self.path / _CONFIG

    @property
    def resolved(self) -> Path:
        return self.path / _RESOLVED

    @property
    def journal(self) -> Path:
        return self.path / "study.journal"

    @property
    def trials(self) -> Path:
        return self.path / "trials"

    @property
    def designs(self) -> Path:
        return self.path / "designs.csv"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def recipes(self) -> Path:
        return self.path / "recipes"

    def read_resolved(self) -> dict[str, Any]:
        return _read_json(self.resolved)

    def trial_file(self, number: int) -> Path:
        return self.trials / f"{number:04d}.json"

    def trial_numbers(self) -> list[int]:
        """The numbers of the trials that are finished on disk, ascending."""
        return sorted(int(path.stem) for path in self.trials.glob("*.json") if path.stem.isdigit())

    def write_trial(self, record: TrialRecord) -> None:
        """Write `trials/NNNN.json` in one piece and see it onto the disk."""
        write_json(self.trial_file(record.number), record.to_json())

    def read_trial(self, number: int) -> TrialRecord | None:
        """One finished trial; None when there is no file for it."""
        path = self.trial_file(number)
        if not path.exists():
            return None
        try:
            return TrialRecord.from_json(read_revived(path))
        except (KeyError, TypeError) as error:
            raise InputError(
                f"`{path}` is not the record of a trial: {error}", cure="Restore it from a copy, or start a new run."
            ) from error

    def read_trials(self) -> list[TrialRecord]:
        """All finished trials in the order of their numbers; reads only, so it may be used on a campaign that runs."""
        found = (self.read_trial(number) for number in self.trial_numbers())
        return [record for record in found if record is not None]

    def is_held(self) -> bool:
        """Whether a process that is alive, or cannot be judged from here, runs this campaign; changes nothing."""
        text = _read_if_there(self.path / _LOCK)
        if text is None:
            return False
        try:
            holder = json.loads(text)
            here = str(holder["host"]) == socket.gethostname() and os.name == "posix"
            return not here or process_alive(int(holder["pid"]), holder.get("started"))
        except (ValueError, KeyError, TypeError):
            return True

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder for this process. Raises `InputError` when another process that is alive holds it."""
        path = self.path / _LOCK
        me = {"pid": os.getpid(), "host": socket.gethostname(), "started": start_ticks(os.getpid()), "id": _token()}
        text = json.dumps(me)
        for _ in range(10):
            try:
                handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                _clear_stale_lock(path)
                continue
            except OSError as error:
                raise _unwritable(self.path, error) from error
            with os.fdopen(handle, "w") as file:
                file.write(text)
            break
        else:
            raise _in_use(path, "another process")
        try:
            yield
        finally:
            if _read_if_there(path) == text:
                path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace a file in one piece: whoever reads it sees the old text or the new, even after a power cut."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        if os.name == "posix":
            handle = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except OSError as error:
        raise _unwritable(path, error) from error


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON in one piece; numbers that JSON has no word for become "NaN", "Infinity", "-Infinity"."""
    write_text(path, json.dumps(plain(value), indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def plain(value: Any) -> Any:
    """Mappings, sequences and arrays as what JSON can hold."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    return [plain(item) for item in value]


def _revive(value: Any) -> Any:
    """Undo what `plain` did to numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _revive(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_revive(item) for item in value]
    return _NON_FINITE.get(value, value) if isinstance(value, str) else value


def read_revived(path: Path) -> Any:
    """What `write_json` wrote, with numbers that are not finite as they were."""
    return _revive(_read_json(path))


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            f"`{path}` cannot be read: {error}", cure="Restore it from a copy, or start a new run."
        ) from error


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"`{path}` cannot be written: {error.strerror or error}",
        cure="Choose a place that you may write to and that has room.",
    )


def _in_use(path: Path, holder: str) -> InputError:
    return InputError(
        f"`{path.parent}` is being run by {holder}",
        cure=f"Wait until it ends or stop it. If you are sure that it no longer runs, delete `{path}`.",
    )


def _clear_stale_lock(path: Path) -> None:
    """Remove the lock of a process that is dead; raise `InputError` when its holder lives or cannot be judged."""
    text = _read_if_there(path)
    for _ in range(10):  # made but not yet filled: its maker is writing, or died in between
        if text != "":
            break
        time.sleep(0.05)
        text = _read_if_there(path)
    if text is None:
        return
    try:
        holder = json.loads(text) if text else {"pid": -1, "host": socket.gethostname()}
        pid, host, started = int(holder["pid"]), str(holder["host"]), holder.get("started")
    except (ValueError, KeyError, TypeError) as error:
        raise _in_use(path, "a process whose lock file cannot be read") from error
    if host != socket.gethostname() or os.name != "posix":
        raise _in_use(path, f"process {pid} on {host}")
    if pid > 0 and process_alive(pid, started):
        raise _in_use(path, f"process {pid}")
    aside = path.with_name(f"{_LOCK}.{_token()}")
    try:
        path.rename(aside)
    except FileNotFoundError:
        return
    if _read_if_there(aside) != text:  # not the dead one's: another process took over in between
        os.link(aside, path)
        aside.unlink()
        raise _in_use(path, "another process")
    aside.unlink()


def process_alive(pid: int, started: str | None) -> bool:
    """Whether a process of this machine lives and is the one that began at `started` (see `start_ticks`)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    now = start_ticks(pid)
    return started is None or now is None or now == started


def start_ticks(pid: int) -> str | None:
    """When a process started, in the kernel's ticks, so that a process number used again is told apart."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return "dead" if fields[0] in "ZX" else fields[19]


def _read_if_there(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _token() -> str:
    return uuid.uuid4().hex[:12]
