"""One self-contained HTML page: template, data and, where charts are shown, the plotting library inlined once.

Templates escape everything by themselves (Jinja2 with autoescape), so a name or a note of a user is shown letter by
letter. A content policy in the page forbids every request.
"""

from __future__ import annotations

import base64
import html
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from padesign import __version__

Charts = Mapping[str, Mapping[str, Any]]
"""Plotly figures by the id of the element that shows them: `data` and `layout`."""


def render(template: str, context: Mapping[str, Any], charts: Charts | None = None) -> str:
    """The page from a template of `padesign/data/templates`; a name that the template lacks data for is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=PackageLoader("padesign", "data/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["formula"] = lambda text: Markup(formula_html(str(text)))
    shown = dict(charts or {})
    inlined = {"charts": Markup(json_for_script(shown)) if shown else "", "plotly_js": Markup("")}
    if shown:
        from plotly.offline import get_plotlyjs

        inlined["plotly_js"] = Markup(get_plotlyjs().replace("</script", "<\\/script"))
    known = {"version": __version__, "chart_ids": list(shown)}
    return environment.get_template(template).render(**known, **inlined, **context)


def formula_html(text: str) -> str:
    """A chemical formula with its numbers set below the line, but not the number of waters after a dot; escaped."""
    return re.sub(r"(?<=[A-Za-z)])\d+(?:\.\d+)?", lambda found: f"<sub>{found[0]}</sub>", html.escape(text))


def json_for_script(value: Any) -> str:
    """JSON that cannot end the script element it stands in; numbers that are not finite become null."""
    text = json.dumps(_finite(value), allow_nan=False, ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def picture(path: Path) -> str:
    """A picture file as an address that holds the picture itself."""
    kinds = {".svg": "image/svg+xml", ".png": "image/png"}
    return f"data:{kinds[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
