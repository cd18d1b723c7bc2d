# SPDX-License-Identifier: Apache-2.0
"""A disk that is put into the empty slot of a host that runs: virtio's, over a file of this machine, of ids that an entry lists.

Does not know: what the host does with it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.lab.hardware import Part
from tests.lab.host import LabHost
from tests.lab.waiting import await_equal

_OCTETS = 64 * 2**20
_NODE = "lab-disk"
_UNUSED = "swapoff -a; dmsetup remove_all; umount -q /dev/{name}"


@dataclass(frozen=True, slots=True)
class Disk:
    """Of its function the address, and of its block device the name: vdb."""

    address: str
    name: str


@contextmanager
def disk_in_slot(host: LabHost) -> Iterator[Disk]:
    """It goes at the end, whatever the host uses it for by then, and its file with it."""
    file = host.plug.directory / "disk.img"
    with file.open("wb") as image:
        image.truncate(_OCTETS)
    host.monitor.execute("blockdev-add", {"driver": "file", "node-name": _NODE, "filename": str(file)})
    try:
        host.monitor.add(Part("virtio-blk-pci", "disk", "port-slot", (("drive", _NODE), ("disable-legacy", "off"))).said())
        disk = Disk(host.address("disk"), "vdb")
        here = f"ls /sys/bus/pci/devices/{disk.address}/virtio*/block || :"
        await_equal(lambda: host.shell(here).split(), [disk.name])
        yield disk
    finally:
        host.run("sh", "-c", _UNUSED.format(name="vdb"), check=False)
        if "disk" in host.addresses():
            host.pull("disk")
        host.monitor.execute("blockdev-del", {"node-name": _NODE})
        file.unlink()
