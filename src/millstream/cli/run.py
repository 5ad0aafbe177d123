"""`millstream run`: a project directory as a run."""

from __future__ import annotations

from typing import Any

import click

PARAMETER_HELP = "A parameter as NAME=VALUE; may be given several times. Unknown names are passed on as --NAME VALUE."


@click.command("run")
@click.argument("uri")
@click.option("-e", "--entry-point", metavar="NAME", default="main", show_default=True, help="What to run of it.")
@click.option("-v", "--version", metavar="VERSION", help="Version of a Git project; not supported for directories.")
@click.option("-P", "--param-list", "parameters", metavar="NAME=VALUE", multiple=True, help=PARAMETER_HELP)
@click.option("-A", "--docker-args", metavar="NAME=VALUE", multiple=True, help="For Docker, which this version lacks.")
@click.option("--experiment-name", metavar="TEXT", help="Experiment of the run; made when there is none of that name.")
@click.option("--experiment-id", metavar="TEXT", help="Experiment of the run; must exist.")
@click.option("-b", "--backend", metavar="BACKEND", default="local", show_default=True, help="Where to run: local.")
@click.option("-c", "--backend-config", metavar="FILE", help="For back ends other than local.")
@click.option("--no-conda", is_flag=True, help="Run in the current Python, whatever environment the project asks for.")
@click.option("--env-manager", metavar="NAME", help="Environment of the project: local is the current Python.")
@click.option("--storage-dir", metavar="DIR", help="Where remote path parameters are downloaded to.")
@click.option("--run-id", metavar="RUN_ID", help="Continue this run instead of making one.")
@click.option("--run-name", metavar="TEXT", help="Name of the run.")
@click.option("--build-image", is_flag=True, help="For Docker, which this version lacks.")
def run(
    uri: str,
    entry_point: str,
    parameters: tuple[str, ...],
    docker_args: tuple[str, ...],
    no_conda: bool,
    env_manager: str | None,
    **options: Any,
) -> None:
    """Run an entry point of the project in the directory URI.

    The project's MLproject file names its entry points; NAME can also be a .py or .sh file of the directory.
    Everything is checked first; the command's exit code then decides whether the run is FINISHED or FAILED.
    """
    from millstream.projects import RunFailed
    from millstream.projects import run as run_project

    if options["experiment_name"] is not None and options["experiment_id"] is not None:
        raise click.UsageError("Give --experiment-name or --experiment-id, not both.")
    if no_conda and env_manager not in (None, "local"):
        raise click.UsageError(f"--no-conda means --env-manager local; it cannot go with {env_manager!r}.")
    try:
        run_project(
            uri,
            entry_point,
            parameters=dict(_pairs("-P", parameters)),
            docker_args=dict(_pairs("-A", docker_args)),
            env_manager="local" if no_conda else env_manager,
            **options,
        )
    except RunFailed as error:
        click.echo(f"=== {error.message} ===", err=True)
        raise SystemExit(1) from error


def _pairs(option: str, texts: tuple[str, ...]) -> list[tuple[str, str]]:
    """NAME=VALUE texts cut at the first ``=``; a usage error for other forms and for a name given twice."""
    pairs: list[tuple[str, str]] = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise click.UsageError(f"Invalid format for {option} parameter: {text!r}. Use {option} name=value.")
        if name in dict(pairs):
            raise click.UsageError(f"Repeated parameter: {name!r}.")
        pairs.append((name, value))
    return pairs
