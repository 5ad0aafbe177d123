"""Real clients of three generations live whole lives with our server, over every kind of store.

A life's chapters are in `life`; a chapter returns what the client saw, and here stands what was written.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tests.golden.world import T0
from tests.interop.conftest import REST, Peer, Server

DATASET_CLIENTS = ("mlflow2", "mlflow")
NAN, INF = float("nan"), float("inf")

PARAMS = {"lr": "0.1", "빈 값": "", "여러/층/말": "첫째\n둘째 'x' \"y\"", "long": "가" * 500}
POINTS = {
    "loss": [[0.5, T0, 0], [0.25, T0 + 1, 1], [0.125, T0 + 2, 2], [9.0, T0 + 3, 1]],
    "odd": [[NAN, T0, 0], [INF, T0 + 1, 1], [-INF, T0 + 2, 2]],
    "깊은 곳/지표 1": [[1e-308, T0, -5], [1.7976931348623157e308, T0 + 1, 2**40]],
    "again": [[1.0, T0, 0], [1.0, T0 + 1, 0], [2.0, T0 + 2, 0]],
}
LATEST = {"loss": 0.125, "odd": -INF, "깊은 곳/지표 1": 1.7976931348623157e308, "again": 2.0}
TAGS = {"말": "한국어 꼬리표", "empty": "", "a/b": "x\ny"}


def alike(value: Any) -> Any:
    """`value` with NaN as a word, which equals itself."""
    return json.loads(json.dumps(value), parse_constant=str)


def test_each_client_is_of_its_generation(client: Peer, mark: str) -> None:
    assert client("version").split(".")[0] == {"mlflow1": "1", "mlflow2": "2", "mlflow": "3"}[mark]


def test_experiments_live_and_come_back(client: Peer, mark: str, served: Server) -> None:
    names = [f"{mark}의 {word}" for word in ("가 실험", "b / c", "C", "d'e", '"f"')]
    seen = client("experiments", store=served.address, names=names)
    assert seen["read"] == [
        [names[0] + " 2", "active", {"순서": "0", "mlflow.note.content": "설명\n둘째 줄"}],
        [names[1], "deleted", {"순서": "1"}],
        *([name, "active", {"순서": str(number)}] for number, name in enumerate(names[2:], 2)),
    ]
    assert seen["times"]
    assert seen["by name"] == [0, 1, 2, 3, 4]
    assert seen["missing"] is None
    assert seen["pages"] == {"active": [[4, 2], [3, 0]], "deleted": [[1]], "all": [[4, 2], [1, 3], [0]]}
    assert seen["runs"] == ["deleted", "active"]
    assert seen["listed"] == ([0, 2, 3, 4] if mark == "mlflow1" else None)
    taken = [REST, "RESOURCE_ALREADY_EXISTS"]
    assert seen["refused"] == {
        "name taken": taken,
        "name of a deleted one": taken,
        "rename to a taken name": taken,
        "unknown": [REST, "RESOURCE_DOES_NOT_EXIST"],
        "deleted twice": [REST, "RESOURCE_DOES_NOT_EXIST"],
        "run in a deleted one": [REST, "INVALID_PARAMETER_VALUE"],
        "filter": [REST, "INVALID_PARAMETER_VALUE"],
    }


def test_a_run_lives_and_comes_back(client: Peer, mark: str, served: Server) -> None:
    seen = client("runs", store=served.address, mark=mark, data={"params": PARAMS, "metrics": POINTS, "tags": TAGS})
    assert seen["before"] == ["RUNNING", None, "RUNNING"]
    assert seen["info"] == ["FAILED", T0, T0 + 5000, "active"]
    assert seen["name"] == ["둘째 이름", "둘째 이름"]
    assert seen["params"] == {**PARAMS, **{key + "/batch": "값" for key in POINTS}}
    assert alike(seen["latest"]) == alike(LATEST)
    assert seen["tags"] == TAGS
    assert alike(seen["histories"]) == alike(POINTS)
    assert seen["nothing"] == []
    assert seen["deleted"] == ["deleted", [REST, "INVALID_PARAMETER_VALUE"], [True], 0]
    assert seen["restored"] == ["active", 1]


def test_batches_have_limits(client: Peer, mark: str, served: Server) -> None:
    seen = client("batches", store=served.address, mark=mark)
    too_large = [REST, "INVALID_PARAMETER_VALUE", 0, 0, 0]
    assert seen == {
        "full": ["accepted", "", 800, 100, 100],
        "metrics": too_large,
        "params": too_large,
        "tags": too_large,
        "together": too_large,
        "empty": ["accepted", "", 0, 0, 0],
    }


def test_searches_have_pages_and_order(client: Peer, mark: str, served: Server) -> None:
    queries = [
        ["", ["start_time DESC"]],
        ["params.even = 'True' AND status = 'FINISHED'", ["attributes.start_time ASC"]],
        ["metrics.`손실` <= -2", ["metrics.`손실` ASC"]],
        ["", ["metrics.`손실` DESC", "start_time ASC"]],
        ["tags.`mlflow.runName` LIKE '1_'", ["tags.`mlflow.runName` DESC"]],
        ["params.even = 'no'", []],
    ]
    seen = client("searches", store=served.address, mark=mark, count=23, page=10, queries=queries)
    numbered = [n for n in range(23) if n % 5 > 1]
    expected = [
        list(range(22, -1, -1)),
        [n for n in range(0, 23, 2) if n % 3],
        [n for n in reversed(numbered) if n >= 8],
        [*numbered, *range(1, 23, 5), *range(0, 23, 5)],
        list(range(19, 9, -1)),
        [],
    ]
    for query, found, numbers in zip(queries, seen["pages"], expected, strict=True):
        assert found == [numbers[at : at + 10] for at in range(0, len(numbers) or 1, 10)], query
    assert seen["frame"] == list(range(23))
    assert seen["infos"] == ([10, 10, 3] if mark == "mlflow1" else None)


def tree_of(root: Path) -> dict[str, bytes]:
    """Every file below `root` by its path."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def write_files(root: Path) -> dict[str, bytes]:
    """Files with names and contents that go wrong where something is careless.

    Clients themselves refuse a name with #, end one at ?, and take a directory for a file when all that is in it is
    one file of its name; so none of that is here.
    """
    contents = {
        "a.txt": b"a\r\nb",
        "empty": b"",
        "빈 칸과 한글.csv": "가,나\n".encode(),
        "100% 1+2&a=b;c,!.txt": b"%",
        "deep/er/below/it.bin": random.Random(1).randbytes(3_000_000),
        "깊은 곳/다른 곳/empty too": b"",
        "deep/.hidden": b".",
        "same/same/same": b"same",
        "same/same/other": b"other",
    }
    for name, content in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return contents


