"""Backups of stores that are written to, killed on the way, damaged afterwards; and what comes back from them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from millstream.formats import manifest as manifests
from millstream.stores.backups import back_up, read_manifest, verify
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.locations import version_files
from millstream.stores.restores import restore
from millstream.values import ops, queries
from millstream.values.databases import DatabaseUri
from millstream.values.entities import ViewType
from millstream.values.errors import DataDamaged, InvalidState, InvalidValue, MillstreamError, NotFound
from millstream.values.paths import Location, RelPath
from tests import servers
from tests.kills import killed_at
from tests.stores.calls import T0, experiment_names, get, history, log, new_experiment, new_run, search
from tests.stores.suites.life import artifact_place, delete, filled_run
from tests.stores.suites.registry import add, find_versions, name_alias, register, registered, version

KINDS = ["directory", "sqlite", "postgresql"]
Maker = Callable[[str], Store]


@pytest.fixture
def make(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Maker]:
    """Makes stores of the kind that the test is about, each in a place of its own."""
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path / "index"))
    opened: list[Store] = []

    def maker(name: str) -> Store:
        if request.param == "directory":
            opened.append(EmbeddedStore(tmp_path / name / "mlruns"))
            return opened[-1]
        text = f"sqlite:///{tmp_path / name}/내 runs.db"
        if request.param == "postgresql":
            text = servers.new_schema(request.getfixturevalue("postgresql"))
        uri = DatabaseUri.parse(text, tmp_path)
        assert uri is not None
        opened.append(DatabaseStore(uri, Location.parse(str(tmp_path / name / "파일들"))))
        return opened[-1]

    yield maker
    for store in opened:
        store.close()


every_kind = pytest.mark.parametrize("make", KINDS, indirect=True)


def told(store: Store, run: str) -> object:
    """All that a run says, but where its artifacts are."""
    found = get(store, run)
    info = {key: value for key, value in found.info.to_dictionary().items() if key != "artifact_uri"}
    return info, found.data.metrics, found.data.params, found.data.tags, found.inputs, history(store, run, "손실/a")


@every_kind
def test_the_registry_comes_back(make: Maker, tmp_path: Path) -> None:
    store = make("하나 one")
    run = new_run(store)
    store.artifacts(run).put_bytes(b"w", RelPath.parse("모델/w"))
    place = str(store.artifacts(run).location / "모델")
    outside = new_run(store, new_experiment(store, "밖", artifact_location=str(tmp_path / "other place")))
    store.artifacts(outside).put_bytes(b"o", RelPath.parse("모델/w"))
    register(store, "m", tags={"a": "b"})
    for fields in ({"source": place, "run_id": run}, {"source": "models:/m/1", "tags": {"k": "v"}}, {}):
        add(store, "m", **fields)
    add(store, "m", source=str(store.artifacts(outside).location / "모델"))
    store.write(ops.DeleteModelVersion(name="m", version=3, time=T0))
    name_alias(store, "champ", 2, "m")
    back_up(store, tmp_path / "backup")
    again = make("둘 two")
    restore(tmp_path / "backup", again)
    assert registered(again, "m").aliases == {"champ": 2}
    assert (registered(again, "m").tags, version(again, 2, "m").tags) == ({"a": "b"}, {"k": "v"})
    assert find_versions(again, "tags.k = 'v'") == [("m", 2)]
    shutil.rmtree(tmp_path / "하나 one", ignore_errors=True)
    shutil.rmtree(tmp_path / "other place")
    for number, data, of in ((1, b"w", run), (2, b"w", run), (4, b"o", outside)):
        artifacts, path = version_files(again, version(again, number, "m"))
        with artifacts.open(path / "w") as file:
            assert file.read() == data
        assert version(again, number, "m").location == str(again.artifacts(of).location / "모델")
    assert register(again, "n").name == "n"
    assert (add(again, "m").version, add(again, "n").version) == (5, 1)


@every_kind
def test_what_was_backed_up_comes_back(make: Maker, tmp_path: Path) -> None:
    store = make("하나 one")
    outside = new_experiment(store, "밖", artifact_location=str(tmp_path / "other place"), tags={"a/b": "둘"})
    runs = [filled_run(store), filled_run(store, outside), filled_run(store)]
    log(store, runs[0], [("x", float("nan"), 2**63 - 1), ("x", float("-inf"), -(2**63))])
    store.artifacts(runs[0]).put_bytes(b"no newline at the end", relative("metrics/metrics/bin"))
    delete(store, runs[2])
    gone = new_experiment(store, "weg")
    deleted = filled_run(store, gone)
    store.write(ops.DeleteExperiment(experiment_id=gone, time=T0))
    home = tmp_path / "backups" / "첫 번째"
    made = back_up(store, home)
    assert (made.counts.experiments, made.counts.runs, made.counts.points) == (3, 4, 202)
    assert verify(home) == []
    assert read_manifest(home) == made
    with pytest.raises(InvalidValue, match="there already"):
        back_up(store, home)
    expected = {run: told(store, run) for run in (*runs, deleted)}
    log(store, runs[0], [("손실/a", 9.0, 99)])
    store.artifacts(runs[0]).put_bytes(b"changed", relative("b.txt"))
    other = make("둘 two")
    restore(home, other)
    assert {run: told(other, run) for run in expected} == expected
    for run in runs:
        place = artifact_place(other, run)
        assert place.is_relative_to(tmp_path / "둘 two") or "other place" in str(place.parent)
        assert place != artifact_place(store, run)
        assert place.joinpath("모델 dir/가중치.bin").read_bytes() == b"x" * 3000
        assert place.joinpath("b.txt").read_bytes() == b"y"
    assert artifact_place(other, runs[0]).joinpath("metrics/metrics/bin").read_bytes() == b"no newline at the end"
    assert set(experiment_names(other, view=ViewType.ALL)) == {"Default", "밖", "weg"}
    other.write(ops.RestoreExperiment(experiment_id=gone, time=T0))
    assert search(other, ids=[gone]) == [deleted]
    log(other, new_run(other, new_experiment(other, "neu")), [("m", 1.0)])
    with pytest.raises(InvalidState, match=r"not empty|there already"):
        restore(home, other)
    assert verify(home) == []


def relative(text: str) -> object:
    from millstream.values.paths import RelPath

    return RelPath.parse(text)


WRITER = """
import sys
from pathlib import Path
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.values.databases import DatabaseUri
from millstream.values.entities import Metric, Param
from millstream.values.ops import CreateRun, LogBatch
from millstream.values.paths import Location, RelPath
uri, run, me = sys.argv[1:]
database = DatabaseUri.parse(uri, Path("/"))
if database is None:
    store = EmbeddedStore(Location.parse(uri).local)
