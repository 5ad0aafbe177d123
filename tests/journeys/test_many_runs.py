"""What is done with many runs at once, in a real browser: tick, tag, move, delete, export; menus of rows."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.tracking.client import MlflowClient
from millstream.values.entities import ViewType
from tests.journeys.pages import Watched, in_browser, serving, watching

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
expect = sync_api.expect
pytestmark = in_browser
COUNT = 230


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("many") / "runs.db"


@pytest.fixture(scope="module")
def client(store: Path) -> MlflowClient:
    return MlflowClient(f"sqlite:///{store}")


@pytest.fixture(scope="module")
def address(store: Path, client: MlflowClient) -> Iterator[str]:
    client.create_experiment("other place")
    with serving(f"sqlite:///{store}") as found:
        yield found


@pytest.fixture
def watched(browser: Any, address: str) -> Iterator[Watched]:
    with watching(browser, address) as found:
        yield found
    assert (found.strangers, [error for error in found.errors if "400" not in error and "404" not in error]) == ([], [])


def fresh(client: MlflowClient, name: str, count: int = 6) -> tuple[str, list[str]]:
    """A new experiment with runs r0, r1, …"""
    experiment = client.create_experiment(name)
    ids = []
    for number in range(count):
        run = client.create_run(experiment, run_name=f"r{number}", start_time=1_700_000_000_000 + number).info.run_id
        client.log_metric(run, "loss", number / 4)
        client.log_param(run, "who is", f"p{number % 3}")
        client.set_terminated(run)
        ids.append(run)
    return experiment, ids


def opened(watched: Watched, experiment: str, count: int) -> Any:
    page = watched.open(f"e/{experiment}")
    expect(page.locator(".count")).to_have_text(f"{count} runs")
    return page


def bar(page: Any) -> Any:
    return page.get_by_role("region", name="Selected runs")


def test_ticking_reaches_over_what_is_not_loaded(watched: Watched, client: MlflowClient) -> None:
    experiment, ids = fresh(client, "long", COUNT)
    page = opened(watched, experiment, COUNT)
    page.get_by_label(f"Select r{COUNT - 1}", exact=True).click()
    page.locator(".grid").evaluate("grid => grid.scrollTop = grid.scrollHeight")
    page.get_by_label("Select r0", exact=True).click(modifiers=["Shift"])
    expect(bar(page)).to_contain_text(f"{COUNT} selected")
    bar(page).get_by_role("button", name="Clear selection").click()
    page.locator(".grid").evaluate("grid => grid.scrollTop = 0")
    page.reload()
    page.get_by_label(f"Select r{COUNT - 2}", exact=True).click()
    bar(page).get_by_role("button", name=f"Select all {COUNT}").click()
    expect(bar(page)).to_contain_text(f"{COUNT} selected")
    bar(page).get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status").filter(has_text=f"{COUNT} runs deleted")).to_be_visible(timeout=30_000)
    assert len(client.search_runs([experiment], run_view_type=ViewType.DELETED_ONLY, max_results=1000)) == len(ids)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".count")).to_have_text(f"{COUNT} runs", timeout=30_000)


def test_many_runs_are_tagged_and_a_refusal_turns_back(watched: Watched, client: MlflowClient) -> None:
    experiment, ids = fresh(client, "tagged")
    page = opened(watched, experiment, 6)
    page.goto(page.url + "?col=t:팀&col=m:loss")
    for name in ("r1", "r4"):
        page.get_by_label(f"Select {name}", exact=True).check()
    bar(page).get_by_role("button", name="Tag…").click()
    dialog = page.get_by_role("dialog", name="Tag 2 runs")
    dialog.get_by_label("Name").fill("팀")
    dialog.get_by_label("Value").fill("<b>파랑</b>")
    dialog.get_by_role("button", name="Set tag").click()
    row = page.locator('[aria-rowindex="6"]')
    expect(row.locator('[data-cell="t:팀"]')).to_have_text("<b>파랑</b>")
    expect(page.get_by_role("status").filter(has_text="2 runs tagged")).to_be_visible()
    assert client.get_run(ids[4]).data.tags["팀"] == "<b>파랑</b>"
    assert "팀" not in client.get_run(ids[0]).data.tags
    # What the server refuses shows for a moment, then what was there before, with the reason.
    page.route(
        "**/runs/set-tag", lambda route: route.fulfill(status=400, json={"error_code": "X", "message": "no room"})
    )
    page.get_by_label("Select r1", exact=True).check()
    bar(page).get_by_role("button", name="Tag…").click()
    dialog = page.get_by_role("dialog", name="Tag 1 run")
    dialog.get_by_label("Name").fill("팀")
    dialog.get_by_label("Value").fill("다른")
    dialog.get_by_role("button", name="Set tag").click()
    expect(page.get_by_text("1 run stayed as it was: no room")).to_be_visible()
    expect(row.locator('[data-cell="t:팀"]')).to_have_text("<b>파랑</b>")


def test_runs_are_moved_and_come_back(watched: Watched, client: MlflowClient) -> None:
    experiment, ids = fresh(client, "moved")
    page = opened(watched, experiment, 6)
    page.get_by_label("Select r1", exact=True).check()
    page.get_by_label("Select r3", exact=True).click(modifiers=["Shift"])
    bar(page).get_by_role("button", name="Move…").click()
    dialog = page.get_by_role("dialog", name="Move 3 runs")
    dialog.get_by_label("To experiment").select_option(label="other place")
    dialog.get_by_role("button", name="Move", exact=True).click()
    expect(page.locator(".count")).to_have_text("3 runs")
    assert client.get_run(ids[2]).info.experiment_id != experiment
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".count")).to_have_text("6 runs")
    assert client.get_run(ids[2]).info.experiment_id == experiment


def test_all_matching_runs_are_exported(watched: Watched, client: MlflowClient) -> None:
    experiment, ids = fresh(client, "exported")
    page = opened(watched, experiment, 6)
    page.goto(page.url + "?q=metrics.loss > 0.3&sort=-m:loss&col=m:loss")
    expect(page.locator(".count")).to_have_text("4 runs match")
    found: dict[str, Path] = {}
    for item in ("CSV, shown columns", "CSV, all columns", "JSON"):
        page.get_by_role("button", name="Export").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name=item).click()
        found[item] = Path(download.value.path())
    rows = list(csv.DictReader(found["CSV, shown columns"].read_text("utf-8-sig").splitlines()))
    assert [row["run_id"] for row in rows] == ids[:1:-1]
    assert [row["metrics.loss"] for row in rows] == ["1.25", "1.0", "0.75", "0.5"]
    assert "params.who is" not in rows[0]
    assert "params.who is" in found["CSV, all columns"].read_text("utf-8-sig").splitlines()[0]
    assert [run["params"] for run in json.loads(found["JSON"].read_text())] == [
        {"who is": f"p{n % 3}"} for n in (5, 4, 3, 2)
    ]


def choose(page: Any, cell: str, item: str) -> None:
    """From the menu of a cell, which a table that is still being filled may take away."""
    wanted = page.get_by_role("menuitem", name=item)
    while not wanted.is_visible():
        page.keyboard.press("Escape")
        page.locator(cell).click(button="right")
        page.wait_for_timeout(1000)
    wanted.click()


def test_a_row_has_a_menu(watched: Watched, client: MlflowClient) -> None:
    experiment, ids = fresh(client, "menus")
    # Without charts beside it: columns out of sight are not in the page.
    page = opened(watched, f"{experiment}?c.pane=table", 6)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    choose(page, '[aria-rowindex="3"] [data-cell="p:who is"]', "Only runs with this value")
    expect(page.locator(".count")).to_have_text("2 runs match")
    expect(page.get_by_label("Filter runs")).to_have_value("params.`who is` = 'p1'")
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.locator(".count")).to_have_text("6 runs")
    choose(page, '[aria-rowindex="2"] [data-cell="m:loss"]', "Copy value")
    assert page.evaluate("navigator.clipboard.readText()") == "1.25"
    choose(page, '[aria-rowindex="2"] [data-cell="m:loss"]', "Copy run id")
    assert page.evaluate("navigator.clipboard.readText()") == ids[5]
    # Colour and visibility are remembered.
    page = opened(watched, experiment, 6)
    page.keyboard.press("j")
    page.keyboard.press("m")
    page.get_by_role("menuitem", name="Colour", exact=True).click()
    page.get_by_role("menuitemcheckbox", name="Colour 4", exact=True).click()
    eye = page.get_by_role("button", name=re.compile("^Show r5 in charts"))
    mark = eye.evaluate("eye => eye.style.getPropertyValue('--mark')")
    page.keyboard.press("Escape")
    page.locator('[aria-rowindex="2"] .eye').click()
    expect(eye).to_have_attribute("aria-pressed", "false")
    page.reload()
    expect(eye).to_have_attribute("aria-pressed", "false")
    assert eye.evaluate("eye => eye.style.getPropertyValue('--mark')") == mark == "#a81065"
