# SPDX-License-Identifier: Apache-2.0
"""Unit, user, state directory, socket, config files, VPD and udev: each fault is found alone, and mended by a command."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcipt_agent.core.diagnosis import Finding, Unseen, Verdict
from pcipt_agent.core.installation import Account, Installation, Place, Unit, installation_findings, may_read

PCIPT = Account("pcipt", 990, frozenset({990, 64055}), frozenset({"pcipt", "libvirt"}))
ETC, CONF = Place("/etc", 0, 0, 0o755, "root"), Place("/etc/a.conf", 0, 990, 0o640, "root")
VPD = Place("/sys/bus/pci/devices/0000:3b:00.0/vpd", 0, 0, 0o600, "root")
UNIT = Unit(loaded=True, active="active", user="pcipt", capabilities=frozenset({"cap_dac_read_search"}))
WELL = Installation(
    unit=UNIT,
    account=PCIPT,
    libvirt_group=True,
    state=Place("/var/lib/pcipt-agent", 990, 990, 0o700, "pcipt"),
    file_system="ext4",
    socket=Place("/run/pcipt-agent/agent.sock", 990, 990, 0o660, "pcipt"),
    config_files=[[ETC, CONF]],
    vpd_files=[VPD],
    udev=True,
)


def bad(found: Installation) -> list[Finding]:
    return [each for each in installation_findings(found) if each.verdict is not Verdict.OK]


def test_what_is_installed_right_is_well() -> None:
    assert bad(WELL) == []
    assert [each.check for each in installation_findings(WELL)] == [
        "unit",
        "user",
        "state-directory",
        "socket",
        "config-files",
        "vpd",
        "udev",
    ]


@pytest.mark.parametrize(
    ("found", "check", "verdict", "seen", "mend"),
    [
        (replace(WELL, unit=replace(UNIT, loaded=False)), "unit", "problem", "not installed", "pcipt install"),
        (replace(WELL, unit=replace(UNIT, active="failed")), "unit", "problem", "has failed", "journalctl -u pcipt-agent"),
        (replace(WELL, unit=replace(UNIT, active="inactive")), "unit", "warning", "is inactive", "systemctl enable --now"),
        (replace(WELL, unit=replace(UNIT, user="")), "unit", "warning", "as root", "User=pcipt"),
        (
            replace(WELL, account=replace(PCIPT, groups=frozenset({"pcipt"}))),
            "user",
            "problem",
            "not in group libvirt",
            "usermod -a",
        ),
        (replace(WELL, state=Place("/s", 0, 0, 0o700, "root")), "state-directory", "problem", "root's", "chown -R pcipt: /s"),
        (replace(WELL, state=Place("/s", 990, 990, 0o750, "pcipt")), "state-directory", "problem", "0750", "chmod 0700 /s"),
        (replace(WELL, state=None), "state-directory", "warning", "not there yet", "systemctl start"),
        (replace(WELL, file_system="tmpfs"), "state-directory", "problem", "tmpfs", "state_path"),
        (replace(WELL, file_system="nfs4"), "state-directory", "problem", "nfs4", "state_path"),
        (replace(WELL, socket=Place("/a.sock", 990, 990, 0o666, "pcipt")), "socket", "problem", "everybody", "systemctl restart"),
        (replace(WELL, udev=False), "udev", "warning", "rescan_interval", "systemctl start systemd-udevd"),
        (replace(WELL, unit=replace(UNIT, capabilities=frozenset())), "vpd", "warning", "may not read /sys/bus", "udevadm trigger"),
        (
            replace(WELL, config_files=[[ETC, replace(CONF, mode=0o600)]]),
            "config-files",
            "problem",
            "pcipt may not read /etc/a.conf: /etc/a.conf is root's, mode 0600",
            "chgrp pcipt /etc/a.conf && chmod g+r /etc/a.conf",
        ),
        (
            replace(WELL, config_files=[[replace(ETC, path="/etc/pcipt-agent", mode=0o700), CONF]]),
            "config-files",
            "problem",
            "/etc/pcipt-agent is root's, mode 0700",
            "chgrp pcipt /etc/pcipt-agent && chmod g+x /etc/pcipt-agent",
        ),
        (
            replace(WELL, config_files=[[replace(ETC, path="/root", mode=0o700), CONF]]),
            "config-files",
            "problem",
            "/root is root's, mode 0700",
            "# move the file to /etc/pcipt-agent",
        ),
        (
            replace(WELL, config_files=[[ETC, replace(CONF, path="/etc/a b.conf", mode=0o600)]]),
            "config-files",
            "problem",
            "mode 0600",
            "chgrp pcipt '/etc/a b.conf' && chmod g+r '/etc/a b.conf'",
        ),
    ],
)
def test_one_fault_is_one_finding_with_its_command(found: Installation, check: str, verdict: str, seen: str, mend: str) -> None:
    [finding] = bad(found)
    assert (finding.check, finding.verdict) == (check, verdict)
    assert seen in finding.seen
    assert mend in str(finding.mend)


def test_without_the_user_that_is_the_one_finding() -> None:
    [finding] = bad(replace(WELL, account=None))
    assert (finding.check, finding.mend) == ("user", "pcipt install")


def test_a_host_without_group_libvirt_needs_nobody_in_it() -> None:
    assert bad(replace(WELL, account=replace(PCIPT, groups=frozenset({"pcipt"})), libvirt_group=False)) == []


def test_vpd_that_a_rule_of_udev_opens_to_the_group_is_well_without_a_capability() -> None:
    opened = replace(VPD, gid=990, mode=0o640)
    assert bad(replace(WELL, unit=replace(UNIT, capabilities=frozenset()), vpd_files=[opened])) == []


def test_what_could_not_be_seen_is_said_and_nothing_else_is_lost() -> None:
    blind = Unseen("no bus")
    found = replace(WELL, unit=blind, state=blind, socket=blind, udev=blind, file_system=blind)
    assert {each.check: each.verdict for each in installation_findings(found) if each.check != "vpd"} == {
        "unit": Verdict.UNKNOWN,
        "user": Verdict.OK,
        "state-directory": Verdict.UNKNOWN,
        "socket": Verdict.UNKNOWN,
        "config-files": Verdict.OK,
        "udev": Verdict.UNKNOWN,
    }


MODES = st.integers(0, 0o777)


@given(MODES, st.sampled_from([990, 0]), st.sampled_from([990, 0]))
def test_a_file_is_read_by_the_first_of_owner_group_and_others_that_one_is(mode: int, uid: int, gid: int) -> None:
    bit = 0o400 if uid == 990 else 0o040 if gid == 990 else 0o004
    assert (may_read(PCIPT, [ETC, Place("/etc/x", uid, gid, mode, "x")]) is None) == bool(mode & bit)


@given(MODES)
def test_a_directory_must_be_passed_and_need_not_be_read(mode: int) -> None:
    closed = Place("/etc/x", 0, 0, mode, "root")
    assert (may_read(PCIPT, [closed, CONF]) is closed) == (not mode & 0o001)
