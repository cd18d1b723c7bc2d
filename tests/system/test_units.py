# SPDX-License-Identifier: Apache-2.0
"""Units, users and rules as they are installed, judged by systemd's and udev's own programs."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.hosttree import directory_in_memory
from tests.support.running import pcipt

UNITS = "usr/local/lib/systemd/system"
AGENT, DEVICES, DEVICE = "pcipt-agent.service", "pcipt-devices.service", "pcipt-devices@.service"
CHECKOUT = Path(__file__).resolve().parents[2]
MOST_EXPOSURE = {AGENT: 2.5, DEVICES: 3.0}


def said_by(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def systemd_version() -> int:
    return int(said_by("systemd-analyze", "--version").stdout.split()[1])


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A system below which everything is installed; a group libvirt is there."""
    with directory_in_memory() as directory:
        (directory / "etc").mkdir()
        (directory / "etc/group").write_text("root:x:0:\nlibvirt:x:120:\n")
        done = pcipt("install", "--root", str(directory))
        assert done.returncode == 0, done.stderr
        yield directory


def unit(root: Path, name: str) -> dict[str, dict[str, str]]:
    """Section → option → its last value."""
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in (root / UNITS / name).read_text().splitlines():
        option, given, value = line.partition("=")
        if line.startswith("["):
            section = found.setdefault(line.strip("[]"), {})
        elif given and not line.startswith("#"):
            section[option] = value
    return found


def test_systemd_takes_every_unit_and_complains_of_nothing_but_what_it_is_too_old_for(root: Path) -> None:
    done = said_by("systemd-analyze", "verify", "--man=no", *(str(root / UNITS / name) for name in (AGENT, DEVICES, DEVICE)))
    complaints = [line.partition(": ")[2] for line in done.stderr.splitlines()]
    too_old = ["Failed to parse service type, ignoring: notify-reload"] if systemd_version() < 253 else []
    assert (complaints, done.returncode) == (too_old, 0)


@pytest.mark.parametrize(("name", "most"), MOST_EXPOSURE.items())
def test_a_unit_is_exposed_as_little_as_promised(root: Path, name: str, most: float) -> None:
    done = said_by("systemd-analyze", "security", "--offline=true", str(root / UNITS / name))
    found = re.search(rf"Overall exposure level for {name}: ([0-9.]+)", done.stdout)
    assert found is not None, done.stderr
    assert float(found[1]) <= most


def test_a_function_that_is_plugged_in_is_set_up_under_the_same_restrictions_as_those_at_boot(root: Path) -> None:
    of_one, of_all = (unit(root, name)["Service"] for name in (DEVICE, DEVICES))
    own = ("ExecStart", "ExecStartPost", "RemainAfterExit", "RuntimeDirectory")
    assert {option: value for option, value in of_one.items() if option not in own} == {
        option: value for option, value in of_all.items() if option not in own
    }


def test_the_programs_are_those_of_this_installation(root: Path) -> None:
    for name in (AGENT, DEVICES, DEVICE):
        program = unit(root, name)["Service"]["ExecStart"].split()[0]
        assert Path(program).is_file(), program
        assert program.endswith("/pcipt-agent" if name == AGENT else "/pcipt")


def test_the_agent_starts_after_the_devices_are_set_up_and_before_guests_are_started(root: Path) -> None:
    agent, devices = unit(root, AGENT)["Unit"], unit(root, DEVICES)["Unit"]
    assert DEVICES in agent["After"].split()
    guests = {"libvirtd.service", "virtqemud.service", "libvirt-guests.service"}
    assert guests == set(agent["Before"].split())
    assert {AGENT, *guests} == set(devices["Before"].split())


def test_nothing_of_the_agent_runs_as_root_or_with_a_capability(root: Path) -> None:
    service = unit(root, AGENT)["Service"]
    assert (service["User"], service["AmbientCapabilities"], service["CapabilityBoundingSet"]) == ("pcipt", "", "")


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("PrivateNetwork", "no", "udev's events reach the host's network namespace alone"),
        ("ProtectHome", "read-only", "yes unmounts /home in the agent's namespace, so its disk would seem unused"),
        ("ProtectKernelModules", "no", "yes hides lib/modules, which names the drivers that register with vfio"),
        ("ProtectProc", "noaccess", "a process that is not even listed would be taken for one that holds nothing"),
    ],
)
def test_what_the_agent_must_see_is_not_shut_off(root: Path, option: str, value: str, why: str) -> None:
    assert unit(root, AGENT)["Service"][option] == value, why


def test_the_agent_may_use_the_sockets_of_udev_libvirt_and_a_broker(root: Path) -> None:
    families = unit(root, AGENT)["Service"]["RestrictAddressFamilies"].split()
    assert set(families) == {"AF_UNIX", "AF_INET", "AF_INET6", "AF_NETLINK"}


