"""Every endpoint that MLflow 3.17.2 has: answered here, or known and refused in clear words. None is forgotten.

The list was read from the routes of its server (both its parts); names of path parameters are MLflow's.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from millstream.formats.wire.families import FAMILIES, missing_route
from millstream.formats.wire.table import ROUTES, Table
from millstream.server.description import OTHERS
from millstream.values.errors import EndpointNotFound, NotSupported

LIST = Path(__file__).parents[1] / "golden" / "mlflow-3.17.2.routes.txt"
ENDPOINTS = [tuple(line.split(" ")) for line in LIST.read_text().splitlines()]
# Pages and their parts, which every server has in its own way; and two that MLflow declares and answers with 404.
PAGES = {"/", "/static-files/{path}", "/build/{filename}"}
BROKEN = {f"/{prefix}/2.0mlflow/experiments/search-datasets" for prefix in ("api", "ajax-api")}
TABLE = Table(ROUTES)


def concrete(path: str) -> str:
    return re.sub(r"\{\w+\}", "x1", path)


def answered(method: str, path: str) -> bool:
    if method in TABLE.find(concrete(path))[0]:
        return True
    plain = [re.sub(r"\{\w+\}", "{}", other.path).replace("/ajax-api/", "/api/") for other in OTHERS]
    methods = [other.method for other in OTHERS]
    wanted = re.sub(r"\{\w+\}", "{}", path).replace("/ajax-api/", "/api/")
    return (method, wanted) in zip(methods, plain, strict=True)


@pytest.mark.parametrize(("method", "path"), ENDPOINTS, ids=lambda part: part)
def test_each_endpoint_is_answered_or_refused_in_clear_words(method: str, path: str) -> None:
    if path in PAGES | BROKEN:
        return
    if not answered(method, path):
        assert isinstance(missing_route(concrete(path)), NotSupported), f"{method} {path} is forgotten"


def test_what_is_answered_is_not_called_missing() -> None:
    starts = {start for family in FAMILIES for start in family.starts}
    assert not {route.path for route in ROUTES if route.path.split("/")[0] in starts}


def test_other_paths_are_simply_not_there() -> None:
    for path in ("/api/2.0/mlflow/nothing", "/api/2.0/mlflow/tracesx", "/api/9.0/mlflow/traces", "/x", ""):
        assert type(missing_route(path)) is EndpointNotFound, path
    long = missing_route("/api/2.0/mlflow/" + "x" * 10_000)
    assert len(long.message) < 300
