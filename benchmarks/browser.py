"""Chromium with a profile of its own, and what its pages cost: processor time, requests, bytes, nodes, heap."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.journeys.pages import CHROMIUM

TICKS = os.sysconf("SC_CLK_TCK")
TALL = {"width": 1440, "height": 2600}
DESK = {"width": 1440, "height": 900}


class Browser:
    """One page, cold; everything that it asks for is noted."""

    def __init__(self, playwright: Any, folder: str, viewport: dict[str, int]) -> None:
        """Start it."""
        self._folder = folder
        self.context = playwright.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, args=["--no-sandbox"], viewport=viewport, locale="en-US"
        )
        self.page = self.context.pages[0]
        self._session = self.context.new_cdp_session(self.page)
        self._addresses: dict[str, str] = {}
        self._sizes: dict[str, float] = {}
        self._session.on("Network.requestWillBeSent", self._sent)
        self._session.on("Network.dataReceived", self._received)
        self._session.on("Network.loadingFinished", self._finished)
        for domain in ("Network.enable", "HeapProfiler.enable"):
            self._session.send(domain)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def _sent(self, event: dict[str, Any]) -> None:
        self._addresses[event["requestId"]] = event["request"]["url"]

    def _received(self, event: dict[str, Any]) -> None:
        # As it comes: a stream of changes never ends.
        self._sizes[event["requestId"]] = self._sizes.get(event["requestId"], 0) + event["encodedDataLength"]

    def _finished(self, event: dict[str, Any]) -> None:
        self._sizes[event["requestId"]] = event["encodedDataLength"]

    def requests(self, part: str = "") -> int:
        """How many addresses with `part` in them were asked for."""
        return sum(part in url and not url.startswith(("data:", "blob:")) for url in self._addresses.values())

    def kilobytes(self, part: str = "") -> float:
        """What came over the wire, with headers, of addresses with `part` in them."""
        return sum(self._sizes.get(one, 0) for one, url in self._addresses.items() if part in url) / 1000

    def hosts(self) -> set[str]:
        """Whom it asked."""
        return {urlsplit(url).netloc for url in self._addresses.values() if url.startswith("http")}

    def heap(self) -> float:
        """MB of JavaScript and of its buffers, after what is no more needed was let go."""
        self._session.send("HeapProfiler.collectGarbage")
        usage = self._session.send("Runtime.getHeapUsage")
        return float(usage["usedSize"] + usage.get("backingStorageSize", 0)) / 1e6

    def nodes(self) -> float:
        """Nodes of the document."""
        return float(self._session.send("Memory.getDOMCounters")["nodes"])

    def main_thread(self) -> float:
        """Processor seconds of the page's main thread in its tasks so far."""
        found = self._session.send("Performance.getMetrics")["metrics"]
        return float(next(one["value"] for one in found if one["name"] == "TaskDuration"))

    def cpu(self) -> float:
        """Processor seconds so far of the renderers, from /proc."""
        parents: dict[int, int] = {}
        commands: dict[int, str] = {}
        times: dict[int, float] = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                commands[int(entry.name)] = (entry / "cmdline").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            times[int(entry.name)] = (int(fields[11]) + int(fields[12])) / TICKS
        (main,) = (
            pid for pid, text in commands.items() if f"--user-data-dir={self._folder}" in text and "--type=" not in text
        )

        def is_ours(pid: int) -> bool:
            while pid > 1 and pid != main:
                pid = parents.get(pid, 0)
            return pid == main

        return sum(seconds for pid, seconds in times.items() if "--type=renderer" in commands[pid] and is_ours(pid))


@contextmanager
def browsing(playwright: Any, viewport: dict[str, int] = DESK) -> Iterator[Browser]:
    """A browser with an empty profile, gone at the end."""
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(playwright, folder, viewport)
        try:
            yield browser
        finally:
            browser.context.close()
