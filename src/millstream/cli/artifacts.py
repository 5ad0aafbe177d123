"""`millstream artifacts`."""

from __future__ import annotations

import click

from millstream.cli.options import open_store
from millstream.cli.output import echo_json
from millstream.values.queries import ListArtifacts

run_option = click.option("-r", "--run-id", "run_id", required=True, help="Id of the run.")
into_option = click.option("-a", "--artifact-path", "path", help="Directory among the run's artifacts.")


@click.group()
def artifacts() -> None:
    """List, download and store files of runs."""


@artifacts.command("list")
@run_option
@click.option("-a", "--artifact-path", "path", default="", help="List this directory (default: the root).")
@click.option("--json", "_as_json", is_flag=True, help="Print JSON; this is always so.")
def list_(run_id: str, path: str, _as_json: bool) -> None:
    """Print the files and directories directly below a directory as JSON."""
    found = open_store().read(ListArtifacts(run_id=run_id, path=path))
    echo_json([{key: value for key, value in item if value is not None} for item in found], indent=2)


@artifacts.command()
@click.option("-r", "--run-id", "run_id", help="Id of the run.")
@click.option("-a", "--artifact-path", "path", help="File or directory among the run's artifacts (default: all).")
@click.option("-u", "--artifact-uri", "uri", help="What to download, as a URI, in place of --run-id.")
@click.option("-d", "--dst-path", "target", type=click.Path(file_okay=False), help="Directory to put it in.")
def download(run_id: str | None, path: str | None, uri: str | None, target: str | None) -> None:
    """Download files and print where they are; without --dst-path, files of this machine are not copied."""
    if (run_id is None) == (uri is None):
        raise click.UsageError("Give either --run-id or --artifact-uri.")
    if uri is not None and path:
        raise click.UsageError("--artifact-path goes with --run-id; put the path into the URI.")
    from millstream.tracking.artifacts import download_artifacts

    click.echo(download_artifacts(artifact_uri=uri, run_id=run_id, artifact_path=path, dst_path=target))


@artifacts.command("log-artifact")
@click.option("-l", "--local-file", "source", required=True, type=click.Path(), help="File to store.")
@run_option
@into_option
def log_artifact(source: str, run_id: str, path: str | None) -> None:
    """Store a file among a run's artifacts."""
    from millstream.tracking.artifacts import put

    put(open_store(), run_id, source, path)
    click.echo(f"Logged artifact from local file {source} to artifact_path={path}")


@artifacts.command("log-artifacts")
@click.option("-l", "--local-dir", "source", required=True, type=click.Path(), help="Directory to store.")
@run_option
@into_option
def log_artifacts(source: str, run_id: str, path: str | None) -> None:
    """Store everything below a directory among a run's artifacts."""
    from millstream.tracking.artifacts import put_directory

    put_directory(open_store(), run_id, source, path)
    click.echo(f"Logged artifact from local dir {source} to artifact_path={path}")
