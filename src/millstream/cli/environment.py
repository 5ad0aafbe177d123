"""`--env-file`: environment variables from a file."""

from __future__ import annotations

import os
import re
from pathlib import Path

from millstream.values.errors import InvalidValue

_LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)", re.ASCII)


def load(path: str) -> None:
    """Set the variables of a file of ``NAME=value`` lines; those that are set already keep their value.

    A value may stand in single or double quotes; nothing in it is expanded. Empty lines and lines that start with # are
    skipped; any other line is an InvalidValue that names it.
    """
    for name, value in _read(path).items():
        os.environ.setdefault(name, value)


def _read(path: str) -> dict[str, str]:
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"The environment file {path!r} cannot be read: {error}.") from error
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None or "\0" in line:
            raise InvalidValue(f"Line {number} of the environment file {path!r} is not NAME=value.")
        found[match["name"]] = _unquoted(match["value"])
    return found


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value.split(" #", 1)[0].rstrip()