else:
    store = DatabaseStore(database, Location.parse("/nowhere"))
number = 0
while True:
    points = (Metric(f"m{me}", float(number), number, number), Metric(f"n{me}", 1.0, number, number))
    params = (Param(f"{me}-{number}", "v"),) if number % 50 == 0 else ()
    store.write(LogBatch(run_id=run, metrics=points, params=params))
    if number % 100 == 0:
        store.write(CreateRun(run_id=f"w{me}x{number}", experiment_id="0", start_time=number))
    print(number, flush=True)
    number += 1
"""


@contextmanager
def writing(store: Store, run: str) -> Iterator[list[subprocess.Popen[str]]]:
    """Two processes that log to a run, and make others, until the end."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, store.uri, run, me], stdout=subprocess.PIPE, text=True)
        for me in "ab"
    ]
    try:
        yield writers
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
            with suppress(AttributeError):
                writer.stdout.close()  # type: ignore[union-attr]


@every_kind
def test_a_backup_under_load_has_what_was_acknowledged_before_once(make: Maker, tmp_path: Path) -> None:
    store = make("하나")
    run = new_run(store)
    with writing(store, run) as writers:
        for round_number in range(2):
            acknowledged = []
            for writer in writers:
                assert writer.stdout
                lines = [int(writer.stdout.readline()) for _ in range(30)]
                acknowledged.append(lines[-1])
            home = tmp_path / f"backup {round_number}"
            back_up(store, home)
            assert all(writer.poll() is None for writer in writers)
    for round_number in range(2):
        home = tmp_path / f"backup {round_number}"
        assert verify(home) == []
    other = make("둘")
    restore(home, other)
    for me, last in zip("ab", acknowledged, strict=True):
        steps = [step for step, _, _ in history(other, run, f"m{me}")]
        assert steps == list(range(len(steps)))
        assert len(steps) > last
        assert get(other, f"w{me}x0").info.status == "RUNNING"
    assert other.read(queries.DescribeStore()).problems == ()


