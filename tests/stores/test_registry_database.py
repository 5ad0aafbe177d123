"""The registry of a database: numbers are given once, and an op with an id has one effect."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from millstream.stores.database import DatabaseStore
from millstream.values import names, ops
from millstream.values.errors import AlreadyExists, NotFound
from tests.stores.calls import T0
from tests.stores.suites.registry import NAME, add, find_models, find_versions, move, register, registered, version
from tests.stores.test_registry_writers import race

pytestmark = pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)
Opener = Callable[[], DatabaseStore]


def test_eight_processes_never_get_one_number_twice(database: DatabaseStore) -> None:
    register(database, "m")
    made = race(database.uri, 6)
    assert sorted(made) == list(range(1, 49))
    tags = [version(database, number, "m").tags["n"] for number in made]
    assert tags == [f"{process}-{number}" for process in range(8) for number in range(6)]


def test_an_op_with_an_id_has_one_effect_and_one_answer(open_database: Opener) -> None:
    one, two = open_database(), open_database()
    made = ops.CreateRegisteredModel(op_id=names.new_run_id(), name=NAME, time=T0, tags={"a": "b"})
    assert one.write(made) == two.write(made) == registered(one)
    first = ops.CreateModelVersion(op_id=names.new_run_id(), name=NAME, source="s3://b", time=T0)
    second = ops.CreateModelVersion(op_id=names.new_run_id(), name=NAME, source="s3://c", time=T0)
    assert [store.write(op).version for op in (first, second) for store in (one, two, one)] == [1, 1, 1, 2, 2, 2]
    assert one.write(first) == version(one, 1)
    staged = ops.TransitionModelVersion(op_id=names.new_run_id(), name=NAME, version=1, stage="Staging", time=T0)
    assert one.write(staged).current_stage == "Staging"
    move(one, 1, "Production")
    assert two.write(staged).current_stage == "Production"
    described = ops.UpdateModelVersion(op_id=names.new_run_id(), name=NAME, version=1, description="d", time=T0)
    assert one.write(described) == two.write(described)
    updated = ops.UpdateRegisteredModel(op_id=names.new_run_id(), name=NAME, description="d", time=T0)
    assert one.write(updated) == two.write(updated)
    renamed = ops.RenameRegisteredModel(op_id=names.new_run_id(), name=NAME, new_name="새", time=T0)
    assert one.write(renamed) == two.write(renamed) == registered(two, "새")
    gone = ops.DeleteModelVersion(op_id=names.new_run_id(), name="새", version=1, time=T0)
    for store in (one, two):
        store.write(gone)
    assert find_versions(one) == [("새", 2)]
    removed = ops.DeleteRegisteredModel(op_id=names.new_run_id(), name="새")
    for store in (one, two):
        store.write(removed)
    assert find_models(one) == []


def test_a_version_that_is_gone_is_not_made_again(database: DatabaseStore) -> None:
    register(database)
    op = ops.CreateModelVersion(op_id=names.new_run_id(), name=NAME, source="s3://b", time=T0)
    assert database.write(op).version == 1
    database.write(ops.DeleteModelVersion(name=NAME, version=1, time=T0))
    with pytest.raises(NotFound, match="version=1"):
        database.write(op)
    assert add(database).version == 2


def test_a_refused_op_leaves_its_id_free(database: DatabaseStore) -> None:
    op = ops.CreateModelVersion(op_id=names.new_run_id(), name=NAME, source="s3://b", time=T0)
    with pytest.raises(NotFound):
        database.write(op)
    register(database)
    with pytest.raises(AlreadyExists):
        database.write(ops.CreateRegisteredModel(op_id="x", name=NAME, time=T0))
    assert database.write(op).version == 1
