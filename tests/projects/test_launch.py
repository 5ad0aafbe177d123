"""`projects.run`: a project becomes a run with the right status, params and tags, or no run at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import millstream
from millstream.entities import ViewType
from millstream.exceptions import ExecutionException, MlflowException
from millstream.projects import RunFailed, SubmittedRun, run
from millstream.tracking.client import MlflowClient
from millstream.values.errors import NotFound, NotSupported, ProjectFailed
from tests.projects.test_process import PARENT, is_running, wait_for

MLPROJECT = """
name: small
entry_points:
  main:
    parameters:
      lr: {type: float, default: 0.1}
      n: {type: int, default: 3}
    command: |
      python main.py \\
        --lr {lr} \\
        -n '{n}'
  needs:
    parameters: {f: path, g: float}
    command: "python main.py {f} {g}"
  fails: {command: python fails.py}
  gone: {command: no-such-program}
  late: {command: python main.py && no-such-program}
  sleeps: {command: python sleeps.py polite}
"""
MAIN = """
import json, os, sys
import millstream
with millstream.start_run() as run:
    millstream.log_metric("loss", 0.5)
    millstream.log_text(json.dumps([sys.argv[1:], sys.executable, os.getcwd(), run.info.run_id]), "seen.json")
"""
# Ends its run as a success and then fails after all.
FAILS = "import sys, millstream\nwith millstream.start_run(): pass\nsys.exit(3)"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "my project"
    folder.mkdir()
    for name, text in {"MLproject": MLPROJECT, "main.py": MAIN, "fails.py": FAILS, "sleeps.py": PARENT}.items():
        (folder / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    yield folder
    millstream.set_tracking_uri("")


def runs() -> list:
    experiments = [found.experiment_id for found in MlflowClient().search_experiments()]
    return list(MlflowClient().search_runs(experiments, run_view_type=ViewType.ALL))


def test_a_run_with_everything_noted(project: Path) -> None:
    submitted = run(str(project), parameters={"lr": 0.25, "extra key": "a b; $(touch x)"}, run_name="이름")
    assert isinstance(submitted, SubmittedRun)
    assert submitted.wait()
    assert submitted.get_status() == "FINISHED"
    found = millstream.get_run(submitted.run_id)
    assert found.data.params == {"lr": "0.25", "n": "3", "extra key": "a b; $(touch x)"}
    assert found.data.metrics == {"loss": 0.5}
    assert found.info.run_name == "이름"
    assert found.info.end_time is not None
    tags = {
        "mlflow.source.name": str(project),
        "mlflow.source.type": "PROJECT",
        "mlflow.project.entryPoint": "main",
        "mlflow.project.backend": "local",
        "mlflow.runName": "이름",
    }
    assert tags.items() <= found.data.tags.items()
    seen = millstream.artifacts.load_dict(f"runs:/{submitted.run_id}/seen.json")
    argv = ["--lr", "0.25", "-n", "3", "--extra key", "a b; $(touch x)"]
    assert seen == [argv, sys.executable, str(project), submitted.run_id]
    assert sorted(path.name for path in project.iterdir()) == ["MLproject", "fails.py", "main.py", "sleeps.py"]
    assert not (project / "mlruns").exists()


def test_git_is_noted(project: Path) -> None:
    git = ["git", "-C", str(project), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "init", "-q", "-b", "trunk", str(project)], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
    subprocess.run([*git, "remote", "add", "origin", "https://me:secret@host/p.git"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    tags = millstream.get_run(run(str(project)).run_id).data.tags
    assert tags["mlflow.source.git.commit"] == commit
    assert tags["mlflow.source.git.branch"] == "trunk"
    assert tags["mlflow.source.git.repoURL"] == "https://host/p.git"


def test_the_exit_code_decides(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunFailed) as caught:
        run(str(project), "fails")
    assert isinstance(caught.value, ExecutionException)
    assert caught.value.message == f"Run (ID '{caught.value.run_id}') failed"
    assert millstream.get_run(caught.value.run_id).info.status == "FAILED"
    assert "exit code 3" in capfd.readouterr().err


def test_what_cannot_start_late_leaves_a_failed_run(project: Path) -> None:
    with pytest.raises(ProjectFailed, match="could not be started"):
        run(str(project), "late")
    assert [found.info.status for found in runs()] == ["FAILED"]


BAD = [
    ({"entry_point": "other"}, "['main', 'needs'"),
    ({"entry_point": "needs"}, "No value given for missing parameters: 'f', 'g'"),
    ({"entry_point": "needs", "parameters": {"f": "nowhere", "g": 1}}, "'nowhere'"),
    ({"entry_point": "gone"}, "no-such-program"),
    ({"parameters": {"lr": "abc"}}, "'lr' must be a float; got 'abc'"),
    ({"experiment_id": "77"}, "'77'"),
    ({"experiment_id": "../x"}, "'../x'"),
    ({"experiment_name": " "}, "name"),
    ({"experiment_name": "a", "experiment_id": "0"}, "twice"),
    ({"run_id": "0" * 32}, "0" * 32),
    ({"backend": "kubernetes"}, "kubernetes"),
    ({"backend_config": {"a": 1}}, "no configuration"),
    ({"docker_args": {"a": "b"}}, "Docker"),
    ({"build_image": True}, "Docker"),
    ({"env_manager": "conda"}, "--env-manager local"),
    ({"version": "v1"}, "Git projects only"),
]


@pytest.mark.parametrize(("arguments", "said"), BAD, ids=[said for _, said in BAD])
def test_nothing_is_made_when_something_is_wrong(project: Path, arguments: dict, said: str) -> None:
    with pytest.raises(MlflowException) as caught:
        run(str(project), **arguments)
    assert said in caught.value.message
    assert "\n" not in caught.value.message
    assert not list(Path.cwd().rglob("mlruns/*/*/meta.yaml"))


def test_a_command_that_cannot_be_makes_no_experiment(project: Path) -> None:
    with pytest.raises(ProjectFailed):
        run(str(project), "gone", experiment_name="new")
    assert MlflowClient().get_experiment_by_name("new") is None


def test_experiments_by_name_and_id(project: Path) -> None:
    first = run(str(project), experiment_name="new one")
    experiment = MlflowClient().get_experiment_by_name("new one")
    assert experiment is not None
    second = run(str(project), experiment_name="new one")
    third = run(str(project), experiment_id=int(experiment.experiment_id))
    for submitted in (first, second, third):
        assert millstream.get_run(submitted.run_id).info.experiment_id == experiment.experiment_id
    MlflowClient().delete_experiment(experiment.experiment_id)
    for arguments in ({"experiment_id": experiment.experiment_id}, {"experiment_name": "new one"}):
        with pytest.raises(MlflowException, match="deleted"):
            run(str(project), **arguments)
    assert run(str(project)).wait()


def test_the_environment_names_the_experiment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from outside")
    found = millstream.get_run(run(str(project)).run_id)
    assert MlflowClient().get_experiment(found.info.experiment_id).name == "from outside"


def test_a_run_is_continued(project: Path) -> None:
    client = MlflowClient()
    prepared = client.create_run(client.create_experiment("x"), tags={"keep": "1"})
    client.log_param(prepared.info.run_id, "lr", "0.25")
    with pytest.raises(ProjectFailed, match="cannot change"):
        run(str(project), run_id=prepared.info.run_id)
    with pytest.raises(ProjectFailed, match="belongs to experiment"):
        run(str(project), run_id=prepared.info.run_id, experiment_id="0", parameters={"lr": "0.25"})
    submitted = run(str(project), run_id=prepared.info.run_id, parameters={"lr": "0.25"})
    found = client.get_run(submitted.run_id)
    assert submitted.run_id == prepared.info.run_id
    assert (found.info.status, found.data.params) == ("FINISHED", {"lr": "0.25", "n": "3"})
    assert {"keep": "1", "mlflow.source.type": "PROJECT"}.items() <= found.data.tags.items()
    client.delete_run(submitted.run_id)
    with pytest.raises(MlflowException, match="deleted"):
        run(str(project), run_id=submitted.run_id)


def test_inside_a_run_it_is_a_child(project: Path) -> None:
    with millstream.start_run() as parent:
        child = run(str(project))
    assert millstream.get_run(child.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert millstream.get_run(parent.info.run_id).data.metrics == {}


def test_a_relative_store_means_the_same_place_to_the_child(project: Path) -> None:
    millstream.set_tracking_uri("kept/here")
    submitted = run(str(project))
    assert (Path.cwd() / "kept" / "here" / "0" / submitted.run_id / "metrics" / "loss").is_file()


def test_declared_environments_and_use_conda(project: Path) -> None:
    (project / "conda.yaml").write_text("name: x", encoding="utf-8")
    (project / "MLproject").write_text(f"conda_env: conda.yaml\n{textwrap.dedent(MLPROJECT)}", encoding="utf-8")
    for use_conda in (None, True):
        with pytest.raises(ProjectFailed, match="--no-conda"):
            run(str(project), use_conda=use_conda)
    assert run(str(project), use_conda=False).wait()
    assert run(str(project), env_manager="local").wait()


def test_a_script_without_an_mlproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.sh").write_text('python -c "import sys; print(sys.executable)" > "$2"', encoding="utf-8")
    assert run(".", "one.sh", parameters={"out": "it is here"}).wait()
    assert (tmp_path / "it is here").read_text(encoding="utf-8").strip() == sys.executable


def test_without_waiting(project: Path) -> None:
    started = run(str(project), synchronous=False)
    assert started.get_status() in ("RUNNING", "FINISHED")
    assert started.wait()
    assert millstream.get_run(started.run_id).data.metrics == {"loss": 0.5}
    failed = run(str(project), "fails", synchronous=False)
    assert not failed.wait()
    assert failed.get_status() == "FAILED"
    late = run(str(project), "late", synchronous=False)
    assert not late.wait()
    assert late.get_status() == "FAILED"


def test_cancel(project: Path) -> None:
    started = run(str(project), "sleeps", synchronous=False)
    wait_for((project / "pids").exists)
    started.cancel()
    assert started.get_status() == "KILLED"
    assert not any(is_running(int(pid)) for pid in (project / "pids").read_text(encoding="utf-8").split())
    started.cancel()
    assert not started.wait()


def test_a_run_whose_supervisor_was_killed_is_not_left_running(project: Path) -> None:
    started = run(str(project), "sleeps", synchronous=False)
    wait_for((project / "pids").exists)
    supervisor = started._supervisor
    assert supervisor is not None
    supervisor.kill()
    assert not started.wait()
    assert started.get_status() == "FAILED"
    os.killpg(int((project / "pids").read_text(encoding="utf-8").split()[0]), signal.SIGKILL)


def test_a_store_that_fails_on_the_way_leaves_no_running_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object, **_named: object) -> None:
        raise NotSupported("no params today")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_batch", refuse)
        with pytest.raises(NotSupported):
            run(str(project))
    assert [found.info.status for found in runs()] == ["FAILED"]


def test_no_such_run_is_not_found(project: Path) -> None:
    with pytest.raises(NotFound):
        run(str(project), run_id="f" * 32)
