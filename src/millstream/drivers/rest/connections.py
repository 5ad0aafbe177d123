"""Connections to one server: one a thread, kept open between calls; a forked child opens its own."""

from __future__ import annotations

import http.client
import os
import select
import socket
import ssl
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from weakref import WeakSet

from millstream.drivers.rest.line import Line
from millstream.values.errors import InvalidValue
from millstream.values.servers import ServerUri
from millstream.values.settings import setting, text_setting


class _Held:
    """The connection of a thread. It is closed when the thread ends."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.busy = False
        self.owner = os.getpid()

    def __del__(self) -> None:
        if self.owner == os.getpid():
            self.line.close()


class Connections:
    """Makes and keeps connections to `server`. Certificates and the time limit are the settings' when one is made."""

    def __init__(self, server: ServerUri) -> None:
        """Nothing is opened yet."""
        self.server = server
        self.forget()

    def forget(self) -> None:
        """Start anew, in a child process: connections of the parent are not the child's, and stay open."""
        self._lock = threading.RLock()  # of a signal's handler too
        self._local = threading.local()
        self._open: WeakSet[_Held] = WeakSet()
        self._tls: ssl.SSLContext | None = None

    @contextmanager
    def own(self) -> Iterator[Line]:
        """The connection of this thread; one that the server has closed meanwhile is opened again."""
        held: _Held | None = getattr(self._local, "held", None)
        if held is None:
            held = self._local.held = _Held(Line(self.new()))
            with self._lock:
                self._open.add(held)
        if held.busy:
            # The handler of a signal asks, in the middle of a call of this very thread.
            with closing(Line(self.new())) as line:
                yield line
            return
        if held.line.sock is not None and _is_readable(held.line.sock):
            # Nothing was asked, so what there is to read can only be the end.
            held.line.close()
        held.busy = True
        try:
            yield held.line
        finally:
            held.busy = False

    def new(self) -> http.client.HTTPConnection:
        """A connection that nobody shares. It is opened when it is used."""
        timeout = setting("HTTP_REQUEST_TIMEOUT")
        assert isinstance(timeout, int)
        if timeout < 1:
            raise InvalidValue(f"MLFLOW_HTTP_REQUEST_TIMEOUT={timeout} is no number of seconds from 1.")
        server = self.server
        if not server.secure:
            return http.client.HTTPConnection(server.host, server.port, timeout=timeout)
        if self._tls is None:
            self._tls = make_tls()
        return http.client.HTTPSConnection(server.host, server.port, timeout=timeout, context=self._tls)

    def close(self) -> None:
        """Close the connections of all threads; they open again when used."""
        with self._lock:
            opened = list(self._open)
        for held in opened:
            held.line.close()


def _is_readable(sock: socket.socket) -> bool:
    try:
        if hasattr(select, "poll"):
            poll = select.poll()  # select itself knows no descriptors over 1024
            poll.register(sock, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([sock], [], [], 0)[0])
    except (OSError, ValueError):
        return True


def make_tls() -> ssl.SSLContext:
    """What certificates are checked and shown, as the settings say; InvalidValue for files that cannot be used."""
    insecure, authority = setting("TRACKING_INSECURE_TLS"), text_setting("TRACKING_SERVER_CERT_PATH")
    own = text_setting("TRACKING_CLIENT_CERT_PATH")
    if insecure and authority:
        raise InvalidValue(
            "MLFLOW_TRACKING_INSECURE_TLS takes any certificate, and MLFLOW_TRACKING_SERVER_CERT_PATH says which. "
            "Set one of them."
        )
    try:
        if authority and Path(authority).is_dir():
            context = ssl.create_default_context(capath=authority)
        else:
            context = ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise InvalidValue(f"MLFLOW_TRACKING_SERVER_CERT_PATH={authority!r} cannot be read: {error}.") from error
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if own:
        try:
            context.load_cert_chain(own)
        except (OSError, ssl.SSLError) as error:
            raise InvalidValue(
                f"MLFLOW_TRACKING_CLIENT_CERT_PATH={own!r} cannot be used: {error}. It is a PEM file with a "
                "certificate and its key."
            ) from error
    return context


def login_of(server: ServerUri) -> str | None:
    """The Authorization header: of the address, else of the settings; None where nobody logs in."""
    if server.user is not None:
        password = "" if server.password is None else server.password.reveal()
        return _basic(server.user, password)
    user = text_setting("TRACKING_USERNAME")
    if user:
        return _basic(user, text_setting("TRACKING_PASSWORD") or "")
    token = text_setting("TRACKING_TOKEN")
    if token and not (token.isascii() and token.isprintable()):
        raise InvalidValue("MLFLOW_TRACKING_TOKEN has a character that no token has; was a line end copied with it?")
    return f"Bearer {token}" if token else None


def _basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()
