# SPDX-License-Identifier: Apache-2.0
"""The agent's RPC and notifications over a real RabbitMQ: nothing but the URL is another."""

import threading
from concurrent.futures import ThreadPoolExecutor

import oslo_messaging
import pytest
from oslo_config import cfg

from pcipt_agent.adapters.notifications import Notifications
from pcipt_agent.adapters.rpc import CallContext, RpcServer, method
from pcipt_agent.adapters.rpc_client import AgentClient, AgentFailed, Answered, Refused, Unreachable
from pcipt_agent.core.claim import Claimed, Decision
from pcipt_agent.errors import ClaimUnknown
from pcipt_agent.views.wire import AllocatePayload, VersionPayload
from pcipt_agent.views.wire_replies import VersionReply
from tests.adapters.contract.transport import first_notification, next_other
from tests.support.bus import Subscriber, notifying, subscribed
from tests.support.planned import claimed, host, inventory, pci, wanting, wish

CLAIMED = claimed(inventory(host(pci("3b:00.0"))), "c1", wish(wanting(1)))
CLAIM = Decision(events=(Claimed(CLAIMED.book.claims["c1"]),), at=5.0, boot_id="boot-1", request_id="req-1")


def version(_payload: VersionPayload, context: CallContext) -> VersionReply:
    assert context.peer is None
    return VersionReply(generation=str(context.request_id), agent="0", api="1.0", host="host1", rules="")


def allocate(payload: AllocatePayload, _context: CallContext) -> VersionReply:
    if payload.claim_id == "fault":
        raise ZeroDivisionError(payload.claim_id)
    raise ClaimUnknown(payload.claim_id)


def test_calls_refusals_and_faults_over_a_broker(rabbit: str) -> None:
    faults: list[BaseException] = []
    methods = {"version": method(VersionPayload, version), "allocate": method(AllocatePayload, allocate)}
    server = RpcServer(cfg.CONF, rabbit, host="host1", methods=methods, on_fault=faults.append)
    server.start()
    client = AgentClient(cfg.CONF, rabbit, "host1", timeout=20)
    answer = client.call("version", {}, request_id="req-7")
    assert isinstance(answer, Answered)
    assert answer.reply["generation"] == "req-7"
    refused = client.call("allocate", {"claim_id": "c1"})
    assert isinstance(refused, Refused)
    assert refused.refusal["code"] == "claim-unknown"
    with pytest.raises(AgentFailed, match="ZeroDivisionError: fault"):
        client.call("allocate", {"claim_id": "fault"})
    assert [type(fault) for fault in faults] == [ZeroDivisionError]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: client.call("version", {}, request_id=f"req-{number}"), range(64)))
    assert [each.reply["generation"] for each in answers if isinstance(each, Answered)] == [f"req-{n}" for n in range(64)]
    client.close()
    server.stop()
    server.close()


def test_a_host_without_an_agent_is_not_reachable(rabbit: str) -> None:
    client = AgentClient(cfg.CONF, rabbit, "nobody", timeout=0.5)
    with pytest.raises(Unreachable, match=r"no answer within 0\.5 s"):
        client.call("version", {})
    client.close()


def test_a_claim_is_told_over_a_broker_where_the_operator_says_how(rabbit: str) -> None:
    subscriber = Subscriber()
    oslo_messaging.get_notification_transport(cfg.CONF, url=rabbit).cleanup()  # registers the option
    cfg.CONF.set_override("driver", ["messagingv2"], group="oslo_messaging_notifications")
    try:
        told = Notifications(cfg.CONF, rabbit, host="host1")
    finally:
        cfg.CONF.clear_override("driver", group="oslo_messaging_notifications")
    told.start()
    with subscribed(rabbit, subscriber, f"pool-{threading.get_ident()}"), notifying(rabbit) as notifier:
        first_notification(notifier, subscriber)
        told.happened(CLAIM, CLAIMED)
        event_type, payload = next_other(subscriber)
    told.close()
    assert (event_type, payload["claim_id"], payload["request_id"]) == ("pcipt.claim.claimed", "c1", "req-1")
