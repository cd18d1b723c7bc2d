# SPDX-License-Identifier: Apache-2.0
"""The command line: what it takes, what it refuses, and the help that teaches it."""

import shlex
import subprocess
import sys
from argparse import ArgumentParser, _SubParsersAction
from collections.abc import Iterator
from importlib.metadata import version

import pytest

from pcipt_agent.cli import options
from pcipt_agent.cli import parser as words
from pcipt_agent.cli.parser import command_line
from pcipt_agent.core.alias import GroupPolicy, NumaPolicy
from pcipt_agent.core.claim import ClaimState
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.inventory import DeviceStatus

CONSUMER = "8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10"


def commands(of: ArgumentParser) -> Iterator[ArgumentParser]:
    """Every command and subject."""
    for action in of._actions:
        if isinstance(action, _SubParsersAction):
            for command in action.choices.values():
                yield command
                yield from commands(command)


def names() -> list[str]:
    return [command.prog for command in commands(command_line())]


def test_the_words_to_choose_from_are_those_of_the_core() -> None:
    assert list(words.STATUSES) == list(DeviceStatus)
    assert list(words.TYPES) == list(DeviceType)
    assert list(words.STATES) == list(ClaimState)
    assert list(options.NUMA_POLICIES) == list(NumaPolicy)
    assert list(options.GROUP_POLICIES) == list(GroupPolicy)


def test_every_command_is_there() -> None:
    assert names() == [
        "pcipt devices",
        "pcipt pools",
        "pcipt claims",
        "pcipt claim",
        "pcipt allocate",
        "pcipt free",
        "pcipt render",
        "pcipt explain",
        "pcipt explain device",
        "pcipt explain request",
        "pcipt status",
        "pcipt history",
        "pcipt events",
        "pcipt disable",
        "pcipt enable",
        "pcipt clean",
        "pcipt reload",
        "pcipt adopt",
        "pcipt check-config",
        "pcipt doctor",
        "pcipt capture",
        "pcipt completion",
        "pcipt install",
        "pcipt uninstall",
        "pcipt set-up",
        "pcipt journal",
        "pcipt journal backup",
        "pcipt journal restore",
        "pcipt version",
    ]


@pytest.mark.parametrize("command", list(commands(command_line())), ids=lambda command: command.prog)
def test_the_help_of_every_command_teaches_by_an_example_of_it(command: ArgumentParser) -> None:
    assert "examples:\n" in command.format_help()
    assert command.prog in (command.epilog or "")


@pytest.mark.parametrize("command", list(commands(command_line())), ids=lambda command: command.prog)
def test_every_example_in_the_help_is_a_command_line_that_is_taken(command: ArgumentParser) -> None:
    examples = [line.strip() for line in (command.epilog or "").splitlines() if line.strip().startswith("pcipt ")]
    assert examples
    for example in examples:
        command_line().parse_args(words_of(example))


def words_of(example: str) -> list[str]:
    """The words of a shell line, without what is said behind it, with UUIDs where it says UUID."""
    command = example.split("     (")[0].split(" > ")[0]
    return [CONSUMER if word == "UUID" else word for word in shlex.split(command)[1:]]


def test_every_command_that_answers_can_answer_in_json() -> None:
    without = [command.prog for command in commands(command_line()) if "--format" not in command.format_help()]
    assert without == ["pcipt explain", "pcipt capture", "pcipt completion", "pcipt journal"]


