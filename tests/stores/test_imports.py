"""Imports: again and again, cut off, of damaged and hostile sources, into stores that have something already."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from millstream.stores.base import Store
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.imports.base import Options
from millstream.stores.imports.importer import Importer
from millstream.stores.imports.open import check_apart, open_source
from millstream.stores.imports.summary import Summary
from millstream.stores.open import close_stores, open_store
from millstream.values import ops, queries
from millstream.values.entities import ViewType
from millstream.values.errors import InvalidValue, NotFound, NotSupported
from millstream.values.paths import RelPath
from tests.golden.test_golden import HERE
from tests.stores.calls import T0, finish, get, log, new_experiment, new_run


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Store]:
    """A new database."""
    yield open_store(f"sqlite:///{tmp_path}/새 곳/runs.db")
    close_stores()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database that MLflow 3.17 wrote."""
    with tarfile.open(HERE / "mlflow-3.17.2.sqlite.tar.gz") as archive:
        archive.extractall(tmp_path / "옛 곳", filter="data")
    return tmp_path / "옛 곳" / "mlflow.db"


def bring(source: str | Path, target: Store, **options: Any) -> Summary:
    opened = open_source(str(source))
    try:
        return Importer(opened, target, Options(**options)).run()
    finally:
        opened.close()


def change(database: Path, *statements: str) -> None:
    with sqlite3.connect(database) as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def everything(store: Store) -> dict[str, Any]:
    """All runs with their points, the logged models that they name, and all experiments."""
    experiments = store.read(queries.SearchExperiments(view=ViewType.ALL))
    ids = tuple(item.experiment_id for item in experiments)
    runs = store.read(queries.SearchRuns(experiment_ids=ids, view=ViewType.ALL))
    points = {
        (run.info.run_id, key): [
            (repr(point.value), point.timestamp, point.step)
            for point in store.read(queries.MetricHistory(run_id=run.info.run_id, key=key))
        ]
        for run in runs
        for key in run.data.metrics
    }
    stable = {run.info.run_id: (structs.replace(run.info, artifact_uri=""), run.inputs, run.outputs) for run in runs}
    texts = {run.info.run_id: (run.data.params, run.data.tags) for run in runs}
    linked = {item.model_id for run in runs for item in (*run.inputs.model_inputs, *run.outputs.model_outputs)}
    models = {
        model_id: structs.replace(
            store.read(queries.GetLoggedModel(model_id=model_id, deleted=True)), artifact_location=""
        )
        for model_id in linked
    }
    return {
        "models": models,
        "runs": stable,
        "texts": texts,
        "points": points,
        "names": sorted(item.name for item in experiments),
    }


def test_a_run_under_way_is_followed(store: EmbeddedStore, target: Store) -> None:
    run_id = new_run(store, new_experiment(store))
    log(store, run_id, [("loss", 0.5, 0), ("loss", 0.5, 0)], {"a": "1"}, {"t": "x"})
    assert bring(store.root, target).points == 2
    log(store, run_id, [("loss", 0.5, 0), ("loss", 0.25, 1), ("새", 1.0)], {"b": "2"}, {"u": "y"})
    finish(store, run_id)
    store.artifacts(run_id).put_bytes(b"x", RelPath.parse("model/weights 하나.bin"))
    summary = bring(store.root, target)
    assert (summary.runs_extended, summary.points, summary.files) == (1, 3, 1)
    run = get(target, run_id)
    assert (run.info.status, run.data.params, run.data.metrics) == (
        "FINISHED",
        {"a": "1", "b": "2"},
        {"loss": 0.25, "새": 1.0},
    )
    assert [p.value for p in target.read(queries.MetricHistory(run_id=run_id, key="loss"))] == [0.5, 0.5, 0.5, 0.25]
    assert bring(store.root, target).runs_unchanged == 1


