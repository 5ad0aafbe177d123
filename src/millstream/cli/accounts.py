"""What the commands about users share: where users are kept, how a password is given, what a permission is on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from millstream.cli.login import auth_db_option, open_accounts
from millstream.cli.options import Command, check_uri, checked
from millstream.values.errors import InvalidValue
from millstream.values.queries import GetExperiment, GetExperimentByName, GetRegisteredModel
from millstream.values.rights import EVERY, EXPERIMENT, REGISTERED_MODEL
from millstream.values.secrets import Secret
from millstream.values.settings import text_setting

if TYPE_CHECKING:
    from millstream.stores.accounts import Accounts
    from millstream.stores.base import Store


class Place:
    """Where the users of a store are kept: the same place that `millstream server` finds with the same options."""

    def __init__(self, store_uri: str | None, auth_db: str | None) -> None:
        """Find the store `store_uri` as a server does; `auth_db` is another database for the users."""
        from millstream.stores.open import find_store, on_this_side, open_store

        self.store: Store = open_store(
            on_this_side(find_store(store_uri or text_setting("BACKEND_STORE_URI")), "Users are kept").uri
        )
        self._accounts = open_accounts(self.store.uri, auth_db)

    @property
    def public(self) -> str:
        """The database of the users, for people."""
        return self._accounts.database.public

    @contextmanager
    def open(self) -> Iterator[Accounts]:
        """The users."""
        try:
            yield self._accounts
        finally:
            self._accounts.close()
            self.store.close()


def at_place(command: Command) -> Command:
    """Add the options of where the users are; the command gets a `place`."""

    @click.option(
        "--backend-store-uri",
        "store_uri",
        metavar="URI",
        callback=checked(check_uri),
        help="The store that the server serves. Default: the one that it would find here.",
    )
    @auth_db_option
    @wraps(command)
    def placed(*arguments: Any, store_uri: str | None, auth_db: str | None, **options: Any) -> Any:
        return command(Place(store_uri, auth_db), *arguments, **options)

    return placed  # type: ignore[return-value]


_THING = (
    click.option("-x", "--experiment-id", "experiment_id", help="Id of the experiment; '*' for all of them."),
    click.option("-n", "--experiment-name", "experiment_name", help="Name of the experiment."),
    click.option("-m", "--model", "model", help="Name of the registered model; '*' for all of them."),
)


def one_thing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `-x`, `-n` and `-m`; the command gets them as a `thing`."""

    @wraps(command)
    def pointed(*arguments: Any, **options: Any) -> Any:
        thing = Thing(*(options.pop(name) for name in Thing._fields))
        if sum(value is not None for value in thing) != 1:
            raise click.UsageError("Give one of --experiment-id, --experiment-name and --model.")
        return command(*arguments, thing=thing, **options)

    for option in reversed(_THING):
        option(pointed)
    return pointed


class Thing(NamedTuple):
    """How a command names what a permission is on: one of the three."""

    experiment_id: str | None = None
    experiment_name: str | None = None
    model: str | None = None

    def find(self, store: Store, *, gone: bool = False) -> tuple[str, str]:
        """(kind, name) of it; NotFound when `store` has no such thing, unless it may be `gone`."""
        if self.experiment_name is not None:
            return EXPERIMENT, store.read(GetExperimentByName(name=self.experiment_name)).experiment_id
        if self.experiment_id is not None:
            if not gone and self.experiment_id != EVERY:
                store.read(GetExperiment(experiment_id=self.experiment_id))
            return EXPERIMENT, self.experiment_id
        name = self.model or ""
        if not gone and name != EVERY:
            store.read(GetRegisteredModel(name=name))
        return REGISTERED_MODEL, name

    @staticmethod
    def called(kind: str, pattern: str) -> str:
        """What people call what `find` gave."""
        words = kind.replace("_", " ")
        return f"every {words}" if pattern == "*" else f"the {words} {pattern!r}"


def read_password(prompt: str) -> Secret:
    """A password from MILLSTREAM_NEW_PASSWORD, asked for twice at a terminal, else a line of standard input.

    Never from the command line, which every user of the machine can read.
    """
    given = text_setting("NEW_PASSWORD")
    if given is not None:
        return Secret(given)
    if sys.stdin.isatty():
        return Secret(click.prompt(prompt, hide_input=True, confirmation_prompt=True, err=True))
    try:
        # Not as the locale has it: clients send UTF-8.
        line = sys.stdin.buffer.readline().decode()
    except UnicodeDecodeError as error:
        raise InvalidValue("The password on standard input is no UTF-8 text.") from error
    if not line:
        raise InvalidValue("No password was given: write one line to standard input, or set MILLSTREAM_NEW_PASSWORD.")
    return Secret(line.removesuffix("\n").removesuffix("\r"))
