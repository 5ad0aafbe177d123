"""A model directory appears whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from millstream.formats.mlmodel import PYFUNC, Model
from millstream.models.examples import encode_json, write_example
from millstream.models.model import Options, Parts, file_inside, flavor_settings, read_model, save_directory
from millstream.values.errors import AlreadyExists, DataDamaged, InvalidValue, NotFound


def write(directory: Path) -> Parts:
    (directory / "weights.bin").write_bytes(b"1234")
    return Parts({PYFUNC: {"loader_module": "mlflow.sklearn"}, "own": {}}, {"numpy"})


def fail(directory: Path) -> Parts:
    (directory / "weights.bin").write_bytes(b"12")
    raise InvalidValue("no")


def predict(directory: Path, model: Model, example: Any) -> Any:
    return np.zeros(len(example))


def names(directory: Path) -> list[str]:
    return sorted(path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file())


def test_a_directory_has_the_flavours_files_and_ours(tmp_path: Path) -> None:
    target = tmp_path / "내 모델 1"
    model = save_directory(target, write, Options(), predict)
    assert names(target) == ["MLmodel", "conda.yaml", "python_env.yaml", "requirements.txt", "weights.bin"]
    assert read_model(target) == model
    assert model.pyfunc["env"] == {"conda": "conda.yaml", "virtualenv": "python_env.yaml"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["내 모델 1"]


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue):
        save_directory(tmp_path / "m", fail, Options(), predict)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_replacement_leaves_the_old_model(tmp_path: Path) -> None:
    target = tmp_path / "m"
    first = save_directory(target, write, Options(), predict)
    with pytest.raises(InvalidValue):
        save_directory(target, fail, Options(), predict, replace=True)
    assert read_model(target) == first
    second = save_directory(target, write, Options(), predict, replace=True)
    assert read_model(target).model_uuid == second.model_uuid != first.model_uuid
    assert [entry.name for entry in tmp_path.iterdir()] == ["m"]


def test_saving_over_something_is_refused_but_an_empty_directory_is_taken(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    save_directory(tmp_path / "empty", write, Options(), predict)
    with pytest.raises(AlreadyExists, match="empty"):
        save_directory(tmp_path / "empty", write, Options(), predict)


def test_an_example_makes_the_signature_and_two_files(tmp_path: Path) -> None:
    example = pd.DataFrame({"a": [1.5, None], "글": ["x", "y"]})
    model = save_directory(tmp_path / "m", write, Options(input_example=example), predict)
    assert model.signature is not None
    assert repr(model.signature.inputs) == "['a': double (optional), '글': string (required)]"
    assert repr(model.signature.outputs) == "[tensor float64 (-1,)]"
    stored = (tmp_path / "m" / "input_example.json").read_text("utf-8")
    assert stored == '{"columns":["a","글"],"data":[[1.5,"x"],[null,"y"]]}'
    served = (tmp_path / "m" / "serving_input_example.json").read_text("utf-8")
    assert served == '{"dataframe_split":' + stored + "}"
    assert model.saved_input_example_info == {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
        "type": "dataframe",
        "pandas_orient": "split",
    }


def test_no_signature_is_made_when_none_is_wanted(tmp_path: Path) -> None:
    model = save_directory(tmp_path / "m", write, Options(input_example=np.ones((1, 2)), signature=False), predict)
    assert model.signature is None
    assert (tmp_path / "m" / "input_example.json").read_text("utf-8") == '{"inputs":[[1.0,1.0]]}'


def test_examples_of_other_kinds_and_those_without_a_form(tmp_path: Path) -> None:
    assert write_example(tmp_path, {"x": np.ones(2)})["type"] == "ndarray"
    assert write_example(tmp_path, {"x": [1, 2]})["type"] == "json_object"
    with pytest.raises(InvalidValue, match="object"):
        write_example(tmp_path, {"x": object()})
    assert encode_json({"t": pd.Timestamp("2020-02-15"), "b": b"ab", "n": np.float32("nan")}) == (
        b'{"t":"2020-02-15T00:00:00","b":"YWI=","n":null}'
    )


def test_code_is_copied_and_a_missing_path_refused(tmp_path: Path) -> None:
    (tmp_path / "pkg" / "__pycache__").mkdir(parents=True)
    (tmp_path / "pkg" / "__init__.py").write_text("")
    (tmp_path / "pkg" / "__pycache__" / "x.pyc").write_text("")
    (tmp_path / "one.py").write_text("")
    paths = [tmp_path / "pkg", str(tmp_path / "one.py")]
    model = save_directory(tmp_path / "m", write, Options(code_paths=paths), predict)
    assert names(tmp_path / "m" / "code") == ["one.py", "pkg/__init__.py"]
    assert model.flavors["own"]["code"] == model.pyfunc["code"] == "code"
    with pytest.raises(InvalidValue, match="nowhere"):
        save_directory(tmp_path / "n", write, Options(code_paths=["nowhere.py"]), predict)
    with pytest.raises(InvalidValue, match="list"):
        save_directory(tmp_path / "n", write, Options(code_paths=str(tmp_path / "one.py")), predict)


def test_a_module_that_nobody_distributes_is_warned_about(tmp_path: Path) -> None:
    def uses_mine(directory: Path) -> Parts:
        return Parts({PYFUNC: {}}, {"mine"})

    with pytest.warns(UserWarning, match="mine.*code_paths"):
        save_directory(tmp_path / "m", uses_mine, Options(), predict)
    (tmp_path / "mine.py").write_text("")
    save_directory(tmp_path / "n", uses_mine, Options(code_paths=[tmp_path / "mine.py"]), predict)


def test_what_is_no_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no MLmodel file"):
        read_model(tmp_path)
    model = save_directory(tmp_path / "m", write, Options(), predict)
    with pytest.raises(NotFound, match="it has: own, python_function"):
        flavor_settings(model, "sklearn", tmp_path)


@pytest.mark.parametrize("text", ["../outside", "/etc/passwd", "a/../../b", "link/file", "gone", None, 5, "a\0b"])
def test_files_that_mlmodel_names_lie_inside(tmp_path: Path, text: object) -> None:
    inside = tmp_path / "m"
    inside.mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("secret")
    (inside / "link").symlink_to(tmp_path / "outside")
    if text in (None, 5):
        assert file_inside(inside, text, "model file") == inside
    else:
        with pytest.raises(DataDamaged, match="model file"):
            file_inside(inside, text, "model file")
