"""Random changes by several hands: after each, the index that follows them says what one made from nothing says."""

from __future__ import annotations

import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from millstream.drivers.files import stamps
from millstream.stores import changes
from millstream.stores.embedded import EmbeddedStore
from millstream.values import names, ops
from millstream.values.entities import Dataset, DatasetInput, InputTag, ModelInput, ModelOutput
from millstream.values.errors import MillstreamError
from tests.stores.calls import T0, finish, log, new_experiment, new_run
from tests.stores.snapshots import snapshot, tick
from tests.stores.telling import tell_of_all_runs

KEYS = ("m", "a/b", "a/c/d", "손실 값")


class Hands:
    """Changes a tree, through a store of its own and by hand. Each public method is a kind of change."""

    def __init__(self, store: EmbeddedStore, root: Path, seed: int) -> None:
        self._store = store
        self._root = root
        self._random = random.Random(seed)
        self._count = 0

    def change(self) -> str:
        """Make one random change; returns what it was. A change that is refused is a change that was not made."""
        kinds = sorted(name for name in dir(self) if not name.startswith("_") and name != "change")
        kind = self._random.choice(kinds)
        try:
            getattr(self, kind)()
        except (MillstreamError, IndexError, OSError, yaml.YAMLError):
            return f"{kind} (refused)"
        return kind

    def create_experiment(self) -> None:
        if len(self._experiments()) < 4:
            self._count += 1
            new_experiment(self._store, f"실험 {self._count}", tags={"k": str(self._count)}, time=T0 + self._count)

    def create_run(self) -> None:
        run = new_run(self._store, self._experiment().name, tags={"t": "0"}, run_id=self._new_id())
        log(self._store, run, [("m", self._number())], {"p": "1"})

    def log_points(self) -> None:
        key = self._random.choice(KEYS)
        log(self._store, self._run().name, [(key, self._number(), self._random.randrange(9)) for _ in range(3)])

    def log_texts(self) -> None:
        self._count += 1
        run = self._run().name
        log(self._store, run, params={f"p{self._count}": "값"}, tags={self._random.choice(KEYS): str(self._count)})

    def log_links(self) -> None:
        run = self._run().name
        self._count += 1
        data = DatasetInput(Dataset(f"d{self._random.randrange(3)}", "1", "local", "{}"), (InputTag("c", "train"),))
        self._store.write(ops.LogInputs(run_id=run, datasets=(data,), models=(ModelInput(f"m-{self._count}"),)))
        self._store.write(ops.LogOutputs(run_id=run, models=(ModelOutput(f"m-{self._count}", self._count),)))

    def end_run(self) -> None:
        finish(self._store, self._run().name, self._random.choice(["FINISHED", "FAILED", "RUNNING"]))

    def rename_run(self) -> None:
        self._count += 1
        self._store.write(ops.UpdateRun(run_id=self._run().name, run_name=f"이름 {self._count}"))

    def delete_tag(self) -> None:
        self._store.write(ops.DeleteTag(run_id=self._run().name, key=self._random.choice(KEYS)))

    def delete_or_restore_run(self) -> None:
        run = self._run().name
        kind: type[ops.Op[None]] = self._random.choice([ops.DeleteRun, ops.RestoreRun])
        self._store.write(ops.DeleteRun(run_id=run, time=T0) if kind is ops.DeleteRun else ops.RestoreRun(run_id=run))

    def delete_or_restore_experiment(self) -> None:
        kind = self._random.choice([ops.DeleteExperiment, ops.RestoreExperiment])
        self._store.write(kind(experiment_id=self._experiment().name, time=T0 + self._count))

    def tag_experiment(self) -> None:
        op = ops.SetExperimentTag(experiment_id=self._experiment().name, key="k", value=str(self._random.random()))
        self._store.write(op)

    def rename_experiment(self) -> None:
        self._count += 1
        self._store.write(
            ops.RenameExperiment(experiment_id=self._experiment().name, name=f"새 {self._count}", time=T0)
        )

    def remove_run_by_hand(self) -> None:
        shutil.rmtree(self._run())

    def move_experiment_by_hand(self) -> None:
        source = self._experiment()
        parent = self._root if source.parent.name == ".trash" else self._root / ".trash"
        if not (parent / source.name).exists():
            source.rename(parent / source.name)

    def edit_run_meta(self) -> None:
        path = self._run() / "meta.yaml"
        fields = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(fields, dict):
            raise IndexError
        fields["run_name"] = f"edited {self._random.random()}"
        path.write_text(yaml.safe_dump(fields, allow_unicode=True), encoding="utf-8")

    def damage_meta(self) -> None:
        path = self._random.choice([self._run(), self._experiment()]) / "meta.yaml"
        whole = path.read_bytes()
        if b"experiment_id" in whole:
            (path.parent / "whole").write_bytes(whole)
            path.write_bytes(whole[: self._random.randrange(len(whole))])

    def mend_meta(self) -> None:
        damaged = sorted(self._root.rglob("whole"))
        self._random.choice(damaged).rename(self._random.choice(damaged).parent / "meta.yaml")

    def append_by_hand(self) -> None:
        run = self._running()
        text = self._random.choice(
            ["17 0.5 3\n", "17 nan\n", "1 2 3 name digest\n", "rubbish\n", "17 0.5", "\n", "5 9\n"]
        )
        path = run / "metrics/m"
        path.parent.mkdir(exist_ok=True)
        with path.open("a") as file:
            file.write(text)

    def overwrite_in_place(self) -> None:
        run = self._running()
        (run / "tags/t").write_text(str(self._random.random()))
        (run / "metrics/m").write_text(f"1 {self._number()} 1\n" * self._random.randrange(30))

    def remove_file(self) -> None:
        files = sorted(path for path in self._run().glob("[mpt]*/**/*") if path.is_file())
        self._random.choice(files).unlink()

    def put_something_odd(self) -> None:
        folder = self._run() / self._random.choice(["params", "tags", "metrics"])
        (folder / f"odd {self._random.randrange(3)}").mkdir(exist_ok=True)
        os.symlink(self._random.choice(["..", "nowhere", "loop", "m"]), folder / f"loop{self._random.randrange(9)}")

    def start_a_run_directory(self) -> None:
        (self._experiment() / self._new_id() / "metrics").mkdir(parents=True)

    def copy_experiment(self) -> None:
        if len(self._experiments()) < 5:
            self._count += 1
            shutil.copytree(self._experiment(), self._root / f"77{self._count}", symlinks=True)

    def _new_id(self) -> str:
        return f"{self._random.getrandbits(64):016x}"

    def _number(self) -> float:
        return self._random.choice([0.5, -1.0, 1e300, float("nan"), float("inf"), -float("inf"), 3.0])

    def _experiments(self) -> list[Path]:
        return sorted(path.parent for path in [*self._root.glob("*/meta.yaml"), *self._root.glob(".trash/*/meta.yaml")])

    def _experiment(self) -> Path:
        return self._random.choice(self._experiments())

    def _run(self) -> Path:
        runs = [path.parent for folder in self._experiments() for path in sorted(folder.glob("*/meta.yaml"))]
        return self._random.choice(runs)

    def _running(self) -> Path:
        run = self._run()
        if b"status: 1" not in (run / "meta.yaml").read_bytes():
            raise IndexError
        return run


class FreeHands(Hands):
    """Changes runs that ended in place, too."""

    def _running(self) -> Path:
        return self._run()


@pytest.fixture(params=["asking", "told"])
def hands(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> type[Hands]:
    """Who may do what: when the kernel tells of every run that has ended, everything is seen."""
    if request.param == "asking":
        return Hands
    tell_of_all_runs(monkeypatch)
    return FreeHands if sys.platform.startswith("linux") else Hands


@pytest.mark.parametrize("seed", range(6))
def test_a_random_walk(
    seed: int,
    hands: type[Hands],
    store: EmbeddedStore,
    open_tree: Callable[[], EmbeddedStore],
    root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stamps, "RACY_NS", 0)
    monkeypatch.setattr(changes, "CLOSE_LOOKS", 0)
    follower = store
    snapshot(follower)
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path / "from nothing"))
    rebuilt = open_tree()
    them = hands(open_tree(), root, seed)
    new_run(them._store, run_id=names.new_run_id())
    done: list[str] = []
    for _ in range(40):
        done.append(them.change())
        rebuilt.reindex()
        assert snapshot(follower) == snapshot(rebuilt), f"after {done}"
        tick(tmp_path)
    assert sum("refused" not in kind for kind in done) > 5
