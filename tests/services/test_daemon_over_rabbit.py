# SPDX-License-Identifier: Apache-2.0
"""The real daemon and the real `pcipt` over a real RabbitMQ: what holds over the socket holds over a broker."""

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pcipt_agent.adapters.rpc_client import Answered
from tests.support.broker import broker
from tests.support.running import Agent, configured, running_agent, until

EXAMPLE_HOST = Path(__file__).resolve().parents[2] / "etc/pcipt-agent/example.host"
CONSUMER = "8a1cd4bd-2f4b-4e6e-a9a3-3e9d6f1f6a10"
RULES = """\
device_spec = {"vendor_id": "15b3", "product_id": "101e"}
alias = {"name": "a1", "vendor_id": "15b3", "product_id": "101e", "device_type": "type-VF"}
"""
CLAIM = ("claim", "a1:2", "--claim-id", "c1", "--consumer", CONSUMER, "--format", "json")


@pytest.fixture
def config_file(tmp_path: Path, rabbit: str) -> Path:
    return configured(tmp_path, EXAMPLE_HOST, RULES, transport_url=rabbit)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, rabbit: str) -> Iterator[Agent]:
    """One agent for the tests that leave nothing behind; its name is its own, since two of one name would share the calls."""
    config_file = configured(tmp_path_factory.mktemp("shared"), EXAMPLE_HOST, RULES, transport_url=rabbit)
    config_file.write_text(config_file.read_text().replace("host = compute1", "host = compute2"))
    with running_agent(config_file) as agent:
        yield agent


def test_a_claim_survives_kill_9_and_the_retry_gets_the_same_answer(config_file: Path) -> None:
    with running_agent(config_file) as agent:
        first = json.loads(agent.pcipt(*CLAIM).stdout)
        agent.kill()
    with running_agent(config_file) as agent:
        second = json.loads(agent.pcipt(*CLAIM).stdout)
        assert agent.pcipt("free", "c1").returncode == 0
        agent.process.terminate()
        assert agent.process.wait(timeout=30) == 0
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["devices"] == second["devices"]


def test_refusals_are_those_of_the_socket(shared: Agent) -> None:
    too_many = shared.pcipt("claim", "a1:9", "--consumer", CONSUMER)
    assert (too_many.returncode, "9 needed" in too_many.stderr) == (1, True)
    unknown = shared.pcipt("allocate", "never", "--format", "json")
    assert (unknown.returncode, json.loads(unknown.stdout)["refusal"]["code"]) == (1, "claim-unknown")
    bad = shared.call("claim", claim_id="two\nlines", consumer=CONSUMER, requests=[{"alias": "a1"}])
    assert [problem["field"] for problem in bad["problems"]] == ["claim_id"]


def test_what_the_log_says_names_no_peer_and_no_password(shared: Agent) -> None:
    assert shared.pcipt("claim", "a1", "--consumer", CONSUMER, "--claim-id", "logged").returncode == 0
    assert shared.pcipt("free", "logged").returncode == 0
    log = (shared.config_file.parent / "agent.log").read_text()
    (line,) = [line for line in log.splitlines() if "claimed" in line and "claim logged" in line]
    assert (CONSUMER in line, "(request req-" in line, "uid" in line) == (True, True, False)
    assert "guest:guest" not in log


def test_callers_in_a_crowd_never_share_a_device(shared: Agent) -> None:
    def live(number: int) -> list[str]:
        with closing(shared.client()) as client:
            wish = {"claim_id": f"crowd-{number}", "consumer": CONSUMER, "requests": [{"alias": "a1"}]}
            first, again = client.call("claim", wish), client.call("claim", wish)
            assert isinstance(first, Answered) == isinstance(again, Answered)
            return [device["address"] for device in first.reply["devices"]] if isinstance(first, Answered) else []

    with ThreadPoolExecutor(10) as pool:
        got = [address for addresses in pool.map(live, range(10)) for address in addresses]
    assert len(got) == len(set(got)) == 8
    for number in range(10):
        assert shared.call("free", claim_id=f"crowd-{number}")["state"] == "ended"


def test_a_start_waits_for_no_broker_and_serves_as_soon_as_there_is_one(tmp_path: Path, rabbit: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    where = urlsplit(rabbit)
    url = rabbit.replace(f":{where.port}", f":{port}")
    with running_agent(configured(tmp_path, EXAMPLE_HOST, RULES, transport_url=url)) as agent:
        assert any("broker not reachable" in each for each in agent.told)
        assert "the broker does not answer, so nobody is served until it does" in agent.log
        with forwarding(port, where.port or 0):
            until(lambda: "serving at rabbit://" in agent.log, 60)
            assert agent.pcipt("status", "--format", "json").stdout


def test_a_stop_waits_for_no_broker_that_never_was(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"rabbit://guest:guest@127.0.0.1:{door.getsockname()[1]}/"
    with running_agent(configured(tmp_path, EXAMPLE_HOST, RULES, transport_url=url)) as agent:
        agent.process.terminate()
        assert agent.process.wait(timeout=15) == 0


@contextmanager
def forwarding(port: int, to: int) -> Iterator[None]:
    """What connects to `port` is connected to the broker."""

    def carry(one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while octets := one.recv(65536):
                other.sendall(octets)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with suppress(OSError):
            while True:
                caller, broker = door.accept()[0], socket.create_connection(("127.0.0.1", to))
                ends.extend((caller, broker))
                for pair in ((caller, broker), (broker, caller)):
                    threading.Thread(target=carry, args=pair, daemon=True).start()

    ends: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", port)) as door:
        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield
        door.shutdown(socket.SHUT_RDWR)
        accepting.join()
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def test_a_broker_that_goes_away_ends_neither_the_agent_nor_its_stop(tmp_path: Path) -> None:
    with broker() as url:
        running = running_agent(configured(tmp_path, EXAMPLE_HOST, RULES, transport_url=url))
        agent = running.__enter__()
    try:
        unreachable = agent.pcipt("claims", "--timeout", "5")
        assert (unreachable.returncode, "no broker is there" in unreachable.stderr) == (3, True)
        assert agent.process.poll() is None
        agent.process.terminate()
        assert agent.process.wait(timeout=30) == 0
    finally:
        running.__exit__(None, None, None)
