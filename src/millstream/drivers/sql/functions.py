"""SQL that databases write differently: each function means the same on all of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Text, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from millstream.formats.patterns import parse_pattern, print_pattern

# So many numbers are looked up one by one in PostgreSQL, which would otherwise go through a table of some thousands.
FEW = 128


class _Test(FunctionElement[bool]):
    """What is true or false."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Any:
        """Itself: SQLAlchemy would write ``… = 1`` for SQLite, which then uses no index."""
        return self


class Fold(FunctionElement[str]):
    """Text without its case: `fold`, which every SQLite connection registers, or the database's own lower()."""

    type = Text()
    inherit_cache = True


class Like(_Test):
    """``text LIKE pattern``, case-sensitive, with % and _ and no escape character."""

    inherit_cache = True


@compiles(Fold)
def _render_fold(element: Fold, compiler: SQLCompiler, **keywords: Any) -> str:
    # The columns sort by code point; the letters of all languages have a lower case only in the database's own order.
    return f'lower({compiler.process(element.clauses, **keywords)} COLLATE "default")'


@compiles(Fold, "sqlite")
def _render_sqlite_fold(element: Fold, compiler: SQLCompiler, **keywords: Any) -> str:
    return f"fold({compiler.process(element.clauses, **keywords)})"


@compiles(Like)
def _render_like(element: Like, compiler: SQLCompiler, **keywords: Any) -> str:
    return f"({_operands(element, compiler, keywords)} ESCAPE '')"


@compiles(Like, "sqlite")
def _render_sqlite_like(element: Like, compiler: SQLCompiler, **keywords: Any) -> str:
    # SQLite has no escape character unless asked for one, and refuses an empty one.
    return f"({_operands(element, compiler, keywords)})"


def _operands(element: Like, compiler: SQLCompiler, keywords: dict[str, Any]) -> str:
    text, pattern = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"{text} LIKE {pattern}"


class Matches(_Test):
    """Whether a pattern of `formats.patterns` is found in a text: by our own matcher, or PostgreSQL's, spelled out."""

    inherit_cache = True

    @staticmethod
    def pattern(text: ColumnElement[Any], pattern: str) -> Matches:
        """Whether `pattern` is found in `text`."""
        return Matches(text, literal(pattern, Text()), literal(print_pattern(parse_pattern(pattern)), Text()))


@compiles(Matches)
def _render_matches(element: Matches, compiler: SQLCompiler, **keywords: Any) -> str:
    text, _, pattern = element.clauses
    return f"({compiler.process(text, **keywords)} ~ {compiler.process(pattern, **keywords)})"


@compiles(Matches, "sqlite")
def _render_sqlite_matches(element: Matches, compiler: SQLCompiler, **keywords: Any) -> str:
    text, pattern, _ = element.clauses
    return f"rlike({compiler.process(pattern, **keywords)}, {compiler.process(text, **keywords)})"


class Contains(_Test):
    """``text contains part``, exactly as they are."""

    inherit_cache = True

    @staticmethod
    def word(text: ColumnElement[Any], word: str) -> Contains:
        """Whether `word` is in `text`, capital and small letters being the same.

        Turning the letters of all languages is slow in SQLite; a word of ASCII, or without such letters, needs less.
        """
        if word.isascii():
            return Contains(AsciiLower(text), literal(word.lower(), Text()))
        if word == word.lower() == word.upper() == word.casefold():
            return Contains(text, literal(word, Text()))
        return Contains(Fold(text), Fold(literal(word, Text())))


@compiles(Contains)
def _render_contains(element: Contains, compiler: SQLCompiler, **keywords: Any) -> str:
    text, part = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"(strpos({text}, {part}) > 0)"


@compiles(Contains, "sqlite")
def _render_sqlite_contains(element: Contains, compiler: SQLCompiler, **keywords: Any) -> str:
    text, part = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"(instr({text}, {part}) > 0)"


class AsciiLower(FunctionElement[str]):
    """Text with A to Z made small, other letters left alone."""

    type = Text()
    inherit_cache = True


@compiles(AsciiLower)
def _render_ascii_lower(element: AsciiLower, compiler: SQLCompiler, **keywords: Any) -> str:
    return f'lower({compiler.process(element.clauses, **keywords)} COLLATE "C")'


@compiles(AsciiLower, "sqlite")
def _render_sqlite_ascii_lower(element: AsciiLower, compiler: SQLCompiler, **keywords: Any) -> str:
    return f"lower({compiler.process(element.clauses, **keywords)})"


class Among(_Test):
    """Whether a text is one of a list, which is sent as one value, a JSON array, however long it is."""

    inherit_cache = True

    @staticmethod
    def texts(text: ColumnElement[Any], listed: Sequence[str]) -> ColumnElement[bool]:
        """Whether `text` is among `listed`."""
        return Among(text, literal(json.dumps(listed), Text()))

    @staticmethod
    def numbers(number: ColumnElement[Any], listed: Sequence[int]) -> ColumnElement[bool]:
        """Whether the whole number is among `listed`."""
        among = _AmongNumbers if len(listed) > FEW else _AmongFew
        return among(number, literal(json.dumps(listed), Text()))


class _AmongNumbers(_Test):
    inherit_cache = True


class _AmongFew(_Test):
    inherit_cache = True


# All pieces are SQL already: a column and the mark of a bound value.
@compiles(Among, "sqlite")
@compiles(_AmongNumbers, "sqlite")
@compiles(_AmongFew, "sqlite")
def _render_sqlite_among(element: _Test, compiler: SQLCompiler, **keywords: Any) -> str:
    one, listed = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"({one} IN (SELECT value FROM json_each({listed})))"  # noqa: S608


@compiles(Among)
def _render_among(element: Among, compiler: SQLCompiler, **keywords: Any) -> str:
    text, listed = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"({text} IN (SELECT jsonb_array_elements_text(CAST({listed} AS jsonb))))"


@compiles(_AmongNumbers)
def _render_among_numbers(element: _AmongNumbers, compiler: SQLCompiler, **keywords: Any) -> str:
    number, listed = (compiler.process(clause, **keywords) for clause in element.clauses)
    # A join: `= ANY(…)` would go through the whole list for every row.
    return f"({number} IN (SELECT unnest(CAST(translate({listed}, '[]', '{{}}') AS integer[]))))"


@compiles(_AmongFew)
def _render_among_few(element: _AmongFew, compiler: SQLCompiler, **keywords: Any) -> str:
    number, listed = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"({number} = ANY(CAST(translate({listed}, '[]', '{{}}') AS integer[])))"
