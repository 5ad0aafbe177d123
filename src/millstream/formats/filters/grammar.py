"""Recursive-descent parser of filters.

    filter      := [ disjunction [ AND ] ]
    disjunction := conjunction { OR conjunction }
    conjunction := factor { AND factor }
    factor      := NOT factor | "(" disjunction ")" | comparison
    comparison  := key comparator value | key [NOT] IN "(" string { "," string } [","] ")" | key IS [NOT] NULL

MLflow knows AND only (a trailing AND is forgiven); OR, NOT and parentheses are Millstream's. Keywords take any case.
A key is ``entity.name``, or a name alone for an attribute; ``metrics.name.min`` is a part of a metric.
Numbers are integers or decimals, and ``inf`` and, for metrics, ``nan``.
"""

from __future__ import annotations

import math

from millstream.formats.filters.identifiers import Named, resolve
from millstream.formats.filters.lexer import Source, Token, shorten
from millstream.formats.filters.tree import And, Comparison, Node, Not, Or, Value
from millstream.formats.filters.vocabulary import NUMERIC, Vocabulary
from millstream.formats.patterns import parse_pattern
from millstream.values.errors import InvalidValue
from millstream.values.names import INT64_MAX, INT64_MIN

MAX_CLAUSES = 64
MAX_NESTING = 32
MAX_WORDS = 16

_KEYWORDS = ("AND", "OR", "IN", "IS", "LIKE", "ILIKE", "RLIKE", "CONTAINS", "BETWEEN", "NULL")
_INFINITE = ("INF", "INFINITY")


def parse_filter(text: str | None, vocabulary: Vocabulary) -> Node | None:
    """The meaning of a filter, None for an empty one; InvalidValue with place and remedy for anything else."""
    if not text or not text.strip():
        return None
    return _Parser(Source(text, "filter string"), vocabulary).parse()


