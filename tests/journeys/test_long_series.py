"""One point of ten million is seen, and one that is no number, whatever part of the series is looked at."""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.open import open_store
from millstream.tracking.client import MlflowClient
from millstream.values.queries import MetricCurves
from tests.journeys.pages import in_browser, serving, watching

pytestmark = in_browser
SPIKE, GAP = 3_500_001, 7_000_003
LONG, PIECE = 10_000_000, 70_000


USUAL = [repr(1 + rest / 10) for rest in range(7)]
UNUSUAL = {SPIKE: "900.0", GAP: "nan"}


def long_lines(start: int, stop: int) -> bytes:
    """Points of the long series, one of which is far from all others, and one no number."""
    lines = [f"{step} {USUAL[step % 7]} {step}\n" for step in range(start, stop)]
    for step, value in UNUSUAL.items():
        if start <= step < stop:
            lines[step - start] = f"{step} {value} {step}\n"
    return "".join(lines).encode()


def fill(store: Path) -> str:
    client = MlflowClient(str(store))
    run = client.create_run("0", run_name="long").info.run_id
    folder = next(store.glob(f"*/{run}")) / "metrics"
    folder.mkdir(exist_ok=True)
    with (folder / "loss").open("wb") as file:
        for start in range(0, LONG, PIECE):
            file.write(long_lines(start, min(start + PIECE, LONG)))
    client.set_terminated(run)
    # The first look at a file that nobody knows yet reads all of it, longer than a server lets a page wait.
    open_store(str(store)).read(MetricCurves(run_ids=(run,), keys=("loss",)))
    return run


def expect(thing: Any) -> Any:
    from playwright.sync_api import expect as wait_for

    return wait_for(thing)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The address of a server, and the run in it."""
    store = tmp_path_factory.mktemp("long") / "mlruns"
    run = fill(store)
    with serving(store) as address:
        yield address, run


def pixels(png: bytes) -> tuple[int, int, list[bytes]]:
    """Width, height, and rows of RGB of an 8-bit PNG without interlace (https://www.w3.org/TR/png-3/)."""
    file = io.BytesIO(png)
    file.read(8)
    data = b""
    width = height = channels = 0
    while head := file.read(8):
        size, kind = struct.unpack(">I4s", head)
        body = file.read(size)
        file.read(4)
        if kind == b"IHDR":
            width, height, _, color = struct.unpack(">IIBB", body[:10])
            channels = {2: 3, 6: 4}[color]
        elif kind == b"IDAT":
            data += body
    raw = zlib.decompress(data)
    rows: list[bytes] = []
    line = bytearray(width * channels)
    for row in range(height):
        start = row * (width * channels + 1)
        line = unfilter(raw[start], raw[start + 1 : start + 1 + width * channels], line, channels)
        rows.append(bytes(byte for place, byte in enumerate(line) if place % channels < 3))
    return width, height, rows


def unfilter(kind: int, line: bytes, above: bytearray, step: int) -> bytearray:
    out = bytearray(line)
    for place in range(len(line)):
        left = out[place - step] if place >= step else 0
        corner = above[place - step] if place >= step else 0
        up = above[place]
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = up
        elif kind == 3:
            guess = (left + up) // 2
        elif kind == 4:
            middle = left + up - corner
            guess = min((left, up, corner), key=lambda each: abs(middle - each))
        else:
            guess = 0
        out[place] = (out[place] + guess) & 255
    return out


def coloured(png: bytes, wanted: str) -> list[tuple[int, int]]:
    """Where a picture has nearly a colour."""
    red, green, blue = (int(wanted[place : place + 2], 16) for place in (1, 3, 5))
    width, _, rows = pixels(png)

    def near(row: bytes, x: int) -> bool:
        return abs(row[3 * x] - red) + abs(row[3 * x + 1] - green) + abs(row[3 * x + 2] - blue) < 110

    return [(x, y) for y, row in enumerate(rows) for x in range(width) if near(row, x)]


def zoomed(low: int, high: int) -> str:
    return f"&c.zoom={low}~{high}"


ZOOMS = {
    "all": "",
    "both": zoomed(SPIKE - 300_000, GAP + 90_000),
    **{f"spike in {2 * half}": zoomed(SPIKE - half, SPIKE + half) for half in (1_000_000, 500, 20)},
    **{f"NaN in {2 * half}": zoomed(GAP - half, GAP + half) for half in (1_000_000, 500, 20)},
}


def test_one_point_of_ten_million_and_a_nan_are_seen_at_every_zoom(browser: Any, place: tuple[str, str]) -> None:
    address, run = place
    with watching(browser, address) as watched:
        for name, zoom in ZOOMS.items():
            page = watched.open(f"r/{run}/metrics?c.full=loss{zoom}")
            spikes, gaps = not name.startswith("NaN"), not name.startswith("spike")
            panel = page.get_by_role("dialog", name="loss")
            highest = "highest 900" if spikes else "highest 1.6"
            expect(panel.get_by_role("img", name=re.compile(highest))).to_be_visible(timeout=60_000)
            expect(panel.locator(".chart-note")).to_have_count(1 if gaps else 0)
            page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
            picture = panel.locator(".chart-host").screenshot()
            # The spike is the only thing in the upper half of the chart, the cross of the NaN the only thing in red.
            if spikes:
                assert [at for at in coloured(picture, "#2f6fde") if 20 < at[1] < 150], name
            assert bool(coloured(picture, "#c42f42")) == gaps, name
        assert (watched.errors, watched.strangers) == ([], [])
