"""A measured time trace: when the light is on, and how long the emission takes to rise and to fall.

After the conventions of the LuNASI group the mean of the last 30 % of the on-period is 100 %. Where the light goes on
and off is found roughly (`padesign.measured.period`); rise and decay are fitted to all counts, the rise together with
its begin (`padesign.measured.smooth`). A time is where the best monotone curve crosses a level, since a wiggle makes
the first crossing early. Times are medians and 95 % intervals of the posterior: of curve, begin (somewhere within its
bin) and level. Slow changes of the plateau beyond counting noise count as an error of the level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from padesign.errors import InputError
from padesign.measured.period import SMOOTHED, Period, find_period
from padesign.measured.power import Estimate
from padesign.measured.read import Measurement
from padesign.measured.smooth import Fit, SmoothCounts, likeliest, shares

DRAWS = 2000
_FRACTIONS = {"t10": 0.1, "t50": 0.5, "t90": 0.9}
_FEWEST = 30
_BLOCKS = 10
"""Parts of the plateau that are compared with each other."""
_BY_CHANCE = 0.025
"""Probability below which their scatter is more than counting noise."""
_SURE = 3.0
"""Standard deviations by which the scatter of neighbours must differ from counting noise."""
_LEAST_NOISE = 1e-3
"""Relative noise of a point that none is better than."""
_TIMES = 400
_FALL = (0.8, 0.2)
_STILL_BRIGHT = 0.4
_INTERVAL = (0.025, 0.5, 0.975)
_DEFINITIONS = {
    key: f"from switching on to the crossing of {share:.0%} of the steady value; none where it is not resolved"
    for key, share in _FRACTIONS.items()
} | {
    "t10_over_t90": "0.046 for a single exponential, towards 1 for a delayed jump",
    "decay": "lifetime after the light, from the fall from 80 to 20 % of the first value after it; none where "
    "it is too fast to see",
}


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
class _Steady:
    """Mean counts of the plateau, dark counts included, relative error of the mean, and drift beyond counting noise."""

    counts: float
    error: float
    drift: float


def analyse_time(data: Measurement, begin_s: float | None = None, seed: int = 1) -> TimeResult:
    """Rise times of one trace, and the decay where the light goes off in it; raises `InputError` without a rise.

    `begin_s`: when the light was switched on, on the axis of the file, where that is known (a trigger). A rise that
    begins slowly hides it.
    """
    order = np.argsort(data.x, kind="stable")
    time, counts = data.x[order], np.maximum(data.counts[order], 0.0)
    steps = np.diff(np.unique(time))
    if steps.size < _FEWEST - 1:
        raise InputError(f"has {steps.size + 1} times", cure=f"a trace needs at least {_FEWEST}", file=data.file)
    # Counts belong to the bin that ends at their time.
    bin_s = float(np.median(steps))
    period = find_period(counts, data, None if begin_s is None else _first_lit(time, begin_s, bin_s, data.file))
    noise = _noise(counts[period.plateau])
    steady = _steady(counts[period.plateau] / noise, period.dark / noise)
    rng = np.random.default_rng(seed)

    trace = SmoothCounts(time[: period.end], counts[: period.end] / noise, bin_s, period.begin, steady.drift)
    sought = begin_s is None and period.seen_begin
    rises = trace.anywhere() if sought else trace.at(period.dark)
    rise = likeliest(rises)
    span_s = float(time[period.plateau.start]) - rise.begin_s
    begin_s = rise.begin_s if begin_s is None else begin_s
    draws = _rise_draws(trace, rises, steady, span_s, begin_s - rise.begin_s, bin_s if sought else 0.0, rng)
    smoothed = [np.full(rise.place, rise.dark), trace.curve(rise)]
    if period.seen_end:
        after = SmoothCounts(time[period.end :], counts[period.end :] / noise, bin_s, 0, steady.drift)
        decays = after.at(rise.dark)
        draws |= _decay_draws(after, decays, steady.counts - rise.dark, rng)
        smoothed.append(after.curve(likeliest(decays)))

    on_s = begin_s, float(time[period.end]) - bin_s if period.seen_end else float(time[-1])
    numbers = _estimates(draws, bin_s)
    remarks = (
        *data.remarks,
        *_told(on_s, sought, period, noise * rise.dark, noise, steady.drift),
        *_undetermined(numbers, bin_s),
    )
    return TimeResult(numbers, time, counts, noise * np.concatenate(smoothed), on_s, remarks)


def _first_lit(time: np.ndarray, begin_s: float, bin_s: float, file: str) -> int:
    """The first bin that ends after the light went on."""
    last = time[-1] - _FEWEST * bin_s
    if not time[0] - bin_s <= begin_s < last:
        cure = f"name a time between {time[0]:.5g} and {last:.5g} s, as the file counts them"
        raise InputError(f"has no rise after a begin at {begin_s:g} s", cure=cure, file=file)
    return int(np.searchsorted(time, begin_s, side="right"))


def _estimates(draws: dict[str, np.ndarray], bin_s: float) -> dict[str, Estimate]:
    found = {}
    for key, definition in _DEFINITIONS.items():
        unit, least = ("1", 0.0) if key == "t10_over_t90" else ("s", bin_s)
        found[key] = _estimate(draws.get(key), least, unit, definition)
    if found["t10"].value is None:
        found["t10_over_t90"] = _estimate(None, 0.0, "1", _DEFINITIONS["t10_over_t90"])
    return found


def _estimate(draws: np.ndarray | None, least: float, unit: str, definition: str) -> Estimate:
    """Median and 95 % interval; no value where that is wider than twice the median or reaches below `least`."""
    if draws is None:
        return Estimate(None, None, None, unit, definition)
    low, middle, high = np.quantile(draws, _INTERVAL, method="nearest").tolist()
    if not math.isfinite(high):
        return Estimate(None, None, None, unit, definition)
    determined = low >= least and high - low <= 2.0 * middle
    return Estimate(middle if determined else None, low, high, unit, definition)


def _noise(counts: np.ndarray) -> float:
    """Variance over mean of neighbours on the plateau; 1 unless it surely is another, as with rates for counts."""
    scatter = float((np.diff(counts) ** 2).mean()) / (2.0 * float(counts.mean())) if counts.size > 1 else 1.0
    if abs(scatter - 1.0) < _SURE * math.sqrt(3.0 / counts.size):
        return 1.0
    return max(scatter, _LEAST_NOISE**2 * float(counts.mean()))


def _steady(counts: np.ndarray, dark: float) -> _Steady:
    """Level of the plateau; a drift is what its blocks scatter more than they can by counting noise alone."""
    mean = float(counts.mean())
    blocks = np.array([block.mean() for block in np.array_split(counts, min(_BLOCKS, counts.size))])
    noise = mean / (counts.size / blocks.size)
    excess = float(blocks.var(ddof=1)) / noise - 1.0 if blocks.size > 1 else 0.0
    free = max(blocks.size - 1, 1)
    drift = math.sqrt(excess * noise) / (mean - dark) if chi2.sf((excess + 1.0) * free, free) < _BY_CHANCE else 0.0
    return _Steady(mean, math.sqrt(1.0 / float(counts.sum()) + drift**2), drift)


def _rise_draws(
    trace: SmoothCounts,
    fits: Sequence[Fit],
    steady: _Steady,
    span_s: float,
    late_s: float,
    bin_s: float,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Times (draws,) from the posterior of the rise, of its begin within `bin_s`, and of the level.

    They count from `late_s` after the begin of the fits.
    """
    found: dict[str, list[np.ndarray]] = {key: [] for key in _FRACTIONS}
    clock = trace.clock(span_s, _TIMES)
    for fit, count in zip(fits, rng.multinomial(DRAWS, shares(fits)), strict=True):
        rates = trace.light(fit.draw(int(count), rng), clock)
        level = (steady.counts - fit.dark) * (1.0 + steady.error * rng.standard_normal(count))
        early = bin_s * rng.uniform(-0.5, 0.5, count) - late_s
        for key, share in _FRACTIONS.items():
            found[key].append(np.maximum(_crossing(clock, rates, share * level) + early, 0.0))
    times = {key: np.concatenate(parts) for key, parts in found.items()}
    with np.errstate(invalid="ignore"):
        ratio = times["t10"] / times["t90"]
    return times | {"t10_over_t90": np.where(np.isfinite(ratio), ratio, math.inf)}


