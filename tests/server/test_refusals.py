"""Values are kept as they were sent or refused by name, on every route; hostile bodies cost little memory."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from urllib.parse import quote

import msgspec
import psutil
import pytest
from msgspec import Struct, UnsetType

from millstream.formats.wire.decode import MAX_DEPTH
from millstream.formats.wire.route import Route
from millstream.server.app import all_routes
from millstream.server.errors import MOST
from millstream.server.interface import Server
from tests.server.conftest import Client
from tests.server.started import Started, started

ALL = all_routes(Server("0", 0))
NO_TEXT = ["5", "true", "1.5", "[]", "{}", r'"\ud800"', r'"a\udc00b"', "NaN"]
NO_WHOLE = [
    *("9223372036854775808", "-9223372036854775809", "1e400", "-1e400", "1.5", "true", "[]", "{}", "NaN", "Infinity"),
    *('"9223372036854775808"', '"1.5"', '"1e400"', '"x"', '" 1"', '"1_0"', '"0x10"', '"１"', '"1\\u0000"', "1" * 5000),
]
NO_NUMBER = ["1e400", "-1e400", "NaN", "Infinity", "-Infinity", "true", "[]", "{}", '"1e400"', '"x"', '"1_0"', '"0x1"']
NO_LIST = ["5", '"x"', "true", "{}", "NaN"]
NO_OBJECT = ["5", '"x"', "true", "[]", "NaN"]


def kinds(hint: Any) -> list[Any]:
    """The types that a field may have, without UNSET and notes."""
    if get_origin(hint) in (Union, UnionType):
        return [kind for part in get_args(hint) for kind in kinds(part)]
    if hasattr(hint, "__metadata__"):
        return kinds(hint.__origin__)
    return [] if hint in (UnsetType, type(None)) else [hint]


def wrong(struct: type[Struct], path: str = "") -> Iterator[tuple[str, str]]:
    """Every field of a request with every value that it cannot have: its place, and JSON text of the whole field."""
    for name, hint in get_type_hints(struct, include_extras=True).items():
        found = kinds(hint)
        (kind,) = found if len(found) == 1 else [str]
        if len(found) > 1:  # a word or its number
            bad = ["1.5", "[]", "{}", "true", '"no such word"', "99", "-1", "1e400"]
        elif get_origin(kind) is tuple:
            bad = NO_LIST
            (inner,) = kinds(get_args(kind)[0])
            if isinstance(inner, type) and issubclass(inner, Struct):
                yield from ((f"{path}{name}[0]", f'"{name}": [{value}]') for value in NO_OBJECT)
                for place, value in wrong(inner, f"{path}{name}[0]."):
                    yield place, f'"{name}": [{{{value}}}]'
            else:
                yield from (
                    (f"{path}{name}[0]", f'"{name}": [{value}]') for value in {int: NO_WHOLE}.get(inner, NO_TEXT)
                )
        elif isinstance(kind, type) and issubclass(kind, Struct):
            bad = NO_OBJECT
            for place, value in wrong(kind, f"{path}{name}."):
                yield place, f'"{name}": {{{value}}}'
        else:
            bad = {int: NO_WHOLE, float: NO_NUMBER, str: NO_TEXT, bool: ["5", '"x"', "[]"]}[kind]
        yield from ((f"{path}{name}", f'"{name}": {value}') for value in bad)


def other_fields(route: Route, but: str) -> list[str]:
    """Something right for every other field that must be there."""
    right = {str: '"a"', int: "1", float: "1", tuple[str, ...]: '["a"]'}
    fields = []
    for field in msgspec.structs.fields(route.request):
        if field.required and field.name != but:
            (kind,) = kinds(field.type)
            fields.append(f'"{field.name}": {right.get(kind, "[]")}')
    return fields


@pytest.mark.parametrize("route", [item for item in ALL if item.methods != ("GET",)], ids=lambda route: route.path)
def test_no_route_changes_a_value_to_take_it(client: Client, route: Route) -> None:
    method = next(method for method in route.methods if method != "GET")
    target = route.prefixes[0] + route.path.format(model_id="m-1", tag_key="k")
    for place, field in wrong(route.request):
        name = place.partition("[")[0].partition(".")[0]
        if f"{{{name}}}" in route.path:
            continue  # The path counts, whatever the body says.
        body = f"{{{', '.join([*other_fields(route, name), field])}}}".encode()
        reply = client.send(method, target, body, {"content-type": "application/json"})
        assert reply.status == 400, (field, reply.body)
        # Missing fields of an object may be noticed before a wrong one beside them.
        assert place.rpartition(".")[0] in reply.message or place in reply.message, (field, reply.message)


@pytest.mark.parametrize("route", [item for item in ALL if "GET" in item.methods], ids=lambda route: route.path)
def test_no_query_string_changes_a_value(client: Client, route: Route) -> None:
    target = route.prefixes[0] + route.path.format(model_id="m-1", tag_key="k")
    needed = "&".join(f"{field.name}=a" for field in msgspec.structs.fields(route.request) if field.required)
    for field in msgspec.structs.fields(route.request):
        if kinds(field.type) == [int]:
            for bad in NO_WHOLE:
                value = quote(bad.strip('"').replace("\\u0000", "\0"))
                reply = client.get(f"{target}?{needed}&{field.name}={value}")
                assert reply.status == 400, (field, bad)
                assert field.name in reply.message
    for bad in ("%ff", "%ed%a0%80"):
        assert client.get(f"{target}?{needed}&{'x' if not needed else needed.partition('=')[0]}={bad}").status == 400


@pytest.mark.parametrize(
    "body",
    [
        b'{"run_id": "a", "key": "k", "value": "1", "value": "2"}',
        b'{"run_id": "a", "run_id": "a", "key": "k"}',
        b'{"run_id": "a", "tags": [{"key": "k", "key": "l"}]}',
        b'{"run_id": "a", "note": {"x": {"y:": 1, "y:": 1}}}',
        b'{"run_id": "a", "ru\\u006e_id": "b"}',
        json.dumps('{"run_id": "a", "run_id": "b"}').encode(),
    ],
    ids=["values", "the same twice", "in a list", "in an unknown field", "escaped", "in a string"],
)
def test_a_name_that_comes_twice_is_refused(client: Client, body: bytes) -> None:
    reply = client.post("/api/2.0/mlflow/runs/set-tag", body)
    assert reply.status == 400
    assert "twice" in reply.message


@pytest.mark.parametrize("text", [":", '"a": 1, "a": 2', "\\", '{"a":{"a":[]}}', "\\u003a", "가:나"])
def test_texts_that_look_like_names_are_texts(client: Client, text: str) -> None:
    run_id = client.new_run()
    client.api("runs/set-tag", run_id=run_id, key="k:k", value=text)
    tags = client.get(f"/api/2.0/mlflow/runs/get?run_id={run_id}").json()["run"]["data"]["tags"]
    assert {"key": "k:k", "value": text} in tags


GROWTH = 64 * 2**20
LOG = "/api/2.0/mlflow/runs/log-batch"


def flood(server: Started, size: int) -> tuple[int, bytes]:
    """A body of unknown length that does not end before `size`, or when the server has heard enough."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    pieces = (b" " * 2**16 for _ in range(size // 2**16))
    try:
        connection.request("POST", LOG, pieces, {"Content-Type": "application/json"}, encode_chunked=True)
    except (BrokenPipeError, ConnectionResetError):
        pass  # It has answered already.
    reply = connection.getresponse()
    try:
        return reply.status, reply.read()
    finally:
        connection.close()


