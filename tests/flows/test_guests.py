# SPDX-License-Identifier: Apache-2.0
"""What domains hold reaches the ledger, and what an operator should know of it is said once."""

import logging

import pytest

from pcipt_agent.core.device import Device, DeviceType, VdpaDevice
from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.flows.claiming import claim
from pcipt_agent.flows.guests import Guests, held_open
from pcipt_agent.ports import Held, NotHeld, Unknown
from tests.support.guests import MemoryGuests, hostdev_xml
from tests.support.ledgers import CONSUMER, memory_ledger, small_host, wanted
from tests.support.planned import at, host, pci
from tests.support.ports import SteppingClock

ONE, TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
PLAIN = at("3b:00.0")
NODE = "/dev/vhost-vdpa-0"


def said(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """What `flows.guests` has logged since it was asked last."""
    lines = [(record.levelname, record.message) for record in caplog.records if record.name == "pcipt_agent.flows.guests"]
    caplog.clear()
    return lines


def test_a_device_that_a_domain_names_is_occupied_until_it_does_not_and_both_are_said_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    ledger, _ = memory_ledger()
    libvirt = MemoryGuests(SteppingClock())
    guests = Guests(ledger, libvirt)
    libvirt.start()
    libvirt.define(ONE, "g1", hostdev_xml(PLAIN) + hostdev_xml(at("aa:00.0")))
    for _ in range(3):
        guests.look(0)
    assert ledger.inventory.status(PLAIN) is DeviceStatus.OCCUPIED
    assert said(caplog) == [("INFO", "libvirt can be asked"), ("WARNING", "device 0000:3b:00.0 is occupied by domain g1")]
    libvirt.undefine(ONE)
    for _ in range(3):
        guests.look(0)
    assert ledger.inventory.status(PLAIN) is not DeviceStatus.OCCUPIED
    assert said(caplog) == [("INFO", "device 0000:3b:00.0 is not occupied any more")]


def test_a_device_of_a_claim_is_not_occupied(caplog: pytest.LogCaptureFixture) -> None:
    ledger, _ = memory_ledger()
    claim(ledger, wanted("c1"))
    (held,) = ledger.inventory.book.claims["c1"].held
    libvirt = MemoryGuests(SteppingClock())
    libvirt.start()
    libvirt.define(str(CONSUMER), "g1", hostdev_xml(held.address))
    Guests(ledger, libvirt).look(0)
    assert said(caplog) == []


def test_a_libvirt_that_can_not_be_asked_is_said_once_and_nothing_becomes_free(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ledger, _ = memory_ledger()
    libvirt = MemoryGuests(SteppingClock())
    guests = Guests(ledger, libvirt)
    guests.look(0)
    assert said(caplog) == []
    libvirt.start()
    libvirt.define(ONE, "g1", hostdev_xml(PLAIN))
    guests.look(0)
    said(caplog)
    for problem in ("it hangs", "it hangs", "it is gone"):
        libvirt.break_off(problem)
        guests.look(0)
    assert ledger.inventory.status(PLAIN) is DeviceStatus.OCCUPIED
    assert not ledger.inventory.hypervisor.reachable
    libvirt.start()
    guests.look(0)
    assert said(caplog) == [
        ("WARNING", "libvirt can't be asked: it hangs; nothing is freed by itself"),
        ("WARNING", "libvirt can't be asked: it is gone; nothing is freed by itself"),
        ("INFO", "libvirt can be asked again"),
    ]


def test_a_domain_that_can_not_be_understood_is_said_once_and_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    ledger, _ = memory_ledger()
    libvirt = MemoryGuests(SteppingClock())
    guests = Guests(ledger, libvirt)
    libvirt.start()
    libvirt.define(ONE, "g1", "<hostdev type='pci'/>")
    libvirt.define(TWO, "g2", hostdev_xml(PLAIN))
    for _ in range(2):
        guests.look(0)
    assert said(caplog) == [
        ("WARNING", f"domain g1 ({ONE}) can't be understood: line 1: <hostdev> names no address"),
        ("WARNING", "device 0000:3b:00.0 is occupied by domain g2"),
    ]


def test_a_vdpa_device_that_was_shown_by_its_node_was_shown_by_its_function() -> None:
    vdpa = VdpaDevice("vdpa0", "net", "vhost_vdpa", NODE)
    over = Device(address=at("5e:00.1"), device_type=DeviceType.VDPA, vendor_id="15b3", product_id="101e", vdpa=(vdpa,))
    ledger, _ = memory_ledger(host(pci("3b:00.0"), over))
    libvirt = MemoryGuests(SteppingClock())
    libvirt.start()
    libvirt.define(ONE, "g1", f"<interface type='vdpa'><source dev='{NODE}'/></interface>")
    Guests(ledger, libvirt).look(0)
    seen = ledger.inventory.hypervisor
    assert seen.watched_since is not None
    assert not seen.surely_unused_since(at("5e:00.1"), seen.watched_since)
    assert seen.surely_unused_since(at("3b:00.0"), seen.watched_since)


class Told:
    """A `ports.ProcessReader` that says what it is told to."""

    def __init__(self, answer: Held | NotHeld | Unknown) -> None:
        self._answer = answer

    def holding(self, _device: Device) -> Held | NotHeld | Unknown:
        return self._answer


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (NotHeld(), None),
        (Held((42, 7)), "process 42, 7 has it open"),
        (Unknown("no /proc"), "nobody can tell whether a process has it open: no /proc"),
    ],
)
def test_why_a_device_may_be_open_is_a_clause(answer: Held | NotHeld | Unknown, why: str | None) -> None:
    device = next(iter(small_host().devices.values()))
    assert held_open(Told(answer), device) == why
