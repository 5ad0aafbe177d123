"""Parameters: complete, typed and storable before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import millstream
from millstream.formats.mlproject import EntryPoint, ParameterSpec
from millstream.projects.parameters import Arguments, resolve_parameters
from millstream.values.errors import MillstreamError, ProjectFailed
from millstream.values.names import MAX_PARAM_VALUE


def resolve(
    kind: str, value: object = None, default: str | None = None, project: Path = Path("/"), **extra: object
) -> Arguments:
    entry = EntryPoint("main", "x", (ParameterSpec("p", kind, default),))
    return resolve_parameters(entry, {"p": value, **extra}, project)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "64"), ("int", "-3"), ("int", "+007"), ("int", 5), ("integer", "1"), ("long", "9" * 30),
        ("float", "0.1"), ("float", "1e-5"), ("float", "-.5"), ("float", "3."), ("float", "nan"), ("float", "-inf"),
        ("float", 0.25), ("double", "1"), ("bool", "True"), ("bool", "false"), ("boolean", "0"), ("bool", True),
        ("string", ""), ("string", "a b; c"), ("Float", "1"), ("whatever", "any text"), ("uri", "s3://b/k"),
        ("uri", "file:/x"), ("uri", "runs:/a/b"),
    ],
)  # fmt: skip
def test_good_values_go_on_as_they_were_written(kind: str, value: object) -> None:
    arguments = resolve(kind, value)
    assert arguments.values == arguments.logged == {"p": str(value)}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", "1.0"), ("int", "abc"), ("int", ""), ("int", "1_000"), ("int", " 1"), ("int", "1\n"), ("int", "٣"),
        ("int", "1e3"), ("float", "abc"), ("float", "1,5"), ("float", ""), ("float", "1_0"), ("float", "0x1p3"),
        ("float", "1 "), ("bool", "maybe"), ("bool", ""), ("uri", "no-scheme"), ("uri", ""), ("uri", "//host/x"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_parameter_and_type(kind: str, value: str) -> None:
    with pytest.raises(ProjectFailed) as caught:
        resolve(kind, value)
    for part in ("'p'", kind, repr(value)):
        assert part in caught.value.message


def test_a_wrong_default_is_said_to_be_one() -> None:
    with pytest.raises(ProjectFailed, match="its default"):
        resolve("int", default="many")


def test_what_is_missing_is_listed() -> None:
    entry = EntryPoint("main", "x", (ParameterSpec("f"), ParameterSpec("g", "float", "1"), ParameterSpec("h", "path")))
    with pytest.raises(ProjectFailed) as caught:
        resolve_parameters(entry, {"h": None}, Path("/"))
    assert caught.value.message == "No value given for missing parameters: 'f', 'h'"
    with pytest.raises(ProjectFailed, match=r"'f'$"):
        resolve_parameters(entry, {"h": "/"}, Path("/"))


def test_extras_are_apart_and_logged() -> None:
    arguments = resolve("int", 1, more="a b", other=Path("/x"))
    assert arguments.values == {"p": "1"}
    assert arguments.extras == {"more": "a b", "other": "/x"}
    assert arguments.logged == {"p": "1", "more": "a b", "other": "/x"}


def test_paths_become_absolute_and_are_logged_as_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, here = tmp_path / "project", tmp_path / "여기 where I am"
    for folder in (project, here):
        folder.mkdir()
    (here / "data.csv").write_text("", encoding="utf-8")
    (project / "own.csv").write_text("", encoding="utf-8")
    monkeypatch.chdir(here)
    given = resolve("path", "data.csv", project=project)
    assert (given.values["p"], given.logged["p"]) == (str(here / "data.csv"), "data.csv")
    assert resolve("path", here.as_uri(), project=project).values["p"] == str(here)
    assert resolve("path", default="own.csv", project=project).values["p"] == str(project / "own.csv")
    assert resolve("path", default="data.csv", project=project).values["p"] == str(here / "data.csv")
    for value in ("own.csv", "", "gone"):
        with pytest.raises(ProjectFailed, match="no such file or directory"):
            resolve("path", value, project=project)


def test_a_remote_path_is_brought_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with millstream.start_run() as run:
        millstream.log_text("x", "data/a.txt")
    entry = EntryPoint("main", "x", (ParameterSpec("p", "path"),))
    uri = f"runs:/{run.info.run_id}/data/a.txt"
    arguments = resolve_parameters(entry, {"p": uri}, tmp_path, str(tmp_path / "store"))
    assert Path(arguments.values["p"]).read_text(encoding="utf-8") == "x"
    assert Path(arguments.values["p"]).is_relative_to(tmp_path / "store")
    assert arguments.logged["p"] == uri
    with pytest.raises(ProjectFailed, match="could not be fetched"):
        resolve("path", "gopher://host/x")


@pytest.mark.parametrize("value", ["x" * (MAX_PARAM_VALUE + 1), "a\0b", "\ud800"], ids=["long", "nul", "surrogate"])
def test_what_a_run_could_not_keep_is_refused(value: str) -> None:
    for values in ({"p": value}, {"p": "1", "extra": value}):
        with pytest.raises(ProjectFailed):
            resolve_parameters(EntryPoint("main", "x", (ParameterSpec("p"),)), values, Path("/"))


@pytest.mark.parametrize("name", ["a\nb", "../x", "", "k" * 251])
def test_a_name_that_a_run_could_not_keep_is_refused(name: str) -> None:
    with pytest.raises(MillstreamError):
        resolve_parameters(EntryPoint("main", "x"), {name: "1"}, Path("/"))


@given(st.integers())
def test_every_int_is_an_int(value: int) -> None:
    assert resolve("int", value).values == {"p": str(value)}


@given(st.floats())
def test_every_float_is_a_float(value: float) -> None:
    assert resolve("float", value).values == {"p": str(value)}


@given(st.text(max_size=20))
def test_a_text_that_passes_as_a_number_reads_as_one(value: str) -> None:
    for kind, read in (("int", int), ("float", float)):
        try:
            passed = resolve(kind, value).values["p"]
        except ProjectFailed:
            continue
        read(passed)
