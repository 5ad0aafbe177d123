"""The scoring server, request by request."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from millstream.formats.mlmodel import Model
from millstream.formats.signature import ColSpec, ModelSignature, Schema
from millstream.models import pyfunc
from millstream.models.flavors import sklearn as flavor
from millstream.models.infer import infer_signature
from millstream.models.pyfunc import PyFuncModel
from millstream.serving.app import ScoringApp
from millstream.serving.worker import Worker
from millstream.values.version import VERSION

FRAME = pd.DataFrame({"a": [0.0, 1, 2, 3], "b": [1.0, 0, 0, 1]})
SPLIT = {"columns": ["b", "a"], "data": [[1, 0], [0, 1]]}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PyFuncModel:
    path: Path = tmp_path_factory.mktemp("models") / "linear"
    estimator = LinearRegression().fit(FRAME, FRAME["a"] * 2 + FRAME["b"])
    flavor.save_model(estimator, path, signature=infer_signature(FRAME))
    return pyfunc.load_model(str(path))


@pytest.fixture
def client(model: PyFuncModel) -> TestClient:
    return TestClient(ScoringApp(model))


class TestClient:
    """Requests to an app without a network, one at a time."""

    __test__ = False

    def __init__(self, served: ScoringApp) -> None:
        self.served = served

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.served)
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)


class Calls:
    """A model that does what a test says."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function

    def predict(self, data: Any, params: dict[str, Any]) -> Any:
        return self.function(data)


def app(function: Callable[[Any], Any], **options: Any) -> ScoringApp:
    signature = ModelSignature(Schema([ColSpec("double", "a")]))
    return ScoringApp(PyFuncModel(Model(signature=signature), Calls(function)), **options)


def test_health_and_version(client: TestClient) -> None:
    for path in ("/ping", "/health"):
        answer = client.get(path)
        assert (answer.status_code, answer.content) == (200, b"\n")
        assert answer.headers["content-type"] == "application/json"
        assert client.request("HEAD", path).content == b""
    assert client.get("/version").text == VERSION


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        ({"dataframe_split": SPLIT}, "application/json", {"predictions": [1.0, 2.0]}),
        ({"dataframe_records": [{"a": 0, "b": 1}]}, "application/json", {"predictions": [1.0]}),
        ({"instances": [{"a": 0, "b": 1}]}, "application/json", {"predictions": [1.0]}),
        ({"inputs": {"a": [0], "b": [1]}}, "application/json; charset=utf-8", {"predictions": [1.0]}),
        (SPLIT, "application/json", [1.0, 2.0]),
        (SPLIT, "application/json; format=pandas-split", [1.0, 2.0]),
        ([{"a": 0, "b": 1}], "application/json", [1.0]),
        ([{"a": 0, "b": 1}], "application/json; format=pandas-records", [1.0]),
        ("b,a,extra\n1,0,x\n0,1,y\n", "text/csv", {"predictions": [1.0, 2.0]}),
    ],
)
def test_every_generation_gets_its_answer(client: TestClient, body: Any, content_type: str, expected: Any) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    answer = client.post("/invocations", content=content, headers={"content-type": content_type})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    wrapped = isinstance(expected, dict)
    assert isinstance(found, dict) is wrapped
    values = found["predictions"] if wrapped else found
    assert values == pytest.approx(expected["predictions"] if wrapped else expected)


@pytest.mark.parametrize(
    ("content", "content_type", "status", "code", "words"),
    [
        (b"{", "application/json", 400, "BAD_REQUEST", "not valid JSON"),
        (b'{"inputs": [[NaN, 1]]}', "application/json", 400, "BAD_REQUEST", "not valid JSON"),
        (b"", "application/json", 400, "BAD_REQUEST", "empty"),
        (b"a,b\n", "text/csv", 400, "INVALID_PARAMETER_VALUE", "no rows"),
        (b"a,b\n1\n", "text/csv", 400, "INVALID_PARAMETER_VALUE", "Row 0 has 1 values"),
        (b"a,b\n1,x\n", "text/csv", 400, "INVALID_PARAMETER_VALUE", "'b', row 0: double expected"),
        (b'[{"a": 1}]', "application/json", 400, "INVALID_PARAMETER_VALUE", "'b'"),
        (b'[{"a": 1, "b": "secret"}]', "application/json", 400, "INVALID_PARAMETER_VALUE", "'b', row 0"),
        (b'{"columns": ["a"], "data": [[1], []]}', "application/json", 400, "INVALID_PARAMETER_VALUE", "Row 1"),
        (b"{}", "text/plain", 415, "UNSUPPORTED_MEDIA_TYPE", "text/plain"),
        (b"{}", "application/json; charset=latin-1", 415, "UNSUPPORTED_MEDIA_TYPE", "charset"),
    ],
)
def test_bad_requests_get_one_line_that_says_what(
    client: TestClient, content: bytes, content_type: str, status: int, code: str, words: str
) -> None:
    answer = client.post("/invocations", content=content, headers={"content-type": content_type})
    error = answer.json()
    assert (answer.status_code, error["error_code"]) == (status, code)
    assert words in error["message"]
    assert set(error) == {"error_code", "message"}
    assert "\n" not in error["message"]
    assert len(answer.content) < 400
    for leak in ("Traceback", "secret", "site-packages"):
        assert leak not in answer.text


