# SPDX-License-Identifier: Apache-2.0
"""`pcipt doctor` on trees, descriptions and this machine: it always answers, and its exit code says whether there is a problem."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pcipt_agent.views.description import description_of, parse_description
from tests.support.demo import CONSUMER
from tests.support.hosttree import HostTree, directory_in_memory
from tests.support.inside import pcipt_inside
from tests.support.running import configured, pcipt, program, running_agent

CHECKOUT = Path(__file__).parents[2]
EXAMPLE = CHECKOUT / "etc/pcipt-agent/example.host"
RULES = """\
device_spec = {"vendor_id": "15b3", "product_id": "101e"}
alias = {"name": "a1", "vendor_id": "15b3", "product_id": "101e", "device_type": "type-VF"}
"""


@pytest.fixture
def root() -> Iterator[Path]:
    """A host that has all that is needed."""
    with directory_in_memory() as directory:
        HostTree(directory, parse_description(EXAMPLE.read_text(), "a.host"))
        write(directory, "proc/cmdline", "root=/dev/sda1 intel_iommu=on\n")
        write(directory, "proc/cpuinfo", "vendor_id\t: GenuineIntel\n")
        write(directory, "proc/sys/kernel/osrelease", "6.12.48\n")
        write(directory, "sys/firmware/acpi/tables/DMAR", "")
        yield directory


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "a.conf"
    path.write_text(f"[pci]\n{RULES}")
    return path


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def findings(*words: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The exit code, and the findings of each check."""
    done = pcipt_inside("doctor", "--format", "json", *words)
    assert done.stderr == ""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in json.loads(done.stdout)["findings"]:
        found.setdefault(each["check"], []).append(each)
    assert json.loads(done.stdout)["content"] == (done.returncode == 0)
    return done.returncode, found


def verdicts(found: dict[str, list[dict[str, Any]]]) -> dict[str, set[str]]:
    return {check: {each["verdict"] for each in those} for check, those in found.items()}


def test_a_host_that_has_all_of_it_is_content(root: Path, config_file: Path) -> None:
    code, found = findings("--host", str(root), "--config-file", str(config_file))
    assert code == 0
    assert verdicts(found) == {
        "firmware": {"ok"},
        "kernel-command-line": {"ok"},
        "iommu-groups": {"ok"},
        "vfio-pci": {"ok"},
        "configuration": {"ok"},
        "devices": {"ok"},
        "versions": {"could-not-tell"},
        "this-machine": {"could-not-tell"},
    }


def test_a_problem_is_the_exit_code_and_has_its_command(root: Path, config_file: Path) -> None:
    for group in root.glob("sys/bus/pci/devices/*/iommu_group"):
        group.unlink()
    (root / "sys/firmware/acpi/tables/DMAR").unlink()
    write(root, "proc/cmdline", "quiet\n")
    code, found = findings("--host", str(root), "--config-file", str(config_file))
    assert code == 1
    for check in ("firmware", "kernel-command-line", "iommu-groups", "devices"):
        assert verdicts(found)[check] == {"problem"}, check
        assert all(each["mend"] for each in found[check])


def test_a_configuration_that_this_user_may_not_read_is_no_fault_of_it_and_the_machine_is_examined(tmp_path: Path) -> None:
    """Whoever is called at night may be no member of the agent's group."""
    config_file = tmp_path / "closed.conf"
    config_file.write_text("[DEFAULT]\n")
    config_file.chmod(0o000)
    tmp_path.chmod(0o755)
    code = (
        "import os, sys; from pcipt_agent.cli import run; run(sys.argv[1:])\n"  # imports what nobody else may read
        "sys.stdout.write('\\x1e')\n"
        "if os.geteuid() == 0:\n    os.setuid(65534)\n"
        "sys.exit(run(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", code, "doctor", "--format", "json", "--config-file", str(config_file)]
    done = subprocess.run(command, cwd="/", check=False, capture_output=True, text=True, timeout=60)
    found = {each["check"]: each for each in json.loads(done.stdout.rpartition("\x1e")[2])["findings"]}
    assert (found["configuration"]["verdict"], found["configuration"]["mend"]) == ("could-not-tell", "sudo pcipt doctor")
    assert "permission denied" in found["configuration"]["seen"]
    assert {"unit", "user", "state-directory", "socket", "libvirt", "agent", "journal"} <= found.keys()


