"""A reader's way through the pages, in a real browser against a real server over real files."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.tracking.client import MlflowClient
from tests.journeys.pages import Watched, in_browser, serving, watching

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
expect = sync_api.expect

pytestmark = in_browser

everywhere = pytest.mark.parametrize("watched", ["", "/lab/ms"], ids=["at the root", "below a prefix"], indirect=True)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "my runs" / "mlruns"


@pytest.fixture
def watched(request: pytest.FixtureRequest, browser: Any, store: Path) -> Iterator[Watched]:
    """A page of a fresh browser profile on a fresh server of `store`, which need not exist yet."""
    prefix = getattr(request, "param", "")
    with serving(store, prefix) as address, watching(browser, address) as found:
        yield found


def log_runs(store: Path) -> list[str]:
    """Three finished runs whose losses are 0.5, 0.1 and 0.3; the first has artifacts."""
    client = MlflowClient(str(store))
    experiment = client.create_experiment("시험 one")
    ids = []
    for name, loss in (("half", 0.5), ("tenth", 0.1), ("third", 0.3)):
        run = client.create_run(experiment, run_name=name).info.run_id
        client.log_param(run, "lr", loss / 10)
        client.log_metric(run, "val/loss", 2.0, step=0)
        client.log_metric(run, "val/loss", float("nan"), step=1)
        client.log_metric(run, "val/loss", loss, step=2)
        client.set_terminated(run)
        ids.append(run)
    client.log_text(ids[0], "첫 줄 <script>document.title = 'taken'</script>", "notes.txt")
    client.log_text(ids[0], '{"rate": 0.1, "layers": [1, 2]}', "config.json")
    client.log_text(ids[0], 'name,score\n"kim, a",0.5\n', "tables/scores.csv")
    picture = store.parent / "plot.png"
    picture.write_bytes(small_png())
    client.log_artifact(ids[0], str(picture))
    return [experiment, *ids]


def small_png() -> bytes:
    """One red pixel."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0"))
        + chunk(b"IEND", b"")
    )


def names(page: Any) -> list[str]:
    """Run names of the table from top to bottom (pooled rows stand in any order)."""
    rows = page.locator("[role=row].body:visible").all()
    ordered = sorted(rows, key=lambda row: int(row.get_attribute("aria-rowindex")))
    return [row.locator(".run-name").inner_text() for row in ordered]


def expect_names(page: Any, wanted: list[str]) -> None:
    expect(page.locator("[role=row].body:visible")).to_have_count(len(wanted))
    expect(page.locator('[aria-rowindex="2"] .run-name')).to_have_text(wanted[0])
    assert names(page) == wanted


def test_an_empty_store_names_its_directory_and_comes_alive(watched: Watched, store: Path) -> None:
    page = watched.open()
    expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
    expect(page.locator(".empty .path")).to_have_text(str(store))
    expect(page.locator(".empty")).to_contain_text("does not exist yet")
    expect(page.locator(".snippet pre")).to_contain_text(f'set_tracking_uri("{store}")')
    log_runs(store)
    expect(page.get_by_role("link", name="시험 one")).to_be_visible(timeout=20_000)
    assert (watched.errors, watched.strangers) == ([], [])


@everywhere
def test_from_the_list_to_a_run(watched: Watched, store: Path, tmp_path: Path) -> None:
    log_runs(store)
    page = watched.open()
    page.get_by_role("link", name="시험 one").click()
    expect_names(page, ["third", "tenth", "half"])
    page.get_by_role("button", name="val/loss", exact=True).click()
    expect_names(page, ["tenth", "third", "half"])
    page.get_by_role("button", name="val/loss", exact=True).click()
    expect_names(page, ["half", "third", "tenth"])
    assert "sort=-m:val/loss" in page.url

    page.keyboard.press("/")
    page.keyboard.type("metrics.`val/loss` < 0.4")
    page.keyboard.press("Enter")
    expect_names(page, ["third", "tenth"])
    expect(page.locator(".count")).to_have_text("2 runs match")
    page.go_back()
    expect_names(page, ["half", "third", "tenth"])
    page.go_forward()
    expect_names(page, ["third", "tenth"])

    page.get_by_label("Filter runs").press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("tenth")
    page.get_by_role("navigation", name="Parts of this run").get_by_role("link", name="Metrics").click()
    chart = page.get_by_role("img", name=re.compile("Line chart of val.loss"))
    expect(chart.locator("canvas").first).to_be_visible()
    expect(chart).to_have_attribute("aria-label", re.compile("2 points, first 2, last 0.1"))
    expect(page.locator(".chart-note")).to_contain_text("1 NaN")
    page.screenshot(path=str(tmp_path / "run.png"))
    assert (watched.errors, watched.strangers) == ([], [])


