"""What of a run's or logged model's names and texts a store can keep: the rest is named and left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import structs

from millstream.stores.imports.base import Problem, SourceRun
from millstream.values import names
from millstream.values.entities import LoggedModel, Metric
from millstream.values.errors import InvalidValue
from millstream.values.rules import check_dataset_words


def cleaned(run: SourceRun, problem: Problem, *, files: bool) -> SourceRun:
    """`run` without what breaks a rule, each named to `problem`; `files` is for stores whose keys are file names."""
    run_id = run.info.run_id

    def left_out(sentence: str) -> None:
        problem(f"run {run_id}: {sentence} It is left out")

    datasets: set[tuple[str, str | None]] = set()

    def points() -> Iterator[Sequence[Metric]]:
        good: dict[str, bool] = {}
        for block in run.points():
            for key in {metric.key for metric in block} - good.keys():
                good[key] = _is_good(key, "metric", left_out) and not (files and _collides(key, good, left_out))
            if files and any(metric.dataset_name for metric in block):
                block = [_without_long_words(metric, datasets, left_out) for metric in block]
            if all(good[metric.key] for metric in block):
                yield block
            elif kept := [metric for metric in block if good[metric.key]]:
                yield kept

    return structs.replace(
        run,
        params=good_texts(run.params, "param", names.MAX_PARAM_VALUE, left_out, files=files),
        tags=good_texts(run.tags, "tag", names.MAX_TAG_VALUE, left_out, files=files),
        points=points,
    )


def cleaned_model(model: LoggedModel, problem: Problem, *, files: bool) -> LoggedModel:
    """As `cleaned`, for a logged model."""

    def left_out(sentence: str) -> None:
        problem(f"logged model {model.model_id}: {sentence} It is left out")

    good: dict[str, bool] = {}
    points = []
    for point in model.metrics:
        key = point.key
        if key not in good:
            good[key] = _is_good(key, "metric", left_out) and not (files and _collides(key, good, left_out))
        if good[key] and _can_be_kept(point, left_out, files=files):
            points.append(point)
    return structs.replace(
        model,
        params=good_texts(model.params, "param", names.MAX_PARAM_VALUE, left_out, files=files),
        tags=good_texts(model.tags, "tag", names.MAX_TAG_VALUE, left_out, files=files),
        metrics=tuple(points),
    )


def _can_be_kept(point: Metric, left_out: Problem, *, files: bool) -> bool:
    """Whether a store can keep a logged model's point: without its dataset it would say something else."""
    try:
        names.check_run_id(point.run_id or "")
        if files and point.dataset_name:
            check_dataset_words(point)
    except InvalidValue as error:
        left_out(f"metric {point.key!r}: {error.message}")
        return False
    return True


def _without_long_words(metric: Metric, named: set[tuple[str, str | None]], left_out: Problem) -> Metric:
    """`metric`, without its dataset where a tree cannot say it; each in `named` is named to `left_out` once."""
    dataset = (metric.dataset_name or "", metric.dataset_digest)
    if not metric.dataset_name:
        return metric
    if dataset not in named:
        try:
            check_dataset_words(metric)
        except InvalidValue as error:
            named.add(dataset)
            left_out(error.message)
        else:
            return metric
    return structs.replace(metric, dataset_name=None, dataset_digest=None)


def good_texts(texts: dict[str, str], what: str, limit: int, left_out: Problem, *, files: bool) -> dict[str, str]:
    """Of params or tags (`what`) those that a store can keep."""
    good: dict[str, bool] = {}
    kept = {}
    for key, value in texts.items():
        try:
            names.check_key(key, what)
            names.check_text(value, f"value of {what} {key!r}", limit)
        except InvalidValue as error:
            left_out(error.message)
            continue
        good[key] = not (files and _collides(key, good, left_out))
        if good[key]:
            kept[key] = value
    return kept


def _is_good(key: str, what: str, left_out: Callable[[str], None]) -> bool:
    try:
        names.check_key(key, what)
    except InvalidValue as error:
        left_out(error.message)
        return False
    return True


def _collides(key: str, before: Iterable[str], left_out: Problem) -> bool:
    """Whether the file of `key` would have to be a directory, or the other way round."""
    other = next((item for item in before if item.startswith(f"{key}/") or key.startswith(f"{item}/")), None)
    if other is not None:
        left_out(f"{key!r} and {other!r} cannot both be files, because '/' stands for a directory.")
    return other is not None
