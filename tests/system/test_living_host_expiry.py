# SPDX-License-Identifier: Apache-2.0
"""Claims that nobody allocates: which end by themselves, and which stay because somebody may have their devices.

One agent and one libvirt daemon for all tests, claims being overdue after a second.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.follower import following
from tests.support.guests import TestDriverGuests
from tests.support.libvirtd import Libvirtd, libvirtd
from tests.support.living import (
    ACCELERATORS,
    CONSUMER,
    ON_VFIO,
    ONE_TIME,
    LivingHost,
    attention,
    claim,
    free,
    given,
    hostdevs,
    living_host,
    pcipt,
    status_of,
)
from tests.support.running import Agent, running_agent, until

ONE, NEWS = "4dea22b3-1d52-4d62-ad8e-3a2f7e2d6f10", "7f2b0d1c-5d2c-4f70-8a77-1f6c7c1f0a22"
TIMEOUT_SECONDS = 1
HANG_IS_SEEN_SECONDS = 60.0
"""By the patience of who asks, or by keep-alive."""


@dataclass(frozen=True, slots=True)
class Living:
    host: LivingHost
    agent: Agent
    daemon: Libvirtd

    def make_overdue(self) -> None:
        """What is claimed by now is overdue, and that is looked at: libvirt has news."""
        time.sleep(TIMEOUT_SECONDS + 0.1)
        guests = TestDriverGuests(self.daemon.uri)
        guests.define(NEWS, "news", "")
        guests.undefine(NEWS)


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    timeout = f"claim_timeout = {TIMEOUT_SECONDS}\n"
    with (
        libvirtd(tmp_path_factory.mktemp("libvirt")) as daemon,
        living_host() as host,
        running_agent(host.configuration(uri=daemon.uri, agent=timeout)) as agent,
    ):
        yield Living(host, agent, daemon)


def stays(agent: Agent, claim_id: str) -> str:
    """Why the overdue claim does not end."""
    claims = agent.call("claims", claim_id=claim_id)["claims"]
    return " ".join(each["overdue"]["stays"] or "" for each in claims if each["overdue"])


def held(agent: Agent, claim_id: str) -> bool:
    return bool(agent.call("claims", claim_id=claim_id)["claims"])


def test_what_nobody_has_expires_and_that_is_logged_told_and_final(living: Living) -> None:
    agent = living.agent
    with following(agent.config_file) as follower:
        given(agent, "forgotten", ACCELERATORS[0], ONE_TIME)
        given(agent, "used", ACCELERATORS[1])
        agent.call("allocate", claim_id="used")
        living.make_overdue()
        follower.await_text(follower.out, "claim.expired")
        assert "claim_id forgotten" in next(line for line in follower.out.read_text().splitlines() if "claim.expired" in line)
    assert not held(agent, "forgotten")
    assert f"expired {ACCELERATORS[0]}, {ONE_TIME} of consumer {CONSUMER} (claim forgotten)" in agent.log
    assert claim(agent, "forgotten", ACCELERATORS[0], ONE_TIME)["code"] == "claim-ended"
    assert status_of(agent, ACCELERATORS[0])[0] == "free"
    assert status_of(agent, ONE_TIME)[0] == "dirty", "its XML was given, and nobody knows to whom"
    assert agent.call("clean", address=ONE_TIME)["changed"]
    (span,) = [each for each in agent.call("history", address=ACCELERATORS[0])["entries"] if each["claim_id"] == "forgotten"]
    assert span["ending"] == "expired"
    assert held(agent, "used"), "what is allocated does not expire"
    free(agent, "used")


def test_what_a_domain_names_stays_and_is_shown_until_the_domain_is_gone(living: Living) -> None:
    agent, guests = living.agent, TestDriverGuests(living.daemon.uri)
    given(agent, "named", ACCELERATORS[2])
    guests.define(ONE, "slow-starter", hostdevs(ACCELERATORS[2]))
    living.make_overdue()
    until(lambda: "overdue" in attention(agent))
    assert "claim named was not allocated in time" in attention(agent)["overdue"]
    why = f"{ACCELERATORS[2]} is named by domain slow-starter"
    until(lambda: why in stays(agent, "named"))
    assert pcipt(agent, "status").returncode == 1
    living.make_overdue()
    assert held(agent, "named")
    assert agent.log.count(f"claim named of consumer {CONSUMER} is overdue and stays: {why}") == 1
    guests.undefine(ONE)
    until(lambda: not held(agent, "named"))
    assert "overdue" not in attention(agent)


def test_what_a_process_has_open_stays_until_it_closes_it(living: Living) -> None:
    agent = living.agent
    descriptors = living.host.tree.root / "proc/4711/fd"
    for directory in (descriptors, living.host.tree.root / "proc/1/fd"):
        directory.mkdir(parents=True)
    (descriptors / "9").symlink_to(f"/dev/vfio/{living.host.device(ON_VFIO).iommu_group}")
    given(agent, "open", ON_VFIO)
    living.make_overdue()
    until(lambda: "process 4711 has it open" in stays(agent, "open"))
    assert held(agent, "open")
    (descriptors / "9").unlink()
    living.make_overdue()
    until(lambda: not held(agent, "open"))


def test_a_libvirt_that_hangs_is_said_to_and_frees_nothing_and_holds_neither_callers_nor_the_stop(living: Living) -> None:
    agent = living.agent
    TestDriverGuests(living.daemon.uri).define(ONE, "asks", "")  # so that there is something to look at
    living.daemon.hang()
    try:
        given(agent, "while-it-hangs", ACCELERATORS[3])
        until(lambda: "libvirt-unreachable" in attention(agent), HANG_IS_SEEN_SECONDS)
        until(lambda: "libvirt can't be asked who has its devices" in stays(agent, "while-it-hangs"))
        assert "claim while-it-hangs was not allocated in time" in attention(agent)["overdue"]
        assert any("libvirt not reachable" in each for each in told_after(agent))
        began = time.monotonic()
        agent.process.terminate()
        assert agent.process.wait(timeout=40) == 0, "1 is the end by force"
        assert time.monotonic() - began < 10
    finally:
        living.daemon.go_on()


def told_after(agent: Agent) -> list[str]:
    """What systemd is told of the state from now on, once."""
    before = len(agent.told)
    assert pcipt(agent, "reload").returncode == 0
    until(lambda: len(agent.told) > before)
    return list(agent.told[before:])
