# SPDX-License-Identifier: Apache-2.0
"""Guests and claims that don't fit: a guest that nobody claimed for, a claim whose guest has gone, a claim that is overdue.

What the agent knows of guests it has from libvirt, and of other programs that hold a device from the kernel alone: it may not look
into their descriptors, so it can't say whose they are.
"""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.lab.calling import call
from tests.lab.claiming import claim, status_of
from tests.lab.guests import HOLDER, Guest
from tests.lab.host import LabHost
from tests.lab.installed import CONFIGURATION
from tests.lab.waiting import await_equal

LIBVIRT = "libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"
BY_HAND = "qemu-system-x86_64 -nodefaults -display none -S -m 64 -daemonize -pidfile {pidfile} -device vfio-pci,host={address}"
"""A virtual machine that libvirt knows nothing of. It is stopped from the start: it is enough that it holds the device."""


def on_node(node: int) -> Mapping[str, Any]:
    """What asks for a VF of the one card there."""
    return {"requests": [{"alias": "vf", "numa_policy": "required"}], "numa_nodes": [node]}


def without_a_claim(host: LabHost, wish: Mapping[str, Any], consumer: str) -> tuple[str, str]:
    """The address that a claim would get now, and its XML; nobody gets it."""
    reply = call(host, "claim", claim_id=str(uuid.uuid4()), consumer=consumer, dry_run=True, **wish)
    (device,) = reply["devices"]
    return device["address"], device["xml"]


def shown(host: LabHost, address: str) -> Mapping[str, Any]:
    device: Mapping[str, Any] = call(host, "explain_device", address=address)["device"]
    return device


def attention(host: LabHost) -> Mapping[str, str]:
    """What an operator should look at: code → the sentence."""
    return {each["code"]: each["what"] for each in call(host, "status")["attention"]}


def claims(host: LabHost) -> Mapping[str, Mapping[str, Any]]:
    return {each["claim_id"]: each for each in call(host, "claims")["claims"]}


def stays(host: LabHost) -> Mapping[str, str | None]:
    """Overdue claim → why it does not expire."""
    return {name: each["overdue"]["stays"] for name, each in claims(host).items() if each["overdue"]}


def test_a_guest_behind_the_agent_s_back_occupies_its_device_which_is_shown_with_the_guest_s_name(host: LabHost) -> None:
    consumer = str(uuid.uuid4())
    address, xml = without_a_claim(host, on_node(0), consumer)
    pf = host.address("nic0")
    stranger = Guest.create(host, "stranger", xml, uuid=consumer, shape=HOLDER)
    await_equal(lambda: status_of(host, address), "occupied")

    device = shown(host, address)
    assert device["occupied_by"] == ["stranger"]
    assert device["domains"] == [{"name": "stranger", "uuid": consumer, "running": True}]
    assert (status_of(host, pf), shown(host, pf)["blocked_by"]) == ("blocked", [address])
    assert "stranger" in attention(host)["occupied"]
    assert address in attention(host)["occupied"]
    for taken, why in ((address, "stranger"), (pf, f"blocked by {address}")):
        refusal = call(host, "claim", claim_id="mine", consumer=str(uuid.uuid4()), requests=[{"address": taken}])
        assert refusal["code"] == "no-devices"
        assert why in str(refusal["funnel"])
    page = host.pcipt("devices", check=True).stdout
    assert any("stranger" in line for line in page.splitlines() if address in line), page

    stranger.destroy()
    await_equal(lambda: (status_of(host, address), status_of(host, pf)), ("free", "free"))
    assert "occupied" not in attention(host)


def test_a_guest_that_is_off_has_its_device_as_one_that_runs(host: LabHost) -> None:
    consumer = str(uuid.uuid4())
    address, xml = without_a_claim(host, on_node(3), consumer)
    sleeper = Guest.define(host, "sleeper", xml, uuid=consumer, shape=HOLDER)
    await_equal(lambda: status_of(host, address), "occupied")
    assert shown(host, address)["domains"] == [{"name": "sleeper", "uuid": consumer, "running": False}]
    sleeper.undefine()
    await_equal(lambda: status_of(host, address), "free")


