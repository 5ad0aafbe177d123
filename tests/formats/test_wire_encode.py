"""Results → reply objects in MLflow's shape."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from millstream.formats.wire.encode import write_body
from millstream.formats.wire.route import Given
from millstream.formats.wire.table import ROUTES
from millstream.values.addresses import Signed
from millstream.values.entities import (
    Dataset,
    DatasetInput,
    DatasetSummary,
    Experiment,
    FileInfo,
    InputTag,
    Metric,
    ModelInput,
    ModelOutput,
    Page,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)

# Those of logged models are in test_wire_logged_models.
ELSEWHERE = ("logged-models", "registered-models", "model-versions")
BY_PATH = {route.path: route for route in ROUTES if not route.path.startswith(ELSEWHERE)}
INFO = RunInfo("r", "0", "", "RUNNING", 5, None, "active", "file:///a", "name")
WIRE_INFO = {
    "run_id": "r",
    "run_uuid": "r",
    "experiment_id": "0",
    "user_id": "",
    "status": "RUNNING",
    "start_time": 5,
    "lifecycle_stage": "active",
    "artifact_uri": "file:///a",
    "run_name": "name",
}
EXPERIMENT = Experiment("0", "Default", "file:///a", "active", {"k": "v"}, 1, 2)
WIRE_EXPERIMENT = {
    "experiment_id": "0",
    "name": "Default",
    "artifact_location": "file:///a",
    "lifecycle_stage": "active",
    "tags": [{"key": "k", "value": "v"}],
    "creation_time": 1,
    "last_update_time": 2,
}
FULL = Run(
    INFO,
    RunData({"loss": math.nan}, {"p": "1"}, {"t": ""}, (Metric("loss", math.nan, 7, 3),)),
    RunInputs((DatasetInput(Dataset("n", "d", "local", "{}"), (InputTag("c", "x"),)),), (ModelInput("m-1"),)),
    RunOutputs((ModelOutput("m-2", 4),)),
)
WIRE_FULL = {
    "info": WIRE_INFO,
    "data": {
        "metrics": [{"key": "loss", "value": "NaN", "timestamp": 7, "step": 3}],
        "params": [{"key": "p", "value": "1"}],
        "tags": [{"key": "t", "value": ""}],
    },
    "inputs": {
        "dataset_inputs": [
            {
                "dataset": {"name": "n", "digest": "d", "source_type": "local", "source": "{}"},
                "tags": [{"key": "c", "value": "x"}],
            }
        ],
        "model_inputs": [{"model_id": "m-1"}],
    },
    "outputs": {"model_outputs": [{"model_id": "m-2", "step": 4}]},
}
POINTS = [Metric("k", math.inf, 1, 0, "r"), Metric("k", -math.inf, 2, 1, "r"), Metric("k", 0.5, 3, -1, "r")]
WIRE_POINTS = [
    {"key": "k", "value": "Infinity", "timestamp": 1, "step": 0, "run_id": "r"},
    {"key": "k", "value": "-Infinity", "timestamp": 2, "step": 1, "run_id": "r"},
    {"key": "k", "value": 0.5, "timestamp": 3, "step": -1, "run_id": "r"},
]
BARE = {"run": {"info": WIRE_INFO, "data": {}, "inputs": {}}}
REPLIES: list[tuple[str, Any, Any, Any]] = [
    ("experiments/create", "12", None, {"experiment_id": "12"}),
    ("experiments/get", EXPERIMENT, None, {"experiment": WIRE_EXPERIMENT}),
    ("experiments/get-by-name", EXPERIMENT, None, {"experiment": WIRE_EXPERIMENT}),
    (
        "experiments/get",
        Experiment("1", "old", "/a"),
        None,
        {"experiment": {"experiment_id": "1", "name": "old", "artifact_location": "/a", "lifecycle_stage": "active"}},
    ),
    (
        "experiments/search",
        Page([EXPERIMENT], "t"),
        None,
        {"experiments": [WIRE_EXPERIMENT], "next_page_token": "t"},
    ),
    ("experiments/list", Page([EXPERIMENT]), None, {"experiments": [WIRE_EXPERIMENT]}),
    ("experiments/search", Page(), None, {}),
    ("runs/create", Run(INFO), None, BARE),
    ("runs/get", FULL, None, {"run": WIRE_FULL}),
    ("runs/search", Page([FULL], "t"), None, {"runs": [WIRE_FULL], "next_page_token": "t"}),
    ("runs/search", Page(), None, {}),
    (
        "experiments/search-datasets",
        [DatasetSummary("0", "d", "1", "train"), DatasetSummary("0", "e", "2")],
        None,
        {
            "dataset_summaries": [
                {"experiment_id": "0", "name": "d", "digest": "1", "context": "train"},
                {"experiment_id": "0", "name": "e", "digest": "2"},
            ]
        },
    ),
    ("experiments/search-datasets", [], None, {}),
    ("runs/update", INFO, None, {"run_info": WIRE_INFO}),
    ("metrics/get-history", Page(POINTS, "t"), None, {"metrics": WIRE_POINTS, "next_page_token": "t"}),
    ("metrics/get-history", Page(), None, {}),
    ("metrics/get-history-bulk", POINTS, None, {"metrics": WIRE_POINTS}),
    ("metrics/get-history-bulk-interval", POINTS, None, {"metrics": WIRE_POINTS}),
    (
        "artifacts/list",
        [FileInfo("d", True), FileInfo("d/f", False, 0)],
        INFO,
        {
            "root_uri": "file:///a",
            "files": [{"path": "d", "is_dir": True}, {"path": "d/f", "is_dir": False, "file_size": 0}],
        },
    ),
    ("artifacts/list", [], INFO, {"root_uri": "file:///a"}),
    (
        "artifacts/presigned-upload-url",
        Signed("http://b/f?s", {"a": "b"}),
        None,
        {"presigned_url": "http://b/f?s", "headers": {"a": "b"}},
    ),
    (
        "artifacts/presigned-download-url",
        Signed("http://b/f?s", {}, 0),
        None,
        {"presigned_url": "http://b/f?s", "headers": {}, "file_size": 0},
    ),
]
NOTHING = sorted(set(BY_PATH) - {path for path, *_ in REPLIES})


def reply(path: str, result: object, first: object = None) -> Any:
    """The reply as a client reads it."""
    given = Given(now=0, new_run_id=lambda: "", first=first)
    return msgspec.json.decode(write_body(BY_PATH[path].reply(result, given)))


@pytest.mark.parametrize(("path", "result", "first", "expected"), REPLIES)
def test_replies(path: str, result: object, first: object, expected: object) -> None:
    assert reply(path, result, first) == expected


@pytest.mark.parametrize("path", NOTHING)
def test_writes_without_a_result_answer_an_empty_object(path: str) -> None:
    assert reply(path, None) == {}


def test_an_ended_run_says_when() -> None:
    ended = RunInfo("r", "0", "u", "FINISHED", 5, 0, "active", "file:///a", "name")
    assert reply("runs/update", ended)["run_info"]["end_time"] == 0


def test_whole_numbers_are_json_numbers_and_exact() -> None:
    text = write_body(BY_PATH["metrics/get-history-bulk"].reply([Metric("k", 1.0, 2**63 - 1, -(2**63))], None))
    assert b'"timestamp":9223372036854775807' in text
    assert b'"step":-9223372036854775808' in text
