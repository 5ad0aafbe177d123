"""The registry in a real browser: models, versions, edits that hold or are refused, a scoring server that is called."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from millstream.tracking.client import MlflowClient
from tests.journeys.pages import COMMAND, PHONE, Watched, in_browser, serving, watching
from tests.journeys.registered import DIGITS, LONG, log_registry

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
pytest.importorskip("pandas")
expect = sync_api.expect
pytestmark = in_browser

MODEL = f"models/{quote(DIGITS)}"


class Place:
    """A server of a registry of its own; `runs` are by name."""

    def __init__(self, store: Path, many: int = 0) -> None:
        self.store = store
        self.state = store.with_name("state")
        with pytest.warns(UserWarning, match="code_paths"):
            self.runs = log_registry(store, many)
        self.client = MlflowClient(str(store))
        self.address = ""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """What tests only read: 250 further models."""
    folder = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        found = Place(folder / "mlruns", 250)
        patch.setenv("MILLSTREAM_STATE_DIR", str(found.state))
        with serving(found.store) as found.address:
            yield found


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """What tests may change."""
    found = Place(tmp_path_factory.mktemp("changing") / "mlruns")
    with serving(found.store) as found.address:
        yield found


@pytest.fixture
def watched(browser: Any, place: Place) -> Iterator[Watched]:
    with watching(browser, place.address) as found:
        yield found
    assert (found.strangers, found.errors) == ([], [])


@pytest.fixture
def editing(browser: Any, changing: Place) -> Iterator[Watched]:
    with watching(browser, changing.address) as found:
        yield found
    assert (found.strangers, [error for error in found.errors if "40" not in error]) == ([], [])


def test_the_list_is_searched_sorted_and_goes_on_as_it_is_scrolled(watched: Watched) -> None:
    page = watched.open("models")
    expect(page.get_by_role("link", name="many 00000")).to_be_visible()
    expect(page.get_by_role("link", name=LONG.strip())).to_be_visible()
    for _ in range(3):
        page.locator(".list-end").scroll_into_view_if_needed()
        page.wait_for_timeout(100)
    expect(page.locator(".list-end")).to_have_text("253 models")
    page.locator(".list-end").scroll_into_view_if_needed()
    expect(page.get_by_role("link", name="many 00249")).to_be_visible()
    assert page.locator("tbody tr").count() < 60
    page.get_by_role("button", name="Name").click()
    expect(page.locator("tbody tr").first).to_contain_text(DIGITS)
    row = page.locator("tbody tr").first
    expect(row).to_contain_text("Version 2")
    expect(row).to_contain_text("Production")
    expect(row.get_by_role("link", name="@champion")).to_have_attribute("href", f"/{MODEL}/v/1")
    page.keyboard.press("/")
    page.keyboard.type("SIGNS?#")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="empty (with) & signs?#+").click()
    expect(page.get_by_text("No version yet")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="empty (with) & signs?#+")).to_be_visible()
    page.go_back()
    page.get_by_label("Search models").fill('it\'s "not" there')
    expect(page.get_by_text("No model has")).to_be_visible()


def test_what_is_not_in_the_registry_says_so_and_where_to_go(browser: Any, place: Place) -> None:
    with watching(browser, place.address) as watched:
        page = watched.open("models/NOPE")
        expect(page.get_by_role("heading", name="There is no such model here")).to_be_visible()
        expect(page.locator(".failure")).to_have_count(0)
        page.get_by_role("link", name="All models").click()
        expect(page.get_by_role("link", name="many 00000")).to_be_visible()
        page = watched.open(f"{MODEL}/v/99")
        expect(page.get_by_role("heading", name="There is no such version here")).to_be_visible()
        expect(page.locator(".failure")).to_have_count(0)
        page.get_by_role("link", name=f"All versions of {DIGITS}").click()
        expect(page.get_by_role("link", name="Version 2").or_(page.get_by_role("link", name="2")).first).to_be_visible()
        assert ([error for error in watched.errors if "404" not in error], watched.strangers) == ([], [])


def test_an_alias_that_is_too_long_ends_in_dots(editing: Watched, changing: Place) -> None:
    client = changing.client
    for alias in ("the-best-of-all-that-we-have-trained-so-far", "challenger"):
        client.set_registered_model_alias(DIGITS, alias, "1")
    page = editing.open("models?q=digits")
    aliases = page.locator("tbody .aliases").first.locator(".alias")
    expect(aliases).to_have_count(3)
    expect(aliases.last).to_have_text("+1")
    inside = """(aliases) => aliases.every((each) => {
      const [own, around] = [each, each.parentElement].map((element) => element.getBoundingClientRect());
      const whole = each.scrollWidth <= each.clientWidth;
      return own.right <= around.right && (whole || getComputedStyle(each).textOverflow === "ellipsis");
    })"""
    assert aliases.evaluate_all(inside)
    for alias in ("the-best-of-all-that-we-have-trained-so-far", "challenger"):
        client.delete_registered_model_alias(DIGITS, alias)


def test_two_versions_are_compared(watched: Watched, place: Place) -> None:
    page = watched.open(MODEL)
    expect(page.get_by_role("button", name="Choose two to compare")).to_be_disabled()
    for number in (1, 2):
        page.get_by_label(f"Choose version {number}").check()
    page.get_by_role("button", name="Compare 1 and 2").click()
    params = page.get_by_role("region", name="Parameters")
    expect(params.locator("tbody tr")).to_have_count(1)
    expect(params.locator("tbody tr")).to_contain_text("+1")
    expect(page.get_by_role("region", name="Packages").locator("tbody tr")).to_contain_text("1.27.0")
    expect(page.get_by_role("region", name="MLmodel").locator(".diff-line.new").first).to_be_visible()
    page.get_by_label("Differences only").uncheck()
    expect(params.locator("tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Compare their runs").click()
    expect(page.locator(".run-head-cell")).to_have_count(2)
    expect(page.locator('button.key[title="pandas"]')).to_have_count(0)
    expect(page.locator('button.key[title="numpy"]')).to_be_visible()


def test_a_version_tells_where_it_came_from_and_what_it_takes(watched: Watched, place: Place) -> None:
    page = watched.open(f"{MODEL}/v/1")
    lineage = page.get_by_role("navigation", name="Lineage")
    expect(lineage.get_by_role("link", name="one")).to_have_attribute("href", f"/r/{place.runs['one']}")
    expect(lineage).to_contain_text("@champion")
    inputs = page.get_by_role("region", name="Inputs")
    expect(inputs.locator("tr")).to_have_count(2)
    expect(inputs.locator("tr").first).to_contain_text("double")
    expect(page.get_by_role("region", name="Use it")).to_contain_text(f'load_model("models:/{DIGITS}/1")')
    files = page.get_by_role("region", name="Files")
    files.get_by_role("link", name="requirements.txt").click()
    expect(files.locator("code, pre").first).to_contain_text("numpy==1.26.0")
    with page.expect_download() as loading:
        files.get_by_role("link", name="Download").click()
    assert Path(loading.value.path()).read_text() == "pandas==2.2.1\nnumpy==1.26.0\n"
    assert page.title().startswith("Version 1")
    page = watched.open(f"{MODEL}/v/2")
    expect(page.get_by_text("The second one")).to_be_visible()


def test_a_description_tags_and_aliases_are_edited(editing: Watched, changing: Place) -> None:
    page = editing.open(MODEL)
    about = page.get_by_role("region", name="Description")
    # Markdown, of which nothing runs.
    expect(about).to_contain_text("Reads digits.")
    expect(about.locator("script")).to_have_count(0)
    about.get_by_role("button", name="Edit").click()
    about.get_by_role("textbox").fill("새 설명 <img src=x onerror=alert(1)>\n\n- **bold** [a link](MLmodel)")
    about.get_by_role("textbox").press("Control+Enter")
    expect(about.locator("li strong")).to_have_text("bold")
    expect(about.get_by_role("link", name="a link")).to_have_attribute("href", f"/{MODEL}/v/2?file=MLmodel")
    assert about.locator("[onerror]").count() == 0
    tags = page.get_by_role("region", name="Tags")
    tags.get_by_label("Name of a tag").fill("stage of work")
    tags.get_by_label("Value of the tag").fill("끝")
    tags.get_by_role("button", name="Set tag").click()
    expect(tags.get_by_role("button", name="stage of work 끝")).to_be_visible()
    tags.get_by_role("button", name="Remove the tag 팀").click()
    expect(tags.get_by_role("button", name="팀")).to_have_count(0)
    second = page.get_by_role("group", name="Aliases of version 2")
    second.get_by_role("button", name="Give version 2 an alias").click()
    second.get_by_label("New alias").fill("champion")
    second.get_by_label("New alias").press("Enter")
    expect(second).to_contain_text("@champion")
    expect(page.get_by_role("group", name="Aliases of version 1")).not_to_contain_text("@champion")
    page.get_by_label("Stage of version 2").select_option("Production")
    page.get_by_role("dialog").get_by_role("button", name="Move").click()
    expect(page.get_by_label("Stage of version 1")).to_have_value("Archived")
    page.reload()
    expect(page.get_by_label("Stage of version 2")).to_have_value("Production")
    expect(page.get_by_text("새 설명")).to_be_visible()
    found = changing.client.get_registered_model(DIGITS)
    assert (found.aliases, dict(found.tags)) == ({"champion": 2}, {"stage of work": "끝"})
    page.get_by_role("button", name="Remove the alias champion").click()
    expect(second).not_to_contain_text("@champion")


def test_what_the_server_refuses_turns_back_with_the_reason(editing: Watched) -> None:
    page = editing.open(f"{MODEL}/v/1")
    chips = page.get_by_role("group", name="Aliases of version 1")
    chips.get_by_role("button", name="Give version 1 an alias").click()
    chips.get_by_label("New alias").fill("latest")
    chips.get_by_label("New alias").press("Enter")
    expect(page.get_by_role("status").filter(has_text="Not changed")).to_contain_text("latest")
    expect(chips).not_to_contain_text("@latest")

    def forbid(route: Any) -> None:
        route.fulfill(status=403, json={"error_code": "PERMISSION_DENIED", "message": "You may read this model."})

    page.route("**/registered-models/**", forbid)
    page.route("**/model-versions/set-tag", forbid)
    tags = page.get_by_role("region", name="Tags")
    tags.get_by_label("Name of a tag").fill("mine")
    tags.get_by_role("button", name="Set tag").click()
    expect(page.get_by_role("status").filter(has_text="You may read this model.")).to_be_visible()
    expect(tags).to_contain_text("No tags")
    page.route("**/model-versions/update", forbid)
    about = page.get_by_role("region", name="Description")
    about.get_by_role("button", name="Edit").click()
    about.get_by_role("textbox").fill("lost?")
    about.get_by_role("button", name="Save").click()
    # What was typed is still there to be mended.
    expect(about.get_by_role("textbox")).to_have_value("lost?")


def test_a_model_of_a_run_is_registered_renamed_and_deleted(editing: Watched, changing: Place) -> None:
    page = editing.open(f"r/{changing.runs['three']}")
    page.get_by_role("button", name="Register model…").click()
    dialog = page.get_by_role("dialog", name="Register a model")
    dialog.get_by_label("Registered as").fill("한글 model")
    expect(dialog).to_contain_text("A new registered model is made.")
    dialog.get_by_role("button", name="Register", exact=True).click()
    expect(page).to_have_url(re.compile(r"/models/%ED%95%9C%EA%B8%80%20model/v/1$"))
    expect(page.get_by_role("navigation", name="Lineage").get_by_role("link", name="three")).to_be_visible()
    page.get_by_role("link", name="한글 model").first.click()
    page.get_by_role("button", name="Rename…").click()
    dialog = page.get_by_role("dialog", name="Rename 한글 model")
    dialog.get_by_label("Name").fill(DIGITS)
    dialog.get_by_role("button", name="Rename").click()
    expect(dialog.get_by_role("alert")).to_contain_text(DIGITS)
    dialog.get_by_label("Name").fill("renamed 100 percent?")
    dialog.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", name="renamed 100 percent?")).to_be_visible()
    page.get_by_role("link", name="Version 1").click()
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete renamed 100 percent? 1")
    expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
    dialog.get_by_role("textbox").fill("renamed 100 percent? 1")
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No version yet")).to_be_visible()
    page.get_by_role("button", name="Delete…").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("renamed 100 percent?")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile(r"/models$"))
    assert DIGITS in {each.name for each in changing.client.search_registered_models()}
    assert "renamed 100 percent?" not in {each.name for each in changing.client.search_registered_models()}
    page.get_by_role("button", name="New model…").click()
    page.get_by_role("dialog").get_by_label("Name").fill("a/b")
    page.get_by_role("dialog").get_by_role("button", name="Create").click()
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("a/b")


@contextmanager
def scoring(place: Place) -> Iterator[str]:
    """A scoring server of version 2, as a user starts one."""
    command = [str(COMMAND), "models", "serve", "-m", f"models:/{DIGITS}/2", "-p", "0"]
    # The model's class is in a module of these tests.
    root = str(Path(__file__).parents[2])
    environ = {**os.environ, "MLFLOW_TRACKING_URI": str(place.store), "PYTHONPATH": root}
    environ["MILLSTREAM_STATE_DIR"] = str(place.state)
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environ)
    try:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:")
        yield url
    finally:
        server.terminate()
        server.communicate()


def test_a_scoring_server_is_called(browser: Any, place: Place) -> None:
    with watching(browser, place.address) as found, scoring(place) as url:
        page = found.open(f"{MODEL}/v/2")
        form = page.get_by_role("region", name="Call a scoring server")
        expect(form.get_by_label("Address")).to_have_value(url)
        expect(form.get_by_label("Request (JSON)")).to_have_value(re.compile('"dataframe_split"'))
        form.get_by_role("button", name="Send").click()
        expect(form.locator(".scoring-answer")).to_contain_text("200")
        expect(form.locator(".scoring-answer code")).to_contain_text("7")
        form.get_by_label("Request (JSON)").fill('{"dataframe_split": {"columns": ["a"], "data": [[1]]}}')
        form.get_by_role("button", name="Send").click()
        expect(form.locator(".scoring-answer")).to_contain_text("400")
        expect(form.locator(".scoring-answer code")).to_contain_text("b")
        form.get_by_label("Request (JSON)").fill("{not json")
        expect(form.get_by_role("alert")).to_contain_text("Not JSON")
        expect(form.get_by_role("button", name="Send")).to_be_disabled()
        form.get_by_role("button", name="Reset request").click()
        assert found.errors == []
        form.get_by_label("Address").fill("http://127.0.0.1:1")
        form.get_by_role("button", name="Send").click()
        expect(form.get_by_role("alert")).to_contain_text("does not call")
        assert found.strangers == []


def test_on_a_phone_in_korean_and_without_any_models(browser: Any, place: Place, tmp_path: Path) -> None:
    with watching(browser, place.address, viewport=PHONE, locale="ko-KR") as found:
        for path, words in (("models", "최신 버전"), (MODEL, "버전 2"), (f"{MODEL}/v/1", "시그니처와 플레이버")):
            page = found.open(path)
            expect(page.get_by_text(words).first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert (found.strangers, found.errors) == ([], [])
    with serving(tmp_path / "mlruns") as address, watching(browser, address) as found:
        page = found.open("models")
        expect(page.get_by_role("heading", name="No models yet")).to_be_visible()
        page.get_by_role("button", name="New model…").click()
        page.get_by_role("dialog").get_by_label("Name").fill("first")
        page.get_by_role("dialog").get_by_role("button", name="Create").click()
        expect(page.get_by_role("heading", name="first")).to_be_visible()
        page = found.open("models/none")
        expect(page.get_by_role("alert")).to_contain_text("none")
