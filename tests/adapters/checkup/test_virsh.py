# SPDX-License-Identifier: Apache-2.0
"""libvirt asked through the real virsh, at libvirt's own test driver; and programs in virsh's place that misbehave."""

from pathlib import Path

import pytest

from pcipt_agent.adapters.checkup.virsh import ask_libvirt
from pcipt_agent.core.agreement import Libvirt, NoLibvirt
from pcipt_agent.core.diagnosis import Unseen

TEST_DOMAIN = "6695eb01-f6a4-8304-79aa-97f2502e193f"


def programme(directory: Path, script: str) -> str:
    path = directory / "virsh"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_versions_and_domains_are_those_that_virsh_prints() -> None:
    found = ask_libvirt("test:///default")
    assert isinstance(found, Libvirt)
    assert not isinstance(found.version, Unseen)
    assert found.version >= (9, 0, 0)
    assert found.qemu == Unseen("virsh does not say it")
    assert TEST_DOMAIN in found.domains


def test_qemu_s_version_is_read_where_it_is_the_hypervisor(tmp_path: Path) -> None:
    said = "Using library: libvirt 9.0.0\nRunning hypervisor: QEMU 7.2.19\nRunning against daemon: 8.5.1\n"
    found = ask_libvirt("qemu:///system", programme(tmp_path, f'case "$*" in *version*) printf "{said}";; *) echo;; esac'))
    assert found == Libvirt("qemu:///system", (8, 5, 1), (7, 2, 19), frozenset())


def test_a_libvirt_that_does_not_answer_is_said_in_virsh_s_words() -> None:
    found = ask_libvirt("qemu+unix:///system?socket=/nowhere/libvirt-sock")
    assert isinstance(found, NoLibvirt)
    assert "/nowhere/libvirt-sock" in found.problem


@pytest.mark.parametrize("script", ["exit 0", "printf nonsense", r"printf '\377\000\n'", "echo 'Running against daemon: x'"])
def test_nonsense_is_an_answer_that_says_no_version(script: str, tmp_path: Path) -> None:
    found = ask_libvirt("qemu:///system", programme(tmp_path, script))
    assert isinstance(found, Libvirt)
    assert isinstance(found.version, Unseen)


def test_one_that_fails_between_the_two_questions_has_not_answered(tmp_path: Path) -> None:
    script = 'case "$*" in *version*) echo;; *) echo "error: gone" >&2; exit 1;; esac'
    assert ask_libvirt("qemu:///system", programme(tmp_path, script)) == NoLibvirt("qemu:///system", "gone")


def test_without_virsh_libvirt_was_not_asked(tmp_path: Path) -> None:
    found = ask_libvirt("qemu:///system", f"{tmp_path}/virsh")
    assert isinstance(found, Unseen)
    assert "libvirt-client" in str(found.mend)
