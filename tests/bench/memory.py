# SPDX-License-Identifier: Apache-2.0
"""How much memory the daemon has needed at its highest, serving a host of so many functions; beside it what its imports alone need.

The kernel's own account (VmHWM in proc/PID/status) of a real daemon that has read a kernel-shaped tree and answered.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.support.hosttree import HostTree
from tests.support.machines import sriov_host
from tests.support.running import configured, running_agent

LIMIT_MIB = 90.0
IMPORTS = "import pcipt_agent.daemon; print(open('/proc/self/status').read())"
RULES = 'device_spec = {"vendor_id": "15b3", "product_id": "101e"}\n'


@dataclass(frozen=True, slots=True)
class MemoryRow:
    """Peak resident set sizes, in MiB."""

    functions: int
    daemon_mib: float
    imports_mib: float


def memory_row(directory: Path, functions: int) -> MemoryRow:
    """`directory` is an empty one, for the tree and the agent."""
    host = sriov_host(functions)
    root = directory / "root"
    HostTree(root, host)
    imports = subprocess.run([sys.executable, "-c", IMPORTS], check=True, capture_output=True, text=True).stdout
    with running_agent(configured(directory, root, RULES)) as agent:
        assert agent.pcipt("pools", "--format", "json").returncode == 0
        status = Path(f"/proc/{agent.process.pid}/status").read_text()
    return MemoryRow(functions=functions, daemon_mib=_peak_mib(status), imports_mib=_peak_mib(imports))


def _peak_mib(status: str) -> float:
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) / 1024
