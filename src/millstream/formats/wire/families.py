"""What MLflow has and this server has not: whole families of routes, so that a client hears of it in clear words.

A route of the table goes first; only a path that it does not have is looked up here.
"""

from __future__ import annotations

import re

from msgspec import Struct

from millstream.values.errors import EndpointNotFound, MillstreamError, NotSupported

_API = re.compile(r"/(?:ajax-)?api/[23]\.0/(?:preview/)?(?:mlflow/)?(?P<rest>.*)", re.DOTALL)

# OpenTelemetry's path for spans, and GraphQL, both of MLflow's own pages and clients.
OUTSIDE = ("/v1/traces", "/graphql", "/gateway")


class Family(Struct, frozen=True):
    """Routes that belong together: how their paths begin, and what they are for."""

    starts: tuple[str, ...]
    purpose: str


FAMILIES = (
    Family(
        ("traces", "unified-traces", "get-trace-artifact", "get-online-trace-details"),
        "Traces are not kept here; the traced code runs as it does without them",
    ),
    Family(("issues",), "Issues of traces are not kept here"),
    Family(("label-schemas", "review-queues"), "Reviews of traces are not kept here"),
    Family(("datasets",), "Evaluation datasets are not kept here; datasets of runs are, with log_input"),
    Family(("scorers", "scorer", "genai"), "Scorers are not kept or run here"),
    Family(("prompt-optimization", "jobs"), "This server runs no jobs"),
    Family(
        ("gateway", "gateway-proxy", "runs/create-promptlab-run"), "This server is no gateway to models of providers"
    ),
    Family(("mcp-servers", "assistant", "demo"), "This server has no assistant"),
    Family(("workspaces",), "This server has one workspace, 'default'"),
    Family(("webhooks",), "This server calls no webhooks"),
    Family(("ui-telemetry",), "This server and its pages send nothing home"),
)

# MLflow's client stops sending spans when a message has these words (it looks for nothing else).
_NO_SPANS = "REST OTLP span logging is not supported"


def missing_route(path: str) -> MillstreamError:
    """The error for a `path` that no route has: NotSupported when MLflow has it, else EndpointNotFound."""
    found = _API.fullmatch(path)
    if found is not None:
        for family in FAMILIES:
            if any(found["rest"] == start or found["rest"].startswith(f"{start}/") for start in family.starts):
                return NotSupported(f"{family.purpose}.")
    if path == "/v1/traces":
        return NotSupported(f"{_NO_SPANS}: this server keeps no traces.")
    if path.startswith(OUTSIDE):
        return NotSupported("This server answers neither GraphQL nor as a gateway to models.")
    return EndpointNotFound(f"There is no endpoint {path[:200]!r} here.")
