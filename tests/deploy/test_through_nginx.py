"""What passes through nginx arrives as it was sent: files, addresses, logins, errors."""

from __future__ import annotations

import base64
import http.client
import json
import os
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from millstream.server.auth.brake import Brake
from millstream.stores.accounts import Accounts, find_database, now
from millstream.values.accounts import CreateToken, CreateUser
from millstream.values.secrets import Secret
from tests import buckets, servers
from tests.deploy.fleet import Fleet

PASSWORD = "열두 글자보다 긴 비밀"
ODD = "모델 a/#1+2?[z]{}~'\"&=;,@!$*|^` 100%.bin"
API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"


class Line:
    """A connection to nginx, or to a server, of one user."""

    def __init__(self, port: int, token: str, source: str = "127.0.0.1") -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))
        self.token = token

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def ask(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        given = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        self._connection.request(method, path, body, given)
        reply = self._connection.getresponse()
        return reply.status, reply.headers, reply.read()

    def follow(self, path: str) -> Iterator[tuple[str, Any]]:
        """Name and data of each event of a stream, as they come."""
        self._connection.request("GET", path, None, {"Authorization": f"Bearer {self.token}"})
        reply = self._connection.getresponse()
        assert (reply.status, reply.headers.get_content_type()) == (200, "text/event-stream")
        name = ""
        with reply:
            for raw in iter(reply.readline, b""):
                field, _, value = raw.decode().rstrip("\n").partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)

    def post(self, path: str, **fields: Any) -> Any:
        status, _, said = self.ask("POST", f"{API}/{path}", json.dumps(fields), Content_Type="application/json")
        assert status == 200, said
        return json.loads(said)


@pytest.fixture(scope="module")
def guarded(
    shared: tuple[str, buckets.S3], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Fleet, Accounts]]:
    """Two servers with a login behind nginx, and their users."""
    database, s3 = shared
    uri = servers.new_schema(database)
    destination = f"s3://{s3.bucket}/{uuid.uuid4().hex}"
    accounts = Accounts(find_database(uri, None))
    accounts.write(CreateUser(name="root", password=Secret(PASSWORD), time=now(), admin=True))
    made = Fleet(uri, destination, s3.environ(), tmp_path_factory.mktemp("guarded"), "--auth")
    with made.running():
        yield made, accounts
    accounts.close()


@pytest.fixture
def fleet(guarded: tuple[Fleet, Accounts]) -> Fleet:
    return guarded[0]


@pytest.fixture
def line(guarded: tuple[Fleet, Accounts]) -> Iterator[Line]:
    """Of an administrator, through nginx."""
    fleet, accounts = guarded
    token = accounts.write(CreateToken(user="root", name="test", time=now(), expires=now() + 3_600_000))
    with Line(fleet.port, token.secret.reveal()) as found:
        yield found


def new_place(line: Line) -> str:
    """Where a new run keeps its files."""
    run = line.post("runs/create", experiment_id="0")["run"]["info"]
    return f"{FILES}/{run['artifact_uri'].removeprefix('mlflow-artifacts:/')}"


def test_files_with_every_kind_of_name_and_size(line: Line) -> None:
    place = new_place(line)
    large = os.urandom(3 * 2**20)
    for name, content in {ODD: b"odd", "빈 것": b"", "large": large, "a%20b": b"percent", "a/b/c": b"deep"}.items():
        assert line.ask("PUT", f"{place}/{quote(name)}", content)[0] == 200, name
        status, headers, said = line.ask("GET", f"{place}/{quote(name)}")
        assert (status, said) == (200, content)
        assert headers["Content-Length"] == str(len(content))
        assert headers["Content-Security-Policy"].startswith("sandbox")
    status, headers, said = line.ask("GET", f"{place}/large", Range="bytes=1000000-1000009")
    assert (status, said) == (206, large[1_000_000:1_000_010])
    assert line.ask("GET", f"{place}/large", If_None_Match=headers["ETag"])[0] == 304
    assert line.ask("HEAD", f"{place}/large")[1]["Content-Length"] == str(len(large))
    pieces = (large[start : start + 100_000] for start in range(0, len(large), 100_000))
    assert line.ask("PUT", f"{place}/chunked", pieces)[0] == 200
    assert line.ask("GET", f"{place}/chunked")[2] == large


def test_files_never_touch_the_disk_of_nginx(fleet: Fleet, line: Line) -> None:
    place = new_place(line)
    assert line.ask("PUT", f"{place}/large", os.urandom(30 * 2**20))[0] == 200
    assert len(line.ask("GET", f"{place}/large")[2]) == 30 * 2**20
    # nginx says so each time that it writes a body into a file.
    assert "temporary file" not in (fleet.folder / "error.log").read_text()


