"""Artifact directories outside of the tree are made with their run: one that is missing later is of a moved tree."""

from __future__ import annotations

from contextlib import suppress

from millstream.formats.mlruns.layout import META
from millstream.values.paths import Location


def make_home(location: Location) -> None:
    """Make the directory that an experiment's location names, when it is on this machine.

    Where it cannot be made, the first file that goes there tells why.
    """
    if location.local is not None:
        with suppress(OSError):
            location.local.mkdir(parents=True, exist_ok=True)


def make_place(home: Location, place: Location) -> None:
    """Make the directory `place` of a run's artifacts, when its experiment keeps these outside of any tree.

    Without it, a place such as ``/data/<experiment>/<run>/artifacts`` that has no file yet looks like that of a tree
    that was moved away from ``/data``. Where `home` is gone, or an experiment of another tree, this tree was moved.
    """
    if home.local is not None and home.local.is_dir() and not (home.local / META).exists():
        make_home(place)