def test_what_was_changed_here_stays_unless_said_otherwise(store: EmbeddedStore, target: Store) -> None:
    run_id = new_run(store, new_experiment(store), tags={"mlflow.runName": "원래"})
    log(store, run_id, [], {}, {"note": "theirs"})
    finish(store, run_id)
    bring(store.root, target)
    log(target, run_id, [("mine", 1.0)], {}, {"note": "mine"})
    target.write(ops.DeleteRun(run_id=run_id, time=T0))
    summary = bring(store.root, target)
    assert (summary.runs_unchanged, summary.problems) == (1, [])
    assert any("'note' differs" in note for note in summary.notes)
    assert any("lifecycle_stage differs" in note for note in summary.notes)
    assert get(target, run_id).data.tags["note"] == "mine"
    assert bring(store.root, target, overwrite=True).runs_extended == 1
    run = get(target, run_id)
    assert (run.data.tags["note"], run.info.lifecycle_stage) == ("theirs", "active")
    assert run.data.metrics == {"mine": 1.0}


def test_experiments_are_recognised_by_name(store: EmbeddedStore, target: Store) -> None:
    here = new_experiment(target, "shared")
    other = new_experiment(target, "other")
    run_id = new_run(store, new_experiment(store, "shared", experiment_id=other))
    mine = new_run(store, new_experiment(store, "mine", experiment_id=here))
    summary = bring(store.root, target)
    assert (summary.experiments_created, summary.experiments_merged) == (1, 2)
    assert get(target, run_id).info.experiment_id == here
    assert get(target, mine).info.experiment_id not in (here, other, "0")
    assert len(summary.notes) == 2
    assert bring(store.root, target).runs_unchanged == 2
    again = bring(store.root, target, prefix="옛/", experiments=("shared",))
    assert again.experiments_created == 1
    assert target.read(queries.GetExperimentByName(name="옛/shared")).experiment_id not in (here, other)


def test_a_deleted_experiment_takes_no_active_one(store: EmbeddedStore, target: Store) -> None:
    new_run(store, new_experiment(store, "shared"))
    target.write(ops.DeleteExperiment(experiment_id=new_experiment(target, "shared"), time=T0))
    (problem,) = bring(store.root, target).problems
    assert "is deleted. Restore it, or import under another name with --prefix" in problem


def test_another_run_of_the_same_id_is_left_alone(store: EmbeddedStore, target: Store) -> None:
    new_run(store, new_experiment(store), run_id="same", start_time=T0)
    new_run(target, "0", run_id="same", start_time=T0 + 1)
    (problem,) = bring(store.root, target).problems
    assert problem.startswith("run same: another run of this id")


def test_a_dry_run_writes_nothing(database: Path, tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "새 곳"))
    summary = bring(database, store, dry_run=True)
    assert (summary.runs_created, summary.points, summary.dry_run) == (19, 37, True)
    assert not (tmp_path / "새 곳").exists()


def test_links_and_nothing(database: Path, target: Store) -> None:
    assert bring(database, target, artifacts="link").files == 0
    runs = target.read(queries.SearchRuns(experiment_ids=("1",)))
    assert {run.info.artifact_uri for run in runs} == {f"/tmp/golden/mlruns/1/{r.info.run_id}/artifacts" for r in runs}
    summary = bring(database, target, artifacts="none", prefix="x", experiments=("empty",))
    assert (summary.files, summary.problems) == (0, [])


def test_artifacts_out_of_reach_keep_their_uri(database: Path, target: Store) -> None:
    change(database, "UPDATE runs SET artifact_uri = 's3://bucket/1/' || run_uuid || '/artifacts'")
    summary = bring(database, target)
    assert (summary.files, summary.problems) == (0, [])
    assert [note for note in summary.notes if "s3:" in note] == summary.notes
    (run, *_) = target.read(queries.SearchRuns(experiment_ids=("1",)))
    assert run.info.artifact_uri == f"s3://bucket/1/{run.info.run_id}/artifacts"


