"""`millstream gc` and `millstream du`: what experiments, runs and logged models take up, and giving it back."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from millstream.cli.options import check_uri, checked, json_option, note_gaps, open_store
from millstream.cli.output import count_text, echo_json, echo_table, local_time, size_text
from millstream.cli.progress import show_progress
from millstream.values.databases import hidden
from millstream.values.errors import MillstreamError
from millstream.values.ops import Compact, FinishPurges, PurgeExperiment, PurgeLoggedModel, PurgeRun
from millstream.values.queries import DescribeStore, FindDeleted, MeasureSpace
from millstream.values.space import Compacted, ExperimentSpace, Freed, ModelSpace, RunSpace, StoreSpace, parse_age

if TYPE_CHECKING:
    from millstream.stores.base import Store

_store_option = click.option(
    "--backend-store-uri",
    "--tracking-uri",
    "uri",
    metavar="URI",
    callback=checked(check_uri),
    help="The store (default: as everywhere).",
)
_SIZES = ("Metrics", "Texts", "Artifacts", "Size")


@click.command()
@click.option(
    "--older-than",
    metavar="AGE",
    callback=checked(parse_age),
    help="Only what was deleted so long ago, e.g. 30d12h or 90m.",
)
@click.option("--run-ids", metavar="ID,ID", help="Only these runs; each must be deleted.")
@click.option("--experiment-ids", metavar="ID,ID", help="Only these experiments and their runs; each must be deleted.")
@click.option("--logged-model-ids", metavar="ID,ID", help="Only these logged models; each must be deleted.")
@_store_option
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option("--no-compact", is_flag=True, help="Do not make the database file smaller afterwards.")
@json_option
def gc(
    older_than: str | None,
    run_ids: str | None,
    experiment_ids: str | None,
    logged_model_ids: str | None,
    uri: str | None,
    dry_run: bool,
    no_compact: bool,
    as_json: bool,
) -> None:
    """Remove for good what was deleted: runs, logged models, experiments with all of theirs, and the artifacts of all
    of these on this machine.

    Without ids everything that is deleted goes. What an interrupted gc left is completed.
    """
    now = time.time_ns() // 1_000_000
    before = None if older_than is None else now - parse_age(older_than)
    store = open_store(uri, "Remove things for good")
    if not store.read(DescribeStore()).exists:
        raise click.ClickException(f"There is no store at {hidden(store.uri)}; nothing to remove.")
    query = FindDeleted(
        run_ids=_ids(run_ids),
        experiment_ids=_ids(experiment_ids),
        model_ids=_ids(logged_model_ids),
        before=before,
    )
    found = store.read(query)
    if dry_run:
        _report(found, None, Compacted(), [], as_json)
        return
    done, failures = _purge(store, found, before)
    try:
        # Last, because datasets of removed runs go with it.
        done += store.write(FinishPurges(time=now))
    except MillstreamError as error:
        failures.append(error.message)
    compacted = Compacted() if no_compact else store.write(Compact())
    _report(found, done, compacted, failures, as_json)
    if failures:
        raise SystemExit(1)


def _ids(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in (text or "").split(",") if part.strip()))


def _purge(store: Store, found: StoreSpace, before: int | None) -> tuple[Freed, list[str]]:
    """Remove each run and logged model, then each experiment; what cannot be removed does not keep the others."""
    whole = {item.experiment_id for item in found.experiments}
    steps: list[PurgeRun | PurgeLoggedModel | PurgeExperiment] = [
        PurgeRun(run_id=run.run_id, before=None if run.experiment_id in whole else before) for run in found.runs
    ]
    # Those of an experiment that goes need not be deleted themselves; they go with it.
    alone = (model.model_id for model in found.models if model.experiment_id not in whole)
    steps += [PurgeLoggedModel(model_id=model_id, before=before) for model_id in alone]
    steps += [PurgeExperiment(experiment_id=item, before=before) for item in sorted(whole)]
    freed, failures = Freed(), []
    for step in show_progress(steps, "Removing"):
        try:
            freed += store.write(step)
        except MillstreamError as error:
            failures.append(error.message)
    return freed, failures


def _report(
    found: StoreSpace, freed: Freed | None, compacted: Compacted, failures: Sequence[str], as_json: bool
) -> None:
    kept = [f"{run.run_id}: {run.kept}" for run in found.runs if run.kept]
    kept += [f"{model.model_id}: {model.kept}" for model in found.models if model.kept]
    if freed is not None:
        kept = list(freed.kept)
    if as_json:
        echo_json(
            {
                "dry_run": freed is None,
                "bytes": found.size if freed is None else freed.size,
                "runs": [{**_plain(run), "bytes": run.size} for run in found.runs],
                "models": [{**_plain(model), "bytes": model.size} for model in found.models],
                "experiments": found.experiments,
                "removed": freed,
                "kept": kept,
                "database": compacted,
                "errors": failures,
            }
        )
        return
    _echo_found(found)
    if freed is None:
        what = _counts(len(found.runs), len(found.models), len(found.experiments))
        click.echo(f"Would remove {what}, {size_text(found.size)} ({found.size} bytes). Nothing was removed.")
    else:
        what = _counts(freed.runs, freed.models, freed.experiments)
        click.echo(f"Removed {what}, {size_text(freed.size)} ({freed.size} bytes).")
    if compacted.before is not None:
        click.echo(f"The database took {size_text(compacted.before)}, now {size_text(compacted.after)}.")
    notes = [f"Kept artifacts: {text}" for text in kept] + ([compacted.note] if compacted.note else [])
    for line in [*notes, *(f"Not removed: {text}" for text in failures)]:
        click.echo(line, err=True)


def _echo_found(found: StoreSpace) -> None:
    rows = [_run_row(run) for run in sorted(found.runs, key=lambda run: run.size, reverse=True)]
    if rows:
        echo_table(("Run", "Name", "Experiment", "Deleted", "Points", "Artifacts", "Size"), rows)
    for model in sorted(found.models, key=lambda model: model.size, reverse=True):
        when = "" if model.deleted_time is None else f", deleted {local_time(model.deleted_time)}"
        click.echo(
            f"Logged model {model.model_id} ({model.name}) of experiment {model.experiment_id}{when}: {_files(model)}"
        )
    for item in found.experiments:
        click.echo(f"Experiment {item.experiment_id} ({item.name}), deleted {local_time(item.deleted_time)}")


def _counts(runs: int, models: int, experiments: int) -> str:
    counted = [(runs, "run"), *([(models, "logged model")] if models else []), (experiments, "experiment")]
    texts = [count_text(number, what) for number, what in counted]
    return f"{', '.join(texts[:-1])} and {texts[-1]}"


def _files(model: ModelSpace) -> str:
    return f"{count_text(model.artifact_files, 'file')}, {size_text(model.size)}"


def _run_row(run: RunSpace) -> tuple[str, ...]:
    time_text = local_time(run.deleted_time)
    files = count_text(run.artifact_files, "file")
    return run.run_id, run.run_name, run.experiment_id, time_text, str(run.points), files, size_text(run.size)


def _plain(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__struct_fields__}


@click.command()
@click.option("-x", "--experiment-id", "ids", multiple=True, help="Only this experiment; may be given several times.")
@click.option("--runs", "by_run", is_flag=True, help="Show each run.")
@click.option("--models", "by_model", is_flag=True, help="Show each logged model.")
@click.option("--max-results", type=click.IntRange(min=1), help="Show at most so many, the largest.")
@_store_option
@json_option
def du(
    ids: tuple[str, ...], by_run: bool, by_model: bool, max_results: int | None, uri: str | None, as_json: bool
) -> None:
    """Show what experiments, runs and logged models take up, the largest first; deleted ones too."""
    store = open_store(uri, "Measure")
    note_gaps(store, uri)
    found = store.read(MeasureSpace(experiment_ids=ids))
    runs = sorted(found.runs, key=lambda run: (-run.size, run.run_id))
    models = sorted(found.models, key=lambda model: (-model.size, model.model_id))
    groups = sorted((_group(item, found) for item in found.experiments), key=lambda row: -row["bytes"])
    if as_json:
        echo_json(
            {
                "bytes": found.size,
                "experiments": groups[:max_results],
                "runs": [{**_plain(run), "bytes": run.size} for run in runs[:max_results]],
                "models": [{**_plain(model), "bytes": model.size} for model in models[:max_results]],
            }
        )
        return
    if by_run:
        echo_table(
            ("Run", "Name", "Experiment", "Stage", "Points", *_SIZES), [_du_row(run) for run in runs[:max_results]]
        )
    if by_model:
        echo_table(
            ("Logged model", "Name", "Experiment", "Stage", *_SIZES[1:]),
            [_model_row(model) for model in models[:max_results]],
        )
    if not by_run and not by_model:
        echo_table(
            ("Experiment", "Name", "Stage", "Runs", "Models", "Points", *_SIZES),
            [_group_row(row) for row in groups[:max_results]],
        )
    more = f" and {count_text(len(models), 'logged model')}" if models else ""
    click.echo(f"{size_text(found.size)} ({found.size} bytes) in {count_text(len(runs), 'run')}{more}.")
    owners: list[tuple[str, Sequence[RunSpace | ModelSpace]]] = [("run", runs), ("logged model", models)]
    for what, spaces in owners:
        unknown = sum(space.artifact_bytes is None for space in spaces)
        if unknown:
            click.echo(f"Artifacts of {count_text(unknown, what)} lie elsewhere; their size is unknown.", err=True)


def _group(item: ExperimentSpace, found: StoreSpace) -> dict[str, Any]:
    runs = [run for run in found.runs if run.experiment_id == item.experiment_id]
    models = [model for model in found.models if model.experiment_id == item.experiment_id]
    owners: list[RunSpace | ModelSpace] = [*runs, *models]
    return {
        "experiment_id": item.experiment_id,
        "name": item.name,
        "lifecycle_stage": item.lifecycle_stage,
        "runs": len(runs),
        "models": len(models),
        "points": sum(run.points for run in runs),
        "metric_bytes": sum(run.metric_bytes for run in runs),
        "text_bytes": sum(owner.text_bytes for owner in owners),
        "artifact_bytes": sum(owner.artifact_bytes or 0 for owner in owners),
        "own_bytes": item.own_bytes,
        "bytes": item.own_bytes + sum(owner.size for owner in owners),
    }


def _group_row(row: dict[str, Any]) -> tuple[str, ...]:
    texts = size_text(row["text_bytes"] + row["own_bytes"])
    sizes = (size_text(row["metric_bytes"]), texts, size_text(row["artifact_bytes"]), size_text(row["bytes"]))
    counts = (str(row["runs"]), str(row["models"]), str(row["points"]))
    return (row["experiment_id"], row["name"], row["lifecycle_stage"], *counts, *sizes)


def _du_row(run: RunSpace) -> tuple[str, ...]:
    sizes = (size_text(run.metric_bytes), size_text(run.text_bytes), size_text(run.artifact_bytes), size_text(run.size))
    return (run.run_id, run.run_name, run.experiment_id, run.lifecycle_stage, str(run.points), *sizes)


def _model_row(model: ModelSpace) -> tuple[str, ...]:
    sizes = (size_text(model.text_bytes), size_text(model.artifact_bytes), size_text(model.size))
    return (model.model_id, model.name, model.experiment_id, model.lifecycle_stage, *sizes)
