"""The clients of MLflow 1.30, 2.x and 3.x live with the registry of the server, over every kind of store."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.conftest import REST, Peer, Server

ALIAS_CLIENTS = ("mlflow2", "mlflow")
TAKEN = [REST, "RESOURCE_ALREADY_EXISTS"]
MISSING = [REST, "RESOURCE_DOES_NOT_EXIST"]
INVALID = [REST, "INVALID_PARAMETER_VALUE"]


def test_registered_models_live_and_go(client: Peer, mark: str, served: Server) -> None:
    names = [f"{mark}-names {word}" for word in ("가 분류기", "b.c", "C", "d'e", "f & g")]
    seen = client("registered", store=served.address, names=names)
    assert seen["made"] == [
        [name, f"설명 {number}\n둘째 줄", {"순서": str(number)}] for number, name in enumerate(names)
    ]
    assert seen["read"] == [
        [names[0] + " 2", "설명 0\n둘째 줄", {"순서": "0"}, []],
        [names[1], "설명 1\n둘째 줄", {"순서": "1", "a/b": "값 'x'"}, []],
        [names[2], "바뀜", {"순서": "2"}, []],
        [names[4], "설명 4\n둘째 줄", {"순서": "4"}, []],
    ]
    assert seen["times"]
    assert seen["up"] == [[2, 1, 3], [0]]
    assert seen["down"] == [[0, 3], [1, 2]]
    assert seen["changed"] == [0]
    assert seen["like"] == [[2, 1, 3, 0]]
    assert seen["exact"] == [[2]]
    assert seen["tagged"] == [[1]]
    assert seen["nothing"] == [[]]
    assert seen["listed"] == ([0, 1, 2, 3] if mark == "mlflow1" else None)
    assert seen["refused"] == {
        "name taken": TAKEN,
        "rename to a taken name": TAKEN,
        "name with a slash": INVALID,
        "unknown": MISSING,
        "deleted": MISSING,
        "deleted twice": MISSING,
        "filter": INVALID,
    }
    assert seen["again"] == {}


def test_versions_live_and_go(client: Peer, mark: str, served: Server, tmp_path: Path) -> None:
    (tmp_path / "깊은").mkdir()
    (tmp_path / "깊은" / "w.bin").write_bytes(b"\0" * 1000)
    (tmp_path / "MLmodel").write_text("flavors: {}\n", encoding="utf-8")
    seen = client("versions", store=served.address, name=mark + " 판", source=str(tmp_path))
    assert seen["made"] == ["1", "None", "READY", "https://example.org/", "첫째", {"k": "v"}]
    assert seen["last"] == "5"  # the number of a deleted version comes to no other
    assert seen["read"] == [
        ["1", "Archived", "첫째", {"k": "v"}],
        ["2", "Staging", "둘째\n줄", {"나라": "한국"}],
        ["3", "Production", "", {}],
        ["5", "None", "", {}],
    ]
    assert seen["runs"] == [0, 1, 0, 1]
    assert seen["sources"]
    assert seen["places"]
    assert seen["latest"] == [["1", "Archived"], ["2", "Staging"], ["3", "Production"], ["5", "None"]]
    assert seen["latest in"] == ["2"]
    assert seen["of the model"] == ["1", "2", "3", "5"]
    assert seen["stages"] == ["None", "Staging", "Production", "Archived"]
    assert seen["found"] == {
        "all": ["1", "2", "3", "5"],
        "of a run": ["1", "3"],
        "at a place": ["2", "5"],
        "tagged": ["2"],
        "none": [],
    }
    assert seen["pages"] == (None if mark == "mlflow1" else [[5, 3, 2], [1]])
    assert seen["refused"] == {
        "unknown": MISSING,
        "deleted": MISSING,
        "stage": INVALID,
        "of no model": MISSING,
        "deleted twice": MISSING,
        "number": INVALID,
    }


@pytest.mark.parametrize("mark", ALIAS_CLIENTS)
def test_aliases_live_and_go(client: Peer, mark: str, served: Server) -> None:
    seen = client("aliases", store=served.address, name=mark + " 별명")
    here = "MlflowException" if mark == "mlflow2" else REST  # 2.x refuses these before it asks
    assert seen == {
        "of the model": {"champ": "2", "챔피언": "2"},
        "of versions": [[], ["champ", "챔피언"]],
        "read": "2",
        "searched": [[], ["champ", "챔피언"]],
        "refused": {
            "gone": INVALID,
            "gone with its version": INVALID,
            "of no version": MISSING,
            "latest": [here, "INVALID_PARAMETER_VALUE"],
            "like a version": [here, "INVALID_PARAMETER_VALUE"],
        },
    }


def test_registered_models_are_loaded_by_every_name(client: Peer, mark: str, served: Server) -> None:
    seen = client("registered_models", store=served.address, name=mark + " 모델")
    first, second = [2, 20], [3, 30]
    expected = {"/1": first, "/2": second, "/latest": second, "/Production": first}
    assert seen["loaded"] == (expected if mark == "mlflow1" else {**expected, "@champ": first})
    assert seen["runs"] == [True, True]
    assert {"MLmodel", "python_model.pkl", "requirements.txt"} <= set(seen["files"])
    assert seen["alike"]
    assert seen["unknown"] == "RESOURCE_DOES_NOT_EXIST"
