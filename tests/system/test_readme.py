# SPDX-License-Identifier: Apache-2.0
"""README.rst says what is true: its commands run and print what it shows, its picture and its tables are those of the code.

The blocks that are meant to be typed run in the order of the page, on one agent with a libvirt of its own, each with this machine's
paths in place of an installed host's. What only a booted host can do (`systemctl`) is done to that agent by hand; the few commands
that would change this machine are named, and not run.
"""

import re
import shlex
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple, get_args

import docutils.core
import pytest

from pcipt_agent.conf import opts, reloadable
from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.errors import Refusal
from pcipt_agent.views.description import parse_description
from pcipt_agent.views.lifecycle import picture
from pcipt_agent.views.methods import METHODS
from pcipt_agent.views.notices import NOTICES
from pcipt_agent.views.wire_status import AttentionPart
from tests.__main__ import PARTS
from tests.support.follower import following
from tests.support.guests import TestDriverGuests, hostdev_xml
from tests.support.hosttree import HostTree, directory_in_memory
from tests.support.libvirtd import Libvirtd
from tests.support.living import at, await_status
from tests.support.running import Agent, configured, pcipt, program, running_agent, until

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLE = CHECKOUT / "etc/pcipt-agent/example.host"
README = (CHECKOUT / "README.rst").read_text()
BUILDER, HIS_DEVICE = "4dea22b3-1d52-4d62-ad8e-3a2f7e2d6f10", "0000:b1:01.0"

NOT_RUN: Final = {
    "apt-get install --no-install-recommends python3-venv python3-dev libvirt-dev pkg-config gcc",
    "python3 -m venv /opt/pcipt-agent",
    "/opt/pcipt-agent/bin/pip install '.[libvirt]'",
    "systemctl enable --now pcipt-agent.service",
}
"""What would change this machine; `tests.machine` installs the same packages, and `test_units.py` holds the unit."""


class Typed(NamedTuple):
    """A command, and what is shown below it."""

    command: str
    shown: list[str]


def blocks(language: str) -> list[list[str]]:
    """The lines of each block of this language, as they are typed."""
    found = re.findall(rf"\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", README)
    return [textwrap.dedent(block).strip("\n").splitlines() for block in found]


def typed() -> list[Typed]:
    """What stands behind `$` or `#` in blocks that are meant to be typed, in the order of the page."""
    commands: list[Typed] = []
    for line in (line for block in blocks("console") for line in block):
        if line.startswith(("$ ", "# ")):
            commands.append(Typed(line[2:], []))
        else:
            commands[-1].shown.append(line)
    return commands


SMALLEST, OPERATED = ("\n".join(block[1:]) + "\n" for block in blocks("ini") if block[0] == "[pci]")
"""The two configurations of the page."""


