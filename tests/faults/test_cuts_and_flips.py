"""Every file of a tree cut at every byte, and bytes flipped at random: lists never fail, others come back unchanged."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.embedded import EmbeddedStore
from millstream.values import ops, queries
from millstream.values.entities import Dataset, DatasetInput, ModelInput, ModelOutput
from millstream.values.errors import DataDamaged, NotFound
from tests.faults.conftest import FLIPS
from tests.stores.calls import T0, finish, history, log, new_experiment, new_run
from tests.stores.snapshots import snapshot

FIVE = b"".join(b"%d 0.%d %d train 0a1b2c\n" % (T0 + step, step, step) for step in range(1, 6))
TWO = b"1700000000 0.5\n1700000001 -1e-300\n1700000002 nan\n"
KEYS = ("loss", "two", "five")
_times = itertools.count(1)


@pytest.fixture
def tree(store: EmbeddedStore, root: Path) -> tuple[Path, str]:
    """A run with something of everything, and one beside it that nothing happens to."""
    home = new_experiment(store, "실험: #1", tags={"태그": "값"})
    hurt, well = (new_run(store, home, run_name=name, tags={"k": "값"}) for name in ("다칠 것", "well: #2"))
    source = DatasetInput(Dataset("자료", "0a1b2c", "local", "{}", '{"s": 1}', "{}"), {"mlflow.data.context": "train"})
    for run in (hurt, well):
        log(
            store,
            run,
            [("loss", step / 3, step) for step in range(5)],
            {"lr": "0.01", "큰": "값" * 40},
            {"t": "꼬리표"},
        )
        store.write(ops.LogInputs(run_id=run, datasets=(source,), models=(ModelInput("m-in"),)))
        store.write(ops.LogOutputs(run_id=run, models=(ModelOutput("m-out", 3),)))
        (root / home / run / "metrics/five").write_bytes(FIVE)
        (root / home / run / "metrics/two").write_bytes(TWO)
    finish(store, well)
    model = root / home / "models" / "m-out"
    model.mkdir(parents=True)
    (model / "meta.yaml").write_text(f"model_id: m-out\nname: model\ncreation_timestamp: {T0}\n")
    return root / home / hurt, well


def files(run: Path) -> list[Path]:
    """Every file that can be damaged for `run`: its own, and those of its experiment that are not the other run's."""
    own = [path for path in run.rglob("*") if path.is_file()]
    shared = [path for part in ("models", "tags") for path in (run.parent / part).rglob("*")]
    return sorted([*own, *(path for path in shared if path.is_file()), run.parent / "meta.yaml"])


def put(path: Path, data: bytes) -> None:
    """Change a file so that no stamp hides it: each change gets a time of its own, long past and settled."""
    path.write_bytes(data)
    moment = 10**18 + next(_times) * 10**9
    os.utime(path, ns=(moment, moment))


def mend(path: Path, data: bytes) -> None:
    """As a backup that is put back: a new file takes the place of the damaged one."""
    copy = path.with_name("copy of it")
    put(copy, data)
    copy.replace(path)


def changed_files(seed: int, paths: list[Path]) -> Iterator[tuple[Path, bytes, str]]:
    """Cuts at every byte, then flips."""
    for path in paths:
        whole = path.read_bytes()
        for length in range(len(whole)):
            yield path, whole[:length], f"cut at {length}"
    rng = random.Random(f"{seed} flips")
    for number in range(FLIPS):
        path = rng.choice(paths)
        data = bytearray(path.read_bytes())
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        yield path, bytes(data), f"flip {number}"


def look(store: EmbeddedStore, home: str, hurt: str, well: str) -> dict[str, Any]:
    """Everything a user asks of a tree; what may be refused is refused in our words."""
    store.read(queries.SearchExperiments())
    try:
        store.read(queries.GetRunInfo(run_id=hurt))
        store.read(queries.GetRun(run_id=hurt))
        store.logged_model(hurt, "model")
    except (NotFound, DataDamaged):
        pass
    return {"problems": store.read(queries.DescribeStore()).problems, **glance(store, home, hurt, well)}


def glance(store: EmbeddedStore, home: str, hurt: str, well: str) -> dict[str, Any]:
    """The runs, and points of both."""
    query = queries.SearchRuns(experiment_ids=(home,), max_results=50_000)
    runs = {run.info.run_id: repr(run) for run in store.read(query)}
    kept = {key: history(store, well, key) for key in KEYS}
    for key in KEYS:
        with suppress(NotFound, DataDamaged):
            history(store, hurt, key)
    return {"runs": runs, "kept": repr(kept)}


def test_damage_hurts_nothing_else_is_named_and_heals(
    store: EmbeddedStore, root: Path, tree: tuple[Path, str], seed: int
) -> None:
    run, well = tree
    home, hurt = run.parent.name, run.name
    paths = files(run)
    assert len(paths) >= 15
    for path in paths:
        put(path, path.read_bytes())
    before, healthy = snapshot(store), look(store, home, hurt, well)
    assert healthy["runs"].keys() == {hurt, well}
    assert not healthy["problems"]
    wholes = {path: path.read_bytes() for path in paths}
    named = 0
    for count, (path, data, what) in enumerate(changed_files(seed, paths)):
        put(path, data)
        # All questions for some of the damages, and wherever something is missing; the most telling one for each.
        found = glance(store, home, hurt, well)
        if count % 5 == 0 or hurt not in found["runs"] or path.parent == run.parent:
            found = look(store, home, hurt, well)
        where = f"{path.relative_to(root)}: {what}"
        assert found["kept"] == healthy["kept"], where
        assert found["runs"].get(well) == healthy["runs"][well], where
        if hurt not in found["runs"]:
            assert any(str(path) in problem for problem in found["problems"]), f"{where}: hidden, but not named"
        named += bool(found.get("problems"))
        mend(path, wholes[path])
        if count % 100 == 0:
            assert snapshot(store) == before, where
    assert named > 200
    assert snapshot(store) == before


def test_a_damaged_dataset_hides_no_run(store: EmbeddedStore, tree: tuple[Path, str]) -> None:
    """It is a file of the experiment, written once for all of its runs: where it is bad, runs are shown without it."""
    run, well = tree
    home = run.parent
    before = snapshot(store)
    (path,) = (home / "datasets").rglob("meta.yaml")
    whole = path.read_bytes()
    for length in range(0, len(whole), 3):
        put(path, whole[:length])
        store.reindex()
        found = look(store, home.name, run.name, well)
        assert found["runs"].keys() == {run.name, well}
        assert all(str(path) in problem for problem in found["problems"])
    mend(path, whole)
    store.reindex()
    assert snapshot(store) == before