def test_json_up_to_the_limit_of_the_servers(fleet: Fleet, line: Line) -> None:
    run = line.post("runs/create", experiment_id="0")["run"]["info"]["run_id"]

    def send(size: int) -> tuple[int, str]:
        tags = [{"key": "k", "value": "x" * 4000}]
        body = json.dumps({"run_id": run, "tags": tags}) + " " * size
        for headers in ({}, {"Idempotency_Key": f'"{uuid.uuid4()}"'}):
            status, _, said = line.ask(
                "POST", f"{API}/runs/log-batch", body, Content_Type="application/json", **headers
            )
        return status, json.loads(said).get("error_code")

    assert send(15 * 2**20) == (200, None)
    assert send(17 * 2**20) == (413, "BAD_REQUEST")
    # Too much to be read by anybody: nginx hangs up while it is being sent, or after it has said why.
    try:
        assert send(64 * 2**20) == (413, "BAD_REQUEST")
    except OSError:
        pass
    assert fleet.asked()[-1]["status"] in (413, 499)


def test_a_login_at_one_server_is_one_at_all(fleet: Fleet) -> None:
    form = f"name=root&password={quote(PASSWORD)}&next=%2F"
    typed = {"Content_Type": "application/x-www-form-urlencoded", "Origin": f"http://127.0.0.1:{fleet.port}"}
    with Line(fleet.port, "") as anybody:
        status, headers, _ = anybody.ask("POST", "/login", form, **typed)
    assert status == 303
    cookie = headers["Set-Cookie"].partition(";")[0]
    for replica in fleet.replicas:
        with Line(replica.port, "") as line:
            assert line.ask("GET", f"{API}/experiments/get?experiment_id=0", Cookie=cookie)[0] == 200
            assert line.ask("GET", f"{API}/experiments/get?experiment_id=0")[0] == 401


def test_wrong_passwords_are_counted_together_by_the_address_of_the_caller(guarded: tuple[Fleet, Accounts]) -> None:
    def basic(name: str, password: str) -> str:
        return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()

    fleet, accounts = guarded
    path = f"{API}/experiments/get?experiment_id=0"
    with Line(fleet.port, "", source="127.0.0.2") as guesser:
        for number in range(6):
            asked = {"Authorization": basic(f"user {number}", "x"), "X_Forwarded_For": "198.51.100.7"}
            assert guesser.ask("GET", f"{path}&x={number}", **asked)[0] == 401
    notes = [line for line in fleet.asked() if line["caller"] == "127.0.0.2"]
    assert {fleet.number_of(line["replica"]) for line in notes} == {0, 1}
    # What the guesser said of himself is held against nobody.
    tried = accounts.tried(["address:127.0.0.2", "address:198.51.100.7"], 0)
    assert {subject: count for subject, (count, _) in tried.items()} == {"address:127.0.0.2": 6}
    for _ in range(14):
        Brake(accounts).tries("somebody", "127.0.0.2")
    for replica in fleet.replicas:
        asked = {"Authorization": basic("anybody", "x"), "X_Forwarded_For": "127.0.0.2"}  # as nginx says it
        with Line(replica.port, "") as line:
            status, headers, _ = line.ask("GET", path, **asked)
        assert (status, int(headers["Retry-After"]) > 600) == (429, True)


def test_changes_made_by_one_server_are_told_by_the_other_at_once(fleet: Fleet, line: Line) -> None:
    made = line.post("experiments/create", name=f"따라가기 {uuid.uuid4()}")["experiment_id"]
    with Line(fleet.port, line.token) as follower:
        events = follower.follow(f"/api/ui/changes?experiment_id={made}")
        assert next(events) == ("ready", {})
        for replica in fleet.replicas:
            with Line(replica.port, line.token) as other:
                run = other.post("runs/create", experiment_id=made)["run"]["info"]["run_id"]
            event, told = next(events)
            assert (event, told["run_id"]) == ("change", run)


def test_a_request_has_one_id_everywhere(fleet: Fleet, line: Line) -> None:
    given = uuid.uuid4().hex
    path = f"{API}/experiments/get?experiment_id=0"
    assert line.ask("GET", path, X_Request_ID=given)[1]["X-Request-ID"] == given
    made = line.ask("GET", path)[1]["X-Request-ID"]
    while made not in (ids := [note["request_id"] for note in fleet.asked()]):
        pass  # nginx notes a request after it has answered it
    assert ids[-2:] == [given, made]


def test_numbers_of_one_process_are_not_those_of_all(line: Line) -> None:
    assert line.ask("GET", "/metrics")[0] == 404


def test_what_nginx_says_itself_is_json(fleet: Fleet, line: Line) -> None:
    body = json.dumps({"experiment_id": "0"})
    for number in (0, 1):
        assert fleet.stop(number) == 0
    try:
        for headers in ({}, {"Idempotency_Key": '"a"'}):
            status, found, said = line.ask(
                "POST", f"{API}/runs/create", body, Content_Type="application/json", **headers
            )
            assert (status, found["Content-Type"]) == (502, "application/json")
            assert json.loads(said)["error_code"] == "TEMPORARILY_UNAVAILABLE"
        assert line.ask("GET", "/")[0] == 502
    finally:
        for number in (0, 1):
            fleet.start(number)
    while line.ask("GET", "/health")[0] != 200:  # nginx tries again after two seconds
        pass
