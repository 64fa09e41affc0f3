"""The commands of `padesign`. Each imports what it needs when it is called, so that `--help` answers at once."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from padesign.cli.guard import guarded

app = typer.Typer(
    name="padesign",
    help="Design photon-avalanche nanoparticles: simulate, search, track, and print the recipe.",
    epilog="Start with: padesign init, then padesign run.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RunFileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="A run file (YAML).")]
RunFolderArgument = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, as `padesign run` prints it.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one value, such as search.trials=3 or particle.layers.core.diameter_nm=17. May be repeated.",
    ),
]
Trials = Annotated[int | None, typer.Option("--trials", min=1, help="Number of trials of the whole run.")]


class EngineKind(StrEnum):
    """`search.engine` of a run file."""

    serial = "serial"
    local = "local"
    dask = "dask"
    shared = "shared"


Engine = Annotated[EngineKind | None, typer.Option("--engine", help="Where trials are computed.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Processes of the engine `local` or `dask`.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the results only.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def _version(asked: bool) -> None:
    if asked:
        from padesign import __version__

        print(f"padesign {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
@guarded
def init(
    folder: Annotated[Path, typer.Argument(metavar="[FOLDER]", help="Where to put the files.")] = Path(),
    template: Annotated[
        list[str] | None, typer.Option("--template", "-t", metavar="NAME", help="Which example; may be repeated.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
) -> int:
    """Copy an example run file to start from, and the schema that lets an editor check it."""
    from padesign.cli.init import make

    return make(folder, template or ["quickstart"], force)


@app.command()
@guarded
def validate(file: RunFileArgument, set_: Set = None) -> int:
    """Check a run file and say what it would solve, without solving it."""
    from padesign.cli.validate import validate

    return validate(file, set_ or [])


@app.command()
@guarded
def run(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A run file; by default the one in this folder.")
    ] = None,
    set_: Set = None,
    trials: Trials = None,
    engine: Engine = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> int:
    """Search for the best design of a run file; writes figures, recipes and the record into a run folder."""
    from padesign.cli.campaign import begin

    return begin(file, set_ or [], quiet, trials=trials, engine=engine and engine.value, workers=workers)


@app.command()
@guarded
def resume(
    folder: RunFolderArgument,
    trials: Trials = None,
    engine: Engine = None,
    workers: Workers = None,
    quiet: Quiet = False,
) -> int:
    """Go on with a run that was interrupted, or extend it with --trials."""
    from padesign.cli.campaign import go_on

    return go_on(folder, quiet, trials=trials, engine=engine and engine.value, workers=workers)


@app.command()
@guarded
def worker(
    folder: RunFolderArgument,
    idle_minutes: Annotated[
        float, typer.Option("--idle-minutes", min=0.0, help="End when no trial came for so long.")
    ] = 10.0,
    quiet: Quiet = False,
) -> int:
    """Compute trials of a run whose `search.engine` is `shared`, here or on any machine that sees its folder."""
    from padesign.cli.worker import serve

    return serve(folder, idle_minutes, quiet)


@app.command()
@guarded
def status(folder: RunFolderArgument, json: Json = False) -> int:
    """Say how far a run is and what it has found; also while it runs."""
    from padesign.cli.status import show

    return show(folder, json)


@app.command()
@guarded
def ui(
    folder: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="A run folder; by default the newest one in runs/.")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Default: 5000, or the next free.")
    ] = None,
) -> int:
    """Show a run in MLflow's dashboard, on this machine only."""
    from padesign.cli.ui import serve

    return serve(folder, port)


@app.command()
@guarded
def explore(
    file: RunFileArgument,
    set_: Set = None,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="Default: 5000, or the next free.")
    ] = None,
) -> int:
    """Move sizes and concentrations by sliders and see the curves follow, in a browser on this machine."""
    from padesign.cli.explore import explore

    return explore(file, set_ or [], port)


@app.command()
@guarded
def recipe(
    source: Annotated[
        Path, typer.Argument(metavar="RUN|FILE", help="A run folder, or a run file without free values.")
    ],
    set_: Set = None,
    trial: Annotated[
        int | None, typer.Option("--trial", min=0, help="This trial of the run, not the best ones.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Where to write.")] = None,
) -> int:
    """Write the synthesis recipe of designs: a page to print, Markdown, CSV for the balance, JSON for programs."""
    from padesign.cli.recipe import write

    return write(source, set_ or [], trial, out)


@app.command()
@guarded
def evaluate(
    file: RunFileArgument,
    set_: Set = None,
    json: Json = False,
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="PATH", help="Draw the power curves (.png and .svg, with a CSV).")
    ] = None,
) -> int:
    """Simulate one design or one hand-written network: threshold, S and brightness of every band."""
    from padesign.cli.evaluate import evaluate

    return evaluate(file, set_ or [], json, figure)


@app.command()
@guarded
def characterise(
    file: RunFileArgument,
    set_: Set = None,
    json: Json = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Write figures and CSV here.")] = None,
) -> int:
    """All that an experiment reads off one design: thresholds by every convention, gain, image, spectrum and more."""
    from padesign.cli.characterise.command import characterise

    return characterise(file, set_ or [], json, out)


@app.command()
@guarded
def figures(
    file: RunFileArgument,
    set_: Set = None,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where to write.")] = Path("figures"),
) -> int:
    """Draw one design: levels and flows, spectrum, colour against power, radii, what the result hangs on."""
    from padesign.cli.figures import figures

    return figures(file, set_ or [], out)


