# SPDX-License-Identifier: Apache-2.0
"""What the running system is told, and only where it runs."""

from pathlib import Path

import pytest

from pcipt_agent.errors import HostError
from pcipt_agent.installing.artifacts import SYSUSERS, SYSUSERS_LIBVIRT, TMPFILES, UNITS
from pcipt_agent.installing.plan import Action
from pcipt_agent.installing.system import (
    after_install,
    after_uninstall,
    before_uninstall,
    has_group,
    purged,
    run,
    systemd_version,
)


@pytest.mark.parametrize("place", ["usr/lib/systemd", "usr/lib64/systemd", "usr/lib/x86_64-linux-gnu/systemd"])
def test_the_version_of_systemd_is_told_by_its_library(tmp_path: Path, place: str) -> None:
    assert systemd_version(tmp_path) is None
    (tmp_path / place).mkdir(parents=True)
    (tmp_path / place / "libsystemd-shared-252.so").touch()
    (tmp_path / place / "libsystemd-core-252.so").touch()
    assert systemd_version(tmp_path) == 252
    (tmp_path / place / "libsystemd-shared-257.7-1.so").touch()
    assert systemd_version(tmp_path) == 257


def test_a_group_is_told_by_its_whole_name(tmp_path: Path) -> None:
    assert not has_group(tmp_path, "libvirt")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/group").write_bytes(b"libvirt-qemu:x:64055:\n\xff:x:1:\n")
    assert not has_group(tmp_path, "libvirt")
    (tmp_path / "etc/group").write_text("libvirt:x:120:\n")
    assert has_group(tmp_path, "libvirt")


def test_users_are_made_before_the_files_are_given_to_them_and_only_what_runs_is_told(tmp_path: Path) -> None:
    users, files = ("systemd-sysusers", SYSUSERS), ("systemd-tmpfiles", "--create", TMPFILES)
    assert list(after_install(tmp_path)) == [users, files]
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "run/udev").mkdir()
    (tmp_path / "run/udev/control").touch()
    told = [("systemctl", "daemon-reload"), ("udevadm", "control", "--reload")]
    assert list(after_install(tmp_path)) == [users, files, *told]
    path = tmp_path / SYSUSERS_LIBVIRT.lstrip("/")
    path.parent.mkdir(parents=True)
    path.touch()
    assert next(after_install(tmp_path)) == (*users, SYSUSERS_LIBVIRT)


def test_the_agent_is_stopped_before_its_files_go_and_the_user_goes_last_and_on_request_only(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\npcipt:x:990:990::/:/bin/false\n")
    units = tmp_path / UNITS.lstrip("/")
    units.mkdir(parents=True)
    for unit in ("pcipt-agent.service", "pcipt-devices.service"):
        (units / unit).touch()
    assert list(before_uninstall(tmp_path)) == []
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert list(before_uninstall(tmp_path)) == [("systemctl", "disable", "--now", "pcipt-agent.service", "pcipt-devices.service")]
    assert list(after_uninstall(tmp_path, purge=False)) == [("systemctl", "daemon-reload")]
    assert list(after_uninstall(tmp_path, purge=True)) == [("systemctl", "daemon-reload"), ("userdel", "pcipt")]
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    assert list(after_uninstall(tmp_path, purge=True)) == [("systemctl", "daemon-reload")]
    (tmp_path / "etc/passwd").write_bytes(b"andre:x:1:1:Andr\xe9:/:/bin/sh\npcipt:x:990:990::/:/bin/false\n")
    assert list(after_uninstall(tmp_path, purge=True))[-1] == ("userdel", "pcipt")


def test_a_unit_that_somebody_removed_is_in_no_removals_way(tmp_path: Path) -> None:
    """`systemctl disable` fails for it, and stops nothing."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    assert list(before_uninstall(tmp_path)) == []
    units = tmp_path / UNITS.lstrip("/")
    units.mkdir(parents=True)
    (units / "pcipt-devices.service").touch()
    assert list(before_uninstall(tmp_path)) == [("systemctl", "disable", "--now", "pcipt-devices.service")]


def test_a_command_that_fails_is_quoted_and_says_that_it_can_be_run_again() -> None:
    with pytest.raises(HostError, match=r"ls /no/such: .*No such file or directory; what was done so far stays: mend this"):
        run(["ls", "/no/such"])
    with pytest.raises(HostError, match="no-such-program"):
        run(["no-such-program"])
    assert run(["true"]).action is Action.RAN


def test_a_purge_takes_configuration_and_journal_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/journal.db").touch()
    (tmp_path / "var/lib").mkdir(parents=True)
    (tmp_path / "var/lib/pcipt-agent").symlink_to("../../elsewhere")
    (tmp_path / "etc/pcipt-agent").mkdir(parents=True)
    assert [step.target for step in purged(tmp_path, dry_run=True)] == ["/etc/pcipt-agent"]
    assert (tmp_path / "etc/pcipt-agent").is_dir()
    list(purged(tmp_path, dry_run=False))
    assert not (tmp_path / "etc/pcipt-agent").exists()
    assert (tmp_path / "elsewhere/journal.db").exists()