def test_a_wrong_filter_is_told_in_place_and_keeps_its_text(watched: Watched, store: Path) -> None:
    experiment = log_runs(store)[0]
    page = watched.open(f"e/{experiment}")
    field = page.get_by_label("Filter runs")
    field.fill("metrics.loss <")
    field.press("Enter")
    expect(page.get_by_role("alert")).not_to_be_empty()
    expect(field).to_have_value("metrics.loss <")
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("params.lr = 'none'")
    field.press("Enter")
    expect(page.get_by_role("heading", name="No run matches")).to_be_visible()
    page.get_by_role("button", name="Drop the filter").click()
    expect_names(page, ["third", "tenth", "half"])
    # The browser itself reports the refused request; nothing else may go wrong.
    assert [error for error in watched.errors if "400" not in error] == []


def test_a_filter_that_cannot_be_read_has_no_count_and_a_way_out(watched: Watched, store: Path) -> None:
    experiment = log_runs(store)[0]
    page = watched.open(f"e/{experiment}?q=metrics.loss+%3C&sort=-start_time")
    expect(page.get_by_role("heading", name="The question could not be read")).to_be_visible()
    expect(page.get_by_role("alert").locator(".filter-place")).to_be_visible()
    expect(page.locator(".count")).to_be_empty()
    expect(page.get_by_role("button", name="Drop the sorting")).to_have_count(0)
    page.get_by_role("button", name="Show all runs").click()
    expect_names(page, ["third", "tenth", "half"])
    expect(page.locator(".count")).to_have_text("3 runs")
    # Of a filter that is spoilt later on the runs stay, but no count of them is told.
    field = page.get_by_label("Filter runs")
    field.fill("metrics.loss <")
    field.press("Enter")
    expect(page.get_by_role("alert").locator(".filter-place")).to_be_visible()
    expect(page.locator(".count")).to_be_empty()
    assert [error for error in watched.errors if "400" not in error] == []


def test_plain_words_look_for_runs(watched: Watched, store: Path) -> None:
    experiment = log_runs(store)[0]
    page = watched.open(f"e/{experiment}")
    expect_names(page, ["third", "tenth", "half"])
    field = page.get_by_label("Filter runs")
    field.fill("tenth")
    field.press("Enter")
    expect_names(page, ["tenth"])
    expect(field).to_have_value("text CONTAINS 'tenth'")
    expect(page.locator(".count")).to_have_text("1 run matches")
    field.fill("no such words")
    field.press("Enter")
    expect(page.get_by_role("heading", name="No run matches")).to_be_visible()
    assert (watched.errors, watched.strangers) == ([], [])


def test_runs_are_deleted_and_come_back(watched: Watched, store: Path) -> None:
    experiment = log_runs(store)[0]
    page = watched.open(f"e/{experiment}")
    page.get_by_label("Select tenth").check()
    page.get_by_role("region", name="Selected runs").get_by_role("button", name="Delete").click()
    expect_names(page, ["third", "half"])
    page.get_by_role("button", name="Undo").click()
    expect_names(page, ["third", "tenth", "half"])
    assert (watched.errors, watched.strangers) == ([], [])


@everywhere
def test_artifacts_are_shown_and_never_run(watched: Watched, store: Path) -> None:
    run = log_runs(store)[1]
    page = watched.open(f"r/{run}/artifacts")
    page.get_by_role("treeitem", name="notes.txt").click()
    expect(page.locator(".code")).to_contain_text("첫 줄 <script>")
    page.get_by_role("treeitem", name="config.json").click()
    expect(page.locator(".json")).to_contain_text("rate: 0.1")
    page.get_by_role("treeitem", name="tables").click()
    page.get_by_role("treeitem", name="scores.csv").click()
    expect(page.get_by_role("cell")).to_have_text(["kim, a", "0.5"])
    page.get_by_role("treeitem", name="plot.png").click()
    expect(page.locator(".picture img")).to_have_js_property("naturalWidth", 1)
    page.reload()
    expect(page.locator(".picture img")).to_have_js_property("complete", True)
    assert "taken" not in page.title()
    assert (watched.errors, watched.strangers) == ([], [])


