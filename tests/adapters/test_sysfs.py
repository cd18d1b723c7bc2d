# SPDX-License-Identifier: Apache-2.0
"""Reading /sys: what changes under the reader's hands, what is read once, and that one odd entry is only that entry's trouble.

What every reader of a host must do is in `contract/test_host_reader.py`.
"""

import os
import resource
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, FaultKind, VdpaDevice
from pcipt_agent.core.host import Host, difference
from pcipt_agent.errors import HostError
from pcipt_agent.views.description import parse_description
from pcipt_agent.views.vpd import NO_SERIAL
from tests.support.hosttree import HostTree, directory_in_memory, vpd
from tests.support.machines import card

HOSTS = Path(__file__).parents[1] / "hosts"
PF, FIRST_VF = PciAddress(0, 0x3B, 0, 0), PciAddress(0, 0x3B, 0, 1)


def described(name: str) -> Host:
    return parse_description((HOSTS / name).read_text(), name)


@pytest.fixture
def host() -> Host:
    return described("connectx6-on-both-sockets.host")


@pytest.fixture
def root() -> Iterator[Path]:
    with directory_in_memory() as directory:
        yield directory


@pytest.fixture
def tree(root: Path, host: Host) -> HostTree:
    return HostTree(root, host)


def test_this_machines_own_functions_are_read() -> None:
    bus = Path("/sys/bus/pci/devices")
    if not bus.is_dir():
        with pytest.raises(HostError):
            SysfsReader(Path("/")).read()
        return
    seen = SysfsReader(Path("/")).read()
    assert sorted(str(address) for address in seen.devices) == sorted(path.name for path in bus.iterdir())
    for address, device in seen.devices.items():
        assert f"0x{device.vendor_id}" == (bus / str(address) / "vendor").read_text().strip()
    assert seen.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_a_driver_that_is_bound_is_seen(tree: HostTree, host: Host) -> None:
    reader = SysfsReader(tree.root)
    reader.read()
    tree.bind(FIRST_VF, "vfio-pci")
    assert reader.read().devices[FIRST_VF] == replace(host.devices[FIRST_VF], driver="vfio-pci", vfio_driver=True)


