"""What the pages ask: facts, tables, series, and the pages themselves."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from millstream.server.static import Pages
from millstream.values.errors import InvalidValue
from tests.server.conftest import Client


def test_about(serve: Callable[..., Client], tmp_path: Path) -> None:
    client = serve(started=77)
    about = client.get("/api/ui/about").json()
    assert about["started"] == 77
    assert about["store"]["exists"] is False
    assert about["store"]["location"] == str(tmp_path / "my runs 실험" / "mlruns")
    client.new_run()
    store = client.get("/api/ui/about").json()["store"]
    assert (store["exists"], store["experiments"], store["runs"], store["problems"]) == (True, 1, 1, [])


def test_runs_in_columns(client: Client) -> None:
    runs = [client.new_run(run_name=name, start_time=start) for start, name in enumerate("abc")]
    client.api("runs/log-metric", run_id=runs[0], key="loss", value=0.5, timestamp=1)
    client.api("runs/log-metric", run_id=runs[1], key="loss", value="NaN", timestamp=1)
    client.api("runs/log-parameter", run_id=runs[2], key="lr", value="0.1")
    ask = {"experiment_ids": ["0"], "order_by": ["start_time ASC"]}
    table = client.post("/api/ui/runs", ask).json()
    assert (table["total"], table["run_id"], table["run_name"]) == (3, runs, ["a", "b", "c"])
    assert table["metrics"] == {"loss": [0.5, "NaN", None]}
    assert table["params"] == {"lr": [None, None, "0.1"]}
    window = client.post("/api/ui/runs", ask | {"offset": 1, "limit": 1}).json()
    assert (window["total"], window["run_name"]) == (3, ["b"])
    client.api("runs/delete", run_id=runs[0])
    assert client.post("/api/ui/runs", ask | {"view": "DELETED_ONLY"}).json()["run_id"] == runs[:1]
    assert client.post("/api/ui/runs", ask | {"view": "ALL"}).json()["total"] == 3


def test_columns_and_facets(client: Client) -> None:
    runs = [client.new_run(start_time=start) for start in range(3)]
    for run_id, value in zip(runs, (0.5, "Infinity", "NaN"), strict=True):
        client.api("runs/log-metric", run_id=run_id, key="loss", value=value, timestamp=1)
    client.api("runs/log-parameter", run_id=runs[0], key="lr", value="0.1")
    ask = {"experiment_ids": ["0"], "order_by": ["start_time"]}
    table = client.post("/api/ui/runs", ask | {"columns": ["metrics.loss.min", "params.none"]}).json()
    assert (table["metrics"], table["tags"]) == ({"loss.min": [0.5, "Infinity", "NaN"]}, {})
    assert table["params"] == {"none": [None] * 3}
    reply = client.post(
        "/api/ui/facets", {"experiment_ids": ["0"], "keys": ["metrics.loss", "params.lr", "start_time"]}
    )
    loss, rate, start = reply.json()["facets"]
    assert (loss["minimum"], loss["maximum"], loss["undefined"], loss["present"]) == (0.5, "Infinity", 1, 3)
    assert (rate["values"], start["maximum"]) == ([["0.1", 1]], 2)
    assert client.post("/api/ui/facets", {"experiment_ids": ["0"], "keys": ["x"]}).status == 400


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"filter": "metrics.loss <"}, "filter"),
        ({"filter": "1 ="}, ""),
        ({"limit": -1}, "'limit'"),
        ({"offset": -1}, "'offset'"),
        ({"view": "SOME"}, "'view'"),
        ({"order_by": ["metrics.a SIDEWAYS"]}, "SIDEWAYS"),
        ({"experiment_ids": ["../x"]}, "'experiment_ids[0]'"),
    ],
)
def test_bad_questions_say_what_is_wrong(client: Client, change: dict[str, object], words: str) -> None:
    reply = client.post("/api/ui/runs", {"experiment_ids": ["0"]} | change)
    assert reply.status == 400
    assert words in reply.message


def test_curves_of_many_in_one_answer(client: Client) -> None:
    runs = [client.new_run() for _ in range(2)]
    for place, run_id in enumerate(runs):
        for step in range(3):
            value = "NaN" if step == 1 else place + 0.1
            client.api("runs/log-metric", run_id=run_id, key="loss", value=value, timestamp=step, step=step)
    ask = {"run_ids": runs, "keys": ["loss", "none"], "width": 100}
    first, second = client.post("/api/ui/curves", ask).json()["curves"]
    facts = {"run_id": runs[0], "key": "loss", "count": 3, "nan_count": 1, "whole": True}
    assert first == facts | {"x": [0, 1, 2], "y": [0.1, "NaN", 0.1]}
    assert second["run_id"] == runs[1]
    assert [len(one["x"]) for one in client.post("/api/ui/curves", ask | {"since": [2, None]}).json()["curves"]] == [
        1,
        3,
    ]
    binary = {"content-type": "application/json", "accept": "application/vnd.millstream.curves, application/json;q=0.5"}
    packed = client.send("POST", "/api/ui/curves", json.dumps(ask).encode(), binary)
    assert packed.headers["content-type"] == "application/vnd.millstream.curves"
    assert packed.body[:8] == b"MSC1\x02\0\0\0"
    assert len(packed.body) == 8 + 2 * (56 + 3 * 8)
    small = client.send("POST", "/api/ui/curves", json.dumps(ask | {"exact": False}).encode(), binary)
    assert len(small.body) == 8 + 2 * (56 + 16)
    for wrong in ({"run_ids": []}, {"keys": []}, {"width": 0}, {"x": "epoch"}, {"since": [1]}, {"run_ids": ["../x"]}):
        assert client.post("/api/ui/curves", ask | wrong).status == 400


def test_series_keep_the_extremes(client: Client) -> None:
    run_id = client.new_run()
    values = [float(step % 10) for step in range(1000)]
    values[777], values[778] = 1e9, -1e9
    for start in (0, 500):
        points = [
            {"key": "loss", "value": values[step], "timestamp": step, "step": step}
            for step in range(start, start + 500)
        ]
        client.api("runs/log-batch", run_id=run_id, metrics=points)
    other = client.new_run()
    client.api("runs/log-metric", run_id=other, key="loss", value="-Infinity", timestamp=4, step=3)
    reply = client.post("/api/ui/series", {"run_ids": [run_id, other], "key": "loss", "width": 10})
    series = {item["run_id"]: item for item in reply.json()["series"]}
    assert series[other] == {"run_id": other, "key": "loss", "step": [3], "time": [4], "value": ["-Infinity"]}
    long = series[run_id]
    assert len(long["step"]) == len(long["value"]) == len(long["time"]) < 200
    assert {0, 777, 778, 999} <= set(long["step"])
    part = {"run_ids": [run_id], "key": "loss", "width": 500, "start_step": 10, "end_step": 12}
    assert client.post("/api/ui/series", part).json()["series"][0]["step"] == [10, 11, 12]
    assert client.post("/api/ui/series", {"run_ids": [run_id], "key": "none"}).json() == {"series": []}


def test_an_envelope_in_columns(client: Client) -> None:
    run_id = client.new_run(start_time=1000)
    values = [1.0, "NaN", "Infinity", -2.0, "NaN"]
    points = [{"key": "손실", "value": value, "timestamp": 1000 + i, "step": i} for i, value in enumerate(values)]
    client.api("runs/log-batch", run_id=run_id, metrics=points)
    ask = {"run_id": run_id, "key": "손실", "width": 2, "x": "relative"}
    envelope = client.post("/api/ui/envelope", ask).json()
    assert (envelope["low"], envelope["high"], envelope["column"], envelope["count"]) == (0, 4, [0, 1], [3, 2])
    assert (envelope["first"], envelope["last"]) == ([1.0, -2.0], ["Infinity", "NaN"])
    assert (envelope["min"], envelope["min_x"], envelope["nan_count"]) == ([1.0, -2.0], [0, 3], [1, 1])
    only = client.post("/api/ui/envelope", ask | {"low": 4}).json()
    assert (only["column"], only["max"], only["max_x"], only["first"]) == ([0], [None], [None], ["NaN"])
    for change, words in (
        ({"width": 0}, "width"),
        ({"x": "wall"}, "'wall'"),
        ({"low": 9}, "low"),
        ({"key": ""}, "key"),
    ):
        reply = client.post("/api/ui/envelope", ask | {"high": 3} | change)
        assert reply.status == 400
        assert words in reply.message


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Pages as the build leaves them."""
    folder = tmp_path / "static"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text('<!doctype html><base href="/"><script src="./assets/a-1.js"></script>')
    (folder / "assets" / "a-1.js").write_text("let a = 1")
    (folder / "assets" / "a-1.js.gz").write_bytes(gzip.compress(b"let a = 1"))
    (tmp_path / "secret.js").write_text("secret")
    return folder


