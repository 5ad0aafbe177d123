"""`doctor --check` and `--fix`: every kind of damage is named, mended, and nothing is lost by it."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.repairs import repair
from millstream.values import ops, queries
from millstream.values.entities import ViewType
from tests.stores.calls import T0, finish, get, history, log, new_experiment, search
from tests.stores.suites.life import filled_run

Opener = Callable[[], Store]


def problems(store: Store) -> list[str]:
    return [f"{finding.path}: {finding.problem}" for finding in repair(store, fix=False)[0]]


def mended(store: Store) -> Path:
    """Fix everything; the quarantine. Afterwards nothing is wrong."""
    before = repair(store, fix=False)[0]
    found, quarantine = repair(store, fix=True)
    assert len(found) >= len(before) > 0
    assert [finding for finding in found if not finding.fixed] == []
    assert problems(store) == []
    assert store.read(queries.DescribeStore()).problems == ()
    assert quarantine is not None
    return quarantine


def records(quarantine: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (quarantine / "quarantine.jsonl").read_text("utf-8").splitlines()]


def test_a_healthy_store_is_found_healthy(store: EmbeddedStore, root: Path) -> None:
    assert repair(store, fix=True) == ([], None)
    assert not root.exists()
    run = filled_run(store)
    (root / "models" / "registered").mkdir(parents=True)
    assert repair(store, fix=True) == ([], None)
    assert search(store) == [run]


def test_a_lost_meta_of_a_run_is_made_anew(store: EmbeddedStore, root: Path) -> None:
    run, torn = filled_run(store), filled_run(store)
    before = get(store, run)
    (root / "0" / run / "meta.yaml").unlink()
    (root / "0" / torn / "meta.yaml").write_bytes(b"{ half")
    assert len(problems(store)) == 2
    quarantine = mended(store)
    assert (quarantine / "0" / torn / "meta.yaml").read_bytes() == b"{ half"
    assert [record["from"] for record in records(quarantine)] == [str(root / "0" / torn / "meta.yaml")]
    found = get(store, run)
    assert (found.data, found.inputs) == (before.data, before.inputs)
    assert (found.info.run_name, found.info.status) == ("실험 run", "FAILED")
    assert len(history(store, torn, "손실/a")) == 50


def test_a_lost_meta_of_an_experiment_brings_its_runs_back(store: EmbeddedStore, root: Path) -> None:
    made = new_experiment(store)
    run = filled_run(store, made)
    (root / made / "meta.yaml").write_bytes(b"")
    mended(store)
    assert store.read(queries.GetExperiment(experiment_id=made)).name == f"recovered-{made}"
    assert search(store, ids=[made]) == [run]


def test_files_that_cannot_be_read_are_set_aside(store: EmbeddedStore, root: Path) -> None:
    run = filled_run(store)
    finish(store, run)
    folder = root / "0" / run
    (folder / "metrics" / "손실" / "a").write_bytes(b"1 0.5 0\nrubbish here now\n2 0.25 1\n3 0.1")
    os.utime(folder / "metrics" / "손실" / "a", (1, 1))
    (folder / "tags" / "bad").write_bytes(b"caf\xe9")
    with open(os.fsencode(folder / "params") + b"/na\xffme", "wb") as file:
        file.write(b"v")
    (folder / "inputs" / "broken").mkdir()
    for name in (".millstream-12-3-abcdef.tmp", ".millstream-99-0-012345.tmp"):
        (folder / name).write_bytes(b"x")
    os.utime(folder / ".millstream-12-3-abcdef.tmp", (1, 1))
    quarantine = mended(store)
    assert history(store, run, "손실/a") == [(0, 0.5, 1), (1, 0.25, 2)]
    assert get(store, run).data.tags["bad"] == "caf\ufffd"
    assert (quarantine / "0" / run / "tags" / "bad").read_bytes() == b"caf\xe9"
    assert b"rubbish" in (quarantine / "0" / run / "metrics" / "손실" / "a").read_bytes()
    assert len(records(quarantine)) == 4
    assert [path.name for path in folder.glob(".millstream-*")] == [".millstream-99-0-012345.tmp"]


def test_a_broken_line_takes_no_good_one_along(store: EmbeddedStore, root: Path) -> None:
    run = filled_run(store)
    path = root / "0" / run / "metrics" / "손실" / "a"
    path.write_bytes(b"1 0.5 0\n17\xb6x\r\x03\r\x1f.1 2\n2 0.25 1\r\n\x0b3 0.1 9\n4 0.125 2\n")
    os.utime(path, (1, 1))
    before = history(store, run, "손실/a")
    assert {(0, 0.5, 1), (2, 0.125, 4)} <= set(before)
    mended(store)
    assert history(store, run, "손실/a") == before


@pytest.mark.parametrize("part", ["metrics", "params", "tags", "artifacts", "inputs"])
def test_a_file_in_place_of_a_directory_is_set_aside(store: EmbeddedStore, root: Path, part: str) -> None:
    run = filled_run(store)
    before = get(store, run)
    place = root / "0" / run / part
    place.rename(root.parent / "aside")
    place.write_bytes(b"x")
    quarantine = mended(store)
    assert (quarantine / "0" / run / part).read_bytes() == b"x"
    assert place.is_dir()
    assert search(store) == [run]
    place.rmdir()
    (root.parent / "aside").rename(place)
    assert get(store, run).data == before.data


def test_a_link_that_leads_nowhere_is_left(store: EmbeddedStore, root: Path) -> None:
    run = filled_run(store)
    place = root / "0" / run / "artifacts"
    aside = place.rename(root.parent / "aside")
    place.symlink_to(root.parent / "away", target_is_directory=True)
    found, quarantine = repair(store, fix=True)
    assert [(finding.path, finding.fixed, quarantine) for finding in found] == [(str(place), False, None)]
    aside.rename(root.parent / "away")
    assert repair(store, fix=False)[0] == []


def test_a_file_that_may_still_be_written_is_left(store: EmbeddedStore, root: Path) -> None:
    run = filled_run(store)
    with open(root / "0" / run / "metrics" / "손실" / "a", "ab") as file:
        file.write(b"12 0.")
    found, quarantine = repair(store, fix=True)
    assert [(finding.fixed, "ten minutes" in finding.remedy) for finding in found] == [(False, True)]
    assert quarantine is None
    assert (root / "0" / run / "metrics" / "손실" / "a").read_bytes().endswith(b"12 0.")


def test_missing_folders_are_made_and_what_is_no_run_is_set_aside(store: EmbeddedStore, root: Path) -> None:
    run = filled_run(store)
    (root / "0" / run / "metrics" / "손실" / "a").unlink()
    (root / "0" / run / "metrics" / "손실").rmdir()
    (root / "0" / run / "metrics").rmdir()
    (root / "0" / "my notes").mkdir()
    (root / "0" / "my notes" / "a.txt").write_text("mine")
    quarantine = mended(store)
    assert search(store) == [run]
    assert (quarantine / "0" / "my notes" / "a.txt").read_text() == "mine"


def test_copies_and_twins_of_runs_leave_one(store: EmbeddedStore, root: Path) -> None:
    import shutil

    made = new_experiment(store)
    run = filled_run(store)
    shutil.copytree(root / "0" / run, root / "0" / f"{run}copy")
    shutil.copytree(root / "0" / run, root / made / run)
    twin = (
        (root / made / run / "meta.yaml").read_text("utf-8").replace("experiment_id: '0'", f"experiment_id: '{made}'")
    )
    (root / made / run / "meta.yaml").write_text(twin, "utf-8")
    log(store, run, [("손실/a", 5.0, 50)])
    quarantine = mended(store)
    assert search(store, ids=["0", made], view=ViewType.ALL) == [run]
    assert len(history(store, run, "손실/a")) == 51
    assert (quarantine / made / run / "meta.yaml").exists()
    assert (quarantine / "0" / f"{run}copy" / "meta.yaml").exists()


def test_a_run_that_was_moved_by_hand_belongs_where_it_lies(store: EmbeddedStore, root: Path) -> None:
    made = new_experiment(store)
    run = filled_run(store)
    (root / "0" / run).rename(root / made / run)
    assert search(store, ids=["0", made]) == []
    found, quarantine = repair(store, fix=True)
    assert [finding.fixed for finding in found] == [True]
    assert quarantine is None
    assert search(store, ids=[made]) == [run]
    assert get(store, run).info.artifact_uri.endswith(f"/{made}/{run}/artifacts")


def test_an_interrupted_gc_is_named(store: EmbeddedStore, root: Path) -> None:
    run = filled_run(store)
    (root / "0" / run).rename(root / "0" / f".millstream-gone-00000000-{run}")
    (finding,) = repair(store, fix=True)[0]
    assert (finding.fixed, "gc" in finding.remedy) == (False, True)
    store.write(ops.FinishPurges(time=T0))
    assert problems(store) == []


both = pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)


def change(store: DatabaseStore, statement: str, values: dict[str, object] | None = None) -> None:
    from sqlalchemy import text

    store.change(lambda connection: connection.execute(text(statement), values or {}) and None)


@both
def test_damaged_points_and_summaries_of_a_database_are_mended(
    database: DatabaseStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run, whole = filled_run(database), filled_run(database)
    for start in (0, 10, 20):
        log(database, run, [("m", float(step), step) for step in range(start, start + 10)])
    assert problems(database) == []
    change(database, "UPDATE chunks SET data = :data WHERE key = 'm' AND start = 10", {"data": b"damaged"})
    change(database, "UPDATE series SET max_value = 99, count = 7 WHERE key = '손실/a'")
    change(database, "INSERT INTO params (rid, key, value) VALUES (999, 'lost', '값')")
    change(database, "UPDATE runs SET experiment_id = '77' WHERE run_id = :run", {"run": whole})
    assert len(problems(database)) == 5
    quarantine = mended(database)
    assert [step for step, _, _ in history(database, run, "m")] == [*range(10), *range(20, 30)]
    assert [step for step, _, _ in history(database, whole, "손실/a")] == list(range(50))
    log(database, run, [("m", 30.0, 30)])
    assert get(database, run).data.metrics["m"] == 30.0
    assert search(database, "metrics.m = 30") == [run]
    assert search(database, ids=["77"]) == [whole]
    kept = {path.name: path.read_bytes() for path in quarantine.iterdir()}
    assert "값" in kept["orphans-params.jsonl"].decode()
    assert b"damaged" in kept.values()


@pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)
def test_a_damaged_sqlite_file_is_named(database: DatabaseStore, open_database: Opener) -> None:
    for _ in range(5):
        filled_run(database)
    database.close()
    path = database.database.path
    assert path is not None
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET rootpage = 3 WHERE name = 'tags_by_key'")
        connection.commit()
    found = problems(open_database())
    assert any(problem.startswith("the file: ") for problem in found)
