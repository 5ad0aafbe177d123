"""Patterns: they mean what Python's do, on every database; they cost no more than the text is long."""

from __future__ import annotations

import random
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text

from millstream.formats.patterns import matcher, parse_pattern, print_pattern
from millstream.formats.patterns.parser import MAX_SIZE
from millstream.values.errors import InvalidValue

ALPHABET = "abAB1_ -\n한글é"

ATOMS = r"a b A 1 _ - 한 é . \d \w \s \D \W \S \. \n \\ [ab] [^ab] [a-c한] [^\w] []a] [-a] [\d\s] ^ $"
atoms = st.sampled_from(ATOMS.split())


def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    groups = st.lists(inner, min_size=1, max_size=3).map("".join).map("(?:{})".format)
    choices = st.lists(inner, min_size=2, max_size=3).map("|".join).map("({})".format)
    repeats = st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{0,1}", "{2,}", "*?", "+?"]))
    return groups | choices | repeats.map(lambda pair: f"(?:{pair[0]}){pair[1]}")


patterns = st.lists(st.recursive(atoms, grown, max_leaves=6), max_size=4).map("".join)
texts = st.text(st.sampled_from(ALPHABET), max_size=12)


def in_python(pattern: str, value: str) -> bool:
    """Python's answer; its `$` also matches before a last line end, which ours does not."""
    end = re.sub(r"(\\.|\[\^?\]?(?:\\.|[^\]])*\])|\$", lambda found: found.group(1) or r"\Z", pattern)
    return re.search(end, value, re.DOTALL | re.ASCII) is not None


@given(patterns, texts)
def test_patterns_mean_what_they_do_in_python(pattern: str, value: str) -> None:
    assert matcher(pattern)(value) == in_python(pattern, value)


@pytest.fixture(scope="module")
def server(postgresql: str) -> Engine:
    return create_engine(postgresql.replace("postgresql:", "postgresql+psycopg:"))


def test_patterns_mean_the_same_on_postgresql(server: Engine) -> None:
    with server.connect() as connection:

        @given(patterns | patterns.map("(?i){}".format), texts)
        def check(pattern: str, value: str) -> None:
            printed = print_pattern(parse_pattern(pattern))
            found = connection.execute(text('SELECT (:value COLLATE "C") ~ :printed'), locals())
            assert found.scalar_one() == matcher(pattern)(value)

        check()
    server.dispose()


@pytest.mark.parametrize(
    ("pattern", "value", "found"),
    [
        ("", "", True),
        ("a$", "a\n", False),
        ("^$", "", True),
        ("$^", "", True),
        ("(?i)STRASSE é", "strasse É", True),
        ("(?i)[a-c]", "B", True),
        ("(?i)[^a]", "A", False),
        ("a{3}", "aa", False),
        ("a.b", "a\nb", True),
        ("[가-힣]+$", "abc 한글", True),
        ("\\[x\\]", "a[x]", True),
        ("a{0}", "", True),
        ("[^\\s\\S]", "abc", False),
    ],
)
def test_the_rules_one_by_one(pattern: str, value: str, found: bool) -> None:
    assert matcher(pattern)(value) is found


@pytest.mark.parametrize(
    ("pattern", "part"),
    [
        ("(a", "'(' without ')' at character 1"),
        ("a)", "')' without '(' at character 2"),
        ("[a", "'[' without ']'"),
        ("*a", "nothing to repeat"),
        ("a**", "a repeat of a repeat"),
        ("a{2}{3}", "a repeat of a repeat"),
        ("^*", "cannot be repeated"),
        ("a{,2}", "'{' without numbers"),
        ("a{9999}", "is not possible"),
        ("a{3,2}", "is not possible"),
        ("(?=a)", "'(?' that is not"),
        ("(?P<n>a)", "'(?' that is not"),
        ("(a)\\1", "'\\1' is not known"),
        ("\\b", "'\\b' is not known"),
        ("a\\", "'\\' is not known"),
        ("[b-a]", "a range that does not go up"),
        ("[\\d-z]", "a range that does not go up"),
        ("(" * 30 + ")" * 30, "nested deeper"),
        ("((a{50}){50}){50}", "stands for"),
        ("a" * 2000, "2000 characters"),
        ("(?i)[\\x00-\\x10]", "not known"),
    ],
)
def test_what_is_no_pattern_is_refused_with_its_place(pattern: str, part: str) -> None:
    with pytest.raises(InvalidValue, match=re.escape(part)):
        parse_pattern(pattern)


@given(st.text(st.sampled_from("ab()[]{}*+?|^$.\\-,0129dw:i"), max_size=20))
def test_any_text_is_a_pattern_or_refused(pattern: str) -> None:
    with suppress(InvalidValue):
        matcher(pattern)("ab01")


@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "(a|a)*b", "(a|aa)+$b", "a*a*a*a*a*b", "(.*a){20}b", "(a|b)*a(a|b){80}c"]
)
def test_no_pattern_runs_away(pattern: str) -> None:
    """A backtracking engine never ends here; this one makes no more steps than the texts have characters."""
    find = matcher(pattern)
    chance = random.Random(1)
    assert not find("a" * 50_000)
    assert not find("ac" * 2_000)
    assert find("".join(chance.choices("ab", k=4_000)) + "c") or pattern == "(a|aa)+$b"
    automaton = find.__self__  # type: ignore[attr-defined]
    assert len(automaton.nodes) <= 3 * MAX_SIZE
    assert automaton.made <= 60_000
