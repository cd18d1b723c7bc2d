# SPDX-License-Identifier: Apache-2.0
"""(d) What a claim costs over RabbitMQ, against an echo over the same broker and a bare one-row SQLite commit.

The echo is a plain oslo.messaging server that returns what a claim sends; it and the agent are processes of their own. The three
are measured in turn, each from a moment of its own, so that what else the machine and the disk do falls on all. The limit is 1.3
times the sum of echo and commit.

    python -m tests.bench.rpc        starts a broker and prints the row
"""

import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import oslo_messaging
from oslo_config import cfg

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.adapters.rpc import RpcServer, method
from pcipt_agent.flows import claiming
from pcipt_agent.views.contract import TOPIC
from pcipt_agent.views.wire import ClaimPayload, FreePayload
from tests.bench.durable import bare_database, milliseconds
from tests.support.broker import broker
from tests.support.ledgers import ledger_over
from tests.support.machines import sriov_host
from tests.support.planned import rules

LIMIT: Final = 1.3
_ORDER: Final = random.Random(1)
WARM_UP: Final = 20
ECHO: Final = "pcipt-bench-echo"
HOST: Final = "bench"
CHECKOUT = Path(__file__).resolve().parents[2]
VF_REQUEST: Final = {"alternatives": [{"vendor_id": "15b3"}], "device_type": "type-VF", "count": 1}
CONSUMER: Final = "4c0e1b6e-6f1f-4d3c-9a52-2a0f4f6a7b10"


@dataclass(frozen=True, slots=True)
class RpcRow:
    """Medians of one run, in milliseconds; `ratio` is the claim over the sum of echo and commit."""

    functions: int
    rounds: int
    echo_ms: float
    bare_commit_ms: float
    claim_ms: float
    ratio: float


def rpc_row(directory: Path, url: str, functions: int, rounds: int) -> RpcRow:
    """`directory` is an empty one, on the disk to be measured; `url` is the broker's."""
    times: dict[str, list[float]] = {"echo": [], "bare": [], "claim": []}
    with (
        _child("agent", url, str(directory / "state"), str(functions)),
        _child("echo", url),
        closing(bare_database(directory / "bare.db")) as bare,
    ):
        transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=url)
        agent, echo = _client(transport, TOPIC), _client(transport, ECHO)
        turns = ["echo", "bare", "claim"]
        for number in range(-WARM_UP, rounds):
            call = {"claim_id": f"c{number}", "consumer": CONSUMER, "requests": [VF_REQUEST]}
            _ORDER.shuffle(turns)  # what went before leaves its mark on what follows
            for turn in turns:
                match turn:
                    case "echo":
                        took = milliseconds(_call, echo, "echo", call)
                    case "bare":
                        took = milliseconds(bare.execute, "INSERT INTO row (body) VALUES ('one row')")
                    case _:
                        took = milliseconds(_call, agent, "claim", call)
                if number >= 0:
                    times[turn].append(took)
            _call(agent, "free", {"claim_id": call["claim_id"]})
        transport.cleanup()
    echo_ms, bare_ms, claim_ms = (statistics.median(each) for each in times.values())
    return RpcRow(
        functions=functions,
        rounds=rounds,
        echo_ms=echo_ms,
        bare_commit_ms=bare_ms,
        claim_ms=claim_ms,
        ratio=claim_ms / (echo_ms + bare_ms),
    )


def _client(transport: object, topic: str) -> oslo_messaging.RPCClient:
    return oslo_messaging.get_rpc_client(transport, oslo_messaging.Target(topic=topic, server=HOST, version="1.0"), timeout=60)


def _call(client: oslo_messaging.RPCClient, name: str, arguments: Mapping[str, object]) -> None:
    answer = client.call({"request_id": "req-bench"}, name, **arguments)
    assert "refusal" not in answer, answer


@contextmanager
def _child(*arguments: str) -> Iterator[None]:
    """A server of this module, once it serves; it ends when its standard input does."""
    command = [sys.executable, "-m", "tests.bench.rpc", *arguments]
    child = subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "serving\n"
        yield
    finally:
        child.communicate(timeout=60)


def _serve_agent(url: str, state: str, functions: str) -> None:
    journal = SqliteJournal(Path(state))
    ledger = ledger_over(journal, sriov_host(int(functions)), ruleset=rules())
    methods = {
        "claim": method(ClaimPayload, lambda payload, context: claiming.claim(ledger, payload, context.request_id)),
        "free": method(FreePayload, lambda payload, context: claiming.free(ledger, payload, context.request_id)),
    }
    server = RpcServer(cfg.CONF, url, host=HOST, methods=methods, on_fault=lambda fault: sys.exit(str(fault)))
    _until_end_of_input(server.start)
    server.stop()
    server.close()
    journal.close()


class _Echo:
    target = oslo_messaging.Target(version="1.0")

    def echo(self, _ctxt: dict[str, Any], **arguments: object) -> dict[str, object]:
        return arguments


def _serve_echo(url: str) -> None:
    transport = oslo_messaging.get_rpc_transport(cfg.CONF, url=url)
    server = oslo_messaging.get_rpc_server(transport, oslo_messaging.Target(topic=ECHO, server=HOST), [_Echo()])
    _until_end_of_input(server.start)
    server.stop()
    server.wait()
    transport.cleanup()


def _until_end_of_input(start: Callable[[], None]) -> None:
    start()
    print("serving", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["agent", url, state, functions]:
            _serve_agent(url, state, functions)
        case ["echo", url]:
            _serve_echo(url)
        case _:
            with tempfile.TemporaryDirectory() as here, broker() as url:
                print(rpc_row(Path(here), url, 4096, 300))
