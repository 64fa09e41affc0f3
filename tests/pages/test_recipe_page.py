"""The recipe's page as a browser shows and prints it; the physics is typed in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from padesign.cli.recipe_page import recipe_page
from padesign.particle.layers import Layer, Particle
from padesign.recipe import Batch, Lattice, Prediction, Recipe, build_recipe, numbers

NASTY = "<script>alert('x')</script> <b>bold</b> {{ 7 * 7 }}"
PARTICLE = Particle(
    (
        Layer(NASTY, "beta-NaYF4", 8.5, {"Tm": 8.0}),
        Layer("active", "beta-NaYF4", 2.0, {"Tm": 0.1, "Yb": 20.0}),
        Layer("inert", "beta-NaYF4", 3.0),
    )
)
POWERS = np.geomspace(1.0, 100.0, 20)
CURVE = {
    "irradiance_kW_per_cm2": POWERS.tolist(),
    "photons_per_s": (POWERS**5).tolist(),
    "S": np.full(20, 5.0).tolist(),
}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    claim = Prediction(
        objective="nonlinearity",
        value=5.0,
        unit="1",
        definition=NASTY,
        parameter_set="typed",
        digest="0123",
        calibrated=False,
        excitation_wavelengths_nm=(1064.0,),
        numbers=(("threshold", 9.0, "kW/cm^2", "typed"), ("S (exact)", 5.0, "1", "typed")),
        notes=(NASTY,),
    )
    batch = Batch(shell_growth="layer by layer")
    return build_recipe(PARTICLE, host_lattices={"beta-NaYF4": Lattice(13.75, "Y")}, prediction=claim, batch=batch)


@pytest.fixture(scope="module")
def file(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "recipe.html"
    path.write_text(recipe_page(NASTY, recipe, PARTICLE, CURVE), encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_shows_every_mass_picture_and_line_without_network_or_complaint(
    open_page: Any, file: Path, recipe: Recipe, scheme: str
) -> None:
    page, seen = open_page(file.as_uri(), file.as_uri(), scheme)
    masses = page.eval_on_selector_all(".mass", "cells => cells.map(cell => cell.textContent)")
    assert masses == [numbers.mass(row.mass_mg) for stage in recipe.stages for row in stage.weighing]
    for name in ("particle", "curve"):
        assert page.evaluate(f"document.getElementById('{name}').naturalWidth > 100")
    text = page.inner_text("main")
    assert recipe.status in text and "has NOT been calibrated" in text and "GHS06 skull and crossbones" in text
    assert all(line in text for line in recipe.measure_first)
    assert text.count("Inject in turn") == 2 and "9 kW/cm²" in page.inner_text("#predicted")
    assert NASTY in text and page.locator("main b:text-is('bold')").count() == 0
    assert seen.complaints == [] and seen.requests == []


def test_the_page_fits_an_a4_sheet(open_page: Any, file: Path) -> None:
    page, _ = open_page(file.as_uri(), file.as_uri())
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 703, "height": 1020})  # 186 mm between the margins, at 96 dots per inch
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    wide = page.evaluate(
        "[...document.querySelectorAll('table, img')].filter(part => part.getBoundingClientRect().right > 704).length"
    )
    assert wide == 0
    sheet = page.pdf(prefer_css_page_size=True)
    assert b"/MediaBox [0 0 594" in sheet or b"/MediaBox [0 0 595" in sheet
