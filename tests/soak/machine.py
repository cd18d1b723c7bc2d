# SPDX-License-Identifier: Apache-2.0
"""A machine that changes: a kernel-shaped tree in which functions come and go, are bound anew, break, and are used by the host.

    change = machine.change()      something has happened; the change says what udev would hint at
    machine.mend()                 it is as it was at the beginning

Does not know: who reads the tree, claims.
"""

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TypeVar

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, Netdev, VdpaDevice
from pcipt_agent.core.host import Host
from tests.support.hosttree import HostTree
from tests.support.planned import AUDIO, GPU, PF, PLAIN, VF, at, gpu, host, pci, sriov

Item = TypeVar("Item")
DISK = "0002"
VDPA_NODE = "/dev/vhost-vdpa-0"
_BOND, _SERVICE_NETDEV, _DISK_NAME = "bond0", "eth0", "sda"
_NO_MOUNTS = "22 27 0:21 / /proc rw,relatime - proc proc rw\n"
_DRIVERS = (None, "vfio-pci", "ixgbe", "mlx5_vfio_pci")
_CLASSES = {PLAIN: 0x120000, PF: 0x020000, VF: 0x020000, GPU: 0x030000, AUDIO: 0x040300, DISK: 0x010601}
_PROCESS = 77


def whole_host() -> Host:
    """31 functions: plain ones, one of them with a network interface, two GPUs with audio, two PFs with VFs, and a disk."""
    plain = [pci(f"3b:0{slot}.0", numa_node=slot % 2) for slot in range(4)]
    plain[0] = replace(plain[0], driver="ixgbe", netdevs=(Netdev(_SERVICE_NETDEV, "b8:59:9f:00:00:01"),))
    first, second = sriov("5e:00.0", vfs=16), sriov("86:00.0", vfs=4, numa_node=1)
    vdpa = VdpaDevice("vdpa0", "net", "vhost_vdpa", VDPA_NODE)
    second = (second[0], replace(second[1], driver="mlx5_core", vdpa=(vdpa,)), *second[2:])
    disk = replace(pci("d8:00.0", product=DISK, numa_node=1), driver="ahci")
    devices = (*plain, *gpu("65:00.0"), *gpu("66:00.0", driver=None, numa_node=1), *first, *second, disk)
    return host(*(replace(each, class_code=_CLASSES[each.product_id]) for each in devices))


