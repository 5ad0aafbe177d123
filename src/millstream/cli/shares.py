"""`millstream users share`: links by which anybody reads one experiment or run."""

from __future__ import annotations

import time

import click

from millstream.cli.accounts import Place, at_place
from millstream.cli.options import json_option
from millstream.cli.output import echo_json, local_time
from millstream.values.accounts import MAX_SHARE, CreateShare, GetLevel, GetUser
from millstream.values.errors import InvalidValue, NotPermitted
from millstream.values.queries import GetExperiment, GetRunInfo
from millstream.values.rights import EXPERIMENT, RUN, Level

_HOUR = 60 * 60 * 1000


@click.command()
@click.argument("user")
@click.option("-x", "--experiment-id", "experiment_id", help="Id of the experiment to be read.")
@click.option("-r", "--run-id", "run_id", help="Id of the run to be read.")
@click.option("--name", default="", help="What it is for.")
@click.option(
    "--hours",
    type=click.IntRange(1, MAX_SHARE // _HOUR),
    default=24,
    show_default=True,
    help="How long it is good for.",
)
@click.option(
    "--address", metavar="URL", help="The server's, as in https://ml.example.org; then the whole link is printed."
)
@at_place
@json_option
def share(
    place: Place,
    user: str,
    experiment_id: str | None,
    run_id: str | None,
    name: str,
    hours: int,
    address: str | None,
    as_json: bool,
) -> None:
    """Make a link by which anybody reads one experiment or run, in the name of a user who manages it.

    It is printed now and never again. `users token list` and `users token revoke` know it.
    """
    if (experiment_id is None) == (run_id is None):
        raise click.UsageError("Give one of --experiment-id and --run-id.")
    if address is not None and not address.startswith(("http://", "https://")):
        raise InvalidValue(f"{address!r} is no address of a server: give http:// or https:// and its name.")
    now = time.time_ns() // 1_000_000
    with place.open() as accounts:
        maker = accounts.read(GetUser(name=user))
        home = experiment_id or place.store.read(GetRunInfo(run_id=str(run_id))).experiment_id
        place.store.read(GetExperiment(experiment_id=home))
        # A link of somebody who does not manage it would be worth nothing.
        level = accounts.read(GetLevel(name=user, kind=EXPERIMENT, thing=home))
        if not maker.admin and level < Level.MANAGE:
            raise NotPermitted(f"{user!r} does not manage the experiment {home!r}; only who does can share it.")
        kind, thing = (RUN, run_id) if experiment_id is None else (EXPERIMENT, experiment_id)
        op = CreateShare(user=user, kind=kind, thing=str(thing), time=now, expires=now + hours * _HOUR, name=name)
        made = accounts.write(op)
    path = f"share/{made.secret.reveal()}"
    link = path if address is None else f"{address.rstrip('/')}/{path}"
    if as_json:
        plain = {field: getattr(made.token, field) for field in made.token.__struct_fields__}
        echo_json({**plain, "path": path, "link": None if address is None else link})
    else:
        click.echo(link)
        where = "" if address is not None else " It goes behind the server's address."
        ends = local_time(made.token.expires)
        click.echo(f"It ends {ends} and is shown this once; its id is {made.token.token_id}.{where}", err=True)
