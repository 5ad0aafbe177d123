"""Every route: request → op or query, and the rules on what is in it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from millstream.formats.wire.decode import read_body, read_query
from millstream.formats.wire.route import Given
from millstream.formats.wire.table import ROUTES
from millstream.values import ops, queries
from millstream.values.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    Metric,
    ModelInput,
    ModelOutput,
    Param,
    Run,
    RunData,
    RunInfo,
    RunTag,
    ViewType,
)
from millstream.values.errors import InvalidValue
from millstream.values.names import MAX_PARAM_VALUE, MAX_TAG_VALUE

# Those of models are in test_wire_logged_models and test_wire_registry.
ELSEWHERE = ("logged-models", "registered-models", "model-versions")
BY_PATH = {route.path: route for route in ROUTES if not route.path.startswith(ELSEWHERE)}
RUN = "a" * 32
INFO = RunInfo(RUN, "0", "", "RUNNING", 1, None, "active", "file:///m/0/r/artifacts", "n")
GIVEN = Given(now=123, new_run_id=lambda: "f" * 32)
MODEL = {"artifact_path": "m", "flavors": {}, "utc_time_created": "t", "run_id": RUN}


def call(path: str, given: Given = GIVEN, /, **fields: Any) -> Any:
    """What the request `fields` to `path` asks of the store."""
    route = BY_PATH[path]
    return route.call(read_body(msgspec.json.encode(fields), route.request), given)


def ask(path: str, query: bytes) -> Any:
    """What GET `path?query` asks of the store."""
    route = BY_PATH[path]
    return route.call(read_query(query, route.request), GIVEN)


CALLS = [
    (
        "artifacts/presigned-upload-url",
        {"model_id": "m-1", "path": "a b/c", "expiration": "60"},
        queries.SignArtifact(model_id="m-1", path="a b/c", method="PUT", seconds=60),
    ),
    (
        "artifacts/presigned-upload-url",
        {"run_uuid": "r", "path": "f"},
        queries.SignArtifact(run_id="r", path="f", method="PUT", seconds=900),
    ),
    (
        "artifacts/presigned-download-url",
        {"run_id": "r", "path": "f"},
        queries.SignArtifact(run_id="r", path="f", method="GET", seconds=900),
    ),
    (
        "experiments/create",
        {"name": "e", "tags": [{"key": "a", "value": "b"}]},
        ops.CreateExperiment(name="e", time=123, tags={"a": "b"}),
    ),
    (
        "experiments/create",
        {"name": "e", "artifact_location": "s3://b/c"},
        ops.CreateExperiment(name="e", time=123, artifact_location="s3://b/c"),
    ),
    (
        "experiments/search",
        {"max_results": "20", "view_type": "ALL", "filter": "name = 'a'", "order_by": ["name"], "page_token": "t"},
        queries.SearchExperiments(
            view=ViewType.ALL, filter="name = 'a'", order_by=("name",), max_results=20, page_token="t"
        ),
    ),
    ("experiments/list", {"view_type": 2}, queries.SearchExperiments(view=ViewType.DELETED_ONLY, max_results=50_000)),
    ("experiments/list", {"max_results": 3}, queries.SearchExperiments(max_results=3)),
    (
        "experiments/update",
        {"experiment_id": "1", "new_name": "n"},
        ops.RenameExperiment(experiment_id="1", name="n", time=123),
    ),
    ("experiments/delete", {"experiment_id": "1"}, ops.DeleteExperiment(experiment_id="1", time=123)),
    ("experiments/restore", {"experiment_id": "1"}, ops.RestoreExperiment(experiment_id="1", time=123)),
    (
        "experiments/set-experiment-tag",
        {"experiment_id": "1", "key": "k", "value": "v"},
        ops.SetExperimentTag(experiment_id="1", key="k", value="v"),
    ),
    (
        "experiments/delete-experiment-tag",
        {"experiment_id": "1", "key": "k"},
        ops.DeleteExperimentTag(experiment_id="1", key="k"),
    ),
    (
        "runs/create",
        {"experiment_id": "1", "user_id": "u", "run_name": "n", "tags": [{"key": "a", "value": "b"}]},
        ops.CreateRun(run_id="f" * 32, experiment_id="1", start_time=123, user_id="u", run_name="n", tags={"a": "b"}),
    ),
    (
        "runs/create",
        {"experiment_id": "1", "start_time": 0},
        ops.CreateRun(run_id="f" * 32, experiment_id="1", start_time=0),
    ),
    (
        "runs/update",
        {"run_id": RUN, "status": "FAILED", "end_time": 9},
        ops.UpdateRun(run_id=RUN, status="FAILED", end_time=9),
    ),
    ("runs/update", {"run_id": RUN, "status": 3}, ops.UpdateRun(run_id=RUN, status="FINISHED")),
    ("runs/update", {"run_id": RUN, "status": "5"}, ops.UpdateRun(run_id=RUN, status="KILLED")),
    ("runs/update", {"run_id": RUN, "run_name": "n"}, ops.UpdateRun(run_id=RUN, run_name="n")),
    ("runs/delete", {"run_id": RUN}, ops.DeleteRun(run_id=RUN, time=123)),
    ("runs/restore", {"run_id": RUN}, ops.RestoreRun(run_id=RUN)),
    (
        "runs/search",
        {"experiment_ids": ["0", "1"], "filter": "f", "run_view_type": "ALL", "max_results": 5, "order_by": ["a"]},
        queries.SearchRuns(experiment_ids=("0", "1"), filter="f", view=ViewType.ALL, max_results=5, order_by=("a",)),
    ),
    ("runs/search", {}, queries.SearchRuns(experiment_ids=())),
    (
        "runs/log-metric",
        {"run_id": RUN, "key": "k", "value": 1, "timestamp": 5, "step": 2, "dataset_name": "d"},
        ops.LogBatch(run_id=RUN, metrics=(Metric("k", 1.0, 5, 2, dataset_name="d"),)),
    ),
    ("runs/log-parameter", {"run_id": RUN, "key": "k"}, ops.LogBatch(run_id=RUN, params=(Param("k", ""),))),
    ("runs/set-tag", {"run_id": RUN, "key": "k", "value": "v"}, ops.LogBatch(run_id=RUN, tags=(RunTag("k", "v"),))),
    ("runs/delete-tag", {"run_id": RUN, "key": "k"}, ops.DeleteTag(run_id=RUN, key="k")),
    (
        "runs/log-batch",
        {
            "run_id": RUN,
            "metrics": [{"key": "k", "value": "2", "timestamp": 5}],
            "params": [{"key": "p", "value": "1"}],
            "tags": [{"key": "t", "value": "v"}, {"key": "t", "value": "w"}],
        },
        ops.LogBatch(
            run_id=RUN,
            metrics=(Metric("k", 2.0, 5),),
            params=(Param("p", "1"),),
            tags=(RunTag("t", "v"), RunTag("t", "w")),
        ),
    ),
    (
        "runs/log-inputs",
        {
            "run_id": RUN,
            "datasets": [
                {
                    "dataset": {"name": "n", "digest": "d", "sourceType": "local", "source": "{}", "schema": "s"},
                    "tags": [{"key": "mlflow.data.context", "value": "training"}],
                }
            ],
            "models": [{"model_id": "m-1"}],
        },
        ops.LogInputs(
            run_id=RUN,
            datasets=(
                DatasetInput(Dataset("n", "d", "local", "{}", "s"), (InputTag("mlflow.data.context", "training"),)),
            ),
            models=(ModelInput("m-1"),),
        ),
    ),
    (
        "experiments/search-datasets",
        {"experiment_ids": ["0", "1"]},
        queries.SearchDatasets(experiment_ids=("0", "1")),
    ),
    (
        "runs/outputs",
        {"run_id": RUN, "models": [{"model_id": "m-1", "step": 3}]},
        ops.LogOutputs(run_id=RUN, models=(ModelOutput("m-1", 3),)),
    ),
]
ASKED = [
    ("experiments/get", b"experiment_id=0", queries.GetExperiment(experiment_id="0")),
    ("experiments/get-by-name", b"experiment_name=a+b", queries.GetExperimentByName(name="a b")),
    ("experiments/search", b"max_results=1", queries.SearchExperiments(max_results=1)),
    ("runs/get", b"run_uuid=" + RUN.encode(), queries.GetRun(run_id=RUN)),
    (
        "metrics/get-history",
        b"run_id=r&metric_key=k&max_results=7&page_token=t",
        queries.MetricHistory(run_id="r", key="k", max_results=7, page_token="t"),
    ),
    ("metrics/get-history", b"run_id=r&metric_key=k", queries.MetricHistory(run_id="r", key="k")),
    (
        "metrics/get-history-bulk",
        b"run_id=r&run_id=s&metric_key=k&max_results=99999",
        queries.MetricHistories(run_ids=("r", "s"), key="k", max_results=25_000),
    ),
    (
        "metrics/get-history-bulk-interval",
        b"run_ids=r&metric_key=k&start_step=2&end_step=2&max_results=10",
        queries.SampledHistories(run_ids=("r",), key="k", start_step=2, end_step=2, max_results=10),
    ),
    ("artifacts/list", b"run_id=r&path=a%20b/c", queries.ListArtifacts(run_id="r", path="a b/c")),
    ("artifacts/list", b"run_id=r", queries.ListArtifacts(run_id="r")),
]


@pytest.mark.parametrize(("path", "fields", "expected"), CALLS)
def test_bodies_become_calls(path: str, fields: dict[str, Any], expected: object) -> None:
    assert call(path, **fields) == expected
    assert isinstance(expected, BY_PATH[path].speaks)


@pytest.mark.parametrize(("path", "query", "expected"), ASKED)
def test_query_strings_become_calls(path: str, query: bytes, expected: object) -> None:
    assert ask(path, query) == expected
    assert isinstance(expected, BY_PATH[path].speaks)


def history_tag(text: str | None) -> Given:
    tags = {} if text is None else {"mlflow.log-model.history": text}
    return Given(now=1, new_run_id=lambda: "", first=Run(INFO, RunData(tags=tags)))


def test_log_model_adds_to_the_history_of_the_run() -> None:
    route = BY_PATH["runs/log-model"]
    request = read_body(
        msgspec.json.encode({"run_id": RUN, "model_json": msgspec.json.encode(MODEL).decode()}), route.request
    )
    assert route.first is not None
    assert route.first(request) == queries.GetRun(run_id=RUN)
    for before, count in ((None, 1), ("[]", 1), ('[{"a": 1}]', 2)):
        op = route.call(request, history_tag(before))
        assert isinstance(op, ops.LogBatch)
        history = msgspec.json.decode(op.tags[0].value)
        assert (len(history), history[-1]) == (count, MODEL)


@pytest.mark.parametrize(
    ("model_json", "before", "words"),
    [
        ("{", None, "for parameter 'model_json' supplied: It is not valid JSON."),
        ("[]", None, "It must be the JSON text of an object."),
        ('{"flavors": {}}', None, "Missing value for required parameter 'model_json.artifact_path'"),
        (msgspec.json.encode(MODEL).decode(), "{", "does not hold a JSON list"),
        (msgspec.json.encode(MODEL).decode(), "{}", "does not hold a JSON list"),
    ],
)
def test_log_model_refuses_what_it_cannot_add(model_json: str, before: str | None, words: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        call("runs/log-model", history_tag(before), run_id=RUN, model_json=model_json)
    assert words in caught.value.message


def points(count: int) -> list[dict[str, Any]]:
    return [{"key": "k", "value": i, "timestamp": 1} for i in range(count)]


def texts(count: int) -> list[dict[str, Any]]:
    return [{"key": f"k{i}", "value": "v"} for i in range(count)]


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("experiments/create", {"name": "x" * 501}, "for parameter 'name'"),
    ("experiments/create", {"name": "  "}, "for parameter 'name'"),
    ("experiments/create", {"name": "e", "artifact_location": "/" + "x" * 2048}, "'artifact_location'"),
    ("experiments/create", {"name": "e", "tags": [{"key": "../a"}]}, "'tags[0].key'"),
    ("experiments/create", {"name": "e", "tags": [{"key": "a", "value": "x" * 20_001}]}, "'tags[0].value'"),
    ("experiments/search", {}, "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer"),
    ("experiments/search", {"max_results": 50_001}, "'max_results' supplied. It must be at most 50000"),
    ("experiments/search", {"max_results": 1, "view_type": "SOME"}, "It must be one of ACTIVE_ONLY, DELETED_ONLY, ALL"),
    ("experiments/get", {"experiment_id": "../etc"}, "for parameter 'experiment_id'"),
    ("experiments/update", {"experiment_id": "1"}, "Missing value for required parameter 'new_name'"),
    ("runs/create", {}, "Missing value for required parameter 'experiment_id'"),
    ("runs/create", {"experiment_id": "1", "start_time": -1}, "for parameter 'start_time'"),
    (
        "runs/create",
        {"experiment_id": "1", "run_name": "a", "tags": [{"key": "mlflow.runName", "value": "b"}]},
        "give one name only",
    ),
    (
        "runs/create",
        {"experiment_id": "1", "tags": [{"key": "a", "value": "x" * (MAX_TAG_VALUE + 1)}]},
        "'tags[0].value'",
    ),
    ("runs/update", {"run_id": RUN, "status": "DONE"}, "Invalid value \"DONE\" for parameter 'status'"),
    ("runs/update", {"run_id": RUN, "status": 6}, "for parameter 'status'"),
    ("runs/update", {"run_id": RUN, "status": True}, "for parameter 'status'"),
    ("runs/update", {"run_id": RUN, "run_name": "a\0b"}, "for parameter 'run_name'"),
    ("runs/get", {"run_id": "../x"}, "for parameter 'run_id'"),
    ("runs/search", {"experiment_ids": ["../x"]}, "'experiment_ids[0]'"),
    ("runs/search", {"experiment_ids": [0]}, "'experiment_ids[0]'"),
    ("runs/search", {"experiment_ids": ["0"], "max_results": 0}, "It must be a positive integer"),
    ("runs/search", {"experiment_ids": ["0"], "max_results": 50_001}, "at most 50000"),
    ("runs/log-metric", {"run_id": RUN, "key": "a//b", "value": 1, "timestamp": 1}, "for parameter 'key'"),
    ("runs/log-metric", {"run_id": RUN, "key": "k", "value": 1, "timestamp": -1}, "for parameter 'timestamp'"),
    ("runs/log-parameter", {"run_id": RUN, "key": "k" * 251, "value": "1"}, "for parameter 'key'"),
    ("runs/log-parameter", {"run_id": RUN, "key": "k", "value": "x" * (MAX_PARAM_VALUE + 1)}, "for parameter 'value'"),
    ("runs/set-tag", {"run_id": RUN, "key": "k", "value": "x" * (MAX_TAG_VALUE + 1)}, "for parameter 'value'"),
    ("runs/log-batch", {"run_id": RUN, "metrics": points(1001)}, "at most 1000 metrics. Got 1001 metrics."),
    ("runs/log-batch", {"run_id": RUN, "params": texts(101)}, "at most 100 params. Got 101 params."),
    ("runs/log-batch", {"run_id": RUN, "tags": texts(101)}, "at most 100 tags. Got 101 tags."),
    (
        "runs/log-batch",
        {"run_id": RUN, "metrics": points(950), "params": texts(51)},
        "at most 1000 metrics, params, and tags. Got 1001",
    ),
    (
        "runs/log-batch",
        {"run_id": RUN, "params": [{"key": "z", "value": "1"}, {"key": "z", "value": "1"}]},
        "Duplicate parameter keys have been submitted: ['z'].",
    ),
    (
        "runs/log-batch",
        {"run_id": RUN, "params": [{"key": "p", "value": "x" * (MAX_PARAM_VALUE + 1)}]},
        "'params[0].value'",
    ),
    (
        "runs/log-inputs",
        {
            "run_id": RUN,
            "datasets": [{"dataset": {"name": "n", "digest": "x" * 37, "source_type": "s", "source": "s"}}],
        },
        "'datasets[0].dataset.digest'",
    ),
    (
        "runs/log-inputs",
        {"run_id": RUN, "datasets": [{}]},
        "Missing value for required parameter 'datasets[0].dataset'",
    ),
    ("runs/log-inputs", {"run_id": RUN, "models": [{}]}, "Missing value for required parameter 'models[0].model_id'"),
    ("metrics/get-history", {"run_id": "r", "metric_key": "k", "max_results": 0}, "It must be a positive integer"),
    (
        "metrics/get-history-bulk",
        {"run_id": [f"r{i}" for i in range(101)], "metric_key": "k"},
        "has 101 runs; at most 100 are allowed",
    ),
    ("metrics/get-history-bulk-interval", {"run_ids": ["r"], "metric_key": "k", "start_step": 1}, "both"),
    (
        "metrics/get-history-bulk-interval",
        {"run_ids": ["r"], "metric_key": "k", "start_step": 3, "end_step": 2},
        "must not be greater than end_step",
    ),
    ("metrics/get-history-bulk-interval", {"run_ids": ["r"], "metric_key": "k", "max_results": 2501}, "at most 2500"),
    ("metrics/get-history-bulk-interval", {"run_ids": [], "metric_key": "k"}, "required parameter 'run_ids'"),
]


@pytest.mark.parametrize(("path", "fields", "words"), REFUSED)
def test_broken_rules_are_refused_with_the_field(path: str, fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        call(path, **fields)
    assert words in caught.value.message


@pytest.mark.parametrize(
    "path",
    ["..", "a/../b", "/etc", "a//b", "a\\b", "C:/x", "%2e%2e", "a%2fb", "%252e%252e", "a/./b", "a/", "\x01", "x" * 256],
)
def test_artifact_paths_that_could_lead_elsewhere_are_refused(path: str) -> None:
    with pytest.raises(InvalidValue, match="Invalid path"):
        call("artifacts/list", run_id="r", path=path)


def test_every_route_was_called_here() -> None:
    called = {path for path, *_ in CALLS} | {path for path, *_ in ASKED} | {"runs/log-model"}
    assert called == set(BY_PATH)
