"""How a command ends: exit codes, and errors told without a traceback.

0 done; 1 an unexpected error; 2 input that cannot be used; 3 finished, but nothing usable was found; 130 interrupted.
"""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from padesign.cli.console import clean, say
from padesign.errors import InputError

if TYPE_CHECKING:
    from padesign.config import LoadedRun

UNEXPECTED, BAD_INPUT, NOTHING_FOUND, INTERRUPTED = 1, 2, 3, 130

_Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def guarded(command: Callable[..., int | None]) -> Callable[..., None]:
    """The command with an option `--debug`, its returned exit code obeyed, and its errors told in words."""

    @functools.wraps(command)
    def run(*args: Any, debug: bool = False, **kwargs: Any) -> None:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="replace")  # type: ignore[union-attr]
        code = _code(lambda: command(*args, **kwargs), debug or os.environ.get("PADESIGN_DEBUG") == "1")
        if code:
            raise typer.Exit(code)

    signature = inspect.signature(command, eval_str=True)
    option = inspect.Parameter("debug", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=_Debug)
    run.__signature__ = signature.replace(parameters=[*signature.parameters.values(), option])  # type: ignore[attr-defined]
    run.__annotations__ = {name: p.annotation for name, p in signature.parameters.items()} | {"debug": _Debug}
    return run


def _code(act: Callable[[], int | None], debug: bool) -> int:
    try:
        code = act() or 0
        sys.stdout.flush()
        return code
    except typer.Exit as stop:
        return stop.exit_code
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe has left, as in `padesign schema | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNEXPECTED
    except InputError as error:
        if debug:
            _traceback()
        say(clean(str(error) if error.file else f"error: {error}"))
        return BAD_INPUT
    except Exception as error:
        if debug:
            _traceback()
        first = next(iter(str(error).splitlines()), "")
        say(clean(f"unexpected error: {type(error).__name__}: {first}"))
        if not debug:
            say("  the same command with --debug shows where it happened; please report it")
        return UNEXPECTED


def _traceback() -> None:
    import traceback

    traceback.print_exc()


@contextmanager
def placed(loaded: LoadedRun) -> Iterator[None]:
    """Give errors of deeper layers the file and line of the run file that caused them."""
    try:
        yield
    except InputError as error:
        if error.file:
            raise
        if error.path:
            raise loaded.locate(error) from error
        raise InputError(error.what, cure=error.cure, file=loaded.file) from error
