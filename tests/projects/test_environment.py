"""The one environment there is, what it says of others, and what a child process gets."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from millstream.formats.command import Invocation
from millstream.formats.mlproject import DockerEnvironment, EnvironmentSpec
from millstream.projects.environment import check_environment, child_environ, with_program
from millstream.values.errors import MillstreamError, NotSupported, ProjectFailed

DECLARED = [
    EnvironmentSpec("conda_env", "conda.yaml"),
    EnvironmentSpec("python_env", "python_env.yaml"),
    EnvironmentSpec("docker_env", docker=DockerEnvironment("image:1")),
]


@pytest.mark.parametrize("spec", DECLARED)
@pytest.mark.parametrize("use_conda", [None, True])
def test_a_declared_environment_needs_a_word(spec: EnvironmentSpec, use_conda: bool | None) -> None:
    with pytest.raises(ProjectFailed) as caught:
        check_environment(spec, None, use_conda)
    for part in (spec.key, spec.file or "image:1", "--no-conda", "--env-manager local"):
        assert part in caught.value.message


@pytest.mark.parametrize("spec", [None, *DECLARED])
def test_local_by_either_word(spec: EnvironmentSpec | None) -> None:
    check_environment(spec, "local", None)
    check_environment(spec, "local", True)
    check_environment(spec, None, False)


def test_without_a_declared_environment_no_word_is_needed() -> None:
    check_environment(None, None, None)
    check_environment(None, None, True)


@pytest.mark.parametrize("manager", ["conda", "virtualenv", "uv"])
def test_other_managers_are_for_later(manager: str) -> None:
    for spec in (None, DECLARED[0]):
        with pytest.raises(NotSupported, match="--env-manager local"):
            check_environment(spec, manager, None)


def test_an_unknown_manager() -> None:
    with pytest.raises(MillstreamError, match="'pixie'"):
        check_environment(None, "pixie", None)


def test_the_child_gets_its_run_and_this_python() -> None:
    base = {
        "PATH": "/a:/b", "KEEP": "x", "MLFLOW_EXPERIMENT_NAME": "n", "MILLSTREAM_RUN_ID": "r", "MLFLOW_RUN_ID": "q",
        "MILLSTREAM_TRACKING_URI": "/t", "MILLSTREAM_INDEX_DIR": "/i",
    }  # fmt: skip
    assert child_environ(base, "run", "file:///x", "7") == {
        "PATH": f"{os.path.dirname(sys.executable)}:/a:/b", "KEEP": "x", "MILLSTREAM_INDEX_DIR": "/i",
        "MLFLOW_RUN_ID": "run", "MLFLOW_TRACKING_URI": "file:///x", "MLFLOW_EXPERIMENT_ID": "7",
    }  # fmt: skip


def test_programs(tmp_path: Path) -> None:
    (tmp_path / "tool").write_text("", encoding="utf-8")
    (tmp_path / "data").write_text("", encoding="utf-8")
    (tmp_path / "tool").chmod(0o755)
    environ = {"PATH": os.environ["PATH"]}
    for name in ("python", "python3"):
        found = with_program(Invocation((name, "a.py")), tmp_path, environ, required=True)
        assert found.argv == (sys.executable, "a.py")
    for program in ("ls", "./tool", str(tmp_path / "tool")):
        assert with_program(Invocation((program,)), tmp_path, environ, required=True).argv == (program,)
    for program in ("no-such-program", "./data", "./gone", "", str(tmp_path)):
        with pytest.raises(ProjectFailed, match="was not found"):
            with_program(Invocation((program,)), tmp_path, environ, required=True)
        with_program(Invocation((program,)), tmp_path, environ, required=False)
    with pytest.raises(ProjectFailed, match="no such directory"):
        with_program(Invocation(("ls",), {}, "gone"), tmp_path, environ, required=True)
    own = Invocation(("tool",), {"PATH": str(tmp_path)})
    assert with_program(own, tmp_path, environ, required=True) == own
