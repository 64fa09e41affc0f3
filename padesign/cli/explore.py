"""`padesign explore`: a page on this machine where sliders of sizes and concentrations move the curves at once."""

from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from padesign.cli import definitions
from padesign.cli.console import emit, finite, number, say
from padesign.cli.definitions import calibration_note, sets_of
from padesign.cli.evaluate import own_hosts
from padesign.cli.ports import HOST, free_port
from padesign.config import LoadedRun, RunFile, load_run_file, resolve
from padesign.config.build import build_scene, build_space
from padesign.design.compiled import solved
from padesign.design.evaluate import evaluate_solution
from padesign.design.fixed import set_values
from padesign.design.space import DesignSpace, Fixed, Free, Value
from padesign.errors import InputError
from padesign.kinetics.particle_network import Geometry
from padesign.report.html import render
from padesign.report.power_curve_figure import within
from padesign.solve.continuation import Outcome

if TYPE_CHECKING:
    from flask import Flask

_AROUND = 2.0
"""A fixed number gets a slider from half of it to twice of it."""
_FULL = 100.0


@dataclass(frozen=True)
class Slider:
    """One number of the design: `key` is its place in a run file, `layer` and `ion` its place in the geometry."""

    key: tuple[str, ...]
    label: str
    unit: str
    low: float
    high: float
    start: float
    layer: int
    ion: int | None

    @property
    def name(self) -> str:
        return ".".join(self.key)


class Explorer:
    """One compiled program for every position of the sliders; the layers, ions and hosts stay as they are."""

    def __init__(self, loaded: LoadedRun) -> None:
        self.run: RunFile = loaded.run
        self.space: DesignSpace = build_space(self.run)
        self.scene = build_scene(self.run)
        sets = dict(self.run.parameter_sets)
        self._signature = self.space.signature(self.scene.cells_per_layer, sets)
        self._hosts = set_values(self.space, sets)
        self._conditions = self.scene.conditions(self.space.wavelengths_nm[0])
        self.sliders = self._sliders()

    def _sliders(self) -> tuple[Slider, ...]:
        found = []
        for k, layer in enumerate(self.space.layers):
            scale, quantity = (2.0, "diameter_nm") if k == 0 else (1.0, "thickness_nm")
            low, high, start = _range(layer.thickness_nm, math.inf)
            label = f"{layer.name} {quantity.removesuffix('_nm')}"
            found.append(Slider((layer.name, quantity), label, "nm", scale * low, scale * high, scale * start, k, None))
            for dopant in layer.dopants:
                low, high, start = _range(dopant.mol_percent, _FULL)
                key = (layer.name, "dopants_mol_percent", dopant.ion)
                place = self.space.ions.index(dopant.ion)
                found.append(Slider(key, f"{layer.name} {dopant.ion}", "mol%", low, high, start, k, place))
        return tuple(found)

    def geometry(self, values: Mapping[str, float]) -> Geometry:
        """The particle with the sliders at `values` (by name); raises `InputError` for what cannot exist."""
        thickness = np.zeros(len(self.space.layers))
        fraction = np.zeros((len(self.space.layers), len(self.space.ions)))
        for slider in self.sliders:
            value = values.get(slider.name, slider.start)
            if not slider.low - 1e-9 <= value <= slider.high + 1e-9:
                raise InputError(f"{slider.label} must lie between {slider.low:g} and {slider.high:g} {slider.unit}")
            if slider.ion is None:
                thickness[slider.layer] = value * (0.5 if slider.layer == 0 else 1.0)
            else:
                fraction[slider.layer, slider.ion] = 0.01 * value
        if (fraction.sum(axis=1) > 1.0 + 1e-9).any():
            raise InputError("the ions of a layer add to more than 100 mol%", cure="lower one of them")
        return Geometry(jnp.asarray(thickness), jnp.asarray(fraction), jnp.asarray(self.space.interface_mixing_nm))

    def solve(self, values: Mapping[str, float]) -> dict[str, Any]:
        """Curves and numbers of every band, as JSON data; `problem` says why there are none."""
        try:
            geometry = self.geometry(values)
        except InputError as error:
            return {"problem": str(error)}
        solution = solved(self._signature, self.scene, geometry, self._hosts, self._conditions)
        if Outcome(int(solution.trace.outcome)).text != "ok":
            return {"problem": Outcome(int(solution.trace.outcome)).text}
        window = getattr(self.run.objective, "window_decades", 0.05)
        result = evaluate_solution(solution, self.run.emission, window)
        if result.outcome != "ok":
            return {"problem": result.outcome}
        at = self.run.excitation.irradiance_window_kW_per_cm2
        threshold = result.threshold_kW_per_cm2
        none = f"none up to {number(result.threshold_scanned_to_kW_per_cm2)} kW/cm²"
        return finite(
            {
                "threshold": none if threshold is None else f"{number(threshold)} kW/cm²",
                "threshold_kW_per_cm2": threshold,
                "diameter_nm": 2.0 * float(np.sum(np.asarray(geometry.thickness_nm))),
                "bistable": result.bistable,
                "bands": [
                    {
                        "transition": band.transition,
                        "S": "jumps" if band.S is None else number(band.S),
                        "S_window": number(band.S_window),
                        "at": number(band.S_at_kW_per_cm2),
                        "photons": number(band.photons_per_s),
                        "curve": within(result.curves[band.transition], at),
                    }
                    for band in result.bands
                ],
            }
        )

    def run_file(self, values: Mapping[str, float]) -> str:
        """The design with the sliders at `values` as a run file."""
        import io

        from ruamel.yaml import YAML

        self.geometry(values)
        data = resolve(self.run)
        for other in ("notes", "reported"):  # what was said of the design at the start
            data.pop(other, None)
        layers = {layer["name"]: layer for layer in data["particle"]["layers"]}
        for slider in self.sliders:
            owner: dict[str, Any] = layers[slider.key[0]]
            for part in slider.key[1:-1]:
                owner = owner[part]
            owner[slider.key[-1]] = float(f"{values.get(slider.name, slider.start):.6g}")
        for layer in data["particle"]["layers"]:
            layer.pop("optional", None)
        text = io.StringIO()
        yaml = YAML(typ="safe", pure=True)
        yaml.default_flow_style = False
        yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
        yaml.dump(data, text)
        return text.getvalue()


