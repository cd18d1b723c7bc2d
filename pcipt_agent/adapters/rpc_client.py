# SPDX-License-Identifier: Apache-2.0
"""A caller of one agent: what the commands use.

An agent that can't be reached is a failure of the machine, told in one sentence with the address it was looked for at (without
its password). A broker that is down is not waited for, whatever oslo.messaging would do: a person waits, and can call again.

Does not know: payloads and replies as types; it carries what it is given, so that a command starts without the parser.
"""

import socket
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging.transport import DriverLoadFailure, InvalidTransportURL

from pcipt_agent.errors import ConfigError, HostError, Mistake
from pcipt_agent.views.contract import TOPIC, VERSION

_CONNECT_WITHIN = 3.0


class Unreachable(HostError):
    """No answer came; `path` is the transport's address. Whether the call was obeyed is not known where it was sent."""


class AgentFailed(HostError):
    """The agent answered with an error of its own, which is in its log."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The method's reply."""

    reply: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refused:
    """The refusal: `code`, `message`, and the fields of its kind."""

    refusal: dict[str, Any]


class AgentClient:
    """Calls the agent of `host` over the transport at `url`; `url` None: the option `transport_url`."""

    def __init__(self, conf: cfg.ConfigOpts, url: str | None, host: str, *, timeout: float = 60.0) -> None:
        """Raises ConfigError for a URL that is none."""
        self._timeout = timeout
        try:
            self._url = oslo_messaging.TransportURL.parse(conf, url)
            self._transport = oslo_messaging.get_rpc_transport(conf, url=url)
        except (InvalidTransportURL, DriverLoadFailure) as error:
            remedy = "write unix:///run/pcipt-agent/agent.sock or rabbit://USER:PASSWORD@HOST:5672/"
            raise ConfigError([Mistake("[DEFAULT] transport_url", None, None, str(error), remedy)]) from error
        self._where = _shown(self._url)
        target = oslo_messaging.Target(topic=TOPIC, server=host, version=VERSION)
        self._client = oslo_messaging.get_rpc_client(self._transport, target, timeout=timeout, retry=0)

    def call(self, method: str, arguments: Mapping[str, object], *, request_id: str | None = None) -> Answered | Refused:
        """Raises Unreachable or AgentFailed."""
        ctxt = {"request_id": request_id or f"req-{uuid.uuid4()}"}
        by_unix = self._url.transport == "unix"
        try:
            answer = self._ask(ctxt, method, arguments) if by_unix else self._ask_by_broker(ctxt, method, arguments)
        except oslo_messaging.MessagingTimeout as error:
            problem = f"no answer within {self._timeout:g} s; it is safe to call again with the same claim_id"
            raise Unreachable(self._where, problem) from error
        except oslo_messaging.MessageDeliveryFailure as error:
            raise Unreachable(self._where, str(error)) from error
        except oslo_messaging.RemoteError as error:
            other_version = error.exc_type in ("NoSuchMethod", "UnsupportedVersion")
            problem = "the agent is of another version" if other_version else "the agent failed, its log says more"
            raise AgentFailed(self._where, f"{problem}: {error.value}") from error
        return Refused(answer["refusal"]) if "refusal" in answer else Answered(answer)

    def close(self) -> None:
        self._transport.cleanup()

    def _ask(self, ctxt: dict[str, str], method: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        answer: dict[str, Any] = self._client.call(ctxt, method, **arguments)
        return answer

    def _ask_by_broker(self, ctxt: dict[str, str], method: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        """On a thread that may be left behind: the rabbit driver connects for ever, and only then times the call (18.3.1)."""
        self._try_brokers()
        answer: Future[dict[str, Any]] = Future()

        def ask() -> None:
            try:
                answer.set_result(self._ask(ctxt, method, arguments))
            except BaseException as error:
                answer.set_exception(error)
                if not isinstance(error, Exception):
                    raise

        Thread(target=ask, name="call", daemon=True).start()
        try:
            return answer.result(self._timeout + _CONNECT_WITHIN)
        except TimeoutError as error:
            raise oslo_messaging.MessagingTimeout("the broker does not answer") from error

    def _try_brokers(self) -> None:
        """Raises Unreachable where every broker refuses to be connected to."""
        problems = []
        for host in self._url.hosts:
            if host.port is None:
                return
            try:
                socket.create_connection((host.hostname, host.port), _CONNECT_WITHIN).close()
                return
            except OSError as error:
                problems.append(f"{host.hostname}:{host.port}: {error.strerror or error}")
        if problems:
            raise Unreachable(self._where, f"no broker is there: {', '.join(problems)}")


def _shown(url: oslo_messaging.TransportURL) -> str:
    """The URL without user and password."""
    hosts = ",".join(host.hostname if host.port is None else f"{host.hostname}:{host.port}" for host in url.hosts)
    return f"{url.transport}://{hosts}/{url.virtual_host or ''}"
