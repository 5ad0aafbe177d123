"""Options that several commands share, and the store they work on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from millstream.cli.progress import progress_bar
from millstream.formats.filters import Vocabulary, parse_filter, parse_order
from millstream.values.entities import Experiment, ViewType
from millstream.values.errors import InvalidValue, MillstreamError
from millstream.values.names import MAX_RESULTS
from millstream.values.queries import DescribeStore, GetExperiment, GetExperimentByName, SearchExperiments

if TYPE_CHECKING:
    from millstream.stores.base import Store

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
view_option = click.option(
    "-v",
    "--view",
    type=click.Choice(ViewType.NAMES, case_sensitive=False),
    default="ACTIVE_ONLY",
    show_default=True,
    help="Which life-cycle stages to show.",
)


def checked(check: Callable[[str], object]) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A callback for an option or argument: its value, a usage error when `check` finds that it cannot be read."""

    def callback(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
        for text in value if isinstance(value, tuple) else (value,):
            if text is not None:
                try:
                    check(text)
                except InvalidValue as error:
                    raise click.BadParameter(error.message, context, parameter) from error
                except MillstreamError as error:
                    raise click.ClickException(error.message) from error
        return value

    return callback


def filter_option(vocabulary: Vocabulary) -> Callable[[Command], Command]:
    """Add `--filter`, a search in the words of `vocabulary`."""
    check = checked(lambda text: parse_filter(text, vocabulary))
    return click.option(
        "--filter", "filter_text", default="", metavar="TEXT", callback=check, help="Only those that match."
    )


def order_option(vocabulary: Vocabulary) -> Callable[[Command], Command]:
    """Add `--order-by`, any number of keys of `vocabulary`."""
    check = checked(lambda text: parse_order((text,), vocabulary))
    given = "Sort by; may be given several times."
    return click.option("--order-by", "order_by", multiple=True, metavar="KEY [ASC|DESC]", callback=check, help=given)


def check_uri(uri: str) -> None:
    """Raise InvalidValue when `uri` can name no store; one that is not there is none of that."""
    from millstream.stores.found import find_store

    find_store(uri)


def view_number(view: str) -> int:
    """The view type that the option's word stands for."""
    return ViewType.NAMES.index(view.upper()) + 1


def one_experiment(command: Command) -> Command:
    """Add `-x/--experiment-id` and `-n/--experiment-name`, to be read by `find_experiment`."""
    command = click.option("-n", "--experiment-name", "name", help="Name of the experiment.")(command)
    return click.option("-x", "--experiment-id", "experiment_id", help="Id of the experiment.")(command)


def find_experiment(store: Store, experiment_id: str | None, name: str | None) -> Experiment:
    """The experiment with this id or this name; a usage error unless exactly one of them is given."""
    if (experiment_id is None) == (name is None):
        raise click.UsageError("Give either --experiment-id or --experiment-name.")
    if experiment_id is not None:
        return store.read(GetExperiment(experiment_id=experiment_id))
    return store.read(GetExperimentByName(name=name or ""))


def search_experiments(
    store: Store, view: int, filter_text: str = "", order_by: Sequence[str] = (), max_results: int | None = None
) -> list[Experiment]:
    """Matching experiments, all of them unless `max_results` is given."""
    found: list[Experiment] = []
    token = None
    while max_results is None or len(found) < max_results:
        wanted = MAX_RESULTS if max_results is None else min(MAX_RESULTS, max_results - len(found))
        page = store.read(
            SearchExperiments(
                view=view, filter=filter_text, order_by=tuple(order_by), max_results=wanted, page_token=token
            )
        )
        found += page
        token = page.token
        if token is None:
            break
    return found


def open_store(uri: str | None = None, what: str = "") -> Store:
    """The store for a tracking URI; see `millstream.stores.open`. Imported when it is needed: help is not.

    NotSupported for a server when `what` is to be done, which only works beside the store. While it reads a large
    directory for the first time, a person at the terminal sees how far it is.
    """
    from millstream.stores.embedded import EmbeddedStore
    from millstream.stores.open import find_store, on_this_side, open_store

    if what:
        on_this_side(find_store(uri), what)
    store = open_store(uri)
    if isinstance(store, EmbeddedStore):
        store.progress = progress_bar("Reading")
    return store


def note_gaps(store: Store, uri: str | None = None) -> None:
    """Say on stderr what a list does not: that there is no store yet, or that damaged runs are left out of all lists.

    `uri` is the one that `store` was opened with.
    """
    from millstream.stores.open import find_store

    facts = store.read(DescribeStore())
    if not facts.exists:
        click.echo(f"There is no store at {facts.location} yet ({find_store(uri).how}).", err=True)
    if facts.left_out:
        one = facts.left_out == 1
        what = "1 run or experiment" if one else f"{facts.left_out} runs or experiments"
        verb, them = ("is", "it") if one else ("are", "them")
        said = f"warning: {what} cannot be read and {verb} left out; `millstream doctor --check` names {them}."
        click.echo(said, err=True)


__all__ = [
    "Command",
    "check_uri",
    "checked",
    "filter_option",
    "find_experiment",
    "json_option",
    "note_gaps",
    "one_experiment",
    "open_store",
    "order_option",
    "search_experiments",
    "view_number",
    "view_option",
]
