"""What a server passes on of artifacts: the options of `server` and `ui`, and the settings behind them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click

from millstream.cli.options import checked
from millstream.values.databases import ARTIFACTS
from millstream.values.errors import InvalidValue, NotSupported
from millstream.values.settings import setting, text_setting


def _check_location(text: str) -> None:
    from millstream.drivers.artifacts.open import open_artifacts
    from millstream.values.paths import Location

    try:
        open_artifacts(Location.parse(text, base=Path.cwd()))
    except NotSupported as error:
        raise InvalidValue(error.message) from error


ARTIFACT_OPTIONS = (
    click.option(
        "--serve-artifacts/--no-serve-artifacts",
        "serve_artifacts",
        default=None,
        help="Whether clients reach artifacts through the server.  [default: --serve-artifacts]",
    ),
    click.option(
        "--artifacts-destination",
        metavar="URI",
        callback=checked(_check_location),
        help="Directory or URI whose artifacts are passed on; new experiments go there.  [default: with the runs]",
    ),
    click.option("--artifacts-only", is_flag=True, default=None, help="Pass on artifacts and nothing else."),
)


PASSING = ("serve_artifacts", "artifacts_destination", "artifacts_only")
"""The names of the parameters of `ARTIFACT_OPTIONS`."""


class Passing(NamedTuple):
    """Whether artifacts are passed on; the destination if named; the destination if nothing else is served."""

    serve: bool
    destination: str | None
    only: str | None


def read_passing(
    store_uri: str | None,
    *,
    serve_artifacts: bool | None,
    artifacts_destination: str | None,
    artifacts_only: bool | None,
) -> Passing:
    """What the options, and the settings that stand for them, say of artifacts; UsageError where they disagree."""
    serve = bool(setting("SERVE_ARTIFACTS")) if serve_artifacts is None else serve_artifacts
    destination = artifacts_destination or text_setting("ARTIFACTS_DESTINATION")
    if not (bool(setting("ARTIFACTS_ONLY")) if artifacts_only is None else artifacts_only):
        return Passing(serve, destination, None)
    if not serve:
        raise click.UsageError("--artifacts-only and --no-serve-artifacts leave nothing to serve; drop one of them.")
    if store_uri is not None:
        raise click.UsageError("With --artifacts-only no runs are served; leave --backend-store-uri out.")
    return Passing(serve, destination, destination or str(Path.cwd() / ARTIFACTS))
