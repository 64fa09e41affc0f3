"""The long checks of `python -m experiments.verify`, each line of its table held to its bar."""

from __future__ import annotations

import pytest

from experiments.verify import GROUPS


@pytest.mark.verify
@pytest.mark.parametrize("group", GROUPS)
def test_every_bar_is_met(group: str) -> None:
    rows = GROUPS[group]()
    assert rows
    assert not [f"{row.what}: {row.measured}, bar {row.bar}" for row in rows if not row.passed]
