"""A progress bar on stderr, for a person at a terminal; a program that reads stderr gets none."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from millstream.values.settings import setting

Progress = Callable[[int, int], None]
T = TypeVar("T")

# What is done before anybody wonders needs no bar.
PATIENCE_SECONDS = 0.5
_EVERY_SECONDS = 0.1
_BAR = 30
BYTES = "B"
"""Unit of amounts that are shown in kB, MB or GB."""
_UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9}


def progress_bar(label: str, unit: str = "runs") -> Progress | None:
    """A function that shows how many of how many `unit` are done; None when stderr is no terminal.

    It draws nothing in its first half second, and ends the line when all are done; it may then be used again.
    """
    return _Bar(label, unit).show if at_terminal() else None


def transfer_bar(label: str) -> Progress | None:
    """As `progress_bar`, of bytes of artifacts; None also where the setting says that none is wanted."""
    return progress_bar(label, BYTES) if at_terminal() and setting("ARTIFACT_PROGRESS") else None


def at_terminal() -> bool:
    """Whether a person sees what is written to stderr."""
    return sys.stderr is not None and sys.stderr.isatty()


def show_progress(items: Sequence[T], label: str, unit: str = "runs") -> Iterator[T]:
    """Hand out `items` with a progress bar, when stderr is a terminal."""
    show = progress_bar(label, unit)
    for done, item in enumerate(items, 1):
        yield item
        if show is not None:
            show(done, len(items))


class _Bar:
    def __init__(self, label: str, unit: str) -> None:
        self._label = label
        self._unit = unit
        self._restart()

    def _restart(self) -> None:
        self._began: tuple[float, int] | None = None
        self._drawn = 0.0

    def show(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._began is None:
            self._began = now, done
        began, first = self._began
        finished = done >= total
        patient = now - began < PATIENCE_SECONDS or now - self._drawn < _EVERY_SECONDS
        if self._drawn if finished else not patient:
            left = (now - began) * (total - done) / max(done - first, 1)
            self._draw(done, total, "" if finished else f", {int(left) // 60}:{int(left) % 60:02d} left")
            self._drawn = now
        if finished:
            self._restart()

    def _draw(self, done: int, total: int, left: str) -> None:
        filled = _BAR * done // max(total, 1)
        count = _sizes(done, total) if self._unit == BYTES else f"{done:,} of {total:,} {self._unit}"
        line = f"{'█' * filled}{'░' * (_BAR - filled)} {self._label}: {count}{left}"
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r{line[:width]:<{width}}" + ("\n" if done >= total else ""))
        sys.stderr.flush()


def _sizes(done: int, total: int) -> str:
    unit = next((unit for unit in ("GB", "MB", "kB") if total >= _UNITS[unit]), "B")
    return f"{done / _UNITS[unit]:,.1f} of {total / _UNITS[unit]:,.1f} {unit}"
