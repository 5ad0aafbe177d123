"""What `millstream server --auth` starts with: its options, who is asked, and how the first user is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from millstream.cli.options import checked
from millstream.values.errors import InvalidValue
from millstream.values.rights import Level
from millstream.values.settings import setting, text_setting

if TYPE_CHECKING:
    from millstream.server.auth.auth import Auth
    from millstream.stores.accounts import Accounts
    from millstream.stores.base import Store


def _check_database(text: str) -> None:
    from pathlib import Path

    from millstream.values.databases import DatabaseUri

    if DatabaseUri.parse(text, Path.cwd()) is None:
        raise InvalidValue(f"{text!r} names no database; write sqlite:///users.db or postgresql://…")


def _check_proxies(text: str) -> None:
    from millstream.server.auth.addresses import Proxies

    Proxies(text)


auth_db_option = click.option(
    "--auth-db",
    metavar="URI",
    callback=checked(_check_database),
    help="Database of the users. Default: that of the runs, or a file in the user's data directory.",
)
LOGIN = (
    click.option("--auth/--no-auth", default=None, help="Ask for a login; `millstream users` makes users."),
    click.option("--app-name", type=click.Choice(["basic-auth"]), help="basic-auth is MLflow's word for --auth."),
    auth_db_option,
    click.option(
        "--default-permission",
        type=click.Choice(["NO_PERMISSIONS", "READ", "EDIT", "MANAGE"]),
        help="What users may do where nothing was granted.  [default: NO_PERMISSIONS]",
    ),
    click.option(
        "--trusted-proxies",
        metavar="ADDRESSES",
        callback=checked(_check_proxies),
        help="Proxies whose X-Forwarded-For says where a request comes from, as 10.0.0.7,192.168.0.0/16.",
    ),
)


LOGIN_NAMES = ("auth", "app_name", "auth_db", "default_permission", "trusted_proxies")
"""The names of the parameters of `LOGIN`."""


class Login(NamedTuple):
    """What stands before the server's routes, and what is to be said of it when it starts."""

    gate: Auth | None = None
    words: tuple[str, ...] = ()

    def close(self) -> None:
        """Close the connections to the users' database; they open again when used."""
        if self.gate is not None:
            self.gate.accounts.close()


def open_accounts(store_uri: str, auth_db: str | None = None, default_permission: str | None = None) -> Accounts:
    """The users of the store `store_uri`; options that are None are taken from the settings."""
    from millstream.stores.accounts import Accounts, find_database

    level = Level.named(default_permission or str(text_setting("DEFAULT_PERMISSION")))
    return Accounts(find_database(store_uri, auth_db or text_setting("AUTH_DB")), level)


def open_login(store: Store, prefix: str, options: dict[str, Any]) -> Login:
    """The login before `store` that the `LOGIN` options ask for. No connection stays open: workers are forked."""
    if not _asked(options):
        return Login()
    from millstream.server.auth.addresses import Proxies
    from millstream.server.auth.auth import Auth

    proxies = Proxies(options["trusted_proxies"] or text_setting("TRUSTED_PROXIES") or "")
    accounts = open_accounts(store.uri, options["auth_db"], options["default_permission"])
    # A database that cannot be used is said now, and not to the first who comes.
    words = _words(accounts)
    accounts.close()
    return Login(Auth(accounts, store, prefix.rstrip("/"), proxies), words)


def refuse_login(options: dict[str, Any]) -> None:
    """UsageError when the `LOGIN` options ask for a login where there are no runs, and so no rights on them."""
    if _asked(options):
        raise click.UsageError("Rights on artifacts are those on their runs: --auth cannot go with --artifacts-only.")


def _asked(options: dict[str, Any]) -> bool:
    given = options["auth"] if options["auth"] is not None else setting("AUTH")
    return bool(given or options["app_name"])


def _words(accounts: Accounts) -> tuple[str, ...]:
    words = [f"Users log in; they are kept in {accounts.database.public}."]
    if accounts.default > Level.NO_PERMISSIONS:
        words.append(f"Where nothing was granted, every user has {accounts.default.name}.")
    if accounts.is_empty():
        words.append(
            "There is no user yet. Make the first, an administrator, within a day: open the page /login and give this "
            "one-time token, or run `millstream users add NAME` for the same store.\n\n"
            f"    {accounts.first_token().reveal()}\n"
        )
    return tuple(words)
