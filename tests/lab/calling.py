# SPDX-License-Identifier: Apache-2.0
"""RPC to the agent in a host, from here.

The socket comes out over SSH, so the caller is root there, and runs on this machine's own CPU: a call takes what the agent takes.

Does not know: what is asked.
"""

import contextlib
from typing import Any

from oslo_config import cfg

from pcipt_agent.adapters.rpc_client import AgentClient, Answered
from tests.lab.host import LabHost


def call(host: LabHost, method: str, /, *, timeout: float = 60.0, **arguments: object) -> dict[str, Any]:
    """One call; the reply, or the refusal (which has a `code`)."""
    client = AgentClient(cfg.CONF, f"unix://{host.ssh.agent_socket}", host.name, timeout=timeout)
    with contextlib.closing(client):
        answer = client.call(method, arguments)
    return answer.reply if isinstance(answer, Answered) else answer.refusal
