# SPDX-License-Identifier: Apache-2.0
"""Answers without the agent: the same as the agent's with an empty book."""

from pathlib import Path

import pytest

from pcipt_agent.cli.parser import command_line
from pcipt_agent.cli.payloads import call_of
from pcipt_agent.cli.standalone import GENERATION, answer
from pcipt_agent.errors import HostError

EXAMPLE_HOST = Path(__file__).parents[2] / "etc/pcipt-agent/example.host"


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "a.conf"
    path.write_text(
        '[pci]\ndevice_spec = {"product_id": "101e"}\nalias = {"name": "a1", "vendor_id": "15b3", "product_id": "101e"}\n'
    )
    return path


def answered(config_file: Path, *words: str, host: Path = EXAMPLE_HOST) -> dict[str, object]:
    command = command_line().parse_args([*words, "--host", str(host), "--config-file", str(config_file)])
    return dict(answer(command, call_of(command)))


def test_devices_are_those_of_the_file_and_nothing_is_claimed(config_file: Path) -> None:
    reply = answered(config_file, "devices", "--status", "free")
    assert reply["generation"] == GENERATION
    devices = reply["devices"]
    assert isinstance(devices, list)
    assert {each["product_id"] for each in devices} == {"101e"}


def test_a_refusal_is_an_answer_here_too(config_file: Path) -> None:
    refusal = answered(config_file, "explain", "request", "nobody:1")["refusal"]
    assert isinstance(refusal, dict)
    assert (refusal["code"], refusal["known"]) == ("unknown-alias", ["a1"])


def test_a_host_that_is_not_there_is_named(config_file: Path, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=r"nowhere\.host"):
        answered(config_file, "devices", host=tmp_path / "nowhere.host")
