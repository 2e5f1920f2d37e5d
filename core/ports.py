"""Where the web server can listen, and what that is called in addresses."""

from __future__ import annotations

import errno
import socket

from core.errors import PortTaken, SettingsError
from core.settings import quoted


def free_port(host: str, first: int) -> int:
    """The first free port from `first` on, of 50. Raises PortTaken, and SettingsError for a host that is not here."""
    for port in range(first, min(first + 50, 65536)):
        try:
            _try_to_bind(host, port)
            return port
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise _not_here(host, str(error.strerror)) from error
        except UnicodeError as error:
            raise _not_here(host, str(error)) from error
    raise PortTaken(f"No port from {first} to {first + 49} is free on {host}; set `port` or `host` to another one.")


def in_url(host: str) -> str:
    """A host as it stands before the colon of a port: those of IPv6 have colons themselves."""
    return f"[{host}]" if ":" in host else host


def _not_here(host: str, why: str) -> SettingsError:
    return SettingsError(
        f"The web server cannot listen on {quoted(host)} ({why}); set `host` to an address of this machine, such as "
        "127.0.0.1."
    )


def _try_to_bind(host: str, port: int) -> None:
    """To all addresses of the host, as the web server does. Raises OSError."""
    for family, kind, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
