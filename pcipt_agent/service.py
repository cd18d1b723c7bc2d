# SPDX-License-Identifier: Apache-2.0
"""The methods of the RPC interface, each joined to the flow or view that answers it.

What changes something goes to the ledger; what only asks is answered from a snapshot of its inventory, without waiting for anybody.

Does not know: oslo.messaging, the order in which the daemon starts.
"""

from collections.abc import Callable, Mapping
from uuid import uuid4

from pcipt_agent.adapters.rpc import CallContext, Method, method
from pcipt_agent.flows import adopting, claiming, describing, upkeeping
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.flows.reloading import Reloader
from pcipt_agent.ports import Journal
from pcipt_agent.views import wire, wire_upkeep
from pcipt_agent.views.agent_facts import AgentFacts
from pcipt_agent.views.answers import claims_reply
from pcipt_agent.views.contract import VERSION
from pcipt_agent.views.device_answers import devices_reply, explain_device_reply
from pcipt_agent.views.pool_answers import pools_reply
from pcipt_agent.views.status_answers import status_reply
from pcipt_agent.views.wire_adoption import AdoptPayload, AdoptReply
from pcipt_agent.views.wire_devices import DevicesReply, ExplainDeviceReply, PoolsReply
from pcipt_agent.views.wire_history import HistoryPayload, HistoryReply
from pcipt_agent.views.wire_reload import ReloadPayload, ReloadReply
from pcipt_agent.views.wire_replies import ClaimReply, ClaimsReply, ExplainRequestReply, FreeReply, RenderReply, VersionReply
from pcipt_agent.views.wire_status import StatusPayload, StatusReply


class Service:
    """What one agent answers; `facts` says what it knows of itself now, and must not wait for anything."""

    def __init__(
        self, ledger: Ledger, journal: Journal, facts: Callable[[], AgentFacts], *, reloader: Reloader, gone: claiming.Gone
    ) -> None:
        """`journal` is asked for history alone, and `gone` which devices are not there any more."""
        self._ledger = ledger
        self._journal = journal
        self._facts = facts
        self._reloader = reloader
        self._gone = gone

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
            "disable": method(wire_upkeep.DisablePayload, self._disable),
            "enable": method(wire_upkeep.EnablePayload, self._enable),
            "clean": method(wire_upkeep.CleanPayload, self._clean),
            "adopt": method(AdoptPayload, self._adopt),
            "reload": method(ReloadPayload, self._reload),
            "status": method(StatusPayload, self._status),
            "history": method(HistoryPayload, self._history),
            "version": method(wire.VersionPayload, self._version),
        }

    def _claim(self, payload: wire.ClaimPayload, context: CallContext) -> ClaimReply:
        return claiming.claim(self._ledger, payload, context.request_id, caller=context.caller, gone=self._gone)

    def _allocate(self, payload: wire.AllocatePayload, context: CallContext) -> ClaimReply:
        return claiming.allocate(self._ledger, payload, context.request_id, caller=context.caller)

    def _free(self, payload: wire.FreePayload, context: CallContext) -> FreeReply:
        return claiming.free(self._ledger, payload, context.request_id, caller=context.caller)

    def _render(self, payload: wire.RenderPayload, _: CallContext) -> RenderReply:
        return describing.render(self._ledger.inventory, payload)

    def _claims(self, payload: wire.ClaimsPayload, _: CallContext) -> ClaimsReply:
        return claims_reply(self._ledger.inventory, payload, self._facts().standing)

    def _devices(self, payload: wire.DevicesPayload, _: CallContext) -> DevicesReply:
        return devices_reply(self._ledger.inventory, payload)

    def _pools(self, _payload: wire.PoolsPayload, _context: CallContext) -> PoolsReply:
        return pools_reply(self._ledger.inventory)

    def _explain_device(self, payload: wire.ExplainDevicePayload, _: CallContext) -> ExplainDeviceReply:
        return explain_device_reply(self._ledger.inventory, payload)

    def _explain_request(self, payload: wire.ExplainRequestPayload, _: CallContext) -> ExplainRequestReply:
        return describing.explain_request(self._ledger.inventory, payload)

    def _disable(self, payload: wire_upkeep.DisablePayload, context: CallContext) -> wire_upkeep.DisableReply:
        return upkeeping.disable(self._ledger, payload, context.request_id, caller=context.caller)

    def _enable(self, payload: wire_upkeep.EnablePayload, context: CallContext) -> wire_upkeep.EnableReply:
        return upkeeping.enable(self._ledger, payload, context.request_id, caller=context.caller)

    def _clean(self, payload: wire_upkeep.CleanPayload, context: CallContext) -> wire_upkeep.CleanReply:
        return upkeeping.clean(self._ledger, payload, context.request_id, caller=context.caller)

    def _adopt(self, payload: AdoptPayload, context: CallContext) -> AdoptReply:
        return adopting.adopt(self._ledger, payload, context.request_id, caller=context.caller, new_id=lambda: f"adopted-{uuid4()}")

    def _reload(self, payload: ReloadPayload, context: CallContext) -> ReloadReply:
        return self._reloader.reload(payload, caller=context.caller)

    def _status(self, _payload: StatusPayload, _context: CallContext) -> StatusReply:
        return status_reply(self._ledger.inventory, self._facts())

    def _history(self, payload: HistoryPayload, _: CallContext) -> HistoryReply:
        return describing.history(self._ledger.inventory, self._journal, payload)

    def _version(self, _payload: wire.VersionPayload, _context: CallContext) -> VersionReply:
        inventory, facts = self._ledger.inventory, self._facts()
        return VersionReply(
            generation=inventory.generation,
            agent=facts.version,
            api=VERSION,
            host=facts.host,
            rules=inventory.catalogue.rules.digest,
        )
