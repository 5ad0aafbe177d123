"""A request that is sent again has one effect, whichever of two servers behind nginx it meets."""

from __future__ import annotations

import uuid

import pytest

from tests.deploy.fleet import Fleet
from tests.server.faulty import GONE, TWICE, ask, proxy_before
from tests.server.test_once import API, CHANGES, World, undisturbed


@pytest.fixture
def fleet(fleet_of: Fleet) -> Fleet:
    for number in range(10):  # ids of experiments that are no other word of an answer
        status, answer = ask(fleet_of.port, "POST", f"{API}experiments/create", b'{"name": "e%d"}' % number, {})
        assert status == 200, answer
    return fleet_of


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [TWICE])
def test_with_a_key(fleet: Fleet, mode: str) -> None:
    with proxy_before(fleet.port) as proxy:
        for method, route in CHANGES:
            expected = undisturbed(fleet, str(fleet.port), method, route)
            with World(fleet) as world:
                request = world.request(method, route)
                key = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
                proxy.fault = mode
                status, answer = ask(proxy.port, *request, key)
                assert status == 200, (route.path, answer)
                assert set(proxy.deliver_late()) <= {200}, route.path
                assert world.state() == expected, route.path


TRIES = 3


@pytest.mark.timeout(600)
def test_without_a_key_whose_sender_is_gone(fleet: Fleet) -> None:
    with proxy_before(fleet.port) as proxy:
        for method, route in CHANGES:
            expected = undisturbed(fleet, str(fleet.port), method, route)
            # A server that answers before nginx has told it that the sender is gone cannot know: on a busy machine
            # that happens now and then, without what is tested here nearly always.
            outcomes = []
            while not outcomes or (outcomes[-1] != (200, expected) and len(outcomes) < TRIES):
                with World(fleet) as world:
                    proxy.fault = GONE
                    status, _ = ask(proxy.port, *world.request(method, route), {})
                    outcomes.append((status, world.state()))
            assert outcomes[-1] == (200, expected), (route.path, outcomes)
