"""A trace in which the light is switched near a place that is known roughly: families of rises at every likely place.

Expected counts are a constant before the switching, and dark counts and light after it. Which family, and where
the switching is, have the posterior probabilities that their evidences give them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from padesign.measured.delayed import Delayed
from padesign.measured.few import Times
from padesign.measured.groups import Groups, Lit, log_likelihood
from padesign.measured.laplace import AbstractFamily, Fit, fit, likeliest
from padesign.measured.near import Near
from padesign.measured.relaxation import Relaxation
from padesign.measured.smooth import STRENGTHS, Smooth, Splines

_UNLIKELY = 7.0
"""Fall of ln evidence from which on a family or a place is left out."""
_HOPELESS = 30.0
"""The same from which on a family is left out as soon as it no longer gains."""
_PATIENCE = 3
"""Unlikely places in a row after which no more are looked at."""
_NEAR = (1e3, 1e4, 1e5)
"""Strengths of a smooth factor that leaves the shape of a family recognisable."""
_FEWEST = 9
"""Groups that must be left after the switching."""
_DARKEST = 1e-6


class Trace:
    """Fits of a trace.

    `time_s` (points,): ends of the bins, `counts` (points,); `drift`: relative standard deviation of the emission
    beyond counting noise, which takes weight from large groups; `top`: rough counts of a point on the plateau;
    `simple`: whether rises by few numbers are families too.
    """

    def __init__(
        self, time_s: np.ndarray, counts: np.ndarray, bin_s: float, place: int, drift: float, top: float, simple: bool
    ) -> None:
        self._time_s, self._counts, self._place = time_s, counts, place
        self.bin_s, self.span_s = bin_s, float(time_s[-1] - time_s[0]) + bin_s
        self._groups = Groups.around(time_s, counts, bin_s, place)
        self._weight = 1.0 / (1.0 + drift**2 * self._groups.counts)
        self._top = top
        self._prior = _families(bin_s, self.span_s) if simple else _smooth(Splines(bin_s, self.span_s))

    def at(self, dark: float) -> list[Fit]:
        """Fits with the switching at the given place, of every family that is not unlikely."""
        return _likely(self._fits(self._lit(self._index(), dark), dict.fromkeys(self._prior)))

    def clock(self, span_s: float, count: int) -> np.ndarray:
        """Times (count,) since the switching, from a small part of a bin on, evenly spaced in their logarithm."""
        return np.geomspace(0.05 * self.bin_s, span_s, count)

    def curve(self, fit: Fit) -> np.ndarray:
        """Expected counts at every point from the switching on."""
        lit = fit.lit
        return lit.dark + fit.light(self._time_s[lit.place :] - 0.5 * self.bin_s - lit.begin_s)

    def anywhere(self) -> list[Fit]:
        """Fits with the switching at every place, of every family that is not unlikely."""
        here = self._index()
        found = self._fits(self._lit(here), dict.fromkeys(self._prior))
        walking = [one for one in found if one.family.few] + _likely([one for one in found if not one.family.few])
        best = {one.family: one.log_evidence for one in walking}
        for way in (-1, 1):
            starts, unlikely = {one.family: one.mode for one in walking}, dict.fromkeys(best, 0)
            index = here + way
            while starts and 0 < index < self._groups.first.size - _FEWEST:
                top = max(best.values())
                for one in self._fits(self._lit(index), starts):
                    family, mine = one.family, best[one.family]
                    least = mine if mine < top - _HOPELESS else mine - _UNLIKELY
                    unlikely[family] = 0 if one.log_evidence > least else unlikely[family] + 1
                    starts[family], best[family] = one.mode, max(mine, one.log_evidence)
                    found.append(one)
                    if unlikely[family] == _PATIENCE:
                        del starts[family]
                index += way
        return _likely(found)

    def _fits(self, lit: Lit, starts: Mapping[AbstractFamily, np.ndarray | None]) -> list[Fit]:
        fits = [fit(family, lit, start) for family, start in starts.items()]
        return [replace(one, log_evidence=one.log_evidence + self._prior[one.family]) for one in fits]

    def _index(self) -> int:
        return int(np.searchsorted(self._groups.first, self._place))

    def _lit(self, index: int, dark: float | None = None) -> Lit:
        """The switching at the begin of one group, which stands for every point that the group has."""
        groups, place = self._groups, int(self._groups.first[index])
        begin_s = float(self._time_s[place]) - self.bin_s
        if dark is None:
            dark = float(self._counts[:place].mean())
        floor = max(dark, _DARKEST)
        before = log_likelihood(floor * groups.number[:index], groups.counts[:index], self._weight[:index])
        return Lit(
            place,
            begin_s,
            floor,
            self._top,
            float(before) + math.log(groups.number[index]),
            groups.middle_s[index:] - begin_s,
            groups.number[index:],
            groups.counts[index:],
            self._weight[index:],
        )


def _families(bin_s: float, span_s: float) -> dict[AbstractFamily, float]:
    """Families and ln of how likely each is a priori: any shape as likely as one that is simple, or nearly so."""
    splines, times = Splines(bin_s, span_s), Times(bin_s, span_s)
    simple = [Relaxation(times, 1, False), Relaxation(times, 1, True), Delayed(times, False)]
    near = [Near(one, splines, strength) for one in simple for strength in _NEAR]
    return _even([*simple, Relaxation(times, 2, False), Relaxation(times, 2, True), *near]) | _smooth(splines)


def _smooth(splines: Splines) -> dict[AbstractFamily, float]:
    return _even([Smooth(splines, strength) for strength in STRENGTHS])


def _even(families: Sequence[AbstractFamily]) -> dict[AbstractFamily, float]:
    return dict.fromkeys(families, -math.log(len(families)))


def _likely(fits: list[Fit]) -> list[Fit]:
    best = likeliest(fits).log_evidence
    return [one for one in fits if one.log_evidence > best - _UNLIKELY]
