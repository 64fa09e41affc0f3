"""Compiled programs that survive the process: traced once, then read from disk.

JAX keeps compiled code on disk, but a new process must trace and lower a function before it can ask for it, which
takes longer than everything else of a warm start. A `Program` keeps the lowered function (`jax.export`) beside the
compiled code. Its name is a digest of all that shapes the program: the source of every package involved, the static
arguments in full, structure, shapes and types of the others, the versions of the libraries and the environment.

A file that cannot be read, or does not fit, is made anew. What cannot be described in full is simply compiled.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import gc
import hashlib
import os
import pickle
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

import jax
import numpy as np
from jax import export
from jax.core import Tracer

P = ParamSpec("P")
R = TypeVar("R")

KEPT = 200
"""Programs on disk; the least recently used ones beyond this many are removed."""
_LIBRARIES = ("jax", "jaxlib", "equinox", "diffrax", "optimistix", "lineax", "numpy")
_ABANDONED_s = 3600.0
_SOURCES = (".py", ".csv", ".yaml")
_SETTINGS = ("XLA_FLAGS", "JAX_", "EQX_ON_ERROR")
_QUICK = {"xla_backend_optimization_level": "1", "xla_disable_hlo_passes": "tree_reduction_rewriter"}
"""How XLA compiles for CPUs: a power curve with its gradient in three quarters of the time. Most of a solve is linear
algebra that is compiled already, so it takes as long; from 200 unknowns on, a tenth longer."""


class _Unknown(Exception):
    """A static argument whose content cannot be described."""


class Program(Generic[P, R]):
    """A pure function of arrays, compiled for each set of static arguments; called like the function.

    **Arguments:** `function` at module level (a closure could hide what the program depends on); `static_argnums` the
    positions of hashable arguments that shape the program: dataclasses and plain values. A dataclass may have a method
    `program_key()` that returns what else it stands for, such as the digest of a file that it names.
    """

    def __init__(self, function: Callable[P, R], static_argnums: Sequence[int] = ()) -> None:
        if not isinstance(function, FunctionType) or function.__closure__:
            raise TypeError(f"{function!r} must be a function at module level")
        functools.update_wrapper(self, function)
        self._function, self._static = function, tuple(static_argnums)
        self._jit = jax.jit(function, static_argnums=self._static)
        self._ready: dict[object, Callable[..., Any]] = {}

    @property
    def count(self) -> int:
        """How many programs this process holds."""
        return len(self._ready)

    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R:
        if named:
            raise TypeError("the arguments of a program are given by position")
        fixed = tuple(arguments[k] for k in self._static)
        leaves, structure = jax.tree.flatten([x for k, x in enumerate(arguments) if k not in self._static])
        if any(isinstance(leaf, Tracer) for leaf in leaves):
            return self._jit(*arguments)
        leaves = [leaf if isinstance(leaf, jax.Array | np.ndarray) else np.asarray(leaf) for leaf in leaves]
        key = (fixed, structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves))
        if key not in self._ready:
            with _uncollected():
                self._ready[key] = self._prepare(fixed, structure, leaves)
        return self._ready[key](leaves)

    def _prepare(self, fixed: tuple, structure: Any, leaves: list) -> Callable[[list], Any]:
        flat = functools.partial(self._flat, fixed, structure)
        folder = _folder()
        try:
            name = None if folder is None else self._digest(fixed, structure, leaves)
        except _Unknown:
            name = None
        if folder is None or name is None:
            compiled = jax.jit(flat, compiler_options=_compiler_options())
            return lambda given: compiled(*given)
        path = folder / f"{self._function.__name__}-{name}.program"
        stored = _read(path)
        if stored is None:
            seen: list[Any] = []

            def leaves_of(*given: Any) -> list:
                found, answer = jax.tree.flatten(flat(*given))
                seen.append(answer)
                return found

            stored = export.export(jax.jit(leaves_of))(*leaves), seen[0]
            _write(path, *stored)
        exported, answer = stored
        run = jax.jit(exported.call, compiler_options=_compiler_options())
        return lambda given: jax.tree.unflatten(answer, run(*given))

    def _flat(self, fixed: tuple, structure: Any, *leaves: Any) -> Any:
        """The function of its arrays alone."""
        traced = iter(jax.tree.unflatten(structure, leaves))
        held = dict(zip(self._static, fixed, strict=True))
        total = len(held) + len(structure.children())
        return self._function(*(held[k] if k in held else next(traced) for k in range(total)))  # type: ignore[call-arg]

    def _digest(self, fixed: tuple, structure: Any, leaves: list) -> str:
        modules: set[str] = {"padesign", self._function.__module__}
        said = _describe(fixed, modules)
        parts = [
            self._function.__module__,
            self._function.__qualname__,
            said,
            str(structure),
            *(f"{leaf.shape} {leaf.dtype}" for leaf in leaves),
            *(_source_digest(name) for name in sorted(modules)),
            _surroundings(),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def program(*, static_argnums: int | Sequence[int] = ()) -> Callable[[Callable[P, R]], Program[P, R]]:
    """`Program` as a decorator."""
    static = (static_argnums,) if isinstance(static_argnums, int) else tuple(static_argnums)
    return lambda function: Program(function, static)


def value_now(function: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """The function of numbers, compiled as one and evaluated at once, also while another program is being traced.

    What a trace needs to know, it would otherwise compile operation by operation. The code runs once, so it is not
    optimised.
    """
    lowered = jax.jit(function).lower(*arguments, **named)
    return lowered.compile(compiler_options={"xla_backend_optimization_level": "0"})(*arguments, **named)


def _compiler_options() -> dict[str, str] | None:
    return _QUICK if jax.default_backend() == "cpu" else None


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Without garbage collection: a trace makes a million objects that stay, through all of which each round goes."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


# ------------------------------------------------------------------------------------------------------- what shapes it
def _describe(value: Any, modules: set[str]) -> str:
    """The whole content of a static argument as text, equal in every process; adds the modules of its classes."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, tuple):
        return f"({','.join(_describe(item, modules) for item in value)})"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        modules.update(base.__module__ for base in kind.__mro__ if base.__module__ != "builtins")
        fields = [f"{f.name}={_describe(getattr(value, f.name), modules)}" for f in dataclasses.fields(value)]
        more = getattr(value, "program_key", tuple)()
        return f"{kind.__module__}.{kind.__qualname__}({','.join(fields)};{_describe(tuple(more), modules)})"
    raise _Unknown


