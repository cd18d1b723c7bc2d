# SPDX-License-Identifier: Apache-2.0
"""What operators say and ask: one-time use, disable, history, the watchdog; and that kill -9 forgets none of it.

No libvirt here, but where a test brings its own.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.follower import following
from tests.support.guests import TestDriverGuests
from tests.support.libvirtd import libvirtd
from tests.support.living import (
    ACCELERATORS,
    CONSUMER,
    ONE_TIME,
    PF,
    VFS,
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

WATCHDOG_SECONDS = 2.0
GUEST = "4dea22b3-1d52-4d62-ad8e-3a2f7e2d6f10"
ANY_ACCELERATOR = [{"alternatives": [{"vendor_id": "8086", "product_id": "37c8"}]}]


@pytest.fixture
def host() -> Iterator[LivingHost]:
    with living_host() as each:
        yield each


def test_what_operators_said_survives_kill_9(host: LivingHost) -> None:
    with running_agent(host.configuration()) as agent:
        given(agent, "once", ONE_TIME)
        agent.call("allocate", claim_id="once")
        freed = agent.call("free", claim_id="once", unused=True)
        assert (freed["dirty"], freed["unused_doubted"] is not None) == ([ONE_TIME], True)
        for place in (ACCELERATORS[0], PF, "--host"):
            assert pcipt(agent, "disable", place, "--reason", f"ticket for {place}").returncode == 0
        agent.kill()
    with running_agent(agent.config_file) as agent:
        assert "the host is disabled: ticket for --host" in json.dumps(claim(agent, "no", ACCELERATORS[1]))
        assert agent.call("pools")["disabled"]["reason"] == "ticket for --host"
        assert {pool["free"] for pool in agent.call("pools")["pools"]} == {0}
        assert pcipt(agent, "enable", "--host").returncode == 0
        assert f"ticket for {ACCELERATORS[0]}" in why_not(claim(agent, "no-1", ACCELERATORS[0]))
        assert f"ticket for {PF}" in why_not(claim(agent, "no-2", VFS[0])), "a PF takes its VFs with it"
        assert status_of(agent, ONE_TIME)[0] == "dirty"
        assert "dirty" in why_not(claim(agent, "no-3", ONE_TIME))
        assert ONE_TIME in attention(agent)["dirty"]
        assert given(agent, "fine", requests=ANY_ACCELERATOR)[0]["address"] == ACCELERATORS[1], "the first is passed over"
        assert pcipt(agent, "clean", ONE_TIME).returncode == 0
        assert given(agent, "again", ONE_TIME)
        for place in (ACCELERATORS[0], PF):
            assert pcipt(agent, "enable", place).returncode == 0
        assert status_of(agent, VFS[0])[0] == status_of(agent, ACCELERATORS[0])[0] == "free"
        agent.kill()
    with running_agent(agent.config_file) as agent:
        told = agent.call("history", address=ONE_TIME)["entries"]
        what = [each.get("claim_id") or f"{each['address']} {each['what']}" for each in told]
        assert what == ["again", f"{ONE_TIME} cleaned", "None enabled", "None disabled", "once"], "the host's are a device's too"
        assert told[0]["until"] is None
        assert (told[-1]["consumer"], told[-1]["ending"], told[-1]["dirty"]) == (CONSUMER, "freed", True)
        assert "uid" in told[-1]["claimed_by"]


def test_unused_is_believed_where_libvirt_was_watched_and_showed_nothing(host: LivingHost, tmp_path: Path) -> None:
    with libvirtd(tmp_path) as daemon, running_agent(host.configuration(uri=daemon.uri)) as agent:
        given(agent, "never-started", ONE_TIME)
        free(agent, "never-started", unused=True)
        assert status_of(agent, ONE_TIME)[0] == "free"
        given(agent, "started", ONE_TIME, consumer=GUEST)
        guests = TestDriverGuests(daemon.uri)
        guests.create(GUEST, "g", hostdevs(ONE_TIME))
        guests.destroy(GUEST)
        guests.define(GUEST, "later", hostdevs(ACCELERATORS[0]))  # once this is seen, the news of the other have come
        await_status(agent, ACCELERATORS[0], "occupied")
        done = pcipt(agent, "free", "started", "--unused")
        assert done.returncode == 0
        assert status_of(agent, ONE_TIME)[0] == "dirty"
        assert pcipt(agent, "clean", ONE_TIME).returncode == 0


def test_history_is_kept_through_a_compaction_and_a_restart(host: LivingHost) -> None:
    first = ACCELERATORS[0]
    with running_agent(host.configuration()) as agent:
        given(agent, "first", first)
        free(agent, "first")
        for number in range(510):
            given(agent, f"many-{number}", ACCELERATORS[1])
            free(agent, f"many-{number}")
        until(lambda: "the journal is compacted" in agent.log)
        assert agent.call("status")["journal"]["records"] < 1000
        assert [each["claim_id"] for each in agent.call("history", address=first)["entries"]] == ["first"]
        agent.kill()
    with running_agent(agent.config_file) as agent:
        assert [each["claim_id"] for each in agent.call("history", address=first)["entries"]] == ["first"]
        whole = agent.call("history", consumer=CONSUMER, limit=1000)
        assert (len(whole["entries"]), whole["more"]) == (511, False)
        assert "first" in pcipt(agent, "history", first).stdout


def test_the_watchdog_is_fed_in_time_and_systemd_sees_the_state(host: LivingHost) -> None:
    with running_agent(host.configuration(), WATCHDOG_USEC=str(int(WATCHDOG_SECONDS * 1e6))) as agent:
        assert "18 devices, 0 claims" in next(each for each in agent.told if "READY=1" in each)
        given(agent, "one", ACCELERATORS[0])
        for _ in range(2):
            since = time.monotonic()
            await_beat(agent, len(beats(agent)) + 1)
            assert time.monotonic() - since < WATCHDOG_SECONDS
        assert "18 devices, 1 claim" in beats(agent)[-1]
        refused = pcipt(agent, "adopt")
        assert (refused.returncode, "libvirt can't be asked" in refused.stderr) == (1, True)
        assert pcipt(agent, "status").returncode == 1, "without libvirt something needs attention"


def test_who_follows_hears_of_devices_claims_and_operators_in_order(host: LivingHost) -> None:
    with running_agent(host.configuration()) as agent, following(agent.config_file, "--format", "json") as follower:
        agent.call("disable", address=ACCELERATORS[0], reason="fan")
        host.tree.set_num_vfs(host.device(PF), ())
        follower.await_text(follower.out, "pcipt.device.departed")
        given(agent, "c1", ACCELERATORS[1])
        follower.await_text(follower.out, "pcipt.claim.claimed")
        told = [json.loads(line)["event_type"] for line in follower.out.read_text().splitlines()]
    assert told[0] == "pcipt.device.disabled"
    assert told[-1] == "pcipt.claim.claimed"
    assert told.count("pcipt.device.departed") == len(VFS)


def test_an_agent_with_nothing_wrong_says_so_and_exits_with_0(host: LivingHost, tmp_path: Path) -> None:
    with libvirtd(tmp_path) as daemon, running_agent(host.configuration(uri=daemon.uri)) as agent:
        status = pcipt(agent, "status")
        assert (status.returncode, "all is well" in status.stdout) == (0, True), status.stdout
        TestDriverGuests(daemon.uri).define(GUEST, "behind", hostdevs(ACCELERATORS[0]))
        await_status(agent, ACCELERATORS[0], "occupied")
        status = pcipt(agent, "status")
        assert (status.returncode, "domain behind has what no claim holds" in status.stdout) == (1, True)
        doctor = json.loads(pcipt(agent, "doctor", "--format", "json").stdout)["findings"]
        assert any("behind" in each["seen"] and each["mend"] for each in doctor)
    gone = pcipt(agent, "status", "--timeout", "1")
    assert gone.returncode == 3


def await_beat(agent: Agent, number: int) -> None:
    until(lambda: len(beats(agent)) >= number)


def beats(agent: Agent) -> list[str]:
    return [each for each in agent.told if "WATCHDOG=1" in each]
