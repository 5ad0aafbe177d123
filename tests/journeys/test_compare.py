"""Runs side by side in a real browser: what differs, the baseline, the order of runs, packages, charts and files."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.compared import log_compared, log_wide
from tests.journeys.pages import PHONE, Watched, in_browser, serving, watching

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
expect = sync_api.expect
pytestmark = in_browser

THIRD = "셋째 <b>third</b>"


class Place:
    """A server, and what its tests only read: runs by name, and 200 wide ones."""

    def __init__(self, store: Path) -> None:
        self.runs = log_compared(store)
        self.wide = log_wide(store, 200, 450)
        self.address = ""

    def of(self, *names: str, **query: str) -> str:
        """The address that compares these runs."""
        runs = ",".join(self.runs[name] for name in names)
        return "compare?" + "&".join([f"runs={runs}", *(f"{key}={value}" for key, value in query.items())])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    store = tmp_path_factory.mktemp("compare") / "mlruns"
    found = Place(store)
    with serving(store) as found.address:
        yield found


@pytest.fixture
def watched(browser: Any, place: Place) -> Iterator[Watched]:
    with watching(browser, place.address) as found:
        yield found
    assert (found.strangers, found.errors) == ([], [])


def heads(page: Any) -> list[str]:
    """Names of the runs from left to right."""
    return [name.inner_text() for name in page.locator(".run-head-cell .run-name").all()]


def keys(page: Any) -> list[str]:
    """Keys and sections from top to bottom (pooled rows stand in any order)."""
    rows = page.locator(".compare-grid [role=row].body").all()
    ordered = sorted(rows, key=lambda row: int(row.get_attribute("aria-rowindex")))
    return [row.locator(".key, .section-button").inner_text().strip() for row in ordered]


def cells(page: Any, key: str) -> Any:
    row = page.locator(".compare-grid [role=row].body").filter(has=page.locator(f'button.key[title="{key}"]'))
    return row.locator(".run-cell")


@pytest.mark.parametrize("smoothing", ["none", "ema"])
def test_the_first_row_of_charts_is_whole_beside_the_values(watched: Watched, place: Place, smoothing: str) -> None:
    watched.page.set_viewport_size({"width": 760, "height": 800})
    page = watched.open(place.of("first", "second", **{"c.smooth": f"{smoothing}~0.5"}))
    expect(page.locator(".compare-charts .chart-card canvas").first).to_be_visible()
    row, pane = (
        page.locator(".compare-charts .chart-card").first.bounding_box(),
        page.locator(".compare-charts").bounding_box(),
    )
    assert row["y"] + row["height"] <= pane["y"] + pane["height"]


def test_what_differs_is_shown_and_marked_against_the_baseline(watched: Watched, place: Place) -> None:
    page = watched.open(place.of("first", "second", THIRD, charts="0"))
    expect(cells(page, "lr")).to_have_count(3)
    assert heads(page) == ["first", "second", THIRD]
    expect(cells(page, "lr").nth(1)).to_contain_text("−0.05")
    expect(cells(page, "val/loss").nth(2)).to_have_attribute("title", "0.30000000000000004 (+0.2 from the baseline)")
    expect(cells(page, "broken").nth(2).locator(".text")).to_have_text("NaN")
    expect(cells(page, "only here").nth(0).locator(".text")).to_have_text("–")
    for at, differs in enumerate((False, True, False)):
        assert ("differs" in cells(page, "optimizer").nth(at).get_attribute("class")) is differs
    assert "batch" not in keys(page)
    page.get_by_label("Differences only").uncheck()
    expect(cells(page, "batch")).to_have_count(3)
    expect(cells(page, "constant").nth(1).locator(".text")).to_have_text("1.5")
    # The letter of the switch, back again.
    page.locator(".compare-grid").press("d")
    expect(cells(page, "batch")).to_have_count(0)


def test_another_baseline_and_the_order_of_runs_stand_in_the_address(watched: Watched, place: Place) -> None:
    page = watched.open(place.of("first", "second", THIRD, charts="0"))
    page.get_by_role("button", name="Baseline: second").click()
    expect(page.locator(".run-head-cell").first).to_contain_text("second")
    expect(cells(page, "val/loss").nth(1)).to_contain_text("−0.1")
    page.get_by_role("button", name=f"Menu of {THIRD}").click()
    page.get_by_role("menuitem", name="Move left").click()
    expect(page.locator(".run-head-cell").nth(1)).to_contain_text(THIRD)
    page.get_by_role("button", name=f"Menu of {THIRD}").press("Alt+ArrowRight")
    expect(page.locator(".run-head-cell").nth(2)).to_contain_text(THIRD)
    page.locator(".run-head-cell").nth(2).drag_to(page.locator(".run-head-cell").nth(1))
    expect(page.locator(".run-head-cell").nth(1)).to_contain_text(THIRD)
    cells(page, "lr").first.wait_for()
    page.locator('button.key[title="lr"]').click()
    page.get_by_role("menuitem", name="Order runs, highest first").click()
    expect(page.locator(".run-head-cell").nth(1)).to_contain_text("first")
    expect(page.locator(".run-head-cell").nth(0)).to_contain_text("second")
    page.reload()
    expect(page.locator(".run-head-cell").nth(1)).to_contain_text("first")
    page.get_by_role("button", name="Remove first").click()
    expect(page.locator(".run-head-cell")).to_have_count(2)
    page.go_back()
    expect(page.locator(".run-head-cell")).to_have_count(3)


def test_search_order_and_other_numbers_of_metrics(watched: Watched, place: Place) -> None:
    page = watched.open(place.of("first", "second", charts="0"))
    cells(page, "lr").first.wait_for()
    page.locator(".compare-grid").press("/")
    page.keyboard.type("VAL/")
    expect(page.locator("button.key")).to_have_count(2)
    page.get_by_label("Metrics").select_option("max")
    expect(cells(page, "val/loss").nth(0).locator(".text")).to_have_text("2")
    page.get_by_label("Metrics").select_option("min")
    expect(cells(page, "val/loss").nth(1).locator(".text")).to_have_text("0.2")
    expect(cells(page, "val/acc").nth(0).locator(".text")).to_have_text("0.5")
    page.get_by_label("Order").select_option("-name")
    expect(page.locator('[aria-rowindex="4"] .key')).to_have_text("val/loss")
    page.get_by_label("Order").select_option("difference")
    expect(page.locator('[aria-rowindex="4"] .key')).to_have_text("val/loss")
    page.get_by_role("button", name="Metrics 2 of 4").click()
    expect(page.locator("button.key")).to_have_count(0)


def test_code_and_packages_of_their_models(watched: Watched, place: Place) -> None:
    page = watched.open(place.of("first", "second", THIRD, charts="0"))
    expect(cells(page, "numpy").nth(1).locator(".text")).to_have_text("2.1.0")
    assert {"Commit", "Uncommitted changes", "numpy"} < set(keys(page))
    assert not {"pandas", "python", "scikit-learn"} & set(keys(page))
    page.locator('button.key[title="mlflow.source.git.diff"]').click()
    page.get_by_role("menuitem", name="Show in full").click()
    dialog = page.get_by_role("dialog", name="Uncommitted changes")
    expect(dialog.locator(".diff-line.gone code").first).to_have_text("-rate = 0")
    expect(dialog.locator(".diff-line.new code").first).to_have_text("-rate = 1")
    dialog.press("Escape")
    expect(dialog).to_have_count(0)
    page.get_by_label("Differences only").uncheck()
    expect(cells(page, "scikit-learn").nth(1).locator(".text")).to_have_text("1.5.0")


def test_charts_of_exactly_these_runs(watched: Watched, place: Place) -> None:
    page = watched.open(place.of("first", THIRD))
    card = page.get_by_role("article", name="val/loss", exact=True)
    card.scroll_into_view_if_needed()
    expect(card.locator(".chart-host")).to_have_attribute("aria-label", re.compile("2 runs|2 lines"))
    page.get_by_role("button", name="Charts", exact=True).click()
    expect(page.locator(".compare-charts")).to_have_count(0)


def test_files_side_by_side(watched: Watched, place: Place) -> None:
    page = watched.open(place.of("first", "second", THIRD))
    page.get_by_role("button", name="Artifacts").click()
    tree = page.get_by_role("tree")
    expect(tree.get_by_role("treeitem", name="some.txt")).to_contain_text("2/3")
    tree.get_by_role("treeitem", name="plot.png").click()
    expect(page.locator(".file-card img")).to_have_count(3)
    assert (
        page.locator(".file-card img").nth(2).evaluate("image => image.decode().then(() => image.naturalWidth)") == 24
    )
    tree.get_by_role("treeitem", name="logs").click()
    tree.get_by_role("treeitem", name="out.txt").click()
    card = page.get_by_role("article", name="second", exact=True)
    expect(card.locator(".diff-line.gone code")).to_have_text("line of 0")
    expect(card.locator(".diff-line.new code")).to_have_text("line of 1")
    expect(card.locator(".diff-gap").first).to_have_text("27 equal lines")
    card.get_by_role("button", name="Show everything").click()
    expect(card.locator(".diff-line")).to_have_count(61)
    tree.get_by_role("treeitem", name="some.txt").click()
    expect(page.get_by_role("article", name="second", exact=True)).to_contain_text("The same")
    expect(page.get_by_role("article", name=THIRD, exact=True)).to_contain_text("does not have it")
    page.reload()
    expect(page.get_by_role("article", name="second", exact=True)).to_contain_text("The same")


def test_a_file_of_the_comparison(watched: Watched, place: Place) -> None:
    page = watched.open(place.of("first", "second", charts="0"))
    cells(page, "numpy").first.wait_for()
    with page.expect_download() as loading:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(io.StringIO(Path(loading.value.path()).read_text("utf-8-sig"))))
    assert rows[0] == ["section", "key", "first", "second"]
    assert rows[1] == ["", "run_id", place.runs["first"], place.runs["second"]]
    assert ["params", "lr", "0.1", "0.05"] in rows
    assert ["packages", "numpy", "1.26.0", "2.1.0"] in rows


def test_from_the_table_and_from_a_run_and_runs_of_another_experiment(watched: Watched, place: Place) -> None:
    page = watched.open(f"e/{place.runs['비교 compare']}?c.pane=table")
    for name in ("first", "second"):
        page.get_by_label(f"Select {name}", exact=True).check()
    page.get_by_role("link", name="Compare").click()
    expect(page.locator(".run-head-cell")).to_have_count(2)
    page.get_by_role("button", name="Add runs…").click()
    dialog = page.get_by_role("dialog", name="Add runs")
    dialog.get_by_role("searchbox").fill("elsew")
    dialog.get_by_label("elsewhere").check()
    dialog.get_by_role("button", name="Add 1").click()
    expect(page.locator(".run-head-cell").nth(2)).to_contain_text("elsewhere")
    expect(page.locator(".run-head-cell").nth(2)).to_contain_text("other")
    page.locator(".run-head-cell").nth(2).get_by_role("link").click()
    page.get_by_role("link", name="Compare…").click()
    expect(page.locator(".run-head-cell")).to_have_count(1)
    expect(page.get_by_text("One run alone")).to_be_visible()


def test_runs_that_are_not_there(watched: Watched, place: Place) -> None:
    page = watched.open(place.of("first") + f",{'0' * 32},'; DROP")
    expect(page.get_by_role("alert")).to_contain_text("2 runs are not there")
    page.get_by_role("button", name="Leave them out").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    page = watched.open("compare")
    expect(page.get_by_role("heading", name="No runs to compare")).to_be_visible()


def test_two_hundred_runs_of_five_hundred_keys_hold_few_elements(watched: Watched, place: Place) -> None:
    page = watched.open(f"compare?runs={','.join(place.wide)}&all=1&charts=0")
    expect(page.locator(".compare-grid")).to_have_attribute("aria-rowcount", "498")
    assert page.locator(".compare-grid *").count() < 2500
    page.locator(".compare-grid").evaluate("grid => grid.scrollTo(grid.scrollWidth, grid.scrollHeight)")
    expect(page.locator(".run-head-cell").last).to_contain_text("wide 199")
    expect(cells(page, "m044").last.locator(".text")).to_have_text("243")
    page.get_by_label("Differences only").check()
    expect(page.locator(".compare-grid")).to_have_attribute("aria-rowcount", "93")


def test_on_a_phone_and_in_korean(browser: Any, place: Place) -> None:
    with watching(browser, place.address, viewport=PHONE, locale="ko-KR") as found:
        page = found.open(place.of("first", "second", THIRD))
        expect(cells(page, "lr").first).to_be_visible()
        expect(page.get_by_role("button", name="매개변수 4개 중 3개")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        expect(page.locator(".compare-charts")).to_have_count(0)
        assert (found.strangers, found.errors) == ([], [])
