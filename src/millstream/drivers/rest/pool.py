"""Connections to one server, kept open between requests, for any number of threads."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from millstream.drivers.rest.connection import Connection, reason_of
from millstream.drivers.rest.credentials import make_tls
from millstream.drivers.rest.retries import Transient
from millstream.values.errors import InvalidValue, Unavailable
from millstream.values.servers import ServerUri
from millstream.values.settings import setting

MOST = 16
"""Connections that are kept open while nobody uses them."""


class Pool:
    """Makes and keeps connections to `server`. Certificates and the time limit are the settings' when one is made.

    There is no lock, on which the handler of a signal could wait for the call that it interrupts: whoever finds no
    free connection opens one. A forked child opens its own.
    """

    def __init__(self, server: ServerUri, connect_seconds: float | None = None) -> None:
        """Nothing is opened yet. `connect_seconds` is how long that may take; without it, as long as an answer."""
        self.server = server
        self._connect_seconds = connect_seconds
        self._free: list[Connection] = []
        self._process = os.getpid()
        self._tls: ssl.SSLContext | None = None

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection that nobody else uses meanwhile; kept afterwards if it can be used again."""
        if self._process != os.getpid():
            # What was open belongs to the process that this one was forked from.
            self._process, self._tls = os.getpid(), None
            self.close()
        try:
            found = self._free.pop()
        except IndexError:
            found = Connection(self._connect)
        try:
            yield found
        finally:
            if found.free and len(self._free) < MOST:
                self._free.append(found)
            else:
                found.close()

    def close(self) -> None:
        """Close what is open and not in use; it opens again when used."""
        while self._free:
            self._free.pop().close()

    def _connect(self) -> socket.socket:
        timeout = setting("HTTP_REQUEST_TIMEOUT")
        assert isinstance(timeout, int)
        if timeout < 1:
            raise InvalidValue(f"MLFLOW_HTTP_REQUEST_TIMEOUT={timeout} is no number of seconds from 1.")
        if self.server.secure and self._tls is None:
            self._tls = make_tls()
        try:
            connected = self._open(self._connect_seconds or timeout)
        except (OSError, ValueError) as error:
            if advice := _advice(error):
                raise Unavailable(f"{self.server.public} cannot be reached: {error}. {advice}") from error
            raise Transient(reason_of(error)) from error
        connected.settimeout(timeout)
        return connected

    def _open(self, seconds: float) -> socket.socket:
        server = self.server
        port = server.port if server.port is not None else (443 if server.secure else 80)
        connected = socket.create_connection((server.host, port), seconds)
        try:
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connected if self._tls is None else self._tls.wrap_socket(connected, server_hostname=server.host)
        except BaseException:
            connected.close()
            raise


def _advice(error: Exception) -> str:
    """What to do about an error that asking again does not mend; "" for all others."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "MLFLOW_TRACKING_SERVER_CERT_PATH names the certificates that the server's must be signed by."
    if isinstance(error, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        return "It speaks http and not https."
    if isinstance(error, socket.gaierror) and error.errno == getattr(socket, "EAI_NONAME", None):
        return "No machine has this name."
    if isinstance(error, ValueError):
        return "Check the address."
    return ""
