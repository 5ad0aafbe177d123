"""Long metric files: read where it is needed, and never believed to be what they were when somebody rewrote them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from millstream.drivers.sql import segments
from millstream.formats.tokens import decode_bookmark
from millstream.stores.embedded import EmbeddedStore
from millstream.values import queries
from millstream.values.entities import Metric
from millstream.values.errors import StorageFailed
from tests.stores.calls import T0, get, history, log, new_run

Reads = Callable[[], int]


@pytest.fixture
def run(store: EmbeddedStore, small_parts: None) -> str:
    """A run with a series of 400 points, which the index knows."""
    made = new_run(store, start_time=T0)
    log(store, made, [("m", float(step % 10), step, T0 + step) for step in range(400)])
    store.read(queries.GetRun(run_id=made))
    return made


def path_of(store: EmbeddedStore, run: str) -> Path:
    return store.root / "0" / run / "metrics" / "m"


def known(store: EmbeddedStore, run: str) -> segments.Known:
    found = store._searches().file_state(run, "m", catch_up=False)
    assert found is not None
    return found


def drawn(store: EmbeddedStore, run: str) -> tuple[int, float, int | None, float]:
    """(points, highest value, where, last value), by an envelope of two pixels and by one of one."""
    two = store.read(queries.MetricEnvelope(run_id=run, key="m", width=2))
    one = store.read(queries.MetricEnvelope(run_id=run, key="m", width=1))
    assert sum(two.count) == one.count[0]
    assert max(value for value in two.max if value is not None) == one.max[0]
    assert two.last[-1] == one.last[0]
    assert one.max[0] is not None
    return one.count[0], one.max[0], one.max_x[0], one.last[0]


def test_what_was_appended_is_drawn_at_once(
    store: EmbeddedStore, run: str, open_tree: Callable[[], EmbeddedStore]
) -> None:
    assert drawn(store, run) == (400, 9.0, 9, 9.0)
    other = open_tree()
    for step in range(400, 1000, 7):
        log(other, run, [("m", float(step), step, T0 + step)])
        assert drawn(store, run)[1:] == (float(step), step, float(step))


def test_segments_follow_a_file_that_grows_by_single_points(store: EmbeddedStore, run: str) -> None:
    before = known(store, run).segmented
    assert 0 < before <= known(store, run).offset
    for step in range(400, 500):
        log(store, run, [("m", 0.0, step, T0 + step)])
        get(store, run)
    after = known(store, run)
    assert after.offset - after.segmented < 300
    state, found = store._searches().file_segments(run, "m")
    assert state == after
    assert sum(segment.digest.count for segment in found) <= 500
    ends = [segment.offset + segment.size for segment in found]
    assert [0, *ends[:-1]] == [segment.offset for segment in found]


@pytest.mark.parametrize("how", ["shorter", "longer", "same size", "other inode", "middle", "gone", "empty"])
def test_a_file_that_somebody_rewrote(store: EmbeddedStore, run: str, how: str) -> None:
    drawn(store, run)
    path = path_of(store, run)
    lines = path.read_text().splitlines(keepends=True)
    edited = [*lines[:200], lines[200].replace(f" {200 % 10}.0 ", " 7.7 "), *lines[201:]]
    assert edited != lines
    if how == "gone":
        path.unlink()
    elif how == "empty":
        path.write_text("")
    elif how == "shorter":
        path.write_text("".join(edited[:250]))
    elif how == "longer":
        path.write_text("".join(f"{T0} {50 + step}.5 {step}\n" for step in range(500)))
    elif how == "other inode":
        (path.parent / "new").write_text("".join(f"{T0} 3.5 {step}\n" for step in range(400)))
        os.replace(path.parent / "new", path)
    else:
        path.write_text("".join(edited if how == "same size" else edited[:100] + edited[150:]))
    expected = {
        "shorter": (250, 9.0, 9, 9.0),
        "longer": (500, 549.5, 499, 549.5),
        "same size": (400, 9.0, 9, 9.0),
        "other inode": (400, 3.5, 0, 3.5),
        "middle": (350, 9.0, 9, 9.0),
    }
    if how in ("gone", "empty"):
        assert store.read(queries.MetricEnvelope(run_id=run, key="m")).column == []
        return
    assert drawn(store, run) == expected[how]
    if how in ("shorter", "same size", "middle"):
        at = store.read(queries.MetricEnvelope(run_id=run, key="m", low=195, high=205, width=11))
        values = dict(zip(at.first_x, at.first, strict=True))
        assert values[200] == 7.7
        assert [value for _, value, _ in history(store, run, "m")].count(7.7) == 1


def test_a_file_that_is_rewritten_between_the_look_and_the_reading(
    store: EmbeddedStore, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of(store, run)
    answers = store._searches()
    find = answers.file_segments

    def rewriting(*given: str) -> object:
        found = find(*given)
        path.write_bytes(path.read_bytes().replace(b" 5.0 ", b" 6.5 "))
        return found

    monkeypatch.setattr(answers, "file_segments", rewriting)
    envelope = store.read(queries.MetricEnvelope(run_id=run, key="m", width=400))
    assert 5.0 not in envelope.first
    assert envelope.first.count(6.5) == 40


def test_without_an_index_the_file_says_it(
    store: EmbeddedStore, run: str, monkeypatch: pytest.MonkeyPatch, reads: Reads
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise StorageFailed("The index cannot be used.")

    monkeypatch.setattr(store._searches(), "file_state", fail)
    assert drawn(store, run) == (400, 9.0, 9, 9.0)
    points = store.read(queries.MetricHistories(run_ids=(run,), key="m", max_results=3))
    assert [point.step for point in points] == [0, 1, 2]


def test_a_short_file_needs_no_index(store: EmbeddedStore) -> None:
    run = new_run(store)
    log(store, run, [("m", 1.0, step) for step in range(20)])
    assert store.read(queries.MetricEnvelope(run_id=run, key="m", width=1)).count == [20]
    assert len(store.read(queries.SampledHistories(run_ids=(run,), key="m"))) == 20
    assert store._answers is None
    get(store, run)
    assert store._searches().file_segments(run, "m")[1] == []


def test_segments_go_with_their_file_and_run(store: EmbeddedStore, run: str) -> None:
    answers = store._searches()
    assert answers.file_segments(run, "m")[1]
    path_of(store, run).write_text(f"{T0} 1.0 0\n")
    get(store, run)
    assert answers.file_segments(run, "m")[1] == []
    path_of(store, run).unlink()
    get(store, run)
    assert answers.file_state(run, "m", catch_up=True) is None


def test_lines_that_are_no_points_and_datasets(store: EmbeddedStore, run: str) -> None:
    path = path_of(store, run)
    odd = f"what\n\n{T0} 1.5 400 새 d1\n{T0} nan 401\n{T0} 2.5\n{T0} 3.5 402 extra\n{T0} inf 403\n"
    path.write_text(path.read_text() + odd + f"{T0} 9.5 40")
    expected = [(400, 1.5), (401, None), (0, 2.5), (403, float("inf"))]
    found: list[Metric] = []
    token = None
    while token is not None or not found:
        page = store.read(queries.MetricHistory(run_id=run, key="m", max_results=3, page_token=token))
        found += page
        token = page.token
    tail = [(point.step, None if point.value != point.value else point.value) for point in found[400:]]
    assert tail == expected
    assert (found[400].dataset_name, found[400].dataset_digest) == ("새", "d1")
    envelope = store.read(queries.MetricEnvelope(run_id=run, key="m", low=400, high=403, width=4))
    assert (envelope.column, envelope.nan_count, envelope.max) == ([0, 1, 3], [0, 1, 0], [1.5, None, float("inf")])
    assert get(store, run).data.latest[0].value == float("inf")


def test_a_page_token_of_a_file_that_was_rewritten_counts_points(store: EmbeddedStore, run: str) -> None:
    page = store.read(queries.MetricHistory(run_id=run, key="m", max_results=100))
    assert page.token is not None
    assert decode_bookmark(page.token).byte > 0
    path = path_of(store, run)
    path.write_text("".join(f"{T0} 0.123456789 {step}\n" for step in range(400)))
    rest = store.read(queries.MetricHistory(run_id=run, key="m", max_results=500, page_token=page.token))
    assert [point.step for point in rest] == list(range(100, 400))


def test_a_page_reads_its_own_bytes(store: EmbeddedStore, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    pread = os.pread

    def counting(descriptor: int, size: int, offset: int) -> bytes:
        nonlocal read
        data = pread(descriptor, size, offset)
        read += len(data)
        return data

    page = store.read(queries.MetricHistory(run_id=run, key="m", max_results=300))
    monkeypatch.setattr(os, "pread", counting)
    store.read(queries.MetricHistory(run_id=run, key="m", max_results=10, page_token=page.token))
    assert read < path_of(store, run).stat().st_size // 3
