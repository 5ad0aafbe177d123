"""`millstream ui` and `millstream server`: show a store in the browser, and to clients of MLflow's REST interface."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
from click.core import ParameterSource

from millstream.cli.login import LOGIN_NAMES, Login, open_login, refuse_login
from millstream.cli.passing import PASSING, Passing, read_passing
from millstream.cli.progress import progress_bar
from millstream.cli.server_options import server_options
from millstream.cli.servers import list_, stop
from millstream.cli.watching import WATCHING, Watching, read_watching
from millstream.values.errors import MillstreamError, Unavailable
from millstream.values.settings import setting, text_setting
from millstream.values.version import VERSION

# Others who search have their turn in between.
_SETTLE_PAUSE = 0.2

if TYPE_CHECKING:
    from socket import socket

    from starlette.types import ASGIApp

    from millstream.server.process import Hooks
    from millstream.server.roster import Entry
    from millstream.server.sockets import Offer
    from millstream.stores.base import Store


@click.command()
@server_options
@click.pass_context
def ui(context: click.Context, /, **options: Any) -> None:
    """Show runs in the browser: finds the store, serves it on this machine, until Ctrl-C."""
    if options["browse"] is None:
        options["browse"] = sys.stderr.isatty() and _has_display()
    _run(context, **options)


@click.group(invoke_without_command=True, subcommand_metavar="[COMMAND]")
@server_options
@click.pass_context
def server(context: click.Context, /, **options: Any) -> None:
    """Serve a store to browsers and to clients of MLflow's REST interface, until Ctrl-C.

    With a command: list the servers that run, or stop one.
    """
    if context.invoked_subcommand is None:
        _run(context, **options)


server.add_command(list_)
server.add_command(stop)


def _run(context: click.Context, *, workers: int | None, browse: bool | None, replace: bool, **options: Any) -> None:
    workers = int(str(setting("WORKERS"))) if workers is None else workers
    started = time.time_ns() // 1_000_000
    try:
        if workers < 1 or (workers > 1 and not hasattr(os, "fork")):
            raise click.UsageError(f"{workers} workers cannot be had on this system; leave --workers out.")
        passing = read_passing(options["store_uri"], **{name: options.pop(name) for name in PASSING})
        options["watching"] = read_watching(
            workers, options["trusted_proxies"], **{name: options.pop(name) for name in WATCHING}
        )
        with ExitStack() as ending:
            listening = _listen(context, options.pop("host"), options.pop("port"), replace)
            ready = _prepare(listening, ending, started=started, workers=workers, passing=passing, **options)
            _try_out(ready.store, replacing=bool(listening.before))
            (_serve_alone if workers == 1 else _serve_together)(ready, browse)
    except MillstreamError as error:
        raise click.ClickException(error.message) from error
    with suppress(OSError):  # the terminal may be gone
        click.echo("Stopped.", err=True)
    from millstream.server import process

    process.leave()


def _try_out(store: Store | None, *, replacing: bool) -> None:
    """Fail where the database is none that can be served; one that is not there yet is waited for.

    A server that works is not replaced by one that waits.
    """
    from millstream.stores.database import DatabaseStore
    from millstream.values.queries import SearchExperiments

    if isinstance(store, DatabaseStore):
        try:
            store.read(SearchExperiments(max_results=1))
        except Unavailable as error:
            if replacing:
                raise
            click.echo(f"{error.message} The server waits for it.", err=True)
        store.close()  # workers have connections of their own


class _Listening(NamedTuple):
    """A socket that callers can reach; `before` are the servers that it belonged to."""

    sock: socket
    host: str
    before: tuple[Entry, ...] = ()

    @property
    def port(self) -> int:
        return int(self.sock.getsockname()[1])


class _Ready(NamedTuple):
    """All that serving needs, with the port taken; `store` is None where only artifacts are passed on."""

    store: Store | None
    what: str
    app: ASGIApp
    listening: _Listening
    entry: Entry
    offer: Offer | None
    login: Login
    watching: Watching

    def serve(self, number: int, hooks: Hooks) -> None:
        """Answer as worker `number`, until a signal."""
        from millstream.server.process import serve

        self.watching.enter(number)
        try:
            serve(self.app, self.listening.sock, hooks)
        finally:
            self.watching.close()
        if self.store is not None:
            self.store.close()
        self.login.close()


def _listen(context: click.Context, host: str | None, port: int | None, replace: bool) -> _Listening:
    """The port first: when it is taken, nothing else matters, and it should be said at once."""
    from millstream.server import roster, sockets

    passed = sockets.passed_in()
    if passed is not None:
        return _Listening(passed, str(passed.getsockname()[0]))
    host = host or str(setting("HOST"))
    port = int(str(setting("PORT"))) if port is None else port
    if replace:
        before = tuple(entry for entry in roster.entries() if entry.listens(host, port))
        if before:
            return _Listening(sockets.take_over(before[-1].offer), host, before)
    try:
        return _Listening(sockets.bind(host, port), host)
    except OSError as error:
        from millstream.server.ports import explain

        raise explain(error, host, port, _command(context)) from error


def _prepare(
    listening: _Listening,
    ending: ExitStack,
    *,
    started: int,
    workers: int,
    static_prefix: str | None,
    watching: Watching,
    **served: Any,
) -> _Ready:
    from millstream.server import roster, sockets

    prefix = static_prefix or text_setting("STATIC_PREFIX") or ""
    store, public, how, app, login = _open(started=started, static_prefix=prefix, watching=watching, **served)
    entry = roster.Entry(
        pid=os.getpid(),
        born=roster.born(os.getpid()) or "",
        host=str(listening.sock.getsockname()[0]),
        port=listening.port,
        url=sockets.url(listening.host, listening.port, prefix.rstrip("/")),
        store=public,
        workers=workers,
        since=started,
        version=VERSION,
    )
    offer = sockets.offer(listening.sock, entry.offer)
    if offer is not None:
        ending.callback(offer.close)
    ending.enter_context(roster.noted(entry))
    return _Ready(store, f"{public} ({how})", app, listening, entry, offer, login, watching)


def _open(
    *,
    started: int,
    store_uri: str | None,
    default_artifact_root: str | None,
    passing: Passing,
    static_prefix: str,
    watching: Watching,
    **callers: Any,
) -> tuple[Store | None, str, str, ASGIApp, Login]:
    """(the store, what may be shown of its place, how that was found, the app over it, who logs in)."""
    from millstream.server.app import make_app, make_depot
    from millstream.stores.open import find_store, on_this_side, open_store

    login_options = {name: callers.pop(name) for name in LOGIN_NAMES}
    scoring = _words(callers.pop("scoring_servers"), "SCORING_SERVERS")
    ways: dict[str, Any] = {"static_prefix": static_prefix, "watch": watching.watch, **_guards(**callers)}
    if passing.only:
        refuse_login(login_options)
        return None, passing.only, "only artifacts", make_depot(passing.only, **ways), Login()
    found = on_this_side(find_store(store_uri or text_setting("BACKEND_STORE_URI")), "Start another one")
    root = default_artifact_root or text_setting("DEFAULT_ARTIFACT_ROOT")
    store = open_store(found.uri, root or (passing.destination if passing.serve else None))
    passed: dict[str, Any] = {"artifacts_destination": passing.destination, "serve_artifacts": passing.serve}
    login = open_login(store, static_prefix, login_options)
    app = make_app(
        store, started=started, artifact_root=root, gate=login.gate, scoring_servers=scoring, **ways, **passed
    )
    return store, found.public, found.how, app, login


def _guards(
    *, allowed_hosts: str | None, cors_allowed_origins: str | None, x_frame_options: str | None
) -> dict[str, Any]:
    """Who may call, and how much at a time, for `make_app`."""
    from millstream.server.limits import Limits

    return {
        "limits": Limits.of_settings(),
        "allowed_hosts": _words(allowed_hosts, "ALLOWED_HOSTS"),
        "allowed_origins": _words(cors_allowed_origins, "CORS_ALLOWED_ORIGINS"),
        "frames": x_frame_options or str(setting("X_FRAME_OPTIONS")),
    }


def _words(text: str | None, name: str) -> list[str]:
    """The comma-separated words of an option, or of the setting that stands for it."""
    return [word.strip() for word in (text or text_setting(name) or "").split(",") if word.strip()]


def _serve_alone(ready: _Ready, browse: bool | None) -> None:
    from millstream.server.process import Hooks

    def answering() -> None:
        _announce(ready, browse)
        _prepare_beside(ready.store, describe=True)

    ready.serve(0, Hooks(ready=answering, offer=ready.offer))


def _serve_together(ready: _Ready, browse: bool | None) -> None:
    """Workers have stores of their own: this process opens none and starts no thread, because it forks."""
    from millstream.server.workers import Workers

    announced: list[bool] = []

    def work(number: int, hooks: Hooks) -> None:
        _prepare_beside(ready.store, describe=number == 0 and not announced)
        ready.serve(number, hooks)

    def answering() -> None:
        announced.append(True)
        _announce(ready, browse)

    Workers(ready.entry.workers, work, ready.listening.sock, ready.offer).run(answering)


def _announce(ready: _Ready, browse: bool | None) -> None:
    from signal import SIGTERM

    from millstream.server.sockets import open_to_all

    address = ready.entry.url
    click.echo(f"Millstream serves {ready.what} at {address}", err=True)
    for entry in ready.listening.before:
        if entry.signal(SIGTERM):
            click.echo(f"It takes the place of process {entry.pid}, which ends what it has begun.", err=True)
    for words in ready.login.words:
        click.echo(words, err=True)
    if ready.login.gate is None and open_to_all(ready.listening.sock):
        click.echo("Whoever can reach this address can read and change what it serves: there is no login.", err=True)
    click.echo(address)
    sys.stdout.flush()
    if browse and ready.store is not None and _has_display():
        click.launch(address)


def _command(context: click.Context) -> list[str]:
    """The command line as it was given, without its port."""
    words = context.command_path.split()
    for parameter in context.command.params:
        name = parameter.name or ""
        if name != "port" and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            if isinstance(parameter, click.Option) and parameter.is_flag:
                words.append((parameter.opts if value else parameter.secondary_opts)[0])
            else:
                words += [parameter.opts[0], str(value)]
    return words


def _prepare_beside(store: Store | None, *, describe: bool) -> None:
    """While the server answers: say how much there is to see, and get ready for searches of it."""

    def prepare(store: Store) -> None:
        try:
            if describe:
                _describe(store)
            _settle(store)
        except MillstreamError as error:
            click.echo(f"The runs cannot be read: {error.message}", err=True)

    if store is not None:
        threading.Thread(target=prepare, args=(store,), daemon=True).start()


def _settle(store: Store) -> None:
    from millstream.stores.embedded import EmbeddedStore

    while isinstance(store, EmbeddedStore) and store.root.is_dir() and store.settle():
        time.sleep(_SETTLE_PAUSE)


def _describe(store: Store) -> None:
    """A large tree takes time to read at first; the pages do not wait for it."""
    from millstream.stores.embedded import EmbeddedStore
    from millstream.values.queries import DescribeStore

    if isinstance(store, EmbeddedStore):
        store.progress = progress_bar("Reading")
    facts = store.read(DescribeStore())
    if not facts.exists:
        click.echo(f"{facts.location} does not exist yet; the first run that is logged there makes it.", err=True)
        return
    _say_what_other_servers_lack(store)
    runs, experiments = (
        f"{number} {word if number == 1 else word + 's'}"
        for number, word in ((facts.runs, "run"), (facts.experiments, "experiment"))
    )
    click.echo(f"{runs} in {experiments}.", err=True)
    for problem in facts.problems:
        click.echo(f"Problem: {problem}", err=True)


def _say_what_other_servers_lack(store: Store) -> None:
    """Where others may serve the same database, say which files they have no part in."""
    from millstream.values.databases import POSTGRESQL, DatabaseUri
    from millstream.values.names import DEFAULT_EXPERIMENT_ID
    from millstream.values.paths import Location
    from millstream.values.queries import GetExperiment

    database = DatabaseUri.parse(store.uri, Path.cwd())
    if database is None or database.kind != POSTGRESQL:
        return
    try:
        place = Location.parse(store.read(GetExperiment(experiment_id=DEFAULT_EXPERIMENT_ID)).artifact_location)
    except MillstreamError:
        return  # it was removed for good
    if place.local is not None:
        click.echo(
            f"The default experiment keeps its files on this machine, in {place.local}: servers on other machines do "
            "not have them. Several servers need --artifacts-destination and a bucket, from a database's first use on.",
            err=True,
        )


def _has_display() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
