"""A store full of markup, script, handlers, styles and odd signs: nothing of it is run, anywhere on the pages."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.journeys.everywhere import Places, Way, fill
from tests.journeys.pages import Watched, in_browser, serving, watching

pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
pytestmark = in_browser

PAYLOADS = (
    "<script>canary()</script>",
    "<img src=x onerror=canary()>",
    "\"><svg onload=canary()><a href='javascript:canary()'>x</a>",
    "' onmouseover='canary()' onfocus='canary()' autofocus x='",
    "javascript:canary()",
    "</title></textarea></style></script><script>canary()</script>",
    "<iframe srcdoc='<script>parent.canary()</script>'></iframe>",
    "<style>*{display:none!important}</style><base href='https://evil.example/'>",
    "<form action=javascript:canary()><button formaction=javascript:canary()>x",
    "{{constructor.constructor('canary()')()}}${canary()}<%= canary() %>#{canary()}",
    "data:text/html,<script>canary()</script>",
    "<math><mtext><table><mglyph><style><img src=x onerror=canary()>",
    "\u202e\u2066gpj.exe\u200b\u200d\ufeff\u2028\u2029 한글 \u0301\u0301\u0301",
    "&lt;img src=x onerror=canary()&gt; &#60;script&#62;",
    "<a href=\"jav&#x09;ascript:canary()\" ping='https://evil.example/'>x</a>",
)

# Of what is not there; and of a page that was logged, when its frame runs no script: that is said some time later.
EXPECTED = ("404", "400", "Blocked script execution in 'blob:")
# What would be run tells so, in every frame; and what the policy of the pages had to stop was let through by the pages.
WATCH = """
window.told = [];
window.canary = () => { window.told.push('canary'); };
window.alert = window.confirm = window.prompt = () => { window.told.push('dialog'); };
document.addEventListener('securitypolicyviolation', event => {
  window.told.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
});
"""
# Elements that only a payload would make.
STRANGERS = """() => {
  const found = [...document.querySelectorAll('*')].filter(each =>
    each.getAttributeNames().some(name => name.startsWith('on') || ['srcdoc', 'formaction', 'ping'].includes(name))
    || ['src', 'href', 'action'].some(name => /^\\s*(javascript|data:text)/i.test(each.getAttribute(name) ?? ''))
    || each.matches('img[src="x"], math, script:not([src]), base:not(:first-of-type), base[href*="evil"], style'));
  return found.map(each => each.outerHTML.slice(0, 200));
}"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Places]]:
    """A server of a store in which every word is a payload."""
    folder = tmp_path_factory.mktemp("hostile")
    turns = itertools.cycle(PAYLOADS)
    known: dict[str, str] = {}

    def say(word: str) -> str:
        if word == "model":
            return "<img src=x onerror=canary()>\"'"
        return known.setdefault(word, f"{next(turns)} {word}")

    scratch = folder / "files"
    scratch.mkdir()
    places = fill(folder / "mlruns", say, scratch)
    with serving(folder / "mlruns") as address:
        yield address, places


def check(watched: Watched, stop: str) -> None:
    """Nothing was run, nothing was stopped that should not have been tried, and nothing of it became an element."""
    page = watched.page
    for frame in page.frames:
        if frame.url.startswith(watched.address) or frame == page.main_frame:
            assert frame.evaluate("window.told") == [], (stop, frame.url)
    assert page.evaluate(STRANGERS) == [], stop
    assert len(page.context.pages) == 1, stop
    assert watched.strangers == [], stop
    assert [error for error in watched.errors if not any(each in error for each in EXPECTED)] == [], stop


def until_told(page: Any) -> None:
    """Wait until something was run. Playwright's own waiting evaluates texts, which the policy of the pages forbids."""
    until = time.monotonic() + 20
    while not page.evaluate("window.told.length"):
        assert time.monotonic() < until, "nothing was run"
        page.wait_for_timeout(50)


