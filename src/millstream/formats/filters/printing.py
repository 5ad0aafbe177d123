"""Trees → text that parses to the same tree."""

from __future__ import annotations

import re

from millstream.formats.filters.tree import And, Comparison, Node, Not, Or, OrderKey
from millstream.formats.filters.vocabulary import NUMBER
from millstream.values.errors import InvalidValue

_BARE = re.compile(r"\w+")


def print_filter(node: Node) -> str:
    """The filter that means `node`; InvalidValue for a key or string that no quoting can hold."""
    match node:
        case Comparison():
            return _print_comparison(node)
        case And(clauses):
            return " AND ".join(map(_enclosed, clauses))
        case Or(clauses):
            return " OR ".join(map(_enclosed, clauses))
        case Not(clause):
            return f"NOT {_enclosed(clause)}"


def print_order(key: OrderKey) -> str:
    """The order_by clause that means `key`."""
    text = _print_key(key.entity, key.key, "" if key.part == NUMBER else key.part, key.bare)
    return f"{f'number({text})' if key.part == NUMBER else text} {'ASC' if key.ascending else 'DESC'}"


def _enclosed(node: Node) -> str:
    return f"({print_filter(node)})" if isinstance(node, And | Or) else print_filter(node)


def _print_comparison(node: Comparison) -> str:
    left = f"{_print_key(node.entity, node.key, node.part, node.bare)} {node.op}"
    if node.value is None:
        return left
    if isinstance(node.value, tuple):
        return f"{left} ({', '.join(map(_quoted, node.value))})"
    return f"{left} {_quoted(node.value) if isinstance(node.value, str) else repr(node.value)}"


def _print_key(entity: str, key: str, part: str, bare: bool) -> str:
    end = f".{part}" if part else ""
    if bare or (not part and _BARE.fullmatch(key)):
        return f"{entity}.{key}{end}"
    for quote in '`"':
        if quote not in key:
            return f"{entity}.{quote}{key}{quote}{end}"
    raise InvalidValue(f"The key {key!r} has both backticks and double quotes; no filter can name it.")


def _quoted(text: str) -> str:
    for quote in "'\"":
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise InvalidValue(f"The string {text!r} has both kinds of quotes; no filter can hold it.")
