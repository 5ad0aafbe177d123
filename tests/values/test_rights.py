"""Levels, grants and what a caller may know of: `seen` and `level` never differ."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from millstream.values.errors import InvalidValue
from millstream.values.rights import EVERY, EVERYTHING, EXPERIMENT, REGISTERED_MODEL, RUN, Caller, Level, Seen, fold

NAMES = ("1", "2", "3", EVERY)
levels = some.sampled_from(list(Level))
callers = some.builds(
    Caller,
    name=some.just("kim"),
    admin=some.booleans(),
    full=some.booleans(),
    most=some.sampled_from([Level.READ, Level.EDIT, Level.MANAGE]),
    grants=some.dictionaries(
        some.tuples(some.sampled_from([EXPERIMENT, REGISTERED_MODEL]), some.sampled_from(NAMES)), levels, max_size=6
    ),
    default=some.sampled_from([Level.NO_PERMISSIONS, Level.READ, Level.EDIT, Level.MANAGE]),
    only=some.none() | some.dictionaries(some.just(EXPERIMENT), some.frozensets(some.sampled_from(NAMES[:3]))),
)


@given(callers, some.sampled_from([EXPERIMENT, REGISTERED_MODEL]), some.sampled_from(["1", "2", "3", "4", "아무"]))
def test_what_is_seen_is_what_may_be_read(caller: Caller, kind: str, name: str) -> None:
    level = caller.level(kind, name)
    assert Level.NO_PERMISSIONS <= level <= caller.most
    assert (name in caller.seen(kind)) == (level >= Level.READ)


@given(callers)
def test_a_token_never_gives_more_than_its_user_has(caller: Caller) -> None:
    from msgspec import structs

    whole = structs.replace(caller, most=Level.MANAGE, only=None)
    for name in NAMES[:3]:
        assert caller.level(EXPERIMENT, name) <= whole.level(EXPERIMENT, name)


def test_nobody_has_anything_unless_it_is_given() -> None:
    nobody = Caller()
    assert not nobody.rules
    assert not nobody.makes
    for kind in (EXPERIMENT, REGISTERED_MODEL, RUN):
        assert nobody.level(kind, "0") == Level.NO_PERMISSIONS
        assert nobody.seen(kind) == Seen()


def test_deny_takes_away_what_the_default_and_other_grants_give() -> None:
    grants = {(EXPERIMENT, EVERY): Level.EDIT, (EXPERIMENT, "1"): Level.DENY, (EXPERIMENT, "2"): Level.MANAGE}
    caller = Caller(name="kim", grants=grants, default=Level.READ)
    assert [caller.level(EXPERIMENT, name) for name in ("1", "2", "3")] == [0, Level.MANAGE, Level.EDIT]
    assert caller.seen(EXPERIMENT) == Seen(frozenset({"1"}), others=True)
    assert caller.level(REGISTERED_MODEL, "1") == Level.READ


def test_an_administrator_sees_everything_but_with_a_narrow_token() -> None:
    admin = Caller(name="a", admin=True, full=True, grants={(EXPERIMENT, "1"): Level.DENY})
    assert admin.seen(EXPERIMENT) == EVERYTHING
    assert admin.rules
    narrow = Caller(name="a", admin=True, only={EXPERIMENT: frozenset({"1"})}, most=Level.READ)
    assert narrow.seen(EXPERIMENT) == Seen(frozenset({"1"}))
    assert (narrow.level(EXPERIMENT, "1"), narrow.makes, narrow.rules) == (Level.READ, False, False)


def test_a_share_of_a_run_is_of_that_run() -> None:
    share = Caller(grants={(RUN, "r1"): Level.READ})
    assert share.level(RUN, "r1") == Level.READ
    assert share.level(RUN, "r2") == Level.NO_PERMISSIONS
    assert share.seen(EXPERIMENT) == Seen()
    assert Caller(name="kim", default=Level.MANAGE).level(RUN, "r1") == Level.NO_PERMISSIONS


def test_fold_and_names() -> None:
    assert fold([Level.READ, Level.EDIT]) == Level.EDIT
    assert fold([Level.MANAGE, Level.DENY]) == Level.DENY
    assert fold([]) == Level.NO_PERMISSIONS
    assert Level.named("READ") is Level.READ
    with pytest.raises(InvalidValue, match="MANAGE"):
        Level.named("read")


def test_among_keeps_the_order() -> None:
    assert Seen(frozenset({"b"}), others=True).among(["c", "b", "a"]) == ("c", "a")
