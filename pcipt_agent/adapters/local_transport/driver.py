# SPDX-License-Identifier: Apache-2.0
"""UnixDriver: the driver interface of oslo.messaging over `hub`, `caller` and `subscriber`.

The URL is `unix:///run/pcipt-agent/agent.sock`; a fourth slash, as rabbit URLs have for the virtual host "/", changes nothing.

Does not know: the agent. Exchanges, topics and servers mean what they mean to oslo.messaging.
Source: oslo_messaging/_drivers/base.py, 14.7 to 18.3.
"""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import oslo_messaging
from oslo_config import cfg
from oslo_messaging._drivers import base
from oslo_messaging.transport import InvalidTransportURL

from pcipt_agent.adapters.local_transport.caller import ask, tell
from pcipt_agent.adapters.local_transport.doorway import Taken
from pcipt_agent.adapters.local_transport.hub import Hub
from pcipt_agent.adapters.local_transport.incoming import Station
from pcipt_agent.adapters.local_transport.subscriber import Subscription

_LONGEST_PATH = 107  # sun_path is 108 bytes with its NUL, unix(7)


class CannotListen(oslo_messaging.MessagingException):
    """The socket can't be had.

    No TransportDriverError: of that one oslo.messaging makes a ServerListenError with an attribute that its RPC server has not
    (rpc/server.py up to 18.3.1: `_target`, server.py: `target`), and the reason is lost in an AttributeError.
    """


def socket_path(url: oslo_messaging.TransportURL) -> Path:
    """The path that the URL means; raises InvalidTransportURL."""
    if url.hosts:
        raise InvalidTransportURL(str(url), "unix:// is followed by an absolute path, so by three slashes: unix:///run/agent.sock")
    path = "/" + (url.virtual_host or "").lstrip("/")
    if path.endswith("/"):
        raise InvalidTransportURL(str(url), "unix:// is followed by the path of a socket: unix:///run/agent.sock")
    if len(path.encode()) > _LONGEST_PATH:
        raise InvalidTransportURL(str(url), f"the path of a socket has at most {_LONGEST_PATH} bytes")
    return Path(path)


class UnixDriver(base.BaseDriver):
    """Made by oslo.messaging for each transport."""

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        url: oslo_messaging.TransportURL,
        default_exchange: str | None = None,
        allowed_remote_exmods: list[str] | None = None,
    ) -> None:
        super().__init__(conf, url, default_exchange, allowed_remote_exmods)
        self._path = socket_path(url)
        self._hub: Hub | None = None
        self._lock = threading.Lock()

    def send(
        self,
        target: oslo_messaging.Target,
        ctxt: dict[str, Any],
        message: dict[str, Any],
        *,
        wait_for_reply: bool | None = None,
        **options: Any,
    ) -> object:
        """Options are `timeout` and `call_monitor_timeout`; `retry` and others are for brokers that come back after a while."""
        frame = {
            "kind": "call" if wait_for_reply else "cast",
            "exchange": target.exchange or self._default_exchange,
            "topic": target.topic,
            "server": target.server,
            "fanout": bool(target.fanout),
            "ctxt": ctxt,
            "message": message,
            "monitor": options.get("call_monitor_timeout"),
        }
        if wait_for_reply:
            return ask(self._path, frame, options.get("timeout"), self._allowed_remote_exmods)
        tell(self._path, frame)
        return None

    def send_notification(
        self, target: oslo_messaging.Target, ctxt: dict[str, Any], message: dict[str, Any], *_version: object, **_retry: object
    ) -> None:
        """No envelope, whatever the version: both ends are this driver."""
        exchange = target.exchange or self._default_exchange
        tell(self._path, {"kind": "notify", "exchange": exchange, "topic": target.topic, "ctxt": ctxt, "message": message})

    def listen(self, target: oslo_messaging.Target, *_batching: object) -> Station:
        """Calls come one by one."""
        with self._lock:
            if self._hub is None:
                hub = Hub(self._path)
                try:
                    hub.open()
                except (Taken, OSError) as error:
                    raise CannotListen(str(error)) from error
                self._hub = hub
            return Station(target(exchange=target.exchange or self._default_exchange), self._hub.add, self._hub.remove)

    def listen_for_notifications(
        self,
        targets_and_priorities: Iterable[tuple[oslo_messaging.Target, str]],
        pool: str | None,
        *_batching: object,
    ) -> Subscription:
        """Notifications come one by one."""
        wanted = list(targets_and_priorities)
        topics = [(target.exchange or self._default_exchange, f"{target.topic}.{priority}") for target, priority in wanted]
        priorities = sorted(priority for _, priority in wanted)
        return Subscription(self._path, topics, pool, "info" if "info" in priorities else priorities[0])

    def cleanup(self) -> None:
        """Ends the hub: sends what has been answered, lets callers and subscribers go, gives up the socket."""
        with self._lock:
            if self._hub is not None:
                self._hub.close()
                self._hub = None
