# SPDX-License-Identifier: Apache-2.0
"""The RPC server: oslo.messaging calls in, payloads to handlers, replies and refusals out.

A refusal is an ordinary answer. An exception that nobody expected is no answer at all: the caller gets it as an error, and the
daemon is told so that the process ends, because a state that surprised us once is not to be served from again.

Does not know: what the methods do; the daemon gives a table of them.
Source: oslo_messaging/rpc/dispatcher.py, RPCDispatcher.dispatch: a method is an attribute of the endpoint, called (ctxt, **args).
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import oslo_messaging
from oslo_config import cfg

from pcipt_agent.errors import Refusal
from pcipt_agent.views.contract import TOPIC, VERSION
from pcipt_agent.views.sentences import wire_refusal
from pcipt_agent.views.wire import Payload, parse
from pcipt_agent.views.wire_refusals import RefusalAnswer
from pcipt_agent.views.wire_replies import Reply

_LOG = logging.getLogger(__name__)

P = TypeVar("P", bound=Payload)


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end of a unix socket, by the kernel's word."""

    pid: int
    uid: int
    gid: int

    def __str__(self) -> str:
        return f"uid {self.uid} (pid {self.pid})"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallContext:
    """Who calls."""

    request_id: str | None = None
    """The caller's own, as oslo.context makes it."""
    peer: Peer | None = None
    """None over a broker, which does not tell."""


Handler = Callable[[P, CallContext], Reply]
Method = Callable[[Mapping[str, object], CallContext], Reply]


def method(model: type[P], handle: Handler[P]) -> Method:
    """A row of the server's table: arguments are parsed as `model` and handled."""

    def answer(untrusted: Mapping[str, object], context: CallContext) -> Reply:
        return handle(parse(model, untrusted), context)

    return answer


class AgentFault(Exception):
    """What a caller gets for an exception that nobody expected; a RemoteError there, whereas a built-in one would be raised as
    if the caller's own code had done it (oslo_messaging/_drivers/common.py, deserialize_remote_exception)."""


class _Exposed:
    """One method as the dispatcher calls it."""

    exposed: Final = True  # what ExplicitRPCAccessPolicy looks for; nothing else of the endpoint can be called

    def __init__(self, name: str, answer: Method, on_fault: Callable[[BaseException], None], *, by_unix: bool) -> None:
        self._name = name
        self._answer = answer
        self._on_fault = on_fault
        self._by_unix = by_unix

    def __call__(self, untrusted_ctxt: Mapping[str, object], /, **untrusted: object) -> dict[str, Any]:
        context = call_context(untrusted_ctxt, by_unix=self._by_unix)
        try:
            return self._answer(untrusted, context).model_dump(mode="json")
        except Refusal as refusal:
            refused = wire_refusal(refusal)
            _LOG.info(
                "refused %s for %s, claim %s, consumer %s (request %s): %s",
                self._name,
                context.peer or "a caller",
                untrusted.get("claim_id"),
                untrusted.get("consumer"),
                context.request_id,
                refused.message,
            )
            return RefusalAnswer(refusal=refused).model_dump(mode="json")
        except BaseException as fault:
            self._on_fault(fault)
            raise AgentFault(f"{type(fault).__name__}: {fault}") from fault


class _Endpoint:
    """The table as attributes, beside the version that they all have."""

    def __init__(self, methods: Mapping[str, _Exposed]) -> None:
        self.target = oslo_messaging.Target(version=VERSION)
        for name, exposed in methods.items():
            setattr(self, name, exposed)


class RpcServer:
    """Serves from `start` until `stop`, which lets calls in flight finish; `close` gives up the transport."""

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        url: str | None,
        *,
        host: str,
        methods: Mapping[str, Method],
        on_fault: Callable[[BaseException], None],
    ) -> None:
        """`url` None: the option `transport_url`. `on_fault` is called on a worker thread and must return at once."""
        self._transport = oslo_messaging.get_rpc_transport(conf, url=url)
        by_unix = oslo_messaging.TransportURL.parse(conf, url).transport == "unix"
        exposed = {name: _Exposed(name, answer, on_fault, by_unix=by_unix) for name, answer in methods.items()}
        # No `executor` argument: "threading" is what it is found to be, and 16.1 and later warn of anyone who says it.
        self._server = oslo_messaging.get_rpc_server(
            self._transport,
            oslo_messaging.Target(topic=TOPIC, server=host),
            [_Endpoint(exposed)],
            access_policy=oslo_messaging.ExplicitRPCAccessPolicy,
        )

    def start(self) -> None:
        """Raises oslo_messaging.MessagingException where it can't listen."""
        self._server.start()

    def stop(self) -> None:
        """Takes no new calls, and returns when those in flight are answered."""
        self._server.stop()
        self._server.wait()

    def close(self) -> None:
        self._transport.cleanup()


def call_context(untrusted: Mapping[str, object], *, by_unix: bool) -> CallContext:
    """What the context says of the caller; what does not look like it is left out. A peer is only believed of our own socket."""
    peer: Peer | None = None
    match untrusted.get("unix_peer"):
        case {"pid": int(pid), "uid": int(uid), "gid": int(gid)} if by_unix:
            peer = Peer(pid, uid, gid)
    match untrusted.get("request_id") or untrusted.get("global_request_id"):
        case str(request_id) if len(request_id) <= 255 and request_id.isprintable():
            return CallContext(request_id=request_id, peer=peer)
        case _:
            return CallContext(peer=peer)
