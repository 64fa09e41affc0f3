"""Trackers: what a campaign shows to services outside the run folder. MLflow is imported when a tracker is used."""

from __future__ import annotations

from padesign.tracking.mlflow import MlflowTracker

__all__ = ["MlflowTracker"]
