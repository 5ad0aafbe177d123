"""Two servers behind nginx lose nothing and double nothing while one is killed and comes back and one is stopped."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.deploy.clients import Client, check, clients, wait_for_runs
from tests.deploy.fleet import Fleet


@pytest.mark.timeout(600)
def test_replicas_come_and_go_and_everything_is_there_once(fleet_of: Fleet) -> None:
    with closing(Client(fleet_of.port, "0", 0)) as reader:
        log_and_check(fleet_of, reader)


def log_and_check(fleet_of: Fleet, reader: Client) -> None:
    experiment = reader.post("experiments/create", name="함대")["experiment_id"]
    with clients(8, fleet_of.port, experiment) as at_work:
        wait_for_runs(at_work, 2)
        fleet_of.kill(0)
        wait_for_runs(at_work, 2)
        fleet_of.start(0)
        wait_for_runs(at_work, 2)
        assert fleet_of.stop(1) == 0
        wait_for_runs(at_work, 2)
        fleet_of.start(1)
        wait_for_runs(at_work, 1)
    assert not [failure for client in at_work for failure in client.failures]
    check(reader, experiment, [run for client in at_work for run in client.logged])
    # Both took part, and requests of the one that died were sent to the other by nginx: else nothing was shown here.
    asked = fleet_of.asked()
    answered = [fleet_of.number_of(line["replica"]) for line in asked if "," not in line["replica"]]
    assert min(answered.count(0), answered.count(1)) > len(answered) / 5
    assert any("," in line["replica"] and line["status"] == 200 for line in asked)
