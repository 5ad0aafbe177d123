"""Searches that every golden tree and the live comparison with MLflow answer.

They walk MLflow's run and experiment grammar: each entity and alias, comparator, literal form, ordering and view.
Plain data, readable by every Python that runs a supported MLflow (3.8 and newer).
"""

from __future__ import annotations

ACTIVE, DELETED, ALL = 1, 2, 3


def _runs(filter_string="", order_by=(), view=ACTIVE, experiments=None, page=None):
    """One run search; `experiments` are names (None: all of them), `page` the page size to walk with."""
    return {
        "filter": filter_string,
        "order_by": list(order_by),
        "view": view,
        "experiments": experiments,
        "page": page,
    }


RUN_QUERIES = [
    # Views, order and pages without a filter.
    _runs(),
    _runs(view=DELETED),
    _runs(view=ALL),
    _runs(view=ALL, page=4),
    _runs(page=3, order_by=["metrics.loss ASC"]),
    _runs(experiments=["digits"]),
    _runs(experiments=["한국어 실험"]),
    _runs(experiments=["trashed"], view=ALL),
    _runs(experiments=["empty"]),
    # Metrics.
    _runs("metrics.loss < 0.5"),
    _runs("metrics.loss <= 0.5"),
    _runs("metrics.loss = 0.5"),
    _runs("metrics.loss != 0.5"),
    _runs("metric.loss >= 5e-1"),
    _runs("metrics.loss > -1 AND metrics.loss < 1e3"),
    _runs("metrics.`val/loss` > .25"),
    _runs('metrics."val/loss" > 0.25'),
    _runs("metrics.`with space` = 2"),
    _runs("metrics.a.b = 3"),
    _runs("metrics.`한글 지표` > 0"),
    _runs("metrics.odd = 0"),
    _runs("metrics.odd != 0"),
    _runs("metrics.odd > 1000000"),
    _runs("metrics.odd < -1000000"),
    _runs("metrics.absent > 0"),
    _runs("metrics.absent != 0"),
    _runs("metrics.ancient >= 0"),
    # Params.
    _runs("params.model = 'tree'"),
    _runs('param.model = "tree"'),
    _runs("parameters.model != 'tree'"),
    _runs("parameter.model LIKE 'Tr%'"),
    _runs("params.model ILIKE 'tr%'"),
    _runs("params.model like '%e_'"),
    _runs("params.empty = ''"),
    _runs("params.empty != ''"),
    _runs("params.`이름` = '밀물'"),
    _runs("params.`이름` LIKE '%물'"),
    _runs("params.lines LIKE '%second%'"),
    _runs('params.quoted = "it\'s"'),
    _runs("params.percent LIKE '100%'"),
    _runs("params.dotted LIKE 'a.c'"),
    # Tags.
    _runs("tags.stage = 'dev'"),
    _runs("tag.stage != 'dev'"),
    _runs("tags.`team name` = 'north'"),
    _runs('tags."team name" ILIKE "NORTH"'),
    _runs("tags.mlflow.runName = 'run-03'"),
    _runs("tags.mlflow.runName LIKE 'run-0%'"),
    # Attributes.
    _runs("status = 'FINISHED'"),
    _runs("attributes.status != 'FINISHED'"),
    _runs("attribute.status LIKE 'F%'"),
    _runs("attr.status ILIKE 'k%'"),
    _runs("run.status = 'RUNNING'"),
    _runs("run_name = 'run-03'"),
    _runs("attributes.run_name LIKE 'run-1_'"),
    _runs("attributes.`run name` = 'run-04'"),
    _runs("attributes.`Run Name` = 'run-04'"),
    _runs("start_time > 1700000004000"),
    _runs("attributes.start_time <= 1700000004000"),
    _runs("created = 1700000004000"),
    _runs("attributes.end_time != 0"),
    _runs("end_time >= 1700000103000"),
    _runs("user_id = 'golden'"),
    _runs("attributes.artifact_uri LIKE '%/artifacts'"),
    # Conjunctions.
    _runs("metrics.loss < 1 and params.model = 'tree' AND tags.stage = 'dev' And status = 'FINISHED'"),
    _runs("   metrics.loss   <   1   AND   status='FINISHED'   "),
    # Datasets.
    _runs("datasets.name = 'train set'"),
    _runs("dataset.name LIKE 'train%'"),
    _runs("dataset.digest = 'd1'"),
    _runs("datasets.digest != 'd1'"),
    _runs("dataset.context = 'training'"),
    _runs("datasets.name IN ('train set', 'test set')"),
    # Orders.
    _runs(order_by=["metrics.loss DESC"]),
    _runs(order_by=["metrics.odd"]),
    _runs(order_by=["metrics.odd DESC"]),
    _runs(order_by=["metrics.`val/loss` ASC", "start_time ASC"]),
    _runs(order_by=["params.model"]),
    _runs(order_by=["params.model DESC", "metrics.loss ASC"]),
    _runs(order_by=["tags.stage desc", "attributes.end_time asc"]),
    _runs(order_by=["attributes.start_time ASC"]),
    _runs(order_by=["start_time DESC"]),
    _runs(order_by=["end_time"]),
    _runs(order_by=["end_time DESC"]),
    _runs(order_by=["attributes.status", "run_name DESC"]),
    _runs(order_by=["run_id"]),
    _runs(order_by=["params.absent", "metrics.absent DESC"]),
    _runs("params.model LIKE '%'", order_by=["tag.stage", "metric.loss"], view=ALL, page=2),
    # Refused by every MLflow, whatever the reader adds to the grammar.
    _runs("metrics.loss < 'much'"),
    _runs("metrics.loss LIKE '%'"),
    _runs("colour.loss = 1"),
    _runs("metrics.loss ="),
    _runs("lifecycle_stage = 'active'"),
    _runs("start_time = 'noon'"),
    _runs("dataset.colour = 'red'"),
    _runs(order_by=["metrics.loss SIDEWAYS"]),
    _runs(order_by=["colour.loss"]),
]