@app.command()
@guarded
def dynamics(
    file: RunFileArgument,
    set_: Set = None,
    json: Json = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Write figures and CSV here.")] = None,
) -> int:
    """What a design does in time: rise times, trains of pulses, slow scans up and down in power."""
    from padesign.cli.dynamics import dynamics

    return dynamics(file, set_ or [], json, out)


@app.command()
@guarded
def sweep(
    file: RunFileArgument,
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            metavar="KEY=START:STOP:COUNT[:log]",
            help="What to vary, once or twice, such as particle.layers.core.dopants_mol_percent.Tm=1:20:12.",
        ),
    ],
    set_: Set = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Write CSV and figure here.")] = None,
) -> int:
    """Simulate a design over a range of one or two of its numbers."""
    from padesign.cli.sweep import sweep

    return sweep(file, set_ or [], vary, out)


@app.command()
@guarded
def network(
    file: RunFileArgument,
    set_: Set = None,
    irradiance: Annotated[
        float | None,
        typer.Option("--irradiance-kW-per-cm2", help="Where to state the rates; default: at the threshold."),
    ] = None,
    json: Json = False,
    all_: Annotated[bool, typer.Option("--all", help="Also list processes slower than 1 per second.")] = False,
) -> int:
    """List what the model of a design consists of: levels, and every process with its rate."""
    from padesign.cli.network import show

    return show(file, set_ or [], irradiance, json, all_)


@app.command()
@guarded
def analyse(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Measured tables (CSV, .asc, text).")],
    column: Annotated[str | None, typer.Option("--column", help="The column of the emission.")] = None,
    power_column: Annotated[
        str | None, typer.Option("--power-column", help="The column of irradiance, laser power or time.")
    ] = None,
    unit: Annotated[str | None, typer.Option("--unit", help="Its unit, such as W/cm^2, mW or ms.")] = None,
    spot_fwhm_um: Annotated[
        float | None,
        typer.Option("--spot-fwhm-um", min=1e-3, help="Laser power to the peak irradiance of a Gaussian spot."),
    ] = None,
    background: Annotated[
        float | None, typer.Option("--background", min=0.0, help="Counts in the dark, where they are known.")
    ] = None,
    begin_s: Annotated[
        float | None,
        typer.Option("--begin-s", help="When the light went on, as the file counts time, where it is known (trigger)."),
    ] = None,
    window_decades: Annotated[
        float, typer.Option("--window-decades", min=0.01, max=1.0, help="Window of power for local slopes.")
    ] = 0.1,
    design: Annotated[
        Path | None, typer.Option("--design", metavar="FILE", help="A run file to simulate beside the data.")
    ] = None,
    observations: Annotated[
        Path | None, typer.Option("--observations", metavar="FILE", help="Write the numbers for a calibration.")
    ] = None,
    json: Json = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Write figures and CSV here.")] = None,
) -> int:
    """Read measured power dependences and time traces: S, thresholds, gain and rise times with their errors."""
    from padesign.cli.analyse import analyse

    return analyse(
        files,
        column,
        power_column,
        unit,
        spot_fwhm_um,
        background,
        begin_s,
        window_decades,
        design,
        observations,
        json,
        out,
    )


@app.command()
@guarded
def compare(
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="A B...", help="Designs (YAML), run folders (their best design), measured tables."),
    ],
    column: Annotated[str | None, typer.Option("--column", help="The column of the measured emission.")] = None,
    window_decades: Annotated[
        float, typer.Option("--window-decades", min=0.01, max=1.0, help="Window of power for slopes.")
    ] = 0.1,
    spot_fwhm_um: Annotated[
        float | None,
        typer.Option("--spot-fwhm-um", min=0.01, max=1e5, help="Gaussian spot of measurements given in mW."),
    ] = None,
    json: Json = False,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Write CSV and figure here.")] = None,
) -> int:
    """Put designs, runs and measured power dependences side by side: one table, one plot."""
    from padesign.cli.compare import compare

    return compare(sources, column, window_decades, spot_fwhm_um, json, out)


@app.command()
@guarded
def crate(
    folder: RunFolderArgument,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.zip", help="Default: beside the run.")] = None,
) -> int:
    """Pack a run as an RO-Crate: every file, what it is and which program made it."""
    from padesign.cli.crate import write

    return write(folder, out)


@app.command()
@guarded
def calibrate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A calibration file (YAML).")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", help="Where to write the new set.")] = None,
    nuts: Annotated[
        int | None,
        typer.Option("--nuts", metavar="DRAWS", help="Sample the posterior too, so many draws in each of four chains."),
    ] = None,
    json: Json = False,
) -> int:
    """Fit shared parameters to published observations; writes a new parameter set with its errors and its range."""
    from padesign.cli.calibrate import calibrate

    return calibrate(file, out, nuts, json)


@app.command()
@guarded
def schema(
    section: Annotated[
        str | None,
        typer.Argument(metavar="[SECTION]", help="Such as robust, particle.layers or objective.threshold."),
    ] = None,
) -> int:
    """List the fields of a section of run files with units, limits and defaults; without one, print the JSON Schema."""
    from padesign.cli.console import emit_json
    from padesign.cli.fields import show
    from padesign.config import json_schema

    if section is not None:
        return show(section)
    emit_json(json_schema())
    return 0


@app.command()
@guarded
def doctor() -> int:
    """Check this installation with a short self-test."""
    from padesign.cli.doctor import examine

    return examine()
