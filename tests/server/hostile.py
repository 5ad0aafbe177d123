"""What the schemathesis process is told: checks of our own, and ids that exist, so that requests get far."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, HookContext, Response

KNOWN: dict[str, Any] = json.loads(os.environ["HOSTILE_KNOWN"])
"""Values by the name of the field that they stand in; of a list, each in its turn."""

PLACES: list[str] = json.loads(os.environ["HOSTILE_PLACES"])
"""Where the store is: nobody who is refused may learn it."""

OTHERS: list[str] = json.loads(os.environ.get("HOSTILE_OTHERS", "[]"))
"""Names and ids of things that the caller has no rights on: he may learn of none."""

INTERNALS = re.compile(
    r"Traceback|File \"|line \d+, in |\.py\b|site-packages|sqlite3?\b|sqlalchemy|psycopg|msgspec|starlette|uvicorn|"
    r"httptools|anyio|asyncio|\bSELECT\b.*\bFROM\b|INSERT INTO|\[SQL|object at 0x|<class |Errno|OSError|KeyError",
    re.IGNORECASE | re.DOTALL,
)
_turn = 0


@schemathesis.check
def no_internals(_context: CheckContext, response: Response, case: Case) -> None:
    """An error is a code and a sentence of ours."""
    if response.status_code < 400 or case.method == "HEAD":
        return
    assert response.headers["content-type"] == ["application/json"], response.headers
    answer = json.loads(response.content)
    assert set(answer) == {"error_code", "message"}, answer
    assert re.fullmatch(r"[A-Z][A-Z_]+", answer["error_code"]), answer
    # What the caller said may be repeated to him.
    said = answer["message"]
    found = INTERNALS.search(said)
    assert found is None or found[0].lower() in _sent(case).lower(), said
    assert not any(place in said for place in PLACES), said


@schemathesis.check
def nothing_of_others(_context: CheckContext, response: Response, case: Case) -> None:
    """Of what the caller may not read nothing is told but what he says himself; and nothing of it is changed."""
    sent = _sent(case)
    told = response.content.decode(errors="replace")
    assert not [text for text in OTHERS if text in told and text not in sent], told


def _sent(case: Case) -> str:
    return repr((case.path_parameters, case.query, case.body))


@schemathesis.hook
def before_call(_context: HookContext, case: Case, _kwargs: dict[str, Any]) -> None:
    """Let what is well-formed be about something that exists."""
    if case.meta is None or not case.meta.generation.mode.is_positive or case.method == "DELETE":
        return
    of_registry = any(family in case.path for family in ("registered-models/", "model-versions/"))
    # What is made, or gets another name, is not there yet, or soon no more.
    others = case.path.endswith(("registered-models/create", "registered-models/rename"))
    for fields in (case.body, case.query, case.path_parameters):
        if isinstance(fields, dict):
            for name in fields.keys() & KNOWN.keys():
                if name != "name" or (of_registry and not others):
                    fields[name] = _known(name)


def _known(name: str) -> Any:
    global _turn
    values = KNOWN[name]
    _turn += 1
    return values[_turn % len(values)]
