"""Who may call, and how much: one row a known bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from millstream.server.guards import MAX_JSON
from millstream.stores.base import Store
from millstream.stores.open import open_store
from millstream.values.errors import InvalidValue
from millstream.values.queries import GetExperiment
from tests.server.conftest import Client, Reply

SEARCH = "/api/2.0/mlflow/experiments/search"
BODY = b'{"max_results": 1}'
JSON = {"content-type": "application/json"}


def post(client: Client, headers: dict[str, str], host: str = "localhost:5000", body: bytes = BODY) -> Reply:
    return client.send("POST", SEARCH, body, headers, host=host)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:5000",
        "LOCALHOST:1",
        "127.0.0.1:5000",
        "[::1]:5000",
        "[::1]",
        "10.1.2.3",
        "0.0.0.0:80",
        "8.8.8.8",
    ],
)
def test_hosts_that_no_name_service_can_fake(client: Client, host: str) -> None:
    assert client.send("GET", "/", host=host).status == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403),
        ("evil.example:5000", 403),
        ("10.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example", 403),
        ("localhost.", 403),
        ("2130706433", 403),
        ("0x7f.1", 403),
        ("", 400),
        (None, 400),
        ("localhost:5000:80", 400),
        ("user@localhost", 400),
        ("localhost/../x", 400),
        ("[::1", 400),
        ("a b", 400),
    ],
)
def test_other_hosts_are_refused(client: Client, host: str | None, status: int) -> None:
    for target in ("/", SEARCH + "?max_results=1", "/get-artifact?run_id=a&path=b"):
        reply = client.send("GET", target, host=host)
        assert reply.status == status
        assert reply.message


def test_two_hosts_are_refused(client: Client) -> None:
    assert client.send("GET", "/", headers=[("host", "evil.example")]).status == 400


def test_probes_are_answered_to_any_name(client: Client) -> None:
    for target in ("/health", "/version"):
        assert client.send("GET", target, host="probe.internal").status == 200


def test_names_that_the_operator_gave(serve: Callable[..., Client]) -> None:
    client = serve(allowed_hosts=["ml.example.org", "other:8443", ""])
    for host, status in (
        ("ml.example.org", 200),
        ("ML.example.org:1234", 200),
        ("other:8443", 200),
        ("other:8444", 403),
        ("other", 403),
        ("a.ml.example.org", 403),
    ):
        assert client.send("GET", "/", host=host).status == status, host
    assert serve(allowed_hosts=["*"]).send("GET", "/", host="any.example").status == 200


@pytest.mark.parametrize("name", ["*.example.org", "10.*", "http://x", "a b", "x/y"])
def test_patterns_are_no_names(serve: Callable[..., Client], name: str) -> None:
    with pytest.raises(InvalidValue, match="exact names"):
        serve(allowed_hosts=[name])


@pytest.mark.parametrize(
    ("origin", "host", "status"),
    [
        ("http://localhost:5000", "localhost:5000", 200),
        ("https://localhost", "localhost", 200),
        ("https://localhost", "localhost:443", 200),
        ("https://ml.example.org", "127.0.0.1:5000", 200),
        ("https://ml.example.org", "ml.example.org", 200),
        ("https://ml.example.org:444", "127.0.0.1:5000", 403),
        ("http://localhost:8888", "localhost:5000", 403),
        ("http://localhost", "localhost:5000", 403),
        ("http://127.0.0.1:5000", "localhost:5000", 403),
        ("http://evil.example", "localhost:5000", 403),
        ("https://a.ml.example.org", "127.0.0.1:5000", 403),
        ("null", "localhost:5000", 403),
        ("", "localhost:5000", 403),
        ("file://", "localhost:5000", 403),
        ("chrome-extension://localhost:5000", "localhost:5000", 403),
        ("http://localhost:5000/x", "localhost:5000", 403),
        ("http://[", "localhost:5000", 403),
    ],
)
def test_only_our_own_pages_change_anything(serve: Callable[..., Client], origin: str, host: str, status: int) -> None:
    client = serve(allowed_hosts=["ml.example.org"])
    reply = post(client, JSON | {"origin": origin}, host)
    assert reply.status == status
    if status == 403:
        assert reply.json()["error_code"] == "PERMISSION_DENIED"
        assert not {name for name in reply.headers if name.startswith("access-control")}
    assert client.send("GET", "/api/ui/about", headers={"origin": "http://evil.example"}, host=host).status == 200


@pytest.mark.parametrize(
    ("site", "status"), [("same-origin", 200), ("none", 200), ("same-site", 403), ("cross-site", 403)]
)
def test_what_the_browser_says_of_the_site(client: Client, site: str, status: int) -> None:
    assert post(client, JSON | {"sec-fetch-site": site}).status == status


def test_preflights_are_not_granted(client: Client) -> None:
    asked = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    reply = client.send("OPTIONS", SEARCH, headers=asked)
    assert reply.status == 405
    assert not {name for name in reply.headers if name.startswith("access-control")}


@pytest.mark.parametrize("named", ["https://Notes.example", "https://notes.example:443", "*"])
def test_pages_of_sites_that_the_operator_named_may_ask_and_change(serve: Callable[..., Client], named: str) -> None:
    client = serve(allowed_origins=["http://other.example:8080", named])
    page = {"origin": "https://notes.example", "sec-fetch-site": "cross-site"}
    asked = client.send("OPTIONS", SEARCH, headers=page | {"access-control-request-method": "POST"})
    assert asked.status == 204
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "content-type" in asked.headers["access-control-allow-headers"]
    reply = post(client, JSON | page)
    assert reply.status == 200
    for answer in (asked, reply):
        assert answer.headers["access-control-allow-origin"] == "https://notes.example"
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert answer.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in answer.headers
    # Allowed or not, the name of this server must be right.
    assert post(client, JSON | page, "evil.example").status == 403


@pytest.mark.parametrize("origin", ["http://notes.example", "https://notes.example:444", "https://a.notes.example"])
def test_sites_that_are_alike_are_not_the_named_one(serve: Callable[..., Client], origin: str) -> None:
    reply = post(serve(allowed_origins=["https://notes.example"]), JSON | {"origin": origin})
    assert reply.status == 403
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize("name", ["notes.example", "ftp://a.example", "https://", "https://a/b", "https://*.example"])
def test_what_is_no_site_cannot_be_named(serve: Callable[..., Client], name: str) -> None:
    with pytest.raises(InvalidValue, match="is not a site"):
        serve(allowed_origins=[name])


@pytest.mark.parametrize(
    ("frames", "header", "ancestors"),
    [
        ("sameorigin", "SAMEORIGIN", "frame-ancestors 'self'"),
        ("DENY", "DENY", "frame-ancestors 'none'"),
        ("NONE", None, ""),
    ],
)
def test_who_may_show_the_pages_in_a_frame(
    serve: Callable[..., Client], frames: str, header: str | None, ancestors: str
) -> None:
    headers = serve(frames=frames).get("/").headers
    assert headers.get("x-frame-options") == header
    assert ancestors in headers["content-security-policy"]
    assert ("frame-ancestors" in headers["content-security-policy"]) == bool(ancestors)


def test_another_word_for_frames_is_refused(serve: Callable[..., Client]) -> None:
    with pytest.raises(InvalidValue, match="SAMEORIGIN, DENY or NONE"):
        serve(frames="ALLOW-FROM https://a.example")


@pytest.mark.parametrize(
    ("content_type", "words"),
    [
        (None, "Content-Type header is missing."),
        ("", "must be one of ['application/json']"),
        ("text/plain", "must be one of ['application/json']"),
        ("application/x-www-form-urlencoded", "must be one of"),
        ("multipart/form-data; boundary=x", "must be one of"),
        ("application/jsonp", "must be one of"),
        ("text/plain; application/json", "must be one of"),
    ],
)
def test_other_content_types_are_refused(client: Client, content_type: str | None, words: str) -> None:
    for path in (SEARCH, "/api/ui/runs"):
        reply = client.send("POST", path, BODY, {} if content_type is None else {"content-type": content_type})
        assert (reply.status, reply.json()["error_code"]) == (400, "BAD_REQUEST")
        assert words in reply.message


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_forms_of_the_json_type(client: Client, content_type: str) -> None:
    assert post(client, {"content-type": content_type}).status == 200


def test_long_bodies_are_refused_before_they_are_read(client: Client) -> None:
    said = post(client, JSON | {"content-length": str(MAX_JSON + 1)})
    assert (said.status, said.json()["error_code"]) == (413, "BAD_REQUEST")
    assert post(client, JSON | {"content-length": "-1"}).status == 413
    unsaid = post(client, JSON, body=b'{"filter": "' + b"x" * MAX_JSON + b'"}')
    assert unsaid.status == 413


def test_bodies_in_pieces(client: Client) -> None:
    assert client.send("POST", SEARCH, BODY, JSON, chunk=3).status == 200


def test_deep_bodies_are_refused(client: Client) -> None:
    for body in (b"[" * 10**6, b'{"a":' * 10**5, b'{"a":' + b"[" * 100 + b"]" * 100 + b"}"):
        reply = post(client, JSON, body=body)
        assert reply.status == 400
        assert "nested" in reply.message


def test_every_reply_has_the_security_headers(client: Client) -> None:
    for target in ("/", "/health", "/api/nothing", SEARCH, "/api/ui/about", "/get-artifact"):
        headers = client.get(target).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["referrer-policy"] == "no-referrer"
        assert "frame-ancestors 'self'" in headers["content-security-policy"]
    assert client.send("GET", "/", host="evil.example").headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "location",
    ["/etc", "file:///etc", "artifacts", "{root}/../elsewhere", "file://{root}/%2e%2e/x", "{root}-beside", "{link}"],
)
def test_experiments_keep_artifacts_only_where_the_operator_said(
    serve: Callable[..., Client], tmp_path: Path, location: str
) -> None:
    root = tmp_path / "named"
    root.mkdir()
    (root / "link").symlink_to("/etc")
    client = serve(artifact_root=str(root))
    place = location.format(root=root, link=root / "link")
    reply = client.post("/api/2.0/mlflow/experiments/create", {"name": "e", "artifact_location": place})
    assert reply.status in (400, 403), reply.body


def test_the_named_root_is_allowed_and_is_the_default(
    serve: Callable[..., Client], store: Store, tmp_path: Path
) -> None:
    root = tmp_path / "named"
    client = serve(artifact_root=str(root))

    def location(**fields: Any) -> tuple[str, str]:
        experiment_id = client.api("experiments/create", **fields)["experiment_id"]
        return experiment_id, store.read(GetExperiment(experiment_id=experiment_id)).artifact_location

    assert location(name="a", artifact_location=f"{root}/a")[1] == (root / "a").as_uri()
    experiment_id, place = location(name="b")
    assert place == (root / experiment_id).as_uri()


def test_the_stores_own_directory_may_be_named(store: Store, client: Client) -> None:
    place = store.uri + "/kept"
    assert client.api("experiments/create", name="a", artifact_location=place)["experiment_id"]
    assert json.loads(client.post("/api/2.0/mlflow/experiments/create", {"name": "c"}).body)["experiment_id"]
    assert open_store(store.uri).uri == store.uri
