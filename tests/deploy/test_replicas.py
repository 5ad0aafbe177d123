"""Two servers of one database and one bucket, asked directly: neither knows anything that the other does not."""

from __future__ import annotations

import http.client
import json
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests import buckets, servers
from tests.deploy import fleet
from tests.server.started import Started, started

ROUNDS = 30


@pytest.fixture(scope="module")
def replicas(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Started]]:
    """Two servers that were started at the same moment on a database in which nothing is yet."""
    servers.demand()
    buckets.demand()
    uri, s3 = servers.new_schema(request.getfixturevalue("postgresql")), request.getfixturevalue("s3_server")
    destination = f"s3://{s3.bucket}/{uuid.uuid4().hex}"
    homes = [tmp_path_factory.mktemp(name) for name in fleet.REPLICAS]

    def start(home: Path) -> ExitStack:
        ending = ExitStack()
        options = ("--artifacts-destination", destination)
        found.append(ending.enter_context(started(uri, home, *options, environ=s3.environ())))
        return ending

    found: list[Started] = []
    with ThreadPoolExecutor() as pool, ExitStack() as all_of_them:
        for ending in pool.map(start, homes):
            all_of_them.push(ending)
        yield found


def ask_both(replicas: list[Started], path: str, *fields: dict[str, Any], **headers: str) -> list[tuple[int, Any]]:
    """Answers of the two, which are asked at the same moment; `fields` for both, or those of each."""
    barrier = threading.Barrier(len(replicas))

    def begin(server: Started, own: dict[str, Any]) -> tuple[int, Any]:
        barrier.wait(60)
        return server.ask("POST", f"/api/2.0/mlflow/{path}", own, **headers)

    with ThreadPoolExecutor(len(replicas)) as pool:
        return list(pool.map(begin, replicas, fields * (2 // len(fields))))


def new_run(server: Started) -> dict[str, Any]:
    info: dict[str, Any] = server.api("runs/create", experiment_id="0")["run"]["info"]
    return info


def test_both_have_the_same_default_experiment(replicas: list[Started]) -> None:
    first, second = (server.ask("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0") for server in replicas)
    assert first == second
    assert first[0] == 200


def test_a_key_that_both_get_at_once_has_one_effect(replicas: list[Started]) -> None:
    for _ in range(ROUNDS):
        key, name = f'"{uuid.uuid4()}"', f"실험 {uuid.uuid4()}"
        answers = ask_both(replicas, "experiments/create", {"name": name}, **{"Idempotency-Key": key})
        assert answers[0] == answers[1]
        assert answers[0][0] == 200


def test_points_under_a_key_that_both_get_at_once_are_there_once(replicas: list[Started]) -> None:
    run = new_run(replicas[0])["run_id"]
    for step in range(ROUNDS):
        key = f'"{uuid.uuid4()}"'
        fields = {"run_id": run, "key": "m", "value": 0.5, "timestamp": 1, "step": step}
        answers = ask_both(replicas, "runs/log-metric", fields, **{"Idempotency-Key": key})
        assert [status for status, _ in answers] == [200, 200]
    for server in replicas:
        _, found = server.ask("GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m")
        assert sorted(point["step"] for point in found["metrics"]) == list(range(ROUNDS))


def test_a_name_is_taken_once(replicas: list[Started]) -> None:
    for _ in range(ROUNDS):
        answers = ask_both(replicas, "experiments/create", {"name": f"e {uuid.uuid4()}"})
        assert sorted(status for status, _ in answers) == [200, 400]


def test_models_of_a_run_that_both_note_are_all_there(replicas: list[Started]) -> None:
    run = new_run(replicas[0])["run_id"]

    def model(name: str) -> dict[str, str]:
        noted = {"artifact_path": name, "flavors": {}, "utc_time_created": "t", "run_id": run}
        return {"run_id": run, "model_json": json.dumps(noted)}

    for number in range(ROUNDS):
        answers = ask_both(replicas, "runs/log-model", model(f"0-{number}"), model(f"1-{number}"))
        assert [status for status, _ in answers] == [200, 200]
    _, found = replicas[0].ask("GET", f"/api/2.0/mlflow/runs/get?run_id={run}")
    (history,) = (tag["value"] for tag in found["run"]["data"]["tags"] if tag["key"] == "mlflow.log-model.history")
    noted = [model["artifact_path"] for model in json.loads(history)]
    assert sorted(noted) == sorted(f"{at}-{number}" for at in (0, 1) for number in range(ROUNDS))


def test_versions_that_both_make_have_numbers_of_their_own(replicas: list[Started]) -> None:
    name = f"모델 {uuid.uuid4()}"
    replicas[0].api("registered-models/create", name=name)
    made = [
        answer["model_version"]["version"]
        for _ in range(ROUNDS)
        for _, answer in ask_both(replicas, "model-versions/create", {"name": name, "source": "s3://b/m"})
    ]
    assert sorted(made, key=int) == [str(number) for number in range(1, 2 * ROUNDS + 1)]


def test_what_one_remembers_is_what_the_other_wrote(replicas: list[Started]) -> None:
    first, second = replicas
    made = first.api("experiments/create", name=f"전 {uuid.uuid4()}")["experiment_id"]
    run = first.api("runs/create", experiment_id=made)["run"]["info"]["run_id"]

    def envelope() -> int:
        status, found = first.ask("POST", "/api/ui/envelope", {"run_id": run, "key": "m", "width": 10})
        assert status == 200, found
        return sum(found["count"])

    for step in range(3):
        second.api("runs/log-metric", run_id=run, key="m", value=step, timestamp=1, step=step)
        assert envelope() == step + 1
    name = f"후 {uuid.uuid4()}"
    second.api("experiments/update", experiment_id=made, new_name=name)
    assert first.ask("GET", f"/api/2.0/mlflow/experiments/get?experiment_id={made}")[1]["experiment"]["name"] == name
    second.api("experiments/delete", experiment_id=made)
    assert first.ask("POST", "/api/2.0/mlflow/runs/create", {"experiment_id": made})[0] == 400


def test_a_page_that_one_begins_the_other_goes_on_with(replicas: list[Started]) -> None:
    made = replicas[0].api("experiments/create", name=f"쪽 {uuid.uuid4()}")["experiment_id"]
    runs = {replicas[number % 2].api("runs/create", experiment_id=made)["run"]["info"]["run_id"] for number in range(7)}
    seen: list[str] = []
    token, turn = "", 0
    while token or not turn:
        page = {"experiment_ids": [made], "max_results": 2, "page_token": token}
        found = replicas[turn % 2].api("runs/search", **page)
        seen += [run["info"]["run_id"] for run in found["runs"]]
        token, turn = found.get("next_page_token", ""), turn + 1
    assert sorted(seen) == sorted(runs)


def test_an_upload_in_parts_that_one_begins_the_other_completes(replicas: list[Started]) -> None:
    first, second = replicas
    run = new_run(first)
    place = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    below = "/api/2.0/mlflow-artifacts"
    whole = uuid.uuid4().bytes * (6 * 2**20 // 16)
    parts = [whole[: 5 * 2**20], whole[5 * 2**20 :]]
    status, begun = first.ask("POST", f"{below}/mpu/create/{place}", {"path": "큰 것.bin", "num_parts": 2})
    assert status == 200, begun
    tags = []
    for number, credential in enumerate(begun["credentials"]):
        request = urllib.request.Request(credential["url"], parts[number], method="PUT")
        with urllib.request.urlopen(request, timeout=60) as reply:
            tags.append({"part_number": number + 1, "etag": reply.headers["ETag"]})
    complete = {"path": "큰 것.bin", "upload_id": begun["upload_id"], "parts": tags}
    status, answer = second.ask("POST", f"{below}/mpu/complete/{place}", complete)
    assert status == 200, answer
    for server in replicas:
        assert server.get(f"{below}/artifacts/{place}/{quote('큰 것.bin')}") == (200, whole)


def test_a_file_that_one_was_sent_the_other_has_in_ranges(replicas: list[Started]) -> None:
    first, second = replicas
    place = f"/api/2.0/mlflow-artifacts/artifacts/0/{new_run(first)['run_id']}/artifacts/a.txt"
    connection = http.client.HTTPConnection("127.0.0.1", first.port, timeout=60)
    connection.request("PUT", place, b"0123456789")
    assert connection.getresponse().status == 200
    connection.close()
    connection = http.client.HTTPConnection("127.0.0.1", second.port, timeout=60)
    connection.request("GET", place, headers={"Range": "bytes=3-5"})
    reply = connection.getresponse()
    assert (reply.status, reply.read()) == (206, b"345")
    connection.close()


def test_files_that_other_servers_would_lack_are_named(shared: tuple[str, buckets.S3], tmp_path: Path) -> None:
    database, s3 = shared
    uri = servers.new_schema(database)
    with started(uri, tmp_path) as server:
        wait_for(server, "servers on other machines do not have them.")
        assert str(tmp_path / "mlartifacts") in server.said()
    # Also for one that would keep new experiments in a bucket: the default one is old.
    with started(uri, tmp_path, "--artifacts-destination", f"s3://{s3.bucket}/x", environ=s3.environ()) as server:
        wait_for(server, "servers on other machines do not have them.")
    uri = servers.new_schema(database)
    with started(uri, tmp_path, "--artifacts-destination", f"s3://{s3.bucket}/x", environ=s3.environ()) as server:
        wait_for(server, "0 runs in 1 experiment")
        assert "other machines" not in server.said()


def wait_for(server: Started, words: str) -> None:
    while words not in server.said():
        assert server.process.poll() is None, server.said()
        threading.Event().wait(0.02)
