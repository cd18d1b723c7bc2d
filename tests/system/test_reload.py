# SPDX-License-Identifier: Apache-2.0
"""Reload of a running agent: by SIGHUP as systemd sends it, by RPC, and what it would change asked before."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pcipt_agent.adapters.rpc_client import Answered
from tests.support.running import Agent, configured, running_agent, until

EXAMPLE_HOST = Path(__file__).parents[2] / "etc/pcipt-agent/example.host"
CONSUMER = "8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10"
VFS = 'device_spec = {"vendor_id": "15b3", "product_id": "101e"}\n'
ALIAS = 'alias = {"name": "a1", "vendor_id": "15b3", "product_id": "101e", "device_type": "type-VF"}\n'
GPU = 'device_spec = {"vendor_id": "10de"}\n'


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with running_agent(configured(tmp_path, EXAMPLE_HOST, VFS + ALIAS)) as ready:
        yield ready


def write(agent: Agent, rules: str) -> None:
    text = agent.config_file.read_text()
    agent.config_file.write_text(text.partition("[pci]\n")[0] + "[pci]\n" + rules)


def assignable(agent: Agent) -> set[str]:
    devices = agent.call("devices")["devices"]
    return {device["product_id"] for device in devices if device["status"] not in ("not-assignable", "unusable")}


def hangup(agent: Agent) -> list[str]:
    """What systemd is told of one reload."""
    before = len(agent.told)
    agent.process.send_signal(signal.SIGHUP)
    until(lambda: any("READY=1" in each for each in agent.told[before:]))
    return list(agent.told[before:])


def test_sighup_takes_new_rules_and_systemd_is_told_as_it_wants_to_be(agent: Agent) -> None:
    assert assignable(agent) == {"101e"}
    write(agent, VFS + ALIAS + GPU)
    told = hangup(agent)
    reloading = next(each for each in told if "RELOADING=1" in each)
    assert re.search(r"^MONOTONIC_USEC=\d+$", reloading, re.MULTILINE)
    assert told.index(reloading) < next(place for place, each in enumerate(told) if "READY=1" in each)
    assert len(assignable(agent)) == 2
    assert "reloaded: rules" in agent.log


def test_on_a_mistake_the_old_rules_stay_and_status_says_so_until_one_succeeds(agent: Agent) -> None:
    write(agent, VFS + ALIAS + 'device_spec = {"vendor_idd": "10de"}\n')
    assert any("last reload refused" in each for each in hangup(agent))
    assert assignable(agent) == {"101e"}
    status = agent.pcipt("status")
    assert status.returncode == 1
    assert "vendor_idd" in status.stdout
    refused = agent.pcipt("reload")
    assert refused.returncode == 1
    assert 'did you mean "vendor_id"?' in refused.stderr
    write(agent, VFS + ALIAS)
    assert agent.pcipt("reload").returncode == 0
    assert "vendor_idd" not in agent.pcipt("status").stdout


def test_a_half_written_file_costs_nothing(agent: Agent) -> None:
    assert agent.pcipt("claim", "a1:1", "--consumer", CONSUMER, "--claim-id", "c1").returncode == 0
    whole = agent.config_file.read_text()
    for length in range(whole.index("[pci]"), len(whole), 7):
        agent.config_file.write_text(whole[:length])
        hangup(agent)
        (claim,) = agent.call("claims")["claims"]  # a file that is cut between two entries is taken, and lists fewer devices
        assert claim["claim_id"] == "c1"
    agent.config_file.write_text(whole)
    hangup(agent)
    assert assignable(agent) == {"101e"}
    assert agent.process.poll() is None


def test_what_a_reload_would_change_is_said_before_and_is_what_it_changes(agent: Agent) -> None:
    assert agent.pcipt("claim", "a1:1", "--consumer", CONSUMER, "--claim-id", "c1").returncode == 0
    write(agent, GPU)
    asked = agent.pcipt("check-config", "--against-running", "--format", "json")
    assert asked.returncode == 0, asked.stderr
    before = json.loads(asked.stdout)["against_running"]
    assert assignable(agent) == {"101e"}
    done = json.loads(agent.pcipt("reload", "--format", "json").stdout)
    for field in ("arriving", "leaving", "kept", "altered", "aliases_gone", "rules"):
        assert before[field] == done[field], field
    assert [each["consumer"] for each in done["kept"]] == [CONSUMER]
    assert done["aliases_gone"] == ["a1"]


def test_rules_that_would_be_refused_are_refused_before_with_the_exit_code(agent: Agent) -> None:
    (pf,) = {d["parent"] for d in agent.call("devices", status="free", limit=1)["devices"]}
    assert agent.pcipt("claim", "a1:1", "--consumer", CONSUMER, "--claim-id", "c1").returncode == 0
    write(agent, f'device_spec = {{"vendor_id": "15b3", "product_id": "101d"}}\n{GPU}')
    asked = agent.pcipt("check-config", "--against-running")
    assert asked.returncode == 1
    assert pf in asked.stderr
    assert "the old rules stay" in asked.stderr


def test_without_an_agent_the_local_check_is_shown_and_the_exit_code_is_three(tmp_path: Path) -> None:
    config = configured(tmp_path, EXAMPLE_HOST, VFS)
    with running_agent(config) as agent:
        agent.kill()
        asked = agent.pcipt("check-config", "--against-running")
    assert asked.returncode == 3
    assert "no mistakes" in asked.stdout


def test_periods_are_taken_and_other_options_are_named(agent: Agent) -> None:
    text = agent.config_file.read_text()
    agent.config_file.write_text(
        text.replace("[agent]\n", "debug = true\n[agent]\nclaim_timeout = 7\nrescan_interval = 1\n")
        + "[oslo_messaging_rabbit]\nheartbeat_rate = 3\n"
    )
    reply = agent.call("reload")
    assert reply["options"] == ["[DEFAULT] debug", "[agent] claim_timeout", "[agent] rescan_interval"]
    assert "[DEFAULT] debug is taken" in agent.log
    assert reply["needs_restart"] == ["[oslo_messaging_rabbit] heartbeat_rate"]


@pytest.mark.parametrize("line", ["default_log_levels = amqp=LOUD", "default_log_levels = amqp", "debug = perhaps"])
def test_a_log_level_that_is_none_is_a_mistake_as_any_other(agent: Agent, line: str) -> None:
    text = agent.config_file.read_text()
    agent.config_file.write_text(text.replace("[agent]\n", f"{line}\n[agent]\n"))
    assert any("last reload refused" in each for each in hangup(agent))
    assert line.partition(" ")[0] in agent.pcipt("reload").stderr
    assert agent.process.poll() is None
    again = agent.pcipt("check-config")
    assert (again.returncode, line.partition(" ")[0] in again.stderr) == (2, True)


def test_a_file_that_never_ends_to_be_read_holds_neither_callers_nor_the_stop(agent: Agent) -> None:
    text = agent.config_file.read_text()
    client = agent.client()
    agent.config_file.unlink()
    os.mkfifo(agent.config_file)
    agent.process.send_signal(signal.SIGHUP)
    with agent.config_file.open("wb"):  # returns when the agent has opened it too, and now it waits for what never comes
        assert isinstance(client.call("version", {}), Answered)
        client.close()
        agent.process.terminate()
        assert agent.process.wait(timeout=15) == 0
    agent.config_file.unlink()
    agent.config_file.write_text(text)
