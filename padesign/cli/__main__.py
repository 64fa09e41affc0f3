"""`python -m padesign.cli`, the same as the command `padesign`."""

from padesign.cli.app import app

app(prog_name="padesign")
