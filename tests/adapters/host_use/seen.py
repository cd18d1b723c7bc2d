# SPDX-License-Identifier: Apache-2.0
"""Where functions are in a tree, and what is found of their use.

Does not know: what is right.
"""

from pathlib import Path

from pcipt_agent.adapters.sysfs.host_use import host_uses

NIC, DISK, OTHER = "0000:3b:00.0", "0000:00:17.0", "0000:5e:00.0"


def directory_of(root: Path, name: str) -> Path:
    return root / "sys/devices" / f"pci{name[:7]}" / name


def found(root: Path) -> dict[str, list[str]]:
    """Function → kind and words of each use."""
    return {name: [f"{use.kind}: {use.detail}" for use in uses] for name, uses in host_uses(root).items()}
