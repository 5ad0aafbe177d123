"""No route goes without saying what it needs, and what it says is about fields that its requests have."""

from __future__ import annotations

import json

import pytest
from msgspec import structs

from millstream.formats.wire import needs
from millstream.formats.wire.decode import read_body
from millstream.formats.wire.metrics import LogBatch
from millstream.formats.wire.needs import Needs, Who, check_needs, named
from millstream.formats.wire.route import Route
from millstream.formats.wire.runs import ById
from millstream.formats.wire.table import ROUTES, by_path
from millstream.server.app import all_routes
from millstream.server.interface import Server
from millstream.values import ops, queries
from millstream.values.rights import Level

ALL = all_routes(Server("1", 0))


def test_a_route_cannot_be_made_without_needs() -> None:
    fields = structs.asdict(ROUTES[0])
    assert Route(**fields) == ROUTES[0]
    del fields["needs"]
    with pytest.raises(TypeError, match="needs"):
        Route(**fields)


@pytest.mark.parametrize("field", ["run_ids", "run_id.x", "metrics"])
def test_a_route_about_a_field_that_is_not_there_cannot_be_served(field: str) -> None:
    with pytest.raises(ValueError, match=field):
        check_needs(needs.read(run=field), ById, queries.GetRun)
    broken = structs.replace(ROUTES[0], needs=needs.edit(run=field))
    with pytest.raises(ValueError, match=field):
        by_path((broken,))


def test_only_lists_can_be_narrowed() -> None:
    with pytest.raises(ValueError, match="GetRun"):
        check_needs(needs.NARROWED, ById, queries.GetRun)


def test_writes_need_more_than_to_read_and_nothing_is_open() -> None:
    for route in ALL:
        assert route.needs.who is not Who.ANYONE, route.path
        assert route.needs.rights or route.needs.narrowed or route.needs.who is not Who.CALLER, route.path
        if issubclass(route.speaks, ops.Op):
            levels = [right.level for right in route.needs.rights]
            assert route.needs.who is Who.MAKER or max(levels) >= Level.EDIT, route.path


def test_what_is_gone_for_good_or_hidden_from_others_needs_manage() -> None:
    for route in ALL:
        if route.path.rpartition("/")[2] in ("delete", "restore"):
            assert [right.level for right in route.needs.rights] == [Level.MANAGE], route.path


def test_named_finds_every_name_and_no_empty_one() -> None:
    points = [{"key": "a", "value": 1, "timestamp": 1, "model_id": model} for model in ("m-1", "", "m-2")]
    request = read_body(json.dumps({"run_id": "r", "metrics": points}).encode(), LogBatch)
    assert list(named(request, "metrics.model_id")) == ["m-1", "m-2"]
    assert list(named(request, "run_id")) == ["r"]


def test_both_is_the_stricter_of_each() -> None:
    both = needs.MAKER & needs.read(run="a") & Needs(itself="b")
    assert (both.who, both.itself, both.rights) == (Who.MAKER, "b", needs.read(run="a").rights)
