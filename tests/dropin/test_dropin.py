"""The drop-in: `mlflow` is Millstream, object for object, and never beside the real MLflow."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DROPIN = ROOT / "dropin" / "src"


def python(*arguments: str, cwd: Path, path: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (DROPIN, *path)))}
    return subprocess.run(
        [sys.executable, *arguments], cwd=cwd, env=environ, capture_output=True, text=True, check=False
    )


def evaluate(code: str, cwd: Path) -> object:
    """What the program prints as JSON."""
    done = python("-c", textwrap.dedent(code), cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_every_public_name_is_the_same_object(tmp_path: Path) -> None:
    code = """
        import json, mlflow, millstream
        print(json.dumps([x for x in millstream.__all__ if getattr(mlflow, x) is not getattr(millstream, x)]))
    """
    assert evaluate(code, tmp_path) == []


@pytest.mark.parametrize(
    "name", ["artifacts", "entities", "exceptions", "models", "projects", "pyfunc", "pytorch", "sklearn", "tracking",
             "tracking.client", "tracking.fluent"],
)  # fmt: skip
def test_every_module_is_the_same_module(tmp_path: Path, name: str) -> None:
    code = f"""
        import importlib, json, sys, mlflow.{name}
        there = importlib.import_module("millstream.{name}")
        print(json.dumps([sys.modules["mlflow.{name}"] is there, mlflow.{name} is there,
                          there.__name__, there.__spec__.name, importlib.import_module("mlflow.{name}") is there]))
    """
    own = f"millstream.{name}"
    assert evaluate(code, tmp_path) == [True, True, own, own, True]


def test_the_ways_code_imports_mlflow(tmp_path: Path) -> None:
    code = """
        import json, pickle
        import mlflow.tracking as tracking
        import mlflow
        from mlflow import MlflowClient, log_metric, projects
        from mlflow.entities import Metric, RunStatus, ViewType
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient as Client
        import millstream
        star = {}
        exec("from mlflow import *", star)
        metric = Metric("a", 1.0, 2, 3)
        named = pickle.dumps(metric, protocol=0).replace(b"millstream.values.entities", b"mlflow.entities")
        print(json.dumps([
            Client is MlflowClient, log_metric is millstream.log_metric, projects.run is mlflow.run,
            star["start_run"] is millstream.start_run, issubclass(MlflowException, Exception), ViewType.ALL,
            mlflow.__version__ == millstream.__version__, "log_metric" in dir(mlflow),
            pickle.loads(named) == metric,
        ]))
    """
    assert evaluate(code, tmp_path) == [True, True, True, True, True, 3, True, True, True]


@pytest.mark.parametrize(
    ("code", "kind", "said"),
    [
        ("import mlflow.gluon", "ModuleNotFoundError", "No module named 'mlflow.gluon'"),
        ("from mlflow.tracking import nonsense", "ImportError", "nonsense"),
        ("import mlflow.tracking.nonsense", "ModuleNotFoundError", "no 'millstream.tracking.nonsense'"),
        ("import mlflow; mlflow.gluon", "AttributeError", "no attribute 'gluon'"),
        ("import mlflow; mlflow.__wrapped__", "AttributeError", "no attribute '__wrapped__'"),
    ],
)
def test_what_millstream_lacks_is_an_ordinary_error(tmp_path: Path, code: str, kind: str, said: str) -> None:
    done = python("-c", code, cwd=tmp_path)
    last = done.stderr.strip().splitlines()[-1]
    assert (done.returncode, last.partition(":")[0]) == (1, kind)
    assert said in last


def test_it_costs_nothing_but_itself(tmp_path: Path) -> None:
    code = """
        import json, sys, millstream
        before = set(sys.modules)
        import mlflow
        print(json.dumps(sorted(set(sys.modules) - before - set(sys.stdlib_module_names))))
    """
    more = evaluate(code, tmp_path)
    assert set(more) <= {"mlflow", "millstream_mlflow", "importlib.machinery"}


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("mlflow-3.17.2.dist-info", "mlflow 3.17.2"),
        ("mlflow_skinny-2.22.5.dist-info", "mlflow-skinny 2.22.5"),
        ("MLflow-1.30.1-py3.11.egg-info", "mlflow 1.30.1"),
        ("mlflow_tracing-3.1.0.dist-info", "mlflow-tracing 3.1.0"),
    ],
)
def test_beside_the_real_mlflow_it_refuses(tmp_path: Path, folder: str, name: str) -> None:
    (tmp_path / "site" / folder).mkdir(parents=True)
    for arguments in (["-c", "import mlflow"], ["-c", "import mlflow.tracking"], ["-m", "mlflow", "--version"]):
        done = python(*arguments, cwd=tmp_path, path=(tmp_path / "site",))
        assert done.returncode == 1
        last = done.stderr.strip().splitlines()[-1]
        for part in ("ImportError", name, "millstream-mlflow", "pip uninstall", "import millstream"):
            assert part in last
    command = "import millstream_mlflow, sys; sys.exit(millstream_mlflow.main())"
    done = python("-c", command, cwd=tmp_path, path=(tmp_path / "site",))
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("Error: ")
    assert python("-c", "import millstream", cwd=tmp_path, path=(tmp_path / "site",)).returncode == 0


@pytest.mark.parametrize("folder", ["mlflow_extras-1.0.dist-info", "millstream_mlflow-0.1.0.dist-info", "mlflow-plans"])
def test_other_distributions_are_no_reason(tmp_path: Path, folder: str) -> None:
    (tmp_path / "site" / folder).mkdir(parents=True)
    done = python("-c", "import mlflow.tracking", cwd=tmp_path, path=(tmp_path / "site",))
    assert done.returncode == 0, done.stderr


def test_the_command_is_millstreams(tmp_path: Path) -> None:
    done = python("-m", "mlflow", "--version", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("millstream, version ")
    assert python("-m", "mlflow", "nonsense", cwd=tmp_path).returncode == 2


def test_its_metadata_fits() -> None:
    project = tomllib.loads((ROOT / "dropin" / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    main = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["dependencies"] == [f"millstream=={main['version']}"]
    assert project["version"] == main["version"]
    assert project["requires-python"] == main["requires-python"]
    assert project["scripts"] == {"mlflow": "millstream_mlflow:main"}
