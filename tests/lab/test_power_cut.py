# SPDX-License-Identifier: Apache-2.0
"""The power of the whole host is cut under load, a card is changed while it is off, and it is switched on again.

A host of its own, booted twice; the tests look at what the second boot is like. A guest starts by itself with it: one with a VF
that is made and bound at boot, so it can start only if all came in the right order.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.lab.callers import Account, Callers, broken_promises
from tests.lab.calling import call
from tests.lab.claiming import GivenDevices, claim, driver_of
from tests.lab.guests import HOLDER, Guest
from tests.lab.hardware import SMALL_CHANGED
from tests.lab.host import LabHost, booted
from tests.lab.installed import install
from tests.lab.killing import started_at
from tests.lab.recording import body, recorded
from tests.lab.waiting import await_equal
from tests.machine import CHECKOUT


@dataclass(frozen=True, slots=True)
class Rebooted:
    """The host, and what was promised before its power was cut."""

    host: LabHost
    captured: str
    """What it said of its devices at its first boot."""
    accounts: Mapping[str, Account]
    guest: Guest
    with_guest: GivenDevices
    last: GivenDevices
    """Acknowledged a moment before the cut."""
    changed: GivenDevices
    """Of the card that is another one now."""


@pytest.fixture(scope="module")
def rebooted() -> Iterator[Rebooted]:
    with booted("small", name="cut") as host:
        install(host)
        captured = recorded(host)
        consumer = str(uuid.uuid4())
        with_guest = claim(host, {"address": host.vfs("nic1")[0]}, consumer=consumer)
        guest = Guest.define(host, "begins-with-the-host", with_guest.xml, uuid=consumer, shape=HOLDER)
        host.run("virsh", "autostart", guest.name)
        call(host, "allocate", claim_id=with_guest.claim_id)
        changed = claim(host, {"address": host.address("nic0")}, consumer=str(uuid.uuid4()))
        with Callers(host, {"requests": [{"alias": "nvme-vf"}]}, patience_seconds=10.0) as callers:
            callers.await_acknowledged(12)
            last = claim(host, {"address": host.vfs("nic1")[1]}, consumer=str(uuid.uuid4()))
            host.power_cut()
            callers.end()
        assert callers.wrong == []
        host.plug = replace(host.plug, machine=SMALL_CHANGED.name)
        host.start()
        await_equal(lambda: started_at(host) is not None, True, seconds=300)
        yield Rebooted(host, captured, callers.accounts, guest, with_guest, last, changed)


def test_the_machine_was_as_it_was_recorded(rebooted: Rebooted) -> None:
    assert body(rebooted.captured) == body((CHECKOUT / "tests/hosts/lab-small.host").read_text())


def test_every_acknowledged_claim_is_there_and_none_is_doubled(rebooted: Rebooted) -> None:
    assert sum(account.freed for account in rebooted.accounts.values()) > 0
    assert broken_promises(rebooted.accounts, rebooted.host) == []
    (last,) = claims(rebooted, rebooted.last)
    assert [each["address"] for each in last["devices"]] == list(rebooted.last.addresses)
    (claimed,) = claims(rebooted, rebooted.with_guest)
    assert (claimed["state"], [each["address"] for each in claimed["devices"]]) == (
        "allocated",
        list(rebooted.with_guest.addresses),
    )


def test_hardware_that_is_the_same_is_known_again_and_the_card_that_is_not_is_flagged(rebooted: Rebooted) -> None:
    differing = {
        claim["claim_id"] for claim in call(rebooted.host, "claims")["claims"] if claim["devices"][0]["fingerprint_differs"]
    }
    assert differing == {rebooted.changed.claim_id}
    (seen,) = claims(rebooted, rebooted.changed)
    assert {"vendor_id", "product_id"} <= set(seen["devices"][0]["fingerprint_differs"])
    (attention,) = (each for each in call(rebooted.host, "status")["attention"] if each["code"] == "fingerprint-differs")
    assert rebooted.changed.claim_id in attention["what"]


def test_vfs_and_drivers_come_before_the_agent_and_the_agent_before_libvirt_which_starts_guests(rebooted: Rebooted) -> None:
    host, (address,) = rebooted.host, rebooted.with_guest.addresses
    await_equal(rebooted.guest.is_running, True, seconds=120)
    assert driver_of(host, address) == "vfio-pci"
    show = "systemctl show -P {} {}"
    times = {
        "VFs and drivers": show.format("ExecMainExitTimestampMonotonic", "pcipt-devices.service"),
        "agent begins": show.format("ExecMainStartTimestampMonotonic", "pcipt-agent.service"),
        "agent ready": show.format("ActiveEnterTimestampMonotonic", "pcipt-agent.service"),
        "libvirt begins": show.format("ExecMainStartTimestampMonotonic", "libvirtd.service"),
    }
    said = [int(each) for each in host.shell("\n".join(times.values())).split()]
    assert all(said), dict(zip(times, said, strict=True))
    assert said == sorted(said), dict(zip(times, said, strict=True))


def test_what_devices_conf_can_not_do_on_the_changed_card_does_not_hold_up_the_rest(rebooted: Rebooted) -> None:
    host = rebooted.host
    said = host.run("journalctl", "-u", "pcipt-devices.service", "-b", "-o", "cat").stdout
    assert f"{rebooted.changed.addresses[0]}" in said
    assert "it has no SR-IOV" in said
    assert (len(host.vfs("nic1")), len(host.vfs("nvme0"))) == (4, 4)
    assert call(host, "claim", claim_id="after", consumer=str(uuid.uuid4()), requests=[{"alias": "nvme-vf"}])["devices"]


def claims(rebooted: Rebooted, given: GivenDevices) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(rebooted.host, "claims", claim_id=given.claim_id)["claims"]
    return found
