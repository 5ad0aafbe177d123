"""`millstream models`: serve a saved model over HTTP, or predict for a file with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from millstream.values.errors import BadRequest, MillstreamError, NotSupported, StorageFailed
from millstream.values.settings import setting

if TYPE_CHECKING:
    from millstream.models.pyfunc import PyFuncModel
    from millstream.serving.codec import Kind

Command = TypeVar("Command", bound=Callable[..., Any])

_ENVIRONMENTS = ("local", "virtualenv", "uv", "conda")
_MODEL_HELP = "Model directory, runs:/<run id>/<path>, or models:/<name>/<version>."


def model_options(command: Command) -> Command:
    """Add the options that name the model and its environment, in MLflow's old and new spelling."""
    for option in (
        click.option("--install-mlflow", is_flag=True, help="Accepted for MLflow's sake; nothing is installed."),
        click.option("--no-conda", is_flag=True, help="Same as --env-manager local."),
        click.option("--env-manager", type=click.Choice(_ENVIRONMENTS), help="Only local: this Python environment."),
        click.option("-m", "--model-uri", "model_uri", required=True, metavar="URI", help=_MODEL_HELP),
    ):
        command = option(command)
    return command


@click.group()
def models() -> None:
    """Serve models and predict with them."""


@models.command()
@model_options
@click.option("-p", "--port", type=click.IntRange(0, 65535), help="Port; 0 takes any free one.  [default: 5000]")
@click.option("-h", "--host", metavar="HOST", help="Address to listen on; 0.0.0.0 for all.  [default: 127.0.0.1]")
@click.option(
    "-t", "--timeout", type=click.IntRange(min=1), metavar="SECONDS", help="Answer 504 after this.  [default: 60]"
)
@click.option("-w", "--workers", type=int, default=1, help="Only 1: one process answers everything.")
def serve(
    model_uri: str,
    port: int | None,
    host: str | None,
    timeout: int | None,
    workers: int,
    env_manager: str | None,
    no_conda: bool,
    install_mlflow: bool,
) -> None:
    """Answer predictions over HTTP until Ctrl-C: POST /invocations, GET /ping, /health, /version."""
    if workers != 1:
        raise click.UsageError("One process answers everything here, so --workers takes only 1. Leave it out.")
    _check_environment(env_manager, no_conda)
    from millstream.serving import process
    from millstream.serving.app import ScoringApp

    host = str(setting("HOST")) if host is None else host
    # The port first: a busy one is known before the model has been loaded.
    with process.bind(host, int(str(setting("PORT"))) if port is None else port) as listening:
        with process.leaving_on_signal():
            model = _load(model_uri)
        seconds = float(str(setting("SCORING_TIMEOUT"))) if timeout is None else float(timeout)
        app = ScoringApp(model, timeout=seconds, hosts=process.allowed_hosts(host))
        with _noted(process.url_of(listening), model_uri):
            process.serve(app, listening, click.echo)
    click.echo("Stopped.", err=True)


def _noted(url: str, model: str) -> AbstractContextManager[None]:
    """Meanwhile a tracking server of the same user on this machine knows of it, so that its pages can call it."""
    from millstream.server import roster

    return roster.noted(roster.Scorer(pid=os.getpid(), born=roster.born(os.getpid()) or "", url=url, model=model))


@models.command()
@model_options
@click.option("-i", "--input-path", "source", metavar="FILE", help="What to predict for (default: standard input).")
@click.option("-o", "--output-path", "target", metavar="FILE", help="Where the JSON goes (default: standard output).")
@click.option(
    "-t",
    "--content-type",
    type=click.Choice(("json", "csv")),
    default="json",
    show_default=True,
    help="Form of the input.",
)
@click.option(
    "-j", "--json-format", type=click.Choice(("split", "records")), help="The input is MLflow 1's JSON of this form."
)
def predict(
    model_uri: str,
    source: str | None,
    target: str | None,
    content_type: str,
    json_format: str | None,
    env_manager: str | None,
    no_conda: bool,
    install_mlflow: bool,
) -> None:
    """Predict for a JSON or CSV file and print the answer as JSON."""
    _check_environment(env_manager, no_conda)
    from millstream.serving.codec import CSV, JSON, Kind

    if json_format and content_type == "csv":
        raise click.UsageError("--json-format goes with --content-type json.")
    body = _read(source)
    kind = Kind(CSV) if content_type == "csv" else Kind(JSON, json_format and f"pandas-{json_format}")
    answer = _score(_load(model_uri), body, kind)
    if target is None:
        click.echo(answer.decode())
        return
    try:
        Path(target).write_bytes(answer + b"\n")
    except OSError as error:
        raise StorageFailed(f"Cannot write {target!r}: {error.strerror}.") from error


def _score(model: PyFuncModel, body: bytes, kind: Kind) -> bytes:
    from millstream.serving.codec import JSON, decode, encode
    from millstream.serving.plan import Plan

    try:
        request = decode(body, kind)
    except BadRequest as error:
        hint = " For a CSV file add -t csv." if kind.media == JSON else ""
        raise BadRequest(f"{error.message}{hint}") from error
    try:
        predictions = Plan(model).predict(request)
        return encode(predictions, bare=request.bare)
    except MillstreamError:
        raise
    except Exception as error:  # the model is somebody else's code
        raise MillstreamError(f"The model failed on this input: {type(error).__name__}: {error}") from error


def _read(source: str | None) -> bytes:
    if source is None:
        return sys.stdin.buffer.read()
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise StorageFailed(f"Cannot read {source!r}: {error.strerror}.") from error


def _check_environment(env_manager: str | None, no_conda: bool) -> None:
    if env_manager not in (None, "local") and not no_conda:
        raise NotSupported(
            f"--env-manager {env_manager} cannot be done yet: the model runs in this Python environment only. "
            "Leave the option out, or say local, after installing the model's requirements.txt here."
        )


def _load(model_uri: str) -> PyFuncModel:
    """Open the model; say on standard error where the environment differs from the one it was saved in."""
    from millstream.models.environment import REQUIREMENTS_FILE
    from millstream.models.log import open_directory
    from millstream.models.pyfunc import load_model
    from millstream.models.requirements import differing_versions

    directory = open_directory(model_uri)
    requirements = directory / REQUIREMENTS_FILE
    if requirements.is_file():
        differing = differing_versions(requirements.read_text("utf-8", errors="replace").splitlines())
        for name, wanted, found in differing:
            click.echo(f"note: the model was saved with {name} {wanted}; here is {found or 'none'}.", err=True)
    return load_model(str(directory))
