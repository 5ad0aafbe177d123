"""`millstream db`."""

from __future__ import annotations

import click

from millstream.cli.options import json_option, open_store
from millstream.cli.output import echo_json
from millstream.values.databases import hidden
from millstream.values.errors import NotSupported
from millstream.values.queries import DescribeStore


@click.group()
def db() -> None:
    """Rebuild the index."""


@db.command()
@json_option
def reindex(as_json: bool) -> None:
    """Read the whole mlruns directory again into a new index; the directory itself is not changed."""
    from millstream.stores.embedded import EmbeddedStore

    store = open_store()
    if not isinstance(store, EmbeddedStore):
        raise NotSupported(f"The store {hidden(store.uri)} has no index to rebuild.")
    if not store.read(DescribeStore()).exists:
        raise click.ClickException(f"There is no mlruns directory at {store.root}; nothing to index.")
    store.reindex()
    facts = store.read(DescribeStore())
    if as_json:
        echo_json(facts)
        return
    click.echo(f"Indexed {facts.experiments} experiments and {facts.runs} runs of {facts.location}.")
    if facts.problems:
        click.echo(f"{len(facts.problems)} problems; `millstream doctor` lists them.", err=True)
