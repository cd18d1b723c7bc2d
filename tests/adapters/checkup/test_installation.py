# SPDX-License-Identifier: Apache-2.0
"""systemd, users, modes and mounts, as this machine has them and as programs in systemctl's place say them."""

import os
import pwd
import socket
from pathlib import Path

import pytest

from pcipt_agent.adapters.checkup import installation
from pcipt_agent.core.diagnosis import Unseen
from pcipt_agent.core.installation import Unit


def systemctl(directory: Path, script: str) -> str:
    path = directory / "systemctl"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_unit_is_what_systemctl_shows(tmp_path: Path) -> None:
    shown = "LoadState=loaded\\nActiveState=active\\nUser=pcipt\\nAmbientCapabilities=cap_dac_read_search cap_net_admin\\n"
    expected = Unit(loaded=True, active="active", user="pcipt", capabilities=frozenset({"cap_dac_read_search", "cap_net_admin"}))
    assert installation.ask_unit(systemctl(tmp_path, f"printf '{shown}'")) == expected


@pytest.mark.parametrize("shown", ["LoadState=not-found\\nActiveState=inactive\\n", "", "nonsense\\n=\\n"])
def test_a_unit_that_systemd_does_not_have_is_not_loaded(shown: str, tmp_path: Path) -> None:
    found = installation.ask_unit(systemctl(tmp_path, f"printf '{shown}'"))
    assert isinstance(found, Unit)
    assert not found.loaded


def test_where_systemd_does_not_run_its_words_are_the_reason(tmp_path: Path) -> None:
    found = installation.ask_unit(systemctl(tmp_path, "echo 'Failed to connect to bus: Host is down' >&2; exit 1"))
    assert found == Unseen("systemd was not asked: Failed to connect to bus: Host is down")
    assert isinstance(installation.ask_unit(f"{tmp_path}/none"), Unseen)


def test_an_account_has_its_groups() -> None:
    me = pwd.getpwuid(os.geteuid())
    account = installation.account_of(me.pw_name)
    assert account is not None
    assert (account.uid, me.pw_gid in account.gids) == (me.pw_uid, True)
    assert installation.account_of("nobody-of-this-name") is None
    assert installation.has_group("root")
    assert not installation.has_group("no-group-of-this-name")


def test_a_place_has_owner_group_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    path.chmod(0o640)
    place = installation.place_of(path)
    assert place is not None
    assert not isinstance(place, Unseen)
    assert (place.path, place.uid, place.mode, place.owner) == (str(path), os.geteuid(), 0o640, pwd.getpwuid(os.geteuid()).pw_name)
    assert installation.place_of(tmp_path / "none") is None
    assert isinstance(installation.place_of(path / "below-a-file"), Unseen)


def test_a_path_is_every_directory_from_the_root_and_then_the_file(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    places = installation.path_of(tmp_path / "a")
    assert (places[0].path, places[-1].path) == ("/", f"{tmp_path}/a")
    assert len(places) == len(tmp_path.parts) + 1


def test_the_file_system_is_that_of_the_nearest_mount_above(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(
        "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n"
        "23 22 0:20 / /var/lib rw - xfs /dev/sdb1 rw\n"
        "24 22 0:21 / /var/library rw - nfs4 server:/x rw\n"
        "25 22 0:22 / /mnt/a\\040b rw - tmpfs tmpfs rw\n"
        "nonsense\n - \n"
    )
    assert installation.file_system_of(Path("/var/lib/pcipt-agent"), table) == "xfs"
    assert installation.file_system_of(Path("/var/library"), table) == "nfs4"
    assert installation.file_system_of(Path("/mnt/a b/state"), table) == "tmpfs"
    assert installation.file_system_of(Path("/home"), table) == "ext4"
    assert isinstance(installation.file_system_of(Path("/home"), tmp_path / "none"), Unseen)


def test_of_two_mounts_on_one_place_the_later_one_is_seen(tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text("22 1 8:1 / /s rw - ext4 /dev/sda1 rw\n23 1 0:5 / /s rw - tmpfs tmpfs rw\n")
    assert installation.file_system_of(Path("/s/x"), tmp_path / "mountinfo") == "tmpfs"


def test_this_machine_s_own_root_has_a_file_system() -> None:
    assert installation.file_system_of(Path("/proc/self"), Path("/proc/self/mountinfo")) == "proc"


def test_udev_listens_where_its_socket_is(tmp_path: Path) -> None:
    assert installation.udev_listens(tmp_path) is False
    (tmp_path / "run/udev").mkdir(parents=True)
    (tmp_path / "run/udev/control").touch()
    assert installation.udev_listens(tmp_path) is False
    (tmp_path / "run/udev/control").unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as control:
        control.bind(f"{tmp_path}/run/udev/control")
        assert installation.udev_listens(tmp_path) is True


def test_vpd_files_are_those_that_are_there(tmp_path: Path) -> None:
    directory = tmp_path / "sys/bus/pci/devices/0000:3b:00.0"
    directory.mkdir(parents=True)
    (directory / "vpd").touch()
    found = installation.vpd_files(tmp_path, ["0000:3b:00.0", "0000:3c:00.0"])
    assert [each.path for each in found] == [f"{directory}/vpd"]
