"""`runs tail` hands out every point once, and never holds a whole series."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.cli import tailing
from millstream.stores.base import Store
from millstream.stores.open import close_stores, open_store
from millstream.values.queries import MetricHistory
from tests.stores.calls import log, new_run


class Watched:
    """A store that notes how many points were asked for at most."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.asked: list[int | None] = []

    def read(self, query: Any) -> Any:
        if isinstance(query, MetricHistory):
            self.asked.append(query.max_results)
        return self.store.read(query)


@pytest.fixture(params=["tree", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    yield open_store(str(tmp_path / "mlruns") if request.param == "tree" else f"sqlite:///{tmp_path}/runs.db")
    close_stores()


def test_every_point_is_handed_out_once_page_by_page(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "PAGE", 4)
    run = new_run(store)
    watched = Watched(store)
    feed = tailing.Feed(watched, run)  # type: ignore[arg-type]
    given: list[float] = []
    for start, end in ((0, 1), (1, 4), (4, 8), (8, 8), (8, 21)):
        log(store, run, [("m", float(i), i) for i in range(start, end)])
        given += [point.value for point in feed.points(feed.look(), every=False)]
    log(store, run, [("m", -1.0, 0)])
    assert [point.value for point in feed.points(feed.look(), every=False)] == []
    assert [point.value for point in feed.points(feed.look(), every=True)] == [-1.0]
    assert given == [float(i) for i in range(21)]
    assert set(watched.asked) == {4}
    # Pages that were handed out are not read again, but for the last one.
    assert len(watched.asked) <= 21 // 4 + 7


def test_the_latest_by_time_are_shown_and_all_are_taken(store: Store) -> None:
    run = new_run(store)
    log(store, run, [("a", float(i), i, 100 + i % 3) for i in range(9)])
    feed = tailing.Feed(store, run)
    points = feed.points(feed.look(), every=True)
    assert [point.value for point in tailing._latest(points, 4)] == [7.0, 2.0, 5.0, 8.0]
    assert list(feed.points(feed.look(), every=True)) == []
    again = tailing.Feed(store, run)
    assert tailing._latest(again.points(again.look(), every=True), 0) == []
    assert list(again.points(again.look(), every=True)) == []
