"""A measured time trace: when the light is on, and how long the emission takes to rise and to fall.

After the conventions of the LuNASI group the mean of the last 30 % of the on-period is 100 %. The switching is found
first: constant counts before it, a parabola after it, by weighted least squares over all places. Nothing is smoothed
across it: local straight lines end there, and they are short near it and grow with the distance from it, until counting
noise is 2 %. A time is where the best monotone curve crosses, since noise makes the first crossing early.
Errors come from a bootstrap with Poisson noise about the smoothed trace, in which the switching is found anew.
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
"""Relative noise of the plateau up to which the lines grow."""
_GROWTH = 0.3
"""Half length of a line as a share of its distance from the switching."""
_FALL = (0.8, 0.2)
_STILL_BRIGHT = 0.4
_EARLY_SHARE = 0.3
"""The switching is looked for from the first point to where the emission has reached this share of its plateau."""
_CLOSE = 3.84
_PLACES = 400
"""Places at which it may be, counted back from there."""


@dataclass(frozen=True)
class TimeResult:
    """Times in s; `on_s` the period in which the light is on, as far as the trace tells."""

    numbers: dict[str, Estimate]
    time_s: np.ndarray
    counts: np.ndarray
    smoothed: np.ndarray
    on_s: tuple[float, float]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class _Period:
    """First and last point with light, dark counts, whether each end is seen, 95 % interval of the begin."""

    begin: int
    end: int
    dark: float
    seen_begin: bool
    seen_end: bool
    doubt_begin: tuple[int, int]


def analyse_time(data: Measurement, seed: int = 1) -> TimeResult:
    """Rise times of one trace, and the decay where the light goes off in it; raises `InputError` without a rise."""
    order = np.argsort(data.x, kind="stable")
    time, counts = data.x[order], np.maximum(data.counts[order], 0.0)
    if time.size < _FEWEST:
        raise InputError(f"has {time.size} points", cure=f"a trace needs at least {_FEWEST}", file=data.file)
    rough = _running_mean(counts)
    period = _period(counts, rough, data)
    remarks = [*data.remarks, *_told(time, period)]
    rate = np.maximum(_smoothed(counts, period), 0.0)
    first, reference = _numbers(time, counts, period), _numbers(time, rate, period)
    rng = np.random.default_rng(seed)
    again = [_numbers(time, rng.poisson(rate).astype(float), period) for _ in range(DRAWS)]
    definitions = {
        "t10": "from the begin of the on-period to the crossing of 10 % of the steady value",
        "t50": "the same for 50 %",
        "t90": "the same for 90 %",
        "t10_over_t90": "0.046 for a single exponential, towards 1 for a delayed jump",
        "decay": "lifetime after the light, from the fall from 80 to 20 % of the first value after it; none where "
        "it is too fast to see",
    }
    numbers = {}
    for key, value in first.items():
        draws = np.array([one[key] for one in again if one[key] is not None], dtype=float)
        unit, base = "1" if key == "t10_over_t90" else "s", reference[key]
        if value is None or base is None or draws.size < DRAWS // 2:
            numbers[key] = Estimate(None, None, None, unit, definitions[key])
            continue
        low, high = np.quantile(draws - base, [0.025, 0.975])
        if key in _FRACTIONS:
            # Where the light goes on is as doubtful as the trace lets it be; a later begin makes every time shorter.
            early, late = (abs(float(time[k] - time[period.begin])) for k in period.doubt_begin)
            low, high = -math.hypot(low, early), math.hypot(high, late)
        numbers[key] = Estimate(value, max(value - high, 0.0), max(value - low, 0.0), unit, definitions[key])
    on = float(time[period.begin]), float(time[period.end])
    return TimeResult(numbers, time, counts, rate, on, tuple(remarks))


def _running_mean(counts: np.ndarray, points: int = _SMOOTHED) -> np.ndarray:
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
        reach = max(far - rough, 2 * _SMOOTHED)
        self._low = max(0, rough - min(reach + 2 * _SMOOTHED, _PLACES))
        self._high = min(rate.size, far + max(reach, 4 * _SMOOTHED))
        places = np.arange(self._low + 1, min(max(far, rough) + _SMOOTHED, self._high - 4))
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

    def place(self, counts: np.ndarray) -> tuple[int, int, int]:
        """The first point after the switching, and the ends of its 95 % interval (misfit larger by less than 3.84)."""
        z = self._root * (counts[self._low : self._high] - self._level)
        before = np.concatenate([[0.0], np.cumsum(z**2)])
        explained = (np.einsum("kij,i->kj", self._basis, z) ** 2).sum(axis=1)
        after = before[-1] - before[self._places - self._low]
        miss = before[self._places - self._low] + after - explained
        close = self._places[miss < miss.min() + _CLOSE]
        return int(self._places[int(np.argmin(miss))]), int(close[0]), int(close[-1])


def _period(counts: np.ndarray, rough: np.ndarray, data: Measurement) -> _Period:
    """When the light is on; raises `InputError` where nothing rises.

    The first points count as dark where they have less than a tenth of the plateau.
    """
    top = float(np.quantile(rough, 0.98))
    bright = np.flatnonzero(rough > 0.5 * top)
    if top <= 0.0 or bright.size < _SMOOTHED:
        raise InputError("shows no rise", cure="check that the trace holds the switching on", file=data.file)
    early = rough[: max(_SMOOTHED, counts.size // 50)]
    begin, doubt, dark, seen = 0, (0, 0), 0.0, bool(early.max() < _DARK_SHARE * top)
    if seen:
        leaves = int(np.argmax(rough > _DARK_SHARE * top))
        dark = float(counts[: max(early.size, leaves // 2)].mean())
        begin, *doubt = _Switch(rough, leaves, dark).place(counts)
        dark = float(counts[:begin].mean())
    last = int(bright[-1])
    if last >= counts.size - 2 * _SMOOTHED:
        return _Period(begin, counts.size - 1, dark, seen, False, (doubt[0], doubt[1]))
    fall = rough[_SMOOTHED:] - rough[:-_SMOOTHED]
    near = slice(max(0, last - 40 * _SMOOTHED), min(fall.size, last + _SMOOTHED))
    off = min(near.start + int(np.argmin(fall[near])) + _SMOOTHED // 2, counts.size - 2)
    level = float(counts[max(begin, int(off - _STEADY_SHARE * (off - begin))) : max(off - _SMOOTHED, begin + 1)].mean())
    end = _Switch(rough, off, level).place(counts)[0]
    return _Period(begin, end, dark, seen, True, (doubt[0], doubt[1]))


def _told(time: np.ndarray, period: _Period) -> list[str]:
    begin = "the light is on from the first point"
    if period.seen_begin:
        begin = f"emission begins at {time[period.begin]:.5g} s, taken as the switching on; {period.dark:.3g} counts "
        begin += "before it subtracted"
    end = f"the light goes off at {time[period.end]:.5g} s" if period.seen_end else "the light stays on to the end"
    return [begin, end]


def _plateau(period: _Period) -> slice:
    start = max(period.begin, int(period.end - _STEADY_SHARE * (period.end - period.begin)))
    return slice(start, max(period.end - _SMOOTHED // 2, period.begin + 1))


def _smoothed(counts: np.ndarray, period: _Period) -> np.ndarray:
    """Mean before the light, and local straight lines with the light and after it."""
    steady = float(counts[_plateau(period)].mean())
    width = max(_SMOOTHED, math.ceil(1.0 / (max(steady, 1e-9) * _NOISE**2)))
    stop = period.end if period.seen_end else counts.size
    parts = [np.full(period.begin, period.dark), _lines(counts[period.begin : stop], width)]
    if period.seen_end:
        parts.append(_lines(counts[period.end :], width))
    return np.concatenate(parts)


def _lines(counts: np.ndarray, width: int) -> np.ndarray:
    """Value of a straight line through the neighbours of each point, whose number grows from the first point on."""
    n = counts.size
    place = np.arange(n)
    half = np.clip((_GROWTH * place).astype(int), _SMOOTHED // 2, width // 2)
    low, high = np.maximum(place - half, 0), np.minimum(place + half + 1, n)

    def total(values: np.ndarray) -> np.ndarray:
        sums = np.concatenate([[0.0], np.cumsum(values)])
        return sums[high] - sums[low]

    number = (high - low).astype(float)
    middle = 0.5 * (low + high - 1)
    spread = number * (number**2 - 1.0) / 12.0
    mean = total(counts) / number
    moment = total(place * counts) - middle * number * mean
    return mean + np.where(spread > 0.0, moment / np.maximum(spread, 1.0), 0.0) * (place - middle)


def _numbers(time: np.ndarray, counts: np.ndarray, period: _Period) -> dict[str, float | None]:
    begin, plateau = period.begin, _plateau(period)
    found: dict[str, float | None] = dict.fromkeys(_FRACTIONS)
    found |= {"t10_over_t90": None, "decay": None}
    if plateau.stop - begin < _SMOOTHED:
        return found
    smoothed = _smoothed(counts, period) - period.dark
    steady = float(counts[plateau].mean()) - period.dark
    # Counts belong to the bin that ends at their time; the light goes on at the end of the last dark bin.
    bin_s = float(time[1] - time[0])
    rising, clock = smoothed[begin : plateau.start], time[begin : plateau.start] - time[begin] + 0.5 * bin_s
    for key, share in _FRACTIONS.items():
        if (rising >= share * steady).any():
            found[key] = _crossing(clock, rising, share * steady)
    t10, t90 = found["t10"], found["t90"]
    found["t10_over_t90"] = None if t10 is None or not t90 else t10 / t90
    if period.seen_end:
        found["decay"] = _decay(time[period.end :] - time[period.end], smoothed[period.end :] / steady)
    return found


def _crossing(clock_s: np.ndarray, values: np.ndarray, level: float) -> float:
    """When a rising curve with noise crosses a level: below it and above it the misses sum up to the least.

    That is where the best monotone curve crosses; dips of noise long after the crossing do not move it.
    """
    k = int(np.argmin(np.concatenate([[0.0], np.cumsum(values - level)])))
    if k == 0:
        return float(clock_s[0] * min(1.0, level / values[0]))
    if k == values.size:
        return float(clock_s[-1])
    below, above = values[k - 1], values[k]
    part = (level - below) / (above - below) if above > below else 0.5
    return float(clock_s[k - 1] + part * (clock_s[k] - clock_s[k - 1]))


def _decay(clock_s: np.ndarray, share: np.ndarray) -> float | None:
    """Lifetime from the fall from 80 to 20 % of the first value after the light, which an exponential keeps.

    None where that value is below 40 % of the plateau or the fall takes fewer than `_SMOOTHED` points.
    """
    if share[0] < _STILL_BRIGHT or not (share <= _FALL[1] * share[0]).any():
        return None
    high, low = (_crossing(clock_s, -share, -level * share[0]) for level in _FALL)
    slow = low - high >= _SMOOTHED * (clock_s[1] - clock_s[0])
    return (low - high) / math.log(_FALL[0] / _FALL[1]) if slow else None