def _range(value: Value, most: float) -> tuple[float, float, float]:
    """Lowest, highest and first position of a slider."""
    if isinstance(value, Fixed):
        return value.value / _AROUND, min(value.value * _AROUND, most), value.value
    if isinstance(value, Free):
        return value.low, value.high, 0.5 * (value.low + value.high) if value.start is None else value.start
    return min(value.options), max(value.options), value.options[0]


def explore(file: Path, overrides: list[str], port: int | None) -> int:
    """Serve the page until the user interrupts."""
    if importlib.util.find_spec("flask") is None:
        raise InputError("this page needs flask", cure='pip install "padesign[ui]", or `make setup` in the source tree')
    loaded = load_run_file(file, overrides)
    if loaded.run.particle is None:
        raise InputError("a hand-written network has no layers to move", file=loaded.file)
    explorer = Explorer(loaded)
    say("compiling (once, up to a minute for a new kind of particle)")
    first = explorer.solve({})
    if "problem" in first:
        say(f"the first design gives no curve: {first['problem']}")
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_request(self, *_: object) -> None:
            """Nothing: every move of a slider is a request."""

    chosen = free_port(port)
    server = make_server(HOST, chosen, make_app(explorer, chosen), threaded=False, request_handler=Quiet)
    emit(f"http://{HOST}:{chosen}")
    sys.stdout.flush()
    say("Ctrl-C ends it; nothing is written unless you save a design from the page")
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
    return 0


def make_app(explorer: Explorer, port: int) -> Flask:
    """The page and its two answers. Requests that name another host are refused, so no foreign page can ask."""
    from flask import Flask, Response, abort, jsonify, request

    app = Flask("padesign", static_folder=None)
    names = {slider.name for slider in explorer.sliders}
    run = explorer.run
    note = calibration_note(sets_of(run, own_hosts(run)))

    def values() -> dict[str, float]:
        sent = request.get_json()
        if not isinstance(sent, dict) or not set(sent) <= names:
            abort(400)
        if not all(isinstance(x, int | float) and math.isfinite(x) for x in sent.values()):
            abort(400)
        return {key: float(value) for key, value in sent.items()}

    @app.before_request
    def only_here() -> None:
        if request.host not in (f"{HOST}:{port}", f"localhost:{port}"):
            abort(403)

    @app.get("/")
    def page() -> str:
        context = {
            "name": run.name,
            "sliders": explorer.sliders,
            "warnings": [note] if note else [],
            "cells": explorer.scene.cells_per_layer,
            "definitions": [
                ("S", definitions.S),
                ("threshold", definitions.THRESHOLD),
                ("photons/s", definitions.PHOTONS),
            ],
        }
        empty = {"curves": {"data": [], "layout": {}}}
        return render("explore.html", context, empty)

    @app.post("/solve")
    def solve() -> Response:
        return jsonify(explorer.solve(values()))

    @app.post("/save")
    def save() -> Response:
        try:
            return Response(explorer.run_file(values()), mimetype="application/yaml")
        except InputError as error:
            return Response(str(error), status=422, mimetype="text/plain")

    return app
