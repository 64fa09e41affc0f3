"""padesign: inverse design of photon-avalanche nanoparticles.

Importing this package settles five process-wide choices, before JAX is imported and without importing it:

* **float64 everywhere** (`JAX_ENABLE_X64=1`). Populations span forty decades; float32 answers would be wrong.
* **a compile cache on disk** (`JAX_COMPILATION_CACHE_DIR`, by default `$XDG_CACHE_HOME/padesign/jax` or
  `~/.cache/padesign/jax`), so that a second run does not compile again. Its key covers the program, the versions and
  the instruction set of the machine, so a home folder may be shared. `JAX_ENABLE_COMPILATION_CACHE=0` turns it off.
* **the older code generator of XLA on CPUs** (`--xla_cpu_use_fusion_emitters=false` in `XLA_FLAGS`, with jaxlib 0.10,
  which has the choice): it compiles a power curve with its gradient in 60 % of the time; the programs are as fast.
* **one thread for linear algebra** (`OPENBLAS_NUM_THREADS=1`). The matrices have a few hundred rows at most; threads
  that share one of them wait for each other, and on a machine that does something else as well a solve takes twenty
  times as long.
* **no host callbacks in compiled code** (`EQX_ON_ERROR=nan`). JAX refuses to cache a program that can call back into
  Python, and equinox's runtime errors do; padesign reads the outcome of every solve as a value instead.

Each is only a default: a value that is already set in the environment stays. The exception is float64, without which
the package refuses to start. The names are environment variables, so worker processes inherit them.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from padesign.errors import InputError

__version__ = "0.1.0"

_QUICK_COMPILE = "--xla_cpu_use_fusion_emitters"
_FALSE = frozenset({"0", "f", "false", "n", "no", "off"})


def _cache_folder() -> str | None:
    """Where compiled programs are kept; None when the user has no home folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        root = Path(base) if base else Path.home() / ".cache"
    except RuntimeError:
        return None
    return str(root / "padesign" / "jax")


def _jaxlib_is(release: str) -> bool:
    try:
        return version("jaxlib").startswith(release)
    except PackageNotFoundError:
        return False


def _set_defaults() -> None:
    """Put the defaults into the environment, where JAX and equinox read them on import."""
    os.environ.setdefault("EQX_ON_ERROR", "nan")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("JAX_ENABLE_X64", "1")
    flags = os.environ.get("XLA_FLAGS", "")
    # XLA ends the process when it meets a flag that it does not know.
    if _QUICK_COMPILE not in flags and _jaxlib_is("0.10."):
        os.environ["XLA_FLAGS"] = f"{flags} {_QUICK_COMPILE}=false".strip()
    folder = _cache_folder()
    if folder is not None and "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
        os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")


def _update_imported_jax() -> None:
    """The same for a JAX that was imported before padesign and has read its environment already."""
    import jax

    jax.config.update("jax_enable_x64", True)
    if getattr(jax.config, "jax_compilation_cache_dir", None) is None and "JAX_COMPILATION_CACHE_DIR" in os.environ:
        jax.config.update("jax_compilation_cache_dir", os.environ["JAX_COMPILATION_CACHE_DIR"])
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def _configure() -> None:
    """Settle precision and caching. Raises `InputError` when the user has switched float64 off."""
    asked = os.environ.get("JAX_ENABLE_X64", "1")
    if asked.strip().lower() in _FALSE:
        raise InputError(
            f"padesign needs 64-bit floats, but the environment says JAX_ENABLE_X64={asked}",
            cure="Run `unset JAX_ENABLE_X64`, or set it to 1.",
        )
    _set_defaults()
    if "jax" in sys.modules:
        _update_imported_jax()


_configure()
