"""`millstream runs tail`: metric points as they arrive."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from heapq import nlargest
from typing import TYPE_CHECKING

import click

from millstream.cli.options import json_option, open_store
from millstream.cli.output import echo_json, local_time, number_text, visible
from millstream.values.entities import DELETED, Metric, Run, RunStatus
from millstream.values.queries import GetRun, MetricHistory

# Points read at a time.
PAGE = 25_000

if TYPE_CHECKING:
    from millstream.stores.base import Store


@click.command()
@click.argument("run_id", metavar="RUN")
@click.option("--lines", type=click.IntRange(min=0), default=10, show_default=True, help="Points to show at first.")
@click.option("--interval", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="Seconds a look.")
@click.option("--follow/--no-follow", default=True, show_default=True, help="Wait for more points.")
@json_option
def tail(run_id: str, lines: int, interval: float, follow: bool, as_json: bool) -> None:
    """Print the metric points of a run as they are logged, until the run ends or Ctrl-C."""
    feed = Feed(open_store(), run_id)
    try:
        run = feed.look()
        for point in _latest(feed.points(run, every=True), lines):
            _echo(point, as_json)
        while follow and not _has_ended(run):
            time.sleep(interval)
            run = feed.look()
            for point in feed.points(run, every=_has_ended(run)):
                _echo(point, as_json)
    except KeyboardInterrupt:
        return
    if follow:
        stage = "was deleted" if run.info.lifecycle_stage == DELETED else f"ended: {run.info.status}"
        click.echo(f"Run {run.info.run_name!r} {stage}.", err=True)


def _latest(points: Iterable[Metric], most: int) -> list[Metric]:
    """The last `most` of `points` by time, of one time those that come last; no more than them are held."""
    # All are taken in any case: for no point at all `nlargest` would not even look.
    found = nlargest(max(most, 1), enumerate(points), key=lambda item: (item[1].timestamp, item[0]))
    return [point for _, point in reversed(found[:most])]


class Feed:
    """Hands out each point of a run once; one page of points is held at a time."""

    def __init__(self, store: Store, run_id: str) -> None:
        """Start before the first point."""
        self._store = store
        self._run_id = run_id
        # By metric the page that was read last, which may have grown, and how many of its points were handed out.
        self._given: dict[str, tuple[str | None, int]] = {}
        self._latest: dict[str, Metric] = {}

    def look(self) -> Run:
        """The run as it is now."""
        return self._store.read(GetRun(run_id=self._run_id))

    def points(self, run: Run, *, every: bool) -> Iterator[Metric]:
        """Points not yet handed out, metric by metric in the order they were logged.

        Only metrics whose latest point changed are read; with `every`, all are, for late points of earlier steps.
        """
        for latest in run.data.latest:
            if not every and str(self._latest.get(latest.key)) == str(latest):
                continue
            self._latest[latest.key] = latest
            yield from self._new(latest.key)

    def _new(self, key: str) -> Iterator[Metric]:
        token, given = self._given.get(key, (None, 0))
        while True:
            page = self._store.read(MetricHistory(run_id=self._run_id, key=key, max_results=PAGE, page_token=token))
            self._given[key] = (token, len(page))
            yield from page[given:]
            if page.token is None:
                return
            token, given = page.token, 0


def _has_ended(run: Run) -> bool:
    return RunStatus.is_terminated(run.info.status) or run.info.lifecycle_stage == DELETED


def _echo(point: Metric, as_json: bool) -> None:
    if as_json:
        named = {"key": point.key, "value": point.value, "step": point.step, "timestamp": point.timestamp}
        echo_json(named, indent=None)
    else:
        key = visible(point.key)
        click.echo(f"{local_time(point.timestamp)}  {key}  step {point.step}  {number_text(point.value)}")
