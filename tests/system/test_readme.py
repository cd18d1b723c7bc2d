# SPDX-License-Identifier: Apache-2.0
"""README.rst says what is true: its commands run, its picture and its tables are those of the code."""

import re
import shlex
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import docutils.core
import pytest

from pcipt_agent.core.inventory import DeviceStatus
from pcipt_agent.errors import Refusal
from pcipt_agent.views.lifecycle import picture
from pcipt_agent.views.methods import METHODS
from tests.__main__ import PARTS
from tests.support.running import Agent, configured, pcipt, running_agent

CHECKOUT = Path(__file__).resolve().parents[2]
EXAMPLE = CHECKOUT / "etc/pcipt-agent/example.host"
README = (CHECKOUT / "README.rst").read_text()
RULES = re.findall(r"\.\. code-block:: ini\n\n   \[pci\]\n((?:   .*\n)+)", README)[0].replace("   ", "")
TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ")


def blocks(language: str) -> list[list[str]]:
    """The lines of each block of this language, as they are typed."""
    found = re.findall(rf"\.\. code-block:: {language}\n\n((?:   .*\n|\n)+)", README)
    return [textwrap.dedent(block).strip("\n").splitlines() for block in found]


def console_commands() -> dict[str, list[str]]:
    """What stands behind `$` in blocks that are meant to be typed → what is shown below it."""
    commands: dict[str, list[str]] = {}
    for line in (line for block in blocks("console") for line in block):
        if line.startswith("$ "):
            shown = commands.setdefault(line.removeprefix("$ "), [])
        else:
            shown.append(line)
    return commands


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    directory = tmp_path_factory.mktemp("readme")
    with running_agent(configured(directory, EXAMPLE, RULES)) as agent:
        yield agent


def test_every_command_for_operators_prints_what_is_shown(agent: Agent) -> None:
    commands = {command: shown for command, shown in console_commands().items() if command.startswith("pcipt ")}
    assert len(commands) >= 10
    for command, shown in commands.items():
        done = agent.pcipt(*shlex.split(command)[1:])
        assert (done.returncode, done.stderr) == (0, ""), command
        pieces = [piece.strip("\n") for piece in TIME.sub("then", "\n".join(shown)).split("…")]
        position, printed = 0, TIME.sub("then", done.stdout)
        for piece in pieces:
            assert printed.find(piece, position) >= 0, f"{command} does not print:\n{piece}\nbut:\n{done.stdout}"
            position = printed.find(piece, position) + len(piece)
        assert printed.startswith(pieces[0]), command
        assert printed.rstrip("\n").endswith(pieces[-1]), command


def test_the_call_in_python_is_answered(agent: Agent) -> None:
    (lines,) = blocks("python")
    program = "\n".join(lines).replace("/run/pcipt-agent", str(agent.config_file.parent))
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr, done.stdout.count("<hostdev ")) == (0, "", 2)
    assert agent.pcipt("free", "port-7").returncode == 0


def test_the_mistake_in_the_configuration_is_shown_as_it_is_reported(agent: Agent) -> None:
    (shown,) = ("\n".join(block) for block in blocks("text") if "produkt_id" in block[0])
    config_file = agent.config_file.with_name("mistaken.conf")
    config_file.write_text("[pci]\ndevice_spec = " + shown.splitlines()[1].strip() + "\n")
    done = pcipt("check-config", "--config-file", str(config_file), "--host", str(EXAMPLE))
    assert done.returncode == 2
    assert shown in done.stderr


def test_every_status_of_a_device_and_every_code_of_a_refusal_is_in_a_table() -> None:
    rows = re.findall(r"^``([a-z-]+)``  +\S", README, re.MULTILINE)
    codes = {kind.code for kind in Refusal.__subclasses__()}
    assert rows == [*DeviceStatus, *(row for row in rows if row in codes)]
    assert set(rows) == {*DeviceStatus, *codes}


def test_the_two_commands_for_a_newcomer_are_those_that_ci_runs() -> None:
    python_commands = [command for command in console_commands() if not command.startswith("pcipt ")]
    ci = (CHECKOUT / ".ci/run").read_text().splitlines()
    assert python_commands == ["python3 -m tests.demo", "python3 -m tests"]
    assert [line for line in ci if line.startswith("python3")] == python_commands


def test_the_picture_of_a_claims_life_is_drawn_from_the_table() -> None:
    assert "".join(f"   {line}\n" for line in picture().splitlines()) in README


def test_every_rpc_method_is_in_the_table() -> None:
    table = README[README.index("   * - Method\n") :]
    named = re.findall(r"``(\w+)``", " ".join(re.findall(r"   \* - (``.*)\n", table[: table.index("A request names")])))
    assert named == list(dict.fromkeys(named))
    assert set(named) == set(METHODS)


def test_every_part_of_the_tests_can_be_named() -> None:
    assert {"fast", "services", "bench"} <= set(PARTS)
    assert "``python3 -m tests fast``" in README


def test_it_is_restructured_text_without_a_fault() -> None:
    docutils.core.publish_doctree(README, settings_overrides={"halt_level": 2, "report_level": 2})