def _source_digest(module: str) -> str:
    """Digest of all source and data files of the package that a module belongs to, or of the module's one file."""
    files = [getattr(sys.modules.get(name), "__file__", None) for name in (module.partition(".")[0], module)]
    root = next((Path(file) for file in files if file), None)
    if root is None:
        raise _Unknown
    return _files_digest(root)


@functools.cache
def _files_digest(root: Path) -> str:
    inside = root.parent.rglob("*") if root.stem == "__init__" else [root]
    digest = hashlib.sha256()
    for path in sorted(p for p in inside if p.suffix in _SOURCES):
        digest.update(f"{path.relative_to(root.parent)}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


@functools.cache
def _surroundings() -> str:
    """Versions, device and settings that a lowered program may depend on."""
    device = jax.devices()[0]
    versions = [f"{name} {version(name)}" for name in _LIBRARIES]
    settings = [f"{key}={value}" for key, value in sorted(os.environ.items()) if key.startswith(_SETTINGS)]
    settings = [line for line in settings if "CACHE" not in line]
    return "\n".join([platform.python_version(), device.platform, device.device_kind, *versions, *settings])


# -------------------------------------------------------------------------------------------------------------- on disk
def _folder() -> Path | None:
    """Beside the compiled code; None where nothing shall be kept."""
    root = jax.config.values["jax_compilation_cache_dir"]
    if not root or "://" in root or not jax.config.values["jax_enable_compilation_cache"]:
        return None
    return Path(root) / "programs"


def _read(path: Path) -> tuple[export.Exported, Any] | None:
    """The program and the structure of its answer; None for whatever cannot be used, or is another user's."""
    try:
        if not _own(path.parent) or not _own(path):
            return None
        head, _, body = path.read_bytes().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != head:
            return None
        shape, lowered = pickle.loads(body)
        os.utime(path)
        return export.deserialize(bytearray(lowered)), jax.tree.structure(shape)
    except Exception:
        return None


def _own(path: Path) -> bool:
    """Whether only this user can have written it: what is read may run code."""
    state = path.stat()
    return not hasattr(os, "getuid") or (state.st_uid == os.getuid() and not state.st_mode & 0o022)


def _write(path: Path, exported: export.Exported, answer: Any) -> None:
    """Keep a program if that is possible; the answer's structure as an example whose leaves are numbers."""
    try:
        shape = jax.tree.unflatten(answer, list(range(answer.num_leaves)))
        body = pickle.dumps((shape, bytes(exported.serialize())))
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
            part.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        Path(part.name).replace(path)
        kept = sorted(path.parent.glob("*.program"), key=lambda one: one.stat().st_mtime)
        left = [one for one in path.parent.glob("*.part") if one.stat().st_mtime < time.time() - _ABANDONED_s]
        for old in [*kept[:-KEPT], *left]:
            old.unlink(missing_ok=True)
    except Exception:
        return
