"""Which servers of this user run on this machine: one small file each, which the server itself writes and removes.

A file whose process is gone, or whose number another process has got since, is removed when the files are read.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from millstream.server.sockets import find_address
from millstream.values.readers import json_reader
from millstream.values.settings import text_setting

# Linux says it without a package that takes memory.
_PROC = Path("/proc/self/stat").exists()
SCORERS = "scorers"
Noted = TypeVar("Noted", "Entry", "Scorer")


class Entry(Struct, frozen=True, kw_only=True):
    """A running server; `since` is when it started (ms), `born` tells its process from a later one of that number."""

    pid: int
    born: str
    host: str
    port: int
    url: str
    store: str
    workers: int
    since: int
    version: str

    @property
    def running(self) -> bool:
        """Whether it is still this process."""
        return born(self.pid) == self.born

    @property
    def offer(self) -> Path:
        """Where it hands over its port."""
        return folder() / f"{self.pid}.sock"

    def listens(self, host: str, port: int) -> bool:
        """Whether it is the one that holds this port of this host."""
        return port == self.port and find_address(host, port)[1][0] == self.host

    def signal(self, number: signal.Signals) -> bool:
        """Send it a signal; whether it was there to get it."""
        try:
            if not self.running:
                return False
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


class Scorer(Struct, frozen=True, kw_only=True):
    """A running scoring server; `model` is the URI that it was started with."""

    pid: int
    born: str
    url: str
    model: str

    @property
    def running(self) -> bool:
        """Whether it is still this process."""
        return born(self.pid) == self.born


_read_entry = json_reader(Entry)
_read_scorer = json_reader(Scorer)


def folder(kind: str = "servers") -> Path:
    """Where the servers of this user on this machine are noted; homes may be shared by machines, so one each."""
    named = text_setting("STATE_DIR")
    state = os.environ.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    base = Path(named).expanduser() if named else Path(state, "millstream")
    return base / kind / (re.sub(r"[^A-Za-z0-9._-]", "_", socket.gethostname()) or "_")


def born(pid: int) -> str | None:
    """When a process began, in words that no other process of that number has; None when there is none."""
    if _PROC:
        try:
            facts = Path(f"/proc/{pid}/stat").read_bytes()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        except OSError:
            return None
        # The name in parentheses may hold anything; what follows begins with field 3 of proc(5).
        state, *fields = facts[facts.rindex(b")") + 2 :].split()
        return None if state in (b"Z", b"X") else f"{boot}-{fields[18].decode()}"
    psutil = import_module("psutil")
    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def entries() -> list[Entry]:
    """The servers that run, by port. What is left of those that were killed is removed."""
    return sorted(_running(folder(), _read_entry), key=lambda entry: (entry.port, entry.since))


def scorers() -> list[Scorer]:
    """The scoring servers that run, by address; as `entries`."""
    return sorted(_running(folder(SCORERS), _read_scorer), key=lambda scorer: scorer.url)


def _running(place: Path, read: Callable[[bytes], Noted]) -> Iterator[Noted]:
    for path in place.glob("*.json"):
        try:
            found = read(path.read_bytes())
        except FileNotFoundError:
            continue
        except (OSError, msgspec.MsgspecError):
            found = None
        if found is not None and found.running:
            yield found
        else:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                path.with_suffix(".sock").unlink(missing_ok=True)


@contextlib.contextmanager
def noted(entry: Entry | Scorer) -> Iterator[None]:
    """Have `entry` in its list meanwhile. A place that cannot be written to keeps no server from running."""
    path = folder("servers" if isinstance(entry, Entry) else SCORERS) / f"{entry.pid}.json"
    new = path.with_suffix(".new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.write_bytes(msgspec.json.encode(entry))
        new.replace(path)
    except OSError as error:
        said = f"`millstream server list` will not show this server: {error.strerror} ({path.parent})."
        sys.stderr.write(said + "\n")
        yield
        return
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
