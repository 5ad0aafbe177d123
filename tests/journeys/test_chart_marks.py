"""What charts show of values that make no line, beside groups, and how far a choice for charts reaches."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import pytest

from millstream.tracking.client import MlflowClient
from tests.journeys.pages import Watched, in_browser, serving, watching

sync_api = pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
expect = sync_api.expect
pytestmark = in_browser

RUNS, STEPS = 10, 30
BROKEN = [1.0, math.nan, math.inf, 2.0, -math.inf]

# Pixels of a panel's canvases: those of `wanted`, or all that have a colour.
PIXELS = """({ metric, wanted }) => {
  const host = document.querySelector(`article[aria-label="${metric}"] .chart-host`);
  if (!host) return 0;
  const target = wanted === "bad" ? getComputedStyle(host).outlineColor.match(/\\d+/g).map(Number) : null;
  let found = 0;
  for (const canvas of host.querySelectorAll("canvas")) {
    if (!canvas.width || !canvas.height) continue;
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    for (let i = 0; i < data.length; i += 4) {
      const pixel = [data[i], data[i + 1], data[i + 2]];
      if (data[i + 3] < 200) continue;
      const near = target?.every((each, at) => Math.abs(each - pixel[at]) < 12);
      if (near ?? Math.max(...pixel) - Math.min(...pixel) > 60) found += 1;
    }
  }
  return found;
}"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, list[str]]]:
    """The address of a server, the id of its experiment, and those of its runs."""
    store = tmp_path_factory.mktemp("marks") / "mlruns"
    client = MlflowClient(str(store))
    experiment = client.create_experiment("marks")
    runs = []
    for number in range(RUNS):
        run = client.create_run(experiment, run_name=f"run {number} of a name that is too long for a card").info.run_id
        client.log_param(run, "opt", "adam" if number % 2 else "sgd")
        client.log_metric(run, "once", 1.0 + number, step=0)
        client.log_metric(run, "nothing", math.nan, step=0)
        for step, value in enumerate(BROKEN):
            client.log_metric(run, "broken", value, step=step)
        for step in range(STEPS):
            client.log_metric(run, "loss", (number + 1) * math.exp(-step / 10), step=step)
        client.set_terminated(run)
        runs.append(run)
    with serving(store) as address:
        yield address, experiment, runs


@pytest.fixture
def watched(browser: Any, shared: tuple[str, str, list[str]]) -> Iterator[Watched]:
    with watching(browser, shared[0]) as page:
        yield page
    assert (page.errors, page.strangers) == ([], [])


def panel(page: Any, metric: str) -> Any:
    return page.get_by_role("article", name=metric, exact=True)


def drawn(page: Any, metric: str) -> Any:
    return panel(page, metric).get_by_role("img", name=re.compile("^Line chart"))


def told(page: Any, metric: str) -> None:
    expect(drawn(page, metric)).to_have_attribute("aria-label", re.compile(f"{RUNS} lines"))


@pytest.mark.parametrize("group", ["", "&c.group=p:opt"], ids=["together", "by a param"])
@pytest.mark.parametrize("spread", ["minmax", "std", "deciles"])
def test_bands_show_single_points_and_what_is_no_number(
    watched: Watched, shared: tuple[str, str, list[str]], spread: str, group: str
) -> None:
    page = watched.open(f"e/{shared[1]}?c.draw=bands&c.spread={spread}&c.pane=charts{group}")
    band = "Band of adam, 5 runs" if group else "Band of all runs, 10 runs"
    for metric in ("once", "broken", "loss"):
        expect(drawn(page, metric)).to_have_attribute("aria-label", re.compile(band))
    page.wait_for_function(f"(given) => ({PIXELS})(given) > 20", arg={"metric": "once", "wanted": "any"})
    page.wait_for_function(f"(given) => ({PIXELS})(given) > 40", arg={"metric": "broken", "wanted": "bad"})
    page.wait_for_function(f"(given) => ({PIXELS})(given) > 10", arg={"metric": "nothing", "wanted": "bad"})
    gaps = "Gaps stand for values that cannot be drawn: "
    expect(panel(page, "broken").locator(".chart-note")).to_have_text(f"{gaps}{RUNS} NaN, {2 * RUNS} infinite.")
    expect(panel(page, "nothing").locator(".chart-note")).to_have_text(f"{gaps}{RUNS} NaN.")
    expect(panel(page, "once").locator(".chart-note")).to_have_count(0)


@pytest.mark.parametrize("smoothing", ["ema", "gaussian"])
def test_smoothing_takes_no_legend_away(watched: Watched, shared: tuple[str, str, list[str]], smoothing: str) -> None:
    page = watched.open(f"e/{shared[1]}?c.pane=charts")
    legend = panel(page, "loss").get_by_role("list", name="Runs").get_by_role("listitem")
    expect(legend).to_have_count(RUNS)
    page.get_by_label("Smoothing").select_option(smoothing)
    expect(page).to_have_url(re.compile(f"c.smooth={smoothing}"))
    told(page, "loss")
    expect(legend).to_have_count(RUNS)


