# SPDX-License-Identifier: Apache-2.0
"""What only the real one does: it runs programs, on this system alone."""

from pathlib import Path

import pytest

from pcipt_agent.adapters.kernel_settings import SysfsSettings
from pcipt_agent.errors import HostError


def test_below_another_root_no_program_is_run(tmp_path: Path) -> None:
    kernel = SysfsSettings(tmp_path)
    with pytest.raises(HostError, match="is not this system's root, so this is not run: modprobe vfio-pci"):
        kernel.load_module("vfio-pci")


def test_a_program_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "modprobe"
    program.write_text('#!/bin/sh\necho "modprobe: FATAL: Module $1 not found" >&2\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(HostError, match="modprobe no-such: modprobe: FATAL: Module no-such not found"):
        SysfsSettings(Path("/")).load_module("no-such")


def test_a_program_that_is_not_there_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HostError, match="vdpa: there is no such program; apt-get install iproute2"):
        SysfsSettings(Path("/")).add_vdpa("v0", "pci/0000:3b:00.2")
