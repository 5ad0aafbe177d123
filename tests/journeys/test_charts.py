"""The charts of runs: one store for all tests, which read it only, and one that grows."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.tracking.client import MlflowClient
from tests.journeys.pages import PHONE, Watched, in_browser, serving, watching

pytestmark = in_browser
RUNS, STEPS = 14, 40


class Shared:
    """A server, and the ids of what it serves."""

    def __init__(self, address: str, experiment: str, runs: list[str]) -> None:
        self.address = address
        self.experiment = experiment
        self.runs = runs


def value(run: int, step: int) -> float:
    return (run + 1) * math.exp(-step / 15) + 0.1


def fill(store: Path) -> tuple[str, list[str]]:
    client = MlflowClient(str(store))
    experiment = client.create_experiment("차트 charts")
    runs = []
    for number in range(RUNS):
        run = client.create_run(experiment, run_name=f"run {number}", start_time=1000 * number).info.run_id
        client.log_param(run, "lr", 10 ** -(1 + number % 4))
        client.log_param(run, "opt", "adam" if number % 2 else "sgd")
        for step in range(STEPS):
            client.log_metric(run, "val/loss", value(number, step), step=step, timestamp=1000 * (number + step))
        client.log_metric(run, "val/loss", math.nan, step=STEPS, timestamp=1000 * (number + STEPS))
        client.log_metric(run, "acc", 1 / (number + 1), step=0, timestamp=1)
        client.log_metric(run, "system/cpu", 5.0, step=0, timestamp=1)
        client.set_terminated(run, end_time=1000 * (number + STEPS))
        runs.append(run)
    return experiment, runs


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    store = tmp_path_factory.mktemp("charts") / "mlruns"
    experiment, runs = fill(store)
    with serving(store) as address:
        yield Shared(address, experiment, runs)


@pytest.fixture
def watched(request: pytest.FixtureRequest, browser: Any, shared: Shared) -> Iterator[Watched]:
    with watching(browser, shared.address, **getattr(request, "param", {})) as page:
        yield page


def expect(thing: Any) -> Any:
    from playwright.sync_api import expect as wait_for

    return wait_for(thing)


def chart(page: Any, metric: str) -> Any:
    return page.get_by_role("article", name=metric, exact=True).get_by_role("img", name=re.compile("^Line chart"))


def test_panels_by_metric_are_found_pointed_at_and_zoomed(watched: Watched, shared: Shared) -> None:
    page = watched.open(f"e/{shared.experiment}")
    expect(chart(page, "val/loss")).to_have_attribute("aria-label", re.compile("10 lines"))
    search = page.get_by_label("Search panels (regex)")
    search.fill("^val|nothing")
    expect(page.locator(".chart-card")).to_have_count(1)
    search.fill("(")
    expect(page.get_by_text("No metric has “(” in its name.")).to_be_visible()
    search.fill("")
    expect(page.locator(".chart-card")).to_have_count(3)

    expect(chart(page, "val/loss")).to_be_visible()
    box = chart(page, "val/loss").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] - 30)
    expect(page.locator(".chart-tip")).to_contain_text(re.compile("run [0-9]+.*step [0-9]+"))
    expect(page.locator(".grid-row.body.hot")).to_have_count(1)
    with page.expect_request(lambda request: "ui/curves" in request.url) as asked:
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] / 2 + 80, box["y"] + 60, steps=4)
        page.mouse.up()
    low, high = (asked.value.post_data_json[name] for name in ("low", "high"))
    assert 0 < low < high <= STEPS
    assert "c.zoom=" in page.url
    page.reload()
    expect(page.get_by_role("button", name="Show all x")).to_be_visible()
    chart(page, "val/loss").dblclick()
    expect(page.get_by_role("button", name="Show all x")).to_have_count(0)
    assert (watched.errors, watched.strangers) == ([], [])


def test_many_runs_cost_one_request_and_little(watched: Watched, shared: Shared) -> None:
    bodies: list[int] = []
    watched.page.on(
        "response", lambda response: bodies.append(len(response.body())) if "ui/curves" in response.url else None
    )
    page = watched.open(f"e/{shared.experiment}?c.scope=all&c.pane=charts")
    expect(chart(page, "val/loss")).to_have_attribute("aria-label", re.compile(f"{RUNS} lines"))
    expect(page.locator(".scope")).to_have_text(f"{RUNS} of {RUNS} runs")
    assert len(bodies) == 1
    assert bodies[0] < 20_000


def test_by_keys_and_as_a_table(watched: Watched, shared: Shared) -> None:
    page = watched.open(f"r/{shared.runs[3]}/metrics")
    line = chart(page, "val/loss")
    line.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".chart [role=status]").last).to_contain_text(f"step {STEPS - 1}")
    page.keyboard.press("+")
    expect(page.get_by_role("button", name="Show all x")).to_be_visible()
    line.focus()
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Show all x")).to_have_count(0)

    panel = page.get_by_role("article", name="val/loss", exact=True)
    panel.get_by_role("button", name="Panel menu").click()
    page.get_by_role("menuitemcheckbox", name="View as table").click()
    expect(panel.get_by_role("cell", name=repr(value(3, 1)), exact=True)).to_be_visible()
    panel.get_by_role("button", name="Panel menu").click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="Download CSV").click()
    rows = Path(saved.value.path()).read_text(encoding="utf-8").splitlines()
    assert rows[0] == "run_id,run_name,metric,step,value"
    assert rows[2] == f"{shared.runs[3]},run 3,val/loss,1,{value(3, 1)!r}"
    assert rows[STEPS + 1].endswith(f",{STEPS},NaN")
    assert (watched.errors, watched.strangers) == ([], [])


def test_full_screen_pictures_and_axes(watched: Watched, shared: Shared) -> None:
    page = watched.open(f"e/{shared.experiment}")
    panel = page.get_by_role("article", name="val/loss", exact=True)
    panel.get_by_role("button", name="Panel menu").click()
    page.get_by_role("menuitem", name="Full screen").click()
    full = page.get_by_role("dialog", name="val/loss")
    expect(full.get_by_role("list", name="Runs").get_by_role("listitem")).to_have_count(10)
    for kind, start in (("PNG", b"\x89PNG"), ("SVG", b"<svg ")):
        full.get_by_role("button", name="Panel menu").click()
        with page.expect_download() as saved:
            page.get_by_role("menuitem", name=f"Download {kind}").click()
        assert Path(saved.value.path()).read_bytes().startswith(start)
    page.keyboard.press("Escape")
    expect(full).to_have_count(0)
    page.get_by_role("button", name="log y").click()
    page.get_by_role("combobox", name="x", exact=True).select_option("relative")
    page.get_by_label("Smoothing").select_option("ema")
    for part in ("c.log=y", "c.x=relative", "c.smooth=ema"):
        assert part in page.url
    page.go_back()
    expect(page.get_by_label("Smoothing")).to_have_value("none")
    page.get_by_role("combobox", name="x", exact=True).select_option("m:acc")
    expect(chart(page, "val/loss")).to_be_visible()
    assert (watched.errors, watched.strangers) == ([], [])


def test_groups_are_bands_and_hidden_runs_are_not_drawn(watched: Watched, shared: Shared) -> None:
    page = watched.open(f"e/{shared.experiment}?c.scope=all")
    expect(chart(page, "val/loss")).to_have_attribute("aria-label", re.compile("14 lines"))
    page.get_by_role("combobox", name="as", exact=True).select_option("bands~minmax")
    page.get_by_role("combobox", name="by", exact=True).select_option("p:opt")
    expect(chart(page, "val/loss")).to_have_attribute(
        "aria-label", re.compile("Band of adam, 7 runs.*Band of sgd, 7 runs")
    )
    page.get_by_role("combobox", name="as", exact=True).select_option("lines")
    page.get_by_role("button", name="Show run 13 in charts", exact=True).click()
    expect(chart(page, "val/loss")).to_have_attribute("aria-label", re.compile("13 lines"))
    assert (watched.errors, watched.strangers) == ([], [])


def test_charts_follow_the_rows_of_groups(watched: Watched, shared: Shared) -> None:
    page = watched.open(f"e/{shared.experiment}?group=p:opt")
    # Of closed groups as many runs as of open ones, in the order of the groups.
    expect(chart(page, "val/loss")).to_have_attribute("aria-label", re.compile("10 lines"))
    expect(page.locator(".grid-row.body.group")).to_have_count(2)
    page.get_by_role("button", name="Show 7 below").last.click()
    expect(page.locator(".grid-row.body:not(.group):not([hidden])")).to_have_count(7)
    expect(chart(page, "val/loss")).to_have_attribute("aria-label", re.compile("7 lines.*run 0: .*run 12: "))
    assert (watched.errors, watched.strangers) == ([], [])


def test_table_and_charts_scroll_by_themselves_whatever_their_length(watched: Watched, shared: Shared) -> None:
    watched.page.set_viewport_size({"width": 1280, "height": 420})
    page = watched.open(f"e/{shared.experiment}")
    expect(page.locator(".chart-card")).to_have_count(3)
    panes = "[...document.querySelectorAll('.grid, .chart-pane')].map((pane) => pane.scrollHeight > pane.clientHeight)"
    assert page.evaluate(f"[document.documentElement.scrollHeight, ...{panes}]") == [420, True, True]
    assert (watched.errors, watched.strangers) == ([], [])


COLORS = """() => Object.fromEntries([...document.querySelectorAll(".grid-row.body:not([hidden])")].map((row) => {
  const eye = getComputedStyle(row.querySelector(".eye"));
  return [row.querySelector(".run-name").textContent, eye.getPropertyValue("--mark")];
}))"""


def test_charted_runs_have_colours_of_their_own_and_keep_them(watched: Watched, shared: Shared) -> None:
    page = watched.open(f"e/{shared.experiment}")
    expect(chart(page, "val/loss")).to_have_attribute("aria-label", re.compile("10 lines"))
    expect(page.locator(".eye")).to_have_count(RUNS)
    charted = [f"run {number}" for number in range(RUNS - 1, RUNS - 11, -1)]
    before = page.evaluate(COLORS)
    assert len({before[name] for name in charted}) == 10
    page.goto(f"{shared.address}/e/{shared.experiment}?sort=name")
    expect(page.locator(".grid-row.body .run-name").first).to_have_text("run 0")
    expect(chart(page, "val/loss")).to_have_attribute("aria-label", re.compile("10 lines"))
    # By name "run 10" to "run 13" come before "run 2": two of those charted before are not any more.
    page.wait_for_function(f"(before) => JSON.stringify(({COLORS})()) !== before", arg="")
    after = page.evaluate(COLORS)
    together = ["run 0", "run 1", *(f"run {number}" for number in range(10, 14)), *(f"run {n}" for n in range(2, 6))]
    assert len({after[name] for name in together}) == 10
    assert all(after[name] == before[name] for name in ("run 13", "run 12", "run 11", "run 10"))
    assert (watched.errors, watched.strangers) == ([], [])


def test_the_value_pointed_at_is_exact_among_many_runs(watched: Watched, shared: Shared) -> None:
    page = watched.open(f"e/{shared.experiment}?c.scope=all&c.pane=charts")
    expect(chart(page, "val/loss")).to_have_attribute("aria-label", re.compile(f"{RUNS} lines"))
    box = chart(page, "val/loss").bounding_box()
    tip = page.locator(".chart-tip")
    for height in range(20, int(box["height"]) - 30, 10):
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + height)
        if tip.count():
            break
    expect(tip.locator("strong")).not_to_contain_text("≈")
    found = re.search(r"run (\d+) ?step (\d+) (.+)", tip.inner_text().replace("\n", " "))
    assert found, tip.inner_text()
    run, step, text = found.groups()
    assert float(text) == value(int(run), int(step))
    assert (watched.errors, watched.strangers) == ([], [])


MADE = {
    "bar~~m:acc~": "list",
    "scatter~p:lr~m:acc~": "14 runs by lr and acc",
    "parallel~~~~p:lr~p:opt~m:acc": "Parallel coordinates of lr, opt, acc, 14 runs",
    "box~~m:acc~": "all runs: 14 runs",
    "histogram~~m:acc~": "Histogram of acc",
    "contour~p:lr~start_time~m:acc": "14 runs by lr and start_time",
    "importance~~m:acc~~p:lr~p:opt": "table",
}


def test_further_kinds_are_made_and_kept_in_the_address(watched: Watched, shared: Shared) -> None:
    query = "&".join(f"c.chart={made}" for made in MADE)
    page = watched.open(f"e/{shared.experiment}?c.scope=all&c.pane=charts&{query}")
    mine = page.get_by_role("region", name="My charts")
    expect(mine.get_by_role("article")).to_have_count(len(MADE))
    for label in MADE.values():
        if label in ("list", "table"):
            expect(mine.get_by_role(label).first).to_be_visible()
        else:
            # What has handles that take the focus is no picture.
            role = "group" if label.startswith("Parallel") else "img"
            expect(mine.get_by_role(role, name=re.compile(f"^{label}"))).to_be_visible()
    mine.get_by_role("slider", name="Runs kept on acc").focus()
    for _ in range(5):
        page.keyboard.press("ArrowUp")
    expect(mine.get_by_text("1 of 14 runs")).to_be_visible()
    mine.get_by_role("button", name="Select them in the table").click()
    expect(page.get_by_role("region", name="Selected runs")).to_contain_text("1 ")
    assert (watched.errors, watched.strangers) == ([], [])


def test_the_editor_changes_a_chart(watched: Watched, shared: Shared) -> None:
    page = watched.open(f"e/{shared.experiment}?c.scope=all&c.pane=charts")
    page.get_by_role("button", name="Add chart").click()
    page.get_by_label("Kind").select_option("box")
    page.get_by_label("Value").select_option("m:acc")
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_role("article", name="Box plot: acc")).to_be_visible()
    assert "c.chart=box" in page.url
    page.get_by_role("article", name="Box plot: acc").get_by_role("button", name="Panel menu").click()
    page.get_by_role("menuitem", name="Remove").click()
    expect(page.get_by_role("article", name="Box plot: acc")).to_have_count(0)
    assert (watched.errors, watched.strangers) == ([], [])


def test_a_new_chart_is_drawn_at_once_and_no_metric_is_its_own_cause(watched: Watched, shared: Shared) -> None:
    page = watched.open(f"e/{shared.experiment}?c.scope=all&c.pane=charts")
    expect(chart(page, "val/loss")).to_have_attribute("aria-label", re.compile(f"{RUNS} lines"))
    page.get_by_role("button", name="Add chart").click()
    page.get_by_label("Kind").select_option("importance")
    made = page.get_by_role("article", name="Importance: acc")
    rows = made.get_by_role("rowheader")
    expect(rows).to_have_count(2)
    assert sorted(rows.all_inner_texts()) == ["lr", "opt"]
    expect(made.get_by_role("group", name="Parameters").get_by_role("checkbox", name="acc")).to_have_count(0)
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Add chart").click()
    page.get_by_label("Kind").select_option("contour")
    contour = page.get_by_role("article", name="Contour: acc / lr, opt")
    expect(contour.get_by_role("img", name="14 runs by lr and opt")).to_be_visible()
    assert (watched.errors, watched.strangers) == ([], [])


def test_new_points_come_alone_and_soon(browser: Any, tmp_path: Path) -> None:
    store = tmp_path / "mlruns"
    client = MlflowClient(str(store))
    run = client.create_run("0", run_name="live").info.run_id
    client.log_metric(run, "loss", 1.0, step=0)
    client.log_metric(run, "other", 1.0, step=0)
    with serving(store) as address, watching(browser, address) as watched:
        page = watched.open("e/0")
        expect(chart(page, "loss")).to_have_attribute("aria-label", re.compile("1 point"))
        # The first news of a run names all of its metrics; the page may see the first point before there is news.
        for step in (1, 2):
            client.log_metric(run, "loss", 0.5, step=step)
            expect(chart(page, "loss")).to_have_attribute("aria-label", re.compile(f"{step + 1} points"))
        asked: list[dict[str, Any]] = []
        page.on("request", lambda request: asked.append(request.post_data_json) if "ui/curves" in request.url else None)
        client.log_metric(run, "loss", 0.25, step=3)
        expect(chart(page, "loss")).to_have_attribute("aria-label", re.compile("4 points, .* last 0.25,"))
        # The same point may be told of twice; nothing else is asked for, and nothing again.
        assert (["loss"], [2]) in [(each["keys"], each["since"]) for each in asked], asked
        assert all(each["keys"] == ["loss"] and each["since"][0] >= 2 for each in asked), asked
        assert (watched.errors, watched.strangers) == ([], [])


@pytest.mark.parametrize("watched", [{"viewport": PHONE, "locale": "ko-KR"}], indirect=True)
def test_on_a_phone_in_korean(watched: Watched, shared: Shared) -> None:
    page = watched.open(f"e/{shared.experiment}")
    page.get_by_role("button", name="차트", exact=True).click()
    expect(page.get_by_role("article", name="val/loss", exact=True)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert (watched.errors, watched.strangers) == ([], [])
