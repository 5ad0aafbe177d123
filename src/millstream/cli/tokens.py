"""`millstream users token`: what programs log in with."""

from __future__ import annotations

import time
from typing import Any

import click

from millstream.cli.accounts import Place, Thing, at_place
from millstream.cli.options import json_option
from millstream.cli.output import echo_json, echo_table, local_time
from millstream.values.accounts import DAY, MAX_TOKEN, SCOPES, CreateToken, GetUser, ListTokens, RevokeToken, Token


@click.group()
def token() -> None:
    """Make, list and revoke tokens, with which programs log in (MLFLOW_TRACKING_TOKEN)."""


@token.command()
@click.argument("user")
@click.option("--name", default="", help="What it is for.")
@click.option(
    "--scope",
    type=click.Choice(list(SCOPES)),
    default="edit",
    show_default=True,
    help="What it lets do, up to the user's own rights; full: administer and change the account as well.",
)
@click.option(
    "--days", type=click.IntRange(1, MAX_TOKEN // DAY), default=90, show_default=True, help="How long it is good for."
)
@click.option("-x", "--experiment-id", "experiments", multiple=True, help="Only for this experiment; several times.")
@click.option("-m", "--model", "models", multiple=True, help="Only for this registered model; several times.")
@at_place
@json_option
def add(
    place: Place,
    user: str,
    name: str,
    scope: str,
    days: int,
    experiments: tuple[str, ...],
    models: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a token of a user. It is printed now and never again."""
    now = time.time_ns() // 1_000_000
    with place.open() as accounts:
        accounts.read(GetUser(name=user))
        things: dict[str, tuple[str, ...]] = {}
        for thing in [*(Thing(experiment_id=item) for item in experiments), *(Thing(model=item) for item in models)]:
            kind, found = thing.find(place.store)
            things[kind] = (*things.get(kind, ()), found)
        op = CreateToken(user=user, name=name, time=now, expires=now + days * DAY, scope=scope, things=things or None)
        made = accounts.write(op)
    if as_json:
        echo_json({**_plain(made.token), "token": made.secret.reveal()})
    else:
        click.echo(made.secret.reveal())
        click.echo(f"It ends {local_time(made.token.expires)} and is shown this once; its id is {made.token.token_id}.",
                   err=True)  # fmt: skip


@token.command("list")
@click.argument("user", required=False)
@at_place
@json_option
def list_(place: Place, user: str | None, as_json: bool) -> None:
    """List tokens and share links that are not over, of one user or of all. The tokens themselves are kept nowhere."""
    with place.open() as accounts:
        if user is not None:
            accounts.read(GetUser(name=user))
        found = accounts.read(ListTokens(user=user))
    if as_json:
        echo_json([_plain(item) for item in found])
    elif found:
        rows = [[item.token_id, item.user, item.name, item.scope, local_time(item.expires), _only(item)]
                for item in found]  # fmt: skip
        echo_table(["Id", "User", "Name", "Scope", "Ends", "Only"], rows)
    else:
        click.echo("There are no tokens.", err=True)


@token.command()
@click.argument("token_id", metavar="ID")
@at_place
@json_option
def revoke(place: Place, token_id: str, as_json: bool) -> None:
    """Let a token or share link be worth nothing from now on."""
    with place.open() as accounts:
        accounts.write(RevokeToken(token_id=token_id))
    if as_json:
        echo_json({"token_id": token_id})
    click.echo(f"Revoked {token_id}.", err=True)


def _only(item: Token) -> str:
    return ", ".join(f"{kind} {name}" for kind, names in (item.things or {}).items() for name in names)


def _plain(item: Token) -> dict[str, Any]:
    return {field: getattr(item, field) for field in item.__struct_fields__}