def test_files_come_back_as_they_went(client: Peer, mark: str, served: Server, tmp_path: Path) -> None:
    source, target = tmp_path / "보내는 곳", tmp_path / "받는 곳"
    contents = write_files(source)
    seen = client("files", store=served.address, mark=mark, source=str(source), target=str(target))
    written = {
        **contents,
        **{"아래 쪽/깊이/" + name: content for name, content in contents.items()},
        "하나/a.txt": contents["a.txt"],
        "글/첫 줄.txt": "첫 줄\n".encode(),
    }
    assert seen["uri"].startswith("mlflow-artifacts:/")
    down = tree_of(Path(seen["down"]))
    assert json.loads(down.pop("글/설정.json")) == {"a": [1, 2.5], "한글": None}
    assert down == written
    assert tree_of(Path(seen["part"])) == contents
    sizes = {path: size for path, size in seen["listing"].items() if size is not None}
    del sizes["글/설정.json"]
    assert sizes == {path: len(content) for path, content in written.items()}
    folders = {str(parent) for path in written for parent in Path(path).parents} - {"."}
    assert {path for path, size in seen["listing"].items() if size is None} == folders
    assert seen["alone"]
    assert seen["text"] == "첫 줄\n"
    assert seen["loaded"] == {"a": [1, 2.5], "한글": None}
    assert seen["nothing there"] == []
    assert seen["refused"] == [REST, "RESOURCE_DOES_NOT_EXIST"]


def test_python_models_are_logged_and_loaded(client: Peer, mark: str, served: Server) -> None:
    seen = client("python_model", store=served.address, mark=mark, words="배율은")
    assert seen["predictions"] == [["배율은 2.0", "배율은 5.0"]] * 2
    assert seen["runs"] == [True, True]
    assert seen["history"] == (mark != "mlflow")
    assert seen["logged"] == ([[True], "READY", "model", True, [True]] if mark == "mlflow" else None)


@pytest.mark.parametrize("mark", DATASET_CLIENTS)
def test_datasets_are_remembered(client: Peer, mark: str, served: Server) -> None:
    seen = client("datasets", store=served.address, mark=mark)
    assert seen == {
        "dataset": [mark + " 자료", "d1", "http"],
        "tags": [["mlflow.data.context", "training"], ["나라", "한국"]],
        "columns": ["a", "b"],
        "source": "https://example.org/a.csv",
        "found": True,
    }
