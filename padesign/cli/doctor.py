"""`padesign doctor`: does this installation work?"""

from __future__ import annotations

import importlib.util
import os
import platform
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

from padesign import __version__
from padesign.cli.console import emit
from padesign.cli.files import templates
from padesign.cli.guard import UNEXPECTED

THRESHOLD_kW_per_cm2 = 6.704
"""Linear threshold of the published three-state model in `three_state_tm.yaml`."""


def examine() -> int:
    """Print one line per check; 1 when one fails."""
    checks: list[tuple[str, Callable[[], tuple[bool, str]]]] = [
        ("padesign", lambda: (True, f"{__version__}, Python {platform.python_version()}, {platform.platform()}")),
        ("jax", _jax),
        ("64-bit floats", _double),
        ("compile cache", _cache),
        ("objectives", _objectives),
        ("record", _mlflow),
        ("self-test", _self_test),
    ]
    sound = True
    for name, check in checks:
        try:
            good, text = check()
        except Exception as error:
            good, text = False, f"{type(error).__name__}: {next(iter(str(error).splitlines()), '')}"
        sound &= good
        emit(f"{'ok  ' if good else 'FAIL'}  {name:<15}{text}")
    return 0 if sound else UNEXPECTED


def _jax() -> tuple[bool, str]:
    import jax

    device = jax.devices()[0]
    return True, f"{jax.__version__} on {device.platform} ({device.device_kind}), {os.cpu_count()} processor cores"


def _double() -> tuple[bool, str]:
    import jax.numpy as jnp

    found = jnp.ones(()).dtype.name
    return found == "float64", found


def _cache() -> tuple[bool, str]:
    import jax

    name = getattr(jax.config, "jax_compilation_cache_dir", None)
    if not name:
        return True, "off: every start compiles again (JAX_COMPILATION_CACHE_DIR sets a folder)"
    folder = Path(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return (
            False,
            f"{folder} cannot be written ({error.strerror}): set JAX_COMPILATION_CACHE_DIR to a folder of yours",
        )
    return True, f"{folder}, {sum(1 for _ in folder.iterdir())} files"


def _objectives() -> tuple[bool, str]:
    names = sorted(point.name for point in entry_points(group="padesign.objectives"))
    return bool(names), ", ".join(names) or "none is registered: install padesign (make setup)"


def _mlflow() -> tuple[bool, str]:
    for package in ("mlflow", "mlflow-skinny"):
        try:
            number = version(package)
        except PackageNotFoundError:
            continue
        dashboard = "" if importlib.util.find_spec("flask") else "; the dashboard needs padesign[ui]"
        return True, f"{package} {number}{dashboard}"
    return False, 'mlflow is missing: pip install "padesign[ui]"'


def _self_test() -> tuple[bool, str]:
    from padesign.cli.evaluate import simulate
    from padesign.config import load_run_file

    begin = time.monotonic()
    result, _ = simulate(load_run_file(templates()["three_state_tm"]))
    took = time.monotonic() - begin
    found = result.threshold_kW_per_cm2 or 0.0
    good = abs(found - THRESHOLD_kW_per_cm2) < 1e-3
    return good, f"threshold of a published model {found:.3f}, expected {THRESHOLD_kW_per_cm2} kW/cm² ({took:.1f} s)"
