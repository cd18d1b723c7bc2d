# SPDX-License-Identifier: Apache-2.0
"""Two compute hosts on one network: each agent answers to its own host's name, and hands out its own host's devices."""

import contextlib
import uuid
from collections.abc import Iterator

import pytest
from oslo_config import cfg

from pcipt_agent.adapters.rpc_client import AgentClient, Unreachable
from tests.lab.calling import call
from tests.lab.claiming import claim, statuses
from tests.lab.network import Networked, together


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[Networked, ...]]:
    with together("small", ("one", "two")) as hosts:
        yield hosts


def test_they_reach_each_other(two: tuple[Networked, ...]) -> None:
    for here, there in (two, reversed(two)):
        assert " 0% packet loss" in here.host.run("busybox", "ping", "-c", "2", "-W", "10", there.address).stdout


def test_an_agent_answers_to_its_own_hosts_name_alone(two: tuple[Networked, ...]) -> None:
    one, other = (each.host for each in two)
    assert [call(one, "status")["host"], call(other, "status")["host"]] == ["one", "two"]
    refused = pytest.raises(Unreachable, match=r"no server for 'pcipt-agent' on 'two' here; .* serves pcipt-agent on one")
    with contextlib.closing(AgentClient(cfg.CONF, f"unix://{one.ssh.agent_socket}", other.name)) as client, refused:
        client.call("status", {})


def test_what_one_hands_out_is_the_others_still_to_have(two: tuple[Networked, ...]) -> None:
    one, other = (each.host for each in two)
    given = claim(one, {"alias": "vf"}, consumer=str(uuid.uuid4()))
    assert statuses(one, given.addresses) == dict.fromkeys(given.addresses, "claimed")
    assert statuses(other, given.addresses) == dict.fromkeys(given.addresses, "free")
