"""The frame of all pages in a real browser: experiments in folders, the palette, keys, settings, a server that goes."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.tracking.client import MlflowClient
from tests.journeys.pages import COMMAND, PHONE, Watched, in_browser, serving, watching

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
expect = sync_api.expect
pytestmark = in_browser

NAMES = ("team/vision/base", "team/vision/재학습", "team/text", "solo/one", "plain")


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "mlruns"


@pytest.fixture
def made(store: Path) -> dict[str, str]:
    """Ids of experiments by name; each but the last has a finished and a running run."""
    client = MlflowClient(str(store))
    ids = {name: client.create_experiment(name) for name in NAMES}
    for name in NAMES[:-1]:
        for state in ("done", "live"):
            run = client.create_run(ids[name], run_name=f"{state} in {name.split('/')[-1]}").info.run_id
            client.log_metric(run, "loss", 0.5)
            if state == "done":
                client.set_terminated(run)
    return ids


@pytest.fixture
def watched(browser: Any, store: Path, made: dict[str, str]) -> Iterator[Watched]:
    with serving(store) as address, watching(browser, address) as found:
        yield found


def labels(page: Any) -> list[str]:
    """Names of folders and experiments from top to bottom."""
    return [each.inner_text() for each in page.locator(".xbody .xlabel").all()]


def expect_labels(page: Any, *wanted: str) -> None:
    expect(page.locator(".xbody .xlabel")).to_have_text(list(wanted))


ALL = ("team", "vision", "base", "재학습", "text", "Default", "plain", "solo/one")


def test_experiments_are_a_tree_that_folds_and_is_remembered(watched: Watched) -> None:
    page = watched.open()
    expect_labels(page, *ALL)
    folder = page.get_by_role("row").filter(has=page.get_by_role("button", name="Close folder vision"))
    expect(folder).to_have_attribute("aria-level", "2")
    expect(folder.locator(".xruns")).to_have_text(re.compile("4$"))
    page.get_by_role("button", name="Close folder team").click()
    expect_labels(page, "team", "Default", "plain", "solo/one")
    page.reload()
    expect_labels(page, "team", "Default", "plain", "solo/one")
    for key in "jl":
        page.keyboard.press(key)
    page.keyboard.press("ArrowRight")
    expect_labels(page, *ALL)
    page.keyboard.press("/")
    page.keyboard.type("TEAM 재")
    expect_labels(page, "team/vision/재학습")
    assert "q=TEAM" in page.url
    page.keyboard.press("Escape")
    expect_labels(page, *ALL)
    for key in ("j", "j", "j", "Enter"):
        page.keyboard.press(key)
    expect(page.locator(".crumbs")).to_contain_text("team/vision/base")
    assert (watched.errors, watched.strangers) == ([], [])


def test_what_runs_now_and_what_ran_last_is_told_as_it_happens(
    watched: Watched, made: dict[str, str], store: Path
) -> None:
    page = watched.open()
    running = page.get_by_role("region", name="Running now")
    expect(running.locator(".badge")).to_have_text("4")
    expect(running.get_by_role("listitem")).to_have_count(4)
    client = MlflowClient(str(store))
    fresh = client.create_run(made["plain"], run_name="새 실행").info.run_id
    first = page.get_by_role("region", name="Latest runs").get_by_role("listitem").first
    expect(first).to_contain_text("새 실행")
    expect(first).to_contain_text("plain")
    expect(running.locator(".badge")).to_have_text("5")
    client.set_terminated(fresh)
    expect(running.locator(".badge")).to_have_text("4")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="plain", exact=True))
    expect(row.locator(".xruns")).to_have_text("1")
    row.get_by_role("link", name="새 실행").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("새 실행")
    assert (watched.errors, watched.strangers) == ([], [])


def test_experiments_are_made_named_described_starred_deleted(watched: Watched, store: Path) -> None:
    page = watched.open()
    page.get_by_role("button", name="New experiment").click()
    page.get_by_role("textbox", name="Name").fill("team/vision/base")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("base")
    page.get_by_role("textbox", name="Name").fill("팀/new one")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_role("heading", name="No runs in 팀/new one yet")).to_be_visible()
    page.get_by_role("button", name="View", exact=True).click()
    page.get_by_role("menuitem", name="Description and tags…").click()
    dialog = page.get_by_role("dialog", name="팀/new one")
    dialog.get_by_role("button", name="Write one").click()
    dialog.get_by_role("textbox", name="Description").fill("무엇을 <b>재는지</b>\nsecond")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".notes")).to_have_text("무엇을 <b>재는지</b>\nsecond")
    dialog.get_by_label("Name").fill("owner")
    dialog.get_by_label("Value").fill("지민")
    dialog.get_by_role("button", name="Set tag").click()
    expect(dialog.locator(".tag-list")).to_contain_text("지민")
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("e")
    row = page.get_by_role("row").filter(has_text="팀/new one")
    expect(row.locator(".xnote")).to_have_text("무엇을 <b>재는지</b>")
    row.get_by_role("button", name="Star 팀/new one").click()
    row.get_by_role("button", name="Menu of 팀/new one").click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_role("textbox", name="Name").fill("renamed")
    page.get_by_role("button", name="Rename", exact=True).click()
    page.get_by_role("button", name="Starred (1)").click()
    expect_labels(page, "renamed")
    page.get_by_role("button", name="Menu of renamed").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.locator(".xbody .xlabel")).to_have_count(0)
    page.get_by_role("button", name="Deleted").click()
    expect_labels(page, "renamed")
    page.get_by_role("link", name="renamed").click()
    expect(page.get_by_text("This experiment is deleted.")).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("This experiment is deleted.")).to_have_count(0)
    found = MlflowClient(str(store)).get_experiment_by_name("renamed")
    assert (found.lifecycle_stage, found.tags["owner"]) == ("active", "지민")
    assert found.tags["mlflow.note.content"] == "무엇을 <b>재는지</b>\nsecond"
    assert ([error for error in watched.errors if "400" not in error], watched.strangers) == ([], [])


def test_what_cannot_be_done_turns_back_with_the_reason(watched: Watched) -> None:
    page = watched.open()
    refusal = {"status": 403, "json": {"error_code": "PERMISSION_DENIED", "message": "Not yours."}}
    page.route("**/experiments/delete", lambda route: route.fulfill(**refusal))
    page.get_by_role("button", name="Menu of plain").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.get_by_role("status").filter(has_text="Not yours.")).to_be_visible()
    expect_labels(page, *ALL)


def test_the_palette_finds_and_does(watched: Watched) -> None:
    page = watched.open()
    expect_labels(page, *ALL)
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Find or do anything")
    expect(palette.get_by_role("option", name=re.compile("Keyboard shortcuts"))).to_be_visible()
    page.keyboard.type("live text")
    option = palette.get_by_role("option", name=re.compile("live in text"))
    expect(option).to_contain_text("team/text")
    expect(option).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("live in text")
    expect(palette).to_have_count(0)
    page.keyboard.press("Control+k")
    expect(palette.get_by_role("option", name=re.compile("live in text"))).to_be_visible()
    page.keyboard.type("재학습")
    found = palette.get_by_role("option")
    expect(found).to_have_text(
        [re.compile("team/vision/재학습"), re.compile("live in 재학습"), re.compile("done in 재학습")]
    )
    page.keyboard.press("ArrowUp")
    expect(found.last).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".crumbs")).to_contain_text("team/vision/재학습")
    page.keyboard.press("Control+k")
    expect(palette.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("no such thing")
    expect(palette.get_by_role("status")).to_contain_text("no such thing")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+k")
    expect(palette.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("dark")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert (watched.errors, watched.strangers) == ([], [])


def test_keys_are_listed_and_do_what_they_say(watched: Watched, made: dict[str, str]) -> None:
    page = watched.open(f"e/{made['team/text']}?c.pane=table")
    expect(page.locator('[aria-rowindex="3"] .run-name')).to_be_visible()
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(dialog).to_contain_text("Compare the selected runs")
    page.keyboard.press("j")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    # A key in a dialog is no key of the page behind it.
    expect(page.locator(".grid-row.active")).to_have_count(0)
    for key in ("j", "x"):
        page.keyboard.press(key)
    expect(page.get_by_role("region", name="Selected runs")).to_contain_text("1 selected")
    page.keyboard.press("c")
    expect(page.get_by_role("status").filter(has_text="at least two")).to_be_visible()
    for key in ("g", "s"):
        page.keyboard.press(key)
    expect(page.get_by_role("heading", level=1)).to_have_text("Settings")
    for key in ("g", "e"):
        page.keyboard.press(key)
    expect_labels(page, *ALL)
    assert (watched.errors, watched.strangers) == ([], [])


def test_settings_hold_for_every_page(watched: Watched, browser: Any, made: dict[str, str], store: Path) -> None:
    client = MlflowClient(str(store))
    client.set_terminated(client.create_run(made["plain"], run_name="old", start_time=1_700_000_000_000).info.run_id)
    with watching(browser, watched.address, timezone_id="Asia/Seoul", viewport=PHONE) as phone:
        page = phone.open("settings")
        expect(page.get_by_role("region", name="Server")).to_contain_text(str(store))
        page.get_by_role("radio", name="한국어").check()
        expect(page.locator("html")).to_have_attribute("lang", "ko")
        page.get_by_role("radio", name="어둡게").check()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        run = client.search_runs([made["plain"]])[0].info.run_id
        page = phone.open(f"r/{run}")
        expect(page.locator(".facts").first).to_contain_text("7시 13분 20초 GMT+9")
        page.get_by_role("navigation", name="페이지").get_by_role("link", name="설정").click()
        page.get_by_role("radio", name="UTC", exact=True).check()
        page.go_back()
        expect(page.locator(".facts").first).to_contain_text("22시 13분 20초 UTC")
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        assert (phone.errors, phone.strangers) == ([], [])


def test_what_is_not_here_says_why_and_where_to_go(watched: Watched, made: dict[str, str]) -> None:
    for path, heading in (
        ("e/4711", "There is no such experiment here"),
        (f"r/{'0' * 32}", "There is no such run here"),
    ):
        page = watched.open(path)
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        page.get_by_role("link", name="To the experiments").click()
        expect_labels(page, *ALL)
    page = watched.open("nonsense")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()


def test_a_part_that_fails_says_so_by_itself_and_is_tried_again(watched: Watched, made: dict[str, str]) -> None:
    broken = {
        "status": 500,
        "json": {"error_code": "INTERNAL_ERROR", "message": "Broken."},
        "headers": {"x-request-id": "r-17"},
    }
    asked = re.compile("api/ui/(runs|opening)$")
    watched.page.route(asked, lambda route: route.fulfill(**broken))
    watched.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = watched.open(f"e/{made['plain']}")
    failure = page.get_by_role("alert").filter(has_text="The runs could not be loaded.")
    expect(failure).to_contain_text("Broken.")
    failure.get_by_role("button", name="Copy details").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "X-Request-ID: r-17" in copied
    assert "POST api/ui/runs → 500 INTERNAL_ERROR" in copied
    page.unroute(asked)
    failure.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="No runs in plain yet")).to_be_visible()
    assert watched.strangers == []


def test_a_server_that_goes_leaves_the_page_and_is_found_again(browser: Any, store: Path, made: dict[str, str]) -> None:
    def start(port: str) -> tuple[subprocess.Popen[str], str]:
        command = [str(COMMAND), "ui", "--port", port, "--no-open", "--backend-store-uri", str(store)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert server.stdout is not None
        return server, server.stdout.readline().strip().rstrip("/")

    server, address = start("0")
    try:
        with watching(browser, address) as watched:
            page = watched.open()
            expect_labels(page, *ALL)
            expect(page.get_by_role("img", name="Changes show as they happen")).to_be_visible()
            server.kill()
            server.communicate()
            # What would have to be fetched first cannot be had; the page is none the worse for it.
            page.get_by_role("button", name="New experiment").click()
            expect(page.get_by_role("status").filter(has_text="could not be fetched")).to_be_visible()
            expect(page.locator(".offline")).to_be_visible()
            expect_labels(page, *ALL)
            MlflowClient(str(store)).create_experiment("later")
            server, _ = start(address.rsplit(":", 1)[1])
            expect(page.locator(".offline")).to_have_count(0)
            expect(page.get_by_role("link", name="later", exact=True)).to_be_visible()
            page.get_by_role("button", name="New experiment").click()
            page.get_by_role("textbox", name="Name").fill("back again")
            page.get_by_role("button", name="Create").click()
            expect(page.get_by_role("heading", name="No runs in back again yet")).to_be_visible()
            expect(page.get_by_role("img", name="Changes show as they happen")).to_be_visible()
            assert watched.strangers == []
    finally:
        server.kill()
        server.communicate()


def test_ten_thousand_experiments_are_one_list(browser: Any, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'many.db'}"
    client = MlflowClient(store)
    client.create_run(client.create_experiment("team 3/project 33/the one"), run_name="r")
    insert_experiments(tmp_path / "many.db", 10_000)
    with serving(store) as address, watching(browser, address) as watched:
        page = watched.open()
        expect(page.get_by_role("treegrid")).to_have_attribute("aria-rowcount", "10513")
        assert page.locator(".xbody .xrow").count() < 60
        page.mouse.wheel(0, 200_000)
        expect(page.locator('.xbody [aria-rowindex="6000"], .xbody [aria-rowindex="5900"]').first).to_be_visible()
        page.keyboard.press("/")
        page.keyboard.type("the one")
        expect_labels(page, "team 3/project 33/the one")
        assert (watched.errors, watched.strangers) == ([], [])


def insert_experiments(path: Path, count: int) -> None:
    """As rows, which the tracking interface would make one by one."""
    rows = [(str(10_000 + i), f"team {i % 10}/project {i % 500}/try {i}", "x", "active", i, i) for i in range(count)]
    with sqlite3.connect(path) as connection:
        connection.executemany(
            "insert into experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, "
            "last_update_time) values (?, ?, ?, ?, ?, ?)",
            rows,
        )
