"""What every test shares: float64, one compile cache for all runs and workers, and no contact with the outside."""

from __future__ import annotations

import os

import padesign  # before anything imports JAX: sets float64 and the compile cache in the user's cache folder

os.environ["MPLBACKEND"] = "Agg"
os.environ["NO_COLOR"] = "1"
os.environ["COLUMNS"] = "120"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ.pop("MLFLOW_TRACKING_URI", None)


def pytest_report_header() -> str:
    return f"padesign {padesign.__version__}, compile cache {os.environ.get('JAX_COMPILATION_CACHE_DIR', 'off')}"
