"""What journeys through the pages share: a server, and a page of a browser with everything that went wrong on it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from millstream.server.static import PAGES

CHROMIUM = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
COMMAND = Path(sys.executable).with_name("millstream")
in_browser = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
    pytest.mark.skipif(not (PAGES / "index.html").is_file(), reason="the pages are not built: npm run build in ui/"),
]
DESK = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 800}


class Watched:
    """A page with everything that went wrong on it: console errors, exceptions, requests to other hosts."""

    def __init__(self, page: Any, address: str) -> None:
        self.page = page
        self.address = address
        self.errors: list[str] = []
        self.strangers: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("request", self._request)

    def _request(self, request: Any) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.strangers.append(request.url)

    def open(self, path: str = "") -> Any:
        self.page.goto(f"{self.address}/{path}")
        return self.page


@contextmanager
def serving(store: str | Path, prefix: str = "") -> Iterator[str]:
    """The address, without a slash at its end, of a fresh server of `store`, which need not exist yet."""
    command = [str(COMMAND), "ui", "--port", "0", "--no-open", "--backend-store-uri", str(store)]
    if prefix:
        command += ["--static-prefix", prefix]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None
        address = server.stdout.readline().strip()
        assert address.startswith("http://"), address
        yield address.removesuffix(prefix).rstrip("/") + prefix
    finally:
        server.kill()
        server.communicate()


@contextmanager
def watching(browser: Any, address: str, **options: Any) -> Iterator[Watched]:
    """A page of a fresh browser profile, in English and as wide as a desk's unless `options` say otherwise."""
    context = browser.new_context(**({"locale": "en-US", "viewport": DESK} | options))
    try:
        yield Watched(context.new_page(), address)
    finally:
        context.close()
