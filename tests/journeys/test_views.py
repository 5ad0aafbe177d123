"""Saved views and pages as files, in a real browser: what is kept, who has it, and that a file needs nobody."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from millstream.tracking.client import MlflowClient
from tests.journeys.pages import Watched, in_browser, serving, watching

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
expect = sync_api.expect
pytestmark = in_browser

EVIL = "<img src=x onerror=canary()>"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("views") / "mlruns"


@pytest.fixture(scope="module")
def address(store: Path) -> Iterator[str]:
    with serving(store) as found:
        yield found


@pytest.fixture
def experiment(store: Path, request: pytest.FixtureRequest) -> str:
    """Twelve runs: loss falls along 20 steps to 0.25 + i; seeds 0, 1, 2."""
    client = MlflowClient(str(store))
    made = client.create_experiment(f"실험 {request.node.name}")
    for number in range(12):
        run = client.create_run(made, run_name=f"r{number}", start_time=1_700_000_000_000 + number).info.run_id
        client.log_param(run, "seed", number % 3)
        client.log_param(run, "note", EVIL if number == 3 else "plain")
        for step in range(20):
            client.log_metric(run, "val/loss", 0.25 + number + (19 - step) / 8, step=step)
        client.set_terminated(run)
    return made


@pytest.fixture
def watched(browser: Any, address: str) -> Iterator[Watched]:
    with watching(browser, address) as found:
        yield found
    assert (found.errors, found.strangers) == ([], [])


def opened(watched: Watched, path: str) -> Any:
    page = watched.open(path)
    expect(page.locator(".count")).to_have_text(re.compile("run"))
    return page


def choose(page: Any, button: str, item: str) -> None:
    """An item of the menu of views, which stands under the name of the view that shows."""
    page.locator(".toolbar").get_by_role("button", name=button, exact=True).click()
    page.locator('[role^="menuitem"]').filter(has_text=re.compile(f"^✓?{re.escape(item)}")).first.click()


def save_as(page: Any, button: str, name: str) -> None:
    choose(page, button, "Save as a view…")
    page.get_by_role("textbox", name="Name").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()


def test_views_are_kept_changed_renamed_and_deleted(watched: Watched, browser: Any, experiment: str) -> None:
    query = f"?q={quote('params.seed = ')}%271%27&sort=-m:val/loss&col=m:val/loss&c.pane=table"
    page = opened(watched, f"e/{experiment}{query}")
    expect(page.locator('[aria-rowindex="2"] .run-name')).to_have_text("r10")
    save_as(page, "View", "씨앗 one")
    expect(page.get_by_role("button", name="씨앗 one", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?v=[0-9a-z]+$"))
    short = page.url
    # Somebody else, with the short address, sees the same.
    with watching(browser, watched.address) as other:
        theirs = opened(other, short.removeprefix(f"{watched.address}/"))
        expect(theirs.locator(".count")).to_have_text("4 runs match")
        expect(theirs.locator('[aria-rowindex="2"] .run-name')).to_have_text("r10")
        expect(theirs.locator(".grid-head .sort-label")).to_have_text(["Name", "val/loss"])
        assert other.errors == []
    page.get_by_role("button", name="Clear the filter").click()
    expect(page.locator(".count")).to_have_text("12 runs")
    expect(page.locator(".toolbar").get_by_role("button", name=re.compile("씨앗 one • changed"))).to_be_visible()
    choose(page, "씨앗 one • changed since it was saved", "Save 씨앗 one")
    expect(page).to_have_url(short)
    page.reload()
    expect(page.locator(".count")).to_have_text("12 runs")
    choose(page, "씨앗 one", "Rename view…")
    page.get_by_role("textbox", name="Name").fill(EVIL)
    page.get_by_role("button", name="Save", exact=True).click()
    choose(page, EVIL, "Show this view first")
    page.goto(f"{watched.address}/e/{experiment}")
    expect(page.get_by_role("button", name=EVIL, exact=True)).to_be_visible()
    expect(page.locator(".grid-head .sort-label")).to_have_text(["Name", "val/loss"])
    choose(page, EVIL, "Delete view")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name=EVIL, exact=True)).to_be_visible()
    choose(page, EVIL, "Delete view")
    expect(page.get_by_role("button", name="View", exact=True)).to_be_visible()


def test_two_views_have_two_names(watched: Watched, experiment: str) -> None:
    page = opened(watched, f"e/{experiment}?c.pane=table&sort=name")
    save_as(page, "View", "mine")
    page.get_by_role("button", name="mine", exact=True).wait_for()
    choose(page, "mine", "Save as a view…")
    page.get_by_role("textbox", name="Name").fill("mine")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("mine already")


def test_a_view_is_a_tag_that_other_programs_can_live_with(watched: Watched, store: Path, experiment: str) -> None:
    page = opened(watched, f"e/{experiment}?c.pane=table&sort=name")
    save_as(page, "View", "이름")
    expect(page.get_by_role("button", name="이름", exact=True)).to_be_visible()
    tags = MlflowClient(str(store)).get_experiment(experiment).tags
    ((key, value),) = [(key, value) for key, value in tags.items() if key.startswith("millstream.view.")]
    assert re.fullmatch(r"millstream\.view\.[0-9a-z]+", key)
    assert json.loads(value) == {"name": "이름", "query": "?c.pane=table&sort=name"} or "sort=name" in value
    assert len(value) < 5000


def test_a_long_address_is_sent_as_a_short_one(watched: Watched, experiment: str) -> None:
    watched.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    values = ", ".join(f"'{'x' * 40}{i}'" for i in range(50))
    page = opened(watched, f"e/{experiment}?c.pane=table&q={quote(f'params.seed IN ({values}, {chr(39)}2{chr(39)})')}")
    expect(page.locator(".count")).to_have_text("4 runs match")
    assert len(page.url) > 2000
    choose(page, "View", "Copy link")
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    short = page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(rf"{watched.address}/e/{experiment}\?v=[0-9a-z]+", short)
    page.goto(short)
    expect(page.locator(".count")).to_have_text("4 runs match")
    # It has no name, so no menu lists it.
    page.get_by_role("button", name="View", exact=True).click()
    expect(page.get_by_role("menuitem", name="Without a view")).to_have_count(0)


def test_a_page_is_a_file_that_opens_by_itself(
    watched: Watched, browser: Any, experiment: str, tmp_path: Path, store: Path
) -> None:
    order = "col=m:val/loss&col=p:note&col=status&sort=-m:val/loss"
    page = opened(watched, f"e/{experiment}?{order}&q={quote('params.seed != ')}%272%27")
    expect(page.locator(".count")).to_have_text("8 runs match")
    page.get_by_role("button", name="View", exact=True).click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Save as a file to send…").click()
    assert download.value.suggested_filename.endswith(".html")
    file = tmp_path / "보낸 것.html"
    download.value.save_as(file)
    for scheme in ("light", "dark"):
        context = browser.new_context(color_scheme=scheme, java_script_enabled=True, locale="en-US")
        context.add_init_script("window.canary = () => { window.taken = true; };")
        sheet = context.new_page()
        asked: list[str] = []
        sheet.on("request", lambda request: asked.append(request.url))  # noqa: B023
        sheet.goto(file.as_uri())
        expect(sheet.locator("h1")).to_contain_text("실험")
        expect(sheet.locator("dd").filter(has_text=str(store))).to_be_visible()
        expect(sheet.locator("dd").filter(has_text="params.seed != '2'")).to_be_visible()
        expect(sheet.locator("tbody tr")).to_have_count(8)
        expect(sheet.locator("thead th")).to_have_text(["Runs", "val/loss", "note", "Status"])
        expect(sheet.locator("tbody tr").first).to_contain_text("r10")
        expect(sheet.locator("tbody tr").first.locator("td").first).to_have_text("10.25")
        expect(sheet.locator("td").filter(has_text=EVIL)).to_have_count(1)
        expect(sheet.locator("figure svg")).to_be_visible()
        # In a narrow window the table is scrolled; its words stay whole.
        sheet.set_viewport_size({"width": 320, "height": 600})
        words = sheet.locator("tbody td:last-child bdi")
        assert words.evaluate_all("(words) => words.every((word) => word.getClientRects().length === 1)")
        assert sheet.locator("figure svg path").count() >= 8
        assert sheet.evaluate("window.taken") is None
        assert sheet.locator("script, img, link, iframe").count() == 0
        ground = sheet.evaluate("getComputedStyle(document.body).backgroundColor")
        line = sheet.locator("figure svg path[stroke*=var]").first
        assert line.evaluate("line => getComputedStyle(line).stroke") != "none"
        assert ground == ("rgb(247, 248, 250)" if scheme == "light" else "rgb(20, 22, 26)")
        assert asked == [sheet.url]
        context.close()
