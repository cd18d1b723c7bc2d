# SPDX-License-Identifier: Apache-2.0
"""`pcipt capture` on kernel-shaped trees: the text runs as the host itself does."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pcipt_agent.readers import reader_at
from pcipt_agent.views.description import parse_description
from tests.support.hosttree import HostTree, directory_in_memory
from tests.support.inside import pcipt_inside

CHECKOUT = Path(__file__).parents[2]
MACHINES = [CHECKOUT / "etc/pcipt-agent/example.host", *sorted((CHECKOUT / "tests/hosts").glob("*.host"))]


@pytest.fixture
def root() -> Iterator[Path]:
    with directory_in_memory() as directory:
        yield directory


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.stem)
def test_a_captured_host_runs_as_the_host_itself(path: Path, root: Path, tmp_path: Path) -> None:
    host = parse_description(path.read_text(), str(path))
    HostTree(root, host)
    done = pcipt_inside("capture", "--host", str(root), "--output", str(tmp_path / "rack7.host"))
    assert (done.returncode, done.stdout) == (0, "")
    assert reader_at(tmp_path / "rack7.host").read() == reader_at(root).read() == host
    (tmp_path / "any.conf").write_text("[pci]\ndevice_spec = {}\n")
    listed = [
        pcipt_inside("devices", "--host", str(where), "--config-file", str(tmp_path / "any.conf"))
        for where in (root, tmp_path / "rack7.host")
    ]
    assert listed[0] == listed[1]


def test_without_output_the_text_is_printed(root: Path) -> None:
    host = parse_description(MACHINES[0].read_text(), "a.host")
    HostTree(root, host)
    (root / "proc/sys/kernel/osrelease").write_text("6.12.48+deb13-amd64\n")
    done = pcipt_inside("capture", "--host", str(root))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"from {root}, kernel 6.12.48+deb13-amd64.\n" in done.stdout
    assert parse_description(done.stdout, "a.host") == host


def test_a_description_can_be_captured_for_a_public_report() -> None:
    done = pcipt_inside("capture", "--host", str(MACHINES[0]), "--without-serials")
    assert done.returncode == 0
    assert "MT2042X08513" in MACHINES[0].read_text()
    assert "b8:59:9f" in MACHINES[0].read_text()
    for secret in ("MT2042X08513", "b8:59:9f", "1b4e28ba"):
        assert secret not in done.stdout


def test_this_machine_can_be_captured() -> None:
    done = pcipt_inside("capture")
    assert done.returncode == 0
    described = parse_description(done.stdout, "a.host").devices
    assert [str(address) for address in described] == sorted(path.name for path in Path("/sys/bus/pci/devices").iterdir())


def test_a_file_that_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.host").write_text("evidence")
    done = pcipt_inside("capture", "--host", str(MACHINES[0]), "--output", str(tmp_path / "a.host"))
    assert done.returncode == 2
    assert done.stderr == f"pcipt: {tmp_path}/a.host: is already there; name another file, or remove it first\n"
    assert (tmp_path / "a.host").read_text() == "evidence"


@pytest.mark.parametrize(
    ("output", "complaint"), [("/nowhere/a.host", "No such file or directory"), ("/dev/full", "is already there")]
)
def test_a_file_that_can_not_be_made_is_named(output: str, complaint: str) -> None:
    done = pcipt_inside("capture", "--host", str(MACHINES[0]), "--output", output)
    assert done.returncode == 2
    assert done.stderr.startswith(f"pcipt: {output}: {complaint}")


def test_a_host_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    done = pcipt_inside("capture", "--host", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(tmp_path) in done.stderr
