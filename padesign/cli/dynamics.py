"""`padesign dynamics`: what a design does in time under the protocol of its run file."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padesign.cli.console import clean, emit, emit_json, number, say, shown, table
from padesign.cli.definitions import calibration_note, set_line, sets_of
from padesign.cli.evaluate import own_hosts
from padesign.cli.fixed import demand_fixed, demand_one_temperature, solved_or_said
from padesign.cli.guard import NOTHING_FOUND, placed
from padesign.cli.progress import duration
from padesign.config import RunFile, load_run_file
from padesign.config.blocks.dynamics import (
    BeamsInTime,
    Course,
    Decay,
    Modulated,
    PairedPulses,
    PulsedCourse,
    PulseTrain,
    RampScan,
    SineCourse,
    SwitchedCourse,
    SwitchOn,
)
from padesign.config.build import build_design
from padesign.design.beams import beams_apart, beams_in_time, modulated
from padesign.design.characterise import state_at
from padesign.design.dynamics import (
    decay,
    jumps,
    paired_pulses,
    pulse_train,
    ramp_in_stretches,
    switch_on,
    turning_points,
)
from padesign.errors import InputError
from padesign.kinetics.light import Band
from padesign.observables.colour import chromaticity, lines, srgb_hex, unknown_energies
from padesign.observables.relaxation import relaxation_time_s
from padesign.observables.solution import Solution
from padesign.report import time_figures
from padesign.report.figure_style import FigureFiles
from padesign.solve.profiles import AbstractProfile, Constant, Pulses, Sine, Switched
from padesign.solve.transient import Beam

_EVERY_s = 5.0
_BEAM_POINTS = 1000
_SETTLED = 0.01
"""Change of the mean from one period to the next below which a modulated emission has settled."""
_LIFETIMES = 10.0
"""A rise is followed for at least this many times the slowest mode of the steady state that it ends in."""
DEFINITIONS = {
    "t10_ms": "time from switching on, at rest in the dark, until the emission reaches 10 % of its steady value",
    "t50_ms": "the same for 50 %",
    "t90_ms": "the same for 90 %",
    "t10_over_t90": "0.046 for a single exponential, towards 1 for a delayed jump",
    "one_over_e_ms": "time from switching off, after a steady state, until the band has fallen to 1/e",
    "mean_lifetime_ms": "photons of the band after switching off over its photons per second before; the same as the "
    "time to 1/e for a single exponential",
    "facilitation": "photons of the second of two equal pulses over those of the first, each counted while it is on",
    "photons_per_pulse": "photons of the band in the last period of the train",
    "u_prime": "CIE 1976 chromaticity of all light of the last period; none where nothing visible is emitted",
    "P_up_kW_per_cm2": "irradiance at which the emission rises fastest in time on the way up of a scan",
    "P_down_kW_per_cm2": "irradiance at which it falls fastest in time on the way down",
    "mean_photons_per_s": "mean over the last period",
    "over_steady": "that over the steady emission at the mean irradiance: 1 where the emission is too slow to follow, "
    "the average over the curve of steady states where it follows",
    "modulation": "(largest - smallest)/(largest + smallest) in the last period",
    "lag_degrees": "lag of the first harmonic of the emission behind that of the light; 360 degrees are one period",
    "settled": "the mean changes by less than a percent from the last period but one to the last",
    "photons": "photons of the band from time 0 to the end",
    "largest_photons_per_s": "largest emission in that time",
    "at_ms": "when that is",
    "last_photons_per_s": "emission at the end",
    "fold": "where the curve of steady states turns: the limit of infinitely slow scans",
}


def dynamics(file: Path, overrides: Sequence[str], as_json: bool, out: Path | None) -> int:
    """Integrate the protocol in `dynamics` and print what is read off it."""
    loaded = load_run_file(file, overrides)
    demand_fixed(loaded)
    run = loaded.run
    if run.dynamics is None:
        others = "decay, pulses, paired_pulses, ramp, modulated and beams"
        cure = f"add for instance `dynamics: {{kind: switch_on}}`; the others are {others}"
        raise InputError("has no `dynamics`", cure=cure, file=loaded.file)
    with placed(loaded):
        demand_one_temperature(run)
        solved = solved_or_said(run)
        if solved is None:
            return NOTHING_FOUND
        solution, bands = solved
        protocol = run.dynamics
        if isinstance(protocol, SwitchOn):
            found = _switch_on(run, protocol, solution, bands)
        elif isinstance(protocol, PulseTrain):
            found = _pulses(protocol, solution, bands)
        elif isinstance(protocol, Decay):
            found = _decay(protocol, solution, bands)
        elif isinstance(protocol, PairedPulses):
            found = _paired(protocol, solution, bands)
        elif isinstance(protocol, Modulated):
            found = _modulated(protocol, solution, bands)
        elif isinstance(protocol, BeamsInTime):
            found = _beams(run, protocol, solution, bands)
        else:
            found = _ramp(run, protocol, solution, bands)
    sets = [] if run.network is not None else sets_of(run, own_hosts(run))
    rows = found["rows"]
    used = {key: text for key, text in DEFINITIONS.items() if (key == "fold" and "folds" in found) or key in rows[0]}
    if as_json:
        told = {key: value for key, value in found.items() if key != "draw"}
        emit_json({"name": run.name, **told, "definitions": used, "parameter_sets": [set_line(one) for one in sets]})
    else:
        emit(clean(f"{run.name}: {found['band']}, {protocol.kind}"))
        table("", list(rows[0]), [[_cell(value) for value in row.values()] for row in rows], left=())
        for line in found["lines"]:
            emit(line)
        for key, text in used.items():
            emit(f"{key}: {text}.")
        note = calibration_note(sets)
        if note:
            emit(note)
    if out is not None:
        for files in found["draw"](out):
            say(f"figure: {shown(files.png)}")
    return 0 if all(row["converged"] for row in rows) else NOTHING_FOUND


class _Told:
    """Says how far one long integration is, every few seconds."""

    def __init__(self, what: str) -> None:
        self._what, self._at = what, time.monotonic()

    def __call__(self, share: float) -> None:
        if share < 1.0 and time.monotonic() - self._at > _EVERY_s:
            self._at = time.monotonic()
            say(f"{self._what}: {100.0 * share:.0f} % done")


class _Steps:
    """Says which of several integrations is done and how long the others may take; the first one also compiles."""

    def __init__(self, total: int, every: int = 1) -> None:
        self._total, self._every, self._done, self._at = total, every, 0, time.monotonic()

    def __call__(self, what: str) -> None:
        now = time.monotonic()
        self._done += 1
        left = (self._total - self._done) * (now - self._at)
        self._at = now
        if self._done % self._every == 0 or self._done == self._total:
            wait = f", about {duration(left)} left" if left > 0.0 and self._done > 1 else ""
            say(f"{what} done ({self._done} of {self._total}{wait})")


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, bool) else number(value, 4)


def _switch_on(run: RunFile, protocol: SwitchOn, solution: Solution, bands: Sequence[Band]) -> dict[str, Any]:
    low, high = run.excitation.irradiance_window_kW_per_cm2
    powers = protocol.irradiances_kW_per_cm2 or tuple(np.geomspace(low, high, protocol.points).tolist())
    light, rows, traces, told = solution.light, [], [], _Steps(len(powers), every=5)
    for power in powers:
        log_power = jnp.log(1e3 * power)
        tau = relaxation_time_s(light.network, state_at(solution, log_power), log_power)
        answer = switch_on(solution, (bands[0],), 1e3 * power, _LIFETIMES * (tau if math.isfinite(tau) else 1.0))
        t10, t50, t90 = (1e3 * float(t) for t in np.asarray(answer.time_s)[:, 0])
        rows.append(
            {
                "irradiance_kW_per_cm2": power,
                "t10_ms": t10,
                "t50_ms": t50,
                "t90_ms": t90,
                "t10_over_t90": t10 / t90,
                "converged": bool(answer.trace.converged) and bool(answer.finished[0]),
            }
        )
        traces.append((power, np.asarray(answer.trace.times_s), np.asarray(answer.trace.photons_per_s)[:, 0]))
        told(f"{power:.3g} kW/cm²")
    slowest = max(rows, key=lambda row: row["t50_ms"] if row["converged"] else -1.0)
    text = f"slowest: t50 {number(slowest['t50_ms'])} ms at {number(slowest['irradiance_kW_per_cm2'], 4)} kW/cm²"

    def draw(folder: Path) -> list[FigureFiles]:
        return [
            time_figures.rise_figure(rows, bands[0].label, folder / "rise_times"),
            time_figures.trace_figure(traces, bands[0].label, folder / "traces"),
        ]

    return {"band": bands[0].label, "rows": rows, "lines": [text], "draw": draw}


def _pulses(protocol: PulseTrain, solution: Solution, bands: Sequence[Band]) -> dict[str, Any]:
    light, rows, hues, told = solution.light, [], [], _Steps(len(protocol.width_ms))
    coloured = not unknown_energies(light)
    for width in protocol.width_ms:
        answer = pulse_train(
            light,
            tuple(bands),
            protocol.count,
            jnp.asarray(1e3 * protocol.irradiance_kW_per_cm2),
            jnp.asarray(1e-3 * width),
            jnp.asarray(1e-3 * protocol.period_ms),
        )
        times, photons = np.asarray(answer.times_s), np.asarray(answer.photons_per_s)
        row: dict[str, Any] = {"width_ms": width}
        for k, band in enumerate(bands):
            key = "photons_per_pulse" if len(bands) == 1 else f"photons_per_pulse {band.label}"
            row[key] = float(np.trapezoid(photons[:, k], times))
        if coloured:
            emitted = lines(light, answer.log_mean_populations)
            seen = chromaticity(emitted.photons_per_s, emitted.wavelengths_nm)
            visible = bool(seen.visible)
            row["u_prime"], row["v_prime"] = (float(x) if visible else math.nan for x in (seen.u_prime, seen.v_prime))
            hues.append(srgb_hex(np.asarray(seen.XYZ_W)) if visible else "#000000")
        rows.append({**row, "converged": bool(answer.converged)})
        told(f"pulses of {width:g} ms")

    def draw(folder: Path) -> list[FigureFiles]:
        return [
            time_figures.pulse_figure(rows, hues, [float(light.wavelength_nm(one)) for one in bands], folder / "pulses")
        ]

    train = f"{protocol.count} pulses every {protocol.period_ms:g} ms at {protocol.irradiance_kW_per_cm2:g} kW/cm²"
    return {"band": ", ".join(band.label for band in bands), "rows": rows, "lines": [train], "draw": draw}


def _decay(protocol: Decay, solution: Solution, bands: Sequence[Band]) -> dict[str, Any]:
    rows, traces, told = [], [], _Steps(len(protocol.irradiances_kW_per_cm2))
    for power in protocol.irradiances_kW_per_cm2:
        log_power = jnp.log(1e3 * power)
        dark = relaxation_time_s(solution.light.network, state_at(solution, jnp.log(1e-6)), jnp.log(1e-6))
        answer = decay(solution, tuple(bands), log_power, jnp.asarray(_LIFETIMES * dark))
        for k, band in enumerate(bands):
            rows.append(
                {
                    "irradiance_kW_per_cm2": power,
                    "band": band.label,
                    "one_over_e_ms": 1e3 * float(answer.one_over_e_s[k]),
                    "mean_lifetime_ms": 1e3 * float(answer.mean_lifetime_s[k]),
                    "converged": bool(answer.trace.converged),
                }
            )
        traces.append((power, np.asarray(answer.trace.times_s)[1:], np.asarray(answer.trace.photons_per_s)[1:, 0]))
        told(f"decay after {power:g} kW/cm²")

    def draw(folder: Path) -> list[FigureFiles]:
        return [time_figures.trace_figure(traces, bands[0].label, folder / "decays", fading=True)]

    return {"band": ", ".join(band.label for band in bands), "rows": rows, "lines": [], "draw": draw}


def _paired(protocol: PairedPulses, solution: Solution, bands: Sequence[Band]) -> dict[str, Any]:
    rows, told = [], _Steps(len(protocol.pause_ms))
    for pause in protocol.pause_ms:
        answer = paired_pulses(
            solution.light,
            tuple(bands),
            jnp.asarray(1e3 * protocol.irradiance_kW_per_cm2),
            jnp.asarray(1e-3 * protocol.width_ms),
            jnp.asarray(1e-3 * pause),
        )
        for k, band in enumerate(bands):
            ratio = float(answer.second[k] / answer.first[k])
            rows.append(
                {"pause_ms": pause, "band": band.label, "facilitation": ratio, "converged": bool(answer.converged)}
            )
        told(f"pause of {pause:g} ms")
    text = f"two pulses of {protocol.width_ms:g} ms at {protocol.irradiance_kW_per_cm2:g} kW/cm²"
    return {"band": ", ".join(band.label for band in bands), "rows": rows, "lines": [text], "draw": lambda _: []}


def _ramp(run: RunFile, protocol: RampScan, solution: Solution, bands: Sequence[Band]) -> dict[str, Any]:
    low, high = (1e3 * end for end in run.excitation.irradiance_window_kW_per_cm2)
    rows, loops = [], []
    for scan in protocol.scan_s:
        told = _Told(f"scan of {scan:g} s")
        answer = ramp_in_stretches(solution.light, (bands[0],), low, high, scan, told)
        up, down, converged = jumps(answer, 0)
        P_up, P_down = float(jnp.exp(up)) / 1e3, float(jnp.exp(down)) / 1e3
        rows.append(
            {
                "scan_s": scan,
                "P_up_kW_per_cm2": P_up,
                "P_down_kW_per_cm2": P_down,
                "P_up_over_P_down": P_up / P_down,
                "converged": bool(converged),
            }
        )
        power = np.asarray(answer.irradiance_W_per_cm2) / 1e3
        loops.append((scan, power, np.asarray(answer.trace.photons_per_s)[:, 0]))
        say(f"scan of {scan:g} s done")
    turns = turning_points(solution, bands[0])
    folds = None
    text = "the curve of steady states has no folds: what differs between up and down is delay"
    if bool(turns.exist):
        folds = {
            "up_kW_per_cm2": float(jnp.exp(turns.log_up)) / 1e3,
            "down_kW_per_cm2": float(jnp.exp(turns.log_down)) / 1e3,
            "contrast": float(jnp.exp(turns.log_contrast)),
        }
        text = (
            f"folds of the steady states: up {number(folds['up_kW_per_cm2'], 4)}, down "
            f"{number(folds['down_kW_per_cm2'], 4)} kW/cm², contrast {number(folds['contrast'])} between them"
        )

    def draw(folder: Path) -> list[FigureFiles]:
        return [time_figures.loop_figure(loops, bands[0].label, folds, folder / "hysteresis")]

    return {"band": bands[0].label, "rows": rows, "lines": [text], "folds": folds, "draw": draw}


def _modulated(protocol: Modulated, solution: Solution, bands: Sequence[Band]) -> dict[str, Any]:
    rows, told = [], _Steps(len(protocol.frequency_Hz))
    peak, depth = jnp.log(1e3 * protocol.irradiance_kW_per_cm2), jnp.asarray(protocol.depth)
    for frequency in protocol.frequency_Hz:
        periods = jnp.asarray(float(protocol.periods))
        answer = modulated(solution, tuple(bands), periods, peak, depth, jnp.asarray(frequency))
        for k, band in enumerate(bands):
            rows.append(
                {
                    "frequency_Hz": frequency,
                    "band": band.label,
                    "mean_photons_per_s": float(answer.mean_photons_per_s[k]),
                    "over_steady": float(answer.over_steady[k]),
                    "modulation": float(answer.modulation[k]),
                    "lag_degrees": float(answer.lag_degrees[k]),
                    "settled": bool(answer.drift[k] < _SETTLED),
                    "converged": bool(answer.converged),
                }
            )
        told(f"{frequency:g} Hz")
    lines_ = [f"between {1.0 - protocol.depth:g} and 1 of {protocol.irradiance_kW_per_cm2:g} kW/cm²"]
    if not all(row["settled"] for row in rows):
        lines_.append("not everything has settled: give `dynamics.periods` a larger number")

    def draw(folder: Path) -> list[FigureFiles]:
        return [time_figures.modulation_figure(rows, folder / "modulation")]

    return {"band": ", ".join(band.label for band in bands), "rows": rows, "lines": lines_, "draw": draw}


def _beams(run: RunFile, protocol: BeamsInTime, solution: Solution, bands: Sequence[Band]) -> dict[str, Any]:
    end_s, light, pumps = 1e-3 * protocol.duration_ms, solution.light, ()
    if run.network is None:
        light, pumps = beams_apart(*build_design(run))
    swept = _profile(protocol.swept, end_s)
    courses = [*(_profile(course, end_s) for course in protocol.also)]
    courses += [Constant()] * (len(pumps) - len(courses))
    peaks = [1e3 * beam.irradiance_kW_per_cm2 for beam in run.excitation.also]
    beams = tuple(
        Beam(pump, jnp.asarray(peak), course) for pump, peak, course in zip(pumps, peaks, courses, strict=True)
    )
    times = end_s * jnp.linspace(1e-6, 1.0, _BEAM_POINTS)
    peak = 1e3 * protocol.irradiance_kW_per_cm2
    trace = beams_in_time(light, tuple(bands), jnp.asarray(peak), swept, beams, times)
    at, photons = np.asarray(times), np.asarray(trace.photons_per_s)
    rows = [
        {
            "band": band.label,
            "photons": float(np.trapezoid(photons[:, k], at)),
            "largest_photons_per_s": float(photons[:, k].max()),
            "at_ms": 1e3 * float(at[photons[:, k].argmax()]),
            "last_photons_per_s": float(photons[-1, k]),
            "converged": bool(trace.converged),
        }
        for k, band in enumerate(bands)
    ]
    names = [run.excitation.wavelength_nm, *(beam.wavelength_nm for beam in run.excitation.also)]
    shone = {
        f"{name:g} nm": 1e-3 * power * np.asarray(jax.vmap(course.share)(times))
        for name, power, course in zip(names, [peak, *peaks], [swept, *courses], strict=True)
    }

    def draw(folder: Path) -> list[FigureFiles]:
        emitted = {band.label: photons[:, k] for k, band in enumerate(bands)}
        return [time_figures.beams_figure(1e3 * at, emitted, shone, folder / "beams")]

    return {"band": ", ".join(band.label for band in bands), "rows": rows, "lines": [], "draw": draw}


def _profile(course: Course, end_s: float) -> AbstractProfile:
    """How the irradiance of a beam goes with time; what is not switched off before the end stays on."""
    if isinstance(course, SwitchedCourse):
        off_s = 2.0 * end_s if course.off_ms is None else 1e-3 * course.off_ms
        return Switched(jnp.asarray(1e-3 * course.on_ms), jnp.asarray(off_s))
    if isinstance(course, PulsedCourse):
        return Pulses(jnp.asarray(1e-3 * course.width_ms), jnp.asarray(1e-3 * course.period_ms), course.count)
    if isinstance(course, SineCourse):
        return Sine(jnp.asarray(course.frequency_Hz), jnp.asarray(course.depth))
    return Constant()
