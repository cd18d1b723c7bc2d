# SPDX-License-Identifier: Apache-2.0
"""The methods of the RPC interface, each joined to the flow or view that answers it.

What changes something goes to the ledger; what only asks is answered from a snapshot of its inventory, without waiting for anybody.

Does not know: oslo.messaging, the order in which the daemon starts.
"""

from collections.abc import Mapping
from importlib.metadata import version as version_of

from pcipt_agent.adapters.rpc import CallContext, Method, method
from pcipt_agent.flows import claiming, describing
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.views import wire
from pcipt_agent.views.answers import claims_reply
from pcipt_agent.views.contract import VERSION
from pcipt_agent.views.device_answers import devices_reply, explain_device_reply
from pcipt_agent.views.pool_answers import pools_reply
from pcipt_agent.views.wire_replies import (
    ClaimReply,
    ClaimsReply,
    DevicesReply,
    ExplainDeviceReply,
    ExplainRequestReply,
    FreeReply,
    PoolsReply,
    RenderReply,
    VersionReply,
)


class Service:
    """What one agent answers; `host` is its `[DEFAULT] host`."""

    def __init__(self, ledger: Ledger, host: str) -> None:
        self._ledger = ledger
        self._host = host

    def methods(self) -> Mapping[str, Method]:
        """Name → what answers it; the names are those of `views.methods`."""
        return {
            "claim": method(wire.ClaimPayload, self._claim),
            "allocate": method(wire.AllocatePayload, self._allocate),
            "free": method(wire.FreePayload, self._free),
            "render": method(wire.RenderPayload, self._render),
            "claims": method(wire.ClaimsPayload, self._claims),
            "devices": method(wire.DevicesPayload, self._devices),
            "pools": method(wire.PoolsPayload, self._pools),
            "explain_device": method(wire.ExplainDevicePayload, self._explain_device),
            "explain_request": method(wire.ExplainRequestPayload, self._explain_request),
            "version": method(wire.VersionPayload, self._version),
        }

    def _claim(self, payload: wire.ClaimPayload, context: CallContext) -> ClaimReply:
        return claiming.claim(self._ledger, payload, context.request_id, caller=context.caller)

    def _allocate(self, payload: wire.AllocatePayload, context: CallContext) -> ClaimReply:
        return claiming.allocate(self._ledger, payload, context.request_id, caller=context.caller)

    def _free(self, payload: wire.FreePayload, context: CallContext) -> FreeReply:
        return claiming.free(self._ledger, payload, context.request_id, caller=context.caller)

    def _render(self, payload: wire.RenderPayload, _: CallContext) -> RenderReply:
        return describing.render(self._ledger.inventory, payload)

    def _claims(self, payload: wire.ClaimsPayload, _: CallContext) -> ClaimsReply:
        return claims_reply(self._ledger.inventory, payload)

    def _devices(self, payload: wire.DevicesPayload, _: CallContext) -> DevicesReply:
        return devices_reply(self._ledger.inventory, payload)

    def _pools(self, _payload: wire.PoolsPayload, _context: CallContext) -> PoolsReply:
        return pools_reply(self._ledger.inventory)

    def _explain_device(self, payload: wire.ExplainDevicePayload, _: CallContext) -> ExplainDeviceReply:
        return explain_device_reply(self._ledger.inventory, payload)

    def _explain_request(self, payload: wire.ExplainRequestPayload, _: CallContext) -> ExplainRequestReply:
        return describing.explain_request(self._ledger.inventory, payload)

    def _version(self, _payload: wire.VersionPayload, _context: CallContext) -> VersionReply:
        inventory = self._ledger.inventory
        return VersionReply(
            generation=inventory.generation,
            agent=version_of("pcipt-agent"),
            api=VERSION,
            host=self._host,
            rules=inventory.catalogue.rules.digest,
        )
