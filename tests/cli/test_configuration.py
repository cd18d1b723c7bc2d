# SPDX-License-Identifier: Apache-2.0
"""What a command takes from the configuration, from real files."""

from argparse import Namespace
from pathlib import Path

import pytest
from oslo_config import cfg

from pcipt_agent.cli.configuration import settings
from pcipt_agent.cli.parser import command_line
from pcipt_agent.conf.settings import Settings
from pcipt_agent.errors import ConfigError


def command(*words: str) -> Namespace:
    return command_line().parse_args(["devices", *words])


def found(*words: str) -> Settings:
    return settings(command(*words), cfg.ConfigOpts())


def test_a_directory_of_files_says_where_the_agent_is(tmp_path: Path) -> None:
    (tmp_path / "10-site.conf").write_text("[DEFAULT]\nhost = h1\ntransport_url = unix:///site/agent.sock\n")
    place = found("--config-dir", str(tmp_path))
    assert (place.host, place.transport_url) == ("h1", "unix:///site/agent.sock")


def test_an_agent_that_took_its_name_of_a_nova_conf_is_found_with_it(tmp_path: Path) -> None:
    (tmp_path / "nova.conf").write_text("[DEFAULT]\nhost = compute1\n")
    (tmp_path / "own.conf").write_text("[agent]\n")
    assert found("--config-file", str(tmp_path / "own.conf"), "--nova-conf", str(tmp_path / "nova.conf")).host == "compute1"


def test_a_mistake_in_the_rules_does_not_stand_between(tmp_path: Path) -> None:
    (tmp_path / "own.conf").write_text("[DEFAULT]\nhost = h1\n[pci]\nreport_in_placement = sometimes\ndevice_spec = {\n")
    assert found("--config-file", str(tmp_path / "own.conf")).host == "h1"


def test_a_mistake_in_where_the_agent_is_does(tmp_path: Path) -> None:
    (tmp_path / "own.conf").write_text("[DEFAULT]\nhost = $nothing\n")
    with pytest.raises(ConfigError) as caught:
        found("--config-file", str(tmp_path / "own.conf"))
    assert [mistake.option for mistake in caught.value.mistakes] == ["[DEFAULT] host"]