def test_an_older_systemd_gets_a_type_that_it_knows(root: Path, tmp_path: Path) -> None:
    older = root / UNITS / f"{AGENT}.d/50-older-systemd.conf"
    assert older.is_file()  # which version this root has is not known, and the older way works with every one
    for version, expected in ((252, True), (253, False), (257, False)):
        other = tmp_path / str(version)
        (other / "usr/lib/x86_64-linux-gnu/systemd").mkdir(parents=True)
        (other / f"usr/lib/x86_64-linux-gnu/systemd/libsystemd-shared-{version}.so").touch()
        assert pcipt("install", "--root", str(other)).returncode == 0
        assert (other / UNITS / f"{AGENT}.d/50-older-systemd.conf").is_file() == expected


def test_the_user_is_made_with_a_group_of_its_own_and_becomes_a_member_of_libvirts_where_that_is(
    root: Path, tmp_path: Path
) -> None:
    shutil.copytree(root / "usr/local/lib/sysusers.d", tmp_path / "usr/local/lib/sysusers.d")
    for name in ("etc", "run"):
        (tmp_path / name).mkdir()
    (tmp_path / "etc/group").write_text("root:x:0:\nlibvirt:x:120:\n")
    (tmp_path / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    done = said_by("systemd-sysusers", f"--root={tmp_path}")
    assert done.returncode == 0, done.stderr
    groups = (tmp_path / "etc/group").read_text().splitlines()
    assert [line for line in groups if line.startswith("libvirt:")] == ["libvirt:x:120:pcipt"]
    assert any(line.startswith("pcipt:") for line in groups)
    assert re.search(r"^pcipt:x:\d+:\d+:.*:/var/lib/pcipt-agent:\S*nologin$", (tmp_path / "etc/passwd").read_text(), re.MULTILINE)


def test_without_a_group_libvirt_none_is_made(tmp_path: Path) -> None:
    assert pcipt("install", "--root", str(tmp_path)).returncode == 0
    assert [path.name for path in (tmp_path / "usr/local/lib/sysusers.d").iterdir()] == ["pcipt-agent.conf"]


def test_the_rules_are_rules_to_udev(root: Path) -> None:
    """`udevadm verify` came with 254; before that, only their shape is judged here."""
    rules = root / "usr/local/lib/udev/rules.d/60-pcipt-agent.rules"
    if systemd_version() >= 254:
        done = said_by("udevadm", "verify", str(rules))
        assert done.returncode == 0, done.stdout + done.stderr
    lines = [line for line in rules.read_text().splitlines() if line and not line.startswith("#")]
    term = r'[A-Z]+(\{\w+\})?(==|!=|=|\+=)"[^"]*"'
    assert [line for line in lines if not re.fullmatch(rf"{term}(, {term})*", line)] == []


def test_the_rule_starts_the_unit_that_is_there(root: Path) -> None:
    rules = (root / "usr/local/lib/udev/rules.d/60-pcipt-agent.rules").read_text()
    assert 'ENV{SYSTEMD_WANTS}+="pcipt-devices@%k.service"' in rules
    assert (root / UNITS / DEVICE).is_file()
    [done] = re.findall(r'TEST=="/run/([^"]+)"', rules)
    unit = (root / UNITS / DEVICES).read_text()
    assert f"RuntimeDirectory={Path(done).parent}\n" in unit
    assert f"ExecStartPost=/usr/bin/touch /run/{done}\n" in unit
    for program in re.findall(r'(?:RUN\+=|PROGRAM==)"(\S+)', rules):
        assert Path(program).is_file(), program


@pytest.mark.parametrize(
    ("listed", "starts"), [("[0000:3b:00.0]", True), ("[0000:3B:00.0] ", True), ("[0000:3b:00.1]", False), ("", False)]
)
def test_the_question_that_the_rule_asks_of_devices_conf(root: Path, tmp_path: Path, listed: str, starts: bool) -> None:
    (tmp_path / "devices.conf").write_text(f"# text\n{listed}\nvfs = 4\n")
    rules = (root / "usr/local/lib/udev/rules.d/60-pcipt-agent.rules").read_text()
    asked = re.search(r'PROGRAM=="([^"]+)"', rules)
    assert asked is not None
    command = asked[1].replace("%k", "0000:3b:00.0").replace("/etc/pcipt-agent/devices.conf", str(tmp_path / "devices.conf"))
    assert (said_by(*command.split()).returncode == 0) == starts


def test_the_polkit_rule_lets_one_user_do_one_thing(root: Path) -> None:
    rule = (root / "etc/polkit-1/rules.d/60-pcipt-agent.rules").read_text()
    assert 'action.id == "org.libvirt.unix.manage" && subject.user == "pcipt"' in rule
    assert rule.count("polkit.Result.YES") == 1


def test_drop_ins_that_are_shipped_off_are_units_that_systemd_takes(root: Path, tmp_path: Path) -> None:
    for drop_in in sorted((CHECKOUT / "systemd/drop-ins").iterdir()):
        place = tmp_path / drop_in.stem
        (place / f"{AGENT}.d").mkdir(parents=True)
        (place / AGENT).write_text((root / UNITS / AGENT).read_text().replace("Type=notify-reload", "Type=notify"))
        shutil.copy(drop_in, place / f"{AGENT}.d/50.conf")
        done = said_by("systemd-analyze", "verify", "--man=no", str(place / AGENT))
        assert (done.stderr, done.returncode) == ("", 0), drop_in.name