class Machine:
    """Where the page's commands are typed: an agent and a libvirt, both started and stopped, and a guest without a claim."""

    def __init__(self, directory: Path, libvirt: Libvirtd) -> None:
        self.directory = directory
        self._libvirt = libvirt
        self._running = ExitStack()
        self._stand_ins: Mapping[str, Callable[[], object]] = {
            "systemctl stop libvirtd": self._stop_libvirt,
            "systemctl start libvirtd": self.start_libvirt,
            "systemctl stop pcipt-agent": self._running.close,
            "systemctl start pcipt-agent": self.start,
            "systemctl reload pcipt-agent": self._reload,
        }
        (directory / "etc").symlink_to(CHECKOUT / "etc")
        (directory / "backup").mkdir()
        (directory / "root/etc/pcipt-agent").mkdir(parents=True)
        HostTree(directory / "root", parse_description(EXAMPLE.read_text(), "example.host"))
        (wishes,) = ("\n".join(block) for block in blocks("ini") if block[0].startswith("[0000:"))
        (directory / "devices.conf").write_text(wishes + "\n")
        self.config_file = configured(directory, EXAMPLE, f"{OPERATED}[libvirt]\nconnection_uri = {libvirt.uri}\n")
        self.config_file.write_text(self.config_file.read_text().replace("[agent]\n", "[agent]\nrescan_interval = 1\n"))
        self._places = {
            "/etc/pcipt-agent/pcipt-agent.conf": self.config_file,
            "/run/pcipt-agent/": f"{directory}/",
            "/var/lib/pcipt-agent": directory / "state",
            "/srv/backup/": f"{directory}/backup/",
        }

    def start(self) -> None:
        self.agent: Agent = self._running.enter_context(running_agent(self.config_file))

    def stop(self) -> None:
        self._running.close()

    def start_libvirt(self) -> None:
        """The guest is there again, and the agent has seen it."""
        self._libvirt.start()
        guests = TestDriverGuests(self._libvirt.uri)
        guests.define(BUILDER, "builder", hostdev_xml(at(HIS_DEVICE)))
        guests.boot(BUILDER)
        until(lambda: self._libvirt_now() == (True, 2))

    def _stop_libvirt(self) -> None:
        self._libvirt.kill()
        until(lambda: not self._libvirt_now()[0])

    def _libvirt_now(self) -> tuple[bool, int]:
        now = self.agent.call("status")["libvirt"]
        return now["reachable"], now["domains"]

    def _reload(self) -> None:
        before = self.agent.log.count(" reloaded")
        self.agent.process.send_signal(signal.SIGHUP)
        until(lambda: self.agent.log.count(" reloaded") > before)

    def type(self, command: str) -> tuple[int, str]:
        """Its exit code, and what it prints with the paths of an installed host."""
        stand_in = self._stand_ins.get(command)
        if stand_in is not None:
            stand_in()
            return 0, ""
        for place, here in self._places.items():
            command = command.replace(place, str(here))
        done = subprocess.run(
            ["/bin/sh", "-c", self._here(command)], check=False, capture_output=True, text=True, cwd=self.directory, timeout=120
        )
        printed = done.stderr + done.stdout
        for here, place in sorted(((str(here), place) for place, here in self._places.items()), key=lambda each: -len(each[0])):
            printed = printed.replace(here, place)
        return done.returncode, printed

    def _here(self, command: str) -> str:
        """The same of this machine's own agent and files."""
        word, *rest = shlex.split(command)
        if not word.endswith("pcipt"):
            assert word in ("cp", "grep"), f"{command}: who runs it, or is it NOT_RUN?"
            return command
        match rest:
            case ["install", *_]:
                more = ["--root", f"{self.directory}/root"]
            case ["set-up", *_]:
                more = ["--root", f"{self.directory}/root", "--devices-conf", f"{self.directory}/devices.conf"]
            case [*words] if words[0] == "capture" or "--config-file" in words:
                more = []
            case _:
                more = ["--config-file", str(self.config_file)]
        return shlex.join([program("pcipt"), *rest, *more])


@pytest.fixture
def machine() -> Iterator[Machine]:
    with directory_in_memory() as directory, ExitStack() as ending:
        (directory / "libvirt").mkdir()
        libvirt = Libvirtd(directory / "libvirt")
        machine = Machine(directory, libvirt)
        ending.callback(libvirt.kill)
        ending.callback(machine.stop)
        machine.start()
        machine.start_libvirt()
        await_status(machine.agent, HIS_DEVICE, "occupied")
        yield machine


def alike(text: str) -> str:
    """Without what differs from run to run."""
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ", "then", text)
    return re.sub(r"uid \d+ \(pid \d+\)", "somebody", text)


def assert_shown(command: str, shown: list[str], printed: str) -> None:
    """What is printed is what is shown, … standing for anything; where nothing is shown, it does not matter."""
    if not shown:
        return
    pieces = [re.escape(piece.strip("\n")) for piece in alike("\n".join(shown)).split("…")]
    pattern = ".*".join(rf"[ \n]*{piece}" if number else piece for number, piece in enumerate(pieces))
    assert re.fullmatch(pattern, alike(printed).rstrip("\n"), re.DOTALL), f"{command} prints:\n{printed}\nand not:\n" + "\n".join(
        shown
    )


def exit_codes(command: str, shown: list[str]) -> set[int]:
    """Those that the page says."""
    match command.split()[:2]:
        case ["pcipt", "doctor"]:
            return {0, 1}
        case ["pcipt", "status"]:
            return {0 if shown[-1] == "all is well" else 1}
        case ["pcipt", "set-up"]:
            return {1 if any(line.startswith("failed") for line in shown) else 0}
        case _:
            return {0}


def test_every_command_that_is_typed_prints_what_is_shown(machine: Machine) -> None:
    commands = [each for each in typed() if each.command not in NOT_RUN and not each.command.startswith("python3 ")]
    assert len(commands) >= 40
    ((_, told),) = (each for each in commands if each.command.startswith("pcipt events "))
    with following(machine.config_file) as follower:
        for command, shown in commands:
            if command.startswith("pcipt events "):
                follower.await_text(follower.out, "device.cleaned")
                assert follower.ctrl_c() == 0
                assert_shown(command, told, follower.err.read_text() + follower.out.read_text())
                continue
            code, printed = machine.type(command)
            assert code in exit_codes(command, shown), f"{command}: exit code {code}\n{printed}"
            assert_shown(command, shown, printed)


def test_what_is_not_run_is_on_the_page_and_done_elsewhere() -> None:
    assert {each.command for each in typed()} >= NOT_RUN
    assert "WantedBy=multi-user.target" in (CHECKOUT / "systemd/pcipt-agent.service").read_text()