def _decay_draws(
    trace: SmoothCounts, fits: Sequence[Fit], steady: float, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Lifetimes (draws,) from the fall from 80 to 20 % of the first value after the light, which an exponential keeps.

    Empty where that value is below 40 % of the plateau or the fall takes fewer than `SMOOTHED` points.
    """
    clock, first, falls = trace.clock(trace.span_s, _TIMES), [], []
    for fit, count in zip(fits, rng.multinomial(DRAWS, shares(fits)), strict=True):
        rates = trace.light(fit.draw(int(count), rng), clock)
        high, low = (_crossing(clock, -rates, -share * rates[:, 0]) for share in _FALL)
        first.append(rates[:, 0])
        falls.append(np.where(np.isfinite(low), low, math.inf) - np.where(np.isfinite(low), high, 0.0))
    bright = float(np.median(np.concatenate(first))) >= _STILL_BRIGHT * steady
    times = np.concatenate(falls)
    slow = float(np.median(times)) >= SMOOTHED * trace.bin_s
    return {"decay": times / math.log(_FALL[0] / _FALL[1])} if bright and slow else {}


def _crossing(clock_s: np.ndarray, values: np.ndarray, level: np.ndarray) -> np.ndarray:
    """When each of rising curves (draws, times) crosses its level (draws,); infinite where it does not.

    There the misses below and above sum up to the least: the crossing of the best monotone curve, which dips long
    after it do not move.
    """
    misses = np.cumsum((values - level[:, None]) * np.gradient(clock_s), axis=1)
    last = np.argmin(np.concatenate([np.zeros((level.size, 1)), misses], axis=1), axis=1)
    inside = np.clip(last, 1, clock_s.size - 1)
    draw = np.arange(level.size)
    below, above = values[draw, inside - 1], values[draw, inside]
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(above > below, np.clip((level - below) / (above - below), 0.0, 1.0), 0.5)
    times = clock_s[inside - 1] + part * (clock_s[inside] - clock_s[inside - 1])
    return np.where(last == 0, 0.0, np.where(last == clock_s.size, math.inf, times))


def _told(
    on_s: tuple[float, float], sought: bool, period: Period, dark: float, noise: float, drift: float
) -> list[str]:
    told = ["the light is on from the first point"]
    if period.seen_begin:
        how = "emission begins at {}, taken as the switching on" if sought else "the light goes on at {}, as stated"
        told = [f"{how.format(f'{on_s[0]:.5g} s')}; {dark:.3g} counts before it subtracted"]
    told += [f"the light goes off at {on_s[1]:.5g} s" if period.seen_end else "the light stays on to the end"]
    if noise != 1.0:
        told += [
            f"neighbours on the plateau scatter with {noise:.3g} times the variance of counting noise, taken for all"
        ]
    if drift > 0.0:
        told += [
            f"the plateau drifts by {drift:.1%} beyond the noise of its points, which counts as an error of the levels"
        ]
    return told


def _undetermined(numbers: dict[str, Estimate], bin_s: float) -> list[str]:
    return [
        f"{key} is not determined: {one.low:.2g} to {one.high:.2g} s (95 %), with points every {bin_s:.2g} s"
        for key, one in numbers.items()
        if key in _FRACTIONS and one.value is None and one.low is not None
    ]
