# SPDX-License-Identifier: Apache-2.0
"""Which files a host gets, and what is in them."""

from pathlib import Path

import pytest

from pcipt_agent.errors import HostError
from pcipt_agent.installing.artifacts import SYSUSERS_LIBVIRT, Artifact, Surroundings, artifacts, programs_directory, shipped_files

OPT = Path("/opt/pcipt-agent/bin")


def found(*, programs: Path = OPT, systemd: int | None = 257, libvirt_group: bool = False) -> dict[str, Artifact]:
    around = Surroundings(programs=programs, systemd=systemd, libvirt_group=libvirt_group, completion="complete\n")
    return {each.target: each for each in artifacts(shipped_files(), around)}


def test_no_unit_names_a_program_that_is_not_of_this_installation() -> None:
    for each in found().values():
        if each.target.endswith(".service"):
            assert b"/usr/bin/pcipt" not in each.content
            assert b"ExecStart=/opt/pcipt-agent/bin/pcipt" in each.content


def test_the_programs_are_linked_where_people_look_unless_they_are_there() -> None:
    link = found()["/usr/local/bin/pcipt"]
    assert (link.is_link, link.content) == (True, b"/opt/pcipt-agent/bin/pcipt")
    assert "/usr/local/bin/pcipt" not in found(programs=Path("/usr/local/bin"))


def test_what_an_operator_edits_is_in_etc_and_nothing_else_is() -> None:
    edited = {target for target, each in found().items() if each.is_configuration}
    assert edited == {
        "/etc/pcipt-agent/pcipt-agent.conf",
        "/etc/pcipt-agent/devices.conf",
        "/etc/polkit-1/rules.d/60-pcipt-agent.rules",
    }
    assert all(target.startswith("/usr/local/") for target in found().keys() - edited)


@pytest.mark.parametrize(("systemd", "older"), [(None, True), (252, True), (253, False)])
def test_which_systemd_gets_the_older_type(systemd: int | None, older: bool) -> None:
    assert any(target.endswith("50-older-systemd.conf") for target in found(systemd=systemd)) == older


def test_membership_of_libvirts_group_is_asked_for_only_where_it_is() -> None:
    assert SYSUSERS_LIBVIRT in found(libvirt_group=True)
    assert SYSUSERS_LIBVIRT not in found()


def test_no_file_of_the_shipped_is_run_or_read_from_this_machine() -> None:
    assert not [each.target for each in found().values() if str(shipped_files()).encode() in each.content]


def test_a_shipped_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="a shipped file can't be read"):
        artifacts(tmp_path, Surroundings(programs=OPT, systemd=257, libvirt_group=False, completion=""))


def test_this_installation_has_its_programs() -> None:
    assert (programs_directory() / "pcipt-agent").is_file()
