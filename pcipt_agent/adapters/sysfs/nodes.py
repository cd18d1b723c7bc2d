# SPDX-License-Identifier: Apache-2.0
"""The host's NUMA nodes: which CPUs each has, and the socket they are in; and the boot that this is.

Does not know: devices.
Source: Documentation/ABI: testing/sysfs-devices-system-cpu, stable/sysfs-devices-node.
"""

import os
import re
from pathlib import Path

from pcipt_agent.adapters.sysfs.files import bytes_of, why
from pcipt_agent.core.host import NumaNode
from pcipt_agent.errors import HostError
from pcipt_agent.views.cpus import parse_cpus

_NODE = re.compile(r"node[0-9]+")


def read_cpulists(root: Path) -> dict[int, bytes]:
    """NUMA node → its `cpulist`; empty for a kernel without NUMA."""
    path = root / "sys/devices/system/node"
    try:
        names = [name for name in os.listdir(path) if _NODE.fullmatch(name)]
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise HostError(str(path), why(error)) from error
    found = {int(name.removeprefix("node")): bytes_of(path / name / "cpulist") for name in names}
    return dict(sorted(found.items()))


def numa_node(root: Path, node: int, cpulist: bytes) -> NumaNode:
    """A list that can't be understood is a node without CPUs: its devices are still devices."""
    try:
        cpus = parse_cpus(cpulist.decode("ascii").strip())
    except ValueError:
        cpus = frozenset()
    cpu_path = f"{root}/sys/devices/system/cpu/cpu"  # a text: a host has hundreds of CPUs, and Path takes longer than the reading
    sockets = {bytes_of(f"{cpu_path}{cpu}/topology/physical_package_id").strip() for cpu in cpus}
    socket = sockets.pop() if len(sockets) == 1 else b""
    return NumaNode(node, cpus, int(socket) if socket.isdigit() and len(socket) < 10 else None)


def read_boot_id(root: Path) -> str:
    """Raises HostError where it can't be read: without it nobody knows which promises are of this boot."""
    path = root / "proc/sys/kernel/random/boot_id"
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(str(path), why(error)) from error
