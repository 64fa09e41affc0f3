"""Roughly when the light is on in a measured time trace.

Constant counts before a switching and a parabola after it, by weighted least squares over all places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from padesign.errors import InputError
from padesign.measured.read import Measurement

SMOOTHED = 9
STEADY_SHARE = 0.3
"""Last part of the on-period, the mean of which is 100 %."""
_DARK_SHARE = 0.1
_EARLY_SHARE = 0.3
"""The switching is looked for from the first point to where the emission has reached this share of its plateau."""
_PLACES = 400
"""Places at which it may be, counted back from there."""


@dataclass(frozen=True)
class Period:
    """First point with light and first one without, dark counts, whether each end is seen."""

    begin: int
    end: int
    dark: float
    seen_begin: bool
    seen_end: bool

    @property
    def plateau(self) -> slice:
        """Points of the last 30 %, without those at the very end."""
        start = max(self.begin, int(self.end - STEADY_SHARE * (self.end - self.begin)))
        return slice(start, max(self.end - SMOOTHED // 2, self.begin + 1))


def find_period(counts: np.ndarray, data: Measurement, known_begin: int | None = None) -> Period:
    """Roughly when the light is on; raises `InputError` where nothing rises.

    Points before a begin that is known are dark; where it is not, the first ones are, if they have less than a tenth of
    the plateau.
    """
    rough = _running_mean(counts)
    top = float(np.quantile(rough, 0.98))
    bright = np.flatnonzero(rough > 0.5 * top)
    if top <= 0.0 or bright.size < SMOOTHED:
        raise InputError("shows no rise", cure="check that the trace holds the switching on", file=data.file)
    early = rough[: max(SMOOTHED, counts.size // 50)]
    begin, dark, seen = 0, 0.0, bool(early.max() < _DARK_SHARE * top)
    if known_begin is not None:
        if known_begin > bright[0] + SMOOTHED:
            cure = "check the begin against the file's own times"
            raise InputError("is bright before the light is said to go on", cure=cure, file=data.file)
        begin, seen = known_begin, known_begin > 0
        dark = float(counts[:begin].mean()) if seen else 0.0
    elif seen:
        leaves = int(np.argmax(rough > _DARK_SHARE * top))
        dark = float(counts[: max(early.size, leaves // 2)].mean())
        begin = _Switch(rough, leaves, dark).place(counts)
        dark = float(counts[:begin].mean())
    last = int(bright[-1])
    if last >= counts.size - 2 * SMOOTHED:
        return Period(begin, counts.size, dark, seen, False)
    fall = rough[SMOOTHED:] - rough[:-SMOOTHED]
    near = slice(max(0, last - 40 * SMOOTHED), min(fall.size, last + SMOOTHED))
    off = min(near.start + int(np.argmin(fall[near])) + SMOOTHED // 2, counts.size - 2)
    level = float(counts[max(begin, int(off - STEADY_SHARE * (off - begin))) : max(off - SMOOTHED, begin + 1)].mean())
    return Period(begin, _Switch(rough, off, level).place(counts), dark, seen, True)


def _running_mean(counts: np.ndarray, points: int = SMOOTHED) -> np.ndarray:
    """Running mean, shorter at the ends."""
    kernel = np.ones(min(points, counts.size))
    return np.convolve(counts, kernel, mode="same") / np.convolve(np.ones(counts.size), kernel, mode="same")


class _Switch:
    """Finds where counts leave a constant level, near a place that is known roughly.

    Before the switching the counts are `level`; after it any parabola, up to where the rough place says that the change
    has gone far. Weights come from the `rate` (points,) that the counts have about.
    """

    def __init__(self, rate: np.ndarray, rough: int, level: float) -> None:
        plateau = float(np.quantile(rate, 0.98))
        change = np.abs(rate[rough:] - level) > _EARLY_SHARE * plateau
        far = rough + (int(np.argmax(change)) if change.any() else 0)
        reach = max(far - rough, 2 * SMOOTHED)
        self._low = max(0, rough - min(reach + 2 * SMOOTHED, _PLACES))
        self._high = min(rate.size, far + max(reach, 4 * SMOOTHED))
        places = np.arange(self._low + 1, min(max(far, rough) + SMOOTHED, self._high - 4))
        self._places = places[:: max(1, places.size // _PLACES)]
        self._level = level
        scale = max(plateau, 1e-12)
        self._root = 1.0 / np.sqrt(np.maximum(rate[self._low : self._high], 0.02 * scale))
        index = np.arange(self._low, self._high)
        bases = []
        for k in self._places:
            after = np.where(index >= k, self._root, 0.0)
            t = np.maximum(index - k, 0) / max(1, self._high - k)
            bases.append(np.linalg.qr(np.stack([after, after * t, after * t**2], axis=1))[0])
        self._basis = np.stack(bases)

    def place(self, counts: np.ndarray) -> int:
        """The first point after the switching."""
        z = self._root * (counts[self._low : self._high] - self._level)
        before = np.concatenate([[0.0], np.cumsum(z**2)])
        explained = (np.einsum("kij,i->kj", self._basis, z) ** 2).sum(axis=1)
        after = before[-1] - before[self._places - self._low]
        miss = before[self._places - self._low] + after - explained
        return int(self._places[int(np.argmin(miss))])
