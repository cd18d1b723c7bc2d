# SPDX-License-Identifier: Apache-2.0
"""tests.lab.emulator: what it asks of a QEMU, with a stand-in that says what QEMU says."""

from pathlib import Path

from tests.lab.emulator import Emulator, missing

QEMU = """#!/bin/sh
case "$*" in
    *igb,help*) echo "  mac=<str>";;
    *virtio-net-pci,help*) echo "  sriov-pf=<str>"; echo "  other=<str>";;
    *nvme,help*) echo "  sriov_max_vfs=<uint16>";;
    *intel-iommu,help*) echo "  caching-mode=<bool>";;
    *pxb-pcie,help*) echo "  numa_node=<uint16>";;
    *-help*) echo "-run-with [chroot=dir][,exit-with-parent=on|off]";;
esac
"""


def emulator(root: Path, says: str) -> Emulator:
    """QEMU is started by its own system's loader: here that is all there is."""
    loader = root / "usr/lib64/ld-linux-x86-64.so.2"
    loader.parent.mkdir(parents=True)
    loader.write_text(says)
    loader.chmod(0o755)
    return Emulator(root, "11")


def test_a_qemu_with_all_that_is_needed_lacks_nothing(tmp_path: Path) -> None:
    assert list(missing(emulator(tmp_path, QEMU))) == []


def test_what_a_qemu_lacks_is_named(tmp_path: Path) -> None:
    older = QEMU.replace("exit-with-parent", "async-teardown").replace("sriov-pf=", "x-sriov-pf=")
    assert list(missing(emulator(tmp_path, older))) == ["virtio-net-pci sriov-pf", "-run-with exit-with-parent"]
