"""Where the web server can listen."""

from __future__ import annotations

import socket

from core.errors import PortTaken


def free_port(host: str, first: int) -> int:
    """The first free port from `first` on, of 50. Raises PortTaken."""
    for port in range(first, min(first + 50, 65536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return port
            except OSError:
                continue
    raise PortTaken(f"No port from {first} to {first + 49} is free on {host}; set `port` or `host` to another one.")
