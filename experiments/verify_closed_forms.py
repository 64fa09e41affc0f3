"""Published few-level models and the closed forms of the three-state avalanche.

States 1, 2, 3, rates W2, W3 (fraction b to 2), cross-relaxation k, upconversion Q22 and Q23; linear stability of the
unexcited state and its normal form give

    R2 = W2 (W3 + k) / (k - (1 - b) W3),        S ~ 3/2 + W2 / (2 sqrt(R1 c)),
    c = R2 k W3 (2 - b)/(W3 + k)^2 (1 + R2/(W3 + k)) + Q22 + 2 Q23 - Q23 (2 k + b W3)/(W3 + k).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from scipy.constants import c as LIGHT
from scipy.constants import h as PLANCK

from experiments.verify_rows import Row, within
from experiments.verify_solving import numbers
from padesign.config import load_run_file
from padesign.config.build import build_network
from padesign.kinetics.text import parse_network

CONFIGS = Path(__file__).parents[1] / "configs"
WINDOW_kW = (1.0, 100.0)
SIGMA_cm2 = 6.4e-21


@dataclass(frozen=True)
class ThreeStates:
    """Rates in 1/s; `ratio` of the excited-state to the ground-state cross-section."""

    W2: float
    W3: float
    b: float
    k: float
    ratio: float
    Q22: float
    Q23: float

    @property
    def lines(self) -> list[str]:
        return [
            f"X:1 -> X:2 @ {SIGMA_cm2 / self.ratio!r} cm^2",
            f"X:2 -> X:3 @ {SIGMA_cm2!r} cm^2",
            f"X:2 -> X:1 @ {self.W2!r} 1/s",
            f"X:3 -> X:2 @ {self.b * self.W3!r} 1/s",
            f"X:3 -> X:1 @ {(1 - self.b) * self.W3!r} 1/s radiative",
            f"X:3 + X:1 -> X:2 + X:2 @ {self.k!r} 1/s",
            f"X:2 + X:2 -> X:1 + X:2 @ {self.Q22!r} 1/s",
            f"X:2 + X:2 -> X:1 + X:3 @ {self.Q23!r} 1/s",
        ]

    @property
    def R2(self) -> float:
        return self.W2 * (self.W3 + self.k) / (self.k - (1 - self.b) * self.W3)

    @property
    def threshold_kW(self) -> float:
        return PLANCK * LIGHT / 1064e-9 * self.R2 / SIGMA_cm2 / 1e3

    @property
    def S(self) -> float:
        total = self.W3 + self.k
        c = self.R2 * self.k * self.W3 * (2 - self.b) / total**2 * (1 + self.R2 / total)
        c += self.Q22 + 2 * self.Q23 - self.Q23 * (2 * self.k + self.b * self.W3) / total
        return 1.5 + self.W2 / (2 * math.sqrt(self.R2 / self.ratio * c))


def closed_forms() -> list[Row]:
    """Published models, then threshold and S of the theory."""
    rows = []
    three = numbers(_config("three_state_tm"), "Tm:3H4 -> Tm:3H6", WINDOW_kW)
    rows.append(within("8 % Tm, three states (Lee 2021): threshold", float(three.threshold_kW), 6.704, 5e-3, " kW/cm²"))
    rows.append(within("8 % Tm, three states (Lee 2021): S", float(three.S), 52.1, 5e-3))
    for band, S in (("Tm:3H4 -> Tm:3H6", 15.72), ("Tm:3F3 -> Tm:3H6", 15.61)):
        five = numbers(_config("five_state_tm"), band, WINDOW_kW)
        rows.append(within(f"4.5 % Tm, five states: S of {band}", float(five.S), S, 1e-2))
        rows.append(within(f"4.5 % Tm, five states: power of S of {band}", float(five.S_at_kW), 6.86, 1e-2, " kW/cm²"))
    for Q22, Q23 in ((0.0, 0.0), (158.9, 55.9)):
        model = ThreeStates(203.0, 723.0, 0.247, 10240.0, 1e4, Q22, Q23)
        light = parse_network({"X": ("1", "2", "3")}, model.lines).network(1064.0)
        found = numbers(light, "X:3 -> X:1", WINDOW_kW)
        name = f"three states, Q22 {Q22:g}, Q23 {Q23:g}"
        rows.append(within(f"{name}: threshold, closed form", float(found.threshold_kW), model.threshold_kW, 1e-9))
        rows.append(within(f"{name}: S, closed form", float(found.S), model.S, 0.05))
        rows.append(within(f"{name}: S estimate, closed form", float(found.estimate), model.S, 1e-3))
    return rows


def _config(name: str):
    return build_network(load_run_file(CONFIGS / f"{name}.yaml").run).network(1064.0)
