"""The table is whole: every verb of the house can be said over the wire, under every prefix MLflow used."""

from __future__ import annotations

from typing import Any

from millstream.formats.wire.table import ROUTES, Table, by_path
from millstream.values import ops, queries

ELSEWHERE = {
    queries.GetRunInfo: "asked before artifacts/list, for its root_uri",
    queries.TabulateRuns: "the UI's own columns, api/ui/runs",
    queries.CountRuns: "in ui/runs, as the total",
    queries.FacetRuns: "the UI's own filter panel, api/ui/facets",
    queries.MetricEnvelope: "the UI's own columns, api/ui/envelope",
    queries.MetricCurves: "the UI's own lines, api/ui/curves",
    queries.DescribeStore: "the UI's own facts, api/ui/about",
}
# What whoever keeps the store does beside it, with a command; moving is for clients of our own, over the store.
AT_THE_STORE = {
    ops.MoveRuns,
    ops.PurgeRun,
    ops.PurgeExperiment,
    ops.PurgeLoggedModel,
    ops.FinishPurges,
    ops.Compact,
    ops.ImportExperiment,
    ops.ImportRun,
    ops.ImportLoggedModel,
    ops.ImportRegisteredModel,
}
ASKED_AT_THE_STORE = {queries.FindDeleted, queries.MeasureSpace, queries.WasDone}


def verbs(module: Any, base: type) -> set[type]:
    return {
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    }


def test_every_op_and_query_has_a_route() -> None:
    spoken = {route.speaks for route in ROUTES}
    assert verbs(ops, ops.Op) - spoken == AT_THE_STORE
    assert verbs(queries, queries.Query) - spoken == set(ELSEWHERE) | ASKED_AT_THE_STORE


def test_reads_never_change_and_writes_are_never_got() -> None:
    for route in ROUTES:
        if issubclass(route.speaks, ops.Op):
            assert route.methods in (("POST",), ("PATCH",), ("DELETE",)), route.path
        assert not (route.alone and issubclass(route.speaks, queries.Query)), route.path


def test_a_path_may_hold_fields() -> None:
    table = Table(ROUTES)
    base = "/api/2.0/mlflow/logged-models"
    assert set(table.find(base)[0]) == set(table.find(f"{base}/search")[0]) == {"POST"}
    methods, named = table.find(f"{base}/m-1")
    assert (set(methods), named) == ({"GET", "PATCH", "DELETE"}, {"model_id": "m-1"})
    methods, named = table.find(f"{base}/m-1/tags/a/b\n")
    assert (set(methods), named) == ({"DELETE"}, {"model_id": "m-1", "tag_key": "a/b\n"})
    assert table.find(f"{base}/m-1/artifacts/directories")[1] == {"model_id": "m-1"}
    for nothing in (f"{base}/", f"{base}/a/b", f"{base}/m-1/tags/", f"x{base}/m-1", f"{base}/m-1/"):
        assert table.find(nothing) == ({}, {}), nothing


def test_both_prefixes_and_the_old_ones() -> None:
    paths = by_path()
    for prefix in (
        "/api/2.0/mlflow",
        "/ajax-api/2.0/mlflow",
        "/api/2.0/preview/mlflow",
        "/ajax-api/2.0/preview/mlflow",
    ):
        assert set(paths[f"{prefix}/experiments/search"]) == {"GET", "POST"}
        assert set(paths[f"{prefix}/experiments/list"]) == {"GET", "POST"}
        assert set(paths[f"{prefix}/runs/get"]) == {"GET"}
    assert "/ajax-api/2.0/mlflow/metrics/get-history-bulk" in paths
    assert "/api/2.0/mlflow/metrics/get-history-bulk" not in paths
