# SPDX-License-Identifier: Apache-2.0
"""Two drivers of Debian's kernel that Debian does not build: vp_vdpa, and the variant driver virtio_vfio_pci.

Each is one folder of the kernel's source, built against the headers of the very kernel that the host boots.

Does not know: the host's system, which takes them into its /lib/modules.
Source: drivers/vdpa/virtio_pci and drivers/vfio/pci/virtio of Linux 6.12; Documentation/kbuild/modules.rst.
"""

from pathlib import Path

from tests.lab.cache import cached, directory
from tests.lab.chroots import BuildFailed, Chroot

NAMES = ("vp_vdpa", "virtio_vfio_pci")

_SCRIPT = """
cd /tmp/modules
tar --extract --strip-components=1 --file=$(echo /usr/src/linux-source-*.tar.xz) --wildcards \\
    '*/drivers/vdpa/virtio_pci/*' '*/drivers/vfio/pci/virtio/*'
headers=$(echo /lib/modules/*/build)
echo 'obj-m += vp_vdpa.o' > drivers/vdpa/virtio_pci/Makefile
printf 'obj-m += virtio_vfio_pci.o\\nvirtio_vfio_pci-y := main.o\\n' > drivers/vfio/pci/virtio/Makefile
make -C $headers M=$PWD/drivers/vdpa/virtio_pci modules
make -C $headers M=$PWD/drivers/vfio/pci/virtio modules
strip --strip-debug drivers/vdpa/virtio_pci/vp_vdpa.ko drivers/vfio/pci/virtio/virtio_vfio_pci.ko
mv drivers/vdpa/virtio_pci/vp_vdpa.ko drivers/vfio/pci/virtio/virtio_vfio_pci.ko .
rm -r drivers
"""


def modules(builder: Chroot) -> Path:
    """A directory with the drivers' .ko files, made on first use."""

    def build(at: Path) -> None:
        builder.bound(at, "/tmp/modules").run(_SCRIPT)

    return cached("modules", [str(builder.root), _SCRIPT], build=build, about=f"the drivers {' and '.join(NAMES)}")


def check_version(built: Path, *, kernel: str) -> None:
    """BuildFailed where the drivers are for another kernel than this: Debian released a new one between two parts of the lab."""
    for module in built.glob("*.ko"):
        if f"vermagic={kernel} ".encode() not in module.read_bytes():
            remedy = " ".join(["rm -r", *(f"{directory()}/{kind}-*" for kind in ("debian", "builder", "modules"))])
            raise BuildFailed(
                f"{module.name} was built for another kernel than {kernel}; run this, and the command again: {remedy}"
            )
