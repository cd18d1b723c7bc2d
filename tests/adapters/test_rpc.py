# SPDX-License-Identifier: Apache-2.0
"""The RPC server, called through our own transport by the client of the commands."""

import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg

from pcipt_agent.adapters.local_transport.frames import Patience, encode, receive
from pcipt_agent.adapters.rpc import CallContext, Method, Peer, RpcServer, call_context, method
from pcipt_agent.adapters.rpc_client import AgentClient, AgentFailed, Answered, Refused
from pcipt_agent.errors import ClaimUnknown, JournalUnwritable
from pcipt_agent.views.contract import TOPIC
from pcipt_agent.views.wire import AllocatePayload, RenderPayload, VersionPayload
from pcipt_agent.views.wire_replies import RenderReply, VersionReply
from tests.support.bus import path_of, socket_url


class Agent:
    """The handlers here, and what they saw."""

    def __init__(self) -> None:
        self.contexts: list[CallContext] = []
        self.faults: list[BaseException] = []
        self.entered = threading.Event()
        self.leave = threading.Event()

    def methods(self) -> dict[str, Method]:
        return {
            "version": method(VersionPayload, self.version),
            "allocate": method(AllocatePayload, self.allocate),
            "render": method(RenderPayload, self.render),
            "claims": method(VersionPayload, self.hang),
        }

    def version(self, _payload: VersionPayload, context: CallContext) -> VersionReply:
        self.contexts.append(context)
        return VersionReply(generation="1.0", agent="0", api="1.0", host="host1", rules="")

    def allocate(self, payload: AllocatePayload, _context: CallContext) -> VersionReply:
        raise ClaimUnknown(payload.claim_id)

    def render(self, payload: RenderPayload, _context: CallContext) -> RenderReply:
        raise ZeroDivisionError(payload.claim_id)

    def hang(self, payload: VersionPayload, context: CallContext) -> VersionReply:
        self.entered.set()
        assert self.leave.wait(10)
        return self.version(payload, context)


@contextmanager
def served(url: str, agent: Agent) -> Iterator[RpcServer]:
    server = RpcServer(cfg.CONF, url, host="host1", methods=agent.methods(), on_fault=agent.faults.append)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[str, Agent]]:
    """One server for the tests that leave it running: stopping one that was called takes oslo.messaging's workers a second."""
    agent = Agent()
    with socket_url() as url, served(url, agent):
        yield url, agent


@pytest.fixture
def url(shared: tuple[str, Agent]) -> str:
    return shared[0]


@pytest.fixture
def agent(shared: tuple[str, Agent]) -> Agent:
    """The shared server's handlers, which have seen nothing yet."""
    agent = shared[1]
    agent.contexts.clear()
    agent.faults.clear()
    return agent


@pytest.fixture
def own_url() -> Iterator[str]:
    with socket_url() as url:
        yield url


@contextmanager
def client_of(url: str, host: str = "host1", timeout: float = 20) -> Iterator[AgentClient]:
    client = AgentClient(cfg.CONF, url, host, timeout=timeout)
    try:
        yield client
    finally:
        client.close()


def test_a_method_is_answered_with_its_reply(url: str) -> None:
    with client_of(url) as client:
        answer = {"generation": "1.0", "agent": "0", "api": "1.0", "host": "host1", "rules": ""}
        assert client.call("version", {}) == Answered(answer)


def test_a_handler_learns_the_callers_request_id_and_who_it_is(url: str, agent: Agent) -> None:
    with client_of(url) as client:
        client.call("version", {}, request_id="req-1")
    assert agent.contexts == [CallContext(request_id="req-1", peer=Peer(os.getpid(), os.getuid(), os.getgid()))]


def test_a_caller_without_a_request_id_is_given_one(url: str, agent: Agent) -> None:
    with client_of(url) as client:
        client.call("version", {})
    assert (agent.contexts[0].request_id or "").startswith("req-")


def test_a_bad_payload_is_a_refusal_that_names_the_field(url: str) -> None:
    with client_of(url) as client:
        answer = client.call("allocate", {"claim_id": 7, "colour": "red"})
    assert isinstance(answer, Refused)
    assert answer.refusal["code"] == "bad-request"
    assert {problem["field"] for problem in answer.refusal["problems"]} == {"claim_id", "colour"}


def raw_answer(url: str, message: dict[str, object]) -> dict[str, Any]:
    """What the server answers to a message that no client of oslo.messaging would send."""
    call = {"kind": "call", "exchange": "openstack", "topic": TOPIC, "server": "host1", "ctxt": {}, "message": message}
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.connect(str(path_of(url)))
        sock.sendall(encode({**call, "monitor": None}))
        return receive(sock, Patience(10), Patience(10))


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"method": 7, "args": {}}, "method"),
        ({"args": {}}, "method"),
        ({"method": "version", "args": [1]}, "args"),
        ({"method": "version", "args": None}, "args"),
        ({"method": "version", "version": "x"}, "version"),
        ({"method": "version", "version": [1]}, "version"),
        ({"method": "version", "version": "1"}, "version"),
    ],
)
def test_a_message_that_is_none_is_refused_by_its_part(
    url: str, agent: Agent, message: dict[str, object], field: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        refusal = raw_answer(url, message)["reply"]["refusal"]
    assert (refusal["code"], [problem["field"] for problem in refusal["problems"]]) == ("bad-request", [field])
    assert (agent.faults, [record for record in caplog.records if record.levelno > logging.INFO]) == ([], [])


HOSTILE = "two\nlines\x1b[2J\u2028" + "x" * 5000


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("allocate", {"claim_id": HOSTILE, "consumer": HOSTILE}),
        ("allocate", {"claim_id": "two\nlines"}),
        ("allocate", {"claim_id": "c1", HOSTILE: 1}),
        ("allocate", {"claim_id": [HOSTILE]}),
        (HOSTILE, {}),
    ],
)
def test_no_caller_can_end_or_fill_a_line_of_the_log(
    url: str, name: str, arguments: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        raw_answer(url, {"method": name, "args": arguments})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "pcipt_agent.adapters.rpc"]
    assert line.isprintable()
    assert len(line) < 5000