def test_vfs_that_are_enabled_arrive_with_their_numbers(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    before = reader.read()
    pf = before.devices[PF]
    tree.set_num_vfs(pf, before.vfs_of(PF)[:3])
    after = reader.read()
    assert [vf.vf_number for vf in after.vfs_of(PF)] == [0, 1, 2]
    assert pf.sriov is not None
    assert after.devices[PF] == replace(pf, sriov=replace(pf.sriov, num_vfs=3))
    assert len(difference(before, after)) == 1 + 7
    tree.set_num_vfs(pf, before.vfs_of(PF))
    assert reader.read() == before


def test_another_card_in_the_slot_is_another_device(tree: HostTree, host: Host) -> None:
    reader = SysfsReader(tree.root)
    reader.read()
    address = PciAddress(0, 0xD8, 0, 0)
    tree.write(address, "device", content=b"0x1593\n")
    assert reader.read().devices[address] == replace(host.devices[address], product_id="1593")


def test_a_text_that_changes_and_means_the_same_is_no_change(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    before = reader.read()
    tree.write(FIRST_VF, "driver_override", content=b"\n")  # "(null)" before
    assert reader.read() is before
    tree.write(FIRST_VF, "driver_override", content=b"(null)\n")
    tree.unbind(PF)
    after = reader.read()
    assert [address for address in after.devices if after.devices[address] is not before.devices[address]] == [PF]


def test_a_netdev_of_a_virtio_function_is_its_own(root: Path) -> None:
    text = "host boot x\n0000:00:03.0 1af4:1041 PCI driver virtio-pci net eth0 02:fc:00:00:00:01\n  class 020000\n"
    host = parse_description(text, "a.host")
    assert (HostTree(root, host).directory_of(PciAddress(0, 0, 3, 0)) / "virtio3/net/eth0").is_dir()
    assert SysfsReader(root).read() == host


def test_a_vdpa_device_that_is_made_turns_its_vf_into_one(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    reader.read()
    vdpa = VdpaDevice("blue", "net", "vhost_vdpa", "/dev/vhost-vdpa-9")
    tree.add_vdpa(FIRST_VF, vdpa)
    device = reader.read().devices[FIRST_VF]
    assert (device.device_type, device.vdpa, device.faults) == ("vdpa", (vdpa,), ())


def test_several_vdpa_devices_over_one_vf_are_all_told(tree: HostTree) -> None:
    for number, name in enumerate(("blue", "amber")):
        tree.add_vdpa(FIRST_VF, VdpaDevice(name, "net", "vhost_vdpa", f"/dev/vhost-vdpa-{number}"))
    device = SysfsReader(tree.root).read().devices[FIRST_VF]
    assert [(vdpa.name, vdpa.node) for vdpa in device.vdpa] == [("amber", "/dev/vhost-vdpa-1"), ("blue", "/dev/vhost-vdpa-0")]


def test_the_kernels_vdpa_simulator_is_over_no_function_and_left_out(tree: HostTree, host: Host) -> None:
    simulated = tree.root / "sys/devices/vdpasim_net/vdpa0"
    simulated.mkdir(parents=True)
    bus = tree.root / "sys/bus/vdpa/devices"
    bus.mkdir(parents=True)
    (bus / "vdpa0").symlink_to("../../../devices/vdpasim_net/vdpa0")
    assert SysfsReader(tree.root).read() == host


# A file that is a FIFO holds the reader where it is, until the test has changed the tree and lets go.


def read_while_it_goes(tree: HostTree, address: PciAddress, *, at: str, then: Device | None = None) -> Host:
    """The host, read while the function went (and `then` came) when the reader was at its file `at`."""
    with ThreadPoolExecutor(1) as pool:
        path = tree.directory_of(address) / at
        path.unlink()
        os.mkfifo(path)
        seen = pool.submit(SysfsReader(tree.root).read)
        writer = os.open(path, os.O_WRONLY)  # returns when the reader has opened the file
        try:
            tree.unplug(address)
            if then is not None:
                tree.plug(then)
        finally:
            os.close(writer)
        return seen.result(timeout=30)


@pytest.mark.parametrize("name", ["vendor", "numa_node"])
def test_a_function_that_vanishes_while_it_is_read_is_gone(tree: HostTree, host: Host, name: str) -> None:
    seen = read_while_it_goes(tree, FIRST_VF, at=name)
    assert FIRST_VF not in seen.devices
    assert len(seen.devices) == len(host.devices) - 1
    assert all(device.faults == () for device in seen.devices.values())


def test_a_function_that_is_replaced_while_it_is_read_is_the_new_one(tree: HostTree, host: Host) -> None:
    new = replace(host.devices[FIRST_VF], product_id="1020", driver=None)
    assert read_while_it_goes(tree, FIRST_VF, at="vendor", then=new).devices[FIRST_VF] == new


def test_a_link_that_leads_nowhere_is_a_function_that_is_gone(tree: HostTree, host: Host) -> None:
    (tree.root / "sys/bus/pci/devices/0000:99:00.0").symlink_to("../../../devices/pci0000:99/0000:99:00.0")
    assert SysfsReader(tree.root).read() == host


def test_an_entry_that_is_no_directory_is_a_device_with_a_fault(tree: HostTree) -> None:
    (tree.root / "sys/bus/pci/devices/0000:99:00.0").write_text("?")
    odd = SysfsReader(tree.root).read().devices[PciAddress(0, 0x99, 0, 0)]
    assert odd.faults[0].kind is FaultKind.MISSING_FILE
    assert odd.faults[0].detail == "vendor: Not a directory"


@pytest.mark.parametrize("name", ["slot7", "0000:9A:00.0", "00000:9a:00.0"])
def test_an_entry_whose_name_is_no_address_as_the_kernel_writes_it_is_left_out(tree: HostTree, host: Host, name: str) -> None:
    (tree.root / "sys/bus/pci/devices" / name).mkdir()
    assert SysfsReader(tree.root).read() == host


def test_a_host_with_odd_functions_reads_the_others_as_ever(root: Path) -> None:
    host = described("odd-functions-beside-a-good-one.host")
    HostTree(root, host)
    seen = SysfsReader(root).read()
    assert [str(device.address) for device in seen.devices.values() if not device.faults] == ["0000:01:00.0"]


def test_vpd_is_read_once_while_the_function_stays(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    serial = reader.read().devices[PF].serial
    (tree.directory_of(PF) / "vpd").write_bytes(vpd("CHANGED"))  # the same file, so the same function
    tree.write(PF, "driver_override", content=b"vfio-pci\n")
    assert reader.read().devices[PF].serial == serial
    tree.write(PF, "subsystem_device", content=b"0x0051\n")
    seen = reader.read()
    assert [seen.devices[address].serial for address in (PF, FIRST_VF)] == ["CHANGED", "CHANGED"]


@pytest.mark.parametrize("look", [SysfsReader.read, lambda reader: reader.read_at([PF])], ids=["at all", "at it"])
def test_another_card_of_the_same_model_has_its_own_serial_number(tree: HostTree, look: Callable[[SysfsReader], Host]) -> None:
    """It was changed between two looks, as with a hint of both events, or without udev."""
    reader = SysfsReader(tree.root)
    reader.read()
    path = tree.directory_of(PF) / "vpd"
    path.with_name("other").write_bytes(vpd("ANOTHER"))
    path.with_name("other").rename(path)
    seen = look(reader)
    assert [seen.devices[address].serial for address in (PF, FIRST_VF)] == ["ANOTHER", "ANOTHER"]


def test_a_vf_takes_its_pfs_serial_number_and_its_reason(tree: HostTree) -> None:
    tree.write(FIRST_VF, "vpd", content=vpd("ITS-OWN"))
    tree.write(PF, "vpd", content=vpd(None))
    seen = SysfsReader(tree.root).read()
    for address in (PF, FIRST_VF):
        assert (seen.devices[address].serial, seen.devices[address].serial_unknown) == (None, NO_SERIAL)


def test_a_function_without_vpd_has_no_serial_number_and_no_reason(tree: HostTree) -> None:
    device = SysfsReader(tree.root).read().devices[PciAddress(0, 0xD8, 0, 0)]
    assert (device.serial, device.serial_unknown) == (None, None)


def test_vpd_that_does_not_answer_is_asked_again(tree: HostTree) -> None:
    path = tree.directory_of(PF) / "vpd"
    path.unlink()
    path.mkdir()
    reader = SysfsReader(tree.root)
    assert reader.read().devices[PF].serial_unknown == "its VPD can't be read: Is a directory"
    path.rmdir()
    path.write_bytes(vpd("MT2042X00009"))
    assert reader.read().devices[PF].serial == "MT2042X00009"


@contextmanager
def without_privileges() -> Iterator[None]:
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_vpd_that_only_root_may_read_is_unknown_with_that_reason(tree: HostTree) -> None:
    tree.root.chmod(0o755)  # a temporary directory is closed to other users
    (tree.directory_of(PF) / "vpd").chmod(0)
    with without_privileges():
        seen = SysfsReader(tree.root).read()
    assert seen.devices[PF].serial is None
    assert seen.devices[FIRST_VF].serial_unknown == "its VPD can't be read: Permission denied"


def test_a_cpu_list_that_is_not_understood_is_a_node_without_cpus(tree: HostTree) -> None:
    path = tree.root / "sys/devices/system/node/node1/cpulist"
    path.write_text("some\n")
    node = SysfsReader(tree.root).read().numa_nodes[1]
    assert (node.cpus, node.socket) == (frozenset(), None)


def test_a_kernel_without_numa_has_no_nodes(tree: HostTree) -> None:
    (tree.root / "sys/devices/system/node").rename(tree.root / "elsewhere")
    assert SysfsReader(tree.root).read().numa_nodes == {}


def test_a_new_boot_id_is_a_new_host(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    before = reader.read()
    (tree.root / "proc/sys/kernel/random/boot_id").write_text("another\n")
    after = reader.read()
    assert after.boot_id == "another"
    assert after.devices == before.devices


def test_a_host_without_a_boot_id_can_not_be_read(tree: HostTree) -> None:
    path = tree.root / "proc/sys/kernel/random/boot_id"
    path.unlink()
    with pytest.raises(HostError) as caught:
        SysfsReader(tree.root).read()
    assert (caught.value.path, caught.value.problem) == (str(path), "No such file or directory")


def test_no_file_stays_open(tree: HostTree) -> None:
    reader = SysfsReader(tree.root)
    reader.read()
    before = set(Path("/proc/self/fd").iterdir())
    tree.unplug(FIRST_VF)
    reader.read()
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_thousands_of_functions_share_what_is_equal(root: Path) -> None:
    devices = {device.address: device for device in card(0x3B)}
    host = Host(devices=devices, numa_nodes={}, boot_id="x")
    HostTree(root, host)
    seen = SysfsReader(root).read()
    assert seen == host
    vfs = seen.vfs_of(PF)
    assert len({id(vf.vendor_id) for vf in vfs}) == 1
    assert len({id(vf.reset_methods) for vf in vfs}) == 1


def test_want_of_file_descriptors_is_the_readers_trouble_and_no_fault_of_a_device(tree: HostTree, host: Host) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with Path(os.devnull).open("rb") as free:
        lowest = free.fileno()
    outcomes: set[bool | None] = set()
    for spare in range(5):
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + spare, limits[1]))
        try:
            outcomes.add(SysfsReader(tree.root).read() == host)
        except HostError:
            outcomes.add(None)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert outcomes == {None, True}
