"""All matching runs as a file."""

from __future__ import annotations

import csv
import io
import json
from urllib.parse import urlencode

import pytest

from millstream.server import exports
from tests.server.conftest import Client


def ask(client: Client, **fields: object) -> bytes:
    reply = client.get(f"{exports.PATH}?{urlencode({'experiment_id': '0', **fields}, doseq=True)}")
    assert reply.status == 200, reply.body
    assert reply.headers["content-disposition"] == f'attachment; filename="runs.{fields.get("format", "csv")}"'
    return reply.body


@pytest.fixture
def runs(client: Client) -> list[str]:
    ids = [client.new_run(run_name=name, start_time=start) for start, name in enumerate(["a", '나, "둘"', "c\nd"])]
    client.api("runs/log-metric", run_id=ids[0], key="val loss", value=0.1, timestamp=1)
    client.api("runs/log-metric", run_id=ids[1], key="val loss", value="NaN", timestamp=1)
    client.api("runs/log-parameter", run_id=ids[1], key="lr", value="1e-3")
    client.api("runs/set-tag", run_id=ids[2], key="팀", value="=1+1")
    return ids


def test_csv_has_every_matching_run_and_column(
    client: Client, runs: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "WINDOW", 2)
    text = ask(client, order_by="start_time").decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["run_id"] for row in rows] == runs
    assert [row["run_name"] for row in rows] == ["a", '나, "둘"', "c\nd"]
    assert [row["metrics.val loss"] for row in rows] == ["0.1", "NaN", ""]
    assert [row["params.lr"] for row in rows] == ["", "1e-3", ""]
    assert rows[2]["tags.팀"] == "'=1+1"
    few = ask(
        client,
        order_by="start_time DESC",
        columns=["params.lr", "metrics.`val loss`.max"],
        filter="params.lr LIKE '%'",
        bom="true",
    )
    assert few.startswith("\ufeff".encode())
    (row,) = csv.reader(io.StringIO(few.decode("utf-8-sig").split("\n", 1)[1]))
    assert (row[0], row[-2:]) == (runs[1], ["NaN", "1e-3"])


def test_csv_has_no_text_that_a_spreadsheet_would_run(client: Client) -> None:
    texts = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "-", "-0.5", "+1", "-1e-3", "-.5", "-inf", "a=1", "'=1"]
    ids = [client.new_run(run_name=text, start_time=start) for start, text in enumerate(texts)]
    for run, text in zip(ids, texts, strict=True):
        client.api("runs/log-parameter", run_id=run, key="p", value=text)
        client.api("runs/set-tag", run_id=run, key="t", value=text)
    client.api("runs/log-metric", run_id=ids[0], key="m", value="-Infinity", timestamp=1)
    client.api("runs/log-metric", run_id=ids[1], key="m", value=-0.5, timestamp=1)
    rows = list(csv.DictReader(io.StringIO(ask(client, order_by="start_time").decode(), newline="")))
    guarded = [f"'{text}" for text in texts[:6]] + texts[6:]
    for column in ("run_name", "params.p", "tags.t"):
        assert [row[column] for row in rows] == guarded
    assert [row["metrics.m"] for row in rows[:2]] == ["-Infinity", "-0.5"]
    found = json.loads(ask(client, format="json", order_by="start_time"))
    assert [run["params"]["p"] for run in found] == texts


def test_json_has_what_each_run_has(client: Client, runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "WINDOW", 1)
    found = json.loads(ask(client, format="json", order_by="start_time"))
    assert [run["run_id"] for run in found] == runs
    assert (found[1]["metrics"], found[1]["params"], found[0]["params"]) == ({"val loss": "NaN"}, {"lr": "1e-3"}, {})
    assert json.loads(ask(client, format="json", filter="params.lr = 'none'")) == []
    assert ask(client, filter="params.lr = 'none'", columns="params.lr").decode().splitlines() == [
        ",".join([*exports.INFO, "params.lr"])
    ]


@pytest.mark.parametrize(
    "bad",
    [{"filter": "params."}, {"format": "xml"}, {"experiment_id": "../x"}, {"columns": "params.a b"}, {"view": "NO"}],
)
def test_what_is_wrong_is_told_at_once(client: Client, bad: dict[str, str]) -> None:
    client.new_run()
    assert client.get(f"{exports.PATH}?{urlencode({'experiment_id': '0', **bad})}").status == 400


def test_runs_move_to_another_experiment(client: Client, runs: list[str]) -> None:
    target = client.api("experiments/create", name="다른")["experiment_id"]
    reply = client.post("/api/ui/move", {"run_ids": runs[:2], "experiment_id": target})
    assert (reply.status, reply.json()) == (200, {})
    assert client.post("/api/ui/runs", {"experiment_ids": [target]}).json()["total"] == 2
    assert client.post("/api/ui/move", {"run_ids": runs, "experiment_id": "77"}).status == 404
    assert client.post("/api/ui/move", {"run_ids": [], "experiment_id": target}).status == 400
    client.api("runs/delete", run_id=runs[2])
    refused = client.post("/api/ui/move", {"run_ids": runs[2:], "experiment_id": target})
    assert refused.status == 400
    assert "deleted" in refused.message
