"""Where pages of this program are served: on this machine only."""

from __future__ import annotations

import socket

from padesign.errors import InputError

HOST = "127.0.0.1"
_FIRST_PORT = 5000


def free_port(asked: int | None) -> int:
    """The port that was asked for, or the first free one from 5000; raises `InputError` when there is none."""
    for port in [asked] if asked is not None else range(_FIRST_PORT, _FIRST_PORT + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    if asked is not None:
        raise InputError(f"port {asked} is in use", cure="choose another one, or leave --port out")
    raise InputError("no port from 5000 to 5049 is free", cure="choose one with --port")
