"""Artifacts in a bucket of a real server that speaks S3: the same verbs as in a directory, and signed addresses."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millstream.drivers.artifacts import objects, signing
from millstream.drivers.artifacts.objects import PIECE
from millstream.drivers.artifacts.open import open_artifacts
from millstream.drivers.artifacts.s3 import S3Artifacts
from millstream.values.addresses import Signed
from millstream.values.errors import (
    InvalidValue,
    MissingDependency,
    NotFound,
    NotPermitted,
    NotSupported,
    StorageFailed,
)
from millstream.values.paths import Location, RelPath
from tests.conftest import forget_buckets

ODD = "모델 a/#1+2?[z]{}~'\"&=;,@!$*|<>^` 100%.bin"


def path(text: str) -> RelPath:
    return RelPath.parse(text)


@pytest.fixture
def artifacts(s3: str) -> S3Artifacts:
    found = open_artifacts(Location.parse(f"{s3}/내%20run/artifacts"))
    assert isinstance(found, S3Artifacts)
    return found


def names(artifacts: S3Artifacts, text: str = "") -> list[str]:
    return [file.path for file in artifacts.list(path(text))]


def ask(signed: Signed, method: str, data: bytes | None = None) -> tuple[bytes, str]:
    with urllib.request.urlopen(urllib.request.Request(signed.url, data, signed.headers, method=method)) as reply:
        return reply.read(), reply.headers.get("ETag", "")


def test_putting_listing_reading_and_removing(artifacts: S3Artifacts, tmp_path: Path) -> None:
    assert names(artifacts) == []
    source = tmp_path / "원본"
    source.write_bytes(bytes(range(256)) * 1000)
    artifacts.put_file(source, path(ODD))
    artifacts.put_bytes("가".encode(), path("z.txt"))
    artifacts.put_bytes(b"", path("A"))
    assert [(file.path, file.is_dir, file.file_size) for file in artifacts.list(path(""))] == [
        ("A", False, 0),
        ("z.txt", False, 3),
        ("모델 a", True, None),
    ]
    assert names(artifacts, "모델 a") == [ODD]
    assert names(artifacts, "nothing") == names(artifacts, "z.txt") == []
    with artifacts.open(path(ODD)) as file:
        assert file.read() == source.read_bytes()
    with artifacts.open(path("A")) as file:
        assert file.read() == b""
    artifacts.put_bytes(b"new", path("z.txt"))
    assert artifacts.download(path("z.txt"), tmp_path / "out").read_bytes() == b"new"
    artifacts.delete(path("모델 a"))
    artifacts.delete(path("A"))
    # The server forgets empty directories some time later; S3 has none.
    assert set(names(artifacts)) - {"모델 a"} == {"z.txt"}
    assert names(artifacts, "모델 a") == []
    assert artifacts.local_path(path("z.txt")) is None
    for missing in ("A", "모델 a/x", "z.txt/x"):
        for action in (artifacts.open, artifacts.delete, lambda it: artifacts.download(it, tmp_path / "out")):
            with pytest.raises(NotFound):
                action(path(missing))
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["z.txt"]


def test_names_that_begin_alike_are_not_below_each_other(artifacts: S3Artifacts) -> None:
    for name in ("a", "a/b", "ab", "a.txt"):
        artifacts.put_bytes(b"x", path(name))
    assert names(artifacts, "a") == ["a/b"]
    artifacts.delete(path("a"))
    assert names(artifacts) == ["a.txt", "ab"]


def test_the_root_itself_is_neither_written_nor_removed(artifacts: S3Artifacts) -> None:
    for action in (
        lambda: artifacts.delete(RelPath()),
        lambda: artifacts.put_bytes(b"", RelPath()),
        lambda: artifacts.draft(RelPath()),
        lambda: artifacts.open(RelPath()),
    ):
        with pytest.raises(InvalidValue):
            action()


def test_large_files_go_in_parts_and_come_from_any_place(artifacts: S3Artifacts, tmp_path: Path) -> None:
    data = os.urandom(2**20) * 20 + b"end"
    source = tmp_path / "big"
    source.write_bytes(data)
    artifacts.put_file(source, path("big"))
    draft = artifacts.draft(path("big 2"))
    for start in range(0, len(data), 3_000_000):
        draft.write(data[start : start + 3_000_000])
    assert names(artifacts) == ["big"], "what is being written is not there"
    draft.commit()
    draft.discard()
    for name in ("big", "big 2"):
        with artifacts.open(path(name)) as file:
            assert file.seek(2 * PIECE - 5) == 2 * PIECE - 5
            assert file.read(10) == data[2 * PIECE - 5 : 2 * PIECE + 5]
            assert file.seek(-3, io.SEEK_END) == len(data) - 3
            assert file.read() == b"end"
            file.seek(0)
            assert file.read() == data


@pytest.mark.parametrize("size", [0, 5, PIECE + 1])
def test_what_is_given_up_is_not_there(artifacts: S3Artifacts, size: int) -> None:
    artifacts.put_bytes(b"old", path("f"))
    draft = artifacts.draft(path("f"))
    draft.write(b"x" * size)
    draft.discard()
    with artifacts.open(path("f")) as file:
        assert file.read() == b"old"


def test_a_directory_is_fetched_whole(artifacts: S3Artifacts, tmp_path: Path) -> None:
    for number in range(40):
        artifacts.put_bytes(str(number).encode(), path(f"d/{number % 3}/{number}"))
    goal = artifacts.download(path("d"), tmp_path / "out")
    assert goal == tmp_path / "out" / "d"
    found = {file.name: file.read_text() for file in goal.rglob("*") if file.is_file()}
    assert found == {str(number): str(number) for number in range(40)}
    assert artifacts.download(RelPath(), tmp_path / "all") == tmp_path / "all"
    assert (tmp_path / "all/d/0/3").read_text() == "3"


def test_a_file_that_changes_while_it_is_read_is_not_patched_together(artifacts: S3Artifacts) -> None:
    artifacts.put_bytes(b"a" * 5, path("f"))
    with artifacts.open(path("f")) as file:
        artifacts.put_bytes(b"b" * 5, path("f"))
        with pytest.raises(StorageFailed, match="Cannot read"):
            file.read()


def test_signed_addresses(artifacts: S3Artifacts) -> None:
    ask(artifacts.sign("PUT", path(ODD), 60), "PUT", b"put by itself")
    signed = artifacts.sign("GET", path(ODD), 60)
    assert signed.size == 13
    assert ask(signed, "GET")[0] == b"put by itself"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask(signed, "PUT", b"x")
    with pytest.raises(NotFound):
        artifacts.sign("GET", path("nothing"), 60)


def test_uploads_in_parts_by_others(artifacts: S3Artifacts) -> None:
    upload, parts = artifacts.begin_parts(path(ODD), 3, 60)
    first = b"1" * (5 * 2**20)
    etags = {number: ask(part, "PUT", first if number < 3 else b"3")[1] for number, part in enumerate(parts, 1)}
    assert names(artifacts, "모델 a") == []
    artifacts.complete_parts(path(ODD), upload, etags)
    with artifacts.open(path(ODD)) as file:
        assert file.read() == first + first + b"3"
    upload, parts = artifacts.begin_parts(path("f"), 1, 60)
    ask(parts[0], "PUT", b"x")
    artifacts.abort_parts(path("f"), upload)
    with pytest.raises((NotFound, InvalidValue)):
        artifacts.complete_parts(path("f"), upload, {1: "x"})
    for count in (0, 10_001):
        with pytest.raises(InvalidValue, match="1 to 10000 parts"):
            artifacts.begin_parts(path("f"), count, 60)


def test_without_keys_of_its_own_nothing_is_signed(
    artifacts: S3Artifacts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    forget_buckets()
    with pytest.raises(InvalidValue, match="SecretAccessKey"):
        artifacts.list(RelPath())
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    forget_buckets()
    with pytest.raises(NotSupported, match="no access key"):
        artifacts.sign("PUT", path("f"), 60)


def test_wrong_keys_are_said_and_not_shown(artifacts: S3Artifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "geheimnis")
    forget_buckets()
    with pytest.raises((NotPermitted, StorageFailed)) as caught:
        artifacts.put_bytes(b"", path("f"))
    assert "geheimnis" not in caught.value.message
    assert "\n" not in caught.value.message
    assert repr(signing.find_keys()) == "Keys(***)"


def test_keys_of_a_profile(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        "[default]\naws_access_key_id = a\naws_secret_access_key = b%c\n"
        "[work]\naws_access_key_id=d\naws_secret_access_key=e\naws_session_token=f\n"
    )
    (tmp_path / "config").write_text("[profile work]\nregion = eu-west-1\n")
    environ = {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
    }
    assert signing.find_keys(environ) == signing.Keys("a", "b%c")
    assert signing.find_keys(environ | {"AWS_PROFILE": "work"}) == signing.Keys("d", "e", "f")
    assert signing.find_keys(environ | {"AWS_PROFILE": "none"}) is None
    assert signing.find_keys(environ | {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}).id == "x"
    assert signing.find_region(environ | {"AWS_PROFILE": "work"}) == "eu-west-1"
    assert signing.find_region(environ) == "us-east-1"
    (tmp_path / "credentials").write_bytes(b"\xff[")
    assert signing.find_keys(environ) is None


def test_an_address_is_signed_as_in_the_reference_of_s3() -> None:
    keys = signing.Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    signed = signing.sign(
        "GET", "https://examplebucket.s3.amazonaws.com/test.txt", keys, "us-east-1",
        at=datetime(2013, 5, 24, tzinfo=UTC), seconds=86400,
    )  # fmt: skip
    assert signed.endswith("X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


@pytest.mark.parametrize(
    ("uri", "extra"), [("s3://b/x", "s3"), ("gs://b/x", "gcs"), ("wasbs://c@a.blob.core.windows.net/x", "azure")]
)
def test_a_missing_package_names_what_to_install(uri: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("objects", "buckets", "s3"):
        monkeypatch.delitem(sys.modules, f"millstream.drivers.artifacts.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(MissingDependency, match=rf"pip install 'millstream\[{extra}\]'"):
        open_artifacts(Location.parse(uri))


def test_azure_and_google_are_opened_with_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=a;AccountKey=a2V5;X=y")
    for uri in ("wasbs://container@account.blob.core.windows.net/한 글/x", "abfss://c@a.dfs.core.windows.net/x"):
        found = open_artifacts(Location.parse(uri))
        assert isinstance(found, objects.ObjectArtifacts)
        assert found.bucket.keys is None
    for wrong in ("wasbs://container/x", "wasbs://c@evil.example/x", "s3:/x"):
        with pytest.raises(InvalidValue):
            _ = open_artifacts(Location.parse(wrong)).bucket  # type: ignore[attr-defined]
    with pytest.raises(InvalidValue, match="credentials"):
        Location.parse("wasbs://c:secret@a.blob.core.windows.net/x")
    forget_buckets()


def test_a_forked_process_says_why_it_cannot(s3: str) -> None:
    code = (
        "import os, sys\n"
        "from millstream.drivers.artifacts.open import open_artifacts\n"
        "from millstream.values.errors import NotSupported\n"
        "from millstream.values.paths import Location, RelPath\n"
        f"found = open_artifacts(Location.parse({json.dumps(s3)}))\n"
        "found.list(RelPath())\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    try:\n"
        "        found.list(RelPath())\n"
        "    except NotSupported as error:\n"
        "        os._exit(7 if 'spawn' in error.message else 1)\n"
        "    os._exit(1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 7
