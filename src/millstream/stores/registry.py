"""Searches for registered models and versions; and the registry of a tree in its index, taken in when it is asked for.

What changed is found from the times of each model's directory and meta.yaml, which change with everything that
Millstream writes, in whatever process. A file that somebody overwrote in place, or MLflow's new description of a
version, is found by looking closely: every search does so at some models in turn, and now and then one at all of them.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, islice
from typing import Any, Protocol

from sqlalchemy import Connection, Engine

from millstream.drivers.files import registered
from millstream.drivers.files.registered import RegistryScan
from millstream.drivers.sql import registry_search, scanned
from millstream.drivers.sql.engine import writing
from millstream.drivers.sql.registry import drop_registered, put_registered, read_registered, read_versions
from millstream.drivers.sql.scanned import RegisteredState
from millstream.formats.filters import MODELS, VERSIONS, And, Comparison, Node, Not, Or, parse_filter, parse_order
from millstream.formats.mlruns import layout
from millstream.formats.tokens import decode_token, next_token
from millstream.stores.changes import settled
from millstream.values import names, queries
from millstream.values.entities import ModelVersion, Page, RegisteredModel
from millstream.values.errors import DataDamaged, InvalidValue

# Models are read and stored so many at a time.
BATCH = 100
# A search looks closely at models with so many versions in all, and at all models when the last time was so long ago;
# looking at thousands takes at most a part of the time.
CLOSE_LOOKS = 200
SWEEP_SECONDS = 2.0
SWEEP_SHARE = 0.05
PROMPT_TAG = "mlflow.prompt.is_prompt"
_PROMPTS = Comparison("tag", PROMPT_TAG, "=", "true")


class RegistryReading(Protocol):
    """Where connections for searches of the registry come from."""

    def __call__(self) -> AbstractContextManager[Connection]:
        """A transaction that sees the registry as it is now."""
        ...


class RegistrySearches:
    """One method a query."""

    def __init__(self, reading: RegistryReading) -> None:
        """Ask the connections of `reading`."""
        self._reading = reading
        self.readers: dict[type, Callable[[Any], Any]] = {
            queries.SearchRegisteredModels: self._search_models,
            queries.SearchModelVersions: self._search_versions,
        }

    def _search_models(self, query: queries.SearchRegisteredModels) -> Page[RegisteredModel]:
        offset, limit = _window(query.page_token, query.max_results, names.MAX_MODELS_PAGE)
        statement = registry_search.registered_statement(
            _without_prompts(parse_filter(query.filter, MODELS)), parse_order(query.order_by, MODELS), query.seen
        )
        with self._reading() as connection:
            found = [row[0] for row in connection.execute(statement.offset(offset).limit(limit + 1))]
            return Page(read_registered(connection, found[:limit]), next_token(offset, limit, len(found)))

    def _search_versions(self, query: queries.SearchModelVersions) -> Page[ModelVersion]:
        offset, limit = _window(query.page_token, query.max_results, names.MAX_VERSIONS_PAGE)
        statement = registry_search.versions_statement(
            _without_prompts(parse_filter(query.filter, VERSIONS)), parse_order(query.order_by, VERSIONS), query.seen
        )
        with self._reading() as connection:
            found = [row[0] for row in connection.execute(statement.offset(offset).limit(limit + 1))]
            return Page(read_versions(connection, found[:limit]), next_token(offset, limit, len(found)))


def _without_prompts(node: Node | None) -> Node:
    """`node` for models only: MLflow keeps prompts among them, marked by a tag, and shows them when that is named."""
    if node is None:
        return Not(_PROMPTS)
    settled, named = _settle_prompts(node)
    return settled if named else And((settled, Not(_PROMPTS)))


def _settle_prompts(node: Node) -> tuple[Node, bool]:
    """`node`, where "is no prompt" holds for what lacks the tag too, as in MLflow; and whether it names that tag."""
    match node:
        case And(clauses) | Or(clauses):
            settled = [_settle_prompts(clause) for clause in clauses]
            return type(node)(tuple(clause for clause, _ in settled)), any(named for _, named in settled)
        case Not(clause):
            inner, named = _settle_prompts(clause)
            return Not(inner), named
        case Comparison(entity="tag", key=key, op="=" | "!=" as op, value="true" | "false" as value) if (
            key == PROMPT_TAG
        ):
            return (_PROMPTS if (op == "=") == (value == "true") else Not(_PROMPTS)), True
        case Comparison():
            return node, (node.entity, node.key) == ("tag", PROMPT_TAG)


def _window(token: str | None, max_results: int, most: int) -> tuple[int, int]:
    if not 1 <= max_results <= most:
        raise InvalidValue(
            f"Invalid value {max_results} for parameter 'max_results' supplied. It must be a positive integer "
            f"of at most {most}."
        )
    return decode_token(token), max_results


class RegistryIntake:
    """Keeps the registry of a tree in its index."""

    def __init__(self, home: str, engine: Callable[[], Engine]) -> None:
        """Read the registered models below `home`; `engine` gives the open index."""
        self._home = home
        self._engine = engine
        self._turn = 0
        self._next_sweep = -math.inf

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction after all that changed was taken in."""
        engine = self._engine()
        self._catch_up(engine)
        with engine.connect() as connection:
            yield connection

    def _catch_up(self, engine: Engine) -> None:
        present = sorted(registered.registered_names(self._home))
        with engine.connect() as connection:
            known = scanned.registered_states(connection)
        gone = sorted(known.keys() - set(present))
        changed = list(self._changed(present, known))
        for start in range(0, max(len(changed), bool(gone)), BATCH):
            part = changed[start : start + BATCH]
            read = [(name, _read(os.path.join(self._home, name)), quick, close) for name, quick, close in part]
            with writing(engine) as connection:
                _put(connection, read, gone)
            gone = []

    def _changed(self, present: list[str], known: dict[str, RegisteredState]) -> Iterator[tuple[str, str, str]]:
        """Name and new stamps of every model that does not look as it did when it was read."""
        begun = time.monotonic()
        sweeps = begun >= self._next_sweep
        looked_at = set(present) if sweeps else self._close_looks(present, known)
        for name in present:
            directory = f"{self._home}{os.sep}{name}"
            quick = registered.quick_stamp(directory)
            state = known.get(name)
            if state is None or state.quick != _text(quick):
                close = registered.close_stamp(directory)
            elif name not in looked_at or state.close == _text(close := registered.close_stamp(directory)):
                continue
            yield name, _text(settled(quick)), _text(settled(close))
        if sweeps:
            taken = time.monotonic() - begun
            self._next_sweep = begun + max(SWEEP_SECONDS, taken / SWEEP_SHARE)

    def _close_looks(self, present: list[str], known: dict[str, RegisteredState]) -> set[str]:
        """The next models in turn."""
        if not present:
            return set()
        start = self._turn % len(present)
        chosen: set[str] = set()
        versions = 0
        for name in islice(chain(present[start:], present[:start]), len(present)):
            if versions >= CLOSE_LOOKS:
                break
            chosen.add(name)
            versions += 1 + (known[name].versions if name in known else 0)
        self._turn = start + len(chosen)
        return chosen


def _text(stamp: tuple[int, ...]) -> str:
    return ",".join(map(str, stamp))


def _read(directory: str) -> RegistryScan | str:
    try:
        return registered.read_registered(directory)
    except DataDamaged as error:
        return f"{error}; the registered model is left out"


def _put(connection: Connection, read: list[tuple[str, RegistryScan | str, str, str]], gone: list[str]) -> None:
    drop_registered(connection, [*gone, *(name for name, scan, _, _ in read if isinstance(scan, str))])
    put_registered(connection, [(scan.model, scan.versions) for _, scan, _, _ in read if not isinstance(scan, str)])
    problems: dict[str, list[str]] = {_owner(name): [] for name in gone}
    states = {}
    for name, scan, quick, close in read:
        problems[_owner(name)] = [scan] if isinstance(scan, str) else scan.problems
        states[name] = RegisteredState(quick, close, 0 if isinstance(scan, str) else len(scan.versions))
    scanned.put_problems(connection, problems)
    scanned.put_registered_states(connection, states, gone)


def _owner(name: str) -> str:
    return f"{layout.MODELS}/{name}"
