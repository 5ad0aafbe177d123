"""A progress bar on stderr, for a person at a terminal; a program that reads stderr gets none."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import click

Progress = Callable[[int, int], None]
T = TypeVar("T")

# What is done before anybody wonders needs no bar.
PATIENCE_SECONDS = 0.5
_EVERY_SECONDS = 0.1
_BAR = 30


def progress_bar(label: str, unit: str = "runs") -> Progress | None:
    """A function that shows how many of how many `unit` are done; None when stderr is no terminal.

    It draws nothing in its first half second, and ends the line when all are done; it may then be used again.
    """
    return _Bar(label, unit).show if sys.stderr.isatty() else None


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
        line = f"{'█' * filled}{'░' * (_BAR - filled)} {self._label}: {done:,} of {total:,} {self._unit}{left}"
        width = shutil.get_terminal_size().columns - 1
        click.echo(f"\r{line[:width]:<{width}}", err=True, nl=done >= total)
