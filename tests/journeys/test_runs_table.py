"""The runs table in a real browser: columns, sorting, filters, trees, groups, and what is done with many runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest

from millstream.tracking.client import MlflowClient
from tests.journeys.pages import Watched, in_browser, serving, watching

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
expect = sync_api.expect
pytestmark = in_browser

RATES = ("0.1", "0.01", "0.0003", "10")


def log_table(client: MlflowClient, experiment: str, count: int = 24) -> list[str]:
    """Runs r0, r1 …: four rates, three seeds, one batch size; loss goes 2 + i, i / 10, 1 + i."""
    ids = []
    for number in range(count):
        run = client.create_run(experiment, run_name=f"r{number}", start_time=1_700_000_000_000 + number).info.run_id
        for key, value in {"lr": RATES[number % 4], "seed": number % 3, "batch": 32}.items():
            client.log_param(run, key, value)
        for step, value in enumerate((2.0 + number, number / 10, 1.0 + number)):
            client.log_metric(run, "val/loss", value, step=step)
        client.log_metric(run, "flat", 1.0)
        client.set_tag(run, "팀 이름", "가" if number % 2 else "나")
        client.set_terminated(run, "FAILED" if number % 8 == 7 else "FINISHED")
        ids.append(run)
    return ids


def log_tree(client: MlflowClient, experiment: str) -> None:
    """Two searches of three trials each; the first trial of the first has a child of its own."""
    for number in range(2):
        search = client.create_run(experiment, run_name=f"search {number}").info.run_id
        client.set_terminated(search)
        for trial in range(3):
            tags = {"mlflow.parentRunId": search}
            run = client.create_run(experiment, run_name=f"trial {number}.{trial}", tags=tags).info.run_id
            client.log_metric(run, "loss", trial + number / 10)
            client.set_terminated(run)
            if number == trial == 0:
                tags = {"mlflow.parentRunId": run}
                client.create_run(experiment, run_name="deep", tags=tags)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of an experiment "1" that tests only read."""
    store = tmp_path_factory.mktemp("table") / "mlruns"
    client = MlflowClient(str(store))
    global experiment
    experiment = client.create_experiment("표 table")
    log_table(client, experiment)
    log_tree(client, client.create_experiment("tree"))
    with serving(store) as found:
        yield found


experiment = ""


@pytest.fixture
def watched(browser: Any, address: str) -> Iterator[Watched]:
    with watching(browser, address) as found:
        yield found
    assert (found.strangers, [error for error in found.errors if "400" not in error]) == ([], [])


def heads(page: Any) -> list[str]:
    """Names of the columns from left to right."""
    return [label.inner_text() for label in page.locator(".grid-head .sort-label").all()]


def names(page: Any, count: int = 3) -> list[str]:
    """Names of the first rows."""
    return [page.locator(f'[aria-rowindex="{row + 2}"] .run-name').inner_text() for row in range(count)]


def expect_first(page: Any, *wanted: str) -> None:
    for row, name in enumerate(wanted):
        expect(page.locator(f'[aria-rowindex="{row + 2}"] .run-name')).to_have_text(name)


def expect_heads(page: Any, wanted: list[str]) -> None:
    expect(page.locator(".grid-head .sort-label")).to_have_text(wanted)


def choose(page: Any, column: str, *items: str) -> None:
    """An item of a column's menu."""
    page.locator(".grid-head .cell").filter(has_text=re.compile(f"^{re.escape(column)}")).hover()
    page.get_by_role("button", name=f"Menu of column {column}", exact=True).click()
    for item in items[:-1]:
        page.get_by_role("menuitem", name=item).click()
    page.locator('[role^="menuitem"]').filter(has_text=re.compile(f"^✓?{re.escape(items[-1])}")).first.click()


def opened(watched: Watched, query: str = "") -> Any:
    page = watched.open(f"e/{experiment}?c.pane=table&{query.removeprefix('?')}".rstrip("&?"))
    expect(page.locator(".count")).not_to_have_text("Loading…")
    return page


FIRST = ["Name", "Status", "val/loss", "lr", "seed", "Created", "Duration"]


