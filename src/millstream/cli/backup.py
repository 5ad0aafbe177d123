"""`millstream backup` and `millstream restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from millstream.cli.options import check_uri, checked, json_option, open_store
from millstream.cli.output import count_text, echo_json, size_text
from millstream.cli.progress import progress_bar
from millstream.values.databases import hidden
from millstream.values.errors import DataDamaged


@click.command()
@click.argument("uri", callback=checked(check_uri))
@click.argument("target", metavar="DEST", type=click.Path(path_type=Path))
@click.option("--artifacts/--no-artifacts", default=True, show_default=True, help="Copy artifacts of this machine too.")
@click.option("--verify", "checked", is_flag=True, help="Check the backup when it is made.")
@json_option
def backup(uri: str, target: Path, artifacts: bool, checked: bool, as_json: bool) -> None:
    """Copy the store URI to the new directory DEST, while others may write to it."""
    from millstream.stores.backups import back_up, verify

    manifest = back_up(open_store(uri), target, artifacts=artifacts, progress=progress_bar("Copying", "files"))
    wrong = verify(target, progress_bar("Checking", "files")) if checked else []
    _report(target, manifest, wrong, "Backed up", as_json, verified=checked)


@click.command()
@click.argument("source", metavar="BACKUP", type=click.Path(path_type=Path))
@click.option(
    "--into", "uri", metavar="URI", callback=checked(check_uri), help="The new store, of the kind that was backed up."
)
@click.option("--artifact-root", metavar="DIR", help="Where a database's artifacts go (default: as for new ones).")
@click.option("--verify", "checked", is_flag=True, help="Check every file of the backup, and that its store opens.")
@json_option
def restore(source: Path, uri: str | None, artifact_root: str | None, checked: bool, as_json: bool) -> None:
    """Make a new store from a BACKUP, or with --verify alone only check the backup."""
    from millstream.stores.backups import read_manifest, verify
    from millstream.stores.open import open_store as open_at

    if uri is None and not checked:
        raise click.UsageError("Say --into URI to restore, --verify to check, or both.")
    manifest = read_manifest(source)
    wrong = verify(source, progress_bar("Checking", "files")) if checked else []
    if uri is not None and not wrong:
        from millstream.stores.restores import restore as restore_into

        restore_into(source, open_at(uri, artifact_root), progress_bar("Restoring", "files"))
    done = "Checked" if uri is None else f"Restored into {hidden(uri)}"
    _report(source, manifest, wrong, done, as_json, verified=checked)


def _report(home: Path, manifest: Any, wrong: list[str], done: str, as_json: bool, *, verified: bool) -> None:
    size = sum(facts.size for facts in manifest.files.values())
    if as_json:
        echo_json(
            {
                "backup": str(home),
                "kind": manifest.kind,
                "place": manifest.place,
                "time": manifest.time,
                "counts": manifest.counts,
                "files": len(manifest.files),
                "bytes": size,
                "notes": manifest.notes,
                "verified": verified and not wrong,
                "problems": wrong,
            }
        )
    elif not wrong:
        held = manifest.counts
        what = f"{count_text(held.experiments, 'experiment')}, {count_text(held.runs, 'run')}, {held.points} points"
        click.echo(f"{done}: {home}: {what}; {count_text(len(manifest.files), 'file')}, {size_text(size)}.")
    for note in manifest.notes:
        click.echo(note, err=True)
    for problem in wrong:
        click.echo(f"Damaged: {problem}", err=True)
    if wrong:
        raise DataDamaged(f"The backup {str(home)!r} is damaged in {count_text(len(wrong), 'place')}.")
