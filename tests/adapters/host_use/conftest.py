# SPDX-License-Identifier: Apache-2.0
"""An empty tree, one with a network card, one with a disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.host_use.seen import DISK, NIC, directory_of
from tests.support.hosttree import directory_in_memory
from tests.support.in_use import InUse


@pytest.fixture
def root() -> Iterator[Path]:
    with directory_in_memory() as directory:
        (directory / "sys/class/net").mkdir(parents=True)
        yield directory


@pytest.fixture
def used(root: Path) -> InUse:
    return InUse(root)


@pytest.fixture
def nic(root: Path, used: InUse) -> str:
    used.add_netdev(directory_of(root, NIC), "eth0")
    return "eth0"


@pytest.fixture
def disk(root: Path, used: InUse) -> str:
    used.add_disk(directory_of(root, DISK) / "ata1/host0/target0:0:0/0:0:0:0", "sda")
    return "sda"
