# SPDX-License-Identifier: Apache-2.0
"""Devices as answers."""

from dataclasses import replace

import pytest

from pcipt_agent.core.device import Device, DeviceType, Fault, FaultKind, HostUse, HostUseKind, Link, Netdev, VdpaDevice
from pcipt_agent.core.inventory import DeviceStatus, Inventory
from pcipt_agent.core.spec import Tags
from pcipt_agent.core.upkeep import Disable
from pcipt_agent.errors import BadRequest, DeviceUnknown
from pcipt_agent.views.device_answers import device_part, devices_reply, explain_device_reply
from pcipt_agent.views.facts import facts_part
from pcipt_agent.views.wire import DevicesPayload, ExplainDevicePayload
from pcipt_agent.views.wire_devices import FactsPart, TagsPart
from pcipt_agent.views.wire_replies import FingerprintPart
from tests.support.planned import at, claimed, domain, entry, freed, host, inventory, obey, pci, rules, sriov, wanting, wish

FULL = Device(
    address=at("3b:00.0"),
    device_type=DeviceType.VDPA,
    vendor_id="15b3",
    product_id="101e",
    subsystem_vendor_id="15b3",
    subsystem_product_id="0083",
    class_code=0x020000,
    revision=1,
    driver="mlx5_core",
    driver_override="vfio-pci",
    numa_node=1,
    iommu_group=12,
    parent=at("3a:00.0"),
    vf_number=3,
    netdevs=(Netdev("ens1", "aa:bb:cc:dd:ee:ff"),),
    serial="SN1",
    serial_unknown=None,
    reset_methods=("flr", "bus"),
    link=Link(8.0, 8, 16.0, 16),
    vdpa=(VdpaDevice("vdpa0", "net", "vhost_vdpa", "/dev/vhost-vdpa-0"),),
    faults=(Fault(FaultKind.MISSING_FILE, "class"),),
)


def part_of(current: Inventory, address: str) -> dict[str, object]:
    return device_part(current, at(address)).model_dump(mode="json")


def test_every_fact_of_a_device_is_answered() -> None:
    """Each field of Device has a place: in the device's own part, or among its facts."""
    beside = {"address", "device_type", *FingerprintPart.model_fields}
    assert set(Device.__dataclass_fields__) == (set(FactsPart.model_fields) | beside) - {"socket", "iommu_group_members"}


def test_facts_are_in_the_kernels_own_terms() -> None:
    part = part_of(inventory(host(FULL)), "3b:00.0")
    assert part["facts"] == {
        "class_code": "020000",
        "revision": "01",
        "driver": "mlx5_core",
        "driver_override": "vfio-pci",
        "numa_node": 1,
        "socket": 1,
        "iommu_group": 12,
        "iommu_group_members": ["0000:3b:00.0"],
        "sriov": None,
        "netdevs": [{"name": "ens1", "mac": "aa:bb:cc:dd:ee:ff"}],
        "serial_unknown": None,
        "reset_methods": ["flr", "bus"],
        "link": {"speed": 8.0, "width": 8, "max_speed": 16.0, "max_width": 16},
        "vdpa": [{"name": "vdpa0", "vdpa_class": "net", "driver": "vhost_vdpa", "node": "/dev/vhost-vdpa-0"}],
        "vfio_driver": False,
        "host_uses": [],
        "faults": [{"kind": "missing-file", "detail": "class"}],
    }
    assert [part[name] for name in ("parent", "vf_number", "serial", "subsystem_product_id")] == ["0000:3a:00.0", 3, "SN1", "0083"]


def test_what_the_host_does_not_tell_is_null() -> None:
    facts = facts_part(replace(pci("3b:00.0", numa_node=None), iommu_group=None), host())
    assert (facts.numa_node, facts.socket, facts.iommu_group, facts.iommu_group_members) == (None, None, None, [])
    assert (facts.class_code, facts.revision, facts.link) == (None, None, None)


def test_a_free_device_says_which_entry_matched_and_its_tags() -> None:
    tags = Tags(managed=False, physical_network="physnet1", resource_class="CUSTOM_A", traits=frozenset({"CUSTOM_T"}))
    bound = replace(pci("3b:00.0"), driver="vfio-pci", vfio_driver=True)
    part = device_part(inventory(host(bound), rules(entry(1, address="ff:00.0"), entry(2, tags=tags))), at("3b:00.0"))
    assert (part.status, part.status_reason, part.entry, part.claim_id) == (DeviceStatus.FREE, None, 2, None)
    assert part.tags == TagsPart(
        physical_network="physnet1",
        remote_managed=False,
        trusted=None,
        managed=False,
        live_migratable=None,
        one_time_use=False,
        resource_class="CUSTOM_A",
        traits=["COMPUTE_MANAGED_PCI_DEVICE", "CUSTOM_T", "OWNER_NOVA"],
    )