def post(body: bytes) -> Callable[[Started], tuple[int, bytes]]:
    """Sends `body` whole."""

    def send(server: Started) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        try:
            connection.request("POST", LOG, body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    return send


def announce(server: Started) -> tuple[int, bytes]:
    """Say that 100 MB follow, and send nothing."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.putrequest("POST", LOG)
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(100 * 10**6))
        connection.endheaders()
        reply = connection.getresponse()
        return reply.status, reply.read()
    finally:
        connection.close()


HOSTILE: dict[str, tuple[Callable[[Started], tuple[int, bytes]], int]] = {
    "100 MB announced": (announce, 413),
    "100 MB that come": (lambda server: flood(server, 100 * 10**6), 413),
    "a million brackets": (post(b"[" * 10**6), 400),
    "a million brackets, closed": (post(b'{"a":' + b"[" * 10**6 + b"]" * 10**6 + b"}"), 400),
    "a million braces": (post(b'{"a":' * 10**6), 400),
    "one too deep": (post(b'{"a":' + b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1) + b"}"), 400),
    "10^5 names": (post(json.dumps({f"k{i}": i for i in range(10**5)}).encode()), 400),
    "10^5 names twice": (post(b"{" + b'"a":1,' * 10**5 + b'"b":1}'), 400),
    "5 million empty objects": (post(b'{"metrics":[' + b"{}," * 5_000_000 + b"{}]}"), 413),
    "5 million empty lists in an unknown field": (post(b'{"x":[' + b"[]," * 5_000_000 + b"[]]}"), 413),
    "a text of 15 MB": (post(b'{"run_id":"' + b"a" * 15 * 10**6 + b'"}'), 400),
    "a number of a million digits": (post(b'{"run_id":"a","metrics":' + b"1" * 10**6 + b"}"), 400),
    "15 MB that are not text": (post(b"\xff" * 15 * 10**6), 400),
    "15 MB of white space": (post(b" " * 15 * 10**6), 400),
    "15 MB of quotes": (post(b'"' * 15 * 10**6), 400),
    "15 MB of commas": (post(b"," * 15 * 10**6), 413),
    "15 MB of back slashes": (post(b'"' + b"\\" * 15 * 10**6), 400),
    "15 MB of colons": (post(b'{"run_id":"' + b":" * 15 * 10**6 + b'"}'), 400),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A server that has answered something."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    with started(str(folder / "mlruns"), folder) as server:
        server.api("runs/create", experiment_id="0")
        server.api("runs/search", experiment_ids=["0"])
        yield server


def peak(server: Started) -> int:
    """The most memory that the server and its workers have had so far, in bytes."""
    processes = [psutil.Process(server.process.pid)]
    processes += processes[0].children(recursive=True)
    found = [re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text()) for process in processes]
    return sum(int(match[1]) * 1024 for match in found if match)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is in /proc, on Linux")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies_are_refused_in_little_memory(server: Started, name: str) -> None:
    send, wanted = HOSTILE[name]
    before = psutil.Process(server.process.pid).memory_info().rss
    for process in [server.process.pid, *(child.pid for child in psutil.Process(server.process.pid).children(True))]:
        Path(f"/proc/{process}/clear_refs").write_text("5")  # The peak starts anew.
    status, said = send(server)
    assert status == wanted, said
    answer = json.loads(said)
    assert set(answer) == {"error_code", "message"}
    assert len(answer["message"]) <= MOST
    assert peak(server) - before < GROWTH