def test_every_fault_has_a_command_and_the_text_shows_it(root: Path, config_file: Path) -> None:
    (root / "sys/firmware/acpi/tables/DMAR").unlink()
    words = ("doctor", "--host", str(root), "--config-file", str(config_file))
    done = pcipt_inside(*words)
    told = json.loads(pcipt_inside(*words, "--format", "json").stdout)["findings"]
    assert all(each["mend"] for each in told if each["verdict"] in ("problem", "warning"))
    for each in told:
        assert each["seen"] in done.stdout
        assert each["mend"] is None or each["mend"] in done.stdout
    assert done.stdout.splitlines()[-1].endswith(" ok")


def test_mistakes_in_the_configuration_are_findings_and_the_rest_is_said_all_the_same(root: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.conf").write_text('[pci]\ndevice_spec = {"vendor": "15b3"}\nalias = {"nam": "a1"}\n')
    code, found = findings("--host", str(root), "--config-file", str(tmp_path / "bad.conf"))
    assert code == 1
    assert verdicts(found)["configuration"] == {"problem"}
    assert len(found["configuration"]) > 1
    assert verdicts(found)["firmware"] == {"ok"}
    assert verdicts(found)["devices"] == {"could-not-tell"}


def test_a_configuration_that_is_not_there_is_a_finding(root: Path) -> None:
    code, found = findings("--host", str(root), "--config-file", "/nowhere.conf")
    assert code == 1
    assert "/nowhere.conf" in found["configuration"][0]["seen"]


@pytest.mark.parametrize("path", sorted((CHECKOUT / "tests/hosts").glob("*.host")), ids=lambda path: path.stem)
def test_every_described_host_can_be_examined(path: Path, config_file: Path) -> None:
    code, found = findings("--host", str(path), "--config-file", str(config_file))
    assert code in (0, 1)
    assert verdicts(found)["iommu-groups"] == {"ok"}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"host boot x\nnonsense\n"])
def test_a_host_that_can_not_be_read_is_a_problem_and_no_end(content: bytes, tmp_path: Path, config_file: Path) -> None:
    (tmp_path / "a.host").write_bytes(content)
    for where in (tmp_path / "a.host", tmp_path / "none", tmp_path):
        code, found = findings("--host", str(where), "--config-file", str(config_file))
        assert code == 1
        assert verdicts(found)["host"] == {"problem"}


def test_this_machine_is_examined_without_agent_or_rights(config_file: Path, tmp_path: Path) -> None:
    config_file.write_text(f"[DEFAULT]\ntransport_url = unix://{tmp_path}/none.sock\n[agent]\nstate_path = {tmp_path}/state\n")
    code, found = findings("--config-file", str(config_file))
    assert code in (0, 1)
    assert verdicts(found)["agent"] == {"could-not-tell"}
    assert "systemctl start" in found["agent"][0]["mend"]
    assert verdicts(found)["journal"] == {"ok"}
    assert {"unit", "user", "state-directory", "socket", "udev", "libvirt", "claims"} <= found.keys()


def test_a_running_agent_is_asked_and_its_journal_replayed(tmp_path: Path) -> None:
    config_file = configured(tmp_path, EXAMPLE, RULES)
    with running_agent(config_file) as agent:
        agent.call("claim", claim_id="c1", consumer=CONSUMER, requests=[{"alias": "a1", "count": 1}])
        done = agent.pcipt("doctor", "--format", "json")
    told = json.loads(done.stdout)["findings"]
    seen = {each["seen"] for each in told if each["verdict"] == "ok"}
    assert f"it answers: version {version('pcipt-agent')}, 1 claim" in seen
    assert f"{tmp_path}/state/journal.db is whole: 2 records replayed, 1 claim held" in seen


def fake_virsh(directory: Path, release: str) -> None:
    """A virsh of that libvirt, in a directory that is looked in first."""
    said = f"Running hypervisor: QEMU 9.2.0\\nRunning against daemon: {release}\\n"
    write(directory, "virsh", f"#!/bin/sh\nprintf '{said}'\n")
    (directory / "virsh").chmod(0o755)


@pytest.fixture
def path_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return tmp_path / "bin"


