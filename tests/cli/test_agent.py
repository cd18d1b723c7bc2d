# SPDX-License-Identifier: Apache-2.0
"""Asking an agent that is not there, or at an address that is none. That it answers is `test_with_agent`'s subject."""

from pathlib import Path

import pytest

from pcipt_agent.cli.agent import NotReachable, ask
from pcipt_agent.cli.parser import command_line
from pcipt_agent.cli.payloads import call_of
from pcipt_agent.errors import ConfigError


def asked(tmp_path: Path, *words: str) -> None:
    config_file = tmp_path / "a.conf"
    config_file.write_text(f"[DEFAULT]\ntransport_url = unix://{tmp_path}/agent.sock\n")
    command = command_line().parse_args(["version", "--config-file", str(config_file), *words])
    ask(command, call_of(command))


def test_a_missing_socket_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotReachable, match=rf"{tmp_path}/agent\.sock: there is no such socket"):
        asked(tmp_path)


def test_the_command_line_s_address_comes_before_the_configuration_s(tmp_path: Path) -> None:
    with pytest.raises(NotReachable, match=r"other\.sock"):
        asked(tmp_path, "--transport-url", f"unix://{tmp_path}/other.sock")


def test_an_address_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        asked(tmp_path, "--transport-url", "nonsense")
