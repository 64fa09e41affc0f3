"""Errors a user can cause, told in one grammar: what is wrong, where it is, how to mend it."""

from __future__ import annotations


class PadesignError(Exception):
    """Base of every error that padesign raises on purpose."""


class InputError(PadesignError):
    """Something the user wrote cannot be used.

    **Arguments:** `what` says what is wrong ("`thickness_nm` must be positive, but is -2"), `cure` how to mend it,
    `path` is the key path inside a file (`("particle", "layers", 0)`), `file` and `line` say where it stands.
    A layer that does not know the file raises with `path` alone; the loader adds file and line.
    """

    def __init__(
        self,
        what: str,
        *,
        cure: str = "",
        path: tuple[str | int, ...] = (),
        file: str = "",
        line: int | None = None,
    ) -> None:
        self.what, self.cure, self.path, self.file, self.line = what, cure, tuple(path), file, line
        super().__init__(str(self))

    def __str__(self) -> str:
        place = self.file + (f":{self.line}" if self.line else "")
        key = ".".join(str(part) for part in self.path)
        head = ": ".join(part for part in (place, key, self.what) if part)
        return f"{head}\n  {self.cure}" if self.cure else head