def test_what_the_agent_says_of_its_claims_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.host").write_text(EXAMPLE.read_text())
    config_file = configured(tmp_path, tmp_path / "a.host", RULES)
    config_file.write_text(config_file.read_text().replace("[agent]\n", "[agent]\nrescan_interval = 1\n"))
    with running_agent(config_file) as agent:
        agent.call("claim", claim_id="c0", consumer=CONSUMER, requests=[{"alias": "a1", "count": 1}])
        gone = agent.call("claims", claim_id="c0")["claims"][0]["devices"][0]["address"]
        (tmp_path / "a.host").write_text(without(gone))
        deadline = time.monotonic() + 60
        while not agent.call("devices", status="lost")["devices"]:
            assert time.monotonic() < deadline
        attention = agent.call("status")["attention"]
        told = json.loads(agent.pcipt("doctor", "--format", "json").stdout)["findings"]
    [lost] = [each for each in attention if each["code"] == "lost"]
    [found] = [each for each in told if each["seen"] == lost["what"]]
    assert (found["check"], found["verdict"], found["mend"]) == ("claims", "warning", lost["remedy"])


def test_an_allocated_claim_that_no_domain_of_libvirt_shows_is_told(tmp_path: Path) -> None:
    config_file = configured(tmp_path, EXAMPLE, RULES)
    config_file.write_text(f"{config_file.read_text()}[libvirt]\nconnection_uri = test:///default\n")
    with running_agent(config_file) as agent:
        agent.call("claim", claim_id="c0", consumer=CONSUMER, requests=[{"alias": "a1", "count": 1}])
        agent.call("allocate", claim_id="c0")
        deadline = time.monotonic() + 60
        while "domain-gone" not in {each["code"] for each in agent.call("status")["attention"]}:
            assert time.monotonic() < deadline
        told = json.loads(agent.pcipt("doctor", "--format", "json").stdout)["findings"]
    [claims] = [each for each in told if each["check"] == "claims"]
    assert (claims["verdict"], "c0" in claims["seen"]) == ("warning", True)
    assert claims["mend"]
    [libvirt] = [each for each in told if each["check"] == "libvirt"]
    assert (libvirt["verdict"], libvirt["seen"][:23]) == ("ok", "test:///default answers")


def without(address: str) -> str:
    """The example without that device."""
    host = parse_description(EXAMPLE.read_text(), "a.host")
    return description_of(replace(host, devices={each: host.devices[each] for each in host.devices if str(each) != address}))


def test_the_libvirt_that_is_asked_is_the_configured_one(tmp_path: Path) -> None:
    for uri, verdict in (("test:///default", "ok"), (f"qemu+unix:///system?socket={tmp_path}/none", "problem")):
        (tmp_path / "a.conf").write_text(f"[libvirt]\nconnection_uri = {uri}\n")
        _, found = findings("--config-file", str(tmp_path / "a.conf"))
        assert verdicts(found)["libvirt"] == {verdict}
        assert found["libvirt"][0]["seen"].startswith(uri)


