"""The environment files of a model."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
import yaml

from millstream.models.environment import environment_files
from millstream.values.errors import InvalidValue


def test_inferred_requirements_stand_in_all_three_files() -> None:
    files = environment_files(["numpy==2.0", "torch==2.13.0+cpu"])
    assert set(files) == {"conda.yaml", "python_env.yaml", "requirements.txt"}
    assert files["requirements.txt"] == "numpy==2.0\ntorch==2.13.0+cpu\n"
    conda = yaml.safe_load(files["conda.yaml"])
    assert conda["name"] == "mlflow-env"
    assert conda["channels"] == ["conda-forge"]
    assert conda["dependencies"][0] == f"python={platform.python_version()}"
    assert conda["dependencies"][-1] == {"pip": ["numpy==2.0", "torch==2.13.0+cpu"]}
    virtual = yaml.safe_load(files["python_env.yaml"])
    assert virtual["python"] == platform.python_version()
    assert virtual["dependencies"] == ["-r requirements.txt"]
    assert isinstance(virtual["build_dependencies"], list)


def test_what_the_caller_gives_wins(tmp_path: Path) -> None:
    given = tmp_path / "요구 사항.txt"
    given.write_text("# comment\n\nscikit-learn==1.6\n", "utf-8")
    assert environment_files(["numpy==2.0"], None, given)["requirements.txt"] == "scikit-learn==1.6\n"
    assert environment_files(["numpy==2.0"], None, ["a"], ["b", "a"])["requirements.txt"] == "a\nb\n"
    assert environment_files(["numpy==2.0"], None, None, ["b"])["requirements.txt"] == "numpy==2.0\nb\n"


def test_a_conda_environment_is_kept_as_given(tmp_path: Path) -> None:
    conda = {"name": "mine", "dependencies": ["python=3.11", {"pip": ["torch==1.4.0"]}]}
    path = tmp_path / "env.yaml"
    path.write_text(yaml.safe_dump(conda), "utf-8")
    for given in (conda, path, str(path)):
        files = environment_files(["numpy==2.0"], given)
        assert yaml.safe_load(files["conda.yaml"]) == conda
        assert files["requirements.txt"] == "torch==1.4.0\n"


def test_contradictions_and_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="not both"):
        environment_files([], {"name": "x"}, ["a"])
    with pytest.raises(InvalidValue, match="nowhere"):
        environment_files([], tmp_path / "nowhere.yaml")
    with pytest.raises(InvalidValue, match="nowhere"):
        environment_files([], None, str(tmp_path / "nowhere.txt"))
