"""A measured power dependence: background, local slopes, thresholds, gain, all with errors from simulated noise.

The signal is counts minus a background from the flat low-power end. Local slopes are weighted straight lines of
ln(signal) against ln(power) over a stated window. Errors and the bias of the largest slope (the largest of many noisy
numbers is too large) come from a parametric bootstrap: the fitted curve with fresh noise, analysed in the same way.
The noise is that of `padesign.measured.noise`: counting, reading, and power, correlated between neighbours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from padesign.errors import InputError
from padesign.measured.noise import Noise, fitted_noise
from padesign.measured.read import Measurement

DRAWS = 400
_GATE = 3.0
"""Points count as signal from this many standard deviations above the background on."""
_REPEATABLE = 0.02
"""Relative error that no point is better than in the weights, so that the brightest of a window do not decide alone."""
_LEAST_IN_WINDOW = 3
_FLAT = 0.5
"""A slope at the highest powers that is surely below this calls for a warning."""
_LUNASI_BEFORE_decades, _LUNASI_SPAN_decades = 0.031, 0.082
"""What 3 and 8 spacings of points are in the group's own curves: 0.0103 decade, the median of 339 powers."""
_FIRST_SLOPE = 5.0
_SATURATED = 2.0
_CUBIC_WINDOWS = 1.5
"""Windows that the cubics span whose residuals tell the noise."""
_SURE = 2.5
"""Standard deviations by which a slope must differ from a level before it counts as above or below it."""
_LOWEST = -1.6
"""Lowest noise of ln(signal) in a draw: a fifth of the signal."""


@dataclass(frozen=True)
class Estimate:
    """A number with the ends of its 95 % interval; `value` None where the data have no such number."""

    value: float | None
    low: float | None
    high: float | None
    unit: str
    definition: str


@dataclass(frozen=True)
class PowerResult:
    """What was read off, and the curve that it was read off; powers in `unit`.

    `used`: points above the background; `error` (used points,): of ln(signal), as the lines weigh it.
    """

    numbers: dict[str, Estimate]
    power: np.ndarray
    signal: np.ndarray
    sigma: np.ndarray
    used: np.ndarray
    error: np.ndarray
    slope_at: np.ndarray
    slope: np.ndarray
    noise: Noise
    unit: str
    remarks: tuple[str, ...]


def analyse_power(
    data: Measurement, window_decades: float = 0.1, seed: int = 1, background: float | None = None
) -> PowerResult:
    """All numbers of a sweep up, and its hysteresis where it goes down again.

    `background`: counts in the dark, where they are known, taken as exact. Raises `InputError` when there are too few
    points above the background.
    """
    up, down = _sweeps(data)
    result = _analyse(up, window_decades, seed, background)
    if down is None:
        return result
    back = _analyse(down, window_decades, seed, background).numbers["threshold_steepest"]
    there = result.numbers["threshold_steepest"]
    told = "where the slope is largest on the way down in power"
    numbers = {**result.numbers, "threshold_steepest_down": replace(back, definition=told)}
    ends = (there.value, there.low, there.high, back.value, back.low, back.high)
    if None not in ends:
        up_at, up_low, up_high, down_at, down_low, down_high = (math.log(end) for end in ends if end is not None)
        ratio = up_at - down_at
        low, high = math.hypot(up_at - up_low, down_high - down_at), math.hypot(up_high - up_at, down_at - down_low)
        told = "irradiance of the largest slope on the way up over that on the way down; 1 without hysteresis"
        numbers["hysteresis"] = Estimate(math.exp(ratio), math.exp(ratio - low), math.exp(ratio + high), "1", told)
    return replace(result, numbers=numbers)


def read_alike(result: PowerResult, window_decades: float, power: np.ndarray, signal: np.ndarray) -> dict[str, float]:
    """What the same lines through the same points read off another curve (points,), in the powers that both have."""
    at = result.power[result.used]
    inside = (at >= power.min()) & (at <= power.max())
    if inside.sum() < 2 * _LEAST_IN_WINDOW:
        return {}
    x = np.log(at[inside])
    fit = _Lines(x, result.error[inside], window_decades * math.log(10.0))
    found = _numbers(fit, np.interp(x, np.log(power), np.log(signal)), np.zeros(fit.centre.size))
    return {key: value for key, value in found.items() if value is not None}


