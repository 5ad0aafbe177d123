"""Where projects are found, what is refused by name, and what an entry point is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from millstream.formats.command import fill_command, parse_command
from millstream.projects.source import open_source
from millstream.values.errors import MillstreamError, NotSupported, ProjectFailed


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "내 프로젝트 #1"
    folder.mkdir()
    (folder / "MLproject").write_text("name: p\nentry_points: {main: {command: python a.py}}", encoding="utf-8")
    return folder


def test_a_directory_however_it_is_written(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.parent)
    for uri in (str(project), project.name, f"./{project.name}/", f"'{project}'", project.as_uri(), f" {project} "):
        source = open_source(uri)
        assert (source.directory, source.spec.name) == (project, "p")


def test_a_directory_inside(project: Path) -> None:
    (project / "sub" / "one").mkdir(parents=True)
    plain = project.parent / "plain"
    project.rename(plain)
    assert open_source(f"{plain}#sub/one").directory == plain / "sub" / "one"
    assert open_source(f"{plain.as_uri()}#sub").directory == plain / "sub"
    with pytest.raises(MillstreamError, match="has an empty"):
        open_source(f"{plain}#../plain")


@pytest.mark.parametrize(
    "uri",
    [
        "https://github.com/mlflow/mlflow-example",
        "git@github.com:someone/project.git",
        "ssh://git@host/project.git#sub",
        "git+https://host/project",
    ],
)
def test_git_repositories_are_not_supported_yet(uri: str) -> None:
    with pytest.raises(NotSupported, match="clone it"):
        open_source(uri)


@pytest.mark.parametrize("uri", ["project.zip", "/tmp/project.ZIP", "https://host/project.zip#sub"])
def test_archives_are_not_supported_yet(uri: str) -> None:
    with pytest.raises(NotSupported, match="unpack it"):
        open_source(uri)


@pytest.mark.parametrize("uri", ["", "''", "no/such/dir", "s3://bucket/project", "/nowhere#sub", "x" * 9000, "a\0b"])
def test_what_is_no_directory_is_said(uri: str) -> None:
    with pytest.raises(MillstreamError):
        open_source(uri)


def test_a_file_is_not_a_project(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("", encoding="utf-8")
    with pytest.raises(ProjectFailed, match="--entry-point"):
        open_source(str(tmp_path / "train.py"))


def test_a_version_needs_git(project: Path) -> None:
    with pytest.raises(ProjectFailed, match="Git projects only"):
        open_source(str(project), "v1")
    subprocess.run(["git", "init", "-q", str(project)], check=True)
    with pytest.raises(NotSupported, match="checkout v1"):
        open_source(str(project), "v1")


@pytest.mark.parametrize("name", ["mlproject", "MLPROJECT", "MLProject"])
def test_the_file_name_in_any_case(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("name: found", encoding="utf-8")
    assert open_source(str(tmp_path)).spec.name == "found"


@pytest.mark.parametrize("content", [b"name: [", b"name: \xff", b"x" * 1_000_002, b"conda_env: nowhere.yaml"])
def test_a_bad_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "MLproject").write_bytes(content)
    with pytest.raises(ProjectFailed) as caught:
        open_source(str(tmp_path))
    assert str(tmp_path / "MLproject") in caught.value.message


def test_entry_points_by_name_then_by_file(project: Path) -> None:
    source = open_source(str(project))
    assert source.entry_point("main").command == "python a.py"
    for name in ("it's {a} $B.py", "-c.py", "run.sh"):
        (project / name).write_text("", encoding="utf-8")
        entry = source.entry_point(name)
        (invocation,) = fill_command(parse_command(entry.command, {}), {}, kinds={}, extras={}, environ={})
        program = "bash" if name.endswith(".sh") else "python"
        assert invocation.argv == (program, name if name[0] != "-" else f"./{name}")


@pytest.mark.parametrize("name", ["other", "gone.py", "notes.txt", "a.R"])
def test_an_unknown_entry_point_names_those_there_are(project: Path, name: str) -> None:
    with pytest.raises(ProjectFailed, match=r"\['main'\]") as caught:
        open_source(str(project)).entry_point(name)
    assert repr(name) in caught.value.message


@pytest.mark.parametrize("name", ["../outside.py", "/etc/x.py", "a/../../b.sh"])
def test_a_script_lies_in_the_project(project: Path, name: str) -> None:
    (project.parent / "outside.py").write_text("", encoding="utf-8")
    with pytest.raises(MillstreamError):
        open_source(str(project)).entry_point(name)


def test_a_directory_without_file_is_a_project(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("", encoding="utf-8")
    assert open_source(str(tmp_path)).entry_point("train.py").command == "python 'train.py'"
    with pytest.raises(ProjectFailed, match="'main'"):
        open_source(str(tmp_path)).entry_point("main")
