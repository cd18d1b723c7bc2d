# SPDX-License-Identifier: Apache-2.0
"""Asks the agent, over the transport that the command line or the configuration names.

Libraries' warnings and log lines are for those who write programs; whoever types a command is told by the answer, or by the one
sentence that says why there is none.

Does not know: what is asked, what becomes of the answer.
"""

import sys
import warnings
from argparse import Namespace

from pcipt_agent.cli.output import ExitCode, Output
from pcipt_agent.cli.payloads import Call, Reply
from pcipt_agent.errors import HostError


class NotReachable(Exception):
    """There is no answer; the sentence says where it was looked for and what is known."""


def unreachable(error: NotReachable, output: Output, retry: str = "") -> ExitCode:
    """The exit code, once it has been said what is known and where to look. `retry`: what else the caller should do."""
    output.complain(f"{error}{retry}")
    output.complain("look there, on the agent's host: systemctl status pcipt-agent.service; pcipt doctor")
    return ExitCode.UNREACHABLE


def ask(command: Namespace, call: Call) -> Reply:
    """The reply, or `{"refusal": …}`. Raises NotReachable; ConfigError for a configuration or URL that is none."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    from oslo_config import cfg

    from pcipt_agent.adapters.rpc_client import AgentClient, Answered
    from pcipt_agent.cli.configuration import settings

    conf = cfg.CONF  # oslo.messaging 18 registers some of its options on this one alone
    found = settings(command, conf)
    url, host = command.transport_url or found.transport_url, command.agent or found.host
    client = AgentClient(conf, url, host, timeout=command.timeout)
    try:
        answer = client.call(call.method, call.arguments)
    except HostError as error:
        raise NotReachable(str(error)) from error
    finally:
        client.close()
    return answer.reply if isinstance(answer, Answered) else {"refusal": answer.refusal}
