# SPDX-License-Identifier: Apache-2.0
"""Guests that were started behind the agent's back, and a libvirt that dies, comes back and talks oddly.

One agent and one libvirt daemon for all tests; each leaves no domain, and the daemon running.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.support.guests import TestDriverGuests
from tests.support.libvirtd import Libvirtd, libvirtd
from tests.support.living import (
    ACCELERATORS,
    UNLISTED,
    VARIANT,
    LivingHost,
    attention,
    await_status,
    claim,
    free,
    given,
    hostdevs,
    living_host,
    pcipt,
    status_of,
    why_not,
)
from tests.support.running import Agent, running_agent, until

ONE, TWO = "4dea22b3-1d52-4d62-ad8e-3a2f7e2d6f10", "7f2b0d1c-5d2c-4f70-8a77-1f6c7c1f0a22"


@dataclass(frozen=True, slots=True)
class Living:
    host: LivingHost
    agent: Agent
    daemon: Libvirtd


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with (
        libvirtd(tmp_path_factory.mktemp("libvirt")) as daemon,
        living_host() as host,
        running_agent(host.configuration(uri=daemon.uri)) as agent,
    ):
        yield Living(host, agent, daemon)


@pytest.fixture
def agent(living: Living) -> Agent:
    return living.agent


@pytest.fixture
def guests(living: Living) -> Iterator[TestDriverGuests]:
    with guests_of(living.daemon) as each:
        yield each


@contextmanager
def guests_of(daemon: Libvirtd) -> Iterator[TestDriverGuests]:
    each = TestDriverGuests(daemon.uri)
    try:
        yield each
    finally:
        each.leave()


@pytest.mark.parametrize("running", [True, False])
def test_what_a_domain_has_behind_the_agents_back_is_occupied_and_shown_with_its_name(
    agent: Agent, guests: TestDriverGuests, running: bool
) -> None:
    first = ACCELERATORS[0]
    guests.define(ONE, "behind", hostdevs(first))
    if running:
        guests.boot(ONE)
    await_status(agent, first, "occupied", words="behind")
    assert "behind" in why_not(claim(agent, "theirs", first))
    assert f"domain behind has what no claim holds: {first}" in attention(agent)["occupied"]
    assert "behind" in pcipt(agent, "devices", "--status", "occupied").stdout
    around = given(
        agent, f"around-{running}", requests=[{"alternatives": [{"vendor_id": "8086", "product_id": "37c8"}], "count": 3}]
    )
    assert {each["address"] for each in around} == set(ACCELERATORS[1:])
    free(agent, f"around-{running}")
    if running:
        guests.destroy(ONE)
    guests.undefine(ONE)
    await_status(agent, first, "free")
    assert "occupied" not in attention(agent)


def test_a_domain_that_has_what_is_claimed_is_none_behind_our_back(agent: Agent, guests: TestDriverGuests) -> None:
    given(agent, "guest-1", ACCELERATORS[1], consumer=ONE)
    guests.define(ONE, "guest-1", hostdevs(ACCELERATORS[1]))
    guests.define(TWO, "beside", hostdevs(UNLISTED))  # once this is seen, the other has been
    await_status(agent, UNLISTED, "occupied", words="beside")
    assert status_of(agent, ACCELERATORS[1])[0] == "claimed"
    assert "occupied" not in attention(agent), "what no rule lists is nobody's trouble"
    free(agent, "guest-1")


def test_a_claim_whose_domain_is_gone_is_shown_and_kept(agent: Agent, guests: TestDriverGuests) -> None:
    guests.define(ONE, "guest-2", hostdevs(ACCELERATORS[2]))
    guests.boot(ONE)
    await_status(agent, ACCELERATORS[2], "occupied")
    assert agent.call("adopt", domain="guest-2")["adopted"]
    (kept,) = agent.call("claims", consumer=ONE)["claims"]
    assert "domain-gone" not in attention(agent)
    guests.destroy(ONE)
    guests.undefine(ONE)
    until(lambda: "domain-gone" in attention(agent))
    assert kept["claim_id"] in attention(agent)["domain-gone"]
    assert status_of(agent, ACCELERATORS[2])[0] == "allocated"
    assert pcipt(agent, "status").returncode == 1
    free(agent, kept["claim_id"])


def test_a_managed_function_on_a_variant_driver_is_judged_by_the_version_that_libvirt_says(agent: Agent) -> None:
    version = agent.call("status")["libvirt"]["version"]
    reply = claim(agent, "variant", VARIANT)
    if tuple(int(part) for part in version.split(".")) < (10, 0, 0):
        assert f"libvirt {version} would bind vfio-pci in place of virtio_vfio_pci" in why_not(reply)
    else:
        (warning,) = reply["devices"][0]["warnings"]
        assert f"libvirt {version} binds the variant" in warning
    free(agent, "variant")


def test_xml_that_is_not_understood_is_said_once_and_costs_no_other_domain(agent: Agent, guests: TestDriverGuests) -> None:
    guests.define(ONE, "odd", "<interface type='vdpa'><source dev='vdpa0'/></interface>")
    until(lambda: "domain-not-understood" in attention(agent))
    assert "the XML of domain odd is not understood" in attention(agent)["domain-not-understood"]
    for address in ACCELERATORS[:3]:
        guests.define(TWO, "sound", hostdevs(address))
        await_status(agent, address, "occupied", words="sound")
    assert agent.log.count("domain odd ") == 1


def test_a_libvirt_that_dies_frees_nothing_and_is_followed_again_when_it_is_back(living: Living) -> None:
    agent = living.agent
    given(agent, "promised", ACCELERATORS[3])
    TestDriverGuests(living.daemon.uri).define(ONE, "behind", hostdevs(ACCELERATORS[0]))
    await_status(agent, ACCELERATORS[0], "occupied")
    living.daemon.kill()
    until(lambda: "libvirt-unreachable" in attention(agent))
    assert not agent.call("status")["libvirt"]["reachable"]
    assert "not reachable" in pcipt(agent, "status").stdout
    assert status_of(agent, ACCELERATORS[0])[0] == "occupied", "what was seen last stands"
    assert status_of(agent, ACCELERATORS[3])[0] == "claimed"
    given(agent, "without", ACCELERATORS[1])
    free(agent, "without")
    living.daemon.start()
    until(lambda: agent.call("status")["libvirt"]["reachable"])
    await_status(agent, ACCELERATORS[0], "free")
    with guests_of(living.daemon) as guests:
        guests.define(ONE, "anew", hostdevs(ACCELERATORS[2]))
        await_status(agent, ACCELERATORS[2], "occupied", words="anew")
    free(agent, "promised")
