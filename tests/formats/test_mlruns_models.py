"""Logged models in a tree: meta.yaml and metric lines, of MLflow and of nobody."""

from __future__ import annotations

import math

import pytest

from millstream.formats.mlruns import meta
from millstream.formats.mlruns.models import (
    format_model_point,
    latest,
    model_from_fields,
    model_to_fields,
    parse_model_points,
)
from millstream.values.entities import LoggedModel, LoggedModelStatus, Metric
from millstream.values.errors import DataDamaged

WRITTEN = b"""artifact_location: file:///m/0/models/m-1/artifacts
creation_timestamp: 5
experiment_id: '0'
last_updated_timestamp: 7
model_id: m-1
model_type: agent
name: "\xea\xbd\x83"
source_run_id: null
status: 2
status_message: null
"""


def test_what_mlflow_wrote_is_read_and_written() -> None:
    fields = meta.load(WRITTEN)
    model = model_from_fields(fields, "m-1", "0")
    assert model == LoggedModel(
        "m-1", "0", "꽃", "file:///m/0/models/m-1/artifacts", 5, 7, "agent", status=LoggedModelStatus.READY
    )
    assert model_to_fields(model) == fields
    deleted = model_from_fields(fields | {"lifecycle_stage": "deleted"}, "m-1", "0")
    assert model_to_fields(deleted) == fields | {"lifecycle_stage": "deleted"}


@pytest.mark.parametrize(
    "change",
    [
        {"model_id": "m-2"},
        {"experiment_id": "1"},
        {"status": 9},
        {"status": "DONE"},
        {"name": ["x"]},
        {"creation_timestamp": "x"},
        {"creation_timestamp": 2**63},
        {"lifecycle_stage": "gone"},
    ],
)
def test_what_is_no_model_is_named(change: dict[str, object]) -> None:
    with pytest.raises(DataDamaged, match=next(iter(change))):
        model_from_fields(meta.load(WRITTEN) | change, "m-1", "0")


def test_points_are_written_and_read() -> None:
    points = [
        Metric("k", 0.5, 1, 2, "r", "m-1"),
        Metric("k", math.inf, 2**63 - 1, -(2**63), "r", "m-1", "꽃", "d1"),
    ]
    text = b"".join(map(format_model_point, points))
    assert text.split(b"\n")[0] == b"1 0.5 2 r"
    assert parse_model_points(text, "k", "m-1") == (points, 0)
    torn = text + b"1 0.5 2"
    assert parse_model_points(torn, "k", "m-1") == (points, 0)
    bad = b"1 0.5 2\nx 0.5 2 r\n1 0.5 2 r d\n\n9223372036854775808 1.0 0 r\n1 1.0 0 \xff\n"
    assert parse_model_points(bad, "k", "m-1") == ([], 5)


def test_the_latest_is_the_last_of_the_highest_step() -> None:
    points = [
        Metric("k", 3.0, 9, 1),
        Metric("k", 2.0, 1, 2),
        Metric("k", math.nan, 0, 2),
        Metric("k", 1.0, 0, 2, dataset_name="d", dataset_digest="1"),
        Metric("j", 0.0, 0, 0),
    ]
    found = latest(points)
    assert [(point.key, point.step, point.dataset_name) for point in found] == [
        ("k", 2, None),
        ("k", 2, "d"),
        ("j", 0, None),
    ]
    assert math.isnan(found[0].value)