def test_an_installation_without_libvirts_library_is_told_so_though_libvirt_answers(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("[libvirt]\nconnection_uri = test:///default\n")
    code = "import sys; sys.modules['libvirt'] = None; from pcipt_agent.cli import run; sys.exit(run(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "doctor", "--format", "json", "--config-file", str(tmp_path / "a.conf")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    [libvirt] = [each for each in json.loads(done.stdout)["findings"] if each["check"] == "libvirt-python"]
    assert (libvirt["verdict"], libvirt["mend"]) == ("problem", f"{sys.executable} -m pip install 'pcipt-agent[libvirt]'")
    assert "libvirt-python is not installed" in libvirt["seen"]


@pytest.mark.parametrize(("release", "verdict"), [("9.10.0", "problem"), ("10.0.0", "warning")])
def test_libvirt_s_version_decides_about_variant_drivers(release: str, verdict: str, tmp_path: Path, path_first: Path) -> None:
    fake_virsh(path_first, release)
    (tmp_path / "a.host").write_text("host boot x\n0000:01:00.0 10de:25b6 PCI group 16 driver nvidia vfio\n    class 030200\n")
    config_file = configured(tmp_path, tmp_path / "a.host", 'device_spec = {"vendor_id": "10de"}\n')
    assert verdicts(findings("--config-file", str(config_file))[1])["libvirt"] == {"could-not-tell"}
    config_file.write_text(f"{config_file.read_text()}[libvirt]\nconnection_uri = qemu+unix:///system\n")
    _, found = findings("--config-file", str(config_file))
    assert verdicts(found)["devices"] == {verdict}
    variant = next(each for each in found["versions"] if "managed: yes" in each["seen"])
    assert variant["verdict"] == ("problem" if release == "9.10.0" else "could-not-tell")
    assert release in found["libvirt"][0]["seen"]


def test_the_kernel_s_version_decides_about_vdpa(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    described = CHECKOUT / "tests/hosts/vdpa-over-connectx6dx.host"
    HostTree(tmp_path / "tree", parse_description(described.read_text(), "a.host"))
    (tmp_path / "a.conf").write_text(f"[pci]\n{RULES}")
    for release, verdict in (("5.4.0-42-generic", "problem"), ("5.7.0", "could-not-tell"), ("nonsense", "could-not-tell")):
        write(tmp_path / "tree", "proc/sys/kernel/osrelease", f"{release}\n")
        _, found = findings("--host", str(tmp_path / "tree"), "--config-file", str(tmp_path / "a.conf"))
        [vdpa] = [each for each in found["versions"] if "vDPA" in each["seen"]]
        assert vdpa["verdict"] == verdict


def test_what_is_probably_not_meant_is_a_warning(root: Path, tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text('[pci]\ndevice_spec = {"vendor_id": "15b3"}\ndevice_spec = {"vendor_id": "15b3"}\n')
    code, found = findings("--host", str(root), "--config-file", str(tmp_path / "a.conf"))
    assert (code, verdicts(found)["configuration"]) == (0, {"warning"})


def test_what_keeps_a_device_back_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text('[pci]\ndevice_spec = {"vendor_id": "10de", "product_id": "2230"}\n')
    described = CHECKOUT / "tests/hosts/gpu-and-its-audio-in-one-group.host"
    code, found = findings("--host", str(described), "--config-file", str(tmp_path / "a.conf"))
    assert (code, verdicts(found)["configuration"]) == (1, {"ok"})
    assert [each["mend"] for each in found["devices"]] == ["virsh nodedev-detach pci_0000_01_00_1"]


def test_vpd_that_can_not_be_read_is_a_warning(config_file: Path, tmp_path: Path) -> None:
    device = '0000:42:00.0  144d:a824  PCI  group 9  driver nvme\n    class 010802  serial-unknown "its VPD can\'t be decoded"\n'
    (tmp_path / "a.host").write_text(f"host boot x\n{device}")
    _, found = findings("--host", str(tmp_path / "a.host"), "--config-file", str(config_file))
    assert verdicts(found)["vpd"] == {"warning"}
    assert "0000:42:00.0" in found["vpd"][0]["seen"]


def test_a_damaged_journal_is_a_problem_with_its_way_out(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    (tmp_path / "state/journal.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4080)
    (tmp_path / "a.conf").write_text(f"[agent]\nstate_path = {tmp_path}/state\n")
    _, found = findings("--config-file", str(tmp_path / "a.conf"))
    assert verdicts(found)["journal"] == {"problem"}
    assert "mkdir" in found["journal"][0]["mend"]


def test_an_agent_that_hangs_holds_nobody_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "agent.sock"))
        hanging.listen()
        (tmp_path / "a.conf").write_text(f"[DEFAULT]\ntransport_url = unix://{tmp_path}/agent.sock\n")
        command = [program("pcipt"), "doctor", "--format", "json", "--timeout", "0.5", "--config-file", str(tmp_path / "a.conf")]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    told = {each["check"]: each for each in json.loads(done.stdout)["findings"]}
    assert told["agent"]["verdict"] == "could-not-tell"
    assert "no answer within 0.5 s" in told["agent"]["seen"]


def test_nobody_needs_to_be_root(root: Path, config_file: Path) -> None:
    """The installed command says the same as the one inside."""
    words = ("doctor", "--host", str(root), "--config-file", str(config_file))
    done, same = pcipt(*words), pcipt_inside(*words)
    assert (done.returncode, done.stdout, done.stderr) == (same.returncode, same.stdout, "")
