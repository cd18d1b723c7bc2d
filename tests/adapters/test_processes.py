# SPDX-License-Identifier: Apache-2.0
"""Who has a device's vfio nodes open, in a tree of processes as /proc shows them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pcipt_agent.adapters.processes import ProcfsReader
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.ports import Held, NotHeld, Unknown
from tests.support.hosttree import directory_in_memory

VF = Device(
    address=PciAddress(0, 0x3B, 0, 2),
    device_type=DeviceType.VF,
    vendor_id="8086",
    product_id="1889",
    driver="vfio-pci",
    vfio_driver=True,
    iommu_group=12,
)
NOBODY = 65534


def process(root: Path, pid: int, *links: str) -> Path:
    """A process with these descriptors open."""
    directory = root / "proc" / str(pid) / "fd"
    directory.mkdir(parents=True)
    for number, link in enumerate(links):
        (directory / str(number)).symlink_to(link)
    return directory


def module(root: Path, *, references: str | None) -> None:
    """vfio-pci as a module that says so many references; None: built in."""
    driver = root / "sys/bus/pci/drivers/vfio-pci"
    driver.mkdir(parents=True)
    if references is not None:
        (root / "sys/module/vfio_pci").mkdir(parents=True)
        (root / "sys/module/vfio_pci/refcnt").write_text(references)
        (driver / "module").symlink_to("../../../../module/vfio_pci")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    process(tmp_path, 1, "/dev/null", "socket:[1]")
    return tmp_path


@pytest.mark.parametrize(
    "link", ["/dev/vfio/12", "/dev/vfio/12 (deleted)", "/run/libvirt/qemu/1-g.dev/vfio/12", "/dev/vfio/noiommu-12"]
)
def test_a_process_with_the_group_s_node_open_holds_the_device(root: Path, link: str) -> None:
    module(root, references="3\n")
    process(root, 42, "/dev/vfio/vfio", link)
    process(root, 7, "/dev/vfio/vfio", "/dev/vfio/1", "/dev/vfio/112")
    assert ProcfsReader(root).holding(VF) == Held((42,))


def test_a_process_with_the_device_s_own_node_open_holds_it(root: Path) -> None:
    module(root, references="3\n")
    (root / "sys/bus/pci/devices/0000:3b:00.2/vfio-dev/vfio5").mkdir(parents=True)
    process(root, 42, "/dev/iommu", "/dev/vfio/devices/vfio5")
    process(root, 43, "/dev/vfio/devices/vfio55")
    process(root, 99, "/dev/vfio/devices/vfio5")
    assert ProcfsReader(root).holding(VF) == Held((42, 99))


def test_nobody_holds_a_device_whose_nodes_are_open_nowhere(root: Path) -> None:
    module(root, references="3\n")
    process(root, 42, "/dev/vfio/vfio", "/dev/vfio/13")
    assert ProcfsReader(root).holding(VF) == NotHeld()


def test_nobody_holds_a_device_that_no_vfio_driver_is_bound_to(root: Path) -> None:
    process(root, 42, "/dev/vfio/12")
    for driver in ("igbvf", None):
        device = Device(
            address=VF.address, device_type=DeviceType.VF, vendor_id="8086", product_id="1889", driver=driver, iommu_group=12
        )
        assert ProcfsReader(root).holding(device) == NotHeld()


def test_a_driver_without_references_has_no_device_open_whoever_may_look(root: Path) -> None:
    module(root, references="0\n")
    assert ProcfsReader(root).holding(VF) == NotHeld()


@pytest.mark.parametrize("references", ["1\n", "-1\n", "", None])
def test_where_not_all_processes_are_shown_nobody_can_tell(tmp_path: Path, references: str | None) -> None:
    module(tmp_path, references=references)
    process(tmp_path, 4711, "/dev/null")
    assert ProcfsReader(tmp_path).holding(VF) == Unknown(f"{tmp_path / 'proc'} does not show all processes")


def test_without_proc_nobody_can_tell(tmp_path: Path) -> None:
    module(tmp_path, references="1\n")
    assert ProcfsReader(tmp_path).holding(VF) == Unknown(f"{tmp_path / 'proc'}: No such file or directory")


def test_a_process_that_has_ended_meanwhile_holds_nothing(root: Path) -> None:
    module(root, references="1\n")
    (root / "proc/42").mkdir()
    assert ProcfsReader(root).holding(VF) == NotHeld()


def as_nobody(root: Path) -> str:
    """What the reader says to a user who may not look into everybody's processes."""
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from pcipt_agent.adapters.processes import ProcfsReader\n"
        "from tests.adapters.test_processes import VF\n"
        f"reader = ProcfsReader(Path({str(root)!r}))\n"
        "reader.holding(VF)  # what Python loads when it is used may be out of the other user's reach\n"
        f"os.geteuid() or os.setuid({NOBODY})\n"
        "print(reader.holding(VF))\n"
    )
    command = [sys.executable, "-c", program]
    told = subprocess.run(command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


@pytest.mark.parametrize(
    ("references", "said"),
    [("0\n", "NotHeld()"), ("2\n", 'Unknown(why="the descriptors of some processes can\'t be read")')],
)
def test_where_descriptors_can_not_be_read_the_driver_s_module_is_asked(references: str, said: str) -> None:
    with directory_in_memory() as root:
        root.chmod(0o755)
        process(root, 1, "/dev/null")
        module(root, references=references)
        directory = process(root, 42, "/dev/vfio/12")
        directory.chmod(0)
        assert as_nobody(root) == said
        directory.chmod(0o755)


def test_a_process_that_can_not_be_looked_into_for_another_reason_leaves_it_open(root: Path) -> None:
    module(root, references="1\n")
    (root / "proc/42").mkdir()
    (root / "proc/42/fd").write_text("ENOTDIR, as ENOMEM and EMFILE would be")
    assert ProcfsReader(root).holding(VF) == Unknown("the descriptors of some processes can't be read")


def test_an_open_file_is_found_among_this_machine_s_own_processes(tmp_path: Path) -> None:
    module(tmp_path, references="1\n")
    (tmp_path / "proc").symlink_to("/proc")
    node = tmp_path / "dev/vfio/12"
    node.parent.mkdir(parents=True)
    node.touch()
    reader = ProcfsReader(tmp_path)
    with node.open("rb"):
        assert reader.holding(VF) == Held((os.getpid(),))
    assert not isinstance(reader.holding(VF), Held)
