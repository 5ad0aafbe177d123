"""Every setting, command and option is in the docs, as the code has it; links between pages lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from millstream.cli.main import millstream as command_line
from millstream.values.settings import SETTINGS
from scripts import docs

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMANDS = list(docs.commands(command_line, click.Context(command_line, info_name="millstream")))


def test_generated_pages_are_fresh() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_page_out_of_date_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"head\n{docs.BEGIN}\nold\n{docs.END}\ntail\n", encoding="utf-8")
    assert docs.filled(page, "new") == f"head\n{docs.BEGIN}\n\nnew\n\n{docs.END}\ntail\n"


@pytest.mark.parametrize("item", SETTINGS, ids=lambda item: item.name)
def test_every_setting_is_documented(item: object) -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert f"`{getattr(item, 'variable')}`" in page  # noqa: B009


@pytest.mark.parametrize(("command", "context"), COMMANDS, ids=[context.command_path for _, context in COMMANDS])
def test_every_command_says_what_it_does(command: click.Command, context: click.Context) -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert f"### `{context.command_path}`" in page
    assert command.help, "a command without help"
    for param in command.params:
        if isinstance(param, click.Option) and not param.hidden:
            assert param.help, f"{param.opts[0]} has no help"
            assert param.opts[0] in page


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize("name", ["README", "docs/quickstart"])
def test_korean_pages_follow_the_english(name: str) -> None:
    """Same number of sections and the same code, so that neither language falls behind."""
    english, korean = ((ROOT / f"{name}{suffix}").read_text(encoding="utf-8") for suffix in (".md", ".ko.md"))
    headings = r"^(#+) "
    assert re.findall(headings, english, re.MULTILINE) == re.findall(headings, korean, re.MULTILINE)
    assert english.count("```") == korean.count("```")