def test_a_claim_whose_guest_has_gone_is_shown_and_stays(host: LabHost) -> None:
    consumer = str(uuid.uuid4())
    given = claim(host, *on_node(0)["requests"], consumer=consumer, numa_nodes=[0])
    guest = Guest.create(host, "goer", given.xml, uuid=consumer, shape=HOLDER)
    assert call(host, "allocate", claim_id=given.claim_id)["state"] == "allocated"
    await_equal(lambda: claims(host)[given.claim_id]["domain_gone"], False)
    guest.destroy()
    await_equal(lambda: claims(host)[given.claim_id]["domain_gone"], True)
    assert given.claim_id in attention(host)["domain-gone"]
    assert status_of(host, given.addresses[0]) == "allocated"
    assert f"pcipt free {given.claim_id}" in host.pcipt("status").stdout


@pytest.fixture
def by_hand(host: LabHost) -> Iterator[Callable[[str], str]]:
    """Starts a virtual machine past libvirt that has the device, and says its process; all of them end with the test."""
    pids: list[str] = []

    def start(address: str) -> str:
        pidfile = f"/run/by-hand-{address}"
        host.run("sh", "-c", f"{BY_HAND.format(pidfile=pidfile, address=address)}")
        pids.append(host.read(pidfile).strip())
        return pids[-1]

    yield start
    host.run("sh", "-c", f"kill {' '.join(pids)} 2> /dev/null || :")


def test_expiry_frees_no_device_that_a_guest_or_another_program_holds_or_that_nobody_can_ask_about(
    host: LabHost, by_hand: Callable[[str], str]
) -> None:
    held = {name: str(uuid.uuid4()) for name in ("by-a-guest", "by-hand", "by-nobody", "unasked")}

    def claimed(name: str, node: int) -> tuple[str, str]:
        reply = call(host, "claim", claim_id=name, consumer=held[name], **on_node(node))
        return reply["devices"][0]["address"], reply["devices"][0]["xml"]

    of_guest, xml = claimed("by-a-guest", 0)
    of_hand, _ = claimed("by-hand", 1)
    claimed("by-nobody", 3)
    guest = Guest.create(host, "late", xml, uuid=held["by-a-guest"], shape=HOLDER)
    machine = by_hand(of_hand)  # ends last: while any guest has vfio-pci nobody can tell which of its devices are open

    configuration = host.read(CONFIGURATION)
    host.write(CONFIGURATION, f"{configuration}\n[agent]\nclaim_timeout = 1\n")
    assert call(host, "reload")["options"] == ["[agent] claim_timeout"]
    await_equal(lambda: set(claims(host)), {"by-a-guest", "by-hand"})
    assert stays(host)["by-a-guest"] == f"{of_guest} is named by domain late"
    assert "process" in (stays(host)["by-hand"] or "")
    assert "by-hand" in attention(host)["overdue"]

    host.shell(f"systemctl stop {LIBVIRT}")
    await_equal(lambda: call(host, "status")["libvirt"]["reachable"], False)
    claimed("unasked", 3)
    await_equal(lambda: "libvirt" in (stays(host).get("unasked") or ""), True)
    assert set(claims(host)) == {"by-a-guest", "by-hand", "unasked"}

    host.shell("systemctl start libvirtd.service")
    await_equal(lambda: set(claims(host)), {"by-a-guest", "by-hand"}, seconds=90)
    guest.destroy()
    await_equal(lambda: set(claims(host)), {"by-hand"})
    host.run("kill", machine)
    await_equal(lambda: set(claims(host)), set())
    assert (status_of(host, of_guest), status_of(host, of_hand)) == ("free", "free")