def _analyse(data: Measurement, window_decades: float, seed: int, known: float | None) -> PowerResult:
    remarks = list(data.remarks)
    power, counts = _averaged(data, remarks)
    power, counts = _without_ceiling(power, counts, remarks)
    if known is None:
        background, doubt, dark = _background(counts)
        remarks.append(f"background {background:.4g} ± {doubt:.2g} counts from the {dark} points of lowest power")
    else:
        background, doubt = known, 0.0
        remarks.append(f"background {background:.4g} counts, as given")
    signal = counts - background
    least = np.sqrt(np.maximum(counts, 1.0) + doubt**2)
    usable = signal > _GATE * least
    usable &= np.arange(usable.size) >= (np.flatnonzero(~usable)[-1] + 1 if (~usable).any() else 0)
    if usable.sum() < 2 * _LEAST_IN_WINDOW:
        raise InputError(
            f"has {int(usable.sum())} points above the background", cure="measure to higher powers", file=data.file
        )
    dim = int((signal <= 0.0).sum())
    if dim:
        remarks.append(f"{dim} points are not above the background: marked as upper limits, not used")
    x, y, width = np.log(power[usable]), np.log(signal[usable]), window_decades * math.log(10.0)
    counted = least[usable] / signal[usable]
    first_look = _Lines(x, np.hypot(counted, _REPEATABLE), width)
    noise = fitted_noise(x, y, counted, first_look.slope_everywhere(y), _CUBIC_WINDOWS * width)
    error = np.hypot(noise.sigma, _REPEATABLE)
    fit = _Lines(x, error, width)
    remarks.append(noise.told())
    smooth = fit.smoothed(y)
    doubtful = fit.slope_error(noise)
    first, reference = _numbers(fit, y, doubtful), _numbers(fit, smooth, doubtful)
    rng = np.random.default_rng(seed)
    shift = np.exp(-smooth) * doubt * rng.standard_normal((DRAWS, 1))
    again = [_numbers(fit, smooth + drawn, doubtful) for drawn in np.maximum(noise.draw(DRAWS, rng) - shift, _LOWEST)]
    sigma = least.copy()
    sigma[usable] = noise.sigma * signal[usable]
    top_slope, sure = fit.slopes(y)[-1], doubtful[-1]
    if top_slope + _SURE * sure < _FLAT:
        remarks.append(
            f"the slope at the highest powers is {top_slope:.2g}: emission or detector saturates; dim the light"
        )
    least_seen = _GATE * math.sqrt(max(background, 1.0) + doubt**2)
    remarks.append(f"dynamic range {math.log10(signal.max() / least_seen):.2g} decades above {_GATE:g} sd of the dark")
    units = {"S": "1", "gain": "1"}
    definitions = _definitions(window_decades)
    numbers = {}
    for key, value in first.items():
        draws = np.array([one[key] for one in again if one[key] is not None], dtype=float)
        base = reference[key]
        if value is None or base is None or draws.size < DRAWS // 2:
            numbers[key] = Estimate(None, None, None, units.get(key, data.x_unit), definitions[key])
            continue
        ratio = np.log(np.maximum(draws, 1e-300) / base)
        low, high = np.quantile(ratio, [0.025, 0.975])
        centre = math.log(value) - float(np.median(ratio))
        value, lowest, highest = (math.exp(v) for v in (centre, math.log(value) - high, math.log(value) - low))
        numbers[key] = Estimate(value, lowest, highest, units.get(key, data.x_unit), definitions[key])
    slopes = fit.slopes(y)
    at = np.exp(fit.centre)
    return PowerResult(numbers, power, signal, sigma, usable, error, at, slopes, noise, data.x_unit, tuple(remarks))


def _definitions(window: float) -> dict[str, str]:
    lines = f"weighted straight lines of ln(signal) against ln(power) over {window:g} decade"
    return {
        "S": f"largest slope of {lines}, corrected for the bias of a largest value",
        "threshold_steepest": f"where the slope of the {lines} is largest (vertex of a parabola through the top)",
        "threshold_tangents": "where the line through all points before the slope last reaches 5 meets the steepest of "
        "those lines",
        "threshold_tangents_lunasi": "as calc_threshold.m of the LuNASI group, whose numbers of points are lengths "
        f"here (its curves have 97 points a decade): the line through the points up to {_LUNASI_BEFORE_decades} decade "
        f"before the slope reaches 5 meets that through the {_LUNASI_SPAN_decades} decade that end at the steepest",
        "threshold_slope_above_5": f"last power before the steepest at which the slope of the {lines} is below 5",
        "gain": "largest I(2P)/I(P) of the same lines",
        "saturation": f"power above the steepest from which on the slope is nowhere surely above {_SATURATED:g} "
        "and somewhere surely below it",
    }


