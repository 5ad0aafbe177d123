"""What may be searched, as tables: one `Vocabulary` for each kind of thing, its entities, keys and comparators.

The tables are MLflow's. Millstream's additions are IN and NOT IN for params and tags, the null tests for tags of
models and versions, RLIKE and CONTAINS, params as numbers, parts of a metric's series, and ``text``.
"""

from __future__ import annotations

from msgspec import Struct

NUMERIC = ("=", "!=", ">", ">=", "<", "<=")
TEXTUAL = ("=", "!=", "LIKE", "ILIKE", "RLIKE", "CONTAINS")
LISTS = ("IN", "NOT IN")
NULLS = ("IS NULL", "IS NOT NULL")

ANY = "*"
# Numbers of a series besides its latest value.
PARTS = ("min", "max", "first", "last", "mean", "count")
# How a param is sorted as a number.
NUMBER = "number"


class Field(Struct, frozen=True):
    """One key: whether it holds numbers, the comparators it takes (none: it only sorts), whether it sorts.

    `quoted` lets numbers be written as strings; `nan` lets ``NaN`` be a number; `numbers` lets a text be compared with
    a number, and sorted as one.
    """

    numeric: bool
    comparators: tuple[str, ...] = ()
    sorts: bool = False
    quoted: bool = False
    nan: bool = False
    numbers: bool = False


class Entity(Struct, frozen=True):
    """A group of keys: the words that may stand before the dot, its keys (`ANY`: every key), other names of keys.

    `parts` are words that may follow a key after a dot.
    """

    name: str
    prefixes: tuple[str, ...]
    fields: dict[str, Field]
    aliases: dict[str, str] = {}
    parts: tuple[str, ...] = ()

    def field(self, key: str) -> Field | None:
        """Rules of a canonical `key`, None when there is no such key."""
        return self.fields.get(key) or self.fields.get(ANY)

    def keys(self, *, sorting: bool) -> list[str]:
        """Keys that may be sorted by, or filtered by."""
        return [key for key, field in self.fields.items() if (field.sorts if sorting else field.comparators)]


class Vocabulary(Struct, frozen=True):
    """Everything that one kind of search understands. A key without a prefix belongs to entity ``attribute``."""

    name: str
    entities: tuple[Entity, ...]

    def entity(self, prefix: str) -> Entity | None:
        """The entity that `prefix` stands for."""
        return next((entity for entity in self.entities if prefix in entity.prefixes), None)

    @property
    def attribute(self) -> Entity:
        """The entity of keys without a prefix."""
        return next(entity for entity in self.entities if entity.name == "attribute")


_text = Field(False, TEXTUAL, sorts=True)
_listed = Field(False, TEXTUAL + LISTS, sorts=True)
_number = Field(True, NUMERIC, sorts=True)
_noted = Field(False, TEXTUAL + LISTS + NULLS, sorts=True)
_param = Field(False, ("=", "!=", ">", ">=", "<", "<=", *TEXTUAL[2:], *LISTS, *NULLS), sorts=True, numbers=True)
_noted_unsorted = Field(False, TEXTUAL + LISTS + NULLS)
_unsorted_list = Field(False, TEXTUAL + LISTS)

RUNS = Vocabulary(
    "runs",
    (
        Entity(
            "attribute",
            ("attribute", "attributes", "attr", "run"),
            {
                "run_id": _listed,
                "run_name": _text,
                "status": _text,
                "user_id": _text,
                "artifact_uri": _text,
                "start_time": _number,
                "end_time": _number,
                "text": Field(False, ("CONTAINS",)),
            },
            {
                "run name": "run_name",
                "Run name": "run_name",
                "Run Name": "run_name",
                "created": "start_time",
                "Created": "start_time",
            },
        ),
        Entity("metric", ("metric", "metrics"), {ANY: Field(True, NUMERIC, sorts=True, nan=True)}, parts=PARTS),
        Entity("param", ("parameter", "parameters", "param", "params"), {ANY: _param}),
        Entity("tag", ("tag", "tags"), {ANY: _noted}),
        Entity(
            "dataset",
            ("dataset", "datasets"),
            {"name": _unsorted_list, "digest": _unsorted_list, "context": _unsorted_list},
        ),
    ),
)

_tags = Entity("tag", ("tag", "tags"), {ANY: _noted_unsorted})

EXPERIMENTS = Vocabulary(
    "experiments",
    (
        Entity(
            "attribute",
            ("attribute",),
            {
                "name": _text,
                "experiment_id": Field(False, ("=", "!=", *LISTS), sorts=True),
                "creation_time": _number,
                "last_update_time": _number,
            },
        ),
        _tags,
    ),
)

MODELS = Vocabulary(
    "registered models",
    (
        Entity(
            "attribute",
            ("attribute", "attributes", "attr"),
            {
                "name": _listed,
                "description": _text,
                "creation_timestamp": _number,
                "last_updated_timestamp": _number,
            },
            {"timestamp": "last_updated_timestamp"},
        ),
        _tags,
    ),
)

LOGGED_MODELS = Vocabulary(
    "logged models",
    (
        Entity(
            "attribute",
            ("attribute", "attributes", "attr"),
            {
                "name": _listed,
                "model_id": _listed,
                "model_type": _listed,
                "status": _listed,
                "source_run_id": _listed,
                "experiment_id": _listed,
                "artifact_location": _listed,
                "creation_timestamp": _number,
                "last_updated_timestamp": _number,
            },
            {
                "creation_time": "creation_timestamp",
                "creation_timestamp_ms": "creation_timestamp",
                "last_updated_timestamp_ms": "last_updated_timestamp",
            },
        ),
        Entity("metric", ("metric", "metrics"), {ANY: Field(True, NUMERIC, sorts=True, nan=True)}),
        Entity("param", ("parameter", "parameters", "param", "params"), {ANY: _noted_unsorted}),
        _tags,
    ),
)

VERSIONS = Vocabulary(
    "model versions",
    (
        Entity(
            "attribute",
            ("attribute", "attributes", "attr"),
            {
                "name": _listed,
                "run_id": _listed,
                "source_path": _text,
                "version_number": Field(True, NUMERIC, sorts=True, quoted=True),
                "current_stage": _listed,
                "model_id": _listed,
                "user_id": _listed,
                "status": _listed,
                "description": _text,
                "creation_timestamp": _number,
                "last_updated_timestamp": _number,
            },
            {"version": "version_number", "source": "source_path", "stage": "current_stage"},
        ),
        _tags,
    ),
)
