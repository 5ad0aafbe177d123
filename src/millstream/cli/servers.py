"""`millstream server list` and `millstream server stop`: the servers of this user on this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from millstream.cli.options import json_option
from millstream.cli.output import echo_json, echo_table, local_time

if TYPE_CHECKING:
    from millstream.server.roster import Entry

_LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 2


@click.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the servers of this user that run on this machine, `ui` among them."""
    from millstream.server.roster import entries

    found = entries()
    if as_json:
        echo_json(found)
    elif found:
        rows = [
            [str(entry.port), str(entry.pid), str(entry.workers), local_time(entry.since), entry.url, entry.store]
            for entry in found
        ]
        echo_table(["Port", "Process", "Workers", "Since", "Address", "Store"], rows)
    else:
        click.echo("No server of this user runs on this machine.", err=True)


@click.command()
@click.argument("target", metavar="[PORT|PROCESS]", required=False, type=click.IntRange(min=1))
@click.option("--all", "every", is_flag=True, help="All servers of this user on this machine.")
@click.option("--timeout", type=click.FloatRange(min=0), help="Seconds to wait for the end.  [default: until it ends]")
@json_option
def stop(target: int | None, every: bool, timeout: float | None, as_json: bool) -> None:
    """Stop a server: it ends what it has begun first. Without a name the one that runs.

    To stop it once more is to end it at once.
    """
    from signal import SIGTERM

    chosen = _choose(target, every)
    asked = [entry for entry in chosen if entry.signal(SIGTERM)]
    left = _wait(asked, timeout)
    for entry in asked:
        if entry not in left:
            click.echo(f"Stopped {entry.url} (process {entry.pid}).", err=True)
    if as_json:
        echo_json([entry for entry in asked if entry not in left])
    if left:
        names = ", ".join(f"{entry.url} (process {entry.pid})" for entry in left)
        raise click.ClickException(f"Still ending what it has begun: {names}. Stop it once more to end it at once.")


def _choose(target: int | None, every: bool) -> list[Entry]:
    from millstream.server.roster import entries

    if every and target is not None:
        raise click.UsageError("Give either a port or process, or --all.")
    found = entries()
    if every:
        return found
    if target is None:
        if len(found) == 1:
            return found
        running = ", ".join(str(entry.port) for entry in found)
        raise click.UsageError(f"Say which one: the ports are {running}." if found else "No server runs here.")
    by_port = [entry for entry in found if entry.port == target]
    by_process = [entry for entry in found if entry.pid == target]
    if by_port and by_process and by_port != by_process:
        raise click.UsageError(f"{target} is the port of one server and the process of another: name the other number.")
    chosen = by_port or by_process
    if not chosen:
        raise click.ClickException(
            f"No server of this user has port or process {target}; `millstream server list` shows those that run."
        )
    return chosen


def _wait(asked: list[Entry], timeout: float | None) -> list[Entry]:
    """Those that have not ended in time."""
    start = time.monotonic()
    left = asked
    said = False
    while (left := [entry for entry in left if entry.running]) and (
        timeout is None or time.monotonic() - start < timeout
    ):
        if not said and time.monotonic() - start > PATIENCE_SECONDS:
            said = True
            click.echo("Waiting for what is under way …", err=True)
        time.sleep(_LOOK_SECONDS)
    return left
