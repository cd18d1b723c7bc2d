# SPDX-License-Identifier: Apache-2.0
"""libvirt asked through the real virsh, at libvirt's own test driver; and programs in virsh's place that misbehave."""

from pathlib import Path

import pytest

from pcipt_agent.adapters.checkup.virsh import ask_libvirt
from pcipt_agent.core.agreement import Libvirt, NoLibvirt
from pcipt_agent.core.diagnosis import Unseen


def programme(directory: Path, script: str) -> str:
    path = directory / "virsh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_versions_are_those_that_virsh_prints() -> None:
    found = ask_libvirt("test:///default")
    assert isinstance(found, Libvirt)
    assert not isinstance(found.version, Unseen)
    assert found.version >= (9, 0, 0)
    assert found.qemu == Unseen("virsh does not say it")


def test_qemu_s_version_is_read_where_it_is_the_hypervisor(tmp_path: Path) -> None:
    said = "Using library: libvirt 9.0.0\nRunning hypervisor: QEMU 7.2.19\nRunning against daemon: 8.5.1\n"
    found = ask_libvirt("qemu:///system", programme(tmp_path, f'printf "{said}"'))
    assert found == Libvirt("qemu:///system", (8, 5, 1), (7, 2, 19))


def test_a_libvirt_that_does_not_answer_is_said_in_virsh_s_words() -> None:
    found = ask_libvirt("qemu+unix:///system?socket=/nowhere/libvirt-sock")
    assert isinstance(found, NoLibvirt)
    assert "/nowhere/libvirt-sock" in found.problem


@pytest.mark.parametrize("script", ["exit 0", "printf nonsense", r"printf '\377\000\n'", "echo 'Running against daemon: x'"])
def test_nonsense_is_an_answer_that_says_no_version(script: str, tmp_path: Path) -> None:
    found = ask_libvirt("qemu:///system", programme(tmp_path, script))
    assert isinstance(found, Libvirt)
    assert isinstance(found.version, Unseen)


def test_without_virsh_libvirt_was_not_asked(tmp_path: Path) -> None:
    found = ask_libvirt("qemu:///system", f"{tmp_path}/virsh")
    assert isinstance(found, Unseen)
    assert "libvirt-client" in str(found.mend)
