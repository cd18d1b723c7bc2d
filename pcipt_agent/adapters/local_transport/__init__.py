# SPDX-License-Identifier: Apache-2.0
"""`unix://`: oslo.messaging over one unix stream socket, without a broker; the agent's embedded default.

    caller ──call, cast──▶ ┌─────┐ ──▶ RPC server of the same process
    notifier ──notify────▶ │ hub │
    subscriber ──────────▶ └─────┘ ──▶ subscribers, each behind its own bounded queue

The process that serves RPC is the hub. A connection carries one exchange: a call and its answer, a notification and that it was
taken, or a subscription and what follows. So there is nothing to correlate, a caller needs no thread, and a caller that has gone
is a connection that has ended.

Does not know: the agent's methods and payloads; it moves oslo.messaging's dictionaries.
"""

from pcipt_agent.adapters.local_transport.driver import UnixDriver

__all__ = ["UnixDriver"]