@pytest.fixture
def with_pages(serve: Callable[..., Client], built: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Client]:
    """Makes a client of a server with the pages of `built`."""
    monkeypatch.setattr("millstream.server.app.Pages", lambda prefix: Pages(prefix, built))
    return serve


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/e/0",
        "/e/0/",
        "/e/%EA%B0%80%20b.c/runs",
        "/r/abc",
        "/r/a.b/artifacts?path=x",
        "/r/1/metrics",
        "/compare?runs=a,b",
        "/models",
        "/models/%EA%B0%80%20b%25",
        "/models/a/v/12",
        "/index.html",
    ],
)
def test_the_paths_of_pages_are_the_application(with_pages: Callable[..., Client], target: str) -> None:
    reply = with_pages().get(target)
    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b'<base href="/">' in reply.body
    assert reply.headers["cache-control"] == "no-cache"
    policy = reply.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize("prefix", ["", "/ml"])
@pytest.mark.parametrize(
    "target",
    [
        "/nonsense/api",
        "/experiments/0",
        "/e",
        "/e/1/2",
        "/r/1/nothing",
        "/r/1/metrics/2",
        "/x.html",
        "/e/a%2Fb",
        "/models/a/v/0",
        "/compare/a",
    ],
)
def test_unknown_paths_are_not_found(with_pages: Callable[..., Client], prefix: str, target: str) -> None:
    client = with_pages(static_prefix=prefix)
    for accept in ({}, {"accept": "*/*"}, {"accept": "application/json"}):
        reply = client.get(prefix + target, accept)
        assert (reply.status, reply.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")
    shown = client.get(prefix + target, {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (shown.status, shown.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert f'<base href="{prefix}/">'.encode() in shown.body
    assert client.send("POST", prefix + target, b"{}", {"content-type": "application/json"}).status == 404


def test_pages_are_only_got(with_pages: Callable[..., Client]) -> None:
    client = with_pages()
    client.get("/")
    for target in ("/", "/e/1", "/assets/a-1.js"):
        for method in ("POST", "PROPFIND", "DELETE"):
            reply = client.send(method, target, b"{}", {"content-type": "application/json"})
            assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    assert client.send("HEAD", "/e/1").status == 200


def test_assets_are_kept_and_come_compressed(with_pages: Callable[..., Client]) -> None:
    client = with_pages()
    plain = client.get("/assets/a-1.js")
    assert (plain.body, plain.headers["content-type"]) == (b"let a = 1", "text/javascript; charset=utf-8")
    assert "immutable" in plain.headers["cache-control"]
    zipped = client.get("/assets/a-1.js", {"accept-encoding": "br, gzip;q=0.8"})
    assert (gzip.decompress(zipped.body), zipped.headers["content-encoding"]) == (b"let a = 1", "gzip")
    assert "Accept-Encoding" in zipped.headers["vary"]
    again = client.get("/assets/a-1.js", {"if-none-match": plain.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(
    "target",
    ["/assets/none.js", "/favicon.ico", "/../secret.js", "/assets/../../secret.js", "/%2e%2e/secret.js", "//etc/a.b"],
)
def test_files_that_are_not_ours_are_not_found(with_pages: Callable[..., Client], target: str) -> None:
    reply = with_pages().get(target)
    assert (reply.status, reply.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_a_prefix_stands_before_everything(with_pages: Callable[..., Client]) -> None:
    client = with_pages(static_prefix="/ml/flow/")
    for target in ("/ml/flow", "/ml/flow/", "/ml/flow/e/1", "/"):
        assert b'<base href="/ml/flow/">' in client.get(target).body
    assert client.get("/ml/flow/assets/a-1.js").status == 200
    assert client.get("/ml/flow/api/ui/about").status == 200
    assert client.get("/ml/flow/health").body == b"OK"
    assert client.get("/ml/flow/api/nothing").status == 404


@pytest.mark.parametrize("prefix", ["ml", "/a b", '/"><script>', "/a/../b", "http://x/y", "/ä"])
def test_prefixes_that_are_none_are_refused(serve: Callable[..., Client], prefix: str) -> None:
    with pytest.raises(InvalidValue, match="static prefix"):
        serve(static_prefix=prefix)


def test_without_pages_the_server_says_how_to_build_them(
    serve: Callable[..., Client], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "static"
    monkeypatch.setattr("millstream.server.app.Pages", lambda prefix: Pages(prefix, folder))
    client = serve()
    assert b"npm run build" in client.get("/").body
    folder.mkdir()
    (folder / "index.html").write_text("built")
    assert client.get("/").body == b"built"


def test_every_tab_of_a_run_is_a_page(client: Client) -> None:
    router = (Path(__file__).parents[2] / "ui/src/core/router.ts").read_text()
    (tabs,) = re.findall(r"TABS: readonly string\[\] = (\[.*\]);", router)
    assert len(json.loads(tabs)) >= 4
    for tab in json.loads(tabs):
        assert client.get(f"/r/{'a' * 32}/{tab}", {"accept": "text/html"}).status == 200
