"""A way through every page, dialog and menu, whatever the language: each stop is for a test to look around at."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from msgspec import Struct

from millstream.tracking.client import MlflowClient

Say = Callable[[str], str]
"""What is logged in place of a plain word."""

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c63f8cfc0f01f00050001ff56c72f0d0000000049454e44ae426082"
)


class Places(Struct):
    """Ids of what was logged."""

    experiment: str
    empty: str
    runs: list[str]
    model: str


def fill(store: Path, say: Say, scratch: Path) -> Places:
    """Two experiments in a folder, three runs with all that a run can have, a model with a version, a saved view."""
    client = MlflowClient(str(store))
    experiment = client.create_experiment(f"{say('folder')}/{say('one')}")
    empty = client.create_experiment(f"{say('folder')}/{say('two')}")
    gone = client.create_experiment(say("gone"))
    client.delete_experiment(gone)
    client.set_experiment_tag(experiment, "mlflow.note.content", say("about"))
    client.set_experiment_tag(experiment, "owner", say("owner"))
    view = json.dumps({"name": say("view"), "query": "?c.pane=table"})
    client.set_experiment_tag(experiment, "millstream.view.abc", view)
    runs: list[str] = []
    for number in range(3):
        tags = {"mlflow.parentRunId": runs[0]} if number == 2 else {}
        run = client.create_run(experiment, run_name=say(f"run {number}"), tags=tags).info.run_id
        client.log_param(run, "javascript:alert", say("value") + str(number))
        client.log_param(run, "__proto__", say("proto"))
        for key in ("onerror/loss", "constructor", "system/cpu_utilization_percentage"):
            for step in range(6):
                client.log_metric(run, key, 1 / (step + number + 1), step=step)
        client.set_tag(run, "mlflow.note.content", f"# {say('note')}\n\n[link]({say('link')})\n\n{say('text')}")
        client.set_tag(run, "mlflow.user", say("user"))
        client.set_tag(run, "mlflow.source.name", say("source"))
        client.set_tag(run, "mlflow.source.git.commit", say("commit"))
        client.set_tag(run, "mlflow.source.git.repoURL", "javascript:canary()")
        client.set_tag(run, "a.tag", say("tag"))
        if number != 1:
            client.set_terminated(run, "FAILED" if number else "FINISHED")
        runs.append(run)
    for name, content in files(say).items():
        path = scratch / name
        path.write_bytes(content)
        client.log_artifact(runs[0], str(path), "files")
    client.create_registered_model(say("model"), {"t": say("model tag")}, say("model description"))
    version = client.create_model_version(say("model"), f"runs:/{runs[0]}/files", runs[0])
    client.update_model_version(say("model"), version.version, say("version description"))
    client.set_registered_model_alias(say("model"), "champion", version.version)
    return Places(experiment, empty, runs, say("model"))


def files(say: Say) -> dict[str, bytes]:
    """Files of every kind that is shown, with names and contents."""
    name = say("file").replace("/", "_").replace("\0", "")[:60]
    page = f"<html><head><title>x</title></head><body>{say('html')}<p>{say('more')}</p></body></html>"
    picture = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="canary()"><script>canary()</script>'
    texts = {
        f"{name}.txt": say("text"),
        f"{name}.log": f"\x1b[31m{say('log')}\x1b[0m\n",
        f"{name}.md": f"# {say('heading')}\n\n{say('paragraph')}\n\n[a]({say('link')}) ![b]({say('image')})\n",
        f"{name}.json": json.dumps({say("key"): [say("value"), {"x": say("deep")}]}),
        f"{name}.csv": f'a,"{say("head")!r}"\n1,"{say("cell")!r}"\n',
        f"{name}.html": page,
        f"{name}.svg": f"{picture}<text>{page}</text></svg>",
        "MLmodel": f"run_id: {say('id')!r}\nflavors:\n  python_function:\n    loader_module: {say('loader')!r}\n",
        "requirements.txt": say("requirement"),
    }
    return {key: text.encode("utf-8", "surrogatepass") for key, text in texts.items()} | {f"{name}.png": PNG}


class Way:
    """Walks a page of a browser; `name` is where it stands."""

    def __init__(self, page: Any, address: str, places: Places) -> None:
        self.page = page
        self.address = address
        self.places = places

    def open(self, path: str, there: str) -> None:
        """Open a path and wait for what is on it."""
        self.page.goto(f"{self.address}/{path}")
        self.page.locator(there).first.wait_for()

    def menu(self, opener: str, **click: Any) -> Iterator[None]:
        """Open a menu and close it again."""
        self.page.locator(opener).first.click(**click)
        self.page.locator(".menu").first.wait_for()
        yield
        self.page.keyboard.press("Escape")
        self.page.locator(".menu").first.wait_for(state="detached")

    def dialog(self, opener: Any) -> Iterator[None]:
        """Open a dialog and close it again."""
        opener.click()
        self.page.locator(".dialog").first.wait_for()
        yield
        self.page.keyboard.press("Escape")
        self.page.locator(".dialog").first.wait_for(state="detached")

    def stops(self) -> Iterator[str]:
        """Every stop of the way."""
        for part in (self.experiments, self.overlays, self.table, self.charts, self.runs, self.others, self.nowhere):
            yield from part()

    def experiments(self) -> Iterator[str]:
        page = self.page
        self.open("", ".xbody .xrow .xlabel")
        page.locator(".run-list li").first.wait_for()
        yield "experiments"
        for _ in self.menu(".xbody .xrow.folder .xmenu button"):
            yield "menu of a folder"
        for _ in self.menu(".xbody .xrow:not(.folder) .xmenu button"):
            yield "menu of an experiment"
        for _ in self.dialog(page.locator(".experiments-tools .primary")):
            yield "new experiment"
        self.open("?show=deleted", ".xbody .xlabel")
        yield "deleted experiments"

    def overlays(self) -> Iterator[str]:
        page = self.page
        self.open("settings", ".settings-facts")
        yield "settings"
        page.keyboard.press("Control+k")
        page.locator(".palette input").wait_for()
        page.keyboard.type("run")
        page.locator('.palette [role="option"]').first.wait_for()
        page.wait_for_function("document.querySelectorAll('.palette-place').length > 0")
        yield "palette"
        page.keyboard.press("Escape")
        page.locator(".palette").wait_for(state="detached")
        page.keyboard.press("?")
        page.locator(".keys").first.wait_for()
        yield "help"
        page.keyboard.press("Escape")

    def table(self) -> Iterator[str]:
        page, home = self.page, f"e/{self.places.experiment}"
        row = ".grid-row.body:not([hidden]) .run-name"
        self.open(f"{home}?c.pane=table&col=p:javascript:alert&col=t:a.tag&col=status", row)
        yield "table"
        for _ in self.menu(".toolbar .chip"):
            yield "menu of views"
        for place, name in ((-1, "about an experiment"), (-4, "save a view")):
            page.locator(".toolbar .chip").first.click()
            page.locator(".menu-item").first.wait_for()
            for _ in self.dialog(page.locator(".menu-item").nth(page.locator(".menu-item").count() + place)):
                yield name
        for _ in self.menu(row, button="right"):
            yield "menu of a row"
            page.locator(".menu [aria-haspopup]").first.press("ArrowRight")
            page.locator(".menu").nth(1).wait_for()
            yield "menu of a row and its sub-menu"
            page.keyboard.press("ArrowLeft")
            page.locator(".menu").nth(1).wait_for(state="detached")
        page.locator(".grid-head .cell").nth(1).hover()
        for _ in self.menu(".grid-head .cell:nth-child(2) .head-menu, .grid-head .head-menu >> nth=1"):
            yield "menu of a column"
        page.locator(".popover-place > button").first.click()
        page.locator(".popover label").first.wait_for()
        yield "columns"
        page.keyboard.press("Escape")
        page.locator(".filter input").fill("params.`javascript:alert` = ")
        page.locator(".filter-options li").first.wait_for()
        yield "suggestions"
        page.locator(".filter input").fill("params. <<")
        page.keyboard.press("Escape")
        page.locator(".filter input").press("Enter")
        page.locator(".field-error").wait_for()
        yield "a wrong filter"
        self.open(f"{home}?c.pane=table", row)
        page.locator('.grid-row.body [type="checkbox"]').first.click()
        page.locator(".selection-bar").wait_for()
        yield "selected runs"
        buttons = page.locator(".selection-bar > button:not(.link):not(.icon-button)")
        for place, name in ((0, "tag runs"), (1, "move runs")):
            for _ in self.dialog(buttons.nth(place)):
                yield name
        self.open(f"{home}?c.pane=table&group=p:javascript:alert", ".grid-row.body.group")
        yield "groups"
        nothing = quote("params.x = 'none'")
        self.open(f"{home}?q={nothing}", ".clauses, .empty")
        yield "no match"
        self.open(f"e/{self.places.empty}", ".empty .snippet")
        yield "nothing logged"

    def charts(self) -> Iterator[str]:
        page, home = self.page, f"e/{self.places.experiment}"
        made = "&".join(f"c.chart={quote(text)}" for text in MADE)
        self.open(f"{home}?c.pane=charts&{made}", ".made-card svg")
        page.locator(".made-card").nth(len(MADE) - 1).wait_for()
        yield "charts of the reader's own"
        for _ in self.menu(".made-card .panel-menu"):
            yield "menu of a chart of the reader's own"
        self.open(f"{home}?c.pane=charts", ".chart canvas")
        yield "charts"
        page.locator(".chart-host").first.scroll_into_view_if_needed()
        box = page.locator(".chart-host").first.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.6)
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] * 0.5)
        yield "tip of a chart"
        for _ in self.menu(".chart-card:not(.made-card) .panel-menu"):
            yield "menu of a chart"
        self.open(f"{home}?c.pane=charts&c.full=onerror/loss&c.group=p:javascript:alert", ".chart-card.full canvas")
        yield "a chart full screen"

    def runs(self) -> Iterator[str]:
        page, run = self.page, self.places.runs[0]
        self.open(f"r/{run}", ".tabs a")
        for href in page.locator(".tabs a").evaluate_all("links => links.map(link => link.getAttribute('href'))"):
            page.goto(f"{self.address}{href}")
            page.locator('.tabs a[aria-current="page"]').wait_for()
            page.wait_for_timeout(400)
            yield f"run {href.rsplit('/', 1)[1][:12]}"
        self.open(f"r/{run}/artifacts", "[role=treeitem]")
        page.locator("[role=treeitem]").first.click()
        page.locator("[role=treeitem]").nth(9).wait_for()
        for place in range(1, page.locator("[role=treeitem]").count()):
            page.locator("[role=treeitem]").nth(place).click()
            page.wait_for_timeout(300)
            yield f"file {page.locator('[role=treeitem]').nth(place).inner_text().split('.')[-1][:6]}"

    def others(self) -> Iterator[str]:
        page = self.page
        self.open(f"compare?runs={','.join(self.places.runs)}", "main h1")
        page.wait_for_timeout(800)
        yield "compare"
        self.open(f"compare?runs={','.join(self.places.runs)}&tab=artifacts&all=1", "main h1")
        page.wait_for_timeout(800)
        yield "compared files"
        for path, name in (("models", "models"), (self.model, "model"), (f"{self.model}/v/1", "version")):
            self.open(path, "main h1")
            page.wait_for_timeout(600)
            yield name

    @property
    def model(self) -> str:
        return f"models/{quote(self.places.model, safe='')}"

    def nowhere(self) -> Iterator[str]:
        for path, name in (("nonsense", "no such page"), ("e/4711", "no experiment"), (f"r/{'0' * 32}", "no run")):
            self.open(path, ".empty")
            yield name


MADE = (
    "bar~~m:onerror/loss~",
    "scatter~p:javascript:alert~m:onerror/loss~m:constructor",
    "parallel~~~~p:javascript:alert~p:__proto__~m:onerror/loss",
    "box~~m:onerror/loss~",
    "histogram~~m:onerror/loss~",
    "importance~~m:onerror/loss~~p:javascript:alert",
)
"""Charts of the reader's own, as addresses hold them."""
