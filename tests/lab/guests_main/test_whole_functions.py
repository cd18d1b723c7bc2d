# SPDX-License-Identifier: Apache-2.0
"""Functions that a guest gets as a whole: a NIC's PF, and an NVMe disk."""

import uuid

from tests.lab.claiming import claim, driver_of, statuses
from tests.lab.guests import Guest
from tests.lab.hardware import DISK_SECTORS
from tests.lab.host import LabHost


def test_a_guest_drives_a_pf_and_an_nvme_disk_of_its_own(host: LabHost) -> None:
    consumer = str(uuid.uuid4())
    wishes = ({"alias": "pf", "numa_policy": "required"}, {"alias": "nvme", "numa_policy": "preferred"})
    given = claim(host, *wishes, consumer=consumer, numa_nodes=[3])
    assert given.addresses == (host.address("nic3"), host.address("nvme1"))

    guest = Guest.create(host, "whole", given.xml, uuid=consumer)
    (pf,), (nvme,) = (guest.wait_ready().with_ids(ids) for ids in ("8086:10c9", "1b36:0010"))
    assert (pf.driver, nvme.driver) == ("igb", "nvme")
    assert [size for _, size in nvme.blocks] == [DISK_SECTORS]
    ((_, mac),) = pf.netdevs
    assert mac.startswith("52:54:00:10:00:"), "the card's own, as the machine was given it"

    guest.destroy()
    assert [driver_of(host, each) for each in given.addresses] == ["igb", "nvme"]
    assert set(statuses(host, given.addresses).values()) == {"claimed"}
