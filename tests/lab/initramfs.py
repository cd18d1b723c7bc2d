# SPDX-License-Identifier: Apache-2.0
"""The compute host's initramfs: busybox, the root disk's drivers, and an init that goes on to the real one.

Debian's own would start udev and unpack 30 MB first; emulated, that is a third of the way to systemd.

Does not know: the system that it starts.
Source: Documentation/filesystems/ramfs-rootfs-initramfs.rst.
"""

from pathlib import Path

from tests.lab.debians import kernel_version
from tests.lab.guest_files import Entry, archive, module_entries

_MODULES = ("virtio_blk", "crc32c_generic", "ext4")
"""crc32c: ext4 asks for it by the name of the algorithm."""

_INIT = f"""#!/bin/busybox sh
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox modprobe -a {" ".join(_MODULES)}
/bin/busybox mkdir -p /root
until /bin/busybox mount -t ext4 -o rw /dev/vda /root; do /bin/busybox sleep 0.1; done
/bin/busybox mount -o move /dev /root/dev
exec /bin/busybox switch_root /root /sbin/init
"""


def initramfs(root: Path) -> bytes:
    """The archive as the kernel unpacks it, from what is installed in `root`."""
    busybox = Entry("bin/busybox", (root / "usr/bin/busybox").read_bytes(), executable=True)
    init = Entry("init", _INIT.encode(), executable=True)
    return archive([busybox, init, *module_entries(root / "usr/lib/modules" / kernel_version(root), _MODULES)])
