"""What the built pages weigh, and that a page loads no scripts of another: imports of chunks are looked at."""

from __future__ import annotations

import re

import pytest

from millstream.server.static import PAGES

ASSETS = PAGES / "assets"
pytestmark = pytest.mark.skipif(not (PAGES / "index.html").is_file(), reason="the pages are not built: make ui")


def weight(name: str) -> int:
    return (ASSETS / f"{name}.gz").stat().st_size


def with_imports(name: str) -> set[str]:
    """A script and all that it imports before it runs."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        if (each := waiting.pop()) not in found:
            found.add(each)
            text = (ASSETS / each).read_text(encoding="utf-8")
            waiting += re.findall(r"""(?:\bfrom|\bimport)\s*["'`]\./([^"'`]+\.js)["'`]""", text)
    return found


def chunk(start: str) -> str:
    (found,) = (path.name for path in ASSETS.glob("*.js") if re.fullmatch(rf"{start}-.{{8}}\.js", path.name))
    return found


def first() -> set[str]:
    text = (PAGES / "index.html").read_text(encoding="utf-8")
    return set().union(*(with_imports(name) for name in re.findall(r'src="[^"]*assets/([^"]+\.js)"', text)))


def test_all_scripts_weigh_no_more_than_250_kb() -> None:
    assert sum(path.stat().st_size for path in ASSETS.glob("*.js.gz")) <= 250_000


def test_the_first_page_weighs_no_more_than_60_kb() -> None:
    names = first()
    assert names
    assert sum(map(weight, names)) <= 60_000


@pytest.mark.parametrize(
    ("page", "others"),
    [
        ("RunPage", ("Parquet", "TableView", "Prose", "text-", "tables", "media", "compare-", "models", "palette")),
        ("ExperimentsPage", ("charts", "base", "compare", "models", "palette", "dialogs")),
        ("models", ("charts", "compare-", "Prose", "media", "palette")),
        ("compare", ("charts", "Prose", "media", "models", "palette")),
        ("media", ("Parquet", "TableView", "Prose", "tables", "text-", "charts")),
    ],
)
def test_a_page_loads_no_scripts_of_another(page: str, others: tuple[str, ...]) -> None:
    loaded = with_imports(chunk(page))
    assert len(loaded) > 1
    assert [name for name in loaded for other in others if name.startswith(other)] == []
    # A name that no chunk has any more would look at nothing.
    assert [other for other in others if not any(path.name.startswith(other) for path in ASSETS.glob("*.js"))] == []