@pytest.mark.parametrize("name", ["self", "ctxt", "untrusted", "untrusted_ctxt", "exposed", "target"])
def test_an_argument_with_a_name_of_ours_is_just_an_unknown_field(url: str, name: str) -> None:
    answer = raw_answer(url, {"method": "version", "args": {name: 1}, "version": "1.0"})
    assert [problem["field"] for problem in answer["reply"]["refusal"]["problems"]] == [name]


def test_a_refusal_is_an_ordinary_answer_and_one_line_of_the_log(url: str, agent: Agent, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), client_of(url) as client:
        answer = client.call("allocate", {"claim_id": "c1"}, request_id="req-1")
    assert answer == Refused({"message": "no claim c1 is held here", "code": "claim-unknown", "claim_id": "c1"})
    (line,) = [record.getMessage() for record in caplog.records if record.name == "pcipt_agent.adapters.rpc"]
    assert f"uid {os.getuid()}" in line
    assert "claim c1" in line
    assert "(request req-1): no claim c1 is held here" in line
    assert (agent.faults, [record for record in caplog.records if record.levelno > logging.INFO]) == ([], [])


class Handled(logging.Handler):
    """Notes which exception is being handled while a line is logged: oslo.log adds it to the line."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[BaseException | None] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.name == "pcipt_agent.adapters.rpc":
            self.seen.append(sys.exc_info()[1])


def test_a_claim_that_can_not_be_made_durable_is_a_warning_and_said_once(own_url: str, caplog: pytest.LogCaptureFixture) -> None:
    def full(_payload: AllocatePayload, _context: CallContext) -> VersionReply:
        raise JournalUnwritable("the file system is full")

    server = RpcServer(cfg.CONF, own_url, host="host1", methods={"allocate": method(AllocatePayload, full)}, on_fault=raise_it)
    server.start()
    handled = Handled()
    logging.getLogger().addHandler(handled)
    with caplog.at_level(logging.INFO), client_of(own_url) as client:
        assert isinstance(client.call("allocate", {"claim_id": "c1"}), Refused)
    logging.getLogger().removeHandler(handled)
    server.stop()
    server.close()
    (said,) = [record for record in caplog.records if record.name == "pcipt_agent.adapters.rpc"]
    assert (said.levelno, "the file system is full" in said.getMessage()) == (logging.WARNING, True)
    assert handled.seen == [None]


def raise_it(fault: BaseException) -> None:
    raise fault


def test_an_exception_that_nobody_expected_is_an_error_for_the_caller_and_ends_the_daemon(
    url: str, agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), client_of(url) as client, pytest.raises(AgentFailed, match="ZeroDivisionError: c1"):
        client.call("render", {"claim_id": "c1"})
    assert [type(fault) for fault in agent.faults] == [ZeroDivisionError]
    # It is logged by whoever ends the process, with its traceback, and not again by oslo.messaging.
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize("name", ["nonsense", "target", "__init__", "__class__", "oslo_rpc_server_ping"])
def test_what_is_not_in_the_table_is_no_method(url: str, agent: Agent, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with (
        client_of(url) as client,
        pytest.raises(AgentFailed, match="another version: Endpoint does not support RPC method"),
    ):
        client.call(name, {})
    assert (agent.faults, [record for record in caplog.records if record.levelno > logging.INFO]) == ([], [])


def test_another_version_is_refused_by_oslo_messaging(url: str) -> None:
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=url)
    newer = oslo_messaging.Target(topic=TOPIC, server="host1", version="1.99")
    with pytest.raises(oslo_messaging.RemoteError, match=r"does not support RPC version 1\.99"):
        oslo_messaging.get_rpc_client(transport, newer, timeout=20).call({}, "version")


def test_stopping_answers_the_call_in_flight_and_takes_no_new_one(own_url: str) -> None:
    agent = Agent()
    with client_of(own_url) as client, ThreadPoolExecutor(2) as pool, served(own_url, agent) as server:
        answer = pool.submit(client.call, "claims", {})
        assert agent.entered.wait(10)
        stopped = pool.submit(server.stop)
        agent.leave.set()
        assert isinstance(answer.result(10), Answered)
        stopped.result(10)
        with pytest.raises(Exception, match="serves nothing any more"):
            client.call("version", {})


@pytest.mark.parametrize(
    "untrusted",
    [{"request_id": 7}, {"request_id": "two\nlines"}, {"request_id": "x" * 256}, {"request_id": ""}, {"request_id": ["req-1"]}],
)
def test_a_request_id_that_is_none_is_left_out(untrusted: dict[str, object]) -> None:
    assert call_context(untrusted, by_unix=False) == CallContext()


def test_a_peer_is_not_believed_over_a_broker() -> None:
    said = {"unix_peer": {"pid": 1, "uid": 0, "gid": 0}, "request_id": "req-1"}
    assert call_context(said, by_unix=False) == CallContext(request_id="req-1")
    assert call_context(said, by_unix=True) == CallContext(request_id="req-1", peer=Peer(1, 0, 0))


def test_the_global_request_id_serves_where_there_is_no_own_one() -> None:
    assert call_context({"request_id": None, "global_request_id": "req-g"}, by_unix=True).request_id == "req-g"
