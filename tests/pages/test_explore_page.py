"""The page with sliders as a browser shows it: a real server, a real model."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from padesign.cli.console import number
from padesign.cli.explore import Explorer, make_app
from padesign.cli.ports import HOST, free_port
from padesign.config import load_run_text

RUN = """\
version: 1
name: sliders
excitation: {wavelength_nm: 1064, irradiance_kW_per_cm2: {min: 1, max: 100}}
particle:
  interface_mixing_nm: 0
  max_level_cm1: 15500
  layers:
    - {name: core, host: beta-NaYF4, diameter_nm: {min: 10, max: 20, start: 17}, dopants_mol_percent: {Tm: 8}}
    - {name: shell, host: beta-NaYF4, thickness_nm: 5.6}
emission: ["Tm:3H4 -> Tm:3H6"]
solver: {cells_per_layer: 1, judge_cells_per_layer: 1}
"""


@pytest.fixture(scope="module")
def explorer() -> Explorer:
    return Explorer(load_run_text(RUN))


@pytest.fixture(scope="module")
def address(explorer: Explorer) -> Iterator[str]:
    port = free_port(None)
    server = make_server(HOST, port, make_app(explorer, port), threaded=False)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://{HOST}:{port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_slider_moves_the_curve_and_the_saved_file_is_that_design(
    open_page: Any, explorer: Explorer, address: str
) -> None:
    page, seen = open_page(address, address)
    page.wait_for_selector("#numbers dd")
    shown = page.inner_text("#numbers")
    assert explorer.solve({})["threshold"] in shown
    with page.expect_response("**/solve"):
        page.evaluate(
            "(value) => { const box = document.querySelector('[name=\"core.dopants_mol_percent.Tm\"]');"
            " box.value = value; box.dispatchEvent(new Event('input', {bubbles: true})); }",
            12,
        )
    page.wait_for_function("old => document.getElementById('numbers').innerText !== old", arg=shown)
    moved = explorer.solve({"core.dopants_mol_percent.Tm": 12.0})
    assert moved["bands"][0]["S"] in page.inner_text("#numbers") and moved["threshold"] in page.inner_text("#numbers")
    drawn = page.evaluate("document.getElementById('curves').data.at(-2).y")
    assert drawn == moved["bands"][0]["curve"]["photons_per_s"]
    with page.expect_download() as download:
        page.click("#save")
    saved = Explorer(load_run_text(Path(download.value.path()).read_text()))
    again = saved.solve({})
    assert again["threshold_kW_per_cm2"] == pytest.approx(moved["threshold_kW_per_cm2"])
    assert number(again["diameter_nm"]) == number(28.2)
    assert seen.complaints == [] and seen.requests == []


def test_a_design_that_cannot_exist_is_told_and_foreign_pages_are_refused(explorer: Explorer, address: str) -> None:
    assert "must lie between 10 and 20 nm" in explorer.solve({"core.diameter_nm": 90.0})["problem"]
    asked = urllib.request.Request(f"{address}/", headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(asked, timeout=10)
    wrong = urllib.request.Request(
        f"{address}/solve", data=b'{"other": 1}', headers={"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(wrong, timeout=10)
