# SPDX-License-Identifier: Apache-2.0
"""`managed: no`: the operator has bound the driver beforehand, and it stays."""

import uuid

from tests.lab.claiming import claim, driver_of
from tests.lab.guests import Guest
from tests.lab.host import LabHost


def test_a_guest_runs_with_a_variant_driver_and_with_vfio_pci_bound_by_the_unit_and_both_stay(host: LabHost) -> None:
    consumer = str(uuid.uuid4())
    nic = claim(host, {"alias": "vf", "numa_policy": "required"}, consumer=consumer, numa_nodes=[1])
    virtio = claim(host, {"alias": "virtio-vf"}, consumer=consumer)
    assert nic.addresses[0] in host.vfs("nic1")
    drivers = {nic.addresses[0]: "vfio-pci", virtio.addresses[0]: "virtio_vfio_pci"}
    assert {address: driver_of(host, address) for address in drivers} == drivers
    assert nic.xml.count("managed='no'") == virtio.xml.count("managed='no'") == 1

    guest = Guest.create(host, "variant", nic.xml + virtio.xml, uuid=consumer)
    view = guest.wait_ready()
    assert {address: driver_of(host, address) for address in drivers} == drivers
    (seen_nic,), (seen_virtio,) = view.with_ids("8086:10ca"), view.with_ids("1af4:1041")
    assert (seen_nic.driver, seen_virtio.driver) == ("igbvf", "virtio-pci")
    assert len(seen_nic.netdevs) == len(seen_virtio.netdevs) == 1

    guest.destroy()
    assert {address: driver_of(host, address) for address in drivers} == drivers
