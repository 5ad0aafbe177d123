"""Servers as processes of their own."""

from __future__ import annotations

import http.client
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil


class Started(NamedTuple):
    """A server process that has said its address."""

    process: subprocess.Popen[str]
    address: str
    errors: Path

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    def tree(self) -> list[psutil.Process]:
        """The process and all below it."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def said(self) -> str:
        """What it wrote to stderr so far."""
        return self.errors.read_text()

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()


def command(verb: str, *options: str) -> list[str]:
    start = f"from millstream.cli.server import {verb}; {verb}(prog_name='millstream {verb}')"
    return [sys.executable, "-c", start, *options]
