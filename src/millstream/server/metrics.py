"""What the processes of a server have counted, for Prometheus: the door ``/metrics``."""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import psutil
from anyio import to_thread
from msgspec import Struct
from starlette.requests import Request
from starlette.responses import Response

from millstream.formats.exposition import MEDIA_TYPE, Family, Sample, histogram, write_families
from millstream.formats.wire.needs import USER
from millstream.server.counts import (
    BUCKETS,
    FILES,
    GAUGE,
    GROUP,
    PROCESS,
    RECEIVED,
    REQUEST,
    SECONDS,
    SENT,
    SIZES,
    TIMES,
    Counts,
)
from millstream.server.doors import Door
from millstream.values.version import VERSION

PATH = "/metrics"
REFUSALS = ("408", "413", "429", "431", "503", "504")
"""Statuses of requests that were too slow, too long, too many, or not to be answered in time."""

Labels = tuple[tuple[str, str], ...]


class Metrics(Struct, frozen=True):
    """Tells what was counted by all processes together, whichever of them is asked."""

    counts: Counts

    @property
    def doors(self) -> tuple[Door, ...]:
        """The way in; where users log in it is for them, with whatever token."""
        return (Door(path=PATH, answer=self.answer, needs=USER),)

    async def answer(self, _request: Request) -> Response:
        """All numbers, as they are now."""
        text = await to_thread.run_sync(self.write)
        return Response(text, 200, {"content-type": MEDIA_TYPE, "cache-control": "no-store"})

    def write(self) -> str:
        """The text of all numbers."""
        found = self.counts.slots.read()
        pids = [int(row[0]) for row in found.pop((PROCESS,))]
        rows = {key: _added_up(in_slots) for key, in_slots in found.items()}
        return write_families([*_families(rows), *_of_processes(self.counts.main, pids)])


def _added_up(rows: Iterable[list[float]]) -> list[float]:
    return [sum(column) for column in zip(*rows, strict=True)]


def _families(rows: dict[tuple[str, ...], list[float]]) -> Iterator[Family]:
    requests = {key[1:]: row for key, row in rows.items() if key[0] == REQUEST}
    yield from _of_requests(requests)
    yield Family(
        "millstream_http_requests_in_flight", "gauge", "Requests under way.", [Sample(rows[GAUGE, "in_flight"][0])]
    )
    yield Family(
        "millstream_artifact_bytes_total",
        "counter",
        "Bytes of artifacts that went through this server: in from callers, out to them.",
        [Sample(count, {"direction": way}) for way, count in zip(("in", "out"), rows[FILES,], strict=True)],
    )
    yield Family(
        "millstream_queue_depth",
        "gauge",
        "Requests that wait for a thread of the store.",
        [Sample(rows[GAUGE, crew][0], {"queue": crew}) for crew in ("reads", "writes")],
    )
    total, *sizes = rows[GROUP,]
    yield Family(
        "millstream_write_group_size",
        "histogram",
        "How many small writes that came at the same time were done as one.",
        histogram({}, SIZES, sizes, total),
    )
    built = {"version": VERSION, "python": platform.python_version()}
    yield Family("millstream_build_info", "gauge", "What runs here; the number says nothing.", [Sample(1, built)])


def _of_requests(requests: dict[tuple[str, ...], list[float]]) -> Iterator[Family]:
    by_route: dict[Labels, list[list[float]]] = defaultdict(list)
    refused: dict[str, float] = defaultdict(float)
    total = []
    for (method, route, status), row in sorted(requests.items()):
        count = sum(row[BUCKETS:])
        total.append(Sample(count, {"method": method, "route": route, "status": status}))
        by_route[("method", method), ("route", route)].append(row)
        if status in REFUSALS:
            refused[status] += count
    sums = {labels: _added_up(found) for labels, found in by_route.items()}
    yield Family("millstream_http_requests_total", "counter", "Requests that were answered.", total)
    yield Family(
        "millstream_http_request_duration_seconds",
        "histogram",
        "How long requests took, from their head to the end of the answer.",
        [one for labels, row in sums.items() for one in histogram(dict(labels), SECONDS, row[BUCKETS:], row[TIMES])],
    )
    for name, column, what in (
        ("request", RECEIVED, "Bytes of the bodies of requests."),
        ("response", SENT, "Bytes of the bodies of answers."),
    ):
        samples = [Sample(row[column], dict(labels)) for labels, row in sums.items()]
        yield Family(f"millstream_http_{name}_bytes_total", "counter", what, samples)
    yield Family(
        "millstream_http_refusals_total",
        "counter",
        "Requests that were too many (429), too long (413, 431), too slow (408), or not to be answered (503, 504).",
        [Sample(refused[status], {"status": status}) for status in REFUSALS],
    )


class _Process(Struct, frozen=True):
    """What the system says of a process."""

    resident: int
    seconds: float
    files: int
    started: float


def _of_processes(main: int, workers: Iterable[int]) -> Iterator[Family]:
    """Figures of the whole server: of its first process and of all that answer."""
    found = {pid: process for pid in {main, *workers} if (process := _look(pid, ended=pid == main)) is not None}
    living = [process for pid, process in found.items() if pid != main or main in set(workers)]
    yield Family("millstream_workers", "gauge", "Processes that answer.", [Sample(len(living))])
    memory = [Sample(sum(process.resident for process in found.values()))]
    about = "Memory; what processes share is counted in each."
    yield Family("process_resident_memory_bytes", "gauge", about, memory)
    spent = [Sample(sum(process.seconds for process in found.values()))]
    yield Family("process_cpu_seconds_total", "counter", "Processor time, in seconds.", spent)
    files = [Sample(sum(process.files for process in found.values()))]
    yield Family("process_open_fds", "gauge", "Open files and connections.", files)
    if main in found:
        about = "When the server started, in seconds since 1970."
        yield Family("process_start_time_seconds", "gauge", about, [Sample(found[main].started)])


def _look(pid: int, *, ended: bool) -> _Process | None:
    """What is known of a process, and with `ended` the time that its ended children took; None if it is gone."""
    try:
        process: Any = psutil.Process(pid)  # its methods differ from system to system
        with process.oneshot():
            times = process.cpu_times()
            seconds = times.user + times.system
            if ended:
                seconds += times.children_user + times.children_system
            files = process.num_fds() if os.name != "nt" else process.num_handles()
            return _Process(process.memory_info().rss, seconds, files, process.create_time())
    except psutil.Error:
        return None
