# SPDX-License-Identifier: Apache-2.0
"""What domains hold, by device."""

from dataclasses import replace

from pcipt_agent.core.device import VdpaDevice
from pcipt_agent.core.domain import Domain, DomainDevice, Hypervisor, domains_by_device
from pcipt_agent.core.inventory import DeviceStatus
from tests.support.planned import at, domain, host, inventory, pci, sriov


def test_a_device_is_named_by_every_domain_that_has_it_once() -> None:
    one, two = domain("a", "01:00.0", "01:00.0"), domain("b", "01:00.0", running=False)
    found = domains_by_device(host(pci("01:00.0")), Hypervisor(domains=(one, two)))
    assert found == {at("01:00.0"): (one, two)}


def test_a_vdpa_device_stands_for_the_function_below_it() -> None:
    pf, vf = sriov("01:00.0", vfs=1)
    over = replace(vf, vdpa=(VdpaDevice("vdpa0", "net", "vhost_vdpa", "/dev/vhost-vdpa-0"),))
    guest = Domain(uuid="u", name="n", running=True, devices=(DomainDevice(None, "/dev/vhost-vdpa-0", managed=False),))
    assert domains_by_device(host(pf, over), Hypervisor(domains=(guest,))) == {vf.address: (guest,)}
    assert domains_by_device(host(pf, vf), Hypervisor(domains=(guest,))) == {}


def test_a_defined_domain_occupies_its_device_like_a_running_one() -> None:
    current = inventory(host(pci("01:00.0")), domains=[domain("off", "01:00.0", running=False)])
    assert current.status(at("01:00.0")) is DeviceStatus.OCCUPIED
    assert current.free == 0


def test_relatives_of_an_occupied_device_are_blocked_by_it() -> None:
    devices = sriov("01:00.0", vfs=2)
    current = inventory(host(*devices), domains=[domain("g", "01:00.1")])
    statuses = [current.status(device.address) for device in devices]
    assert statuses == [DeviceStatus.BLOCKED, DeviceStatus.OCCUPIED, DeviceStatus.FREE]
    assert current.blockers_of(devices[0]) == (at("01:00.1"),)
