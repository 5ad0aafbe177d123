"""Our client lives with the real MLflow's server, and with ours, and sees what MLflow's client sees there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.open import close_stores, open_store
from millstream.values import ops, queries
from millstream.values.errors import NotFound, NotSupported
from millstream.values.paths import RelPath
from tests.interop import environment
from tests.interop.conftest import Peer, demanded, serving, serving_theirs
from tests.interop.environment import NEWEST
from tests.interop.test_clients import PARAMS, POINTS, TAGS
from tests.stores.calls import T0
from tests.stores.suites.models import new_model

QUERIES = [
    ["", ["start_time DESC"]],
    ["params.even = 'True' AND status = 'FINISHED'", ["attributes.start_time ASC"]],
    ["metrics.`손실` <= -2", ["metrics.`손실` ASC"]],
    ["", ["metrics.`손실` DESC", "start_time ASC"]],
    ["tags.`mlflow.runName` LIKE '1_'", ["tags.`mlflow.runName` DESC"]],
    ["params.even = 'no'", []],
]


@pytest.fixture(scope="module", params=["mlflow", "mlflow2", "millstream"])
def host(request: pytest.FixtureRequest) -> str:
    """Whose server it is: that of MLflow 3, the last MLflow 2's, and ours."""
    return str(request.param)


