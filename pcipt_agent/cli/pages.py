# SPDX-License-Identifier: Apache-2.0
"""Which page shows the reply of which method.

Does not know: where the reply came from, where the page goes.
"""

from argparse import Namespace
from collections.abc import Iterable

from rich.console import RenderableType

from pcipt_agent.cli.payloads import Reply
from pcipt_agent.views import wire_replies as wire
from pcipt_agent.views.methods import METHODS
from pcipt_agent.views.text import harmless
from pcipt_agent.views.text_claims import claim_page, claim_table, free_text
from pcipt_agent.views.text_devices import device_table, device_tree
from pcipt_agent.views.text_explain import explain_device_page, explain_request_page, funnel_page
from pcipt_agent.views.text_pools import pool_table
from pcipt_agent.views.wire_refusals import NoDevicesRefusal, RefusalAnswer


def page_of(method: str, reply: Reply, command: Namespace) -> Iterable[RenderableType]:
    """The reply for people."""
    match METHODS[method].reply.model_validate(harmless(reply)):
        case wire.DevicesReply(devices=devices):
            return [device_table(devices) if command.table else device_tree(devices)]
        case wire.PoolsReply(pools=pools):
            return [pool_table(pools)] if pools else ["no pool: no device is assignable"]
        case wire.ClaimsReply(claims=claims):
            return [claim_table(claims)] if claims else ["no claim"]
        case wire.ClaimReply() as claim:
            return claim_page(claim)
        case wire.FreeReply() as freed:
            return [free_text(freed)]
        case wire.ExplainDeviceReply() as explained:
            return explain_device_page(explained)
        case wire.ExplainRequestReply() as explained:
            return explain_request_page(explained)
        case wire.VersionReply() as version:
            return [f"agent {version.agent} on {version.host}, API {version.api}"]
        case other:
            raise AssertionError(f"no page for {type(other).__name__}")


def document_of(method: str, reply: Reply) -> str | None:
    """The text that a program will read, where the reply is made of nothing else."""
    if method != "render":
        return None
    rendered = wire.RenderReply.model_validate(reply)
    return rendered.domain if rendered.domain is not None else "".join(f"{element}\n" for element in rendered.elements)


def refusal_page(reply: Reply) -> tuple[str, Iterable[RenderableType]]:
    """A refusal in a sentence; where no devices meet the requests, the funnel that says why."""
    refusal = RefusalAnswer.model_validate(harmless(reply)).refusal
    return refusal.message, funnel_page(refusal.funnel) if isinstance(refusal, NoDevicesRefusal) else ()
