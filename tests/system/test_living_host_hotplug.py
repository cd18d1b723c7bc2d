# SPDX-License-Identifier: Apache-2.0
"""Functions come, go and change under a running agent, which is never started anew to see it.

One agent for all tests; each leaves the tree as it was.
"""

import shutil
from collections.abc import Iterator

import pytest

from tests.support.living import (
    ACCELERATORS,
    CONSUMER,
    PF,
    VFS,
    LivingHost,
    at,
    attention,
    await_status,
    claim,
    free,
    given,
    living_host,
    pcipt,
    status_of,
    why_not,
)
from tests.support.running import Agent, running_agent, until


@pytest.fixture(scope="module")
def living() -> Iterator[tuple[LivingHost, Agent]]:
    with living_host() as host, running_agent(host.configuration()) as agent:
        yield host, agent


def test_vfs_that_go_and_come_are_seen_without_a_restart(living: tuple[LivingHost, Agent]) -> None:
    host, agent = living
    pf = host.device(PF)
    host.tree.set_num_vfs(pf, ())
    until(lambda: all(status_of(agent, each) == ("", "") for each in VFS))
    assert not any(each in why_not(claim(agent, "vf-none", requests=[{"alias": "vf"}])) for each in VFS)
    host.tree.set_num_vfs(pf, host.vfs())
    until(lambda: all(status_of(agent, each)[0] == "free" for each in VFS))
    (device,) = given(agent, "vf-1", requests=[{"alias": "vf"}])
    assert device["address"] in VFS
    free(agent, "vf-1")
    for each in VFS:
        assert f"{each} departed: " in agent.log


def test_a_pf_that_has_some_of_its_vfs_is_settling_and_the_rest_of_the_host_is_not(living: tuple[LivingHost, Agent]) -> None:
    host, agent = living
    pf = host.device(PF)
    host.tree.set_num_vfs(pf, host.vfs()[:3])
    host.tree.write(pf.address, "sriov_numvfs", content=b"4\n")
    await_status(agent, VFS[0], "settling", words="3 of 4 VFs are here")
    assert "3 of 4 VFs are here" in why_not(claim(agent, "half", requests=[{"alias": "vf"}]))
    assert "3 of 4 VFs are here" in pcipt(agent, "explain", "device", VFS[1]).stdout
    assert given(agent, "beside", ACCELERATORS[0])
    free(agent, "beside")
    host.tree.plug(host.vfs()[3])
    await_status(agent, VFS[0], "free")
    assert given(agent, "whole", VFS[3])
    free(agent, "whole")


def test_claimed_vfs_whose_pf_goes_are_lost_and_can_be_freed_or_waited_for(living: tuple[LivingHost, Agent]) -> None:
    host, agent = living
    assert given(agent, "held", VFS[1])
    assert given(agent, "given-up", VFS[2])
    for each in (*VFS, PF):
        host.tree.unplug(at(each))
    until(lambda: status_of(agent, PF) == ("", "") and [status_of(agent, each)[0] for each in VFS[1:3]] == ["lost", "lost"])
    assert "claims given-up, held hold a device that is no longer on the host" in attention(agent)["lost"]
    assert pcipt(agent, "status").returncode == 1
    (kept,) = agent.call("claims", claim_id="held")["claims"]
    assert (kept["consumer"], kept["devices"][0]["status"]) == (CONSUMER, "lost")
    assert claim(agent, "held", VFS[1])["changed"] is False, "the same claim is answered alike"
    free(agent, "given-up")
    assert status_of(agent, VFS[2]) == ("", "")
    for each in (PF, *VFS):
        host.tree.plug(host.device(each))
    await_status(agent, VFS[2], "free")
    assert status_of(agent, VFS[1])[0] == "claimed"
    assert "lost" not in attention(agent)
    assert "claimed" in why_not(claim(agent, "other", VFS[1]))
    free(agent, "held")
    assert status_of(agent, VFS[1])[0] == "free"


def test_other_hardware_at_a_held_address_is_said_and_is_its_consumers_still(living: tuple[LivingHost, Agent]) -> None:
    host, agent = living
    assert given(agent, "card", ACCELERATORS[1])
    address = at(ACCELERATORS[1])
    host.tree.write(address, "device", content=b"0x37c9\n")
    until(lambda: "fingerprint-differs" in attention(agent))
    assert "claim card holds an address at which there is other hardware now" in attention(agent)["fingerprint-differs"]
    assert status_of(agent, ACCELERATORS[1])[0] == "claimed"
    host.tree.write(address, "device", content=b"0x37c8\n")
    until(lambda: "fingerprint-differs" not in attention(agent))
    free(agent, "card")


def test_a_function_whose_interface_gets_an_address_is_not_handed_out_from_then_on(living: tuple[LivingHost, Agent]) -> None:
    host, agent = living
    assert status_of(agent, VFS[3])[0] == "free"
    host.tree.used.add_address("ens1f0v3", "192.0.2.7/24")
    await_status(agent, VFS[3], "used-by-host", words="ens1f0v3 has 192.0.2.7")
    assert "ens1f0v3 has 192.0.2.7" in why_not(claim(agent, "mine", VFS[3]))
    devices = given(agent, "rest", requests=[{"alias": "vf", "count": 3}])
    assert {each["address"] for each in devices} == set(VFS[:3]), "the other VFs of its PF are given as ever"
    free(agent, "rest")
    shutil.rmtree(host.tree.root / "proc/net")
    await_status(agent, VFS[3], "free")


def test_a_host_that_can_not_be_read_is_taken_to_be_as_it_was_and_the_log_says_it_once(living: tuple[LivingHost, Agent]) -> None:
    host, agent = living
    boot_id = host.tree.root / "proc/sys/kernel/random/boot_id"
    before, said = boot_id.read_text(), "the host can't be read, so it is taken to be as it was"
    boot_id.unlink()
    until(lambda: "scan-failed" in attention(agent))
    first = agent.call("status")["scan"]["failure"]["at"]
    until(lambda: agent.call("status")["scan"]["failure"]["at"] > first)
    assert given(agent, "meanwhile", ACCELERATORS[0])
    free(agent, "meanwhile")
    boot_id.write_text(before)
    until(lambda: "scan-failed" not in attention(agent))
    assert agent.log.count(said) == 1
    assert "the host can be read again" in agent.log
