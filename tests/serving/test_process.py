"""The port and the names of a scoring server."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys

import pytest

from millstream.serving import process
from millstream.values.errors import InvalidValue, Unavailable


def test_a_free_port_is_found_and_the_url_reaches_it() -> None:
    for host in ("127.0.0.1", "0.0.0.0", "localhost"):
        with process.bind(host, 0) as listening:
            url = process.url_of(listening)
            port = listening.getsockname()[1]
            assert url.startswith(("http://127.0.0.1:", "http://[::1]:"))
            assert url.endswith(f":{port}")
            socket.create_connection((url[7:].rsplit(":", 1)[0].strip("[]"), port), timeout=5).close()


def test_a_taken_port_is_refused_with_its_holder() -> None:
    with process.bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"Port {port} on 127\.0\.0\.1 is in use.*-p {port + 1}"):
            process.bind("127.0.0.1", port)


@pytest.mark.parametrize("host", ["256.0.0.1", "no-such-host.invalid", "203.0.113.7"])
def test_an_address_that_is_not_here_is_refused(host: str) -> None:
    with pytest.raises(InvalidValue, match="Cannot listen"):
        process.bind(host, 0)


def test_names_answered_to(monkeypatch: pytest.MonkeyPatch) -> None:
    assert process.allowed_hosts("127.0.0.1") == []
    monkeypatch.setenv("MILLSTREAM_ALLOWED_HOSTS", "models.example, *.x,")
    assert process.allowed_hosts("localhost") == ["models.example", "*.x"]
    assert socket.gethostname() in process.allowed_hosts("0.0.0.0")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_process_whose_libraries_swallow_it(number: signal.Signals) -> None:
    code = (
        "import os, signal, sys\n"
        "from millstream.serving.process import leaving_on_signal\n"
        "with leaving_on_signal():\n"
        "    try:\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "    except:\n"
        "        pass\n"
        "print('went on')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "Stopped.\n")


def test_handlers_come_back_when_the_model_is_there() -> None:
    before = signal.getsignal(signal.SIGINT)
    with process.leaving_on_signal():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before
