# SPDX-License-Identifier: Apache-2.0
"""The daemon whole, as systemd and an operator meet it: start, serve, kill -9, stop, and what it refuses to start on."""

import json
import os
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest

from pcipt_agent.adapters.rpc_client import AgentFailed
from pcipt_agent.core.address import PciAddress
from tests.support.guests import TestDriverGuests, hostdev_xml
from tests.support.libvirtd import libvirtd
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


def started_and_ended(config_file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A start that is refused."""
    command = [program("pcipt-agent"), "--config-file", str(config_file), *arguments]
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
            seen.append(agent.call("version")["generation"])
            agent.kill()
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
        agent.call("claim", claim_id="c1", consumer=CONSUMER, requests=[{"alias": "a1"}])
        agent.kill()
    journal = next((tmp_path / "state").glob("*.db"))
    with closing(sqlite3.connect(journal)) as connection:
        bodies = [bytes(row[0]) for row in connection.execute("SELECT body FROM record")]
    assert any(b'"c1"' in body for body in bodies)
    assert f", by uid {os.getuid()} (pid {os.getpid()}))" in (tmp_path / "agent.log").read_text()


def test_racing_claims_never_share_a_device(shared: Agent) -> None:
    ids = [str(uuid4()) for _ in range(12)]
    together = Barrier(len(ids))

    def claim(claim_id: str) -> dict[str, Any]:
        together.wait()
        return shared.call("claim", claim_id=claim_id, consumer=CONSUMER, requests=[{"alias": "a1"}])

    with ThreadPoolExecutor(len(ids)) as pool:
        answers = list(pool.map(claim, ids))
    got = [device["address"] for answer in answers for device in answer.get("devices", ())]
    assert len(got) == len(set(got)) == 8
    assert [answer["code"] for answer in answers if "code" in answer] == ["no-devices"] * 4
    for each in ids:
        assert shared.call("free", claim_id=each)["changed"]


def test_a_described_host_that_changes_is_seen_without_a_restart(tmp_path: Path) -> None:
    config_file, host = on_changing_host(tmp_path)
    text = host.read_text()
    gone = "0000:3b:00.5"
    with running_agent(config_file) as agent:
        before = agent.call("devices")
        assert gone in [device["address"] for device in before["devices"]]
        at = text.index(f"\n{gone}")
        host.write_text(text[:at] + text[text.index("\n\n", at) :])
        while (now := agent.call("devices"))["generation"] == before["generation"]:
            pass
        assert gone not in [device["address"] for device in now["devices"]]


def on_changing_host(directory: Path) -> tuple[Path, Path]:
    """A configuration that looks every second, and the description of the host that it looks at."""
    host = directory / "changing.host"
    host.write_text(EXAMPLE_HOST.read_text())
    config_file = configured(directory, host, RULES)
    config_file.write_text(config_file.read_text().replace("[agent]", "[agent]\nrescan_interval = 1"))
    return config_file, host


def test_a_reading_of_the_host_that_hangs_holds_neither_callers_nor_the_stop(tmp_path: Path) -> None:
    config_file, host = on_changing_host(tmp_path)
    with running_agent(config_file) as agent:
        host.unlink()
        os.mkfifo(host)
        with host.open("wb"):  # returns when the agent has opened it too, and now it waits for what never comes
            assert agent.call("claim", claim_id="c1", consumer=CONSUMER, requests=[{"alias": "a1"}])["changed"]
            agent.process.terminate()
            assert agent.process.wait(timeout=40) == 0, "1 is the end by force"
    assert "stopped" in (tmp_path / "agent.log").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_that_waits_for_its_broker_can_be_stopped(tmp_path: Path, number: signal.Signals) -> None:
    config_file = configured(tmp_path, EXAMPLE_HOST, RULES, transport_url="rabbit://guest:secret@127.0.0.1:1/")
    command = [program("pcipt-agent"), "--config-file", str(config_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        said: list[str] = []
        while "Connection refused" not in (said or [""])[-1]:
            said.append(process.stdout.readline())
            assert said[-1], said
        process.send_signal(number)
        try:
            assert process.wait(timeout=20) == 0
        finally:
            process.kill()
        said += process.stdout.readlines()
    assert f"stopped by {number.name} before it was ready" in said[-1]
    assert "secret" not in "".join(said)


@contextmanager
def without_room(agent: Agent) -> Iterator[None]:
    """No file of the agent's may grow: the kernel answers EFBIG, as it would ENOSPC on a full disk."""
    soft, hard = resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.prlimit(agent.process.pid, resource.RLIMIT_FSIZE, (soft, hard))


def wanted(claim_id: str) -> dict[str, object]:
    return {"claim_id": claim_id, "consumer": CONSUMER, "requests": [{"alias": "a1"}]}


def test_without_room_it_answers_and_claims_nothing_until_there_is_room(config_file: Path) -> None:
    with running_agent(config_file) as agent:
        first = agent.call("claim", **wanted("c1"))
        with without_room(agent):
            assert agent.call("claim", **wanted("c2"))["code"] == "journal-unwritable"
            assert agent.call("free", claim_id="c1")["code"] == "journal-unwritable"
            assert agent.call("claim", **wanted("c1"))["devices"] == first["devices"]
            assert agent.call("claim", **wanted("c2"), dry_run=True)["dry_run"]
            assert [claim["claim_id"] for claim in agent.call("claims")["claims"]] == ["c1"]
        assert agent.call("claim", **wanted("c2"))["changed"]
        agent.kill()
    with running_agent(config_file) as agent:
        assert [claim["claim_id"] for claim in agent.call("claims")["claims"]] == ["c1", "c2"]


def test_a_journal_that_can_not_be_trusted_any_more_ends_the_process_with_a_logged_traceback(
    config_file: Path, tmp_path: Path
) -> None:
    """SQLite lets go of the file when a commit fails for want of room, and it is another when the agent comes back to it."""
    with running_agent(config_file) as agent:
        agent.call("claim", **wanted("c1"))
        with without_room(agent):
            agent.call("claim", **wanted("c2"))
        (tmp_path / "state/journal.db").write_bytes(b"no database at all" * 1000)
        with pytest.raises(AgentFailed, match=r"JournalError: .*journal\.db"):
            agent.call("claim", **wanted("c2"))
        assert agent.process.wait(timeout=30) == 1
    log = (tmp_path / "agent.log").read_text()
    assert "a fault that nobody expected ends the agent" in log
    traced = [line for line in log.splitlines() if "Traceback" in line]
    assert traced
    assert all(" pcipt_agent.stopping Traceback" in line for line in traced), "said once, by whom it concerns"


def test_its_help_teaches() -> None:
    told = subprocess.run([program("pcipt-agent"), "--help"], check=True, capture_output=True, text=True).stdout
    for expected in ("--config-file", "--nova-conf", "examples:", "exit codes: 0 stopped", "SIGTERM", "pcipt check-config"):
        assert expected in told


def test_ctrl_c_stops_it_as_sigterm_does(config_file: Path, tmp_path: Path) -> None:
    with running_agent(config_file) as agent:
        agent.process.send_signal(signal.SIGINT)
        assert agent.process.wait(timeout=30) == 0
    assert "stopped" in (tmp_path / "agent.log").read_text()


def test_a_log_that_can_not_be_written_is_a_mistake(config_file: Path, tmp_path: Path) -> None:
    ended = started_and_ended(config_file, "--log-file", str(tmp_path / "none" / "agent.log"))
    assert ended.returncode == 2
    assert "the log can't be set up: [Errno 2]" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_what_guests_have_is_known_before_anybody_is_served(tmp_path: Path) -> None:
    with libvirtd(tmp_path) as daemon:
        guests = TestDriverGuests(daemon.uri)
        guests.define(CONSUMER, "g1", hostdev_xml(PciAddress(0, 0x3B, 0, 2)))
        config_file = configured(tmp_path, EXAMPLE_HOST, f"{RULES}[libvirt]\nconnection_uri = {daemon.uri}\n")
        with running_agent(config_file) as agent:
            assert agent.log.index("is occupied by domain g1") < agent.log.index("serving at")
        guests.leave()


def test_a_libvirt_that_hangs_holds_neither_the_start_nor_the_stop(tmp_path: Path) -> None:
    with libvirtd(tmp_path) as daemon:
        config_file = configured(tmp_path, EXAMPLE_HOST, f"{RULES}[libvirt]\nconnection_uri = {daemon.uri}\n")
        daemon.hang()
        with running_agent(config_file) as agent:
            assert agent.call("claim", claim_id="c1", consumer=CONSUMER, requests=[{"alias": "a1"}])["changed"]
            agent.process.terminate()
            assert agent.process.wait(timeout=15) == 0
        daemon.go_on()