class _Lines:
    """Weighted straight lines through all points within half a window of each point that has enough neighbours.

    Slope and level of a line hold at its `centre`, the weighted mean of its points.
    """

    def __init__(self, x: np.ndarray, error: np.ndarray, width: float) -> None:
        near = np.abs(x[:, None] - x[None, :]) <= 0.5 * width + 1e-12
        wide = near.sum(axis=1) >= _LEAST_IN_WINDOW
        inside = (x - 0.4 * width >= x[0]) & (x + 0.4 * width <= x[-1])
        keep = wide & inside
        if not keep.any():
            keep = wide
        if not keep.any():
            raise InputError("has too few points within one window", cure="give a wider one with --window-decades")
        weight = near[keep] / error[None, :] ** 2
        total = weight.sum(axis=1, keepdims=True)
        mean = (weight * x).sum(axis=1, keepdims=True) / total
        lever = weight * (x - mean)
        self._slope = lever / (lever * (x - mean)).sum(axis=1, keepdims=True)
        self._level = weight / total
        self.centre, self.x, self.error = mean[:, 0], x, error

    def slopes(self, y: np.ndarray) -> np.ndarray:
        """Slope at every centre."""
        return self._slope @ y

    def values(self, y: np.ndarray) -> np.ndarray:
        """ln(signal) of the line at every centre."""
        return self._level @ y

    def smoothed(self, y: np.ndarray) -> np.ndarray:
        """The fitted curve at every point."""
        return np.interp(self.x, self.centre, self.values(y)) + self._beyond(y)

    def slope_everywhere(self, y: np.ndarray) -> np.ndarray:
        """The slope at every point."""
        return np.interp(self.x, self.centre, self.slopes(y))

    def slope_error(self, noise: Noise) -> np.ndarray:
        """Standard deviation of the slope at every centre."""
        return np.sqrt(np.einsum("ci,ij,cj->c", self._slope, noise.covariance(), self._slope))

    def _beyond(self, y: np.ndarray) -> np.ndarray:
        """Outside the centres the first and the last line go on."""
        slopes, low, high = self.slopes(y), self.centre[0], self.centre[-1]
        return slopes[0] * np.minimum(self.x - low, 0.0) + slopes[-1] * np.maximum(self.x - high, 0.0)


def _numbers(fit: _Lines, y: np.ndarray, slope_error: np.ndarray) -> dict[str, float | None]:
    """Everything read off one curve; `slope_error` (centres,) says which slopes surely differ from a level."""
    slopes, values, x = fit.slopes(y), fit.values(y), fit.centre
    top = int(np.argmax(slopes))
    rise = _last_below(x, slopes[: top + 1], _FIRST_SLOPE)
    found: dict[str, float | None] = {"S": max(float(slopes[top]), 1e-3), "threshold_steepest": _summit(x, slopes, top)}
    found["threshold_slope_above_5"] = None if rise is None else math.exp(rise)
    fall = _last_above(x[top:], slopes[top:], slope_error[top:], _SATURATED)
    found["saturation"] = None if fall is None else math.exp(fall)
    found["threshold_tangents"] = found["threshold_tangents_lunasi"] = None
    start = x[top] if rise is None else rise
    place = int(np.searchsorted(fit.x, start, side="right"))
    if slopes[top] > _FIRST_SLOPE:
        steepest = slopes[top], values[top] - slopes[top] * x[top]
        found["threshold_tangents"] = _meeting(_line(fit, y, 0, place), steepest, x)
        before, span = (math.log(10.0) * part for part in (_LUNASI_BEFORE_decades, _LUNASI_SPAN_decades))
        place = int(np.searchsorted(fit.x, start - before, side="right"))
        first, end = int(np.searchsorted(fit.x, x[top] - span)), int(np.searchsorted(fit.x, x[top])) + 1
        low, high = _line(fit, y, 0, place), _line(fit, y, min(first, end - _LEAST_IN_WINDOW), end)
        found["threshold_tangents_lunasi"] = _meeting(low, high, x)
    doubled = np.interp(x + math.log(2.0), x, values, right=np.nan) - values
    found["gain"] = float(np.exp(np.nanmax(doubled))) if np.isfinite(doubled).any() else None
    return found


def _line(fit: _Lines, y: np.ndarray, first: int, end: int) -> tuple[float, float] | None:
    """Slope and level of the straight line through the points from `first` up to `end`."""
    part = slice(first, end)
    if first < 0 or end > y.size or end - first < _LEAST_IN_WINDOW:
        return None
    slope, level = np.polyfit(fit.x[part], y[part], 1, w=1.0 / fit.error[part])
    return float(slope), float(level)


def _meeting(low: tuple[float, float] | None, high: tuple[float, float] | None, x: np.ndarray) -> float | None:
    """The power at which two lines of (slope, level) meet."""
    if low is None or high is None or high[0] <= low[0]:
        return None
    meet = (low[1] - high[1]) / (high[0] - low[0])
    return math.exp(min(max(meet, x[0] - 5.0), x[-1] + 5.0))


