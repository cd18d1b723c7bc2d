# SPDX-License-Identifier: Apache-2.0
"""The names under which a caller finds the agent: RPC topic, version, and the notifications' event types.

Apart from the payloads because a command that only calls the agent needs these few words and not the parser behind them.

Does not know: payloads and replies (`views.wire`, `views.wire_replies`), oslo.messaging.
"""

from typing import Final

TOPIC: Final = "pcipt-agent"
VERSION: Final = "1.1"
"""Version of the RPC interface: callers ask for the lowest that has what they use."""

NOTIFICATIONS_LOST: Final = "pcipt.notifications.lost"
"""Event type of what a subscriber is told where notifications did not reach it: read the claims and devices again."""
