"""order_by clauses, ``key [ASC | DESC]`` each, → sort keys."""

from __future__ import annotations

from collections.abc import Sequence

from millstream.formats.filters.identifiers import resolve
from millstream.formats.filters.lexer import Source
from millstream.formats.filters.tree import OrderKey
from millstream.formats.filters.vocabulary import Vocabulary
from millstream.values.errors import InvalidValue

MAX_ORDER_KEYS = 16


def parse_order(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[OrderKey, ...]:
    """The sort keys of order_by, the weightiest first; a key named again is dropped, as it cannot matter."""
    if len(texts) > MAX_ORDER_KEYS:
        raise InvalidValue(f"order_by has {len(texts)} keys; at most {MAX_ORDER_KEYS} are allowed.")
    keys: dict[tuple[str, str], OrderKey] = {}
    for text in texts:
        key = _parse_one(text, vocabulary)
        keys.setdefault((key.entity, key.key), key)
    return tuple(keys.values())


def _parse_one(text: str, vocabulary: Vocabulary) -> OrderKey:
    source = Source(text, "order_by")
    tokens = source.tokens()
    if len(tokens) == 1:
        raise InvalidValue(f"Invalid order_by clause {text!r}: it names no key.")
    entity, key, _ = resolve(source, tokens[0], vocabulary, sorting=True)
    direction = tokens[1].word or "ASC"
    rest = 2 if tokens[1].word in ("ASC", "DESC") else 1
    if tokens[rest].kind != "end":
        fix = "Write 'key', 'key ASC' or 'key DESC', with backticks around an unusual key."
        if tokens[rest].text == ",":
            fix = "Give each key as an item of its own."
        raise source.error(tokens[rest].position, f"unexpected {tokens[rest].shown()}", fix)
    return OrderKey(entity.name, key, direction == "ASC")
