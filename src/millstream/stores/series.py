"""A series in parts, each with a digest: what is drawn costs what is drawn, whatever the points are kept in."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from threading import Lock
from typing import Any, Protocol

from msgspec import Struct

from millstream.formats.segments import Columns, Digest
from millstream.formats.stretches import Stretch
from millstream.values.entities import Metric, Page

# Ten million points at even steps take 125 MB, so that all of them can be panned and zoomed.
MEMORY = 160 * 1024 * 1024


class Changed(Exception):
    """The points were written anew while they were read."""


class Part(Struct, gc=False):
    """Neighbouring points of a series. Parts with the same `key` hold the same points for ever."""

    key: Hashable
    digest: Digest
    # For the store: where the points are, or the points themselves.
    place: Any = None
    columns: Columns | None = None


class Series(Protocol):
    """One series as it is now; `parts` in the order they were written."""

    @property
    def parts(self) -> Sequence[Part]:
        """All parts."""
        ...

    def load(self, parts: Sequence[Part]) -> Iterator[Columns]:
        """The points of `parts`, which are some of `self.parts`, in their order. Changed when they are no more."""
        ...


class Points(Protocol):
    """What a store knows of points; NotFound for an unknown run."""

    @property
    def cache(self) -> Cache:
        """Where points are kept in memory."""
        ...

    def page(self, run_id: str, key: str, token: str | None, limit: int) -> Page[Metric]:
        """At most `limit` points in the order they were written, from where `token` says."""
        ...

    def series(self, run_id: str, key: str, *, afresh: bool = False) -> AbstractContextManager[Series]:
        """The series, for as long as the context lasts; `afresh` looks at all of it again."""
        ...

    def several(self, run_ids: Sequence[str], keys: Sequence[str]) -> Iterator[tuple[str, str, Series]]:
        """Run, key and series of each of `keys` of each of `run_ids`; each lasts until the next is asked for.

        Such without points may be left out.
        """
        ...

    def start_time(self, run_id: str) -> int | None:
        """When the run started, in ms since 1970."""
        ...


class _Entry(Struct, gc=False):
    value: Any
    size: int
    tick: int


class Cache:
    """What was read lately, up to a number of bytes. Safe for threads."""

    def __init__(self, memory: int = MEMORY) -> None:
        """Keep at most `memory` bytes."""
        self._memory = memory
        self._used = 0
        self._tick = 0
        self._lock = Lock()
        self._held: OrderedDict[Hashable, _Entry] = OrderedDict()

    def tick(self) -> int:
        """A number greater than all before."""
        with self._lock:
            self._tick += 1
            return self._tick

    def get(self, key: Hashable, tick: int) -> Any:
        """What was kept under `key`, None when nothing (any more); used at `tick`."""
        return self.get_all([key], tick)[0]

    def get_all(self, keys: Iterable[Hashable], tick: int) -> list[Any]:
        """As `get` for each of `keys`."""
        with self._lock:
            return [None if (entry := self._used_at(key, tick)) is None else entry.value for key in keys]

    def _used_at(self, key: Hashable, tick: int) -> _Entry | None:
        entry = self._held.get(key)
        if entry is not None:
            entry.tick = tick
            self._held.move_to_end(key)
        return entry

    def put(self, key: Hashable, value: Any, size: int, tick: int) -> None:
        """Keep `value` of `size` bytes; what was used longest ago goes, but nothing that was used at `tick` or later.

        So what does not fit as a whole stays in part, instead of each item pushing out the one needed next.
        """
        with self._lock:
            before = self._held.pop(key, None)
            if before is not None:
                self._used -= before.size
            while self._used + size > self._memory:
                oldest = next(iter(self._held), None)
                if oldest is None or self._held[oldest].tick >= tick:
                    return
                self._used -= self._held.pop(oldest).size
            self._held[key] = _Entry(value, size, tick)
            self._used += size


def stretches(series: Series, parts: Sequence[Part], x: int, cache: Cache) -> Iterator[Stretch]:
    """The points of `parts` in their order, each in the order of `x`, from memory where they are there."""
    tick = cache.tick()
    # Points that are in order by step and by time are one stretch for both.
    names = [(part.key, None if part.digest.by_step is part.digest.by_time else x) for part in parts]
    held = cache.get_all(names, tick)
    missing = series.load([part for part, stretch in zip(parts, held, strict=True) if stretch is None])
    for part, name, stretch in zip(parts, names, held, strict=True):
        if stretch is not None:
            yield stretch
            continue
        made = Stretch(next(missing), x)
        if part.columns is None:
            cache.put(name, made, made.size, tick)
        yield made