# Accepted by the newest MLflow only; older writers refuse some or all of them.
NEW_RUN_QUERIES = [
    _runs("params.model IS NULL"),
    _runs("params.model IS NOT NULL"),
    _runs("tags.stage is null"),
    _runs("tags.stage IS NOT NULL AND params.empty IS NULL"),
]


def _experiments(filter_string="", order_by=(), view=ACTIVE, page=None):
    return {"filter": filter_string, "order_by": list(order_by), "view": view, "page": page}


EXPERIMENT_QUERIES = [
    _experiments(),
    _experiments(view=DELETED),
    _experiments(view=ALL),
    _experiments(view=ALL, page=2, order_by=["name"]),
    _experiments("name = 'digits'"),
    _experiments("name != 'digits'"),
    _experiments("name LIKE '%실험'"),
    _experiments("name ILIKE 'DIG%'"),
    _experiments("attribute.name LIKE 'd%'"),
    _experiments("tags.team = 'vision'"),
    _experiments("tag.team != 'vision'"),
    _experiments("tags.`team name` ILIKE 'NORTH%'"),
    _experiments("tags.team = 'vision' AND name LIKE 'd%'"),
    _experiments(order_by=["name DESC"]),
    _experiments(order_by=["name ASC"], view=ALL),
    _experiments("creation_time > 0", order_by=["name"]),
    _experiments("last_update_time < 0"),
    _experiments("name > 'a'"),
    _experiments("colour = 'red'"),
    _experiments(order_by=["tags.team"]),
]


def _models(filter_string="", order_by=(), experiments=None, datasets=(), page=None):
    return {
        "filter": filter_string,
        "order_by": list(order_by),
        "experiments": experiments,
        "datasets": list(datasets),
        "page": page,
    }


def _by(field, ascending=True, dataset=None):
    found = {"field_name": field, "ascending": ascending}
    return found if dataset is None else {**found, "dataset_name": dataset, "dataset_digest": "d1"}


# Searches of logged models. MLflow's database compares every point that a model has, a tree and we the latest ones.
MODEL_QUERIES = [
    _models(),
    _models(page=2),
    _models(experiments=["모델"]),
    _models(experiments=["other models"]),
    _models("name = 'forest'"),
    _models("name LIKE '%무'"),
    _models("attributes.name != 'forest'"),
    _models("name ILIKE 'FOR%' AND params.depth = '12'"),
    _models("model_type = 'classifier'"),
    _models("params.depth = '3'"),
    _models("params.depth != '3'"),
    _models("params.empty = ''"),
    _models("params.`깊이` LIKE '긴%'"),
    _models("tags.kind = 'tree'"),
    _models("tags.kind ILIKE 'tree'"),
    _models("tags.`한글` = '값'"),
    _models("tags.note LIKE '%셋째'"),
    _models("metrics.acc > 0.8"),
    _models("metrics.acc < 0"),
    _models("metrics.acc >= 0.75", datasets=[{"dataset_name": "train", "dataset_digest": "d1"}]),
    _models("metrics.acc > 0.45", datasets=[{"dataset_name": "test"}]),
    _models("metrics.plain = 3 AND tags.kind = 'tree'"),
    _models("metrics.absent > 0"),
    _models("creation_timestamp > 0"),
    _models("last_updated_timestamp < 0"),
    _models(order_by=[_by("name"), _by("creation_timestamp")]),
    _models(order_by=[_by("name", ascending=False), _by("creation_timestamp")]),
    _models(order_by=[_by("creation_timestamp")]),
    _models(order_by=[_by("metrics.acc", dataset="train"), _by("name"), _by("creation_timestamp")]),
    _models(order_by=[_by("metrics.acc", False, dataset="test"), _by("name"), _by("creation_timestamp")]),
    _models(order_by=[_by("metrics.plain"), _by("name"), _by("creation_timestamp")]),
    # Refused.
    _models("name >"),
    _models(order_by=[_by("params.depth")]),
]

# Where MLflow's file store answers otherwise than its database, and the database is right:
# LIKE takes a line break for a character that % does not cover.
BETTER = {"params.lines LIKE '%second%'"}
# The same of logged models, where it looks besides at the points of one dataset only.
BETTER_MODELS = {"tags.note LIKE '%셋째'", "metrics.acc < 0"}
# Wrong in old versions, right in the newest: a dot in a LIKE pattern stood for any character.
WRONG_ONCE = {"params.dotted LIKE 'a.c'"}