def test_a_held_device_says_by_whom() -> None:
    part = part_of(claimed(inventory(host(pci("3b:00.0"))), "c1", wish(wanting(1))), "3b:00.0")
    assert (part["status"], part["claim_id"], part["consumer"]) == ("claimed", "c1", wish().consumer)


def test_a_blocked_pf_names_the_vf_that_blocks_it() -> None:
    current = claimed(inventory(host(*sriov("3b:00.0", vfs=2))), "c1", wish(wanting(1, DeviceType.VF)))
    part = part_of(current, "3b:00.0")
    assert (part["status"], part["blocked_by"]) == ("blocked", ["0000:3b:00.1"])
    assert part["status_reason"] == "its relative 0000:3b:00.1 is claimed"


def test_a_pf_of_many_claimed_vfs_names_the_first_and_counts_the_rest() -> None:
    current = claimed(inventory(host(*sriov("3b:00.0", vfs=6))), "c1", wish(wanting(6, DeviceType.VF)))
    part = part_of(current, "3b:00.0")
    assert part["blocked_by"] == [f"0000:3b:00.{function}" for function in range(1, 7)]
    assert part["status_reason"] == ("its relatives 0000:3b:00.1, 0000:3b:00.2, 0000:3b:00.3, 0000:3b:00.4 and 2 more are claimed")


@pytest.mark.parametrize(
    ("device", "status", "reason"),
    [
        (pci("3c:00.0"), "not-assignable", "no device_spec entry matches it"),
        (replace(pci("3b:00.0"), faults=(Fault(FaultKind.UNDECODABLE, "vpd"),)), "unusable", "undecodable: vpd"),
        (replace(pci("3b:00.0"), iommu_group=None), "unusable", "it is in no IOMMU group: the host has no IOMMU, or it is off"),
    ],
)
def test_a_device_that_is_not_handed_out_says_why(device: Device, status: str, reason: str) -> None:
    current = inventory(host(device), rules(entry(1, address="3b:00.0")))
    part = part_of(current, str(device.address))
    assert (part["status"], part["status_reason"]) == (status, reason)


def test_a_lost_device_is_listed_by_its_fingerprint() -> None:
    before = claimed(inventory(host(pci("3b:00.0"))), "c1", wish(wanting(1)))
    now = inventory(host(pci("3a:00.0")), book=before.book)
    lost = devices_reply(now, DevicesPayload()).devices[1]
    assert (lost.address, lost.status, lost.vendor_id, lost.claim_id) == ("0000:3b:00.0", DeviceStatus.LOST, "8086", "c1")
    assert (lost.facts, lost.entry, lost.tags) == (None, None, None)


def test_an_unlisted_device_keeps_its_claim_and_has_no_entry() -> None:
    before = claimed(inventory(host(pci("3b:00.0"))), "c1", wish(wanting(1)))
    part = part_of(inventory(before.catalogue.host, rules(entry(1, address="ff:00.0")), before.book), "3b:00.0")
    assert (part["status"], part["entry"], part["claim_id"]) == ("unlisted", None, "c1")


MANY = claimed(
    inventory(host(pci("3a:00.0"), *sriov("3b:00.0", vfs=3, numa_node=1), pci("3c:00.0", numa_node=None))),
    "c1",
    wish(wanting(2, DeviceType.VF)),
)


def addresses(**filters: object) -> list[str]:
    reply = devices_reply(MANY, DevicesPayload.model_validate(filters))
    return [each.address.removeprefix("0000:") for each in reply.devices]


def test_devices_are_listed_in_address_order() -> None:
    assert addresses() == ["3a:00.0", "3b:00.0", "3b:00.1", "3b:00.2", "3b:00.3", "3c:00.0"]


def test_filters_are_joined_by_and() -> None:
    assert addresses(status="free") == ["3a:00.0", "3b:00.3", "3c:00.0"]
    assert addresses(device_type="type-VF") == ["3b:00.1", "3b:00.2", "3b:00.3"]
    assert addresses(device_type="type-VF", status="claimed") == ["3b:00.1", "3b:00.2"]
    assert addresses(numa_node=1, status="blocked") == ["3b:00.0"]
    assert addresses(consumer=wish().consumer) == ["3b:00.1", "3b:00.2"]
    assert addresses(consumer="11111111-1111-1111-1111-111111111111") == []


def test_pages_of_devices_join_up_and_the_last_one_says_so() -> None:
    seen: list[str] = []
    after: str | None = None
    for _ in range(3):
        page = devices_reply(MANY, DevicesPayload(after=after, limit=2))
        seen += [each.address.removeprefix("0000:") for each in page.devices]
        after = page.next
    assert (seen, after) == (addresses(), None)