@pytest.mark.parametrize("payload", PAYLOADS[1:4])
def test_what_became_markup_would_be_seen(browser: Any, hostile: tuple[str, Places], payload: str) -> None:
    with watching(browser, hostile[0]) as watched:
        watched.page.add_init_script(WATCH)
        page = watched.open("settings")
        page.locator(".settings-facts").wait_for()
        check(watched, "before")
        page.evaluate(
            "html => document.querySelector('main').insertAdjacentHTML('beforeend', `<p title='${html}'>x</p>${html}`)",
            payload,
        )
        page.locator("main > p").last.dispatch_event("mouseover")
        until_told(page)
        with pytest.raises(AssertionError):
            check(watched, "after")
        assert page.evaluate(STRANGERS) != []


def test_nothing_that_was_logged_is_run(browser: Any, hostile: tuple[str, Places]) -> None:
    address, places = hostile
    with watching(browser, address) as watched:
        opened: list[str] = []
        watched.page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
        watched.page.add_init_script(WATCH)
        stops = []
        for stop in Way(watched.page, address, places).stops():
            # Everything that is pointed at may show a tip, and everything that has the focus a ring.
            for place in watched.page.locator("main [title]:visible, .dialog [title]:visible").all()[:12]:
                place.dispatch_event("mouseover")
            check(watched, stop)
            stops.append(stop)
        assert opened == []
        assert len(stops) >= 40, stops


def test_nothing_in_an_address_is_run(browser: Any, hostile: tuple[str, Places]) -> None:
    address, places = hostile
    with watching(browser, address) as watched:
        watched.page.add_init_script(WATCH)
        for payload in PAYLOADS:
            evil = quote(payload, safe="")
            for path in (
                f"e/{evil}",
                f"e/{places.experiment}?q={evil}&sort={evil}&col=p:{evil}&group=p:{evil}&v={evil}&c.x=m:{evil}&c.find={evil}",
                f"r/{places.runs[0]}/artifacts?path={evil}",
                f"compare?runs={evil}&base={evil}&q={evil}",
                f"models/{evil}",
                f"?q={evil}&show={evil}",
                f"{evil}#{evil}",
            ):
                watched.page.goto(f"{address}/{path}")
                watched.page.locator("main *").first.wait_for()
                check(watched, path)


def test_a_page_that_is_sent_runs_nothing(browser: Any, hostile: tuple[str, Places], tmp_path: Path) -> None:
    address, places = hostile
    file = tmp_path / "sent.html"
    with watching(browser, address) as watched:
        way = Way(watched.page, address, places)
        columns = "col=p:javascript:alert&col=p:__proto__&col=t:a.tag&col=t:mlflow.note.content"
        row = ".grid-row.body:not([hidden]) .run-name"
        way.open(f"e/{places.experiment}?c.pane=both&c.group=p:javascript:alert&c.draw=bands&{columns}", row)
        watched.page.locator(".chart canvas").first.wait_for()
        watched.page.locator(".toolbar .chip").first.click()
        items = watched.page.locator(".menu-item")
        items.first.wait_for()
        with watched.page.expect_download() as download:
            items.nth(items.count() - 2).click()
        download.value.save_as(file)
    text = file.read_text(encoding="utf-8")
    assert "canary()" in text
    context = browser.new_context()
    # Even without the policy in its head: what is escaped needs none.
    bare = tmp_path / "bare.html"
    head, _, rest = text.partition("<meta http-equiv")
    bare.write_text(head + rest.partition(">")[2], encoding="utf-8")
    for each in (file, bare):
        page = context.new_page()
        page.add_init_script(WATCH)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))  # noqa: B023
        page.goto(each.as_uri())
        page.locator("tbody tr").first.wait_for()
        for cell in page.locator("td, th, figure").all():
            cell.dispatch_event("mouseover")
        assert page.evaluate("window.told") == []
        strangers = [found for found in page.evaluate(STRANGERS) if not found.startswith("<style>:root")]
        assert strangers == []
        assert page.locator("table").is_visible()
        assert len(asked) == 1
        assert os.path.basename(asked[0]) == each.name
    context.close()
