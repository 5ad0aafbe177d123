"""What the page of an experiment's runs asks first: everything that it needs, and where changes begin."""

from __future__ import annotations

from typing import Any

import pytest

from millstream.server.openings import likely_columns
from millstream.values.outlines import KeyColumns, RunKeys
from tests.server.conftest import Client


def opened(client: Client, **fields: Any) -> dict[str, Any]:
    reply = client.post("/api/ui/opening", {"experiment_id": "0"} | fields)
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json()
    return found


def test_rows_come_with_the_columns_that_tell_runs_apart(client: Client) -> None:
    runs = [client.new_run(start_time=start) for start in range(3)]
    for number, run_id in enumerate(runs):
        client.api("runs/log-metric", run_id=run_id, key="val/loss", value=number, timestamp=1)
        client.api("runs/log-metric", run_id=run_id, key="same", value=1, timestamp=1)
        client.api("runs/log-parameter", run_id=run_id, key="lr", value=str(number))
    found = opened(client)
    assert (found["experiment"]["name"], found["outline"], found["position"] != "") == ("Default", None, True)
    assert found["table"]["run_id"] == runs[::-1]
    assert found["table"]["metrics"] == {"val/loss": [2, 1, 0]}
    assert (list(found["table"]["params"]), found["table"]["tags"]) == (["lr"], {})
    ask = {"experiment_ids": ["0"]}
    assert found["keys"] == client.post("/api/ui/keys", ask).json()
    asked = opened(client, columns=["metrics.same"], filter="params.lr = '1'", limit=5)["table"]
    assert (asked["total"], asked["metrics"], asked["params"]) == (1, {"same": [1]}, {})
    assert opened(client, metrics=0, params=0)["table"]["metrics"] == {}


def test_child_runs_and_groups_make_an_outline(client: Client) -> None:
    parent, child = client.new_run(start_time=1), client.new_run(start_time=2)
    assert opened(client, nested=True)["outline"] is None
    client.api("runs/set-tag", run_id=child, key="mlflow.parentRunId", value=parent)
    outline = opened(client, nested=True)["outline"]
    assert (outline["total"], outline["runs"], outline["below"], outline["table"]["run_id"]) == (1, 2, [1], [parent])
    assert opened(client, nested=True, open=["*"])["outline"]["depth"] == [0, 1]
    groups = opened(client, group_by=["attributes.status"])["outline"]["groups"]
    assert groups["runs"] == [2]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"experiment_id": "77"}, 404),
        ({"experiment_id": "../x"}, 400),
        ({"filter": "params.lr ="}, 400),
        ({"limit": -1}, 400),
        ({"view": "NONE"}, 400),
        ({"group_by": ["metrics.loss"]}, 400),
    ],
)
def test_what_cannot_be_answered_is_refused(client: Client, fields: dict[str, Any], status: int) -> None:
    client.new_run()
    assert client.post("/api/ui/opening", {"experiment_id": "0"} | fields).status == status


def test_the_likeliest_columns_are_had_by_most_and_in_natural_order() -> None:
    def keys(**runs: int) -> KeyColumns:
        names = sorted(runs)
        counts = [runs[name] for name in names]
        return KeyColumns(names, counts, [name != "same" for name in names], [True] * len(names), [None] * len(names))

    few = keys(m10=2, m2=2, M1=2, rare=1, same=2, **{"a b": 2, "system/cpu": 2})
    nothing = keys()
    assert likely_columns(RunKeys(2, few, nothing, nothing), 4, 0) == (
        "metrics.`a b`", "metrics.M1", "metrics.m2", "metrics.m10",
    )  # fmt: skip
    assert likely_columns(RunKeys(2, few, nothing, nothing), 6, 0)[4:] == ("metrics.rare", "metrics.`system/cpu`")
    # Of a single run nothing can vary.
    assert likely_columns(RunKeys(1, nothing, keys(same=1), nothing), 6, 8) == ("params.same",)
    assert likely_columns(RunKeys(2, few, nothing, nothing), -1, -1) == ()
