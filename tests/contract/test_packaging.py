"""The shell holds: what is shipped, what is pinned, and what importing the package does to a process."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import padesign

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = {name: (ROOT / "requirements" / f"{name}.lock").read_text() for name in ("run", "dev")}
HEAVY = ("jax", "equinox", "diffrax", "optuna", "mlflow", "matplotlib", "scipy", "pandas")


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh process whose environment holds none of padesign's own settings."""
    ours = ("JAX_", "EQX_", "XDG_CACHE_HOME")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean | environment, capture_output=True, text=True, check=False
    )


def build_wheel(root: Path, folder: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(next(WheelBuilder(str(root)).build(directory=str(folder), versions=["standard"])))


def contents(wheel: zipfile.ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return build_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


# --- what is shipped -------------------------------------------------------------------------------------------------


def test_the_wheel_holds_the_packages_their_data_and_the_run_file_templates(wheel: zipfile.ZipFile) -> None:
    def files(folder: str) -> set[Path]:
        return {p for p in (ROOT / folder).rglob("*") if p.is_file() and "__pycache__" not in p.parts}

    packages = {
        p.relative_to(ROOT).as_posix() for name in ("padesign", "objectives", "experiments") for p in files(name)
    }
    templates = {f"padesign/data/configs/{p.relative_to(ROOT / 'configs').as_posix()}" for p in files("configs")}
    assert contents(wheel) == packages | templates
    assert "padesign/data/configs/quickstart.yaml" in templates
    assert any(name.startswith("padesign/data/") and name.endswith(".csv") for name in packages)


def test_a_wheel_made_from_the_source_archive_is_the_same(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    archive = next(SdistBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    with tarfile.open(archive) as tar:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.11.4 brought it
        tar.extractall(tmp_path, **safely)
    unpacked = tmp_path / f"padesign-{padesign.__version__}"
    assert contents(build_wheel(unpacked, tmp_path)) == contents(wheel)


def test_the_wheel_says_the_version_that_the_package_says(wheel: zipfile.ZipFile) -> None:
    path = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    assert Parser().parsestr(wheel.read(path).decode())["Version"] == padesign.__version__


@pytest.mark.parametrize(
    "target", [*PROJECT["scripts"].values(), *PROJECT["entry-points"]["padesign.objectives"].values()]
)
def test_every_entry_point_leads_somewhere(target: str) -> None:
    module, _, name = target.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


# --- what is pinned --------------------------------------------------------------------------------------------------


def pins(lock: str) -> dict[str, set[str]]:
    """Package -> its pinned versions (several where Python versions differ)."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", lock, flags=re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_address_and_hashes_every_package(name: str) -> None:
    assert "://" not in LOCKS[name]
    entries = re.split(r"\n(?=[A-Za-z0-9])", LOCKS[name].strip())
    assert len(entries) >= 50
    assert [entry.split()[0] for entry in entries if "==" not in entry or "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize(("name", "extras"), [("run", ["ui"]), ("dev", ["ui", "dev"])])
def test_a_lock_satisfies_every_declared_requirement(name: str, extras: list[str]) -> None:
    pinned = pins(LOCKS[name])
    declared = [
        *PROJECT["dependencies"],
        *(line for extra in extras for line in PROJECT["optional-dependencies"][extra]),
    ]
    for requirement in map(Requirement, declared):
        versions = pinned.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not in {name}.lock: run `make lock`"
        assert all(requirement.specifier.contains(v) for v in versions), (requirement, versions)


def test_both_locks_pin_the_same_versions() -> None:
    run, dev = pins(LOCKS["run"]), pins(LOCKS["dev"])
    assert run == {name: dev.get(name) for name in run}


# --- what importing does ---------------------------------------------------------------------------------------------


IMPORT = "import padesign"
HELP = "from typer.testing import CliRunner; from padesign.cli import app; CliRunner().invoke(app, ['--help'])"


@pytest.mark.parametrize("act", [IMPORT, HELP], ids=["import", "help"])
def test_importing_and_asking_for_help_load_no_numerical_library(act: str) -> None:
    done = run_python(f"{act}\nimport sys; print(*sorted(set(sys.modules) & set({HEAVY!r})))")
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


@pytest.mark.parametrize("first", ["padesign, jax", "jax, padesign"])
def test_float64_is_on_whichever_is_imported_first(first: str) -> None:
    done = run_python(f"import {first}; print(jax.numpy.ones(()).dtype, jax.config.jax_compilation_cache_dir)")
    dtype, folder = done.stdout.split()
    assert dtype == "float64"
    assert Path(folder).parts[-2:] == ("padesign", "jax")


def test_a_user_who_switched_float64_off_is_told() -> None:
    done = run_python("import padesign", JAX_ENABLE_X64="0")
    assert done.returncode != 0
    assert "JAX_ENABLE_X64=0" in done.stderr and "unset JAX_ENABLE_X64" in done.stderr


def test_compiled_programs_are_kept_even_when_they_check_errors_at_run_time(tmp_path: Path) -> None:
    code = """
import padesign, equinox, jax
def checked(x): return equinox.error_if(x, x < 0, "negative")
jax.jit(checked)(1.0)
"""
    done = run_python(code, XDG_CACHE_HOME=str(tmp_path), JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="0")
    assert done.returncode == 0, done.stderr
    assert [p.name for p in (tmp_path / "padesign" / "jax").glob("jit_checked-*")] != []
