"""Which file systems a directory lies on, as Linux's mountinfo says (man 5 proc_pid_mountinfo)."""

from __future__ import annotations

import os
import re

TABLE = "/proc/self/mountinfo"

# File systems of which this machine's kernel makes every change itself, whoever asks for it. Another machine, or a
# process behind FUSE, changes the others without a word. An overlay tells what is changed through it.
LOCAL = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "ramfs", "reiserfs", "tmpfs", "xfs", "zfs"}
)

_ESCAPE = re.compile(rb"\\([0-7]{3})")


def read_mounts() -> list[tuple[str, str]]:
    """(place, type) of every mounted file system, in the order they were mounted; [] where nobody says."""
    try:
        with open(TABLE, "rb") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        fields, _, rest = line.partition(b" - ")
        place = _ESCAPE.sub(lambda octal: bytes([int(octal[1], 8) & 0xFF]), fields.split(b" ")[4])
        found.append((os.fsdecode(place), os.fsdecode(rest.partition(b" ")[0])))
    return found


def is_local(path: str, mounts: list[tuple[str, str]]) -> bool:
    """Whether the real path `path` lies on a file system whose changes this machine's kernel knows; False if unsure."""
    kind, longest = "", 0
    for place, its_kind in mounts:
        # The later mount hides an earlier one at the same place.
        if holds(place, path) and len(place) >= longest:
            kind, longest = its_kind, len(place)
    return kind in LOCAL


def holds(place: str, path: str) -> bool:
    """Whether `path` is `place` or lies below it; both are real paths."""
    return path == place or path.startswith(place.rstrip("/") + "/")
