"""MlflowClient's verbs, and runs as a frame or a list."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas
import pytest

import millstream
from millstream.entities import Metric, Param, RunTag, ViewType
from millstream.tracking.client import MlflowClient
from millstream.values.errors import InvalidValue, MissingDependency, NotFound


@pytest.fixture
def client(here: Path) -> MlflowClient:
    return MlflowClient()


def test_the_life_of_a_run(client: MlflowClient, tmp_path: Path) -> None:
    made = client.create_experiment("실험", tags={"k": "v"})
    run = client.create_run(made, start_time=5, tags={"a": 1}, run_name="이름")
    run_id = run.info.run_id
    assert (run.info.status, run.info.start_time, run.info.run_name) == ("RUNNING", 5, "이름")
    client.log_metric(run_id, "m", 1, timestamp=7, step=3)
    assert client.log_param(run_id, "p", 1) == 1
    client.set_tag(run_id, "t", 1)
    client.log_batch(run_id, [Metric("m", 2.0, 8, 4)], [Param("q", "x")], [RunTag("u", "y")])
    client.log_batch(run_id, metrics=[Metric("many", float(step), 1, step) for step in range(3000)])
    assert [point.value for point in client.get_metric_history(run_id, "m")] == [1.0, 2.0]
    assert len(client.get_metric_history(run_id, "many")) == 3000
    client.delete_tag(run_id, "t")
    client.update_run(run_id, name="새 이름")
    client.update_run(run_id, status="SCHEDULED")
    found = client.get_run(run_id)
    assert (found.info.run_name, found.info.status) == ("새 이름", "SCHEDULED")
    assert (found.data.params, found.data.metrics["m"]) == ({"p": "1", "q": "x"}, 2.0)
    assert {key: value for key, value in found.data.tags.items() if "." not in key} == {"a": "1", "u": "y"}
    client.set_terminated(run_id)
    assert client.get_run(run_id).info.status == "FINISHED"
    client.set_terminated(run_id, "FAILED", 99)
    client.set_terminated(run_id, 5, 99)
    assert (client.get_run(run_id).info.status, client.get_run(run_id).info.end_time) == ("KILLED", 99)
    client.delete_run(run_id)
    assert client.search_runs([made]) == []
    assert len(client.search_runs([made], run_view_type=ViewType.DELETED_ONLY)) == 1
    client.restore_run(run_id)
    assert len(client.search_runs([made])) == 1
    child = client.create_run(made, tags={"mlflow.parentRunId": run_id})
    parent = client.get_parent_run(child.info.run_id)
    assert parent is not None
    assert parent.info.run_id == run_id
    assert client.get_parent_run(run_id) is None
    (tmp_path / "f.txt").write_text("f")
    client.log_artifact(run_id, tmp_path / "f.txt", "dir")
    client.log_text(run_id, "x", "a.txt")
    client.log_dict(run_id, {"a": 1}, "a.json")
    assert [file.path for file in client.list_artifacts(run_id)] == ["a.json", "a.txt", "dir"]
    assert [file.path for file in client.list_artifacts(run_id, "dir")] == ["dir/f.txt"]
    assert Path(client.download_artifacts(run_id, "dir/f.txt")).read_text() == "f"


def test_experiments(client: MlflowClient) -> None:
    made = client.create_experiment("하나", artifact_location="s3://bucket/x", tags={"k": "v"})
    assert client.get_experiment(made).artifact_location == "s3://bucket/x"
    client.set_experiment_tag(made, "k", 2)
    client.set_experiment_tag(int(made), "j", 2)
    client.delete_experiment_tag(made, "k")
    client.rename_experiment(made, "둘")
    found = client.get_experiment_by_name("둘")
    assert found is not None
    assert (found.experiment_id, found.tags) == (made, {"j": "2"})
    assert client.get_experiment_by_name("하나") is None
    client.delete_experiment(made)
    assert [entry.name for entry in client.list_experiments()] == ["Default"]
    assert [entry.name for entry in client.search_experiments(ViewType.DELETED_ONLY)] == ["둘"]
    client.restore_experiment(made)
    page = client.search_experiments(max_results=1, order_by=["name ASC"])
    assert page.token
    rest = client.search_experiments(max_results=1, order_by=["name ASC"], page_token=page.token)
    assert ([entry.name for entry in [*page, *rest]], rest.token) == (["Default", "둘"], None)


def test_a_client_keeps_its_store(here: Path, tmp_path: Path) -> None:
    first = MlflowClient((tmp_path / "one").as_uri())
    millstream.set_tracking_uri((tmp_path / "two").as_uri())
    second = MlflowClient()
    run = first.create_run("0")
    with pytest.raises(NotFound):
        second.get_run(run.info.run_id)
    assert (first.tracking_uri, second.tracking_uri) == ((tmp_path / "one").as_uri(), (tmp_path / "two").as_uri())
    first.log_text(run.info.run_id, "x", "a.txt")
    assert Path(first.download_artifacts(run.info.run_id, "a.txt")).read_text() == "x"


def test_pages_of_runs(client: MlflowClient) -> None:
    runs = [client.create_run("0", start_time=number).info.run_id for number in range(5)]
    seen: list[str] = []
    token = None
    while True:
        page = client.search_runs(["0"], order_by=["start_time ASC"], max_results=2, page_token=token)
        seen += [run.info.run_id for run in page]
        token = page.token
        if not token:
            break
    assert seen == runs
    for ids in ("0", 0):
        with pytest.raises(InvalidValue, match=r"\['?0'?\]"):
            client.search_runs(ids)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue):
        client.set_terminated(runs[0], "DONE")


@pytest.fixture
def three(client: MlflowClient) -> list[str]:
    """Three runs: a finished one, a running one without metrics, a deleted one."""
    first = client.create_run("0", start_time=1_700_000_000_000, run_name="하나")
    client.log_batch(first.info.run_id, [Metric("m", 1.5, 1)], [Param("p", "1")], [RunTag("t", "x")])
    client.set_terminated(first.info.run_id, end_time=1_700_000_001_000)
    second = client.create_run("0", start_time=1_700_000_002_000)
    third = client.create_run("0", start_time=1_700_000_003_000)
    client.delete_run(third.info.run_id)
    return [first.info.run_id, second.info.run_id, third.info.run_id]


def test_a_frame_of_runs(three: list[str]) -> None:
    frame = millstream.search_runs()
    assert isinstance(frame, pandas.DataFrame)
    fixed = ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]
    assert list(frame.columns) == [*fixed, "metrics.m", "params.p", "tags.mlflow.runName", "tags.t"]
    assert list(frame["run_id"]) == [three[1], three[0]]
    assert list(frame["status"]) == ["RUNNING", "FINISHED"]
    assert frame["start_time"][1] == pandas.Timestamp(1_700_000_000_000, unit="ms", tz="UTC")
    assert pandas.isna(frame["end_time"][0])
    assert str(frame["end_time"].dt.tz) == "UTC"
    assert frame["metrics.m"].dtype == "float64"
    assert pandas.isna(frame["metrics.m"][0])
    assert frame["metrics.m"][1] == 1.5
    assert (pandas.isna(frame["params.p"][0]), frame["params.p"][1]) == (True, "1")
    assert frame["tags.mlflow.runName"][1] == "하나"


def test_an_empty_frame_has_its_columns(here: Path) -> None:
    frame = millstream.search_runs(filter_string="metrics.m > 0")
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == 0
    assert list(frame.columns)[:6] == ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]


def test_a_frame_has_just_the_columns_asked_for(three: list[str]) -> None:
    frame: Any = millstream.search_runs(columns=["metrics.m.max", "params.none", "tags.t"])
    assert list(frame.columns)[6:] == ["metrics.m.max", "params.none", "tags.t"]
    assert frame["metrics.m.max"][1] == 1.5
    assert pandas.isna(frame["params.none"]).all()
    (first, second) = millstream.search_runs(columns=["params.p"], output_format="list", order_by="start_time")
    assert (first.data.params, first.data.metrics, second.data.tags) == ({"p": "1"}, {}, {})


def test_an_arrow_table(three: list[str]) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table: Any = millstream.search_runs(output_format="arrow", order_by=["start_time"])
    frame: Any = millstream.search_runs(order_by=["start_time"])
    assert table.column_names == list(frame.columns)
    assert table["run_id"].to_pylist() == list(frame["run_id"]) == three[:2]
    assert (table["metrics.m"].to_pylist(), table["params.p"].to_pylist()) == ([1.5, None], ["1", None])
    assert table["start_time"].type == pyarrow.timestamp("ms", "UTC")
    assert table["end_time"].to_pylist()[1] is None
    assert millstream.search_runs(filter_string="metrics.m < 0", output_format="arrow").num_rows == 0  # type: ignore[union-attr]


@pytest.mark.parametrize(("form", "package"), [("arrow", "pyarrow"), ("pandas", "pandas")])
def test_a_missing_package_is_named(here: Path, monkeypatch: pytest.MonkeyPatch, form: str, package: str) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependency, match=f"pip install {package}"):
        millstream.search_runs(output_format=form)


def test_runs_are_counted_and_their_values_told(three: list[str], client: MlflowClient) -> None:
    assert millstream.count_runs() == client.count_runs(["0"]) == 2
    assert millstream.count_runs(filter_string="params.p = 1", search_all_experiments=True) == 1
    assert client.count_runs(["0"], run_view_type=ViewType.ALL) == 3
    status, loss = client.facet_runs(["0"], ["status", "metrics.m"], "params.p > 0.5")
    assert (status.values, loss.minimum, loss.present) == ((("FINISHED", 1),), 1.5, 1)
    with pytest.raises(InvalidValue, match="list of ids"):
        client.count_runs("0")


def ids(found: Any) -> list[str]:
    return [run.info.run_id for run in found]


def test_a_list_of_runs(three: list[str]) -> None:
    assert ids(millstream.search_runs(output_format="list")) == [three[1], three[0]]
    assert ids(millstream.search_runs(output_format="list", max_results=1)) == [three[1]]
    found = millstream.search_runs(
        filter_string="metrics.m > 1", run_view_type=ViewType.ALL, order_by=["start_time"], output_format="list"
    )
    assert ids(found) == [three[0]]
    assert len(millstream.search_runs(run_view_type=ViewType.ALL)) == 3
    with pytest.raises(InvalidValue, match="polars"):
        millstream.search_runs(output_format="polars")


def test_which_experiments_are_searched(
    three: list[str], client: MlflowClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = client.create_experiment("다른")
    other = client.create_run(made).info.run_id

    def search(**given: Any) -> list[str]:
        return ids(millstream.search_runs(output_format="list", **given))

    assert search(experiment_ids=[made]) == search(experiment_names=["다른"]) == [other]
    assert search(experiment_ids=[int(made)]) == [other]
    assert set(search(search_all_experiments=True)) == {other, three[0], three[1]}
    assert search(experiment_ids=[]) == []
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", made)
    assert search() == [other]
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "Default")
    assert search() == [three[1], three[0]]
    millstream.set_experiment("다른")
    assert search() == [other]
    with pytest.raises(InvalidValue):
        search(experiment_ids=[made], experiment_names=["다른"])
    assert search(experiment_names=["없는 것", "다른"]) == [other]
    assert "없는 것" in caplog.text


def test_the_public_names_are_there() -> None:
    for name in millstream.__all__:
        assert getattr(millstream, name) is not None
    assert set(millstream.__all__) <= set(dir(millstream))
    with pytest.raises(AttributeError, match="no_such_thing"):
        millstream.no_such_thing  # noqa: B018
