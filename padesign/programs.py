"""Compiled programs that survive the process: traced once, then read from disk.

JAX keeps compiled code on disk, but a new process must trace and lower a function before it can ask for it, which
takes longer than everything else of a warm start. A `Program` keeps the lowered function (`jax.export`) beside the
compiled code. Its name is a digest of all that shapes the program: the source of every package involved, the static
arguments in full, structure, shapes and types of the others, the versions of the libraries and the environment.

A `Gradient` is a program in pieces, each of which is compiled while the next one is traced.

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
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
T = TypeVar("T")

KEPT = 200
"""Programs on disk; the least recently used ones beyond this many are removed."""
_LIBRARIES = ("jax", "jaxlib", "equinox", "diffrax", "optimistix", "lineax", "numpy")
_ABANDONED_s = 3600.0
_SOURCES = (".py", ".csv", ".yaml")
_SETTINGS = ("XLA_FLAGS", "JAX_", "EQX_ON_ERROR")
_LEVEL = "xla_backend_optimization_level"
_QUICK = {_LEVEL: "1", "xla_disable_hlo_passes": "tree_reduction_rewriter"}
"""How XLA compiles for CPUs: a power curve with its gradient in three quarters of the time. Most of a solve is linear
algebra that is compiled already, so it takes as long; from 200 unknowns on, a tenth longer."""

_COSTLY = frozenset(
    "concatenate cond cumsum dot_general gather lu reduce_max reduce_min reduce_sum scan sort triangular_solve "
    "while".split()
)
"""Operations of JAX whose results a gradient keeps: those that sum, pick, solve and loop."""
_COMPILERS = ThreadPoolExecutor(thread_name_prefix="compile")


class _Unknown(Exception):
    """A static argument whose content cannot be described."""


class _Pieces:
    """Lowered functions of flat lists of arrays, compiled side by side and run one after the other.

    Every array is known by its number: first those `given`, then what each piece makes.
    """

    def __init__(self, given: Sequence[Any], kept: bool) -> None:
        self._shapes = [jax.ShapeDtypeStruct(one.shape, one.dtype) for one in given]
        self.given = list(range(len(given)))
        self._kept = kept
        self.lowered: list[tuple[export.Exported, list[int], bool]] = []
        self._compiled: list[tuple[Future, list[int]]] = []
        self.gives: list[int] = []
        self.structure: Any = None

    def add(self, function: Callable[..., Any], takes: list[int], optimised: bool = True) -> tuple[list[int], Any]:
        """Trace a function of some arrays and begin to compile it; the numbers and structure of what it makes."""
        seen: list[Any] = []

        def leaves_of(*given: Any) -> list:
            found, answer = jax.tree.flatten(function(*given))
            seen.append(answer)
            return found

        shapes = [self._shapes[k] for k in takes]
        if self._kept:
            self.load(export.export(jax.jit(leaves_of))(*shapes), takes, optimised)
        else:
            self._compile(jax.jit(leaves_of), takes, optimised)
        made = list(range(len(self._shapes) - seen[0].num_leaves, len(self._shapes)))
        return made, seen[0]

    def load(self, exported: export.Exported, takes: list[int], optimised: bool) -> None:
        """Begin to compile a lowered function."""
        self.lowered.append((exported, takes, optimised))
        self._compile(jax.jit(exported.call), takes, optimised)

    def answer(self, gives: list[int], structure: Any) -> None:
        """Which arrays the program gives back, and in which structure."""
        self.gives, self.structure = gives, structure

    def ready(self) -> Callable[[list], Any]:
        """The program, when all of it is compiled."""
        pieces = [(compiled.result(), takes) for compiled, takes in self._compiled]
        gives, structure = self.gives, self.structure

        def run(given: list) -> Any:
            arrays = list(given)
            for piece, takes in pieces:
                arrays += piece(*(arrays[k] for k in takes))
            return jax.tree.unflatten(structure, [arrays[k] for k in gives])

        return run

    def _compile(self, jitted: Any, takes: list[int], optimised: bool) -> None:
        lowered = jitted.lower(*(self._shapes[k] for k in takes))
        self._shapes += [jax.ShapeDtypeStruct(one.shape, one.dtype) for one in jax.tree.leaves(lowered.out_info)]
        self._compiled.append((_COMPILERS.submit(lowered.compile, _compiler_options(optimised)), takes))


class Program(Generic[P, R]):
    """A pure function of arrays, compiled for each set of static arguments; called like the function.

    **Arguments:** `function` at module level (a closure could hide what the program depends on); `static_argnums` the
    positions of hashable arguments that shape the program: dataclasses and plain values. A dataclass may have a method
    `program_key()` that returns what else it stands for, such as the digest of a file that it names.
    """

    def __init__(self, function: Callable[P, R], static_argnums: Sequence[int] = ()) -> None:
        _check_at_module_level(function)
        functools.update_wrapper(self, function)
        self._function, self._static = function, tuple(static_argnums)
        self._functions: tuple[Callable, ...] = (function,)
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
        device = jax.config.values["jax_default_device"]
        key = (fixed, structure, device, tuple((leaf.shape, leaf.dtype) for leaf in leaves))
        if key not in self._ready:
            with _uncollected():
                self._ready[key] = self._prepare(fixed, structure, leaves)
        return self._ready[key](leaves)

    def _prepare(self, fixed: tuple, structure: Any, leaves: list) -> Callable[[list], Any]:
        folder = _folder()
        try:
            name = None if folder is None else self._digest(fixed, structure, leaves)
        except _Unknown:
            name = None
        if folder is None or name is None:
            return self._pieces(_Pieces(leaves, kept=False), fixed, structure).ready()
        path = folder / f"{self._function.__name__}-{name}.program"
        stored = _read(path, leaves)
        if stored is not None:
            return stored.ready()
        pieces = self._pieces(_Pieces(leaves, kept=True), fixed, structure)
        _write(path, pieces)
        return pieces.ready()

    def _pieces(self, pieces: _Pieces, fixed: tuple, structure: Any) -> _Pieces:
        """The function as one piece."""
        pieces.answer(*pieces.add(functools.partial(self._flat, fixed, structure), pieces.given))
        return pieces

    def _flat(self, fixed: tuple, structure: Any, *leaves: Any) -> Any:
        """The function of its arrays alone."""
        traced = iter(jax.tree.unflatten(structure, leaves))
        held = dict(zip(self._static, fixed, strict=True))
        total = len(held) + len(structure.children())
        return self._function(*(held[k] if k in held else next(traced) for k in range(total)))  # type: ignore[call-arg]

    def _digest(self, fixed: tuple, structure: Any, leaves: list) -> str:
        modules: set[str] = {"padesign", *(one.__module__ for one in self._functions)}
        said = _describe(fixed, modules)
        parts = [
            *(f"{one.__module__}.{one.__qualname__}" for one in self._functions),
            said,
            str(structure),
            *(f"{leaf.shape} {leaf.dtype}" for leaf in leaves),
            *(_source_digest(name) for name in sorted(modules)),
            _surroundings(),
        ]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


class Gradient(Program[[Any, Any, tuple, tuple], Any]):
    """Value and gradient of `last(fixed, y, *more)` with respect to x, where y is made of x in steps.

    Each of `steps` makes arrays of floating-point numbers of those of the step before: step(fixed, made, *inputs), the
    first one of x. Called with `fixed` (static: dataclasses and plain values, or a tuple of them), x, inputs and more.
    The steps, the last function with its derivatives by y, and the derivatives back through the steps are programs of
    their own, each compiled while the next one is traced, so that a first call on two cores takes about four fifths of
    the time of one program. The one that leads back through the first step comes last, with nothing to compile beside
    it, and is not optimised; so the first step should be a quick one.

    **Arguments:** functions at module level, differentiable.
    """

    def __init__(self, steps: Sequence[Callable[..., Any]], last: Callable[..., jax.Array]) -> None:
        for function in (*steps, last):
            _check_at_module_level(function)
        super().__init__(steps[0], (0,))
        self._steps, self._last = tuple(steps), last
        self._functions = *steps, last
        self._jit = jax.jit(self._at_once, static_argnums=0)

    def _at_once(self, fixed: Hashable, x: T, inputs: tuple, more: tuple) -> tuple[jax.Array, T]:
        def of(x: T) -> jax.Array:
            made: Any = x
            for step in self._steps:
                made = step(fixed, made, *inputs)
            return self._last(fixed, made, *more)

        return jax.value_and_grad(of)(x)

    def __call__(self, fixed: Hashable, x: T, inputs: tuple, more: tuple) -> tuple[jax.Array, T]:
        return super().__call__(fixed, x, inputs, more)

    def _pieces(self, pieces: _Pieces, fixed: tuple, structure: Any) -> _Pieces:
        (said,) = fixed
        x_in, inputs_in, more_in = structure.children()
        ends = np.cumsum([x_in.num_leaves, inputs_in.num_leaves])
        made, inputs, more = pieces.given[: ends[0]], pieces.given[ends[0] : ends[1]], pieces.given[ends[1] :]
        made_in, back = x_in, []
        for step in self._steps:
            forward = functools.partial(_with_pullback, functools.partial(step, said), made_in, inputs_in)
            both, both_in = pieces.add(forward, made + inputs)
            made_in, pull_in = both_in.children()
            made, pull = both[: made_in.num_leaves], both[made_in.num_leaves :]
            back.append((pull_in, made_in, pull))
        value = functools.partial(_with_derivatives, functools.partial(self._last, said), made_in, more_in)
        (number, *by_made), _ = pieces.add(value, made + more)
        while back:
            pull_in, made_in, pull = back.pop()
            backward = functools.partial(_pulled_back, pull_in, made_in)
            by_made, _ = pieces.add(backward, pull + by_made, optimised=bool(back))
        pieces.answer([number, *by_made], jax.tree.structure((0.0, jax.tree.unflatten(x_in, by_made))))
        return pieces


def _with_pullback(step: Callable[..., Any], given_in: Any, inputs_in: Any, *leaves: Any) -> tuple[Any, Any]:
    """What a step makes, and what leads derivatives by it back to what the step was given."""
    given, inputs = leaves[: given_in.num_leaves], jax.tree.unflatten(inputs_in, leaves[given_in.num_leaves :])
    kept = jax.checkpoint(lambda given: step(given, *inputs), policy=_is_costly, prevent_cse=False)
    return jax.vjp(kept, jax.tree.unflatten(given_in, given))


def _with_derivatives(last: Callable[..., jax.Array], made_in: Any, more_in: Any, *leaves: Any) -> tuple[Any, Any]:
    """The value, and its derivatives by what the steps made."""
    made, more = leaves[: made_in.num_leaves], jax.tree.unflatten(more_in, leaves[made_in.num_leaves :])
    return jax.value_and_grad(lambda made: last(made, *more))(jax.tree.unflatten(made_in, made))


def _pulled_back(pull_in: Any, made_in: Any, *leaves: Any) -> Any:
    """Derivatives by what a step was given, from those by what it made."""
    pull, by_made = leaves[: pull_in.num_leaves], leaves[pull_in.num_leaves :]
    return jax.tree.unflatten(pull_in, pull)(jax.tree.unflatten(made_in, by_made))[0]


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
    return lowered.compile(compiler_options={_LEVEL: "0"})(*arguments, **named)


def _is_costly(operation: Any, *_: Any, **__: Any) -> bool:
    """Whether derivatives are given its result; they make the results of other operations again, inside their own."""
    return operation.name in _COSTLY


def _check_at_module_level(function: Callable) -> None:
    if not isinstance(function, FunctionType) or function.__closure__:
        raise TypeError(f"{function!r} must be a function at module level")


def _compiler_options(optimised: bool) -> dict[str, str] | None:
    if jax.default_backend() != "cpu":
        return None
    return _QUICK if optimised else _QUICK | {_LEVEL: "0"}


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


def _read(path: Path, given: Sequence[Any]) -> _Pieces | None:
    """The program; None for whatever cannot be used, or is another user's."""
    try:
        if not _own(path.parent) or not _own(path):
            return None
        head, _, body = path.read_bytes().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() != head:
            return None
        shape, gives, lowered = pickle.loads(body)
        os.utime(path)
        pieces = _Pieces(given, kept=True)
        for piece, takes, optimised in lowered:
            pieces.load(export.deserialize(bytearray(piece)), takes, optimised)
        pieces.answer(gives, jax.tree.structure(shape))
        return pieces
    except Exception:
        return None


def _own(path: Path) -> bool:
    """Whether only this user can have written it: what is read may run code."""
    state = path.stat()
    return not hasattr(os, "getuid") or (state.st_uid == os.getuid() and not state.st_mode & 0o022)


def _write(path: Path, pieces: _Pieces) -> None:
    """Keep a program if that is possible; the answer's structure as an example whose leaves are numbers."""
    try:
        shape = jax.tree.unflatten(pieces.structure, list(range(pieces.structure.num_leaves)))
        lowered = [(bytes(one.serialize()), takes, optimised) for one, takes, optimised in pieces.lowered]
        body = pickle.dumps((shape, pieces.gives, lowered))
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
