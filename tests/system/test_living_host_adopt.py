# SPDX-License-Identifier: Apache-2.0
"""Guests that are older than the agent's memory: it came after them, or its journal was lost under them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.guests import TestDriverGuests
from tests.support.libvirtd import libvirtd
from tests.support.living import (
    ACCELERATORS,
    UNLISTED,
    LivingHost,
    attention,
    claim,
    given,
    hostdevs,
    living_host,
    pcipt,
    status_of,
    why_not,
)
from tests.support.running import Agent, running_agent, until

ONE, TWO, THREE = (f"4dea22b3-1d52-4d62-ad8e-3a2f7e2d6f1{number}" for number in range(3))
FIRST, SECOND, THIRD, FOURTH = ACCELERATORS


@dataclass(frozen=True, slots=True)
class Older:
    """`one` runs with two devices and `two` is defined with one, all that before any agent."""

    host: LivingHost
    uri: str
    guests: TestDriverGuests


@pytest.fixture
def older(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Older]:
    with libvirtd(tmp_path_factory.mktemp("libvirt")) as daemon, living_host() as host:
        guests = TestDriverGuests(daemon.uri)
        guests.define(ONE, "one", hostdevs(FIRST, UNLISTED))
        guests.boot(ONE)
        guests.define(TWO, "two", hostdevs(SECOND))
        yield Older(host, daemon.uri, guests)


def holders(agent: Agent) -> dict[str, str]:
    """Address → the consumer of the allocated claim that has it."""
    claims = agent.call("claims", state="allocated")["claims"]
    return {device["address"]: each["consumer"] for each in claims for device in each["devices"]}


def test_an_agent_that_came_later_adopts_what_guests_have_and_once(older: Older) -> None:
    with running_agent(older.host.configuration(uri=older.uri)) as agent:
        assert status_of(agent, FIRST)[0] == "occupied"
        assert agent.log.index("libvirt can be asked") < agent.log.index("serving at"), "it is known before the first claim"
        assert "domain one" in why_not(claim(agent, "theirs", FIRST))
        dry = json.loads(pcipt(agent, "adopt", "--dry-run", "--format", "json").stdout)
        assert [(each["domain"], each["claim_id"]) for each in dry["adopted"]] == [("one", None), ("two", None)]
        assert holders(agent) == {}
        alone = json.loads(pcipt(agent, "adopt", "two", "--format", "json").stdout)
        assert [each["addresses"] for each in alone["adopted"]] == [[SECOND]]
        done = pcipt(agent, "adopt")
        assert done.returncode == 0
        assert f"{UNLISTED} (unlisted)" in done.stdout
        assert holders(agent) == {FIRST: ONE, UNLISTED: ONE, SECOND: TWO}
        assert status_of(agent, UNLISTED)[0] == "unlisted"
        assert "nothing to adopt" in pcipt(agent, "adopt").stdout
        assert "occupied" not in attention(agent)
        unknown = pcipt(agent, "adopt", "nobody")
        assert (unknown.returncode, "libvirt has no domain 'nobody'" in unknown.stderr) == (1, True)
        agent.kill()
    with running_agent(agent.config_file) as again:
        assert holders(again) == {FIRST: ONE, UNLISTED: ONE, SECOND: TWO}
        (span,) = again.call("history", address=FIRST)["entries"]
        assert (span["consumer"], span["adopted_from"], span["until"]) == (ONE, "one", None)


def test_a_lost_journal_under_running_guests_is_made_good_by_adopting(older: Older) -> None:
    config_file = older.host.configuration(uri=older.uri)
    with running_agent(config_file) as agent:
        agent.call("adopt")
        before = holders(agent)
    older.host.lose_journal()
    with running_agent(config_file) as agent:
        assert agent.call("claims")["claims"] == []
        assert "occupied" in attention(agent)
        assert "domain one" in why_not(claim(agent, "anew", FIRST)), "nothing is promised twice meanwhile"
        assert pcipt(agent, "adopt").returncode == 0
        assert holders(agent) == before


def test_a_device_that_is_claimed_stays_with_its_claim_and_the_rest_is_adopted(older: Older) -> None:
    with running_agent(older.host.configuration(uri=older.uri)) as agent:
        given(agent, "promised", THIRD)
        older.guests.define(THREE, "three", hostdevs(THIRD, FOURTH))
        until(lambda: status_of(agent, FOURTH)[0] == "occupied")
        reply = agent.call("adopt", domain="three")
        assert [each["addresses"] for each in reply["adopted"]] == [[FOURTH]]
        (left,) = reply["left"]
        assert (left["address"], "promised" in left["why"]) == (THIRD, True)
        (kept,) = agent.call("claims", claim_id="promised")["claims"]
        assert (kept["state"], [each["address"] for each in kept["devices"]]) == ("claimed", [THIRD])
