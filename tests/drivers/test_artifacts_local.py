"""Artifacts in a directory: nothing is read, written or removed outside of it, and nothing is there by halves."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millstream.drivers.artifacts import local
from millstream.drivers.artifacts.local import LocalArtifacts
from millstream.drivers.artifacts.open import open_artifacts
from millstream.values.errors import InvalidValue, MillstreamError, NotFound, NotSupported, StorageFailed
from millstream.values.paths import Location, RelPath


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The artifact directory, which does not exist yet; beside it lies what nobody may touch."""
    (tmp_path / "밖").mkdir()
    (tmp_path / "밖" / "secret").write_text("secret")
    return tmp_path / "내 run" / "artifacts"


@pytest.fixture
def artifacts(root: Path) -> LocalArtifacts:
    return LocalArtifacts(Location.parse(str(root)))


def path(text: str) -> RelPath:
    return RelPath.parse(text)


def names(artifacts: LocalArtifacts, text: str = "") -> list[str]:
    return [file.path for file in artifacts.list(path(text))]


def test_putting_listing_reading_and_removing(artifacts: LocalArtifacts, tmp_path: Path) -> None:
    assert names(artifacts) == []
    source = tmp_path / "원본 파일.bin"
    source.write_bytes(b"\0\1\2" * 100_000)
    artifacts.put_file(source, path("모델/a b/데이터 1.bin"))
    artifacts.put_bytes("가".encode(), path("z.txt"))
    artifacts.put_bytes(b"", path("A"))
    assert [(file.path, file.is_dir, file.file_size) for file in artifacts.list(path(""))] == [
        ("A", False, 0),
        ("z.txt", False, 3),
        ("모델", True, None),
    ]
    assert names(artifacts, "모델/a b") == ["모델/a b/데이터 1.bin"]
    assert names(artifacts, "nothing") == names(artifacts, "z.txt") == []
    with artifacts.open(path("모델/a b/데이터 1.bin")) as file:
        assert file.read() == source.read_bytes()
    artifacts.put_bytes(b"new", path("z.txt"))
    found = artifacts.local_path(path("z.txt"))
    assert found is not None
    assert found.read_bytes() == b"new"
    artifacts.delete(path("모델"))
    artifacts.delete(path("A"))
    assert names(artifacts) == ["z.txt"]
    for missing in ("A", "모델/a b", "z.txt/x"):
        with pytest.raises(NotFound, match=missing):
            artifacts.open(path(missing))
        with pytest.raises(NotFound, match=missing):
            artifacts.delete(path(missing))
        with pytest.raises(NotFound, match=missing):
            artifacts.download(path(missing), tmp_path / "out")


def test_the_root_itself_is_neither_written_nor_removed(artifacts: LocalArtifacts, tmp_path: Path, root: Path) -> None:
    artifacts.put_bytes(b"x", path("a/b"))
    for action in (
        lambda: artifacts.delete(RelPath()),
        lambda: artifacts.put_bytes(b"", RelPath()),
        lambda: artifacts.put_file(tmp_path / "밖/secret", RelPath()),
    ):
        with pytest.raises(InvalidValue):
            action()
    assert names(artifacts) == ["a"]


@pytest.mark.parametrize("text", ["f/below", "d"])
def test_a_file_below_a_file_or_over_a_directory_is_a_wrong_value(
    artifacts: LocalArtifacts, text: str, root: Path, tmp_path: Path
) -> None:
    artifacts.put_bytes(b"old", path("f"))
    artifacts.put_bytes(b"old", path("d/x"))
    with pytest.raises(InvalidValue):
        artifacts.put_bytes(b"new", path(text))
    with pytest.raises(InvalidValue):
        artifacts.put_file(tmp_path / "밖/secret", path(text))
    assert sorted(os.listdir(root)) == ["d", "f"]
    assert (root / "f").read_bytes() == b"old"


def test_a_path_too_long_for_the_machine_is_a_wrong_value(artifacts: LocalArtifacts) -> None:
    long = path("/".join(["x" * 250] * 30))
    with pytest.raises(InvalidValue):
        artifacts.put_bytes(b"", long)
    for action in (artifacts.open, artifacts.delete, artifacts.list):
        with pytest.raises(InvalidValue):
            action(long)


