# SPDX-License-Identifier: Apache-2.0
"""The RPC server: oslo.messaging calls in, payloads to handlers, replies and refusals out.

A refusal is an ordinary answer. An exception that nobody expected is no answer at all: the caller gets it as an error, and the
daemon is told so that the process ends, because a state that surprised us once is not to be served from again.

Does not know: what the methods do; the daemon gives a table of them.
Source: oslo_messaging/rpc/dispatcher.py, RPCDispatcher.dispatch: a method is an attribute of the endpoint, called (ctxt, **args).
"""

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import oslo_messaging
from oslo_config import cfg

from pcipt_agent.errors import BadRequest, JournalUnwritable, Refusal
from pcipt_agent.views.contract import TOPIC, VERSION
from pcipt_agent.views.sentences import wire_refusal
from pcipt_agent.views.wire import Payload, parse
from pcipt_agent.views.wire_refusals import RefusalAnswer
from pcipt_agent.views.wire_replies import Reply

_LOG = logging.getLogger(__name__)

_LONGEST: Final = 1000
"""Characters of a caller's own text in a log line; the caller gets the whole of it back."""

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

    @property
    def caller(self) -> str | None:
        """The peer in words, for the log."""
        return None if self.peer is None else str(self.peer)


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
        except Refusal as error:
            refusal = error
        except BaseException as fault:
            self._on_fault(fault)
            raise AgentFault(f"{type(fault).__name__}: {fault}") from fault
        return _refused(refusal, self._name, untrusted, context)  # outside `except`, where oslo.log would say the refusal twice


def _refused(refusal: Refusal, name: str, untrusted: Mapping[str, object], context: CallContext) -> dict[str, Any]:
    """The answer; the log has it on one line. What the caller can't help is of more than the caller's interest."""
    refused = wire_refusal(refusal)
    _LOG.log(
        logging.WARNING if isinstance(refusal, JournalUnwritable) else logging.INFO,
        "refused %s for %s, claim %s, consumer %s (request %s): %s",
        _line(name),
        context.peer or "a caller",
        _line(untrusted.get("claim_id")),
        _line(untrusted.get("consumer")),
        context.request_id,
        _line(refused.message),
    )
    return RefusalAnswer(refusal=refused).model_dump(mode="json")


def _line(untrusted: object) -> str:
    """A caller's text as part of one log line, which it can neither end nor fill."""
    text = str(untrusted)
    begin = text[:_LONGEST]
    shown = begin if begin.isprintable() else begin.encode("unicode_escape").decode()
    return shown if len(text) <= _LONGEST else f"{shown}… ({len(text)} characters)"


class _Gate:
    """Before oslo.messaging's dispatcher: what is no call, or a call of another version, is the caller's fault and no traceback.

    The dispatcher takes the parts of a message for what they should be, and its server logs whatever it raises as a fault of ours.
    """

    def __init__(self, inside: Any, *, by_unix: bool) -> None:
        self._inside = inside
        self._by_unix = by_unix

    def dispatch(self, incoming: Any) -> object:
        message, context = incoming.message, call_context(incoming.ctxt, by_unix=self._by_unix)
        if problems := list(_problems(message)):
            return _refused(BadRequest(problems), str(message.get("method")), {}, context)
        try:
            return self._inside.dispatch(incoming)
        except (oslo_messaging.NoSuchMethod, oslo_messaging.UnsupportedVersion) as error:
            _LOG.info("refused %s for %s (request %s): %s", *self._whose(message, context), _line(error))
            raise oslo_messaging.ExpectedException() from error
        except AgentFault as error:  # in the log already, by whoever ends the process
            raise oslo_messaging.ExpectedException() from error

    @staticmethod
    def _whose(message: Mapping[str, object], context: CallContext) -> tuple[object, ...]:
        return _line(message["method"]), context.peer or "a caller", context.request_id


def _problems(message: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """What is no RPC message of oslo.messaging's."""
    if not isinstance(message.get("method"), str):
        yield "method", "a method's name belongs here"
    if not isinstance(message.get("args", {}), dict):
        yield "args", "an object with the method's arguments belongs here"
    if re.fullmatch(r"\d{1,9}\.\d{1,9}", str(message.get("version", "1.0"))) is None:
        yield "version", f"a version such as {VERSION} belongs here"


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
        self._server.dispatcher = _Gate(self._server.dispatcher, by_unix=by_unix)

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
