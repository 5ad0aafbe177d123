"""Filters as a whole: every tree survives printing and parsing; no text does anything but parse or be refused."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from millstream.formats.filters import (
    EXPERIMENTS,
    MODELS,
    RUNS,
    VERSIONS,
    And,
    Comparison,
    Node,
    Not,
    Or,
    OrderKey,
    Vocabulary,
    parse_filter,
    parse_order,
    print_filter,
    print_order,
)
from millstream.formats.filters.vocabulary import ANY, NUMERIC
from millstream.values.errors import InvalidValue

VOCABULARIES = (RUNS, EXPERIMENTS, MODELS, VERSIONS)
plain = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
keys = st.text(plain, min_size=1, max_size=8).filter(lambda key: not ("`" in key and '"' in key))
strings = st.text(plain, max_size=8).filter(lambda text: not ("'" in text and '"' in text))
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)


@st.composite
def comparisons(draw: st.DrawFn, vocabulary: Vocabulary) -> Comparison:
    entity = draw(st.sampled_from(vocabulary.entities))
    key = draw(st.sampled_from(sorted(entity.keys(sorting=False))))
    field = entity.fields[key]
    if key == ANY:
        key = draw(keys)
    op = draw(st.sampled_from(field.comparators))
    part = draw(st.sampled_from(["", *entity.parts]))
    value: object = None
    if op == "RLIKE":
        value = draw(strings.map(as_pattern).filter(lambda text: not ("'" in text and '"' in text)))
    elif op == "CONTAINS":
        value = draw(strings.filter(str.strip))
    elif op.endswith("IN"):
        value = tuple(draw(st.lists(strings, min_size=1, max_size=3)))
    elif not op.endswith("NULL"):
        value = draw(numbers if field.numeric or (field.numbers and op in NUMERIC) else strings)
    return Comparison(entity.name, key, op, value, part=part)  # type: ignore[arg-type]


def as_pattern(text: str) -> str:
    """A pattern that stands for `text`."""
    return "".join(letter if letter.isalnum() else f"\\{letter}" for letter in text)


def trees(vocabulary: Vocabulary) -> st.SearchStrategy[Node]:
    def several(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[tuple[Node, ...]]:
        return st.lists(inner, min_size=2, max_size=3).map(tuple)

    return st.recursive(
        comparisons(vocabulary),
        lambda inner: several(inner).map(And) | several(inner).map(Or) | inner.map(Not),
        max_leaves=12,
    )


def without_positions(node: Node) -> Node:
    match node:
        case Comparison():
            return structs.replace(node, position=0)
        case And(clauses):
            return And(tuple(map(without_positions, clauses)))
        case Or(clauses):
            return Or(tuple(map(without_positions, clauses)))
        case Not(clause):
            return Not(without_positions(clause))


@given(st.sampled_from(VOCABULARIES).flatmap(lambda known: st.tuples(st.just(known), trees(known))))
def test_printed_trees_parse_to_themselves(case: tuple[Vocabulary, Node]) -> None:
    vocabulary, tree = case
    text = print_filter(tree)
    parsed = parse_filter(text, vocabulary)
    assert parsed is not None
    assert without_positions(parsed) == tree
    assert print_filter(parsed) == text


@given(comparisons(RUNS), st.text(st.sampled_from(" \n\t")))
def test_positions_point_at_the_comparison(node: Comparison, space: str) -> None:
    text = print_filter(node)
    parsed = parse_filter(f"{space}NOT {text} OR {text}", RUNS)
    assert isinstance(parsed, Or)
    inner, last = parsed.clauses
    assert isinstance(inner, Not)
    assert isinstance(inner.clause, Comparison)
    assert isinstance(last, Comparison)
    assert (inner.clause.position, last.position) == (len(space) + 4, len(space) + 8 + len(text))


words = (
    "metrics. params. RLIKE CONTAINS number( text metrics.x.min ` ' \" ( ) , ; = == != < LIKE IN NOT AND OR IS NULL "
    "run_id start_time params.x -1 .5 nan 'a' é"
)
fragments = st.sampled_from(
    [*words.split(), " ", "\n", "\0", "\ud800", "BETWEEN", "metrics.x", "`c`", '"b"', ".", "한"]
)


@given(st.text() | st.lists(fragments, max_size=40).map("".join) | st.lists(fragments, max_size=40).map(" ".join))
def test_any_text_parses_or_is_refused(text: str) -> None:
    for vocabulary in VOCABULARIES:
        with suppress(InvalidValue):
            parse_filter(text, vocabulary)
        with suppress(InvalidValue):
            parse_order([text], vocabulary)


@given(st.builds(OrderKey, st.sampled_from(["metric", "param", "tag"]), keys, st.booleans()))
def test_printed_order_keys_parse_to_themselves(key: OrderKey) -> None:
    assert parse_order([print_order(key)], RUNS) == (key,)
