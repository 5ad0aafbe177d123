"""Menus and dialogs in a real browser: keys, hover, touch, edges of the window, and where the focus is afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from millstream.tracking.client import MlflowClient
from tests.journeys.pages import PHONE, Watched, in_browser, serving, watching

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
expect = sync_api.expect
pytestmark = in_browser

COLOURS = "[role=menu][aria-label=Colour]"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    store = tmp_path_factory.mktemp("menus") / "mlruns"
    client = MlflowClient(str(store))
    for name in ("alpha", "beta"):
        experiment = client.create_experiment(name)
        for n in range(3):
            run = client.create_run(experiment, run_name=f"r{n}").info.run_id
            client.log_metric(run, "loss", float(n))
            client.log_param(run, "lr", str(n))
            client.set_terminated(run)
    with serving(store) as found:
        yield found


@pytest.fixture
def watched(browser: Any, address: str) -> Iterator[Watched]:
    with watching(browser, address) as found:
        yield found
        assert (found.errors, found.strangers) == ([], [])


def table(watched: Watched) -> Any:
    """The runs of alpha."""
    page = watched.open()
    page.get_by_role("link", name="alpha").click()
    expect(page.locator(".count")).to_have_text("3 runs")
    return page


def row_menu(page: Any) -> None:
    page.locator('[aria-rowindex="3"] .run-name').click(button="right")
    expect(page.get_by_role("menuitem").first).to_be_focused()


def box(found: Any) -> tuple[float, float, float, float]:
    """Left, top, right and bottom."""
    at = found.bounding_box()
    return at["x"], at["y"], at["x"] + at["width"], at["y"] + at["height"]


def expect_in_sight(page: Any, found: Any) -> None:
    left, top, right, bottom = box(found)
    size = page.viewport_size
    assert min(left, top) >= 0
    assert right <= size["width"]
    assert bottom <= size["height"]


def test_a_menu_and_its_sub_menu_by_keys(watched: Watched) -> None:
    page = table(watched)
    row_menu(page)
    for key, rest in (("ArrowUp", ":last-child"), ("ArrowDown", ":first-child"), ("End", ":last-child")):
        page.keyboard.press(key)
        expect(page.locator(f".menu-item{rest}")).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.type("colour")
    colour = page.get_by_role("menuitem", name="Colour", exact=True)
    expect(colour).to_be_focused()
    expect(colour).to_have_attribute("aria-expanded", "false")
    sub = page.locator(COLOURS)
    for opener, leaver in (("ArrowRight", "ArrowLeft"), ("Enter", "Escape")):
        page.keyboard.press(opener)
        expect(sub.locator(".menu-item").first).to_be_focused()
        expect(colour).to_have_attribute("aria-expanded", "true")
        page.keyboard.press(leaver)
        expect(sub).to_have_count(0)
        expect(colour).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)


def test_letters_go_on_and_one_letter_goes_round(watched: Watched) -> None:
    page = table(watched)
    page.locator(".chip").filter(has_text="Status").click()
    labels = page.locator(".menu-label").all_inner_texts()
    letter = max({label[0] for label in labels}, key=lambda each: sum(label[0] == each for label in labels))
    wanted = [label for label in labels if label[0] == letter]
    assert len(wanted) > 1
    page.keyboard.press("Home")
    start = labels[0]
    round_trip = [*wanted, *wanted]
    round_trip = round_trip[1:] if start == wanted[0] else round_trip
    for label in round_trip:
        page.keyboard.press(letter.lower())
        expect(page.locator(".menu-item:focus .menu-label")).to_have_text(label)


def test_a_menu_of_choices_stays_and_shows_them(watched: Watched) -> None:
    page = table(watched)
    chip = page.locator(".chip").filter(has_text="Status")
    chip.click()
    expect(chip).to_have_attribute("aria-expanded", "true")
    failed, finished = (page.get_by_role("menuitemcheckbox", name=name) for name in ("Failed", "Finished"))
    failed.click()
    expect(failed).to_have_attribute("aria-checked", "true")
    finished.press(" ")
    expect(finished).to_have_attribute("aria-checked", "true")
    assert "FAILED" in page.url
    assert "FINISHED" in page.url
    failed.click()
    expect(failed).to_have_attribute("aria-checked", "false")
    expect(page.locator(".count")).to_have_text("3 runs match")
    # The button of a menu that is open closes it.
    opener = page.locator(".chip[aria-expanded=true]").element_handle()
    opener.click()
    expect(page.get_by_role("menu")).to_have_count(0)
    assert opener.evaluate("button => button === document.activeElement")
    assert opener.get_attribute("aria-expanded") == "false"


def test_the_focus_goes_back_and_tab_goes_on(watched: Watched) -> None:
    page = table(watched)
    export = page.get_by_role("button", name="Export")
    export.focus()
    for leave in ("Escape", "Tab"):
        page.keyboard.press("Enter")
        title = page.get_by_role("menuitem").first
        expect(title).to_be_focused()
        # It says what is exported, and does nothing.
        expect(title).to_have_attribute("aria-disabled", "true")
        page.keyboard.press("Enter")
        expect(title).to_be_visible()
        page.keyboard.press(leave)
        expect(page.get_by_role("menu")).to_have_count(0)
        if leave == "Escape":
            expect(export).to_be_focused()
    expect(export).not_to_be_focused()
    assert page.evaluate("document.activeElement !== document.body")
    export.click()
    expect(page.get_by_role("menu")).to_be_visible()
    page.get_by_label("Filter runs").click()
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(page.get_by_label("Filter runs")).to_be_focused()


def test_menus_stay_in_sight(watched: Watched) -> None:
    page = table(watched)
    page.set_viewport_size({"width": 700, "height": 330})
    cell = page.locator('[aria-rowindex="2"] .run-name')
    at = cell.bounding_box()
    page.evaluate(
        """([x, y]) => document.elementFromPoint(x, y).dispatchEvent(
             new MouseEvent('contextmenu', { bubbles: true, cancelable: true, clientX: 690, clientY: 320 }))""",
        [at["x"] + 5, at["y"] + 5],
    )
    menu = page.get_by_role("menu").first
    expect(page.get_by_role("menuitem").first).to_be_focused()
    expect_in_sight(page, menu)
    assert box(menu)[2] > 650
    page.get_by_role("menuitem", name="Colour", exact=True).press("ArrowRight")
    expect(page.locator(f"{COLOURS} .menu-item").first).to_be_focused()
    expect_in_sight(page, page.locator(COLOURS))
    page.keyboard.press("End")
    expect(page.locator(f"{COLOURS} .menu-item").last).to_be_in_viewport(ratio=0.9)


def test_a_sub_menu_opens_by_hover_and_goes_when_another_item_is_meant(watched: Watched) -> None:
    page = table(watched)
    row_menu(page)
    page.get_by_role("menuitem", name="Colour", exact=True).hover()
    sub = page.locator(COLOURS)
    expect(sub).to_be_visible()
    sub.locator(".menu-item").nth(2).hover()
    expect(sub.locator(".menu-item").nth(2)).to_be_focused()
    page.get_by_role("menuitem", name="Copy run id").hover()
    expect(sub).to_have_count(0)
    expect(page.get_by_role("menuitem", name="Copy run id")).to_be_focused()


def test_a_finger_opens_a_menu_its_sub_menu_and_takes_an_item(browser: Any, address: str) -> None:
    with watching(browser, address, viewport=PHONE, has_touch=True) as watched:
        page = watched.open()
        page.get_by_role("link", name="beta").tap()
        # The menu offers what is known of the runs when it opens.
        expect(page.locator(".count")).to_have_text("3 runs")
        page.get_by_role("button", name="Group").tap()
        page.get_by_role("menuitem", name="Parameters").tap()
        sub = page.locator("[role=menu][aria-label=Parameters]")
        expect(sub).to_be_visible()
        expect_in_sight(page, sub)
        sub.get_by_role("menuitemcheckbox", name="lr").tap()
        expect(page.get_by_role("menu")).to_have_count(0)
        expect(page.get_by_role("button", name="By lr")).to_be_visible()
        assert (watched.errors, watched.strangers) == ([], [])


def test_a_dialog_from_a_menu_keeps_the_focus_and_gives_it_back(watched: Watched) -> None:
    page = watched.open()
    opener = page.get_by_role("button", name="Menu of alpha")
    opener.click()
    page.get_by_role("menuitem", name="Rename").press("Enter")
    dialog = page.get_by_role("dialog")
    field = dialog.get_by_role("textbox", name="Name")
    expect(field).to_be_focused()
    for key in ("Tab", "Shift+Tab"):
        inside = 0
        for _ in range(8):
            page.keyboard.press(key)
            # The way round goes by the browser's own bar, which is nowhere of the page.
            where = page.evaluate(
                "document.activeElement.closest('dialog') ? 'inside' : document.activeElement.tagName"
            )
            assert where in ("inside", "BODY")
            inside += where == "inside"
        assert inside >= 4
    # What is beside the fields leaves the focus nowhere: the keys of the page behind stay off.
    dialog.locator("h2").click()
    for key in ("g", "s"):
        page.keyboard.press(key)
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()


def test_a_click_beside_a_dialog_closes_it_and_a_drag_out_of_it_does_not(watched: Watched) -> None:
    page = watched.open()
    opener = page.get_by_role("button", name="New experiment")
    opener.click()
    dialog = page.get_by_role("dialog")
    left, top, right, bottom = box(dialog)
    page.mouse.move(left + 40, top + 70)
    page.mouse.down()
    page.mouse.move(right + 60, bottom + 60)
    page.mouse.up()
    page.mouse.click(left + 4, top + 4)
    expect(dialog).to_be_visible()
    page.mouse.click(right + 60, bottom + 60)
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
    assert page.evaluate("document.documentElement.style.overflow") == ""


def test_a_dialog_opens_over_a_dialog_and_escape_closes_the_upper(watched: Watched) -> None:
    page = watched.open()
    page.get_by_role("button", name="New experiment").click()
    lower = page.get_by_role("dialog").filter(has=page.get_by_role("textbox", name="Name"))
    lower.get_by_role("textbox", name="Name").fill("kept")
    page.keyboard.press("Control+k")
    palette = page.get_by_role("dialog", name="Find or do anything")
    expect(palette.get_by_role("combobox")).to_be_focused()
    page.keyboard.press("Escape")
    expect(palette).to_have_count(0)
    expect(lower.get_by_role("textbox", name="Name")).to_be_focused()
    expect(lower.get_by_role("textbox", name="Name")).to_have_value("kept")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
