# SPDX-License-Identifier: Apache-2.0
"""The main job, from a claim over RPC to a guest that uses the device, and back."""

import uuid
import xml.etree.ElementTree as ElementTree

from tests.lab.calling import call
from tests.lab.claiming import claim, driver_of, status_of
from tests.lab.guests import Guest
from tests.lab.host import LabHost
from tests.lab.waiting import await_equal

SPEC_SNIPPET = """
  <hostdev mode='subsystem' type='pci' managed='no'>
    <driver name='vfio'/>
    <source>
      <address domain='0x0000' bus='0x25' slot='0x00' function='0x4'/>
    </source>
    <alias name='hostdev0'/>
    <address type='pci' domain='0x0000' bus='0x00' slot='0x05' function='0x0'/>
  </hostdev>
"""
"""What a guest's XML includes, from nova's specification of VFIO variant drivers ("Creating a VM based on…")."""


OWN = ("managed", "domain", "bus", "slot", "function")
"""Attributes whose values are each host's own."""


def shape(element: ElementTree.Element) -> tuple[str, dict[str, str], list[object]]:
    """Elements and attributes, without the values that are each host's own."""
    attributes = {name: "…" if name in OWN else value for name, value in element.attrib.items()}
    return element.tag, attributes, [shape(child) for child in element]


def hostdevs(domain: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(domain).findall("devices/hostdev")


def source_address(hostdev: ElementTree.Element) -> str:
    address = hostdev.find("source/address")
    assert address is not None
    domain, bus, slot, function = (int(address.attrib[part], 16) for part in ("domain", "bus", "slot", "function"))
    return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"


def test_a_vf_goes_to_a_guest_that_binds_its_driver_and_comes_back(host: LabHost) -> None:
    consumer = str(uuid.uuid4())
    given = claim(host, {"alias": "vf", "numa_policy": "required"}, consumer=consumer, numa_nodes=[0])
    (address,) = given.addresses
    assert address in host.vfs("nic0")
    assert (driver_of(host, address), status_of(host, address)) == ("igbvf", "claimed")

    guest = Guest.create(host, "main-job", given.xml, uuid=consumer)
    assert driver_of(host, address) == "vfio-pci"
    assert call(host, "allocate", claim_id=given.claim_id)["state"] == "allocated"
    (seen,) = guest.wait_ready().with_ids("8086:10ca")
    assert (seen.driver, seen.class_code, len(seen.netdevs)) == ("igbvf", "020000", 1)

    (hostdev,) = hostdevs(guest.dumpxml())
    assert shape(hostdev) == shape(ElementTree.fromstring(SPEC_SNIPPET))
    assert (hostdev.attrib["managed"], source_address(hostdev)) == ("yes", address)
    assert status_of(host, address) == "allocated"

    guest.destroy()
    assert driver_of(host, address) == "igbvf"
    assert call(host, "free", claim_id=given.claim_id)["freed"] == [address]
    await_equal(lambda: status_of(host, address), "free")