@every_kind
def test_damage_anywhere_is_named(make: Maker, tmp_path: Path) -> None:
    store = make("하나")
    filled_run(store)
    home = tmp_path / "backup"
    manifest = back_up(store, home)
    for name in manifest.files:
        path = home / name
        data = path.read_bytes()
        for damaged in (data[:-1], bytes([(data[0] if data else 0) ^ 1]) + data[1:], None):
            if damaged is None:
                path.unlink()
            else:
                path.write_bytes(damaged)
            if damaged != data:
                assert [name in problem for problem in verify(home)] == [True], name
                with pytest.raises(DataDamaged, match="damaged"):
                    restore(home, make(f"{os.urandom(4).hex()}"))
            path.write_bytes(data)
    (home / "new file").write_text("x")
    assert verify(home) == ["new file is not in the manifest"]
    (home / "new file").unlink()
    text = (home / manifests.NAME).read_text()
    for broken in ("", "{}", text[:-10], text.replace('"format": 1', '"format": 99'), text.replace('"tree/', '"../')):
        if broken != text:
            (home / manifests.NAME).write_text(broken)
            with pytest.raises(MillstreamError):
                verify(home)
    wrong = text.replace(f'"points": {manifest.counts.points}', f'"points": {manifest.counts.points + 1}')
    (home / manifests.NAME).write_text(wrong)
    assert "and should hold" in verify(home)[0]


@pytest.mark.parametrize("make", ["directory", "sqlite"], indirect=True)
@pytest.mark.skipif(sys.platform == "win32", reason="needs fork and signals")
def test_a_backup_and_a_restoration_may_be_killed_anywhere(make: Maker, tmp_path: Path) -> None:
    store = make("하나")
    run = filled_run(store)
    home, number = tmp_path / "backups" / "b", 0
    while killed_at(number := number + 3, lambda: back_up(store, home)):
        assert not home.exists()
    assert number > 3
    assert verify(home) == []
    number = 0
    while killed_at(number := number + 3, lambda name=f"r{number}": restore(home, make(name))):  # type: ignore[misc]
        left = make(f"r{number - 3}")
        assert search(left, view=ViewType.ALL) in ([], [run])
    assert number > 3


@pytest.mark.parametrize("make", ["directory"], indirect=True)
def test_a_backup_into_the_store_or_of_nothing_is_refused(make: Maker, tmp_path: Path) -> None:
    store = make("하나")
    with pytest.raises(NotFound):
        back_up(store, tmp_path / "b")
    filled_run(store)
    with pytest.raises(InvalidValue, match="in the store itself"):
        back_up(store, tmp_path / "하나" / "mlruns" / "backup")
    with pytest.raises(NotFound, match="no backup"):
        read_manifest(tmp_path)
    home = tmp_path / "b"
    back_up(store, home, artifacts=False)
    assert not [name for name in read_manifest(home).files if "/artifacts/" in name]
    assert verify(home) == []
    database = DatabaseUri.parse(f"sqlite:///{tmp_path}/x.db", tmp_path)
    assert database is not None
    with pytest.raises(InvalidState, match="of a directory store"):
        restore(home, DatabaseStore(database, Location.parse(str(tmp_path / "files"))))
    assert not (tmp_path / "x.db").exists()


@pytest.mark.parametrize("make", ["directory"], indirect=True)
def test_a_link_is_kept_as_a_link_and_said(make: Maker, tmp_path: Path) -> None:
    store = make("하나")
    run = filled_run(store)
    (artifact_place(store, run) / "link").symlink_to("/etc/hostname")
    (artifact_place(store, run) / "empty dir").mkdir()
    home = tmp_path / "b"
    assert [note for note in back_up(store, home).notes if "link" in note]
    assert verify(home) == []
    other = make("둘")
    restore(home, other)
    assert os.readlink(artifact_place(other, run) / "link") == "/etc/hostname"
    assert (artifact_place(other, run) / "empty dir").is_dir()
