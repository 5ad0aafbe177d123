"""order_by clauses, ``key [ASC | DESC]`` each, → sort keys. ``number(params.x)`` sorts a param as a number."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import structs

from millstream.formats.filters.identifiers import Named, resolve
from millstream.formats.filters.lexer import Source, Token
from millstream.formats.filters.tree import OrderKey
from millstream.formats.filters.vocabulary import NUMBER, Vocabulary
from millstream.values.errors import InvalidValue

MAX_ORDER_KEYS = 16


def parse_order(texts: Sequence[str], vocabulary: Vocabulary) -> tuple[OrderKey, ...]:
    """The sort keys of order_by, the weightiest first; a key named again is dropped, as it cannot matter."""
    if len(texts) > MAX_ORDER_KEYS:
        raise InvalidValue(f"order_by has {len(texts)} keys; at most {MAX_ORDER_KEYS} are allowed.")
    keys: dict[tuple[str, str, str], OrderKey] = {}
    for text in texts:
        key = _parse_one(text, vocabulary)
        keys.setdefault((key.entity, key.key, key.part), key)
    return tuple(keys.values())


def parse_key(text: str, vocabulary: Vocabulary, what: str) -> OrderKey:
    """What a key alone names; it is one that can be sorted by. `what` says in errors what is read."""
    source = Source(text, what)
    tokens = source.tokens()
    if len(tokens) == 1:
        raise InvalidValue(f"Invalid key {text!r} in {what}: it is empty.")
    named = resolve(source, tokens[0], vocabulary, sorting=True)
    if len(tokens) > 2:
        raise source.error(
            tokens[1].position,
            f"unexpected {tokens[1].shown()}",
            "Put backticks around an unusual key.",
        )
    return OrderKey(named.entity.name, named.key, part=named.part, bare=named.bare)


def _parse_one(text: str, vocabulary: Vocabulary) -> OrderKey:
    source = Source(text, "order_by")
    tokens = source.tokens()
    if len(tokens) == 1:
        raise InvalidValue(f"Invalid order_by clause {text!r}: it names no key.")
    if tokens[0].word == "NUMBER" and tokens[1].text == "(":
        named, rest = _number(source, tokens, vocabulary), 4
    else:
        named, rest = resolve(source, tokens[0], vocabulary, sorting=True), 1
    direction = tokens[rest].word or "ASC"
    rest += direction in ("ASC", "DESC") and tokens[rest].kind != "end"
    if tokens[rest].kind != "end":
        fix = "Write 'key', 'key ASC' or 'key DESC', with backticks around an unusual key."
        if tokens[rest].text == ",":
            fix = "Give each key as an item of its own."
        raise source.error(tokens[rest].position, f"unexpected {tokens[rest].shown()}", fix)
    return OrderKey(named.entity.name, named.key, direction == "ASC", named.part, named.bare)


def _number(source: Source, tokens: list[Token], vocabulary: Vocabulary) -> Named:
    """What stands in ``number(…)``, the start of `tokens`."""
    named = resolve(source, tokens[2], vocabulary, sorting=True)
    if not named.field.numbers:
        raise source.error(tokens[2].position, f"{tokens[2].shown()} in number(…)", "Only params are sorted so.")
    if tokens[3].text != ")":
        raise source.error(tokens[3].position, f"expected ')', found {tokens[3].shown()}")
    return structs.replace(named, part=NUMBER)
