"""Searches for logged models, and for the datasets that runs used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import structs
from sqlalchemy import ColumnElement, FromClause, Select, and_, case, func, or_, select

from millstream.drivers.sql import schema
from millstream.drivers.sql.conditions import Scope, among, condition
from millstream.drivers.sql.search import directed
from millstream.formats.filters import And, Comparison, Node, Not, Or, OrderKey
from millstream.values.entities import ACTIVE, LoggedModelStatus
from millstream.values.queries import ModelDataset, ModelOrder

_MODELS = schema.logged_models
_METRICS = schema.logged_model_metrics


def models_statement(
    experiment_ids: Sequence[str],
    node: Node | None,
    datasets: Sequence[ModelDataset],
    order: Sequence[tuple[OrderKey, ModelOrder]],
) -> Select[str]:
    """Id of every active logged model of `experiment_ids` that meets `node`, in order: ties the newest, then by id.

    With `datasets`, conditions on metrics see only points that were logged for one of them.
    """
    joined: FromClause = _MODELS
    terms: list[ColumnElement[Any]] = []
    for key, given in order:
        joined, added = _sort_terms(joined, key, given)
        terms += added
    terms += [_MODELS.c.creation_timestamp.desc(), _MODELS.c.model_id.asc()]
    conditions = [
        among(_MODELS.c.experiment_id, list(dict.fromkeys(experiment_ids))),
        _MODELS.c.lifecycle_stage == ACTIVE,
    ]
    if node is not None:
        conditions.append(condition(_with_status_words(node), _scope(datasets)))
    return select(_MODELS.c.model_id).select_from(joined).where(*conditions).order_by(*terms)


def datasets_statement(experiment_ids: Sequence[str]) -> Select[Any]:
    """Experiment, name, digest and context of the datasets that active runs used, each once."""
    runs, inputs = schema.runs, schema.dataset_inputs
    columns = (runs.c.experiment_id, inputs.c.name, inputs.c.digest, inputs.c.context)
    return (
        select(*columns)
        .select_from(inputs.join(runs, runs.c.rid == inputs.c.rid))
        .where(among(runs.c.experiment_id, list(dict.fromkeys(experiment_ids))), runs.c.lifecycle_stage == ACTIVE)
        .distinct()
        .order_by(*columns[:3], directed(inputs.c.context, ascending=True))
    )


def _scope(datasets: Sequence[ModelDataset]) -> Scope:
    metrics: FromClause = _METRICS
    if datasets:
        metrics = select(_METRICS).where(or_(*(_of_dataset(item.name, item.digest) for item in datasets))).subquery()
    below = {"metric": metrics, "param": schema.logged_model_params, "tag": schema.logged_model_tags}
    return Scope(_MODELS, "model_id", below)


def _of_dataset(name: str, digest: str | None) -> ColumnElement[bool]:
    named = _METRICS.c.dataset_name == name
    return named if digest is None else and_(named, _METRICS.c.dataset_digest == digest)


def _sort_terms(joined: FromClause, key: OrderKey, given: ModelOrder) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """Of a metric that was logged for several datasets the latest point counts, unless `given` names one."""
    if key.entity == "attribute":
        return joined, [directed(_MODELS.c[key.key], key.ascending)]
    columns = _METRICS.c
    newest = func.row_number().over(
        partition_by=columns.model_id,
        order_by=(columns.last_step.desc(), columns.last_time.desc(), columns.dataset_name, columns.dataset_digest),
    )
    conditions = [columns.key == key.key]
    if given.dataset_name is not None:
        conditions.append(_of_dataset(given.dataset_name, given.dataset_digest))
    ranked = select(columns.model_id, columns.last_value, columns.last_nan, newest.label("place")).where(*conditions)
    table = ranked.subquery()
    joined = joined.outerjoin(table, and_(table.c.model_id == _MODELS.c.model_id, table.c.place == 1))
    rank = case((table.c.last_nan.is_(False), 0), (table.c.last_nan.is_(True), 1), else_=2)
    return joined, [rank, directed(table.c.last_value, key.ascending)]


def _with_status_words(node: Node) -> Node:
    """`node` with statuses by their words: MLflow's databases compare numbers, its wire has words of its own."""
    match node:
        case And(clauses):
            return And(tuple(map(_with_status_words, clauses)))
        case Or(clauses):
            return Or(tuple(map(_with_status_words, clauses)))
        case Not(clause):
            return Not(_with_status_words(clause))
        case Comparison(entity="attribute", key="status", op="=" | "!=", value=str(value)):
            return structs.replace(node, value=_STATUSES.get(value, value))
        case Comparison(entity="attribute", key="status", value=tuple(values)):
            return structs.replace(node, value=tuple(_STATUSES.get(value, value) for value in values))
    return node


_STATUSES = {
    **{str(status.number): status.value for status in LoggedModelStatus},
    **{f"LOGGED_MODEL_{status.value}": status.value for status in LoggedModelStatus},
    "LOGGED_MODEL_STATUS_UNSPECIFIED": LoggedModelStatus.UNSPECIFIED.value,
    "LOGGED_MODEL_UPLOAD_FAILED": LoggedModelStatus.FAILED.value,
}