def test_columns_that_differ_show_first_and_the_others_can_be_seen(watched: Watched) -> None:
    page = opened(watched)
    expect_heads(page, FIRST)
    page.get_by_role("button", name="Columns").click()
    chooser = page.get_by_role("dialog", name="Columns of the table")
    expect(chooser.locator("label").filter(has_text="batch")).to_contain_text("= 32")
    chooser.get_by_role("button", name="Show the parameter that is equal in all runs").click()
    expect_heads(page, [*FIRST[:-2], "batch", *FIRST[-2:]])
    chooser.get_by_role("searchbox").fill("팀")
    chooser.get_by_role("checkbox").check()
    expect_heads(page, [*FIRST[:-2], "batch", *FIRST[-2:], "팀 이름"])
    page.keyboard.press("Escape")
    expect(page.locator('[aria-rowindex="2"]')).to_contain_text("가")
    assert "col=t:" in page.url


def test_columns_are_hidden_pinned_moved_and_remembered(watched: Watched) -> None:
    page = opened(watched)
    choose(page, "Duration", "Hide column")
    choose(page, "seed", "Pin")
    wanted = ["Name", "seed", "Status", "val/loss", "lr", "Created"]
    expect_heads(page, wanted)
    page.get_by_role("button", name="lr", exact=True).focus()
    page.keyboard.press("Alt+ArrowLeft")
    wanted = ["Name", "seed", "Status", "lr", "val/loss", "Created"]
    expect_heads(page, wanted)
    page.keyboard.press("Alt+ArrowLeft")
    wanted = ["Name", "seed", "lr", "Status", "val/loss", "Created"]
    expect_heads(page, wanted)
    loss = page.locator('[data-column="m:val/loss"]')
    box, target = loss.bounding_box(), page.locator('[data-column="status"]').bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(target["x"] + 60, box["y"] + 10, steps=4)
    page.mouse.move(target["x"] + 12, box["y"] + 10, steps=4)
    expect(page.locator(".drop-line")).to_be_visible()
    page.mouse.up()
    wanted = ["Name", "seed", "lr", "val/loss", "Status", "Created"]
    expect_heads(page, wanted)
    # What was dragged is not sorted by.
    assert "sort=" not in page.url
    sent = page.url
    page = opened(watched)
    expect_heads(page, wanted)
    assert page.url == sent
    page.get_by_role("button", name="Columns").click()
    page.get_by_role("button", name="Suggested columns").click()
    expect_heads(page, FIRST)
    assert "col=" not in page.url


def test_columns_get_another_width(watched: Watched) -> None:
    page = opened(watched)
    cell = page.locator('[data-column="p:lr"]')
    before = cell.bounding_box()
    page.mouse.move(before["x"] + before["width"] - 3, before["y"] + 10)
    page.mouse.down()
    page.mouse.move(before["x"] + before["width"] + 57, before["y"] + 10, steps=5)
    page.mouse.up()
    expect(cell).to_have_css("width", f"{before['width'] + 60}px")
    assert f"w=p:lr~{before['width'] + 60:.0f}" in unquote(page.url)
    page.get_by_role("button", name="lr", exact=True).focus()
    page.keyboard.press("Alt+Shift+ArrowLeft")
    expect(cell).to_have_css("width", f"{before['width'] + 44}px")
    page.reload()
    expect(cell).to_have_css("width", f"{before['width'] + 44}px")
    cell.locator(".resize").dblclick()
    expect(cell).to_have_css("width", f"{before['width']}px")


def test_a_metric_shows_more_than_its_last_value(watched: Watched) -> None:
    page = opened(watched)
    choose(page, "val/loss", "Show of this metric", "min")
    expect_heads(page, ["Name", "Status", "val/loss", "val/loss min", "lr", "seed", "Created", "Duration"])
    row = page.locator('[aria-rowindex="2"]')
    expect(row.locator('[data-cell="min:val/loss"]')).to_have_text("2.3")
    expect(row.locator('[data-cell="m:val/loss"]')).to_have_text("24")
    choose(page, "val/loss min", "Sort ascending")
    expect_first(page, "r0", "r1", "r2")
    choose(page, "val/loss min", "Show of this metric", "mean")
    expect(row.locator('[data-cell="mean:val/loss"]')).to_have_text("1")


