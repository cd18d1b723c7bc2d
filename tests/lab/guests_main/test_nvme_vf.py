# SPDX-License-Identifier: Apache-2.0
"""An NVMe VF in a guest: a controller of its own, over the namespace that the host's PF has too."""

import uuid

from tests.lab.calling import call
from tests.lab.claiming import claim, driver_of, status_of
from tests.lab.guests import Guest
from tests.lab.hardware import DISK_SECTORS
from tests.lab.host import LabHost
from tests.lab.nvme import bring_vfs_online
from tests.lab.waiting import await_equal


def test_a_guest_drives_an_nvme_vf_and_reaches_the_disk(host: LabHost) -> None:
    bring_vfs_online(host, "nvme2")
    consumer = str(uuid.uuid4())
    given = claim(host, {"alias": "nvme-vf"}, consumer=consumer)
    (vf,) = given.addresses
    assert vf in host.vfs("nvme2")

    guest = Guest.create(host, "nvme", given.xml, uuid=consumer)
    call(host, "allocate", claim_id=given.claim_id)
    (seen,) = guest.wait_ready().with_ids("1b36:0010")
    assert (seen.driver, [size for _, size in seen.blocks]) == ("nvme", [DISK_SECTORS])
    assert status_of(host, vf) == "allocated"

    guest.destroy()
    assert driver_of(host, vf) == "vfio-pci"
    assert call(host, "free", claim_id=given.claim_id)["freed"] == [vf]
    await_equal(lambda: status_of(host, vf), "free")
