"""Searches for logged models and datasets; and logged models of a tree in its index, taken in when they are asked for.

A model is found to have changed by the times and sizes of its files. What is known of them is in the index alone, so
any number of processes may use one.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from msgspec import structs
from sqlalchemy import Connection, Engine

from millstream.drivers.files import models
from millstream.drivers.files.models import ModelScan
from millstream.drivers.files.tree import Tree
from millstream.drivers.sql import model_search, scanned
from millstream.drivers.sql.engine import writing
from millstream.drivers.sql.models import drop_models, put_models, read_models
from millstream.formats.filters import LOGGED_MODELS, OrderKey, parse_filter, parse_order
from millstream.formats.mlruns import layout
from millstream.formats.tokens import next_token
from millstream.stores.changes import REST_NS, SWEEP_SECONDS, settled
from millstream.stores.searches import Reading, window
from millstream.values import names, queries
from millstream.values.entities import DatasetSummary, LoggedModel, Page
from millstream.values.errors import DataDamaged
from millstream.values.names import INT64_MAX

# Models are read and stored so many at a time.
BATCH = 200


class ModelReading(Protocol):
    """Where connections for searches of logged models come from."""

    def __call__(self, experiment_ids: Sequence[str]) -> AbstractContextManager[Connection]:
        """A transaction that sees every logged model of these experiments as it is now."""
        ...


class ModelSearches:
    """One method a query."""

    def __init__(self, reading_models: ModelReading, reading: Reading) -> None:
        """Ask the connections of `reading_models` about models, those of `reading` about runs."""
        self._reading_models = reading_models
        self._reading = reading
        self.readers: dict[type, Callable[[Any], Any]] = {
            queries.SearchLoggedModels: self._search_models,
            queries.SearchDatasets: self._search_datasets,
        }

    def _search_models(self, query: queries.SearchLoggedModels) -> Page[LoggedModel]:
        offset, limit = window(query.page_token, query.max_results)
        node = parse_filter(query.filter, LOGGED_MODELS)
        order = [(_order_key(item), item) for item in query.order_by]
        ids = [names.check_experiment_id(experiment_id) for experiment_id in query.experiment_ids]
        if not ids:
            return Page()
        statement = model_search.models_statement(ids, node, query.datasets, order).offset(offset).limit(limit + 1)
        with self._reading_models(ids) as connection:
            found = [row[0] for row in connection.execute(statement)]
            return Page(read_models(connection, found[:limit]), next_token(offset, limit, len(found)))

    def _search_datasets(self, query: queries.SearchDatasets) -> list[DatasetSummary]:
        ids = [names.check_experiment_id(experiment_id) for experiment_id in query.experiment_ids]
        if not ids:
            return []
        with self._reading() as connection:
            return [DatasetSummary(*row) for row in connection.execute(model_search.datasets_statement(ids))]


def _order_key(order: queries.ModelOrder) -> OrderKey:
    """A field name has no quotes of its own: all after the first dot is the key."""
    prefix, dot, key = order.field.partition(".")
    bare = dot and key and not key.startswith('"') and "`" not in key
    field = f"{prefix}.`{key}`" if bare else order.field
    return structs.replace(parse_order((field,), LOGGED_MODELS)[0], ascending=order.ascending)


class ModelIntake:
    """Keeps the logged models of a tree in its index."""

    def __init__(self, tree: Tree, engine: Callable[[], Engine]) -> None:
        """Read `tree`; `engine` gives the open index."""
        self._tree = tree
        self._engine = engine
        self._swept: dict[str, tuple[float, float]] = {}

    @contextmanager
    def reading(self, experiment_ids: Sequence[str]) -> Iterator[Connection]:
        """A transaction after all that changed in the models of these experiments was taken in."""
        engine = self._engine()
        for experiment_id in dict.fromkeys(experiment_ids):
            self._catch_up(engine, experiment_id)
        with engine.connect() as connection:
            yield connection

    def _catch_up(self, engine: Engine, experiment_id: str) -> None:
        home = self._tree.experiment_dir(experiment_id)
        present = [] if home is None else models.model_ids(home)
        with engine.connect() as connection:
            known = scanned.model_stamps(connection, experiment_id)
        gone = sorted(known.keys() - set(present))
        changed = [] if home is None else list(_changed(home, self._due(experiment_id, present, known), known))
        for start in range(0, max(len(changed), bool(gone)), BATCH):
            part = changed[start : start + BATCH]
            read = [(model_id, _read(directory), stamp) for model_id, directory, stamp in part]
            with writing(engine) as connection:
                _put(connection, experiment_id, read, gone)
            gone = []

    def _due(self, experiment_id: str, present: list[str], known: dict[str, str]) -> list[str]:
        """Those of `present` to look at: all every `SWEEP_SECONDS`, else all that are not at rest.

        As with runs: asking the file system about thousands of models is most of what a search costs. What this
        process writes itself is always noticed.
        """
        now = time.monotonic()
        swept, looked = self._swept.get(experiment_id, (-math.inf, -math.inf))
        if now - swept >= SWEEP_SECONDS:
            self._swept[experiment_id] = (now, now)
            return present
        self._swept[experiment_id] = (swept, now)
        touched = self._tree.touched_models(looked)
        young = time.time_ns() - REST_NS
        return [item for item in present if item in touched or _newest(known.get(item, "")) > young]


def _newest(stamp: str) -> int:
    """When what `stamp` stands for last changed; long from now for a stamp that never matches."""
    return int(stamp.partition(",")[0]) if stamp else INT64_MAX


def _changed(home: str, present: list[str], known: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    """Id, directory and new stamp of every model that does not look as it did when it was read."""
    for model_id in present:
        directory = os.path.join(home, layout.MODELS, model_id)
        stamp = models.model_stamp(directory)
        text = ",".join(map(str, stamp))
        if known.get(model_id) != text:
            yield model_id, directory, ",".join(map(str, settled(stamp)))


def _read(directory: str) -> ModelScan | str:
    try:
        return models.read_model(directory)
    except DataDamaged as error:
        return f"{error}; the model is left out"


def _put(
    connection: Connection, experiment_id: str, read: list[tuple[str, ModelScan | str, str]], gone: list[str]
) -> None:
    good = [scan.model for _, scan, _ in read if isinstance(scan, ModelScan)]
    lost = [model_id for model_id, scan, _ in read if not isinstance(scan, ModelScan)]
    drop_models(connection, [*gone, *lost])
    put_models(connection, good)
    problems: dict[str, list[str]] = {_owner(experiment_id, model_id): [] for model_id in gone}
    for model_id, scan, _ in read:
        problems[_owner(experiment_id, model_id)] = scan.problems if isinstance(scan, ModelScan) else [scan]
    scanned.put_problems(connection, problems)
    scanned.put_model_stamps(connection, experiment_id, {model_id: stamp for model_id, _, stamp in read}, gone)


def _owner(experiment_id: str, model_id: str) -> str:
    return f"{experiment_id}/{layout.MODELS}/{model_id}"
