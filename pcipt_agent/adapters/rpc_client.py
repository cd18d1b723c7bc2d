# SPDX-License-Identifier: Apache-2.0
"""A caller of one agent: what the commands use.

An agent that can't be reached is a failure of the machine, told in one sentence with the address it was looked for at (without
its password). A broker that is down is not waited for: a person waits, and can call again.

Does not know: payloads and replies as types; it carries what it is given, so that a command starts without the parser.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging.transport import DriverLoadFailure, InvalidTransportURL

from pcipt_agent.errors import ConfigError, HostError, Mistake
from pcipt_agent.views.contract import TOPIC, VERSION


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
            self._where = _shown(oslo_messaging.TransportURL.parse(conf, url))
            self._transport = oslo_messaging.get_rpc_transport(conf, url=url)
        except (InvalidTransportURL, DriverLoadFailure) as error:
            remedy = "write unix:///run/pcipt-agent/agent.sock or rabbit://USER:PASSWORD@HOST:5672/"
            raise ConfigError([Mistake("[DEFAULT] transport_url", None, None, str(error), remedy)]) from error
        target = oslo_messaging.Target(topic=TOPIC, server=host, version=VERSION)
        self._client = oslo_messaging.get_rpc_client(self._transport, target, timeout=timeout, retry=0)

    def call(self, method: str, arguments: Mapping[str, object], *, request_id: str | None = None) -> Answered | Refused:
        """Raises Unreachable or AgentFailed."""
        ctxt = {"request_id": request_id or f"req-{uuid.uuid4()}"}
        try:
            answer = self._client.call(ctxt, method, **arguments)
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


def _shown(url: oslo_messaging.TransportURL) -> str:
    """The URL without user and password."""
    hosts = ",".join(host.hostname if host.port is None else f"{host.hostname}:{host.port}" for host in url.hosts)
    return f"{url.transport}://{hosts}/{url.virtual_host or ''}"
