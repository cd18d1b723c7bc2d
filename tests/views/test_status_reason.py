# SPDX-License-Identifier: Apache-2.0
"""Why a device has its status: the clause is of the status that is shown."""

from dataclasses import replace

from pcipt_agent.core.device import Device, DeviceType, HostUse, HostUseKind
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.core.spec import Tags
from pcipt_agent.core.upkeep import Disable
from pcipt_agent.views.status_reason import company_of, disabled_by, reason_of, warnings_of
from tests.support.planned import (
    allocated,
    at,
    claimed,
    domain,
    entry,
    freed,
    host,
    inventory,
    obey,
    pci,
    rules,
    sriov,
    wanting,
    wish,
)

ONE_TIME = rules(entry(1, tags=Tags(one_time_use=True)))


def why(current: Inventory, address: str = "3b:00.0") -> tuple[DeviceStatus | None, str | None]:
    return current.status(at(address)), reason_of(current, at(address))


def disabled(current: Inventory, address: str | None, reason: str) -> Inventory:
    place = None if address is None else at(address)
    return obey(current, Disable(address=place, reason=reason, at=3.0, by="uid 0"))


def used(device: Device) -> Device:
    return replace(device, host_uses=(HostUse(HostUseKind.MOUNTED, "sda1 is mounted at /"),))


def test_a_free_or_held_device_needs_no_reason() -> None:
    current = inventory(host(pci("3b:00.0")))
    assert why(current) == (DeviceStatus.FREE, None)
    held = claimed(current, "c1", wish(wanting(1)))
    assert why(held) == (DeviceStatus.CLAIMED, None)
    assert why(allocated(held, "c1")) == (DeviceStatus.ALLOCATED, None)
    assert reason_of(current, at("ff:00.0")) is None


def test_an_occupied_device_names_its_domains_even_where_it_is_unready_too() -> None:
    seen = inventory(host(used(pci("3b:00.0"))), domains=[domain("vm1", "3b:00.0"), domain("vm2", "3b:00.0", running=False)])
    assert why(seen) == (DeviceStatus.OCCUPIED, "domains vm1 (running), vm2 (defined) have it")
    alone = inventory(host(pci("3b:00.0")), domains=[domain("vm1", "3b:00.0")])
    assert why(alone) == (DeviceStatus.OCCUPIED, "domain vm1 (running) has it")


def test_a_device_that_the_host_uses_says_for_what() -> None:
    status, clause = why(inventory(host(used(pci("3b:00.0")))))
    assert status is DeviceStatus.USED_BY_HOST
    assert "sda1 is mounted at /" in str(clause)


def test_a_dirty_device_names_its_last_claim() -> None:
    before = claimed(inventory(host(pci("3b:00.0")), ONE_TIME), "c1", wish(wanting(1)))
    assert why(freed(before, "c1")) == (DeviceStatus.DIRTY, f"since claim c1 of consumer {wish().consumer} ended")


def test_a_disabled_device_says_why_and_of_what_it_was_said() -> None:
    current = inventory(host(*sriov("3b:00.0", vfs=1)))
    own = disabled(current, "3b:00.0", "loud")
    assert why(own) == (DeviceStatus.DISABLED, "loud")
    assert why(own, "3b:00.1") == (DeviceStatus.DISABLED, "its PF 0000:3b:00.0 is disabled: loud")
    both = disabled(own, None, "upgrade")
    assert why(both) == (DeviceStatus.DISABLED, "the host is disabled: upgrade")
    assert [each.reason for each in disabled_by(both, both.catalogue.host.devices[at("3b:00.1")])] == ["loud", "upgrade"]
    assert disabled_by(current, current.catalogue.host.devices[at("3b:00.1")]) == ()


def test_a_blocked_pf_says_what_each_of_its_vfs_is() -> None:
    machine = host(*sriov("3b:00.0", vfs=3))
    held = claimed(inventory(machine, ONE_TIME, domains=[domain("vm1", "3b:00.3")]), "c1", wish(wanting(1, DeviceType.VF)))
    dirty = freed(held, "c1")
    both = claimed(dirty, "c2", wish(wanting(1, DeviceType.VF)))
    assert why(held) == (DeviceStatus.BLOCKED, "its relatives 0000:3b:00.1, 0000:3b:00.3 are claimed or occupied")
    assert why(both) == (
        DeviceStatus.BLOCKED,
        "its relatives 0000:3b:00.1, 0000:3b:00.2, 0000:3b:00.3 are claimed or dirty or occupied",
    )


def test_a_device_whose_iommu_group_is_another_guest_s_names_who_is_there() -> None:
    pair = [replace(pci(address), iommu_group=7, driver="vfio-pci", vfio_driver=True) for address in ("3b:00.0", "3c:00.0")]
    current = inventory(host(*pair), domains=[domain("vm1", "3c:00.0")])
    status, clause = why(current)
    assert status is DeviceStatus.BLOCKED
    assert "0000:3c:00.0" in str(clause)
    assert company_of(current, at("3b:00.0")) == (at("3c:00.0"),)


def test_only_listed_devices_that_are_here_have_warnings() -> None:
    machine = host(
        replace(pci("3b:00.0"), driver="nvidia-vgpu", vfio_driver=True), replace(pci("3c:00.0"), driver="v", vfio_driver=True)
    )
    current = inventory(machine, rules(entry(1, address="3b:00.0")))
    assert len(warnings_of(current, at("3b:00.0"))) == 1
    assert warnings_of(current, at("3c:00.0")) == []
    assert warnings_of(current, at("ff:00.0")) == []


def test_company_that_the_same_consumer_has_is_no_warning() -> None:
    bound = replace(pci("3b:00.1"), iommu_group=7, driver="snd_hda_intel")
    current = inventory(host(replace(pci("3b:00.0"), iommu_group=7), bound))
    alone = claimed(current, "c1", wish(wanting(2)))
    assert [warnings_of(alone, address) for address in (at("3b:00.0"), at("3b:00.1"))] == [[], []]
    assert "snd_hda_intel" in "".join(warnings_of(current, at("3b:00.0")))
