# SPDX-License-Identifier: Apache-2.0
"""Names and paths that the host has given: as text that can be answered, and the functions that a path under /sys leads through.

A device belongs to the last function in its path: those before it are the bridges above. But a function that has a root bus of its
own below it (Intel's VMD) is the way to whatever is there, and no bridge that would be refused as such.

Does not know: where a name was read, what it is used for.
Source: Documentation/admin-guide/sysfs-rules.rst; drivers/pci/controller/vmd.c; drivers/nvme/host/multipath.c.
"""

import re
from typing import NamedTuple

_FUNCTION = re.compile(r"(?<=/)[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?=/|$)")
_ABOVE_A_ROOT_BUS = re.compile(r"(?<=/)[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?=/pci[0-9a-f]{4,}:[0-9a-f]{2}/)")
_NVME_HEAD = re.compile(r"/nvme-subsystem/(nvme-subsys[0-9]+)/nvme([0-9]+)n([0-9]+)(?=/|$)")


class NvmeHead(NamedTuple):
    """A namespace that several controllers of one subsystem may reach; its disk is none of theirs."""

    subsystem: str
    instance: str
    namespace: str

    def path_of(self, controller: str) -> str:
        """The disk by which the controller (nvme3, say) reaches it: nvme0c3n1 (nvme_mpath_set_disk_name)."""
        return f"nvme{self.instance}c{controller.removeprefix('nvme')}n{self.namespace}"


def shown(name: str) -> str:
    """As one line of text that can be answered: what is no letter or sign is escaped, as are octets that are no UTF-8."""
    text = name.encode(errors="backslashreplace").decode()
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def name_of(octets: bytes) -> str:
    """As `os` writes the name of a file."""
    return octets.decode(errors="surrogateescape")


def rank(name: str) -> tuple[int, str]:
    """Orders eth2 before eth10, and `/` before `/boot`."""
    return len(name), name


def functions_in(path: str) -> tuple[str, ...]:
    """The functions that serve what `path` leads to, by name; none for a virtual device."""
    return tuple(dict.fromkeys([*_FUNCTION.findall(path)[-1:], *_ABOVE_A_ROOT_BUS.findall(path)]))


def nvme_head_in(path: str) -> NvmeHead | None:
    """What a disk, or a partition of it, is where nvme's own multipath is over it."""
    parts = _NVME_HEAD.search(path)
    return None if parts is None else NvmeHead(parts[1], parts[2], parts[3])