def _last_above(x: np.ndarray, slopes: np.ndarray, error: np.ndarray, level: float) -> float | None:
    """Where the slope falls through `level` after it is surely above it for the last time; x[0] is the top.

    None where it is nowhere surely below after that. A dip that noise makes, and one out of which the slope surely
    comes back, do not count.
    """
    above = np.flatnonzero(slopes - level > _SURE * error)
    start = int(above[-1]) if above.size else 0
    rest = slopes[start:]
    if not (level - rest > _SURE * error[start:]).any():
        return None
    k = start + int(np.argmax(rest <= level))
    if k == 0:
        return float(x[0])
    part = (slopes[k - 1] - level) / (slopes[k - 1] - slopes[k])
    return float(x[k - 1] + part * (x[k] - x[k - 1]))


def _summit(x: np.ndarray, slopes: np.ndarray, top: int) -> float:
    """Where the slopes are largest: the vertex of a parabola through all next to the top that reach 80 % of it."""
    high = slopes >= 0.8 * slopes[top]
    first = top - int(np.argmin(np.append(high[: top + 1][::-1], False))) + 1
    last = top + int(np.argmin(np.append(high[top:], False))) - 1
    if last - first < 3:
        return math.exp(x[top])
    a, b, _ = np.polyfit(x[first : last + 1] - x[top], slopes[first : last + 1], 2)
    return math.exp(float(np.clip(x[top] - 0.5 * b / a, x[first], x[last])) if a < 0.0 else x[top])


def _last_below(x: np.ndarray, slopes: np.ndarray, level: float) -> float | None:
    """The last place before the end, which is the top, at which the slope still is below `level`."""
    below = np.flatnonzero(slopes < level)
    if not below.size or below[-1] == slopes.size - 1:
        return None
    k = int(below[-1])
    return float(x[k] + (level - slopes[k]) / (slopes[k + 1] - slopes[k]) * (x[k + 1] - x[k]))


def _sweeps(data: Measurement) -> tuple[Measurement, Measurement | None]:
    """The way up and, of a file that goes up and down, the way down."""
    x, top = data.x, int(np.argmax(data.x))
    way_down = x.size - 1 - top
    if way_down > 0.25 * x.size and np.mean(np.diff(x[top:]) < 0) > 0.9 and np.mean(np.diff(x[: top + 1]) > 0) > 0.9:
        remarks = (*data.remarks, f"the last {way_down} rows go down in power and are read apart")
        up = replace(data, x=x[: top + 1], counts=data.counts[: top + 1], remarks=remarks)
        return up, replace(data, x=x[top:][::-1], counts=data.counts[top:][::-1])
    return data, None


def _averaged(data: Measurement, remarks: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Powers in ascending order, repeats averaged."""
    x, y = data.x, data.counts
    order = np.argsort(x, kind="stable")
    if (np.diff(x) < 0).any():
        remarks.append("powers were sorted")
    x, y = x[order], y[order]
    values, place, count = np.unique(x, return_inverse=True, return_counts=True)
    if values.size < x.size:
        mean = np.bincount(place, weights=y) / count
        freedom = x.size - values.size
        bright = mean[place] > 0.0
        scatter = math.sqrt(float(((y[bright] / mean[place][bright] - 1.0) ** 2).sum()) / freedom)
        remarks.append(f"{freedom} rows of repeated powers were averaged; they scatter by {scatter:.2%}")
        y = mean
    return values, y


def _without_ceiling(power: np.ndarray, counts: np.ndarray, remarks: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Without the highest powers where the detector gives one and the same largest number."""
    at_top = counts >= counts.max() * (1.0 - 1e-12)
    if at_top.sum() < 3:
        return power, counts
    first = int(np.argmax(at_top))
    remarks.append(f"the detector is saturated from {power[first]:.4g} on: {counts.size - first} rows left out")
    return power[:first], counts[:first]


def _background(counts: np.ndarray) -> tuple[float, float, int]:
    """Mean, its standard error and number of the longest run of lowest powers that is constant within its scatter."""
    least = max(3, min(5, counts.size // 6))
    n = least
    while n < counts.size:
        part = counts[:n]
        scatter = max(float(part.std(ddof=1)), math.sqrt(max(float(part.mean()), 1.0)))
        if counts[n : n + 3].mean() > part.mean() + 3.0 * scatter / math.sqrt(min(3, counts.size - n)):
            break
        n += 1
    if n >= counts.size:
        return 0.0, 0.0, 0
    n = max(least, int(0.8 * n))
    part = counts[:n]
    rising = np.polyfit(np.arange(n), part, 1)[0] * n
    if rising > 2.0 * max(float(part.std(ddof=1)), 1.0):
        return 0.0, 0.0, 0
    spread = max(float(part.std(ddof=1)), math.sqrt(max(float(part.mean()), 1.0)))
    return float(part.mean()), spread / math.sqrt(n), n