def test_no_content_type_is_415(client: TestClient) -> None:
    assert client.post("/invocations", content=b"{}").status_code == 415


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/invocations", 405), ("POST", "/ping", 405), ("GET", "/", 404), ("GET", "/invocations/", 404)],
)
def test_other_routes_and_methods(client: TestClient, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error_code", "message"}


def test_a_failing_model_tells_the_log_and_not_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    def fail(data: Any) -> None:
        raise RuntimeError("the key is hunter2")

    answer = TestClient(app(fail)).post("/invocations", json={"dataframe_records": [{"a": 1}]})
    assert answer.status_code == 400
    assert "RuntimeError" in answer.json()["message"]
    assert "hunter2" not in answer.text
    assert "hunter2" in caplog.text
    number = answer.json()["message"].split("number ")[1][:8]
    assert number in caplog.text


def test_an_answer_without_a_form_is_an_error() -> None:
    client = TestClient(app(lambda data: object()))
    answer = client.post("/invocations", json={"dataframe_records": [{"a": 1}]})
    assert answer.status_code == 400
    assert "object" in answer.json()["message"]


def test_bodies_over_the_cap_are_refused() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(2):
            yield b"x" * 30

    client = TestClient(app(lambda data: [0], max_body=50))
    answer = client.post("/invocations", content=b"x" * 51, headers=JSON)
    assert (answer.status_code, answer.json()["error_code"]) == (413, "REQUEST_TOO_LARGE")
    assert client.post("/invocations", content=chunks(), headers=JSON).status_code == 413
    assert client.post("/invocations", json={"inputs": {"a": [1]}}).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:5000", 200), ("127.0.0.1:5000", 200), ("[::1]:5000", 200), ("192.168.1.7", 200),
        ("Gpu-Box", 200), ("evil.example", 403), ("127.0.0.1.evil.example", 403), ("", 403),
    ],
)  # fmt: skip
def test_host_names_of_others_are_refused(model: PyFuncModel, host: str, status: int) -> None:
    client = TestClient(ScoringApp(model, hosts=["gpu-box"]))
    assert client.get("/ping", headers={"host": host}).status_code == status


async def _post(client: httpx.AsyncClient, value: float = 1) -> httpx.Response:
    return await client.post("/invocations", json={"dataframe_records": [{"a": value}]}, timeout=30)


def test_health_answers_while_the_model_predicts_and_a_full_queue_is_503() -> None:
    started, gate = threading.Event(), threading.Event()

    def wait(data: Any) -> Any:
        started.set()
        gate.wait(30)
        return np.array([1.0])

    async def scene() -> None:
        served = app(wait, worker=Worker(calls=1))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://localhost") as client:
            first = asyncio.create_task(_post(client))
            await asyncio.to_thread(started.wait, 30)
            assert (await client.get("/ping")).status_code == 200
            refused = await _post(client)
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["error_code"] == "TEMPORARILY_UNAVAILABLE"
            gate.set()
            assert (await first).json() == {"predictions": [1.0]}
            assert (await _post(client)).status_code == 200

    asyncio.run(scene())


def test_a_call_past_its_time_is_504_and_what_waited_behind_it_is_not_run() -> None:
    gate, ran = threading.Event(), []

    def wait(data: Any) -> Any:
        ran.append(float(data["a"][0]))
        gate.wait(30)
        return [0]

    async def scene() -> None:
        served = app(wait, timeout=0.2)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://localhost") as client:
            answers = await asyncio.gather(_post(client, 1), _post(client, 2))
            assert [answer.status_code for answer in answers] == [504, 504]
            assert "Request processing time exceeded limit" in answers[0].json()["message"]
            gate.set()
            assert (await _post(client, 3)).status_code == 200

    asyncio.run(scene())
    assert ran == [1.0, 3.0]


def test_a_caller_who_leaves_is_dropped_from_the_queue() -> None:
    gate, started, ran = threading.Event(), threading.Event(), []

    def wait(data: Any) -> Any:
        ran.append(float(data["a"][0]))
        started.set()
        gate.wait(30)
        return [0]

    async def leave(served: ScoringApp) -> None:
        messages = [{"type": "http.request", "body": b'{"inputs": {"a": [2]}}'}, {"type": "http.disconnect"}]

        async def receive() -> dict[str, Any]:
            return messages.pop(0)

        async def send(message: Any) -> None:
            raise AssertionError("nobody is there to answer")

        headers = [(b"content-type", b"application/json")]
        await served({"type": "http", "method": "POST", "path": "/invocations", "headers": headers}, receive, send)

    async def scene() -> None:
        served = app(wait)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(served), base_url="http://localhost") as client:
            first = asyncio.create_task(_post(client, 1))
            await asyncio.to_thread(started.wait, 30)
            await leave(served)
            gate.set()
            assert (await first).status_code == 200
            assert (await _post(client, 3)).status_code == 200

    asyncio.run(scene())
    assert ran == [1.0, 3.0]
