"""Errors: one table, with the codes and statuses of MLflow's REST interface."""

from __future__ import annotations

import re

import pytest

from millstream.values import errors
from millstream.values.entities import Experiment, Metric, Run, RunInfo, RunStatus, ViewType
from millstream.values.errors import MillstreamError


def every(kind: type[MillstreamError]) -> list[type[MillstreamError]]:
    return [kind, *(found for below in kind.__subclasses__() for found in every(below))]


def test_the_table_in_the_documentation_is_the_code() -> None:
    written = re.findall(r"(\w+) +([A-Z_]{6,}) +(\d{3})", errors.__doc__ or "")
    found = [
        (kind.__name__, kind.error_code, str(kind.http_status))
        for kind in every(MillstreamError)
        if kind.__module__ == errors.__name__
    ]
    assert sorted(written) == sorted(found)


def test_code_written_for_mlflows_exception_works() -> None:
    error = MillstreamError("무엇이 잘못", error_code="RESOURCE_DOES_NOT_EXIST", sqlstate="x")
    assert (str(error), error.message, error.error_code) == ("무엇이 잘못", "무엇이 잘못", "RESOURCE_DOES_NOT_EXIST")
    assert errors.NotFound("x").get_http_status_code() == 404


def test_statuses_and_views() -> None:
    assert [RunStatus.to_string(number) for number in range(1, 6)] == list(RunStatus.NAMES)
    assert [RunStatus.from_string(name) for name in RunStatus.NAMES] == [1, 2, 3, 4, 5]
    assert [RunStatus.is_terminated(name) for name in RunStatus.NAMES] == [False, False, True, True, True]
    assert RunStatus.is_terminated(4)
    for bad in (0, 6):
        with pytest.raises(ValueError, match=str(bad)):
            RunStatus.to_string(bad)
    with pytest.raises(ValueError, match="DONE"):
        RunStatus.from_string("DONE")
    assert ViewType.stages(ViewType.ALL) == ("active", "deleted")


def test_entities_are_compared_by_value_and_turn_into_dictionaries() -> None:
    info = RunInfo("r", "0", "u", "RUNNING", 1, None, "active", "uri", "n")
    assert Run(info) == Run(info)
    assert Run(info).to_dictionary()["info"]["run_id"] == "r"
    assert dict(Experiment("0", "n", "loc"))["name"] == "n"
    assert Metric("m", 1.0, 5).to_dictionary()["step"] == 0
