# SPDX-License-Identifier: Apache-2.0
"""Which reader a root asks for: a directory is a tree as the kernel shows it, a file describes a host.

Daemon and command line choose by it alike, and it is here because adapters do not know each other.

Does not know: what is read.
"""

from pathlib import Path

from pcipt_agent.adapters.described import DescribedReader
from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.ports import HostReader


def reader_at(root: Path) -> HostReader:
    """The reader of the host at `root`; nothing is read yet."""
    return SysfsReader(root) if root.is_dir() else DescribedReader(root)
