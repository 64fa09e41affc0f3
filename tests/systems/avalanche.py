"""The three-state avalanche, with or without a saturable quencher: its whole curve, using nothing of padesign.

Ion X has the levels 1 (ground), 2 (metastable), 3 (emitting), n1 + n2 + n3 = 1, pumped 1 -> 2 at R1 and 2 -> 3 at R2:

    dn2/dt = R1 n1 - R2 n2 - W2 n2 + b W3 n3 + 2 k n1 n3 - (Q22 + 2 Q23) n2^2 - q n2 y
    dn3/dt = R2 n2 - W3 n3 - k n1 n3 + Q23 n2^2

A second species Q may take the energy of level 2 (X:2 + Q:0 -> X:1 + Q:1 at rate q) and gives it up at the rate w. Its
free share y = w/(w + q n2) falls as n2 grows and the loss of level 2 with it: a second-order gain beside the
cross-relaxation k, which folds the curve.

With the excited fraction x = n2 + n3 given, dn3/dt = 0 gives R2 and dn2/dt = 0 is one equation in n2 whose left side
falls from + to - between n2 = 0 and n2 = x: the curve is a function of x, folds included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.constants import c, h
from scipy.optimize import brentq, minimize_scalar


class Point(NamedTuple):
    """One steady state; `free_quencher` is y."""

    irradiance_W_per_cm2: float
    n2: float
    n3: float
    free_quencher: float


@dataclass(frozen=True)
class Avalanche:
    """Rates in 1/s, cross-sections in cm^2; `to_2` is the fraction b of the decay of 3 that ends in 2."""

    W2: float
    W3: float
    to_2: float
    k: float
    sigma_ground_cm2: float
    sigma_excited_cm2: float
    Q22: float = 0.0
    Q23: float = 0.0
    q: float = 0.0
    w: float = 1.0
    wavelength_nm: float = 1064.0

    @property
    def levels(self) -> dict[str, tuple[str, ...]]:
        return {"X": ("1", "2", "3"), **({"Q": ("0", "1")} if self.q else {})}

    @property
    def lines(self) -> list[str]:
        """The same model as text."""
        text = [
            f"X:1 -> X:2 @ {self.sigma_ground_cm2!r} cm^2",
            f"X:2 -> X:3 @ {self.sigma_excited_cm2!r} cm^2",
            f"X:2 -> X:1 @ {self.W2!r} 1/s",
            f"X:3 -> X:2 @ {self.to_2 * self.W3!r} 1/s",
            f"X:3 -> X:1 @ {(1 - self.to_2) * self.W3!r} 1/s radiative",
            f"X:3 + X:1 -> X:2 + X:2 @ {self.k!r} 1/s",
            f"X:2 + X:2 -> X:1 + X:2 @ {self.Q22!r} 1/s",
            f"X:2 + X:2 -> X:1 + X:3 @ {self.Q23!r} 1/s",
        ]
        quencher = [f"X:2 + Q:0 -> X:1 + Q:1 @ {self.q!r} 1/s", f"Q:1 -> Q:0 @ {self.w!r} 1/s"]
        return text + (quencher if self.q else [])

    def threshold_W_per_cm2(self) -> float:
        """R2 = W (W3 + k) / (k - (1 - b) W3), W = W2 + q: linear stability of the unexcited state."""
        return self._photon_J / self.sigma_excited_cm2 * self._R2_threshold()

    def steepest_closed_form(self) -> float:
        """S = 3/2 + W2 / (2 sqrt(R1 c)) without a quencher; good to some percent while S is below 200."""
        R2, total = self._R2_threshold(), self.W3 + self.k
        curvature = R2 * self.k * self.W3 * (2 - self.to_2) / total**2 * (1 + R2 / total)
        curvature += self.Q22 + 2 * self.Q23 - self.Q23 * (2 * self.k + self.to_2 * self.W3) / total
        R1 = R2 * self.sigma_ground_cm2 / self.sigma_excited_cm2
        return 1.5 + self.W2 / (2 * math.sqrt(R1 * curvature))

    def at_excited(self, x: float) -> Point:
        """The steady state with the excited fraction x of X."""
        n1 = 1 - x

        def flux(n2: float) -> float:
            return ((x - n2) * (self.W3 + self.k * n1) - self.Q23 * n2**2) / (self.sigma_excited_cm2 * n2)

        def balance(n2: float) -> float:
            n3, to_3 = x - n2, self.sigma_excited_cm2 * flux(n2) * n2
            gain = self.sigma_ground_cm2 * flux(n2) * n1 + self.to_2 * self.W3 * n3 + 2 * self.k * n1 * n3
            lost = (self.W2 + self.q * self._free(n2)) * n2 + (self.Q22 + 2 * self.Q23) * n2**2
            return gain - lost - to_3

        slope = self.W3 + self.k * n1
        most = 2 * x * slope / (slope + math.sqrt(slope**2 + 4 * self.Q23 * x * slope))
        n2 = brentq(balance, 1e-9 * x, most, xtol=1e-16 * x, rtol=1e-15)
        return Point(self._photon_J * flux(n2), n2, x - n2, self._free(n2))

    def slope_at(self, x: float, step: float = 1e-3) -> float:
        """d ln n3 / d ln I from fourth-order differences along the curve."""
        points = [self.at_excited(x * math.exp(m * step)) for m in (-2, -1, 1, 2)]
        weights = np.array([1.0, -8.0, 8.0, -1.0])
        return float(weights @ np.log([p.n3 for p in points]) / (weights @ np.log([p[0] for p in points])))

    def steepest(self) -> tuple[float, float]:
        """Largest slope of a curve without folds, and the irradiance [W/cm^2] where it is."""
        grid = np.linspace(math.log(1e-5), math.log(0.5), 200)
        k = int(np.argmax([self.slope_at(math.exp(v)) for v in grid]))
        found = minimize_scalar(
            lambda v: -self.slope_at(math.exp(v)), bounds=(grid[k - 1], grid[k + 1]), method="bounded"
        )
        return -float(found.fun), self.at_excited(math.exp(float(found.x)))[0]

    def steady(self, irradiance_W_per_cm2: float, x_low: float = 1e-9, x_high: float | None = None) -> Point:
        """The steady state at a power on the branch between two excited fractions, by default on a curve without folds.

        As the power goes to infinity k n1 falls to (1 - b) W3, which is the largest excited fraction.
        """
        x_high = 1 - 1.0001 * (1 - self.to_2) * self.W3 / self.k if x_high is None else x_high

        def miss(v: float) -> float:
            return math.log(self.at_excited(math.exp(v))[0] / irradiance_W_per_cm2)

        return self.at_excited(math.exp(brentq(miss, math.log(x_low), math.log(x_high), xtol=1e-15, rtol=1e-15)))

    def folds(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(x, irradiance) where the lower branch ends, and where the upper branch ends."""
        grid = np.linspace(math.log(1e-6), math.log(0.6), 600)
        power = np.array([self.at_excited(math.exp(v))[0] for v in grid])
        peak = int(np.flatnonzero((power[1:-1] > power[:-2]) & (power[1:-1] > power[2:]))[0]) + 1
        dip = peak + int(np.argmin(power[peak:]))
        ends = []
        for place, sign in ((peak, -1.0), (dip, 1.0)):
            found = minimize_scalar(
                lambda v, sign=sign: sign * self.at_excited(math.exp(v))[0],
                bounds=(grid[place - 1], grid[place + 1]),
                method="bounded",
                options={"xatol": 1e-10},
            )
            ends.append((math.exp(float(found.x)), sign * float(found.fun)))
        return ends[0], ends[1]

    @property
    def _photon_J(self) -> float:
        return h * c / (self.wavelength_nm * 1e-9)

    def _free(self, n2: float) -> float:
        return self.w / (self.w + self.q * n2)

    def _R2_threshold(self) -> float:
        return (self.W2 + self.q) * (self.W3 + self.k) / (self.k - (1 - self.to_2) * self.W3)


SAMPLE_4 = Avalanche(
    W2=162.6 + 40.65239,
    W3=636.01 + 87.32,
    to_2=(91.58544 + 87.32) / (636.01 + 87.32),
    k=10240.0,
    sigma_ground_cm2=6.0e-25,
    sigma_excited_cm2=6.4e-21,
    Q22=158.8944,
    Q23=55.8613,
)
"""8 % Tm as its authors published it, see configs/three_state_tm.yaml."""

RATIO_1E4 = Avalanche(203.0, 723.0, 0.247, 10240.0, 6.4e-25, 6.4e-21)
"""Cross-sections in the ratio 1e4: S = 131.7; with Q22 = 158.9 and Q23 = 55.9 it is 50.4."""

BISTABLE = Avalanche(100.0, 700.0, 0.25, 10000.0, 1.0e-25, 6.4e-21, q=1500.0, w=30.0)
"""The quencher of a folded curve."""
