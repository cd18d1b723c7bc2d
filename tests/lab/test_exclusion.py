# SPDX-License-Identifier: Apache-2.0
"""A PF and its VFs shut each other out; what a guest gets as a whole, it gets as a whole."""

import uuid
from typing import Any

from tests.lab.calling import call
from tests.lab.claiming import GivenDevices, claim, driver_of, statuses
from tests.lab.guests import HOLDER, Guest
from tests.lab.host import LabHost
from tests.lab.waiting import await_equal


def refusal(host: LabHost, **request: object) -> dict[str, Any]:
    """What filter left nothing for it, and the reason for each device that this filter dropped."""
    reply = call(host, "claim", claim_id="refused", consumer=str(uuid.uuid4()), requests=[request], numa_nodes=[0])
    assert reply.get("code") == "no-devices", reply
    (way,) = reply["funnel"]["requests"]
    return {"emptied_by": way["emptied_by"], **{each["address"]: each["reason"] for each in way["dropped"]}}


def near(host: LabHost, alias: str, node: int = 0) -> GivenDevices:
    return claim(host, {"alias": alias, "numa_policy": "required"}, consumer=str(uuid.uuid4()), numa_nodes=[node])


def test_a_claimed_vf_blocks_its_pf_and_a_claimed_pf_blocks_its_vfs(host: LabHost) -> None:
    pf, vfs = host.address("nic0"), host.vfs("nic0")
    all_free = dict.fromkeys([pf, *vfs], "free")
    assert statuses(host, all_free) == all_free

    given = near(host, "vf")
    (vf,) = given.addresses
    assert vf in vfs
    assert statuses(host, all_free) == {**all_free, pf: "blocked", vf: "claimed"}
    assert refusal(host, address=pf) == {"emptied_by": "not-blocked", pf: f"blocked by {vf}"}
    assert refusal(host, alias="pf", numa_policy="required")["emptied_by"] == "numa-policy"
    call(host, "free", claim_id=given.claim_id)
    assert statuses(host, all_free) == all_free

    given = near(host, "pf")
    assert given.addresses == (pf,)
    assert statuses(host, all_free) == {**dict.fromkeys(vfs, "blocked"), pf: "claimed"}
    assert refusal(host, address=vf) == {"emptied_by": "not-blocked", vf: f"blocked by {pf}"}
    assert refusal(host, alias="vf", numa_policy="required")["emptied_by"] == "numa-policy"
    call(host, "free", claim_id=given.claim_id)
    assert statuses(host, all_free) == all_free


def test_one_guest_gets_a_pf_as_a_whole_an_nvme_vf_and_an_nvme_disk_and_all_come_back(host: LabHost) -> None:
    pf, gone, nvme_pf, nvme = host.address("nic3"), host.vfs("nic3"), host.address("nvme2"), host.address("nvme1")
    consumer = str(uuid.uuid4())
    disks = ({"alias": alias, "numa_policy": "preferred"} for alias in ("nvme-vf", "nvme"))
    given = claim(host, {"alias": "pf", "numa_policy": "required"}, *disks, consumer=consumer, numa_nodes=[3])
    nvme_vf = given.addresses[1]
    assert nvme_vf in host.vfs("nvme2")
    assert given.addresses == (pf, nvme_vf, nvme)
    assert statuses(host, [nvme_pf, *gone]) == {nvme_pf: "unusable", **dict.fromkeys(gone, "blocked")}
    assert [driver_of(host, each) for each in given.addresses] == ["igb", "vfio-pci", "nvme"]

    guest = Guest.create(host, "whole", given.xml, uuid=consumer, shape=HOLDER)
    assert [driver_of(host, each) for each in given.addresses] == ["vfio-pci"] * 3
    call(host, "allocate", claim_id=given.claim_id)
    # igb takes its VFs along when it lets the PF go; they are not lost, as nobody held one.
    with_guest = {pf: "allocated", nvme_vf: "allocated", nvme: "allocated", **dict.fromkeys(gone)}
    await_equal(lambda: statuses(host, with_guest), with_guest)
    assert call(host, "status")["claims"]["lost"] == []

    guest.destroy()
    assert [driver_of(host, each) for each in given.addresses] == ["igb", "vfio-pci", "nvme"]
    freed = call(host, "free", claim_id=given.claim_id)["freed"]
    assert sorted(freed) == sorted(given.addresses)
    host.run("systemctl", "restart", "pcipt-devices.service")
    afterwards = dict.fromkeys([*given.addresses, *host.vfs("nic3")], "free")
    assert set(afterwards) == {*given.addresses, *gone}
    await_equal(lambda: statuses(host, afterwards), afterwards)
