# SPDX-License-Identifier: Apache-2.0
"""What may be written below /sys, and how it is refused; of the real one and of the one that obeys in tests."""

from pathlib import Path

import pytest

from pcipt_agent.adapters.kernel_settings import SysfsSettings
from pcipt_agent.core.address import PciAddress
from pcipt_agent.errors import HostError
from pcipt_agent.ports import KernelSettings
from tests.support.kernel_settings import ObeyingKernel, pf

DEVICE = "bus/pci/devices/0000:3b:00.0"


@pytest.fixture(params=["sysfs", "obeying"])
def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> KernelSettings:
    obeying = ObeyingKernel(tmp_path, pf(PciAddress(0, 0x3B, 0, 0)))
    return SysfsSettings(tmp_path) if request.param == "sysfs" else obeying


def test_what_is_written_is_what_is_read(kernel: KernelSettings) -> None:
    kernel.write(f"{DEVICE}/driver_override", "vfio-pci")
    assert kernel.read(f"{DEVICE}/driver_override") == "vfio-pci"
    kernel.write(f"{DEVICE}/driver_override", "x")
    assert kernel.read(f"{DEVICE}/driver_override") == "x"


def test_a_link_is_told_by_its_last_part_and_what_is_no_link_has_no_goal(kernel: KernelSettings) -> None:
    assert kernel.goal(f"{DEVICE}/driver") == "mlx5_core"
    assert kernel.goal(f"{DEVICE}/physfn") is None
    assert kernel.goal(f"{DEVICE}/vendor") is None


def test_what_is_not_there_is_nothing_to_read_and_is_never_made(kernel: KernelSettings) -> None:
    path = f"{DEVICE}/no_such_file"
    assert kernel.read(path) is None
    assert not kernel.is_there(path)
    with pytest.raises(HostError, match=r"no_such_file: would not take '1': No such file or directory"):
        kernel.write(path, "1")
    assert not kernel.is_there(path)


def test_a_directory_can_not_be_written(kernel: KernelSettings) -> None:
    with pytest.raises(HostError, match="would not take '1': Is a directory"):
        kernel.write("bus/pci/devices", "1")
    with pytest.raises(HostError, match="can't be read: Is a directory"):
        kernel.read("bus/pci/devices")


def test_a_module_or_vdpa_device_that_can_not_be_is_refused_by_name(kernel: KernelSettings) -> None:
    with pytest.raises(HostError, match="no-such"):
        kernel.load_module("no-such")
    with pytest.raises(HostError, match="vdpa dev add name v0"):
        kernel.add_vdpa("v0", "pci/0000:00:00.0")