def test_sorting_by_several_columns(watched: Watched) -> None:
    page = opened(watched)
    page.get_by_role("button", name="lr", exact=True).click()
    # As numbers: 10 comes last.
    expect_first(page, "r22", "r18", "r14")
    page.get_by_role("button", name="val/loss", exact=True).click(modifiers=["Shift"])
    expect_first(page, "r2", "r6", "r10")
    expect(page.locator('[data-column="m:val/loss"] .sort-sign')).to_have_text("↑2")
    choose(page, "lr", "Then descending")
    expect_first(page, "r3", "r7", "r11")
    assert "sort=-p:lr&sort=m:val/loss" in page.url
    page.go_back()
    expect_first(page, "r2", "r6", "r10")
    choose(page, "lr", "Do not sort by it")
    expect_first(page, "r0", "r1", "r2")


def suggestions(page: Any) -> Any:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


def test_the_filter_completes_keys_operators_and_values(watched: Watched) -> None:
    page = opened(watched)
    field = page.get_by_label("Filter runs")
    page.keyboard.press("/")
    page.keyboard.type("lo")
    expect(suggestions(page).first).to_contain_text("metrics.val/loss")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value("metrics.`val/loss` ")
    page.keyboard.type("<")
    page.keyboard.type(" ")
    expect(suggestions(page)).to_have_text([re.compile(r"^1 "), re.compile("^24 ")])
    page.keyboard.type("9 and par")
    expect(suggestions(page)).to_have_text(
        [re.compile("params.batch"), re.compile("params.lr"), re.compile("params.seed")]
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("= ")
    expect(suggestions(page).first).to_contain_text("0.0003")
    suggestions(page).filter(has_text="0.01").click()
    expect(field).to_have_value("metrics.`val/loss` < 9 and params.lr = '0.01' ")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    expect(page.locator(".count")).to_have_text("2 runs match")
    expect_first(page, "r5", "r1")


def test_a_wrong_filter_shows_its_character(watched: Watched) -> None:
    page = opened(watched)
    field = page.get_by_label("Filter runs")
    field.fill("params.lr = '1' AND metrics.loss < abc")
    field.press("Enter")
    expect(page.get_by_role("alert").locator("mark")).to_have_text("a")
    expect(page.get_by_role("alert")).to_contain_text("character 36")
    assert field.evaluate("field => field.selectionStart") == 35
    # Also when more is asked than what stands in the field.
    page.get_by_role("button", name="Status", exact=True).first.click()
    page.get_by_role("menuitemcheckbox", name="Failed").click()
    expect(page.get_by_role("alert").locator("mark")).to_have_text("a")


def test_status_and_time_filter_with_one_click(watched: Watched) -> None:
    page = opened(watched)
    page.locator(".chip").filter(has_text="Status").click()
    page.get_by_role("menuitemcheckbox", name="Failed").click()
    expect(page.locator(".count")).to_have_text("3 runs match")
    expect_first(page, "r23", "r15", "r7")
    page.locator(".chip").filter(has_text="Time").click()
    page.get_by_role("menuitemcheckbox", name="Last 7 days").click()
    expect(page.get_by_role("heading", name="No run matches")).to_be_visible()
    assert "status=FAILED&since=7d" in page.url
    page.go_back()
    expect(page.locator(".count")).to_have_text("3 runs match")


def test_when_nothing_matches_each_clause_tells_its_count(watched: Watched) -> None:
    page = opened(watched, "?q=metrics.`val/loss` < 9 and params.lr = 'none' and params.seed = 1")
    clauses = page.locator(".clauses li")
    expect(clauses).to_have_count(3)
    expect(clauses.nth(0)).to_contain_text("8 runs match")
    expect(clauses.nth(1)).to_contain_text("0 runs match")
    expect(clauses.nth(2)).to_contain_text("8 runs match")
    clauses.nth(1).get_by_role("button").click()
    expect(page.locator(".count")).to_have_text("3 runs match")
    expect(page.get_by_label("Filter runs")).to_have_value("metrics.`val/loss` < 9 AND params.seed = 1")


def tree(watched: Watched) -> Any:
    page = watched.open("")
    page.get_by_role("link", name="tree", exact=True).click()
    expect(page.locator(".run-name").first).to_be_visible()
    page.goto(f"{page.url}?c.pane=table")
    return page


def expect_rows(page: Any, *wanted: str) -> None:
    """All rows from top to bottom: a dot a level, then the name."""
    expect(page.locator("[role=row].body:visible")).to_have_count(len(wanted))
    for at, text in enumerate(wanted):
        name = text.lstrip(".")
        row = page.locator(f'[role=row][aria-rowindex="{at + 2}"]')
        expect(row.locator(".run-name, .group-name").first).to_have_text(name)
        expect(row).to_have_attribute("aria-level", str(len(text) - len(name) + 1))


def test_child_runs_open_below_their_parents(watched: Watched) -> None:
    page = tree(watched)
    expect_rows(page, "search 1", "search 0")
    expect(page.locator(".count")).to_have_text("9 runs")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    expect_rows(page, "search 1", "search 0", ".trial 0.2", ".trial 0.1", ".trial 0.0")
    page.locator('[aria-rowindex="6"] .twist-button').click()
    wanted = ["search 1", "search 0", ".trial 0.2", ".trial 0.1", ".trial 0.0", "..deep"]
    expect_rows(page, *wanted)
    expect(page.locator('[aria-rowindex="3"]')).to_have_attribute("aria-expanded", "true")
    page.reload()
    expect_rows(page, *wanted)
    # Sorting moves siblings only.
    page.get_by_role("button", name="loss", exact=True).click()
    expect_rows(page, "search 1", "search 0", ".trial 0.0", "..deep", ".trial 0.1", ".trial 0.2")
    field = page.get_by_label("Filter runs")
    field.fill("metrics.loss > 1")
    field.press("Enter")
    expect_rows(page, "trial 1.1", "trial 0.2", "trial 1.2")
    page.get_by_role("button", name="Clear the filter").click()
    page.get_by_role("button", name="Group").click()
    page.get_by_role("menuitemcheckbox", name="Child runs below their parents").click()
    expect(page.locator("[role=row].body:visible")).to_have_count(9)


def test_groups_show_mean_and_spread_and_open_to_their_runs(watched: Watched) -> None:
    page = opened(watched)
    page.get_by_role("button", name="Group").click()
    page.get_by_role("menuitem", name="Parameters").click()
    page.get_by_role("menuitemcheckbox", name="lr").click()
    expect_rows(page, "0.0003", "0.01", "0.1", "10")
    first = page.locator('[aria-rowindex="2"]')
    expect(first.locator(".badge")).to_have_text("6 runs")
    # r2, r6 … r22: their last losses are 3, 7 … 23.
    expect(first.locator('[data-cell="m:val/loss"]')).to_have_text("13 ± 7.5")
    expect(first.locator('[data-cell="m:val/loss"]')).to_have_attribute("title", re.compile("min 3 · max 23 · 6 runs"))
    expect(first.locator('[data-cell="p:lr"]')).to_have_text("0.0003")
    first.locator(".twist-button").click()
    expect_rows(page, "0.0003", ".r22", ".r18", ".r14", ".r10", ".r6", ".r2", "0.01", "0.1", "10")
    choose(page, "val/loss", "Sort descending")
    expect_rows(page, "10", "0.0003", ".r22", ".r18", ".r14", ".r10", ".r6", ".r2", "0.01", "0.1")
    choose(page, "seed", "Group by it")
    expect(page.locator(".count")).to_have_text("24 runs")
    expect(page.locator("[role=row].body:visible")).to_have_count(12)
    expect(page.locator('[aria-rowindex="2"] .group-name')).to_have_text(re.compile(r"^lr: .* · seed: \d$"))
    page.get_by_role("button", name="By lr, seed").click()
    page.get_by_role("menuitem", name="No groups").click()
    expect_first(page, "r23", "r22", "r21")
