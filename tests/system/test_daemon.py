# SPDX-License-Identifier: Apache-2.0
"""The daemon whole, as systemd and an operator meet it: start, serve, kill -9, stop, and what it refuses to start on."""

import json
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.running import Agent, configured, program, running_agent

EXAMPLE_HOST = Path(__file__).resolve().parents[2] / "etc/pcipt-agent/example.host"
CONSUMER = "8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10"
RULES = """\
device_spec = {"vendor_id": "15b3", "product_id": "101e"}
alias = {"name": "a1", "vendor_id": "15b3", "product_id": "101e", "device_type": "type-VF"}
"""


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return configured(tmp_path, EXAMPLE_HOST, RULES)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """One agent for the tests that leave nothing behind."""
    with running_agent(configured(tmp_path_factory.mktemp("shared"), EXAMPLE_HOST, RULES)) as agent:
        yield agent


def started_and_ended(config_file: Path) -> subprocess.CompletedProcess[str]:
    """A start that is refused."""
    command = [program("pcipt-agent"), "--config-file", str(config_file)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def devices_of(answer: subprocess.CompletedProcess[str]) -> list[str]:
    assert answer.returncode == 0, answer.stderr
    return [device["address"] for device in json.loads(answer.stdout)["devices"]]


def test_a_claim_survives_kill_9_and_the_retry_gets_the_same_answer(config_file: Path) -> None:
    call = ("claim", "a1:2", "--claim-id", "c1", "--consumer", CONSUMER, "--format", "json")
    with running_agent(config_file) as agent:
        first = json.loads(agent.pcipt(*call).stdout)
        agent.kill()
    with running_agent(config_file) as agent:
        second = json.loads(agent.pcipt(*call).stdout)
        claims = json.loads(agent.pcipt("claims", "--format", "json").stdout)["claims"]
        assert agent.pcipt("free", "c1").returncode == 0
        after = json.loads(agent.pcipt("devices", "--format", "json").stdout)["devices"]
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["devices"] == second["devices"]
    assert [claim["claim_id"] for claim in claims] == ["c1"]
    assert {device["status"] for device in after if device["product_id"] == "101e"} == {"free"}


def test_the_generation_never_repeats_over_starts(config_file: Path) -> None:
    seen = []
    for _ in range(3):
        with running_agent(config_file) as agent:
            seen.append(json.loads(agent.pcipt("version", "--format", "json").stdout)["generation"])
    assert len(set(seen)) == 3


def test_sigterm_finishes_and_leaves_no_socket_to_a_dead_agent(config_file: Path) -> None:
    with running_agent(config_file) as agent:
        agent.process.terminate()
        assert agent.process.wait(timeout=30) == 0
    refused = agent.pcipt("claims")
    assert refused.returncode == 3
    assert "agent.sock" in refused.stderr


def test_a_second_agent_on_the_same_state_is_refused_at_once(config_file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.conf"
    other.write_text(config_file.read_text().replace("agent.sock", "other.sock"))
    with running_agent(config_file) as agent:
        second = started_and_ended(other)
    assert second.returncode == 4
    assert str(agent.process.pid) in second.stderr
    assert str(tmp_path / "state") in second.stderr


def test_a_mistake_stops_the_start_with_the_words_of_check_config(config_file: Path) -> None:
    config_file.write_text(config_file.read_text() + 'device_spec = {"vendor_idd": "8086"}\nalias = {"name": "a:b"}\n')
    start = started_and_ended(config_file)
    checked = subprocess.run(
        [program("pcipt"), "check-config", "--config-file", str(config_file)], check=False, capture_output=True, text=True
    )
    assert (start.returncode, checked.returncode) == (2, 2)
    assert 'did you mean "vendor_id"' in start.stderr
    assert start.stderr.strip() in checked.stdout + checked.stderr


def test_a_corrupt_journal_stops_the_start_and_the_message_says_the_way_out(config_file: Path, tmp_path: Path) -> None:
    with running_agent(config_file) as agent:
        agent.pcipt("claim", "a1", "--claim-id", "c1", "--consumer", CONSUMER)
    journal = next((tmp_path / "state").glob("*.db"))
    journal.write_bytes(b"no database at all, but long enough to be read as one" * 100)
    start = started_and_ended(config_file)
    assert start.returncode == 4
    assert str(journal) in start.stderr
    assert "mv " in start.stderr


def test_what_it_acknowledged_is_in_the_journal_before_the_answer(config_file: Path, tmp_path: Path) -> None:
    with running_agent(config_file) as agent:
        agent.pcipt("claim", "a1", "--claim-id", "c1", "--consumer", CONSUMER)
        agent.kill()
    journal = next((tmp_path / "state").glob("*.db"))
    with sqlite3.connect(journal) as connection:
        bodies = [bytes(row[0]) for row in connection.execute("SELECT body FROM record")]
    assert any(b'"c1"' in body for body in bodies)


def test_racing_claims_never_share_a_device(shared: Agent) -> None:
    ids = [str(uuid4()) for _ in range(12)]
    command = [program("pcipt"), "claim", "a1", "--format", "json", "--config-file", str(shared.config_file)]
    racing = [
        subprocess.Popen([*command, "--claim-id", each, "--consumer", CONSUMER], stdout=subprocess.PIPE, text=True) for each in ids
    ]
    answers = [json.loads(process.communicate(timeout=60)[0]) for process in racing]
    got = [device["address"] for answer in answers for device in answer.get("devices", ())]
    refused = [answer["refusal"]["code"] for answer in answers if "refusal" in answer]
    assert len(got) == len(set(got)) == 8
    assert refused == ["no-devices"] * 4
    for each in ids:
        assert shared.pcipt("free", each).returncode == 0


def test_a_described_host_that_changes_is_seen_without_a_restart(tmp_path: Path) -> None:
    host = tmp_path / "changing.host"
    text = EXAMPLE_HOST.read_text()
    host.write_text(text)
    config_file = configured(tmp_path, host, RULES)
    config_file.write_text(config_file.read_text().replace("[agent]", "[agent]\nrescan_interval = 1"))
    gone = "0000:3b:00.5"
    with running_agent(config_file) as agent:
        assert gone in devices_of(agent.pcipt("devices", "--format", "json"))
        generation = json.loads(agent.pcipt("devices", "--format", "json").stdout)["generation"]
        at = text.index(f"\n{gone}")
        host.write_text(text[:at] + text[text.index("\n\n", at) :])
        while (now := json.loads(agent.pcipt("devices", "--format", "json").stdout))["generation"] == generation:
            pass
        assert gone not in [device["address"] for device in now["devices"]]


def test_ctrl_c_stops_it_as_sigterm_does(config_file: Path, tmp_path: Path) -> None:
    with running_agent(config_file) as agent:
        agent.process.send_signal(signal.SIGINT)
        assert agent.process.wait(timeout=30) == 0
    assert "stopped" in (tmp_path / "agent.log").read_text()
