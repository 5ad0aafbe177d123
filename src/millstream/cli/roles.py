"""`millstream users role`: the same permissions for many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli.accounts import Place, Thing, at_place, one_thing
from millstream.cli.options import json_option
from millstream.cli.output import echo_json, echo_table
from millstream.values.accounts import (
    AddRoleGrant,
    AssignRole,
    CreateRole,
    DeleteRole,
    Grant,
    ListRoles,
    ListUsers,
    RemoveRoleGrant,
    Role,
    RoleUsers,
    UnassignRole,
    UpdateRole,
    UpdateRoleGrant,
)
from millstream.values.errors import NotFound
from millstream.values.rights import Level

if TYPE_CHECKING:
    from millstream.stores.accounts import Accounts


@click.group()
def role() -> None:
    """Make roles, say what they may do, and who is in them."""


@role.command()
@click.argument("name")
@click.option("--description", help="What it is for.")
@at_place
@json_option
def add(place: Place, name: str, description: str | None, as_json: bool) -> None:
    """Make a role. Nothing is granted to it yet, and nobody is in it."""
    with place.open() as accounts:
        made = accounts.write(CreateRole(name=name, description=description))
    if as_json:
        echo_json(_plain(made, []))
    click.echo(f"Made the role {name!r} in {place.public}.", err=True)


@role.command("list")
@at_place
@json_option
def list_(place: Place, as_json: bool) -> None:
    """List all roles with who is in them."""
    with place.open() as accounts:
        found = [(one, _people(accounts, one)) for one in accounts.read(ListRoles())]
    if as_json:
        echo_json([_plain(*one) for one in found])
    elif found:
        rows = [[one.name, str(len(one.grants)), ", ".join(people), one.description or ""] for one, people in found]
        echo_table(["Name", "Permissions", "Users", "Description"], rows)
    else:
        click.echo(f"There are no roles in {place.public}.", err=True)


@role.command()
@click.argument("name")
@at_place
@json_option
def show(place: Place, name: str, as_json: bool) -> None:
    """Show what was granted to a role, and who is in it."""
    with place.open() as accounts:
        found = _find(accounts, name)
        people = _people(accounts, found)
    if as_json:
        echo_json(_plain(found, people))
        return
    if found.grants:
        rows = [[item.kind, item.pattern, item.level.name] for item in found.grants]
        echo_table(["Kind", "Thing", "Permission"], rows)
    else:
        click.echo(f"Nothing was granted to the role {name!r}.", err=True)
    click.echo(f"In it: {', '.join(people) or 'nobody'}.", err=True)


@role.command()
@click.argument("name")
@click.option("--name", "new_name", help="Another name.")
@click.option("--description", help="Another description.")
@at_place
@json_option
def change(place: Place, name: str, new_name: str | None, description: str | None, as_json: bool) -> None:
    """Give a role another name or description."""
    if new_name is None and description is None:
        raise click.UsageError("Give --name or --description.")
    with place.open() as accounts:
        op = UpdateRole(role_id=_find(accounts, name).role_id, name=new_name, description=description)
        changed = accounts.write(op)
        people = _people(accounts, changed)
    if as_json:
        echo_json(_plain(changed, people))
    click.echo(f"Changed the role {name!r}.", err=True)


@role.command()
@click.argument("name")
@at_place
@json_option
def remove(place: Place, name: str, as_json: bool) -> None:
    """Remove a role; who was in it keeps what he has otherwise."""
    with place.open() as accounts:
        accounts.write(DeleteRole(role_id=_find(accounts, name).role_id))
    if as_json:
        echo_json({"name": name})
    click.echo(f"Removed the role {name!r} from {place.public}.", err=True)


@role.command()
@click.argument("name")
@click.argument("users", nargs=-1, required=True)
@at_place
@json_option
def join(place: Place, name: str, users: tuple[str, ...], as_json: bool) -> None:
    """Put users into a role."""
    with place.open() as accounts:
        found = _find(accounts, name)
        there = _people(accounts, found)
        for user in dict.fromkeys(users):
            if user not in there:
                accounts.write(AssignRole(name=user, role_id=found.role_id))
        people = _people(accounts, found)
    if as_json:
        echo_json(_plain(found, people))
    click.echo(f"In the role {name!r}: {', '.join(people)}.", err=True)


@role.command()
@click.argument("name")
@click.argument("users", nargs=-1, required=True)
@at_place
@json_option
def leave(place: Place, name: str, users: tuple[str, ...], as_json: bool) -> None:
    """Take users out of a role."""
    with place.open() as accounts:
        found = _find(accounts, name)
        for user in dict.fromkeys(users):
            accounts.write(UnassignRole(name=user, role_id=found.role_id))
        people = _people(accounts, found)
    if as_json:
        echo_json(_plain(found, people))
    click.echo(f"In the role {name!r}: {', '.join(people) or 'nobody'}.", err=True)


@role.command()
@click.argument("name")
@click.argument("permission", type=click.Choice(list(Level.__members__), case_sensitive=False))
@one_thing
@at_place
@json_option
def grant(place: Place, name: str, permission: str, thing: Thing, as_json: bool) -> None:
    """Give a role a permission on an experiment or registered model, in place of what it had on it."""
    level = Level.named(permission.upper())
    with place.open() as accounts:
        kind, pattern = thing.find(place.store)
        found = _find(accounts, name)
        known = _grant_on(found, kind, pattern)
        if known is None:
            accounts.write(AddRoleGrant(role_id=found.role_id, kind=kind, pattern=pattern, level=level))
        else:
            accounts.write(UpdateRoleGrant(grant_id=known.grant_id, level=level))
    if as_json:
        echo_json({"role": name, "kind": kind, "thing": pattern, "permission": level.name})
    click.echo(f"The role {name!r} has {level.name} on {thing.called(kind, pattern)}.", err=True)


@role.command()
@click.argument("name")
@one_thing
@at_place
@json_option
def revoke(place: Place, name: str, thing: Thing, as_json: bool) -> None:
    """Take back what was granted to a role on an experiment or registered model."""
    with place.open() as accounts:
        kind, pattern = thing.find(place.store, gone=True)
        known = _grant_on(_find(accounts, name), kind, pattern)
        if known is None:
            raise NotFound(f"Nothing was granted to the role {name!r} on {thing.called(kind, pattern)}.")
        accounts.write(RemoveRoleGrant(grant_id=known.grant_id))
    if as_json:
        echo_json({"role": name, "kind": kind, "thing": pattern})
    click.echo(f"Took back what the role {name!r} had on {thing.called(kind, pattern)}.", err=True)


def _find(accounts: Accounts, name: str) -> Role:
    found = next((one for one in accounts.read(ListRoles()) if one.name == name), None)
    if found is None:
        raise NotFound(f"There is no role {name!r}. Those that are: millstream users role list")
    return found


def _people(accounts: Accounts, found: Role) -> list[str]:
    """Names of the users in a role."""
    names = {user.user_id: user.name for user in accounts.read(ListUsers())}
    members = accounts.read(RoleUsers(role_id=found.role_id))
    return sorted(names[member.user_id] for member in members if member.user_id in names)


def _grant_on(found: Role, kind: str, pattern: str) -> Grant | None:
    return next((item for item in found.grants if (item.kind, item.pattern) == (kind, pattern)), None)


def _plain(found: Role, people: list[str]) -> dict[str, Any]:
    grants = [{"kind": item.kind, "thing": item.pattern, "permission": item.level.name} for item in found.grants]
    return {
        "role_id": found.role_id,
        "name": found.name,
        "description": found.description,
        "users": people,
        "grants": grants,
    }
