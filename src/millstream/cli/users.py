"""`millstream users`: who may log in to a server, and what they may do, without one running."""

from __future__ import annotations

import time
from typing import Any

import click

from millstream.cli.accounts import Place, Thing, at_place, one_thing, read_password
from millstream.cli.options import json_option
from millstream.cli.output import echo_json, echo_table, local_time
from millstream.cli.roles import role
from millstream.cli.shares import share
from millstream.cli.tokens import token
from millstream.values.accounts import (
    CreateUser,
    DeleteUser,
    GetUser,
    GrantTo,
    ListUsers,
    Revoke,
    Role,
    SetAdmin,
    SetPassword,
    UserRoles,
    check_user_name,
)
from millstream.values.rights import Level


@click.group()
def users() -> None:
    """Say who may log in to a server, and what they may do.

    Works on the database of the users; servers on it know of a change within about a second. Passwords are asked for,
    read from standard input (one line), or taken from MILLSTREAM_NEW_PASSWORD.
    """


users.add_command(role)
users.add_command(share)
users.add_command(token)


@users.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="Make an administrator. The first user of all is one anyway.")
@at_place
@json_option
def add(place: Place, name: str, admin: bool, as_json: bool) -> None:
    """Make a user."""
    check_user_name(name)
    with place.open() as accounts:
        password = read_password(f"Password for {name}")
        made = accounts.write(CreateUser(name=name, password=password, time=time.time_ns() // 1_000_000, admin=admin))
    if as_json:
        echo_json(made)
    click.echo(f"Made the {'administrator' if made.admin else 'user'} {name!r} in {place.public}.", err=True)


@users.command("list")
@at_place
@json_option
def list_(place: Place, as_json: bool) -> None:
    """List all users."""
    with place.open() as accounts:
        found = accounts.read(ListUsers())
    if as_json:
        echo_json(found)
    elif found:
        rows = [[user.name, "yes" if user.admin else "", local_time(user.created)] for user in found]
        echo_table(["Name", "Administrator", "Made"], rows)
    else:
        click.echo(f"There are no users in {place.public}.", err=True)


@users.command()
@click.argument("name")
@at_place
@json_option
def show(place: Place, name: str, as_json: bool) -> None:
    """Show what was granted to a user, by himself and by the roles that he is in."""
    with place.open() as accounts:
        user, roles = accounts.read(GetUser(name=name)), accounts.read(UserRoles(name=name))
    grants = [_grant(role, grant) for role in roles for grant in role.grants]
    if as_json:
        echo_json({"name": user.name, "admin": user.admin, "created": user.created, "grants": grants})
        return
    if user.admin:
        click.echo(f"{name!r} is an administrator and may do everything.", err=True)
    if grants:
        rows = [[item["kind"], item["thing"], item["permission"], item["role"] or ""] for item in grants]
        echo_table(["Kind", "Thing", "Permission", "Role"], rows)
    else:
        click.echo(f"Nothing was granted to {name!r}.", err=True)


def _grant(role: Role, grant: Any) -> dict[str, Any]:
    of = None if role.owner is not None else role.name
    return {"kind": grant.kind, "thing": grant.pattern, "permission": grant.level.name, "role": of}


@users.command()
@click.argument("name")
@at_place
@json_option
def remove(place: Place, name: str, as_json: bool) -> None:
    """Remove a user with his permissions, tokens and share links. What he logged stays."""
    with place.open() as accounts:
        accounts.write(DeleteUser(name=name))
    if as_json:
        echo_json({"name": name})
    click.echo(f"Removed the user {name!r} from {place.public}.", err=True)


@users.command()
@click.argument("name")
@at_place
@json_option
def passwd(place: Place, name: str, as_json: bool) -> None:
    """Give a user another password. He is logged out of all browsers; his tokens stay."""
    with place.open() as accounts:
        accounts.read(GetUser(name=name))
        accounts.write(SetPassword(name=name, password=read_password(f"New password for {name}")))
    if as_json:
        echo_json({"name": name})
    click.echo(f"The password of {name!r} was changed.", err=True)


@users.command()
@click.argument("name")
@click.option("--on/--off", "on", default=True, help="An administrator, or one no more.  [default: on]")
@at_place
@json_option
def admin(place: Place, name: str, on: bool, as_json: bool) -> None:
    """Make a user an administrator, who may do everything, or one no more."""
    with place.open() as accounts:
        accounts.write(SetAdmin(name=name, admin=on))
    if as_json:
        echo_json({"name": name, "admin": on})
    click.echo(f"{name!r} is {'an administrator now' if on else 'no administrator any more'}.", err=True)


@users.command()
@click.argument("name")
@click.argument("permission", type=click.Choice(list(Level.__members__), case_sensitive=False))
@one_thing
@at_place
@json_option
def grant(place: Place, name: str, permission: str, thing: Thing, as_json: bool) -> None:
    """Give a user a permission on an experiment or registered model, in place of what he had on it."""
    level = Level.named(permission.upper())
    with place.open() as accounts:
        kind, pattern = thing.find(place.store)
        accounts.write(GrantTo(name=name, kind=kind, pattern=pattern, level=level))
    if as_json:
        echo_json({"name": name, "kind": kind, "thing": pattern, "permission": level.name})
    click.echo(f"{name!r} has {level.name} on {thing.called(kind, pattern)}.", err=True)


@users.command()
@click.argument("name")
@one_thing
@at_place
@json_option
def revoke(place: Place, name: str, thing: Thing, as_json: bool) -> None:
    """Take back what was granted to a user himself on an experiment or registered model."""
    with place.open() as accounts:
        kind, pattern = thing.find(place.store, gone=True)
        accounts.write(Revoke(name=name, kind=kind, pattern=pattern))
    if as_json:
        echo_json({"name": name, "kind": kind, "thing": pattern})
    click.echo(f"Took back what {name!r} had on {thing.called(kind, pattern)}.", err=True)
