# SPDX-License-Identifier: Apache-2.0
"""`pcipt completion SHELL`: the script by which a shell completes our command line.

It is static: it knows every command, option and word to choose from, and a press of Tab starts no Python. What is a file is told by
its metavar, so the command line needs to know nothing of shells.

Does not know: where the script is installed.
Source: https://docs.iterative.ai/shtab/use/ ("Metadata for completions").
"""

from argparse import Action, ArgumentParser
from collections.abc import Iterator

import shtab

from pcipt_agent.cli.parser import command_line

_FILES = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY, "DIR|FILE": shtab.FILE}
"""Metavar → what completes it."""


def completion(shell: str) -> str:
    """The script for `bash` or `zsh`."""
    top = command_line()
    for action in _actions(top):
        if isinstance(action.metavar, str) and action.metavar in _FILES:
            vars(action)["complete"] = _FILES[action.metavar]
    return shtab.complete(top, shell) + "\n"


def _actions(parser: ArgumentParser) -> Iterator[Action]:
    """Those of all commands, and of their subjects."""
    for action in parser._actions:
        yield action
        if isinstance(action.choices, dict):
            for command in action.choices.values():
                yield from _actions(command)
