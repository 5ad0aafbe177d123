"""Axe over every page, dialog and menu: nothing serious or critical, in both themes, both languages, and on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.everywhere import Places, Way, fill
from tests.journeys.pages import DESK, PHONE, in_browser, serving, watching

pytest.importorskip("playwright.sync_api", reason="the Python package playwright is not installed")
AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
pytestmark = [*in_browser, pytest.mark.skipif(not AXE.is_file(), reason="axe is not installed: npm ci in ui/")]

LOOK = """async () => {
  const found = await axe.run(document, { resultTypes: ['violations'], iframes: false });
  const grave = found.violations.filter(each => ['serious', 'critical'].includes(each.impact));
  return grave.flatMap(each => each.nodes.map(node => {
    const why = [...node.any, ...node.all, ...node.none].map(check => check.message).join(' ');
    return `${each.impact} ${each.id}: ${node.target.join(' ')}  ${node.html.slice(0, 160)}  ${why.slice(0, 200)}`;
  }));
}"""


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Places]]:
    folder = tmp_path_factory.mktemp("axe")
    scratch = folder / "files"
    scratch.mkdir()
    places = fill(folder / "mlruns", lambda word: f"{word} 한글", scratch)
    with serving(folder / "mlruns") as address:
        yield address, places


@pytest.mark.parametrize(
    ("scheme", "language", "size"),
    [("light", "en-US", DESK), ("dark", "ko-KR", DESK), ("dark", "en-US", PHONE), ("light", "ko-KR", PHONE)],
    ids=["light", "dark and Korean", "dark on a phone", "light and Korean on a phone"],
)
def test_nothing_serious(browser: Any, filled: tuple[str, Places], scheme: str, language: str, size: Any) -> None:
    address, places = filled
    source = AXE.read_text(encoding="utf-8")
    found: dict[str, list[str]] = {}
    stops = 0
    options = {"color_scheme": scheme, "locale": language, "viewport": size, "reduced_motion": "reduce"}
    with watching(browser, address, **options) as watched:
        for stop in Way(watched.page, address, places).stops():
            stops += 1
            if not watched.page.evaluate("typeof axe === 'object'"):
                watched.page.evaluate(source)
            if wrong := watched.page.evaluate(LOOK):
                found[stop] = wrong
            width = watched.page.evaluate("document.documentElement.scrollWidth")
            assert width <= size["width"], (stop, width)
    assert stops >= 40
    assert found == {}, "\n".join(f"{stop}: {line}" for stop, lines in found.items() for line in lines)
