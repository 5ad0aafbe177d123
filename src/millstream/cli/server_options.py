"""The options of `millstream ui` and `millstream server`, those of MLflow that mean nothing here among them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from millstream.cli.login import LOGIN
from millstream.cli.options import check_uri, checked
from millstream.cli.passing import ARTIFACT_OPTIONS
from millstream.cli.watching import WATCHING_OPTIONS

F = TypeVar("F", bound=Callable[..., Any])
Option = Callable[[F], F]


def _check_prefix(text: str) -> None:
    from millstream.server.static import check_prefix

    check_prefix(text)


def _check_hosts(text: str) -> None:
    from millstream.server.guards import parse_allowed

    for name in filter(None, text.split(",")):
        parse_allowed(name)


def _check_origins(text: str) -> None:
    from millstream.server.guards import parse_origin

    for origin in filter(None, text.split(",")):
        parse_origin(origin)


def _check_scoring(text: str) -> None:
    from millstream.server.scoring import check_destination

    for url in filter(None, text.split(",")):
        check_destination(url.strip())


STORE = (
    click.option(
        "--backend-store-uri",
        "--tracking-uri",
        "store_uri",
        metavar="URI",
        callback=checked(check_uri),
        help="Directory or database with the runs. Default: the mlruns found from the working directory upward.",
    ),
    click.option(
        "--default-artifact-root",
        metavar="URI",
        help="Where new experiments keep artifacts, and what clients may name. Clients reach a URI by themselves.",
    ),
    *ARTIFACT_OPTIONS,
)
ADDRESS = (
    click.option("-h", "--host", metavar="HOST", help="Address to listen on.  [default: 127.0.0.1]"),
    click.option("-p", "--port", type=click.IntRange(0, 65535), help="Port; 0 takes any free one.  [default: 5000]"),
    click.option(
        "--static-prefix",
        metavar="PATH",
        callback=checked(_check_prefix),
        help="Path before every URL, behind a proxy.",
    ),
    click.option("--open/--no-open", "browse", default=None, help="Open the pages in the browser."),
)
CALLERS = (
    click.option(
        "--allowed-hosts",
        metavar="NAMES",
        callback=checked(_check_hosts),
        help="Host names to answer to, separated by commas.",
    ),
    click.option(
        "--cors-allowed-origins",
        metavar="ORIGINS",
        callback=checked(_check_origins),
        help="Other sites whose pages may ask and change, as https://a.example, separated by commas.",
    ),
    click.option(
        "--x-frame-options",
        type=click.Choice(["SAMEORIGIN", "DENY", "NONE"], case_sensitive=False),
        help="Whose pages may show these pages in a frame: this server's, nobody's, everybody's.",
    ),
    click.option(
        "--scoring-servers",
        metavar="URLS",
        callback=checked(_check_scoring),
        help="Scoring servers that users may call from the pages, as http://host:port, separated by commas.",
    ),
)
PROCESS = (
    click.option(
        "-w",
        "--workers",
        type=click.IntRange(1, 256),
        help="Processes that answer; one serves a team, more use more processors.  [default: 1]",
    ),
    click.option(
        "--replace",
        is_flag=True,
        help="Take the port over from the server that runs there, which ends once this one answers; no caller notices.",
    ),
)

# Options of MLflow's server that mean nothing here, and what to do instead.
_ENGINE = "it has its own HTTP server. --workers sets the number of processes; `millstream doctor` lists all settings."
_REFUSED = {
    "--gunicorn-opts": _ENGINE,
    "--waitress-opts": _ENGINE,
    "--uvicorn-opts": _ENGINE,
    "--read-replica-backend-store-uri": "it reads and writes one database. Give that one as --backend-store-uri.",
    "--registry-store-uri": "the models of a store are registered in that store. Give it as --backend-store-uri.",
    "--trace-archival-config": "it keeps no traces. Leave the option out.",
    "--secrets-cache-ttl": "it has no gateway and keeps no secrets. Leave the option out.",
    "--secrets-cache-max-size": "it has no gateway and keeps no secrets. Leave the option out.",
    "--workspace-store-uri": "it has no workspaces. Run one server for each, with a store of its own.",
}
_REFUSED_FLAGS = {
    "--dev": "it does not reload its own source. Leave the option out.",
    "--disable-security-middleware": "its checks stay on. Name this server's host names with --allowed-hosts, and "
    "sites whose pages may call it with --cors-allowed-origins.",
    "--enable-workspaces": "it has no workspaces. Run one server for each, with a store of its own.",
}


def _refuse(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        name = parameter.opts[0]
        why = _REFUSED.get(name) or _REFUSED_FLAGS[name]
        raise click.UsageError(f"{name} is of MLflow's server and means nothing here: {why}", context)


def _refused() -> list[Option[Any]]:
    shown: dict[str, Any] = {"hidden": True, "expose_value": False, "callback": _refuse}
    return [
        *(click.option(name, **shown) for name in _REFUSED),
        *(click.option(name, is_flag=True, **shown) for name in _REFUSED_FLAGS),
    ]


def server_options(command: F) -> F:
    """Add every option that `ui` and `server` have."""
    for option in reversed([*STORE, *ADDRESS, *CALLERS, *LOGIN, *PROCESS, *WATCHING_OPTIONS, *_refused()]):
        command = option(command)
    return command
