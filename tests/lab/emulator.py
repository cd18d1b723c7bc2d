# SPDX-License-Identifier: Apache-2.0
"""The QEMU that emulates the compute host: one that knows SR-IOV, from Debian's next release.

igb (a NIC with VFs) came with QEMU 8, and VFs of virtio-net with 11; Debian 13 has 10. So it comes from a system of its own in the
cache, and is started by that system's own loader and libraries: it sees this machine's files under their own names, needs no root,
and is one process, which is what a power cut kills.

Does not know: machines, disks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.lab.cache import cached
from tests.lab.chroots import BuildFailed, bootstrap, checked

SUITE = "forky"
PACKAGES = ("qemu-system-x86", "qemu-utils")

_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_DATA = ("usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu")
_NEEDED = {"igb": "", "virtio-net-pci": "sriov-pf", "nvme": "sriov_max_vfs", "intel-iommu": "caching-mode", "pxb-pcie": "numa_node"}
"""Device → the property of it that the lab's machines need."""

_OPTION = "exit-with-parent"
"""Of -run-with: no machine outlives who has switched it on."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """QEMU in the directory of a Debian; `version` as it says it: 11.1.0."""

    root: Path
    version: str

    def command(self, *arguments: str) -> list[str]:
        """The command line of an emulated machine with these arguments."""
        data = [word for each in _DATA for word in ("-L", str(self.root / each))]
        return [*_program(self.root, "qemu-system-x86_64"), *data, *arguments]

    def disk_tool(self, *arguments: str) -> list[str]:
        """The command line of its qemu-img."""
        return [*_program(self.root, "qemu-img"), *arguments]

    def overlay(self, disk: Path, *, at: Path) -> Path:
        """A new disk at `at` that keeps what is written, on the raw `disk`, which is only read."""
        checked(self.disk_tool("create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(disk), str(at)))
        return at


def emulator() -> Emulator:
    """The emulator, made on first use; BuildFailed where the version that Debian has now lacks what the lab needs."""
    inputs = [SUITE, *PACKAGES, repr(_NEEDED), _OPTION]
    root = cached("emulator", inputs, build=_make, about=f"the emulator, QEMU of Debian {SUITE}")
    return Emulator(root, _version(root))


def _make(root: Path) -> None:
    bootstrap(root, SUITE, packages=PACKAGES)
    if lacking := list(missing(Emulator(root, _version(root)))):
        raise BuildFailed(f"QEMU {_version(root)} of Debian {SUITE} has no {', '.join(lacking)}, which the lab's machines need")


def missing(found: Emulator) -> Iterator[str]:
    """What the lab's machines need and this QEMU has not."""
    for device, prop in _NEEDED.items():
        known = checked(found.command("-machine", "q35", "-device", f"{device},help"))
        if not re.search(rf"^\s*{prop}=" if prop else "", known, re.MULTILINE):
            yield f"{device} {prop}".strip()
    if _OPTION not in checked(found.command("-help")):
        yield f"-run-with {_OPTION}"


def _version(root: Path) -> str:
    said = checked([*_program(root, "qemu-system-x86_64"), "-version"])
    found = re.search(r"version (\S+)", said)
    return found.group(1) if found else said.strip()


def _program(root: Path, name: str) -> list[str]:
    loader = root / "usr/lib64/ld-linux-x86-64.so.2"
    return [str(loader), "--library-path", str(root / _LIBRARIES), str(root / "usr/bin" / name)]