def test_a_put_that_fails_leaves_the_old_content_and_no_rest(
    artifacts: LocalArtifacts, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.put_bytes(b"old", path("f"))

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(MillstreamError):
        artifacts.put_file(tmp_path / "nowhere", path("f"))
    monkeypatch.setattr(local.os, "replace", fail)
    for action in (
        lambda: artifacts.put_bytes(b"new", path("f")),
        lambda: artifacts.put_file(tmp_path / "밖/secret", path("f")),
    ):
        with pytest.raises(StorageFailed, match="No space"):
            action()
    assert os.listdir(root) == ["f"]
    assert (root / "f").read_bytes() == b"old"


def test_what_is_being_written_is_not_listed(artifacts: LocalArtifacts, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.replace

    def look_first(source: str, target: str, **directories: int) -> None:
        assert names(artifacts) == []
        real(source, target, **directories)

    monkeypatch.setattr(local.os, "replace", look_first)
    artifacts.put_bytes(b"x", path("f"))
    assert names(artifacts) == ["f"]


@pytest.fixture
def linked(artifacts: LocalArtifacts, root: Path, tmp_path: Path) -> LocalArtifacts:
    """A root with links that lead out, nowhere, in circles, and one that stays inside."""
    artifacts.put_bytes(b"fine", path("d/real"))
    (root / "d" / "out").symlink_to(tmp_path / "밖")
    (root / "out file").symlink_to(tmp_path / "밖" / "secret")
    (root / "relative out").symlink_to("../../밖/secret")
    (root / "circle").symlink_to("circle")
    (root / "d" / "up").symlink_to("..")
    (root / "dangling").symlink_to("nothing")
    (root / "inside").symlink_to("d/real")
    return artifacts


def test_links_that_lead_out_are_as_good_as_not_there(linked: LocalArtifacts, tmp_path: Path) -> None:
    assert names(linked) == ["d", "inside"]
    assert set(names(linked, "d")) <= {"d/real", "d/up"}
    with linked.open(path("inside")) as file:
        assert file.read() == b"fine"
    for text in ("d/out", "d/out/secret", "out file", "relative out"):
        for action in (
            lambda text=text: linked.open(path(text)),
            lambda text=text: linked.put_bytes(b"x", path(text)),
            lambda text=text: linked.put_bytes(b"x", path(text) / "new"),
            lambda text=text: linked.download(path(text), tmp_path / "out"),
            lambda text=text: linked.local_path(path(text)),
            lambda text=text: linked.list(path(text)),
        ):
            with pytest.raises(MillstreamError):
                action()
    with pytest.raises(MillstreamError):
        linked.delete(path("d/out/secret"))
    assert (tmp_path / "밖" / "secret").read_text() == "secret"
    assert os.listdir(tmp_path / "밖") == ["secret"]


def test_a_download_follows_no_link_out_and_no_circle(linked: LocalArtifacts, tmp_path: Path) -> None:
    whole = linked.download(RelPath(), tmp_path / "copy")
    assert whole == tmp_path / "copy"
    copied = sorted(str(file.relative_to(whole)) for file in whole.rglob("*") if file.is_file())
    assert copied == ["d/real", "inside"]
    assert linked.download(path("d"), tmp_path / "again") == tmp_path / "again" / "d"
    assert (tmp_path / "again/d/real").read_bytes() == b"fine"
    assert linked.download(path("d/real"), tmp_path / "one") == tmp_path / "one" / "real"


def test_removing_a_directory_does_not_follow_links(linked: LocalArtifacts, tmp_path: Path) -> None:
    linked.delete(path("d"))
    assert (tmp_path / "밖" / "secret").read_text() == "secret"
    assert "d" not in names(linked)


def test_names_that_cannot_be_sent_are_not_listed(artifacts: LocalArtifacts, root: Path) -> None:
    artifacts.put_bytes(b"", path("ok"))
    Path(os.fsdecode(os.fsencode(root) + b"/bad\xff")).write_text("")
    assert names(artifacts) == ["ok"]
    for name in names(artifacts):
        name.encode()


PIECES = st.sampled_from(["..", ".", "d", "out", "up", "out file", "%2e%2e", "..%2f", "밖", "secret", "/", "\\", "c:"])


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES | st.text(max_size=4), min_size=1, max_size=6))
def test_whatever_the_path_nothing_outside_is_touched(
    linked: LocalArtifacts, tmp_path: Path, pieces: list[str]
) -> None:
    """By inode: what is found below the root is never the secret, and the secret stays as it is."""
    secret = (tmp_path / "밖" / "secret").stat()
    try:
        parsed = RelPath.parse("/".join(pieces))
        linked.put_bytes(b"x", parsed / "new")
        found = linked.local_path(parsed)
        assert found is not None
        assert Path(os.path.realpath(found)).is_relative_to(os.path.realpath(tmp_path / "내 run" / "artifacts"))
        linked.delete(parsed / "new")
        linked.open(parsed).close()
    except MillstreamError:
        pass
    assert os.listdir(tmp_path / "밖") == ["secret"]
    after = (tmp_path / "밖" / "secret").stat()
    assert (after.st_ino, after.st_mtime_ns, after.st_size) == (secret.st_ino, secret.st_mtime_ns, secret.st_size)
    assert sorted(os.listdir(tmp_path)) == ["내 run", "밖"]


def test_a_location_is_opened_by_its_scheme(root: Path) -> None:
    store = open_artifacts(Location.parse(str(root)))
    store.put_bytes(b"1", path("x"))
    assert (root / "x").read_bytes() == b"1"
    with pytest.raises(NotSupported, match="sftp"):
        open_artifacts(Location.parse("sftp://bucket/x"))


def test_what_broken_uploads_left_goes_after_a_day(artifacts: LocalArtifacts, root: Path) -> None:
    artifacts.put_bytes(b"x", path("d/f"))
    given_up, under_way = artifacts.draft(path("d/g")), artifacts.draft(path("d/h"))
    for draft in (given_up, under_way):
        draft.write(b"half")
    (old,) = [name for name in os.listdir(root / "d") if name == given_up._temporary]
    os.utime(root / "d" / old, (0, 0))
    assert names(artifacts, "d") == ["d/f"]
    assert sorted(os.listdir(root / "d")) == sorted([under_way._temporary, "f"])
    under_way.commit()
    for draft in (given_up, under_way):
        draft.discard()
    assert names(artifacts, "d") == ["d/f", "d/h"]


def test_no_open_directory_is_left(linked: LocalArtifacts, tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for text in ("d/real", "inside", "d/out/x", "circle", "dangling", "nothing/x", "d", "d/up/inside", "d/up/d/real"):
        for action in (linked.open, linked.list, linked.delete, lambda it: linked.put_bytes(b"", it)):
            with suppress(MillstreamError):
                found = action(path(text))
                if hasattr(found, "close"):
                    found.close()
    if before:
        assert len(os.listdir("/proc/self/fd")) == before
