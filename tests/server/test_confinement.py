"""No request reaches a file outside of the artifacts of its run, whatever the path and whatever links lie there."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millstream.drivers.artifacts.local import LocalArtifacts
from millstream.server.app import make_app
from millstream.stores.open import close_stores, open_store
from millstream.values.errors import MillstreamError
from millstream.values.paths import Location, RelPath
from tests.server.conftest import Client, Reply

PROXY = "/api/2.0/mlflow-artifacts"
SECRET = b"the canary sings"
# No path that is tried makes a file of this name.
NOWHERE_ELSE = "nowhere else"
PIECES = st.sampled_from(
    [
        "..", ".", "", "d", "out", "up", "up2", "file", "hop", "circle", "%2e%2e", "..%2f", "%252e%252e", "..\\", "/",
        "canary", "secret", "meta.yaml", "artifacts", "models", "0", "..;", "c:", "\0", "한글", "a b", "?", "#",
    ]
)  # fmt: skip
PATHS = st.lists(PIECES | st.text(max_size=5), min_size=1, max_size=7).map("/".join)
VERBS = st.sampled_from(["get", "put", "delete", "list", "create", "complete", "presigned", "page", "upload", "files"])


class Cage:
    """A server with one run whose artifacts are full of links, and a canary outside of them."""

    def __init__(self, home: Path) -> None:
        tree = home / "mlruns"
        self.client = Client(make_app(open_store(tree.as_uri())))
        self.run_id = self.client.new_run()
        run = tree / "0" / self.run_id
        self.root = run / "artifacts"
        self.canary = home / "canary"
        self.canary.mkdir()
        (self.canary / "secret").write_bytes(SECRET)
        (self.canary / NOWHERE_ELSE).write_bytes(SECRET)
        (run / "params" / "canary").parent.mkdir(exist_ok=True)
        (run / "params" / "canary").write_bytes(SECRET)
        (self.root / "d").mkdir(parents=True)
        self.watched = (self.canary, run / "params", tree / "0" / "meta.yaml", run / "meta.yaml")
        self.mend()
        self.before = self.see()

    def mend(self) -> None:
        """Put the links back that were removed."""
        links = {
            "out": self.canary, "file": self.canary / "secret", "d/up": "../..", "up2": "../../..", "hop": "d/../up2",
            "circle": "circle", "d/out": "../out", "params": "../params", "meta.yaml": "../meta.yaml",
        }  # fmt: skip
        (self.root / "d").mkdir(exist_ok=True)
        for name, target in links.items():
            if not os.path.lexists(self.root / name):
                (self.root / name).symlink_to(target)

    def see(self) -> dict[str, tuple[int, int, bytes]]:
        """All that is watched: by inode, time of change, content."""
        files = [file for place in self.watched for file in ([place] if place.is_file() else place.rglob("*"))]
        return {
            str(file): (file.stat().st_ino, file.stat().st_mtime_ns, file.read_bytes())
            for file in files
            if file.is_file()
        }

    def ask(self, verb: str, path: str) -> Reply:
        """One request, in one of the ways that a path can be given."""
        run, at = self.run_id, f"0/{self.run_id}/artifacts/{path}"
        raw, typed = {"content-type": "application/octet-stream"}, {"content-type": "application/json"}
        body = b'{"path":"f","num_parts":1,"upload_id":"u","parts":[]}'
        named = quote(path, safe="")
        match verb:
            case "list":
                return self.client.get(f"{PROXY}/artifacts?path={quote(at, safe='')}")
            case "files":
                return self.client.get(f"/api/2.0/mlflow/artifacts/list?run_id={run}&path={named}")
            case "page":
                return self.client.get(f"/get-artifact?run_id={run}&path={named}")
            case "upload":
                target = f"/ajax-api/2.0/mlflow/upload-artifact?run_id={run}&path={named}"
                return self.client.send("POST", target, b"x", raw)
            case "create" | "complete":
                return self.client.send("POST", f"{PROXY}/mpu/{verb}/{quote(at)}", body, typed)
            case "presigned":
                return self.client.get(f"{PROXY}/presigned/{quote(at)}")
        return self.client.send(verb.upper(), f"{PROXY}/artifacts/{quote(at)}", b"x" if verb == "put" else b"", raw)


@pytest.fixture(scope="module")
def cage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cage]:
    patch = pytest.MonkeyPatch()
    patch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path_factory.mktemp("index")))
    yield Cage(tmp_path_factory.mktemp("cage"))
    close_stores()
    patch.undo()


@settings(max_examples=600, suppress_health_check=[HealthCheck.too_slow])
@given(VERBS, PATHS)
def test_whatever_is_asked_the_canary_is_neither_seen_nor_touched(cage: Cage, verb: str, path: str) -> None:
    reply = cage.ask(verb, path)
    assert reply.status < 500 or reply.status == 501, (verb, path, reply.body)
    assert SECRET not in reply.body
    assert NOWHERE_ELSE.encode() not in reply.body
    assert cage.see() == cage.before
    cage.mend()


def test_every_verb_on_every_link(cage: Cage) -> None:
    links = ["out", "file", "d/up", "up2", "hop", "circle", "d/out", "params", "meta.yaml"]
    for link in links:
        for below in ("", "/secret", "/meta.yaml", "/canary", "/new", f"/{cage.run_id}/meta.yaml"):
            for verb in ("get", "put", "list", "create", "presigned", "page", "upload", "files", "delete"):
                reply = cage.ask(verb, link + below)
                assert reply.status in (200, 400, 404, 501), (verb, link + below, reply.body)
                assert SECRET not in reply.body
                assert cage.see() == cage.before, (verb, link + below)
                cage.mend()


def test_a_link_that_appears_meanwhile_leads_nowhere(tmp_path: Path) -> None:
    """One thread swaps a directory and a link to the canary; nothing goes through the link, in whatever moment."""
    canary, root = tmp_path / "canary", tmp_path / "root"
    canary.mkdir()
    (canary / "f").write_bytes(SECRET)
    (root / "d").mkdir(parents=True)
    (root / "d" / "f").write_bytes(b"fine")
    (tmp_path / "link").symlink_to(canary)
    artifacts = LocalArtifacts(Location.parse(str(root)))
    ended = threading.Event()

    def put_there(source: Path) -> None:
        while True:
            try:
                os.rename(source, root / "d")
                return
            except OSError:  # the upload made the directory in between
                shutil.rmtree(root / "d", ignore_errors=True)

    def swap() -> None:
        while not ended.is_set():
            os.rename(root / "d", tmp_path / "aside")
            put_there(tmp_path / "link")
            os.rename(root / "d", tmp_path / "link")
            put_there(tmp_path / "aside")

    swapping = threading.Thread(target=swap)
    swapping.start()
    fine = refused = 0
    try:
        for _ in range(3000):
            try:
                with artifacts.open(RelPath(("d", "f"))) as file:
                    assert file.read() == b"fine"
                artifacts.list(RelPath(("d",)))
                artifacts.put_bytes(b"new", RelPath(("d", "new")))
                artifacts.delete(RelPath(("d", "new")))
                fine += 1
            except MillstreamError:
                refused += 1
    finally:
        ended.set()
        swapping.join()
    assert fine
    assert refused
    assert os.listdir(canary) == ["f"]
    assert (canary / "f").read_bytes() == SECRET
