"""`millstream ui` and `millstream server`: show a store in the browser, and to clients of MLflow's REST interface."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from millstream.cli.options import check_uri, checked
from millstream.cli.progress import progress_bar
from millstream.values.errors import MillstreamError
from millstream.values.settings import setting, text_setting

if TYPE_CHECKING:
    from socket import socket

    from starlette.types import ASGIApp

    from millstream.stores.base import Store
    from millstream.stores.open import FoundStore

F = TypeVar("F", bound=Callable[..., Any])


def _check_prefix(text: str) -> None:
    from millstream.server.static import check_prefix

    check_prefix(text)


def _check_hosts(text: str) -> None:
    from millstream.server.guards import parse_allowed

    for name in filter(None, text.split(",")):
        parse_allowed(name)


_OPTIONS = (
    click.option(
        "--backend-store-uri",
        "--tracking-uri",
        "store_uri",
        metavar="URI",
        callback=checked(check_uri),
        help="Directory or database with the runs. Default: the mlruns found from the working directory upward.",
    ),
    click.option("-h", "--host", metavar="HOST", help="Address to listen on.  [default: 127.0.0.1]"),
    click.option("-p", "--port", type=click.IntRange(0, 65535), help="Port; 0 takes any free one.  [default: 5000]"),
    click.option(
        "--static-prefix",
        default="",
        metavar="PATH",
        callback=checked(_check_prefix),
        help="Path before every URL, behind a proxy.",
    ),
    click.option(
        "--allowed-hosts",
        metavar="NAMES",
        callback=checked(_check_hosts),
        help="Host names to answer to, separated by commas.",
    ),
    click.option(
        "--default-artifact-root",
        metavar="DIR",
        help="Where new experiments keep artifacts, and what clients may name.",
    ),
    click.option("-w", "--workers", type=int, default=1, help="Only 1: one process answers everything."),
    click.option("--open/--no-open", "browse", default=None, help="Open the pages in the browser."),
)


def _with_options(command: F) -> F:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command()
@_with_options
@click.pass_context
def ui(context: click.Context, /, **options: Any) -> None:
    """Show runs in the browser: finds the store, serves it on this machine, until Ctrl-C."""
    if options["browse"] is None:
        options["browse"] = sys.stderr.isatty() and _has_display()
    _run(context, **options)


@click.command()
@_with_options
@click.pass_context
def server(context: click.Context, /, **options: Any) -> None:
    """Serve a store to browsers and to clients of MLflow's REST interface, until Ctrl-C."""
    _run(context, **options)


def _run(context: click.Context, *, workers: int, browse: bool | None, **options: Any) -> None:
    if workers != 1:
        raise click.UsageError("One process answers everything here, so --workers takes only 1. Leave it out.")
    from millstream.server import process

    try:
        ready = _prepare(context, started=time.time_ns() // 1_000_000, **options)
    except MillstreamError as error:
        raise click.ClickException(error.message) from error
    process.serve(ready.app, ready.sock, lambda: _announce(ready, browse))
    ready.store.close()
    click.echo("Stopped.", err=True)
    process.leave()


def _announce(ready: _Ready, browse: bool | None) -> None:
    click.echo(f"Millstream serves {ready.found.public} ({ready.found.how}) at {ready.address}", err=True)
    if ready.open_to_all:
        click.echo("Whoever can reach this address can read and change the runs: there is no login.", err=True)
    click.echo(ready.address)
    sys.stdout.flush()
    threading.Thread(target=_describe, args=(ready.store,), daemon=True).start()
    if browse and _has_display():
        click.launch(ready.address)


class _Ready(NamedTuple):
    """All that serving needs, with the port taken."""

    store: Store
    found: FoundStore
    app: ASGIApp
    sock: socket
    address: str
    open_to_all: bool


def _prepare(
    context: click.Context,
    *,
    started: int,
    store_uri: str | None,
    host: str | None,
    port: int | None,
    static_prefix: str,
    allowed_hosts: str | None,
    default_artifact_root: str | None,
) -> _Ready:
    from millstream.server import process
    from millstream.server.app import make_app
    from millstream.stores.open import find_store, open_store

    host = host or str(setting("HOST"))
    port = int(str(setting("PORT"))) if port is None else port
    # The port first: when it is taken, nothing else matters, and it should be said at once.
    try:
        sock = process.bind(host, port)
    except OSError as error:
        from millstream.server.ports import explain

        raise explain(error, host, port, _command(context)) from error
    found = find_store(store_uri or text_setting("BACKEND_STORE_URI"))
    default_artifact_root = default_artifact_root or text_setting("DEFAULT_ARTIFACT_ROOT")
    store = open_store(found.uri, default_artifact_root)
    app = make_app(
        store,
        static_prefix=static_prefix,
        allowed_hosts=(allowed_hosts or text_setting("ALLOWED_HOSTS") or "").split(","),
        started=started,
        artifact_root=default_artifact_root,
    )
    address = process.url(host, sock.getsockname()[1], static_prefix.rstrip("/"))
    return _Ready(store, found, app, sock, address, process.open_to_all(sock))


def _command(context: click.Context) -> list[str]:
    """The command line as it was given, without its port."""
    words = context.command_path.split()
    for parameter in context.command.params:
        name = parameter.name or ""
        if name != "port" and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            words += ["--open" if value else "--no-open"] if name == "browse" else [parameter.opts[0], str(value)]
    return words


def _describe(store: Store) -> None:
    """Say how much there is to see. A large tree takes time to read at first; the pages do not wait for it."""
    from millstream.stores.embedded import EmbeddedStore
    from millstream.values.queries import DescribeStore

    if isinstance(store, EmbeddedStore):
        store.progress = progress_bar("Reading")
    try:
        facts = store.read(DescribeStore())
    except MillstreamError as error:
        click.echo(f"The runs cannot be read: {error.message}", err=True)
        return
    if not facts.exists:
        click.echo(f"{facts.location} does not exist yet; the first run that is logged there makes it.", err=True)
        return
    runs, experiments = (
        f"{number} {word if number == 1 else word + 's'}"
        for number, word in ((facts.runs, "run"), (facts.experiments, "experiment"))
    )
    click.echo(f"{runs} in {experiments}.", err=True)
    for problem in facts.problems:
        click.echo(f"Problem: {problem}", err=True)


def _has_display() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
