"""A measured time trace: when the light is on, and how long the emission takes to rise and to fall.

After the conventions of the LuNASI group the mean of the last 30 % of the on-period is 100 % and the trace is smoothed
over 9 points, or over more until counting noise is 2 %. A time is the middle between the first and the last crossing,
since noise makes the first one early. Errors come from a bootstrap with Poisson noise about the smoothed trace.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from padesign.errors import InputError
from padesign.measured.power import Estimate
from padesign.measured.read import Measurement

DRAWS = 400
_SMOOTHED = 9
_STEADY_SHARE = 0.3
_FRACTIONS = {"t10": 0.1, "t50": 0.5, "t90": 0.9}
_FEWEST = 30
_DARK_SHARE = 0.1
_NOISE = 0.02
"""Relative noise of the plateau below which the trace is smoothed."""
_FALL = (0.8, 0.2)
_GATE = 8.0
"""Standard deviations above the dark counts at which the emission is taken to have begun."""


@dataclass(frozen=True)
class TimeResult:
    """Times in s; `on_s` the period in which the light is on, as far as the trace tells."""

    numbers: dict[str, Estimate]
    time_s: np.ndarray
    smoothed: np.ndarray
    on_s: tuple[float, float]
    remarks: tuple[str, ...]


def analyse_time(data: Measurement, seed: int = 1) -> TimeResult:
    """Rise times of one trace, and the decay where the light goes off in it; raises `InputError` without a rise."""
    order = np.argsort(data.x, kind="stable")
    time, counts = data.x[order], np.maximum(data.counts[order], 0.0)
    if time.size < _FEWEST:
        raise InputError(f"has {time.size} points", cure=f"a trace needs at least {_FEWEST}", file=data.file)
    smoothed = _smooth(counts)
    begin, end, dark, remarks = _on_period(time, smoothed, data)
    first = _numbers(time, counts - dark, begin, end)
    rng = np.random.default_rng(seed)
    again = [_numbers(time, rng.poisson(smoothed) - dark, begin, end) for _ in range(DRAWS)]
    definitions = {
        "t10": "from the begin of the on-period to the crossing of 10 % of the steady value (middle of first and last)",
        "t50": "the same for 50 %",
        "t90": "the same for 90 %",
        "t10_over_t90": "0.046 for a single exponential, towards 1 for a delayed jump",
        "decay": "lifetime after the light, from the fall between 80 and 20 %; none where it is too fast to see",
    }
    numbers = {}
    for key, value in first.items():
        draws = np.array([one[key] for one in again if one[key] is not None], dtype=float)
        unit = "1" if key == "t10_over_t90" else "s"
        if value is None or draws.size < DRAWS // 2:
            numbers[key] = Estimate(None, None, None, unit, definitions[key])
            continue
        low, high = np.quantile(draws - float(np.median(draws)), [0.025, 0.975])
        numbers[key] = Estimate(value, value - high, value - low, unit, definitions[key])
    return TimeResult(numbers, time, smoothed, (float(time[begin]), float(time[end])), (*data.remarks, *remarks))


def _smooth(counts: np.ndarray, points: int = _SMOOTHED) -> np.ndarray:
    """Running mean, shorter at the ends."""
    kernel = np.ones(min(points, counts.size))
    return np.convolve(counts, kernel, mode="same") / np.convolve(np.ones(counts.size), kernel, mode="same")


def _on_period(time: np.ndarray, smoothed: np.ndarray, data: Measurement) -> tuple[int, int, float, list[str]]:
    """First and last point at which the light is on, the counts without light, and what was decided.

    The light is taken to go on at the last point before the emission leaves the level of the first points, and off at
    the sharpest fall.
    """
    top = float(np.quantile(smoothed, 0.98))
    bright = np.flatnonzero(smoothed > 0.5 * top)
    if top <= 0.0 or bright.size < _SMOOTHED:
        raise InputError("shows no rise", cure="check that the trace holds the switching on", file=data.file)
    remarks = []
    early = smoothed[: max(_SMOOTHED, time.size // 50)]
    begin, dark = 0, 0.0
    if early.max() < _DARK_SHARE * top:
        dark = float(early.mean())
        leaves = smoothed > dark + _GATE * np.sqrt(max(dark, 1.0 / _SMOOTHED) / _SMOOTHED)
        begin = max(0, int(np.argmax(leaves & (np.arange(time.size) >= early.size))) + _SMOOTHED // 2 - 1)
        remarks.append(f"the light is taken to go on at {time[begin]:.5g} s; {dark:.3g} counts before it subtracted")
    last = int(bright[-1])
    if last >= time.size - 2 * _SMOOTHED:
        return begin, time.size - 1, dark, [*remarks, "the light stays on to the end of the trace"]
    fall = smoothed[_SMOOTHED:] - smoothed[:-_SMOOTHED]
    near = slice(max(0, last - 40 * _SMOOTHED), min(fall.size, last + _SMOOTHED))
    end = min(near.start + int(np.argmin(fall[near])) + _SMOOTHED // 2, time.size - 2)
    return begin, end, dark, [*remarks, f"the light goes off at {time[end]:.5g} s"]


def _numbers(time: np.ndarray, counts: np.ndarray, begin: int, end: int) -> dict[str, float | None]:
    plateau = slice(max(begin, int(end - _STEADY_SHARE * (end - begin))), max(end - _SMOOTHED // 2, begin + 1))
    steady = float(counts[plateau].mean())
    width = max(_SMOOTHED, math.ceil(1.0 / (max(steady, 1e-9) * _NOISE**2)))
    smoothed = _smooth(counts, width)
    found: dict[str, float | None] = {}
    for key, share in _FRACTIONS.items():
        above = smoothed[begin : plateau.start] >= share * steady
        if not above.any():
            found[key] = None
            continue
        first, last = int(np.argmax(above)), int(np.flatnonzero(~above)[-1]) + 1 if (~above).any() else 0
        found[key] = float(0.5 * (time[begin + first] + time[min(begin + last, end)]) - time[begin])
    t10, t90 = found["t10"], found["t90"]
    found["t10_over_t90"] = None if t10 is None or not t90 else t10 / t90
    found["decay"] = _decay(time, smoothed / steady, end, width) if end < time.size - 2 else None
    return found


def _decay(time: np.ndarray, share: np.ndarray, end: int, width: int) -> float | None:
    """Lifetime from the fall between 80 and 20 %; None where the smoothing makes as slow a fall by itself."""
    start = max(0, end - 4 * width)
    high = np.flatnonzero(share[: end + 4 * width] >= _FALL[0])
    low = np.flatnonzero(share[start:] <= _FALL[1])
    low = low[low + start > high[-1]] if high.size else low
    if not high.size or not low.size:
        return None
    lifetime = float(time[start + low[0]] - time[high[-1]]) / math.log(_FALL[0] / _FALL[1])
    return lifetime if lifetime > width * float(time[1] - time[0]) else None
