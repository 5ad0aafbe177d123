"""An id of an op belongs to one request; databases note which."""

from __future__ import annotations

import pytest
from msgspec import structs

from millstream.stores.database import DatabaseStore
from millstream.values import ops
from millstream.values.errors import KeyReused, NotFound
from tests.stores.calls import T0, history, new_run
from tests.stores.test_database import both, points


@both
def test_an_id_belongs_to_one_request(database: DatabaseStore) -> None:
    asked, other = "a" * 64, "b" * 64
    create = ops.CreateExperiment(name="e", time=T0, op_id="w-1", op_digest=asked)
    made = database.write(create)
    assert database.write(structs.replace(create, time=T0 + 1)) == made
    assert database.write(structs.replace(create, op_digest="")) == made  # who says nothing is believed
    with pytest.raises(KeyReused):
        database.write(structs.replace(create, name="f", op_digest=other))
    run = new_run(database, made)
    batch = structs.replace(points(run, 0, 3, op_id="w-2"), op_digest=asked)
    database.write(batch)
    database.write(batch)
    with pytest.raises(KeyReused):
        database.write(structs.replace(points(run, 3, 3, op_id="w-2"), op_digest=other))
    assert len(history(database, run, "m")) == 3


@both
def test_an_id_belongs_to_one_request_of_a_group(database: DatabaseStore) -> None:
    run = new_run(database)
    first = structs.replace(points(run, 0, 3, op_id="w-1"), op_digest="a" * 64)
    second = structs.replace(points(run, 3, 3, op_id="w-1"), op_digest="b" * 64)
    applied = database._applier.apply_batches
    refused = database._open().transactions.write(
        lambda connection: applied(connection, [first, second, first]), repeatable=False
    )
    assert [type(error) for error in refused] == [type(None), KeyReused, type(None)]
    assert len(history(database, run, "m")) == 3


@both
def test_what_a_retry_made_and_others_removed_is_said_to_be_gone(database: DatabaseStore) -> None:
    create = ops.CreateRun(run_id="r", experiment_id="0", start_time=T0, op_id="w-1")
    database.write(create)
    database.write(ops.DeleteRun(run_id="r", time=T0))
    database.write(ops.PurgeRun(run_id="r"))
    with pytest.raises(NotFound, match="carried out before"):
        database.write(create)
