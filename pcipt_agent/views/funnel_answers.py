# SPDX-License-Identifier: Apache-2.0
"""Funnels and requests as parts of answers.

Does not know: who asked (a refusal and `explain_request` show the same funnel).
"""

from collections.abc import Sequence

from pcipt_agent.core.alias import Request
from pcipt_agent.core.funnel import Funnel, RequestFunnel
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.views.wire_replies import (
    AlternativePart,
    DroppedPart,
    ExplainRequestReply,
    FunnelPart,
    RequestFunnelPart,
    RequestPart,
    StagePart,
)


def request_part(request: Request) -> RequestPart:
    return RequestPart(
        count=request.count,
        alias=request.alias,
        device_type=request.device_type,
        numa_policy=request.numa_policy,
        alternatives=[
            AlternativePart(
                vendor_id=each.vendor_id,
                product_id=each.product_id,
                resource_class=each.resource_class,
                traits=sorted(each.traits),
                live_migratable=each.live_migratable,
            )
            for each in request.alternatives
        ],
        address=None if request.address is None else str(request.address),
    )


def funnel_part(funnel: Funnel) -> FunnelPart:
    return FunnelPart(requests=[_way(each) for each in funnel.requests], together=funnel.together)


def _way(way: RequestFunnel) -> RequestFunnelPart:
    return RequestFunnelPart(
        index=way.index,
        request=request_part(way.request),
        stages=[StagePart(filter=stage.filter, left=stage.left, note=stage.note) for stage in way.stages],
        emptied_by=way.emptied_by,
        dropped=[DroppedPart(address=str(each.address), reason=each.reason) for each in way.dropped],
    )


def explain_request_reply(inventory: Inventory, funnel: Funnel, chosen: Sequence[Sequence[int]] | None) -> ExplainRequestReply:
    """What selection explained: `chosen` are the catalogue indexes for each request, None where they can't be met."""
    devices = inventory.catalogue.devices
    return ExplainRequestReply(
        generation=inventory.generation,
        satisfied=chosen is not None,
        funnel=funnel_part(funnel),
        chosen=[[str(devices[index].address) for index in each] for each in chosen or ()],
    )