TIP = """() => {
  const tip = document.querySelector(".chart-tip");
  if (!tip) return null;
  const [inner, outer] = [tip, tip.closest(".chart-card")].map((each) => each.getBoundingClientRect());
  return [inner.left - outer.left, outer.right - inner.right, inner.top - outer.top, outer.bottom - inner.bottom];
}"""


def test_a_hover_box_lies_wholly_inside_its_card(watched: Watched, shared: tuple[str, str, list[str]]) -> None:
    page = watched.open(f"e/{shared[1]}?c.find=loss|once")
    told(page, "loss")
    box = panel(page, "loss").bounding_box()
    assert box["width"] < 320
    seen = 0
    for left in range(2, int(box["width"]), 14):
        for top in range(34, int(box["height"]), 14):
            page.mouse.move(box["x"] + left, box["y"] + top)
            rooms = page.evaluate(TIP)
            if rooms is not None:
                seen += 1
                assert min(rooms) >= 0, (left, top, rooms)
    assert seen > 50


def drag(page: Any, metric: str) -> None:
    box = drawn(page, metric).bounding_box()
    middle, height = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle - 40, height)
    page.mouse.down()
    page.mouse.move(middle + 40, height, steps=4)
    page.mouse.up()


def test_a_drag_over_a_single_step_zooms_nothing(watched: Watched, shared: tuple[str, str, list[str]]) -> None:
    page = watched.open(f"e/{shared[1]}?c.pane=charts")
    for metric in ("once", "loss"):
        told(page, metric)
    drag(page, "once")
    drawn(page, "once").press("+")
    expect(page.locator(".chart-brush")).to_have_count(0)
    expect(page.get_by_role("button", name="Show all x")).to_have_count(0)
    assert "c.zoom" not in page.url
    drag(page, "loss")
    expect(page.get_by_role("button", name="Show all x")).to_be_visible()


def test_charts_follow_the_group_of_the_table_until_told_otherwise(
    watched: Watched, shared: tuple[str, str, list[str]]
) -> None:
    page = watched.open(f"e/{shared[1]}?group=p:opt&open=*&c.draw=bands")
    by = page.get_by_role("combobox", name="by", exact=True)
    expect(by).to_have_value("")
    expect(by.locator("option:checked")).to_have_text("opt, as the table")
    expect(drawn(page, "loss")).to_have_attribute("aria-label", re.compile("Band of adam, 5 runs.*Band of sgd, 5 runs"))
    eyes = page.locator(".grid-row.body:not([hidden]) .eye")
    expect(eyes).to_have_count(RUNS)
    colors = "(eyes) => new Set(eyes.map((eye) => getComputedStyle(eye).getPropertyValue('--mark'))).size"
    assert eyes.evaluate_all(colors) == 2
    by.select_option("none")
    expect(drawn(page, "loss")).to_have_attribute("aria-label", re.compile("Band of all runs, 10 runs"))
    assert "c.group=none" in page.url
    assert eyes.evaluate_all(colors) == RUNS
    page.go_back()
    expect(drawn(page, "loss")).to_have_attribute("aria-label", re.compile("Band of adam"))
    page.get_by_role("button", name="By opt").click()
    page.get_by_role("menuitem", name="No groups").click()
    expect(drawn(page, "loss")).to_have_attribute("aria-label", re.compile("Band of all runs, 10 runs"))
    expect(by.locator("option:checked")).to_have_text("no groups")


@pytest.mark.parametrize("place", ["table", "run", "comparison"])
def test_back_undoes_the_last_choice_for_charts(
    watched: Watched, shared: tuple[str, str, list[str]], place: str
) -> None:
    _, experiment, runs = shared
    address = {
        "table": f"e/{experiment}",
        "run": f"r/{runs[0]}/metrics",
        "comparison": f"compare?runs={','.join(runs)}",
    }
    page = watched.open(address[place])
    expect(drawn(page, "loss")).to_have_attribute("aria-label", re.compile("run 0 .*30 points"))
    x, smoothing = page.get_by_role("combobox", name="x", exact=True), page.get_by_label("Smoothing")
    x.select_option("time")
    smoothing.select_option("ema")
    slider = page.get_by_role("slider", name="Strength of smoothing")
    for value in ("0.3", "0.7", "0.9"):
        slider.fill(value)
    expect(page).to_have_url(re.compile(r"c\.smooth=ema~0\.9"))
    page.go_back()
    expect(smoothing).to_have_value("none")
    expect(x).to_have_value("time")
    page.go_back()
    expect(x).to_have_value("step")
    page.go_forward()
    expect(x).to_have_value("time")
    if place == "table":
        page.get_by_role("button", name="Charts", exact=True).click()
        expect(page.locator(".scope")).to_have_text(f"first {RUNS} runs")
        page.go_back()
        expect(page.locator(".scope")).to_contain_text("select rows")
