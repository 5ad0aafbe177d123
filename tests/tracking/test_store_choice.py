"""Which store is used, and what a run says of where it comes from."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

import millstream
from millstream.stores.found import find_store
from millstream.tracking import context
from millstream.values.errors import InvalidValue, MillstreamError, NotSupported
from tests.tracking.conftest import Script


def test_the_store_is_found_upward_from_the_working_directory(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with millstream.start_run() as run:
        pass
    below = here / "노트북" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert millstream.get_tracking_uri() == (here / "mlruns").as_uri()
    assert millstream.get_run(run.info.run_id).info.run_id == run.info.run_id
    with millstream.start_run():
        pass
    assert not (below / "mlruns").exists()
    (below / "mlruns").mkdir()
    (below / "mlruns" / "notes.txt").write_text("not a tree")
    assert find_store().path == here / "mlruns"
    (below / "mlruns" / "notes.txt").unlink()
    assert find_store().path == below / "mlruns"
    monkeypatch.chdir(here / "mlruns" / "0")
    assert find_store().path == here / "mlruns"


def test_a_new_tree_is_made_in_the_working_directory(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "mlruns").rmdir()
    found = find_store(start=Path("/"))
    assert found.path == Path("/mlruns") or found.path.is_dir()
    if find_store().path != here / "mlruns":
        pytest.skip("there is an mlruns directory above the temporary one")
    with millstream.start_run():
        pass
    assert (here / "mlruns" / "0" / "meta.yaml").is_file()


def test_a_named_store_comes_first(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert millstream.is_tracking_uri_set() is False
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "by environment"))
    assert millstream.is_tracking_uri_set() is True
    with millstream.start_run():
        pass
    assert (tmp_path / "by environment" / "0").is_dir()
    for uri in (tmp_path / "a b", str(tmp_path / "둘"), (tmp_path / "셋 %20").as_uri(), "relative/dir"):
        millstream.set_tracking_uri(uri)
        assert millstream.get_tracking_uri() == os.fspath(uri) == os.environ["MLFLOW_TRACKING_URI"]
        with millstream.start_run():
            pass
    for name in ("a b", "둘", "셋 %20"):
        assert (tmp_path / name / "0").is_dir()
    assert (here / "relative/dir/0").is_dir()
    millstream.set_tracking_uri("")
    assert millstream.is_tracking_uri_set() is False
    assert not any((here / "mlruns").iterdir())


@pytest.mark.parametrize("uri", ["mysql://h/d", "mssql://h/d"])
def test_what_is_not_supported_yet_says_so(uri: str) -> None:
    millstream.set_tracking_uri(uri)
    with pytest.raises(NotSupported):
        millstream.start_run()


def test_what_is_no_uri_says_so() -> None:
    for uri in ("nonsense://x", "file://host/x", "file:///x?y=1", "/a/../b"):
        millstream.set_tracking_uri(uri)
        with pytest.raises(InvalidValue):
            millstream.start_run()


def test_tags_that_come_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "지민")
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", json.dumps({"작업": "17", "n": 3, "mlflow.source.type": "JOB"}))
    with millstream.start_run(tags={"n": "mine"}) as run:
        pass
    tags = millstream.get_run(run.info.run_id).data.tags
    assert tags["mlflow.user"] == run.info.user_id == "지민"
    assert (tags["mlflow.source.name"], tags["mlflow.source.type"]) == ("train.py", "JOB")
    assert (tags["작업"], tags["n"]) == ("17", "mine")
    for wrong in ("{", "[1]", '"x"'):
        monkeypatch.setenv("MLFLOW_RUN_CONTEXT", wrong)
        with pytest.raises(InvalidValue, match="MLFLOW_RUN_CONTEXT"):
            millstream.start_run()
    monkeypatch.setenv("MLFLOW_RUN_CONTEXT", json.dumps({"../x": "1"}))
    with pytest.raises(MillstreamError):
        millstream.start_run()
    assert millstream.active_run() is None


def git(folder: Path, *arguments: str) -> str:
    settings = [
        "-c",
        "user.name=n",
        "-c",
        "user.email=e@x",
        "-c",
        "init.defaultBranch=main",
        "-c",
        "commit.gpgsign=false",
    ]
    done = subprocess.run(["git", "-C", str(folder), *settings, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_script_in_a_git_work_tree_names_commit_branch_and_repository(here: Path, script: Script) -> None:
    git(here, "init", "-q")
    program = "import millstream\nwith millstream.start_run(): pass\n"
    assert script(program).returncode == 0
    git(here, "add", "train.py")
    git(here, "commit", "-q", "-m", "x")
    git(here, "checkout", "-q", "-b", "가지/하나")
    git(here, "remote", "add", "origin", "https://user:secret@example.com/repo.git")
    assert script(program).returncode == 0
    git(here, "checkout", "-q", "--detach")
    assert script(program).returncode == 0
    detached, named, empty = (run.data.tags for run in millstream.search_runs(["0"], output_format="list"))
    commit = git(here, "rev-parse", "HEAD")
    assert named["mlflow.source.git.commit"] == detached["mlflow.source.git.commit"] == commit
    assert named["mlflow.source.git.branch"] == "가지/하나"
    assert "mlflow.source.git.branch" not in detached
    assert named["mlflow.source.git.repoURL"] == "https://example.com/repo.git"
    assert "mlflow.source.git.commit" not in empty
    assert named["mlflow.source.name"] == "train.py"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://u:p@h/x", "https://h/x"),
        ("http://token@h:80/x", "http://h:80/x"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("ssh://git@h/x", "ssh://git@h/x"),
        ("/local/repo", "/local/repo"),
        ("", ""),
    ],
)
def test_no_password_gets_into_a_tag(url: str, kept: str) -> None:
    assert context.without_password(url) == kept


def test_a_missing_git_is_no_error(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / ".git").mkdir()
    monkeypatch.setenv("PATH", "")
    context._git_facts.cache_clear()
    with millstream.start_run() as run:
        pass
    assert "mlflow.source.git.commit" not in run.data.tags
