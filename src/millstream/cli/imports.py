"""`millstream import` and `millstream export`."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from millstream.cli.options import check_uri, checked, json_option
from millstream.cli.output import echo_json, visible
from millstream.cli.progress import progress_bar

if TYPE_CHECKING:
    from millstream.stores.imports.summary import Summary

Command = TypeVar("Command", bound=Callable[..., Any])


def _shared(command: Command) -> Command:
    """The options that both have."""
    for option in reversed(
        (
            click.option(
                "--experiment",
                "experiments",
                multiple=True,
                metavar="NAME|ID",
                help="Only this experiment; may be given several times.",
            ),
            click.option(
                "--artifacts",
                type=click.Choice(("copy", "link", "none")),
                default="copy",
                show_default=True,
                help="Copy artifacts, leave them where they are and keep their URIs (link), or do without.",
            ),
            click.option(
                "--artifact-root",
                type=click.Path(exists=True, file_okay=False, path_type=Path),
                help="Where artifacts of the source lie now that are not where their URIs say.",
            ),
            click.option("--prefix", default="", help="Put this before names of experiments and registered models."),
            click.option("--overwrite", is_flag=True, help="Where source and target differ, take the source's."),
            click.option("--dry-run", is_flag=True, help="Only say what would be done."),
            json_option,
        )
    ):
        command = option(command)
    return command


@click.command(name="import")
@click.argument("source")
@click.option(
    "--into",
    metavar="URI",
    callback=checked(check_uri),
    help="The store to import into; the one that all commands use when not given.",
)
@_shared
def import_(source: str, into: str | None, **options: Any) -> None:
    """Import runs, logged models and registered models from SOURCE.

    SOURCE is an mlruns directory, a database or server of MLflow, or a store of Millstream.
    What is there already is not imported twice: do it again to bring what is new. SOURCE is never changed.
    """
    _transfer("Import", source, into, **options)


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="[URI] DIRECTORY")
@_shared
def export(places: tuple[str, ...], **options: Any) -> None:
    """Write runs, logged models and registered models into DIRECTORY as an mlruns tree, which MLflow reads.

    They come from URI, or from the store that all commands use. It is an import into a tree: done again, it adds
    what is new.
    """
    from millstream.stores.open import find_store

    if len(places) > 2:
        raise click.UsageError(f"Give one URI and one directory; got {len(places)} places.")
    source = places[0] if len(places) == 2 else find_store().uri
    directory = Path(places[-1]).expanduser()
    if "://" in places[-1] or directory.is_file():
        raise click.UsageError(
            f"{places[-1]!r} is no directory; `millstream import SOURCE --into URI` writes databases."
        )
    _transfer("Export", source, os.fspath(directory.absolute()), **options)


def _transfer(
    verb: str, source: str, into: str | None, *, as_json: bool, artifact_root: Path | None, **options: Any
) -> None:
    from millstream.stores.imports.base import Options
    from millstream.stores.imports.importer import Importer
    from millstream.stores.imports.open import check_apart, open_source
    from millstream.stores.open import open_store

    opened = open_source(source, artifact_root)
    try:
        target = open_store(into)
        check_apart(opened, source, target)
        summary = Importer(opened, target, Options(**options), progress_bar(f"{verb}ing")).run()
    finally:
        opened.close()
    if as_json:
        echo_json(summary)
    else:
        _print(verb, summary)
    for sentence in summary.notes:
        click.echo(f"Note: {visible(sentence)}", err=True)
    for sentence in summary.problems:
        click.echo(f"Problem: {visible(sentence)}", err=True)
    if summary.problems:
        click.echo(f"{len(summary.problems)} problem(s): what is named above was not {verb.lower()}ed.", err=True)
        raise SystemExit(1)


def _print(verb: str, summary: Summary) -> None:
    would = f"Would {verb.lower()}" if summary.dry_run else f"{verb}ed"
    click.echo(f"{would} from {visible(summary.source)} into {visible(summary.target)}:")
    added = "{} new, {} added to, {} unchanged"
    models = (summary.logged_models_created, summary.logged_models_extended, summary.logged_models_unchanged)
    registered = (
        summary.registered_models_created,
        summary.registered_models_extended,
        summary.registered_models_unchanged,
    )
    versions = (summary.model_versions_created, summary.model_versions_extended, summary.model_versions_unchanged)
    rows = (
        ("experiments", f"{summary.experiments_created} new, {summary.experiments_merged} that were there"),
        ("runs", added.format(summary.runs_created, summary.runs_extended, summary.runs_unchanged)),
        ("models", added.format(*models)),
        ("registered", added.format(*registered)),
        ("versions", added.format(*versions)),
        ("points", str(summary.points)),
        ("artifacts", f"{summary.files} files, {summary.bytes} bytes"),
    )
    for name, text in rows:
        click.echo(f"  {name:12}{text}")