def test_the_call_in_python_is_answered(tmp_path: Path) -> None:
    (lines,) = blocks("python")
    with running_agent(configured(tmp_path, EXAMPLE, SMALLEST)) as agent:
        program_text = "\n".join(lines).replace("/run/pcipt-agent", str(tmp_path))
        command = [sys.executable, "-W", "ignore", "-c", program_text]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr, done.stdout.count("<hostdev ")) == (0, "", 2)
        assert agent.pcipt("free", "port-7").returncode == 0


def test_the_mistake_in_the_configuration_is_shown_as_it_is_reported(tmp_path: Path) -> None:
    (shown,) = ("\n".join(block) for block in blocks("text") if "produkt_id" in block[0])
    config_file = tmp_path / "mistaken.conf"
    config_file.write_text("[pci]\ndevice_spec = " + shown.splitlines()[1].strip() + "\n")
    done = pcipt("check-config", "--config-file", str(config_file), "--host", str(EXAMPLE))
    assert done.returncode == 2
    assert shown in done.stderr


def test_every_status_of_a_device_and_every_code_of_a_refusal_is_in_a_table() -> None:
    rows = re.findall(r"^``([a-z-]+)``  +\S", README, re.MULTILINE)
    codes = {kind.code for kind in Refusal.__subclasses__()}
    assert rows[: len(DeviceStatus)] == list(DeviceStatus)
    assert sorted(rows[len(DeviceStatus) :]) == sorted(codes)


def test_everything_that_needs_attention_is_in_the_table_for_the_night() -> None:
    night = README[README.index("Three in the morning\n---") : README.index("And where there is no agent to ask")]
    assert sorted(re.findall(r"   \* - ``([a-z-]+)``\n", night)) == sorted(get_args(AttentionPart.model_fields["code"].annotation))


def test_every_option_of_ours_is_in_the_table_with_what_takes_it() -> None:
    rows = re.findall(r"   \* - ``\[(\w+)\] (\w+)``\n     - .*\n     - (reload|restart)\n", README)
    ours = [(group, opt.dest) for group in ("DEFAULT", "agent", "libvirt") for opt in dict(opts.list_opts())[group]]
    assert sorted((group, name) for group, name, _ in rows) == sorted(ours)
    assert {name for _, name, how in rows if how == "reload"} == {"readiness", *reloadable.PERIODS}


def test_the_two_commands_for_a_newcomer_are_those_that_ci_runs() -> None:
    python_commands = [each.command for each in typed() if each.command.startswith("python3 -m tests")]
    ci = (CHECKOUT / ".ci/run").read_text().splitlines()
    assert python_commands == ["python3 -m tests.demo", "python3 -m tests", "python3 -m tests.lab shell"]
    assert [line for line in ci if line.startswith("python3")] == python_commands[:2]  # the third is typed by the lab's tests


def test_the_picture_of_a_claims_life_is_drawn_from_the_table() -> None:
    assert "".join(f"   {line}\n" for line in picture().splitlines()) in README


def test_every_module_in_the_picture_of_the_program_is_there_and_none_is_left_out() -> None:
    (drawn,) = (block for block in blocks("text") if block[0] == "pcipt_agent/")
    named = [name for line in drawn[1:] if line[2] != " " for name in re.split(" {3,}", line.strip())[0].split()]
    there = [path.name + ("/" if path.is_dir() else "") for path in (CHECKOUT / "pcipt_agent").iterdir()]
    assert sorted(named) == sorted(name for name in there if not name.startswith("__"))


def test_every_rpc_method_is_in_the_table() -> None:
    table = README[README.index("   * - Method\n") :]
    named = re.findall(r"``(\w+)``", " ".join(re.findall(r"   \* - (``.*)\n", table[: table.index("A request names")])))
    assert named == list(dict.fromkeys(named))
    assert set(named) == set(METHODS)


def test_every_notification_is_in_the_table() -> None:
    table = README[README.index("**Notifications**") : README.index("Over ``unix://`` they are always sent")]
    named = list[str]()
    for word in re.findall(r"``([a-z.]+)``", table):
        named.append(word if word.startswith("pcipt.") else named[-1].rpartition(".")[0] + word)
    assert named == list(dict.fromkeys(named))
    assert set(named) == set(NOTICES)


def test_every_part_of_the_tests_can_be_named() -> None:
    assert {"fast", "services", "lab", "bench"} <= set(PARTS)
    assert "``python3 -m tests fast``" in README


def test_no_line_is_wider_than_140() -> None:
    assert [line for line in README.splitlines() if len(line) > 140] == []


def test_it_is_restructured_text_without_a_fault() -> None:
    docutils.core.publish_doctree(README, settings_overrides={"halt_level": 2, "report_level": 2})