def test_a_running_run_grows_on_the_page(watched: Watched, store: Path) -> None:
    client = MlflowClient(str(store))
    run = client.create_run("0", run_name="live").info.run_id
    client.log_metric(run, "loss", 1.0, step=0)
    page = watched.open(f"r/{run}/metrics")
    chart = page.get_by_role("img", name=re.compile("Line chart of loss"))
    expect(chart).to_have_attribute("aria-label", re.compile("1 point, .* last 1,"))
    client.log_metric(run, "loss", 0.25, step=1)
    expect(chart).to_have_attribute("aria-label", re.compile("2 points, .* last 0.25,"), timeout=20_000)
    client.set_terminated(run)
    expect(page.locator(".facts .status")).to_have_text("Finished", timeout=20_000)
    assert (watched.errors, watched.strangers) == ([], [])


# Takes away every wait of two seconds and more: what pages ask by themselves from time to time. A page that was told of
# something while it was asking waits a little more than one.
NO_POLLING = """
const wait = window.setTimeout.bind(window);
window.setTimeout = (work, pause, ...given) => (pause >= 2000 ? 0 : wait(work, pause, ...given));
"""


def test_pages_are_told_of_changes_and_ask_for_nothing_by_themselves(watched: Watched, store: Path) -> None:
    experiment, half, *_ = log_runs(store)
    watched.page.add_init_script(NO_POLLING)
    with watched.page.expect_response(re.compile("api/ui/changes")):
        page = watched.open(f"e/{experiment}")
    expect_names(page, ["third", "tenth", "half"])
    client = MlflowClient(str(store))
    newest = client.create_run(experiment, run_name="새 run").info.run_id
    expect_names(page, ["새 run", "third", "tenth", "half"])
    client.log_metric(newest, "val/loss", 0.125, step=0)
    expect(page.locator('[aria-rowindex="2"]')).to_contain_text("0.125")
    client.set_terminated(newest)
    expect(page.locator('[aria-rowindex="2"]').get_by_title("Finished")).to_be_visible()
    # Nobody asks about a run that has ended, so all that comes to its page is told by the server.
    page = watched.open(f"r/{half}/metrics")
    chart = page.get_by_role("img", name=re.compile("Line chart of val.loss"))
    expect(chart).to_have_attribute("aria-label", re.compile("last 0.5,"))
    with page.expect_request(lambda request: "ui/curves" in request.url) as asked:
        client.log_metric(half, "val/loss", 0.0625, step=3)
    assert asked.value.post_data_json["since"] == [2]
    expect(chart).to_have_attribute("aria-label", re.compile("last 0.0625,"))
    client.log_metric(half, "둘째", 7.0, step=0)
    expect(page.get_by_role("img", name=re.compile("Line chart of 둘째"))).to_be_visible()
    page = watched.open()
    expect(page.get_by_role("link", name="시험 one")).to_be_visible()
    client.create_experiment("later")
    expect(page.get_by_role("link", name="later")).to_be_visible()
    assert (watched.errors, watched.strangers) == ([], [])


def test_pages_ask_by_themselves_where_no_stream_can_be_had(watched: Watched, store: Path) -> None:
    experiment = log_runs(store)[0]
    watched.page.route("**/api/ui/changes*", lambda route: route.abort())
    page = watched.open(f"e/{experiment}")
    expect_names(page, ["third", "tenth", "half"])
    MlflowClient(str(store)).create_run(experiment, run_name="newest")
    expect(page.locator('[aria-rowindex="2"] .run-name')).to_have_text("newest", timeout=20_000)
    assert watched.strangers == []


def test_new_runs_wait_while_the_pointer_is_on_the_rows(watched: Watched, store: Path) -> None:
    experiment = log_runs(store)[0]
    page = watched.open(f"e/{experiment}")
    expect_names(page, ["third", "tenth", "half"])
    page.get_by_role("link", name="tenth").hover()
    client = MlflowClient(str(store))
    client.set_terminated(client.create_run(experiment, run_name="newest").info.run_id)
    pill = page.get_by_role("button", name="1 new run. Show it")
    expect(pill).to_be_visible(timeout=20_000)
    expect_names(page, ["third", "tenth", "half"])
    pill.click()
    expect_names(page, ["newest", "third", "tenth", "half"])
    assert (watched.errors, watched.strangers) == ([], [])


def test_a_lost_server_is_told_and_found_again(watched: Watched, store: Path) -> None:
    experiment = log_runs(store)[0]
    page = watched.open(f"e/{experiment}")
    expect_names(page, ["third", "tenth", "half"])
    page.context.set_offline(True)
    page.get_by_role("button", name="Name", exact=True).click()
    # Once more: an answer to what was asked before may have come in between, as from a server that is back.
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("The server does not answer.")).to_be_visible()
    expect_names(page, ["third", "tenth", "half"])
    page.context.set_offline(False)
    expect_names(page, ["half", "tenth", "third"])
    expect(page.get_by_text("The server does not answer.")).to_have_count(0)