@pytest.fixture(scope="module")
def address(host: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server whose clients write artifacts by themselves."""
    home: Path = tmp_path_factory.mktemp(f"server of {host}")
    options = ("--default-artifact-root", str(home / "파일"), "--no-serve-artifacts")
    store = f"sqlite:///{home}/runs.db"
    if host == "millstream":
        with serving(store, home, *options) as found:
            yield found
    else:
        with serving_theirs(demanded(NEWEST if host == "mlflow" else host), store, home, *options) as found:
            yield found


@pytest.fixture(scope="module")
def theirs(host: str, request: pytest.FixtureRequest) -> Peer:
    """The client of MLflow that fits the server."""
    peer: Peer = request.getfixturevalue("mlflow2" if host == "mlflow2" else "mlflow")
    return peer


def codes(seen: Any) -> Any:
    """The same, with errors as their codes alone: each library has classes of its own."""
    if isinstance(seen, dict):
        return {key: codes(value) for key, value in seen.items()}
    if isinstance(seen, list):
        if len(seen) >= 2 and isinstance(seen[0], str) and isinstance(seen[1], str) and seen[1].isupper():
            return ["refused", *seen[1:]]
        return [codes(item) for item in seen]
    return seen


# What the last MLflow 2 takes that newer ones refuse, and the types of columns, which its older pandas has others for.
APART = {"registered": ("refused", "name with a slash"), "fluent_day": ("types",)}


def without(seen: Any, path: tuple[str, ...]) -> Any:
    """The same, without what is at `path`."""
    kept = {key: value for key, value in seen.items() if path[:1] != (key,)}
    return {**kept, path[0]: without(seen[path[0]], path[1:])} if len(path) > 1 else kept


def lived(ours: Peer, theirs: Peer, chapter: str, address: str, **arguments: Any) -> Any:
    """What our client saw, once it is what MLflow's saw."""
    seen = []
    for peer, mark in ((ours, "ours"), (theirs, "theirs")):
        told = peer(chapter, store=address, **{name: of(value, mark) for name, value in arguments.items()})
        if theirs.python.parts[-3].startswith("mlflow2"):
            told = without(told, APART[chapter]) if chapter in APART else told
        seen.append(json.dumps(codes(told), sort_keys=True, ensure_ascii=False, indent=1).replace(mark, "MARK"))
    assert seen[0] == seen[1]
    return json.loads(seen[0])


def of(value: Any, mark: str) -> Any:
    if isinstance(value, list):
        return [of(item, mark) for item in value]
    return value.replace("MARK", mark) if isinstance(value, str) else value


def test_experiments(millstream: Peer, theirs: Peer, address: str) -> None:
    names = [f"MARK {word}" for word in ("가", "b c", "d/e", "f'g", "100%")]
    assert lived(millstream, theirs, "experiments", address, names=names)


def test_a_run(millstream: Peer, theirs: Peer, address: str) -> None:
    data = {"params": PARAMS, "metrics": POINTS, "tags": TAGS}
    seen = lived(millstream, theirs, "runs", address, mark="MARK", data=data)
    assert seen["restored"] == ["active", 1]


def test_searches(millstream: Peer, theirs: Peer, address: str) -> None:
    seen = lived(millstream, theirs, "searches", address, mark="MARK", count=23, page=10, queries=QUERIES)
    assert seen["frame"] == list(range(23))


def test_a_long_history(millstream: Peer, theirs: Peer, address: str) -> None:
    seen = millstream("long_history", store=address)
    assert seen == {"steps": True, "latest": {"loss": 999 / 8}, "params": 100, "tags": True}


def test_files_on_a_shared_disk(millstream: Peer, theirs: Peer, address: str, tmp_path: Path) -> None:
    source = tmp_path / "보내는 곳"
    (source / "깊은 곳").mkdir(parents=True)
    (source / "a.txt").write_bytes(b"a\r\nb")
    (source / "깊은 곳" / "빈 것").write_bytes(b"")
    seen = millstream("files", store=address, mark="ours", source=str(source), target=str(tmp_path / "받는 곳"))
    assert (seen["alone"], seen["text"], seen["loaded"]) == (True, "첫 줄\n", {"a": [1, 2.5], "한글": None})
    assert Path(seen["down"], "아래 쪽", "깊이", "a.txt").read_bytes() == b"a\r\nb"


def test_datasets(millstream: Peer, theirs: Peer, address: str) -> None:
    assert lived(millstream, theirs, "datasets", address, mark="MARK")["found"]


def test_a_registry(millstream: Peer, theirs: Peer, address: str) -> None:
    names = [f"MARK-names {word}" for word in ("가 분류기", "b.c", "C", "d'e", "f & g")]
    lived(millstream, theirs, "registered", address, names=names)
    lived(millstream, theirs, "aliases", address, name="MARK 별명")


def test_versions(millstream: Peer, theirs: Peer, address: str, tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {}\n", encoding="utf-8")
    lived(millstream, theirs, "versions", address, name="MARK 판", source=str(tmp_path))


def test_a_day_in_a_notebook(millstream: Peer, theirs: Peer, address: str) -> None:
    lived(millstream, theirs, "fluent_day", address, experiment="MARK 하루")


def test_a_logged_model(address: str, host: str) -> None:
    store = open_store(address)
    if host == "mlflow2":
        with pytest.raises(NotSupported, match="from MLflow 3 on"):
            new_model(store, name="모델")
        close_stores()
        return
    made = new_model(store, name="모델", params={"p": "1"})
    done = store.write(ops.FinalizeLoggedModel(model_id=made, status="READY", time=T0))
    tagged = store.write(ops.SetLoggedModelTags(model_id=made, tags={"a": "값", "b": "2"}))
    assert (done.status, tagged.tags["a"]) == ("READY", "값")
    store.write(ops.DeleteLoggedModelTag(model_id=made, key="b"))
    found = store.read(queries.GetLoggedModel(model_id=made))
    assert (found.name, found.params, "b" in found.tags) == ("모델", {"p": "1"}, False)
    store.write(ops.DeleteLoggedModel(model_id=made, time=T0))
    with pytest.raises(NotFound):
        store.read(queries.GetLoggedModel(model_id=made))
    close_stores()


TRAIN = """
import sys
import millstream
with millstream.start_run():
    millstream.log_metric("m", float(sys.argv[1]))
    millstream.log_text("안녕", "글/a b.txt")
    sys.exit(sys.argv[2] != "0")
"""


def test_a_project(address: str, tmp_path: Path) -> None:
    project = tmp_path / "프로젝트"
    project.mkdir()
    (project / "train.py").write_text(TRAIN, encoding="utf-8")
    (project / "MLproject").write_text(
        "entry_points: {main: {parameters: {lr: float, code: {type: float, default: 0}}, "
        "command: 'python train.py {lr} {code}'}}",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "millstream", "run", str(project), "--experiment-name", "프로젝트", "-P", "lr=0.5"]
    variables = {**environment.settings(), "MLFLOW_TRACKING_URI": address}
    for code in ("0", "1"):
        done = subprocess.run([*command, "-P", f"code={code}"], env=variables, capture_output=True, text=True)
        assert done.returncode == int(code), done.stderr
    store = open_store(address)
    experiment = store.read(queries.GetExperimentByName(name="프로젝트"))
    failed, finished = store.read(queries.SearchRuns(experiment_ids=(experiment.experiment_id,)))
    assert (finished.info.status, failed.info.status) == ("FINISHED", "FAILED")
    assert finished.data.params == {"lr": "0.5", "code": "0"}
    assert finished.data.metrics == {"m": 0.5}
    assert finished.data.tags["mlflow.source.type"] == "PROJECT"
    assert store.artifacts(finished.info.run_id).list(RelPath.parse("글"))[0].path == "글/a b.txt"
    close_stores()