def test_directories_not_named_after_the_run_are_not_copied(database: Path, target: Store, tmp_path: Path) -> None:
    secret = tmp_path / "home" / "secret"
    secret.mkdir(parents=True)
    (secret / "key").write_text("geheim")
    change(database, f"UPDATE runs SET artifact_uri = '{secret}'")
    summary = bring(database, target)
    assert (summary.files, len(summary.problems), summary.runs_created) == (0, 19, 19)
    assert "not named after it" in summary.problems[0]
    change(database, f"UPDATE runs SET artifact_uri = '{secret}/../' || run_uuid || '/artifacts'")
    assert "must not contain '..'" in bring(database, target, prefix="b").problems[0]


def test_links_out_of_the_artifacts_are_not_followed(store: EmbeddedStore, target: Store, tmp_path: Path) -> None:
    run_id = new_run(store, new_experiment(store))
    (tmp_path / "secret").write_text("geheim")
    store.artifacts(run_id).put_bytes(b"1", RelPath.parse("good"))
    folder = store.artifacts(run_id).local_path(RelPath())
    assert folder is not None
    (folder / "leak").symlink_to(tmp_path / "secret")
    (folder / "back\\slash").write_text("odd")
    summary = bring(store.root, target)
    assert summary.files == 1
    assert ["back" in problem for problem in summary.problems] == [True]
    assert [item.path for item in target.read(queries.ListArtifacts(run_id=run_id))] == ["good"]


def test_damaged_rows_are_named_and_left_out(database: Path, target: Store) -> None:
    ids = [
        row[0] for row in sqlite3.connect(database).execute("SELECT run_uuid FROM runs ORDER BY start_time, run_uuid")
    ]
    change(
        database,
        "PRAGMA ignore_check_constraints = ON",
        f"UPDATE runs SET status = 'EXPLODED' WHERE run_uuid = '{ids[0]}'",
        f"UPDATE runs SET start_time = 'noon' WHERE run_uuid = '{ids[1]}'",
        f"UPDATE metrics SET value = 'much' WHERE rowid = (SELECT min(rowid) FROM metrics WHERE run_uuid = '{ids[3]}')",
        f"INSERT INTO params (key, value, run_uuid) VALUES ('../up', 'x', '{ids[3]}')",
        f"INSERT INTO tags (key, value, run_uuid) VALUES ('bytes', CAST(x'ff41' AS TEXT), '{ids[3]}')",
    )
    summary = bring(database, target)
    assert summary.runs_created == 17
    assert len(summary.problems) == 4
    assert {problem.split(":")[0].split(",")[0] for problem in summary.problems} == {
        f"run '{ids[0]}'", f"run '{ids[1]}'", f"run {ids[3]}",
    }  # fmt: skip
    assert get(target, ids[3]).data.tags["bytes"] == "�A"


def test_damaged_files_are_named_and_left_out(store: EmbeddedStore, target: Store) -> None:
    experiment = new_experiment(store)
    good, torn, lost = (new_run(store, experiment) for _ in range(3))
    for run_id in (good, torn):
        log(store, run_id, [("loss", 1.0), ("loss", 2.0)])
    store.close()
    (store.root / experiment / torn / "metrics" / "loss").write_text(f"{T0} 1.0 0\nrubbish\n{T0} 3.")
    (store.root / experiment / lost / "meta.yaml").write_text("{")
    summary = bring(store.root, target)
    assert (summary.runs_created, summary.points, len(summary.problems)) == (2, 3, 2)
    assert lost in summary.problems[1] or lost in summary.problems[0]


def test_keys_that_cannot_be_files_together_are_named(target: Store, tmp_path: Path) -> None:
    run_id = new_run(target, "0")
    log(target, run_id, [("a", 1.0), ("a/b", 2.0)], {"p": "1", "p/q": "2"})
    tree = open_store(str(tmp_path / "tree"))
    summary = bring(target.uri, tree)
    assert len(summary.problems) == 2
    assert get(tree, run_id).data.params == {"p": "1"}


