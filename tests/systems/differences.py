"""Derivatives by differences, to hold against exact ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def central(function: Callable[[float], np.ndarray], step: float) -> tuple[np.ndarray, np.ndarray]:
    """Derivative at 0 by central differences with `step` and 2 `step`, Richardson extrapolated, and its uncertainty."""
    near = (function(step) - function(-step)) / (2 * step)
    far = (function(2 * step) - function(-2 * step)) / (4 * step)
    return near + (near - far) / 3, np.abs(near - far)