def test_what_can_work_without_the_agent_takes_a_host() -> None:
    without = [command.prog for command in commands(command_line()) if "--host DIR|FILE" in command.format_help()]
    assert without == [
        "pcipt devices",
        "pcipt pools",
        "pcipt explain device",
        "pcipt explain request",
        "pcipt check-config",
        "pcipt doctor",
        "pcipt capture",
    ]


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("", "the following arguments are required: COMMAND"),
        ("device", "invalid choice: 'device'"),
        ("devices --status available", "invalid choice: 'available'"),
        ("devices --numa x", "invalid int value: 'x'"),
        ("devices --consumer vm-1", "'vm-1' is no UUID"),
        ("devices --stat free", "unrecognized arguments: --stat free"),
        ("claim a1:2", "the following arguments are required: --consumer"),
        (f"claim a1 --consumer {CONSUMER} --numa 0;1", "'0;1' is no list of NUMA nodes"),
        ("explain device 3b:00.0", "'3b:00.0' is no address; write it whole, as lspci -D does"),
        ("pools --timeout 0", "'0' is no number of seconds above 0"),
        ("pools --timeout never", "'never' is no number of seconds above 0"),
        ("free", "the following arguments are required: CLAIM"),
        ("explain", "the following arguments are required: SUBJECT"),
        ("history", "the following arguments are required: ADDRESS|CONSUMER"),
        ("history vm-1", "'vm-1' is no UUID"),
        ("history 3b:00.0", "'3b:00.0' is no address; write it whole, as lspci -D does"),
        ("history 0000:3b:00.0 --limit 0", "'0' is no number from 1 to 100000"),
        ("history 0000:3b:00.0 --limit ten", "'ten' is no number from 1 to 100000"),
        ("events", "the following arguments are required: --follow"),
        ("disable 0000:3b:00.0", "the following arguments are required: --reason"),
        ("clean", "the following arguments are required: ADDRESS"),
        ("install --root=", "argument --root: the name is empty; is a variable unset?"),
        ("uninstall --purge --root=", "argument --root: the name is empty; is a variable unset?"),
        ("devices --host=", "argument --host: the name is empty"),
        ("capture --output=", "argument --output: the name is empty"),
        ("set-up --devices-conf=", "argument --devices-conf: the name is empty"),
        ("free ''", "argument CLAIM: '' is no text of one line"),
        ("disable --host --reason=", "argument --reason: '' is no text of one line"),
        ("pools --config-file=", "argument --config-file: the name is empty"),
    ],
)
def test_usage_that_is_wrong_is_said_and_exits_with_2(line: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        command_line().parse_args(shlex.split(line))
    assert exit_.value.code == 2
    assert complaint in capsys.readouterr().err


@pytest.mark.parametrize("reason", ["two\nlines", "\x1b[31mred", "  "])
def test_a_reason_is_a_line_for_the_next_operator(reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command_line().parse_args(["disable", "--host", "--reason", reason])
    assert f"argument --reason: {reason!r} is no text of one line" in capsys.readouterr().err


def test_a_uuid_and_an_address_are_taken_in_any_case_and_sent_in_one() -> None:
    parsed = command_line().parse_args(["claim", "--address", "0000:3B:00.A", "--consumer", CONSUMER.upper()])
    assert (parsed.address, parsed.consumer) == (["0000:3b:00.a"], CONSUMER)


def test_the_help_shows_every_command_once_in_its_group() -> None:
    """A command that nobody put in a group would be one that nobody finds."""
    grouped = [name for group in words._GROUPS.values() for name in group]
    [subcommands] = [each for each in command_line()._actions if isinstance(each, _SubParsersAction)]
    assert sorted(grouped) == sorted(subcommands.choices)
    lines = command_line().format_help().splitlines()
    for heading, group in words._GROUPS.items():
        start = lines.index(f"{heading}:")
        shown = [line.split()[0] for line in lines[start + 1 : lines.index("", start)] if line[:3] == "  " + line.strip()[:1]]
        assert shown == list(group)


def test_the_version_of_the_program_is_told_without_an_agent(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        command_line().parse_args(["--version"])
    assert (exit_.value.code, capsys.readouterr().out) == (0, f"pcipt {version('pcipt-agent')}\n")


def test_the_help_says_the_default_that_counts() -> None:
    for command in commands(command_line()):
        if "--timeout" in command.format_help():
            assert f"answer (default: {command.get_default('timeout'):g})" in " ".join(command.format_help().split())


def test_help_waits_for_argparse_only() -> None:
    heavy = "{'pydantic', 'rich', 'lxml', 'oslo_config', 'oslo_messaging', 'immutables', 'dataclasses', 'pcipt_agent.core'}"
    code = (
        "import sys; from pcipt_agent.cli.parser import command_line;"
        f"command_line().format_help(); print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"
