"""The command line: thin commands that wire run file, search, tracking and report together."""

from padesign.cli.app import app as app
