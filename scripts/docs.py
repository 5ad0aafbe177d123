"""Write the generated parts of the docs: the settings table and the command reference.

With --check nothing is written; the exit code is 1 when a page is not what it would be made to be.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from millstream.cli.main import millstream as command_line
from millstream.values.settings import SETTINGS

DOCS = Path(__file__).resolve().parent.parent / "docs"
BEGIN = "<!-- made by `make docs` from here -->"
END = "<!-- to here -->"


def settings_table() -> str:
    """Every setting, one row each."""
    rows = ["| variable | also honoured | type | default | meaning |", "|---|---|---|---|---|"]
    for item in SETTINGS:
        also = f"`{item.mlflow}`" if item.mlflow else ""
        default = "" if item.default is None else f"`{item.default}`"
        rows.append(f"| `{item.variable}` | {also} | {item.kind.__name__} | {default} | {escape(item.help)} |")
    return "\n".join(rows)


def escape(text: str) -> str:
    """Text that stays inside its cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """The command and all below it, depth first, hidden ones left out."""
    yield command, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from commands(child, click.Context(child, info_name=name, parent=context))


def command_reference() -> str:
    """Every command with its arguments and options."""
    root = click.Context(command_line, info_name="millstream")
    parts: list[str] = []
    for command, context in commands(command_line, root):
        pieces = " ".join(command.collect_usage_pieces(context))
        parts.append(f"### `{context.command_path}`\n\n```\n{context.command_path} {pieces}\n```\n")
        if command.help:
            parts.append(paragraphs(command.help) + "\n")
        records = [record for param in command.get_params(context) if (record := param.get_help_record(context))]
        shown = [record for record in records if record[1] and not record[0].startswith("--help")]
        if shown:
            rows = [f"| `{escape(name)}` | {escape(text)} |" for name, text in shown]
            parts.append("| option | meaning |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts).rstrip()


def paragraphs(text: str) -> str:
    """A command's help as Markdown: its paragraphs, without click's layout marks."""
    blocks = text.replace("\b", "").split("\n\n")
    return "\n\n".join(" ".join(block.split()) for block in blocks if block.strip())


def filled(page: Path, part: str) -> str:
    """The page's text with `part` between its marks."""
    text = page.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{page}: the marks {BEGIN!r} and {END!r} are missing.")
    return f"{before}{BEGIN}\n\n{part}\n\n{END}{after}"


def main() -> None:
    """Write every generated part, or check it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a page is out of date")
    check = parser.parse_args().check
    stale: list[str] = []
    for page, make in {"settings.md": settings_table, "cli.md": command_reference}.items():
        path = DOCS / page
        wanted = filled(path, make())
        if wanted != path.read_text(encoding="utf-8"):
            stale.append(page)
            if not check:
                path.write_text(wanted, encoding="utf-8")
    print(f"docs: {', '.join(stale) or 'nothing'} {'out of date' if check else 'written'}", file=sys.stderr)
    if check and stale:
        sys.exit("Run `make docs` and commit what it wrote.")


if __name__ == "__main__":
    main()
