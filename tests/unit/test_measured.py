"""Measured files: every way of writing them, every flaw they have, and what is read off them against the truth."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from scipy.optimize import brentq
from typer.testing import CliRunner

from padesign.cli import app
from padesign.errors import InputError
from padesign.measured import Measurement, analyse_power, analyse_time, in_irradiance, read_measurement
from padesign.measured.power import _Lines, _numbers
from padesign.observables.response import response
from tests.systems.avalanche import SAMPLE_4
from tests.systems.solving import measure_avalanche

POWERS = np.geomspace(10.0, 4000.0, 160)
CENTRE, STEEPNESS = math.log(400.0), 9.0
BACKGROUND = 6.0


def log_signal(x: np.ndarray) -> np.ndarray:
    """A curve of slope 2 with a peak of 2 + 9 at 400 kW/cm^2 and 1 far above: the integral of its local slope."""
    fine = np.linspace(math.log(POWERS[0]) - 0.1, math.log(POWERS[-1]) + 0.1, 20001)
    slope = 1.5 - 0.5 * np.tanh((fine - CENTRE) / 0.4) + STEEPNESS * np.exp(-(((fine - CENTRE) / 0.25) ** 2))
    total = np.concatenate([[0.0], np.cumsum(0.5 * (slope[1:] + slope[:-1]) * np.diff(fine))])
    return np.interp(x, fine, total) + math.log(0.5)


CLEAN = np.exp(log_signal(np.log(POWERS)))


def draw(seed: int, relative: float = 0.02) -> np.ndarray:
    rng = np.random.default_rng(seed)
    noisy = CLEAN * np.exp(relative * rng.standard_normal(POWERS.size))
    return rng.poisson(noisy + BACKGROUND).astype(float)


def data_of(counts: np.ndarray, powers: np.ndarray = POWERS) -> Measurement:
    return Measurement("drawn", "power", powers, "kW/cm^2", counts, "counts", ())


TRUTH = {key: one.value for key, one in analyse_power(data_of(1e4 * CLEAN), 0.1).numbers.items()}


@functools.cache
def solved() -> tuple[np.ndarray, np.ndarray]:
    """Irradiances and signal of a three-state avalanche of S = 10.7, solved; 3e7 counts at the top."""
    system = dataclasses.replace(SAMPLE_4, sigma_ground_cm2=2e-23)
    solution = measure_avalanche(system).solution
    powers = np.geomspace(2.0, 60.0, 160)
    log_photons = np.asarray(response(solution, solution.band("X:3 -> X:1")).at(np.log(1e3 * powers)))
    return powers, 3e7 * np.exp(log_photons - log_photons[-1])


def with_noise(kind: str, seed: int) -> Measurement:
    """Readings with 2 % white noise, or with a laser whose power drifts by 0.6 % over 4 points; both counted."""
    powers, clean = solved()
    rng = np.random.default_rng(seed)
    if kind == "white":
        light = clean * np.exp(0.02 * rng.standard_normal(powers.size))
    else:
        drift = 0.006 * np.convolve(rng.standard_normal(powers.size + 3), np.ones(4) / 2.0, "valid")
        light = np.exp(np.interp(np.log(powers) + drift, np.log(powers), np.log(clean)))
    return data_of(rng.poisson(light + BACKGROUND).astype(float), powers)


def covered(kind: str, draws: int) -> dict[str, int]:
    """How many draws have the truth inside the 95 % interval: the same lines through the curve without noise."""
    powers, clean = solved()
    hits = dict.fromkeys(("S", "threshold_steepest", "gain", "threshold_tangents", "threshold_slope_above_5"), 0)
    for seed in range(draws):
        result = analyse_power(with_noise(kind, seed), 0.1)
        used = result.used
        fit = _Lines(np.log(powers[used]), result.error, 0.1 * math.log(10.0))
        true = _numbers(fit, np.log(clean[used]), np.zeros(fit.centre.size))
        for key in hits:
            one = result.numbers[key]
            hits[key] += one.low is not None and one.high is not None and one.low <= true[key] <= one.high
    return hits


def test_the_truth_is_the_curves_own_slope() -> None:
    """The mean slope over 0.1 decade of a peak of half width 0.25 in ln P is 4 % below its top."""
    assert TRUTH["S"] == pytest.approx(1.5 + STEEPNESS, rel=0.06)
    assert TRUTH["threshold_steepest"] == pytest.approx(400.0, rel=0.05)


@pytest.mark.parametrize("kind", ["white", "drifting power"])
def test_most_intervals_hold_the_truth(kind: str) -> None:
    assert all(count >= 7 for count in covered(kind, 8).values())


@pytest.mark.verify
@pytest.mark.parametrize("kind", ["white", "drifting power"])
def test_ninety_to_ninety_nine_of_a_hundred_intervals_hold_the_truth(kind: str) -> None:
    hits = covered(kind, 100)
    assert {key: 90 <= count <= 99 for key, count in hits.items()} == dict.fromkeys(hits, True), hits


def test_the_noise_is_told_apart() -> None:
    """A drifting laser is not taken for scatter of the readings, nor scatter for drift."""
    white, drift = (analyse_power(with_noise(kind, 2)).noise for kind in ("white", "drifting power"))
    assert white.reading == pytest.approx(0.02, rel=0.3) and white.length < 1.7
    assert drift.power == pytest.approx(0.006, rel=0.35) and drift.length > 2.0 and drift.reading < 0.01


def test_a_dip_that_noise_makes_is_not_saturation() -> None:
    powers, clean = solved()
    whole = analyse_power(data_of(clean, powers)).numbers["saturation"].value
    counts = with_noise("white", 4).counts.copy()
    k = int(np.searchsorted(powers, 12.0))
    counts[k - 2 : k] *= 1.05
    counts[k : k + 2] /= 1.05
    assert whole is not None and whole > 16.0
    assert analyse_power(data_of(counts, powers)).numbers["saturation"].value == pytest.approx(whole, rel=0.15)


def test_half_of_the_data_gives_the_same_numbers() -> None:
    counts = draw(3)
    whole, thinned = analyse_power(data_of(counts)), analyse_power(data_of(counts[::2], POWERS[::2]))
    for key in ("S", "threshold_steepest", "threshold_tangents", "threshold_tangents_lunasi", "gain"):
        assert thinned.numbers[key].value == pytest.approx(whole.numbers[key].value, rel=0.1 if key == "gain" else 0.05)


HEADER = "Power [mW]\tPower density [W/cm^2]\tIntensity [counts]"
ROWS = [(p / 50.0, 1e3 * p, c) for p, c in zip(POWERS, draw(1), strict=True)]


def write(path: Path, header: str | None, separator: str, *, comma: bool = False, end: str = "\n", rows=ROWS) -> Path:  # type: ignore[no-untyped-def]
    lines = ["Power dependence experiment", "", "Wavelength [nm]: 852.0", ""] if end == "\r\n" else []
    lines += [header] if header else []
    lines += [separator.join(f"{v:.6f}" for v in row).replace(".", "," if comma else ".") for row in rows]
    path.write_bytes((end.join(lines) + end).encode("utf-8"))
    return path


@pytest.mark.parametrize(
    ("header", "separator", "comma", "end"),
    [
        (HEADER, "\t", False, "\r\n"),
        (HEADER.replace("\t", ","), ",", False, "\n"),
        (HEADER.replace("\t", ";"), ";", False, "\r"),
        (HEADER.replace("\t", ";"), ";", True, "\n"),
        ("# " + HEADER, "\t", False, "\n"),
        ("power_mW\tirradiance_W/cm²\tcounts", "\t", False, "\n"),
    ],
    ids=["asc", "csv", "semicolon", "decimal comma", "comment", "suffixes"],
)
def test_every_way_of_writing_is_the_same_table(
    tmp_path: Path, header: str, separator: str, comma: bool, end: str
) -> None:
    read = read_measurement(write(tmp_path / "data.txt", header, separator, comma=comma, end=end))
    assert read.kind == "power" and read.x_unit == "kW/cm^2"
    assert read.x == pytest.approx(POWERS, rel=1e-5) and read.counts == pytest.approx(draw(1))


def test_utf16_a_byte_order_mark_and_latin1_are_read(tmp_path: Path) -> None:
    text = write(tmp_path / "a.csv", HEADER, "\t").read_text()
    (tmp_path / "b.csv").write_bytes(text.encode("utf-16"))
    (tmp_path / "c.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (tmp_path / "d.csv").write_bytes(text.replace("W/cm^2", "W/cm²").encode("latin-1"))
    for name in "bcd":
        assert read_measurement(tmp_path / f"{name}.csv").counts == pytest.approx(draw(1))


@pytest.mark.parametrize(
    ("unit", "factor"), [("W/cm^2", 1e3), ("kW/cm2", 1.0), ("MW/cm^2", 1e-3), ("mW/cm^2", 1e6), ("W cm^-2", None)]
)
def test_units_of_irradiance_are_told_apart(tmp_path: Path, unit: str, factor: float | None) -> None:
    scale = 1.0 if factor is None else factor
    rows = [(scale * p, c) for p, c in zip(POWERS, draw(1), strict=True)]
    path = write(tmp_path / "u.csv", f"Irradiance [{unit}]\tcounts", "\t", rows=rows)
    if factor is None:
        with pytest.raises(InputError, match="no column of irradiance, power or time"):
            read_measurement(path)
    else:
        assert read_measurement(path).x == pytest.approx(POWERS, rel=1e-4)


def test_flaws_are_mended_and_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    rows = [ROWS[k] for k in rng.permutation(len(ROWS))]
    rows[3] = (rows[3][0], rows[3][1], -4.0)
    rows += [rows[7], (math.nan, math.nan, 5.0)]
    top = 0.3 * max(row[2] for row in rows)
    clipped = [(a, b, min(c, top)) for a, b, c in rows]
    result = analyse_power(read_measurement(write(tmp_path / "flawed.csv", HEADER, "\t", rows=clipped)))
    told = " | ".join(result.remarks)
    for text in (
        "powers were sorted",
        "repeated powers",
        "without usable numbers",
        "detector is saturated",
        "background",
    ):
        assert text in told
    assert result.numbers["S"].value == pytest.approx(TRUTH["S"], rel=0.1)


def test_a_sweep_up_and_down_has_a_hysteresis() -> None:
    """The way down lags: the same curve at powers lower by 1.4."""
    both = np.concatenate([POWERS, POWERS[::-1]])
    late = np.concatenate([draw(1), np.interp(POWERS[::-1], POWERS / 1.4, draw(2))])
    result = analyse_power(data_of(late, both))
    assert any("go down in power" in text for text in result.remarks)
    assert result.numbers["threshold_steepest"].value == pytest.approx(400.0, rel=0.05)
    ratio = result.numbers["hysteresis"]
    assert ratio.value == pytest.approx(1.4, rel=0.05) and ratio.low < 1.4 < ratio.high and ratio.low > 1.2


def test_laser_power_becomes_irradiance_by_spot_or_disc(tmp_path: Path) -> None:
    path = tmp_path / "mW.csv"
    rows = "\n".join(f"{p:.6f}\t{c}" for p, c in zip(POWERS, draw(1), strict=True))
    path.write_text(f"Wavelength [nm]: 852.0\nBeam diameter [um]: 1.1\n\nPower [mW]\tcounts\n{rows}\n")
    data = read_measurement(path)
    assert data.x_unit == "mW" and data.conditions == {"wavelength_nm": 852.0, "beam_diameter_um": 1.1}
    disc, peak = in_irradiance(data, None), in_irradiance(data, 1.1)
    assert disc.x[0] == pytest.approx(1e-6 * POWERS[0] / (math.pi * 0.55e-4**2), rel=1e-4)
    assert peak.x == pytest.approx(disc.x * math.log(2.0), rel=1e-12) and peak.x_unit == "kW/cm^2"
    assert read_measurement(path, power_column="power", unit="uW").x == pytest.approx(1e-3 * data.x)
    with pytest.raises(InputError, match="no unit known"):
        read_measurement(path, unit="furlong")


def test_a_known_background_is_taken() -> None:
    result = analyse_power(data_of(draw(1)), background=BACKGROUND)
    assert "background 6 counts, as given" in result.remarks
    assert result.signal[-1] == draw(1)[-1] - BACKGROUND


def test_observations_hold_the_numbers_with_their_doubt(tmp_path: Path) -> None:
    path, file = write(tmp_path / "data.asc", HEADER, "\t", end="\r\n"), tmp_path / "observed.yaml"
    done = CliRunner().invoke(app, ["analyse", str(path), "--json", "--observations", str(file)])
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)[str(path)]["numbers"]
    read = YAML(typ="safe", pure=True).load(file.read_text())
    records = {one["kind"]: one for one in read["observations"]}
    assert read["version"] == 1 and {"S", "gain", "threshold_tangents", "threshold_steepest"} <= set(records)
    for kind in ("S", "threshold_steepest"):
        one = records[kind]
        assert one["value"] == told[kind]["value"] and one["source"] == str(path)
        assert one["sigma_ln"] == pytest.approx(math.log(told[kind]["high"] / told[kind]["low"]) / 3.92, rel=1e-3)
    assert records["S"]["conditions"] == {"wavelength_nm": 852.0, "window_decades": 0.1}


def test_a_design_is_read_by_the_same_lines_with_or_without_figures(tmp_path: Path) -> None:
    """Whatever was measured, the design has its own threshold and steepness over the same powers."""
    design = "configs/three_state_tm.yaml"
    rows = [(0.0, 1e3 * p, c) for p, c in zip(np.geomspace(1.0, 20.0, 80), np.geomspace(10, 1e6, 80), strict=True)]
    path = write(tmp_path / "data.csv", HEADER, "\t", rows=rows)
    done = CliRunner().invoke(app, ["analyse", str(path), "--json", "--design", design])
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)[str(path)]
    assert told["design"]["threshold_steepest"] == pytest.approx(6.7, rel=0.1) and told["design"]["S"] > 10.0


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("Time [s]\tcounts\n", "does not say at which irradiance"),
        ("Power [mW]\tcounts\n", "has laser power"),
    ],
)
def test_a_design_that_cannot_be_compared_is_refused(tmp_path: Path, table: str, says: str) -> None:
    path = tmp_path / "data.csv"
    if "Time" in table:
        data = bright_from_the_start(1, 0.0)
    else:
        data = data_of(draw(1))
    path.write_text(table + "\n".join(f"{x:.6g}\t{c}" for x, c in zip(data.x, data.counts, strict=True)))
    done = CliRunner().invoke(app, ["analyse", str(path), "--design", "configs/three_state_tm.yaml"])
    assert done.exit_code == 2 and says in done.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x00\x01\x02", "is a binary file"),
        (b"nothing but words\n" * 20, "holds no table of numbers"),
        (b"Power [mW]\tcounts\n1\t2\n2\t3\n", "holds no table of numbers"),
        (b"alpha\tbeta\n" + b"1\t2\n" * 20, "no column of irradiance, power or time"),
        (b"Power [mW]\talpha\tbeta\n" + b"1\t2\t3\n" * 20, "no column that is surely the emission"),
        (b"Power [mW]\tcounts\n" + b"1\t0\n" * 20, "holds no light"),
        (b"Power [mW]\tcounts\n" + b"\n".join(b"%d\t7" % k for k in range(1, 30)) + b"\n", "above the background"),
    ],
)
def test_what_cannot_be_decided_is_refused_with_a_cure(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        analyse_power(read_measurement(path))
    assert says in str(caught.value) and "bad.csv" in str(caught.value) and caught.value.cure


def test_rise_and_decay_of_a_trace_that_begins_and_ends_in_the_dark(tmp_path: Path) -> None:
    """On from 0.1 to 0.5 s with 1 - exp(-t/20 ms), then exp(-t/5 ms); 60 counts a bin above 0.7."""
    time = 5e-5 * np.arange(1, 12001)
    on = np.clip(time - 0.1, 0.0, 0.4)
    level = 60.0 * (1.0 - np.exp(-on / 0.02)) * np.where(time > 0.5, np.exp(-np.maximum(time - 0.5, 0.0) / 0.005), 1.0)
    counts = np.random.default_rng(1).poisson(level + 0.7)
    path = tmp_path / "trace.csv"
    path.write_text("Time [s],counts\n" + "\n".join(f"{t:.5f},{c}" for t, c in zip(time, counts, strict=True)) + "\n")
    numbers = analyse_time(read_measurement(path)).numbers
    assert all(numbers[key].low <= numbers[key].value <= numbers[key].high for key in ("t10", "t50", "t90"))
    for key, share, tolerance in (("t50", 0.5, 0.08), ("t90", 0.9, 0.15)):
        assert numbers[key].value == pytest.approx(0.02 * math.log(1.0 / (1.0 - share)), rel=tolerance)
    assert numbers["decay"].value == pytest.approx(0.005, rel=0.15)


def bright_from_the_start(seed: int, jump: float) -> Measurement:
    """60 counts a bin of 0.4 ms, of which `jump` at once at 0.1 s and the rest with 20 ms; off at 0.5 s with 5 ms."""
    time = 4e-4 * np.arange(1, 1501)
    middle = time - 2e-4
    rise = jump * (middle > 0.1) + (1.0 - jump) * (1.0 - np.exp(-np.clip(middle - 0.1, 0.0, 0.4) / 0.02))
    level = 60.0 * rise * np.exp(-np.maximum(middle - 0.5, 0.0) / 0.005)
    counts = np.random.default_rng(seed).poisson(level + 0.7).astype(float)
    return Measurement("drawn", "time", time, "s", counts, "counts", ())


def times_covered(jump: float, draws: int) -> dict[str, int]:
    hits = dict.fromkeys(("t50", "t90"), 0)
    for seed in range(draws):
        numbers = analyse_time(bright_from_the_start(seed, jump)).numbers
        for key, share in (("t50", 0.5), ("t90", 0.9)):
            hits[key] += numbers[key].low <= 0.02 * math.log((1.0 - jump) / (1.0 - share)) <= numbers[key].high
    return hits


@pytest.mark.parametrize("jump", [0.0, 0.12])
def test_the_intervals_of_rise_times_hold_the_truth(jump: float) -> None:
    """`make verify` draws 100."""
    assert all(count >= 14 for count in times_covered(jump, 16).values())


@pytest.mark.verify
@pytest.mark.parametrize("jump", [0.0, 0.12])
def test_ninety_to_ninety_nine_of_a_hundred_rise_times_are_held(jump: float) -> None:
    hits = times_covered(jump, 100)
    assert all(90 <= count <= 99 for count in hits.values()), hits


def test_a_time_shorter_than_a_point_is_not_determined() -> None:
    """12 % of the light is there in the first bin, so 10 % are reached within it; the begin is found to one bin."""
    result = analyse_time(bright_from_the_start(3, 0.12))
    assert result.on_s[0] == pytest.approx(0.1, abs=4.1e-4)
    assert result.numbers["t10"].value is None and result.numbers["t10_over_t90"].value is None
    assert any(remark.startswith("t10 is not determined") for remark in result.remarks)


def test_a_thinned_trace_begins_at_the_same_time_and_holds_the_truth() -> None:
    data = bright_from_the_start(4, 0.12)
    for first in (0, 1):
        half = analyse_time(dataclasses.replace(data, x=data.x[first::2], counts=data.counts[first::2]))
        assert half.on_s[0] == pytest.approx(0.1, abs=8.1e-4)
        assert half.numbers["t50"].low <= 0.02 * math.log(0.88 / 0.5) <= half.numbers["t50"].high


def test_a_slow_begin_is_no_riddle_where_the_switching_is_known() -> None:
    """60 counts a bin times (1 - exp(-t/4 ms))^4 from 0.15 ms after a trigger at 0 on: sought, `t50` is 18 % early."""
    time = 4e-4 * np.arange(1, 1501) - 0.1
    since = np.clip(time - 2e-4 - 1.5e-4, 0.0, None)
    level = 60.0 * (1.0 - np.exp(-since / 0.004)) ** 4 + 0.7
    held = 0
    for seed in range(12):
        counts = np.random.default_rng(seed).poisson(level).astype(float)
        result = analyse_time(Measurement("drawn", "time", time, "s", counts, "counts", ()), begin_s=1.5e-4)
        half = result.numbers["t50"]
        assert result.on_s[0] == 1.5e-4 and any("as stated" in remark for remark in result.remarks)
        assert half.value == pytest.approx(-0.004 * math.log(1.0 - 0.5**0.25), rel=0.12)
        held += half.low <= -0.004 * math.log(1.0 - 0.5**0.25) <= half.high
    assert held >= 10


@pytest.mark.parametrize("begin_s", [-1.0, 0.59, 2.0])
def test_a_begin_outside_the_trace_is_refused_with_the_range(begin_s: float) -> None:
    with pytest.raises(InputError, match="no rise after a begin") as caught:
        analyse_time(bright_from_the_start(1, 0.12), begin_s)
    assert "0.588" in str(caught.value)


@pytest.mark.parametrize("begin_s", [0.3, 0.5, 0.55])
def test_a_begin_in_or_after_the_light_is_refused(begin_s: float) -> None:
    with pytest.raises(InputError, match="bright before") as caught:
        analyse_time(bright_from_the_start(1, 0.12), begin_s)
    assert caught.value.cure


def test_rates_have_the_times_of_their_counts() -> None:
    data = bright_from_the_start(5, 0.12)
    counts, rates = analyse_time(data), analyse_time(dataclasses.replace(data, counts=1e-3 * data.counts))
    for key in ("t50", "t90"):
        for end in ("value", "low", "high"):
            assert getattr(rates.numbers[key], end) == pytest.approx(getattr(counts.numbers[key], end), rel=0.05)


def test_a_drifting_plateau_makes_times_less_certain() -> None:
    data = bright_from_the_start(6, 0.12)
    drift = 1.0 + 0.06 * np.sin(2.0 * np.pi * data.x / 0.08)
    steady, drifting = analyse_time(data), analyse_time(dataclasses.replace(data, counts=data.counts * drift))
    assert any("drifts" in remark for remark in drifting.remarks)
    assert not any("drifts" in remark for remark in steady.remarks)
    widths = [one.numbers["t50"].high - one.numbers["t50"].low for one in (steady, drifting)]
    assert widths[1] > 1.2 * widths[0]


@pytest.mark.verify
def test_times_scatter_hardly_more_than_any_estimate_must() -> None:
    """Within a quarter of the bound of Cramer and Rao for a jump and two exponentials."""
    tau, others = (0.0033, 0.02), np.array([60.0, 0.14, 0.25])
    clock = 1e-4 * np.arange(4000) + 5e-5

    def rise(at: np.ndarray, p: np.ndarray) -> np.ndarray:
        """`p`: counts, jump, share of the slow exponential, ln of both times."""
        slow, quick = p[2] * np.exp(-at / np.exp(p[4])), (1.0 - p[2]) * np.exp(-at / np.exp(p[3]))
        return p[0] * (1.0 - (1.0 - p[1]) * (slow + quick))

    def crossing(p: np.ndarray, share: float) -> float:
        return float(brentq(lambda at: float(rise(np.array(at), p)) - share * p[0], 0.0, 0.4))

    truth = np.concatenate([others, np.log(tau)])
    small = 1e-4 * np.eye(5)
    slopes = np.stack([(rise(clock, truth + one) - rise(clock, truth - one)) / 2e-4 for one in small])
    bound = np.linalg.inv((slopes / (rise(clock, truth) + 0.7)) @ slopes.T)
    time = 1e-4 * np.arange(1, 6001)
    level = 0.7 + np.concatenate([np.zeros(1000), rise(clock, truth), np.zeros(1000)])
    drawn = [np.random.default_rng(seed).poisson(level).astype(float) for seed in range(60)]
    found = [analyse_time(Measurement("drawn", "time", time, "s", one, "counts", ())).numbers for one in drawn]
    for key, share in (("t50", 0.5), ("t90", 0.9)):
        towards = np.array([(crossing(truth + one, share) - crossing(truth - one, share)) / 2e-4 for one in small])
        scatter = float(np.std([one[key].value for one in found]))
        assert scatter < 1.25 * math.sqrt(towards @ bound @ towards), key


def test_the_command_prints_json_and_draws(tmp_path: Path) -> None:
    path = write(tmp_path / "data.asc", HEADER, "\t", end="\r\n")
    done = CliRunner().invoke(app, ["analyse", str(path), "--json", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)[str(path)]
    assert told["kind"] == "power" and told["numbers"]["S"]["low"] < told["numbers"]["S"]["value"]
    assert {one.suffix for one in (tmp_path / "out").iterdir()} == {".svg", ".png", ".csv"}