def test_a_page_after_an_address_that_is_gone_goes_on_behind_it() -> None:
    assert addresses(after="0000:3b:00.7") == ["3c:00.0"]


def test_a_text_that_is_no_address_is_refused_by_its_field() -> None:
    with pytest.raises(BadRequest) as refused:
        addresses(after="3b:00.0")
    assert refused.value.problems[0][0] == "after"
    with pytest.raises(BadRequest):
        explain_device_reply(MANY, ExplainDevicePayload(address="nonsense"))


def test_explaining_a_device_says_of_each_entry_whether_it_fits_or_the_first_key_that_does_not() -> None:
    ruleset = rules(entry(1, product="beef"), entry(2, address="ff:00.0"), entry(3), entry(4))
    reply = explain_device_reply(inventory(host(pci("3b:00.0")), ruleset), ExplainDevicePayload(address="0000:3B:00.0"))
    assert reply.device.entry == 3
    assert [(each.entry, each.key, each.wanted, each.found) for each in reply.entries] == [
        (1, "product_id", "beef", "0001"),
        (2, "address", "0000:ff:00.0", "0000:3b:00.0"),
        (3, None, None, None),
        (4, None, None, None),
    ]
    assert [each.source for each in reply.entries] == [spec.source for spec in ruleset.specs]


def test_explaining_a_lost_device_says_that_it_is_lost() -> None:
    before = claimed(inventory(host(pci("3b:00.0"))), "c1", wish(wanting(1)))
    reply = explain_device_reply(inventory(host(), book=before.book), ExplainDevicePayload(address="0000:3b:00.0"))
    assert (reply.device.status, reply.entries) == (DeviceStatus.LOST, [])


def test_a_device_that_nobody_knows_is_refused() -> None:
    with pytest.raises(DeviceUnknown):
        explain_device_reply(MANY, ExplainDevicePayload(address="0000:ee:00.0"))


def test_a_device_says_who_has_it_without_a_claim_and_who_names_it_at_all() -> None:
    machine = host(pci("3b:00.0"))
    vm = domain("vm1", "3b:00.0")
    occupied = device_part(inventory(machine, domains=[vm]), at("3b:00.0"))
    assert (occupied.occupied_by, [(each.name, each.uuid, each.running) for each in occupied.domains]) == (
        ["vm1"],
        [("vm1", vm.uuid, True)],
    )
    book = claimed(inventory(machine), "c1", wish(wanting(1))).book
    held = device_part(inventory(machine, book=book, domains=[vm]), at("3b:00.0"))
    assert (held.occupied_by, [each.name for each in held.domains]) == ([], ["vm1"])


def test_a_device_says_what_made_it_dirty_and_what_operators_said_of_it() -> None:
    ruleset = rules(entry(1, tags=Tags(one_time_use=True)))
    dirty = freed(claimed(inventory(host(pci("3b:00.0")), ruleset), "c1", wish(wanting(1))), "c1")
    both = obey(dirty, Disable(address=None, reason="upgrade", at=5.0, by="uid 0"))
    part = part_of(both, "3b:00.0")
    assert part["dirty"] == {"claim_id": "c1", "consumer": wish().consumer, "since": 2.0}
    assert part["disabled"] == [{"address": None, "reason": "upgrade", "since": 5.0, "by": "uid 0"}]


def test_a_device_whose_iommu_group_is_another_guest_s_says_who_holds_it() -> None:
    pair = [replace(pci(address), iommu_group=7, driver="vfio-pci", vfio_driver=True) for address in ("3b:00.0", "3c:00.0")]
    current = claimed(inventory(host(*pair)), "c1", wish(wanting(1)))
    part = part_of(current, "3c:00.0")
    assert (part["status"], part["blocked_by"], part["group_held_by"]) == ("blocked", [], ["0000:3b:00.0"])


def test_what_keeps_nobody_from_a_device_is_a_warning() -> None:
    vendor = replace(pci("3b:00.0"), driver="nvidia-vgpu-vfio", vfio_driver=True)
    part = device_part(inventory(host(vendor)), at("3b:00.0"))
    assert (part.status, len(part.warnings)) == (DeviceStatus.FREE, 1)
    assert "nvidia-vgpu-vfio" in part.warnings[0]


def test_how_the_host_uses_a_device_is_a_fact() -> None:
    used = replace(pci("3b:00.0"), host_uses=(HostUse(HostUseKind.SWAP, "sda2 is swap"),))
    facts = facts_part(used, host(used))
    assert [(each.kind, each.detail) for each in facts.host_uses] == [(HostUseKind.SWAP, "sda2 is swap")]