class _Parser:
    def __init__(self, source: Source, vocabulary: Vocabulary) -> None:
        self.source = source
        self.vocabulary = vocabulary
        self.tokens = source.tokens()
        self.next = 0
        self.clauses = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.next]

    def take(self) -> Token:
        token = self.tokens[self.next]
        if token.kind != "end":
            self.next += 1
        return token

    def accept(self, word: str) -> bool:
        if self.token.word != word:
            return False
        self.next += 1
        return True

    def parse(self) -> Node:
        node = self.disjunction()
        if self.token.kind != "end":
            raise self.unexpected()
        return node

    def unexpected(self) -> InvalidValue:
        token = self.token
        fix = "Join comparisons with AND or OR."
        if token.text == ";":
            fix = "Leave the semicolon out."
        elif token.text == ")":
            fix = "Remove it, or open a parenthesis before."
        return self.source.error(token.position, f"unexpected {token.shown()}", fix)

    def disjunction(self) -> Node:
        clauses = [self.conjunction()]
        while self.accept("OR"):
            clauses.append(self.conjunction())
        return clauses[0] if len(clauses) == 1 else Or(tuple(clauses))

    def conjunction(self) -> Node:
        clauses = [self.factor()]
        while self.accept("AND"):
            if self.token.kind == "end":
                break
            clauses.append(self.factor())
        return clauses[0] if len(clauses) == 1 else And(tuple(clauses))

    def factor(self) -> Node:
        if self.token.text != "(" and self.token.word != "NOT":
            return self.comparison()
        opening = self.take()
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise self.source.error(opening.position, f"nested deeper than {MAX_NESTING} levels")
        if opening.text == "(":
            node = self.disjunction()
            if self.token.text != ")":
                problem = f"expected ')' for the '(' of character {opening.position + 1}, found {self.token.shown()}"
                raise self.source.error(self.token.position, problem)
            self.take()
        else:
            node = Not(self.factor())
        self.depth -= 1
        return node

    def comparison(self) -> Comparison:
        start = self.take()
        if start.kind == "end" or start.word in _KEYWORDS:
            raise self.source.error(start.position, f"expected a comparison, found {start.shown()}")
        self.clauses += 1
        if self.clauses > MAX_CLAUSES:
            raise InvalidValue(f"The filter has more than {MAX_CLAUSES} comparisons; split the search.")
        named = resolve(self.source, start, self.vocabulary)
        place = self.token.position
        op = self.comparator(start)
        if op not in named.field.comparators:
            raise InvalidValue(
                f"Invalid comparator {op!r} for {shorten(start.text)} at character {place + 1}. "
                f"Valid comparators are {', '.join(named.field.comparators)}."
            )
        value = self.value(op, start, named)
        return Comparison(named.entity.name, named.key, op, value, start.position, named.part, named.bare)

    def comparator(self, start: Token) -> str:
        token = self.take()
        if token.kind == "operator":
            if token.text in ("==", "<>"):
                instead = "=" if token.text == "==" else "!="
                raise self.source.error(token.position, f"{token.text!r} is not a comparator", f"Write {instead!r}.")
            return token.text
        if token.word in ("LIKE", "ILIKE", "RLIKE", "CONTAINS", "IN"):
            return token.word
        if token.word == "IS":
            op = "IS NOT NULL" if self.accept("NOT") else "IS NULL"
            if not self.accept("NULL"):
                raise self.source.error(self.token.position, f"expected NULL after IS, found {self.token.shown()}")
            return op
        if token.word == "NOT" and self.accept("IN"):
            return "NOT IN"
        if token.word == "NOT":
            raise self.source.error(
                token.position, "'NOT' in place of a comparator", "Put NOT before the whole comparison."
            )
        if token.word == "BETWEEN":
            raise self.source.error(token.position, "BETWEEN is not supported", "Write key >= low AND key <= high.")
        raise self.source.error(
            token.position, f"expected a comparator after {shorten(start.text)}, found {token.shown()}"
        )

    def value(self, op: str, start: Token, named: Named) -> Value:
        if op.endswith("NULL"):
            return None
        if op.endswith("IN"):
            return self.listed(start)
        token = self.take()
        if token.kind == "end":
            raise self.source.error(token.position, f"expected a value for {shorten(start.text)}, found the end")
        if named.field.numeric or (named.field.numbers and op in NUMERIC and _may_be_number(op, token)):
            return self.number(token, start, named)
        text = self.string(token, start)
        if op == "RLIKE":
            parse_pattern(text)
        elif op == "CONTAINS" and not 1 <= len(text.split()) <= MAX_WORDS:
            raise self.source.error(token.position, f"expected one to {MAX_WORDS} words, found {token.shown()}")
        return text

    def string(self, token: Token, start: Token) -> str:
        if token.kind != "string":
            raise self.source.error(
                token.position,
                f"expected a quoted string value for {shorten(start.text)}, found {token.shown()}",
                "Put the value in single quotes.",
            )
        if self.token.kind == "string" and self.token.position == token.position + len(token.text):
            fix = "Strings have no escapes: put text with single quotes in double quotes, and the reverse."
            raise self.source.error(self.token.position, "a quote inside a string", fix)
        return token.content

    def listed(self, start: Token) -> tuple[str, ...]:
        opening = self.take()
        if opening.text != "(":
            problem = f"expected a list in parentheses for {shorten(start.text)}, found {opening.shown()}"
            raise self.source.error(opening.position, problem, "Write it as ('a', 'b').")
        items: list[str] = []
        while self.token.text != ")":
            items.append(self.string(self.take(), start))
            if self.token.text != ",":
                break
            self.take()
        closing = self.take()
        if closing.text != ")":
            raise self.source.error(closing.position, f"expected ',' or ')' in the list, found {closing.shown()}")
        if not items:
            raise self.source.error(
                opening.position, f"an empty list for {shorten(start.text)}", "Name at least one string."
            )
        return tuple(items)

    def number(self, token: Token, start: Token, named: Named) -> float | int:
        field = named.field
        text = token.content.strip() if field.quoted and token.kind == "string" else token.text
        if token.kind in ("number", "word") or text != token.text:
            value = _number(text)
            if value is not None and (field.nan or value == value):
                return value
        raise self.source.error(
            token.position,
            f"expected a numeric value for {shorten(start.text)}, found {token.shown()}",
            "Write the number without quotes." if token.kind == "string" and not field.quoted else "",
        )


def _may_be_number(op: str, token: Token) -> bool:
    """Whether a param is compared with a number: always by ``<`` and its like, else when no quote is there."""
    return op not in ("=", "!=") or token.kind == "number" or token.word.lstrip("+-") in _INFINITE


def _number(text: str) -> float | int | None:
    """The number `text` stands for: an int where it is one and fits 64 bits, else a float; None for other text."""
    word = text.lstrip("+-").upper()
    if word in _INFINITE:
        return -math.inf if text.startswith("-") else math.inf
    if word == "NAN":
        return math.nan
    try:
        value = float(text)
    except ValueError:
        return None
    if len(text) <= 20 and text.lstrip("+-").isdecimal() and INT64_MIN <= int(text) <= INT64_MAX:
        return int(text)
    return value