def test_a_long_run_comes_in_pieces(store: EmbeddedStore, target: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millstream.stores.imports.importer.MOST_POINTS", 10)
    monkeypatch.setattr("millstream.stores.imports.databases.MOST_POINTS", 10)
    run_id = new_run(store, new_experiment(store))
    log(store, run_id, [(key, float(i), i) for key in ("a", "b") for i in range(47)])
    assert bring(store.root, target).points == 94
    log(store, run_id, [("a", float(i), i) for i in range(40, 80)])
    assert bring(store.root, target).points == 40
    back = open_store(str(store.root.parent / "zurück"))
    assert bring(target.uri, back).points == 134
    assert everything(back)["points"] == everything(target)["points"] == everything(store)["points"]


def test_old_schemas_lack_tables_and_columns(database: Path, target: Store) -> None:
    change(
        database,
        *(f"DROP TABLE {name}" for name in ("input_tags", "inputs", "datasets", "experiment_tags", "logged_models")),
        "ALTER TABLE runs DROP COLUMN deleted_time",
        "CREATE TABLE old_metrics AS SELECT key, value, timestamp, run_uuid FROM metrics",
        "DROP TABLE metrics",
        "ALTER TABLE old_metrics RENAME TO metrics",
    )
    summary = bring(database, target)
    assert (summary.runs_created, summary.points, summary.problems) == (19, 37, [])


def test_what_is_no_source_is_refused(tmp_path: Path, target: Store, store: EmbeddedStore) -> None:
    with pytest.raises(NotFound, match="no directory"):
        open_source(str(tmp_path / "nirgends"))
    with pytest.raises(NotFound, match="no database"):
        open_source(f"sqlite:///{tmp_path}/nirgends.db")
    change(tmp_path / "other.db", "CREATE TABLE apples (a)")
    with pytest.raises(NotSupported, match="no tables of MLflow or Millstream"):
        open_source(str(tmp_path / "other.db"))
    with pytest.raises(InvalidValue, match="nothing that runs can be imported from"):
        open_source("s3://bucket/runs")
    new_run(target, "0")
    new_run(store, "0")
    for place, one in ((target.uri, target), (str(store.root), store)):
        with pytest.raises(InvalidValue, match="as well; name two places"):
            check_apart(open_source(place), place, one)
    with pytest.raises(NotFound, match="no experiment with the name or id 'zz'"):
        bring(store.root, target, experiments=("zz",))


def test_mlflows_database_is_not_opened_but_the_way_is_named(database: Path) -> None:
    before = database.read_bytes()
    store = open_store(f"sqlite:///{database}")
    with pytest.raises(NotSupported, match=r"millstream import sqlite:///.*mlflow\.db --into"):
        store.read(queries.SearchExperiments())
    close_stores()
    assert database.read_bytes() == before


KILLED = """
import os, signal, sys
from millstream.stores.imports.base import Options
from millstream.stores.imports.importer import Importer
from millstream.stores.imports.open import open_source
from millstream.stores.open import open_store
source, target, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
done = 0
def count(frame, event, argument):
    global done
    if event == "call":
        done += 1
        if done == calls:
            os.kill(os.getpid(), signal.SIGKILL)
importer = Importer(open_source(source), open_store(target), Options())
sys.setprofile(count)
importer.run()
sys.setprofile(None)
print(done)
"""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kind", ["tree", "sqlite"])
def test_killed_and_done_again_is_as_done_once(database: Path, tmp_path: Path, kind: str) -> None:
    def place(name: str) -> str:
        return str(tmp_path / name) if kind == "tree" else f"sqlite:///{tmp_path}/{name}.db"

    calls = int(run_killed(database, place("whole"), 0).stdout)
    expected = everything(open_store(place("whole")))
    for part in (0.3, 0.6, 0.85):
        name = f"killed {part}"
        assert run_killed(database, place(name), int(calls * part)).returncode == -signal.SIGKILL
        target = open_store(place(name))
        assert bring(database, target).problems == []
        assert everything(target) == expected
        assert list(tmp_path.rglob(".millstream-import-*")) == []
    close_stores()


def run_killed(source: Path, target: str, calls: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", KILLED, str(source), target, str(calls)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
