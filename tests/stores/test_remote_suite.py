"""The remote store keeps what every store promises, as far as requests of MLflow's interface can say it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import pytest

from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.remote import RemoteStore
from millstream.values import ops
from millstream.values.servers import ServerUri
from tests.remotes import Served, clock
from tests.stores.suite import StoreSuite
from tests.stores.suites.change_feeds import ChangeFeedSuite

T = TypeVar("T")


UNSAID = {
    "what is brought with its ids and times, is moved, measured or removed for good is so where the store is": """
        a_run_is_as_it_was a_run_that_is_there_is_not_made_again what_is_new_is_added
        points_are_added_only_to_what_the_writer_has_seen a_deleted_run_and_experiment_come_as_such
        a_taken_name_or_id_is_refused an_id_is_chosen_when_none_is_given a_run_of_no_experiment_is_refused
        a_logged_model_is_as_it_was a_logged_model_that_is_there_is_not_made_again
        what_is_new_is_added_to_a_logged_model a_logged_model_of_a_deleted_experiment_comes
        rules_hold_for_logged_models_from_elsewhere a_registered_model_is_as_it_was more_comes_to_a_registered_model
        a_registered_model_that_is_there_is_not_made_again rules_hold_for_what_comes_from_elsewhere
        a_purged_run_is_gone_with_its_artifacts_and_as_large_as_was_said a_run_id_that_was_purged_can_be_used_again
        only_what_is_deleted_can_be_purged age_counts_from_the_deletion
        a_purged_experiment_takes_its_runs_along_and_frees_its_name artifacts_that_are_not_the_runs_alone_are_kept
        a_moved_run_is_whole_in_its_new_experiment a_move_that_cannot_be_leaves_everything
        space_is_that_of_runs_and_experiments
        a_purged_model_is_gone_with_its_artifacts_and_as_large_as_was_said the_id_of_a_purged_model_can_be_used_again
        only_deleted_models_can_be_purged artifacts_that_are_not_the_models_alone_are_kept
        models_take_up_space_of_their_own the_default_experiment_comes_back_for_what_goes_there
        before_the_first_experiment_comes_the_default_one""",
    "what somebody may see is the server's to say, by who logs in": """
        lists_and_counts_know_only_what_is_seen lists_know_only_of_models_that_are_seen
        searches_know_only_what_is_seen nobody_is_told_of_what_he_may_not_know""",
    "the server makes the ids of experiments and logged models": """
        a_chosen_id_and_location_are_kept a_new_model_is_there_whole""",
    "the server says who registers a version": "versions_are_numbered_and_there_whole",
    "a reply does not tell an empty description from none": "descriptions_change",
    "a server takes no version whose files lie nowhere": "prompts_are_shown_when_they_are_asked_for",
    "what was carried out under a key is the server's to know": """
        what_was_done_under_a_key_is_known_and_what_was_refused_is_not""",
    "addresses are signed by servers": "addresses_of_files_on_this_machine_are_not_signed",
}
REASONS = {f"test_{name}": reason for reason, names in UNSAID.items() for name in names.split()}
REASONS |= {
    name: "a server tells of changes itself, in a stream" for name in dir(ChangeFeedSuite) if name[:5] == "test_"
}


def test_what_cannot_be_said_is_in_the_suite() -> None:
    assert [name for name in REASONS if not hasattr(StoreSuite, name)] == []


@pytest.fixture(autouse=True)
def unsaid(request: pytest.FixtureRequest) -> None:
    """A test of what cannot be said must fail: when it does not, it is time to take it from the list."""
    reason = REASONS.get(request.node.originalname)
    if reason and request.cls is not None:
        request.node.add_marker(pytest.mark.xfail(reason=reason, strict=True))


class Timed(RemoteStore):
    """Times are the server's. Here they are what the op says, so that the suite can say what they are."""

    clock: Any

    def write(self, op: ops.Op[T]) -> T:
        self.clock.now = getattr(op, "time", None)
        return super().write(op)


@pytest.fixture
def remote(served: Served) -> Iterator[Callable[[Any], RemoteStore]]:
    """Makes a client of a server of a store."""
    with clock() as time:

        def make(store: Any) -> RemoteStore:
            served.serve(store)
            made.append(Timed(ServerUri.parse(served.address)))
            made[-1].clock = time
            return made[-1]

        made: list[Timed] = []
        yield make
        for store in made:
            store.close()


class TestDirectory(StoreSuite):
    """Of a server of a directory."""

    @pytest.fixture
    def store(self, remote: Callable[[Any], RemoteStore], open_tree: Callable[[], EmbeddedStore]) -> RemoteStore:
        return remote(open_tree())


@pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)
class TestDatabase(StoreSuite):
    """Of a server of a database."""

    @pytest.fixture
    def store(self, remote: Callable[[Any], RemoteStore], open_database: Callable[[], DatabaseStore]) -> RemoteStore:
        return remote(open_database())
