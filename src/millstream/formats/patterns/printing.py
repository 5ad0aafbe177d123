"""Trees → PostgreSQL's regular expressions, with every character spelled out: nothing is left to the locale."""

from __future__ import annotations

from millstream.formats.patterns.tree import FIRST, LAST, Chars, Choice, Edge, Pattern, Repeat, Sequence


def print_pattern(tree: Pattern) -> str:
    """An "advanced" regular expression of PostgreSQL that matches the same texts."""
    match tree:
        case Chars(((low, high),)) if low == high:
            return _code(low)
        case Chars(ranges):
            return _bracket(ranges)
        case Edge(end):
            return "$" if end else "^"
        case Sequence(items):
            return "".join(_enclosed(item) if isinstance(item, Choice) else print_pattern(item) for item in items)
        case Choice(items):
            return "|".join(map(print_pattern, items))
        case Repeat(item, low, high):
            most = "" if high is None else str(high)
            return f"{_enclosed(item)}{{{low},{most}}}"


def _enclosed(tree: Pattern) -> str:
    return f"(?:{print_pattern(tree)})"


def _bracket(ranges: tuple[tuple[int, int], ...]) -> str:
    if ranges == ((FIRST, LAST),):
        return "."
    if not ranges:
        return "[^\\u0001-\\U0010FFFF]"
    return f"[{''.join(_code(low) if low == high else f'{_code(low)}-{_code(high)}' for low, high in ranges)}]"


def _code(code: int) -> str:
    character = chr(code)
    if character.isascii() and character.isalnum():
        return character
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
