# SPDX-License-Identifier: Apache-2.0
"""`pcipt events --follow`: prints notifications as they come, until Ctrl-C.

The agent is asked for its status first, so that a follower of an agent that is not there, or that sends nothing, is told at once
and does not wait for ever. After that an agent (or broker) that goes away is said, waited for, and followed again.

Does not know: how notifications come (`adapters.following`).
"""

import json
import logging
import sys
import warnings
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from threading import Event

from pcipt_agent.cli.agent import NotReachable, ask, unreachable
from pcipt_agent.cli.output import ExitCode, Output
from pcipt_agent.cli.payloads import Call


class _Said(logging.Handler):
    """What the following library logs, as sentences on standard error."""

    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())


def events(command: Namespace, output: Output) -> ExitCode:
    """DONE at Ctrl-C. UNREACHABLE where the agent is not there at the start."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    from oslo_config import cfg

    from pcipt_agent.adapters.following import Told, following
    from pcipt_agent.cli.configuration import settings
    from pcipt_agent.views.text_events import event_line

    conf = cfg.CONF  # oslo.messaging 18 registers some of its options on this one alone
    found = settings(command, conf)
    url, host = command.transport_url or found.transport_url, command.agent or found.host

    def tell(told: Told) -> None:
        output.line(json.dumps(asdict(told)) if output.as_json else event_line(told.event_type, told.timestamp, told.payload))

    try:
        with _saying(output.complain), following(conf, url, host, tell):
            _begin(command, host, output)
            Event().wait()
    except NotReachable as error:
        return unreachable(error, output)
    except KeyboardInterrupt:
        pass
    return ExitCode.DONE


@contextmanager
def _saying(say: Callable[[str], None]) -> Iterator[None]:
    """What the following library has to say is said meanwhile, and not after: another command may run in this process."""
    ours, said = logging.getLogger("pcipt_agent"), _Said(say)
    ours.addHandler(said)
    try:
        yield
    finally:
        ours.removeHandler(said)


def _begin(command: Namespace, host: str, output: Output) -> None:
    """Raises NotReachable."""
    reply = ask(command, Call("status", {}))
    transport = reply.get("transport")
    if isinstance(transport, dict) and not transport.get("notifications"):
        output.complain(
            f"the agent on {host} sends no notifications: set [oslo_messaging_notifications] driver = messagingv2 there"
        )
    output.complain(f"following the agent on {host}; Ctrl-C ends it")
