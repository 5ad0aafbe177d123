"""What commands print: tables for people, JSON for programs, both right for any text."""

from __future__ import annotations

import json
import math
import time
import unicodedata
from collections.abc import Sequence
from typing import Any

import click
import msgspec


def echo_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print left-aligned columns two spaces apart, under headers and a dashed rule; wide characters count double."""
    cells = [[visible(cell) for cell in row] for row in rows]
    widths = [max(map(text_width, column)) for column in zip(headers, *cells, strict=True)]
    lines = [headers, ["-" * width for width in widths], *cells]
    click.echo("\n".join(_line(line, widths) for line in lines))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell + " " * (width - text_width(cell)) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(padded).rstrip()


def text_width(text: str) -> int:
    """Columns that `text` takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    # Medial and final jamo of decomposed Korean (file names from macOS) join the syllable before them.
    if unicodedata.category(character) in ("Mn", "Me", "Cf") or "\u1160" <= character <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def visible(text: str) -> str:
    """`text` with control, line-breaking and direction-changing characters as escapes: it stays on its line."""
    if text.isprintable():
        return text
    return "".join(_escape(character) if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or unicodedata.bidirectional(character) in (
        "LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI",
    )  # fmt: skip


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()


def echo_json(value: Any, *, indent: int | None = 4) -> None:
    """Print `value` as standard JSON; NaN and the infinities become the strings ``"NaN"``, ``"Infinity"``, …."""
    click.echo(json.dumps(_plain(msgspec.to_builtins(value)), ensure_ascii=False, indent=indent))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return number_text(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def size_text(size: int | None) -> str:
    """Bytes in the unit that suits, of 1,024 each; "unknown" for None."""
    if size is None:
        return "unknown"
    number, units = float(size), ["B", "KiB", "MiB", "GiB", "TiB"]
    while number >= 1024 and len(units) > 1:
        number /= 1024
        units.pop(0)
    return f"{size} B" if units[0] == "B" else f"{number:.1f} {units[0]}"


def count_text(number: int, what: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def number_text(value: float) -> str:
    """A metric value as text that reads back as the same number."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    return repr(value)


def local_time(milliseconds: int | None) -> str:
    """Date and time here, with the name of the time zone; "" for none."""
    if milliseconds is None:
        return ""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(milliseconds / 1000))
    except (OverflowError, OSError, ValueError):
        return f"{milliseconds} ms"


def duration(start: int | None, end: int | None) -> str:
    """How long something took, in the unit that suits; "" when it has not ended."""
    if start is None or end is None:
        return ""
    seconds = (end - start) / 1000
    if abs(seconds) < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes}m {rest}s" if hours else f"{minutes}m {rest}s"