class Machine:
    """The tree below `root`, and what it is made of."""

    def __init__(self, root: Path, rng: Random) -> None:
        self.root = root
        self.whole = whole_host()
        self._rng = rng
        self._there: set[PciAddress] = set()
        self._boots = 0
        self._make()

    def _make(self) -> None:
        self._tree = HostTree(self.root, self.whole)
        self._tree.used.add_disk(self._tree.directory_of(at("d8:00.0")) / "ata1/host0/target0:0:0/0:0:0:0", _DISK_NAME)
        self._tree.used.add_virtual(_BOND)
        mounts = self.root / "proc/self/mountinfo"
        mounts.parent.mkdir(parents=True)
        mounts.write_text(_NO_MOUNTS)
        for process in (1, _PROCESS):  # the first one is seen, so that nobody is hidden
            (self.root / f"proc/{process}/fd").mkdir(parents=True)
        self._there = set(self.whole.devices)

    def mend(self) -> None:
        """All is there, and used by nobody. The boot is another one."""
        shutil.rmtree(self.root)
        self._make()
        self.reboot()

    def reboot(self) -> None:
        """The kernel has another boot id."""
        self._boots += 1
        (self.root / "proc/sys/kernel/random/boot_id").write_text(f"boot-{self._boots}\n")

    def change(self) -> frozenset[PciAddress]:
        """Something has happened; returns the addresses that the kernel tells of."""
        kinds = (self._rebind, self._rebind, self._set_vfs, self._set_vfs, self._use, self._break_or_mend, self._plug_or_unplug)
        return frozenset((self._rng.choice(kinds) if self._there else self._plug_or_unplug)())

    def open_or_close(self) -> None:
        """A process that nobody knows of opens the vfio group of some function, or closes what it had open."""
        descriptor = self.root / f"proc/{_PROCESS}/fd/5"
        if descriptor.is_symlink():
            descriptor.unlink()
        else:
            group = self.whole.devices[self._rng.choice(sorted(self.whole.devices))].iommu_group
            descriptor.symlink_to(f"/dev/vfio/{group}")

    def _plug_or_unplug(self) -> Iterable[PciAddress]:
        """A function that is no VF; a PF goes with its VFs, and comes with some of them."""
        cards = [each for each in self.whole.devices.values() if each.parent is None]
        device = self._rng.choice(self._rather([each for each in cards if each.address not in self._there], cards))
        family = [device.address, *(vf.address for vf in self.whole.vfs_of(device.address))]
        if device.address in self._there:
            self._release(device)
            for address in reversed(family):
                self._gone(address)
        else:
            self._tree.plug(device)
            self._there.add(device.address)
            if device.address == at("d8:00.0"):
                self._tree.used.add_disk(self._tree.directory_of(device.address) / "ata1/host0/target0:0:0/0:0:0:0", _DISK_NAME)
            self._give_vfs(device)
        return family

    def _gone(self, address: PciAddress) -> None:
        if address in self._there:
            self._tree.unplug(address)
            self._there.discard(address)

    def _rebind(self) -> Iterable[PciAddress]:
        address = self._rng.choice(sorted(self._there))
        driver = self._rng.choice(_DRIVERS)
        self._tree.unbind(address)
        if driver is not None:
            self._tree.bind(address, driver)
            if "vfio" in driver:
                (self._tree.directory_of(address) / "vfio-dev/vfio0").mkdir(parents=True)
        return [address]

    def _set_vfs(self) -> Iterable[PciAddress]:
        pfs = [each for each in self.whole.devices.values() if each.sriov is not None and each.address in self._there]
        if not pfs:
            return []
        pf = self._rng.choice(pfs)
        self._give_vfs(pf)
        return [pf.address, *(vf.address for vf in self.whole.vfs_of(pf.address))]

    def _give_vfs(self, pf: Device) -> None:
        """Some VFs or all; now and then it says that more are on their way."""
        vfs = self.whole.vfs_of(pf.address)
        if not vfs:
            return
        count = self._rng.choice([0, len(vfs) // 2, len(vfs), len(vfs), len(vfs)])
        self._tree.set_num_vfs(pf, vfs[:count])
        self._there -= {vf.address for vf in vfs}
        self._there |= {vf.address for vf in vfs[:count]}
        if self._rng.random() < 0.2:
            self._tree.write(pf.address, "sriov_numvfs", content=f"{len(vfs)}\n".encode())

    def _use(self) -> Iterable[PciAddress]:
        """The disk is mounted or not any more, the network interface is a bond's or not any more; no function is told of."""
        service, disk = self.whole.devices[at("3b:00.0")], self.whole.devices[at("d8:00.0")]
        device = self._rng.choice([each for each in (service, disk) if each.address in self._there] or [None])
        if device is not None and not self._release(device):
            if device is disk:
                self._tree.used.mount(_DISK_NAME, "/srv")
            else:
                self._tree.used.enslave(_SERVICE_NETDEV, _BOND)
        return []

    def _release(self, device: Device) -> bool:
        """Whether the host used it; it does so no more."""
        mounts = self.root / "proc/self/mountinfo"
        if device.address == at("d8:00.0") and mounts.read_text() != _NO_MOUNTS:
            mounts.write_text(_NO_MOUNTS)
            return True
        lower = self._tree.directory_of(device.address) / "net" / _SERVICE_NETDEV / f"upper_{_BOND}"
        if device.address == at("3b:00.0") and lower.is_symlink():
            lower.unlink()
            (self.root / "sys/devices/virtual/net" / _BOND / f"lower_{_SERVICE_NETDEV}").unlink()
            return True
        return False

    def _break_or_mend(self) -> Iterable[PciAddress]:
        """A file of the function holds what is none of its values, or what it should hold again."""
        there = sorted(self._there)
        address = self._rng.choice(self._rather([each for each in there if self._is_broken(each)], there))
        right = f"0x{self.whole.devices[address].vendor_id}\n".encode()
        broken = os.fsencode(self._rng.choice(["", "0x\n", "\0\0", "nonsense\n"]))
        self._tree.write(address, "vendor", content=right if self._is_broken(address) else broken)
        return [address]

    def _is_broken(self, address: PciAddress) -> bool:
        path = self._tree.directory_of(address) / "vendor"
        return path.read_text() != f"0x{self.whole.devices[address].vendor_id}\n"

    def _rather(self, amiss: Sequence[Item], others: Sequence[Item]) -> Sequence[Item]:
        """What is amiss, mostly, where anything is: so that the machine is whole more often than not."""
        return amiss if amiss and self._rng.random() < 0.8 else others
