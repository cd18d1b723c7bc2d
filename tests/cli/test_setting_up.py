# SPDX-License-Identifier: Apache-2.0
"""`pcipt set-up` as it is typed, over a kernel-shaped tree: what it prints, its exit codes, one at a time."""

import fcntl
import json
import subprocess
from pathlib import Path

import pytest

from pcipt_agent.core.address import PciAddress
from tests.support.kernel_settings import ObeyingKernel, pf
from tests.support.running import pcipt, program

NIC = PciAddress(0, 0x3B, 0, 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host with a PF; what is written stays written, and nothing else happens."""
    ObeyingKernel(tmp_path, pf(NIC, vfs=0))
    (tmp_path / "etc/pcipt-agent").mkdir(parents=True)
    return tmp_path


def wished(root: Path, text: str) -> Path:
    path = root / "etc/pcipt-agent/devices.conf"
    path.write_text(text)
    return path


def num_vfs(root: Path) -> str:
    return (root / "sys/bus/pci/devices/0000:3b:00.0/sriov_numvfs").read_text().strip()


def test_what_was_done_is_a_table_and_a_second_time_it_is_already_so(root: Path) -> None:
    wished(root, "[0000:3b:00.0]\nvfs = 4\n")
    done = pcipt("set-up", "--root", str(root))
    assert (done.returncode, num_vfs(root)) == (0, "4")
    assert done.stdout.splitlines()[1].split() == ["done", "0000:3b:00.0", "vfs", "=", "4"]
    assert "already" in pcipt("set-up", "--root", str(root)).stdout


def test_a_dry_run_changes_nothing(root: Path) -> None:
    wished(root, "[0000:3b:00.0]\nvfs = 4\n")
    done = pcipt("set-up", "--root", str(root), "--dry-run", "--format", "json")
    assert json.loads(done.stdout) == {
        "dry_run": True,
        "done": [{"outcome": "would", "address": "0000:3b:00.0", "wish": "vfs = 4", "note": ""}],
    }
    assert num_vfs(root) == "0"


def test_what_can_not_be_set_up_is_said_and_the_exit_code_tells(root: Path) -> None:
    wished(root, "[0000:3b:00.0]\nvfs = 9\n")
    done = pcipt("set-up", "--root", str(root))
    assert done.returncode == 1
    assert "failed  0000:3b:00.0  vfs = 9  it can have 8 VFs at most" in done.stdout


def test_only_the_function_that_is_named_is_set_up(root: Path) -> None:
    wished(root, "[0000:3b:00.0]\nvfs = 4\n")
    done = pcipt("set-up", "--root", str(root), "0000:3b:00.1")
    assert (done.returncode, done.stdout, num_vfs(root)) == (0, "nothing to do\n", "0")


def test_a_mistake_in_the_file_is_said_before_anything_is_written(root: Path) -> None:
    wished(root, "[0000:3b:00.0]\nvfs = 4\n[0000:3b:00.1]\nvfss = 4\n")
    done = pcipt("set-up", "--root", str(root))
    assert (done.returncode, num_vfs(root)) == (2, "0")
    assert 'vfss: no such option; did you mean "vfs"?' in done.stderr


def test_a_second_one_waits_for_the_first(root: Path) -> None:
    path = wished(root, "[0000:3b:00.0]\nvfs = 4\n")
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        process = subprocess.Popen([program("pcipt"), "set-up", "--root", str(root)], stdout=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1.5)
        assert num_vfs(root) == "0"
    assert process.wait(60) == 0
    assert num_vfs(root) == "4"
