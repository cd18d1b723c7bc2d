# SPDX-License-Identifier: Apache-2.0
"""README.rst says what is true: its commands run, its picture and its tables are those of the code."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import docutils.core
import pytest

from pcipt_agent.views.lifecycle import picture
from pcipt_agent.views.methods import METHODS
from tests.__main__ import PARTS
from tests.support.running import Agent, configured, running_agent

CHECKOUT = Path(__file__).resolve().parents[2]
README = (CHECKOUT / "README.rst").read_text()
RULES = """\
device_spec = {"vendor_id": "15b3", "product_id": "101e"}
alias = {"name": "a1", "vendor_id": "15b3", "product_id": "101e", "device_type": "type-VF"}
"""


def console_commands() -> list[str]:
    """What stands behind `$` in blocks that are meant to be typed."""
    blocks = re.findall(r"\.\. code-block:: console\n\n((?:   .*\n|\n)+)", README)
    return [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines() if line.strip().startswith("$ ")]


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    directory = tmp_path_factory.mktemp("readme")
    with running_agent(configured(directory, CHECKOUT / "etc/pcipt-agent/example.host", RULES)) as agent:
        yield agent


def test_every_command_for_operators_does_what_it_says(agent: Agent) -> None:
    commands = [command for command in console_commands() if command.startswith("pcipt ")]
    assert len(commands) >= 10
    for command in commands:
        done = agent.pcipt(*shlex.split(command)[1:])
        assert (done.returncode, done.stderr) == (0, ""), command
        assert done.stdout, command


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
