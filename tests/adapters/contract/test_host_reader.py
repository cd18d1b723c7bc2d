# SPDX-License-Identifier: Apache-2.0
"""Whoever reads a host sees the same one: a tree made from the description, read from /sys, and the description itself."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pcipt_agent.adapters.described import DescribedReader
from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.core.device import Device
from pcipt_agent.core.host import Host
from pcipt_agent.errors import HostError
from pcipt_agent.ports import HostReader
from pcipt_agent.views.description import description_of, parse_description
from tests.support.hosttree import HostTree, directory_in_memory

CHECKOUT = Path(__file__).parents[3]
MACHINES = [CHECKOUT / "etc/pcipt-agent/example.host", *sorted((CHECKOUT / "tests/hosts").glob("*.host"))]


class Described:
    """The host is a text in a file."""

    def __init__(self, directory: Path, host: Host) -> None:
        self._path = directory / "a.host"
        self.show(host)

    def show(self, host: Host) -> None:
        self._path.write_text(description_of(host))

    def unbind(self, host: Host, device: Device) -> None:
        self.show(replace(host, devices={**host.devices, device.address: replace(device, driver=None)}))

    def unplug(self, host: Host, device: Device) -> None:
        self.show(replace(host, devices={address: each for address, each in host.devices.items() if each is not device}))

    def vanish(self) -> None:
        self._path.unlink()

    def reader(self) -> HostReader:
        return DescribedReader(self._path)


class Sysfs:
    """The host is a kernel-shaped tree."""

    def __init__(self, directory: Path, host: Host) -> None:
        self._tree = HostTree(directory, host)

    def unbind(self, host: Host, device: Device) -> None:
        assert device.address in host.devices
        self._tree.unbind(device.address)

    def unplug(self, host: Host, device: Device) -> None:
        assert device.address in host.devices
        self._tree.unplug(device.address)

    def vanish(self) -> None:
        (self._tree.root / "sys").rename(self._tree.root / "gone")

    def reader(self) -> HostReader:
        return SysfsReader(self._tree.root)


Machine = Callable[[Path, Host], Described | Sysfs]
both = pytest.mark.parametrize("machine", [Described, Sysfs])


@pytest.fixture
def root() -> Iterator[Path]:
    with directory_in_memory() as directory:
        yield directory


def read(path: Path) -> Host:
    return parse_description(path.read_text(), str(path))


def a_device(host: Host) -> Device:
    return next(device for device in host.devices.values() if device.driver and device.parent is None and device.sriov is None)


@both
@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_the_host_is_what_was_described(path: Path, machine: Machine, root: Path) -> None:
    host = read(path)
    assert machine(root, host).reader().read() == host


@both
def test_devices_come_in_address_order(machine: Machine, root: Path) -> None:
    seen = machine(root, read(MACHINES[0])).reader().read()
    assert list(seen.devices) == sorted(seen.devices)


@both
def test_a_second_look_at_an_unchanged_host_is_the_same_object(machine: Machine, root: Path) -> None:
    reader = machine(root, read(MACHINES[0])).reader()
    assert reader.read() is reader.read()


@both
def test_only_what_has_changed_is_another_object(machine: Machine, root: Path) -> None:
    host = read(MACHINES[0])
    here = machine(root, host)
    reader, device = here.reader(), a_device(host)
    before = reader.read()
    here.unbind(host, device)
    after = reader.read()
    assert after.devices[device.address] == replace(device, driver=None)
    others = [address for address in host.devices if address != device.address]
    assert all(after.devices[address] is before.devices[address] for address in others)
    assert reader.read() is after


@both
def test_a_device_that_left_is_gone(machine: Machine, root: Path) -> None:
    host = read(MACHINES[0])
    here = machine(root, host)
    reader, device = here.reader(), a_device(host)
    reader.read()
    here.unplug(host, device)
    assert reader.gone(list(host.devices)) <= {device.address}
    after = reader.read()
    assert list(after.devices) == [address for address in host.devices if address != device.address]


@both
def test_a_host_that_can_not_be_read_at_all_is_an_error_that_names_it(machine: Machine, root: Path) -> None:
    here = machine(root, read(MACHINES[0]))
    reader = here.reader()
    reader.read()
    here.vanish()
    with pytest.raises(HostError) as caught:
        reader.read()
    assert caught.value.path.startswith(str(root))
