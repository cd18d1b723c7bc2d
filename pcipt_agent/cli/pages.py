# SPDX-License-Identifier: Apache-2.0
"""Which page shows the reply of which method.

A reply is taken as the agent made it: within 1.x fields are only added, so what a page reads is there.

Does not know: where the reply came from, where the page goes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pcipt_agent.views.text import shown

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterable

    from pcipt_agent.cli.payloads import Reply
    from pcipt_agent.views import (
        wire_adoption,
        wire_devices,
        wire_history,
        wire_refusals,
        wire_reload,
        wire_replies,
        wire_status,
        wire_upkeep,
    )
    from pcipt_agent.views.text import Block


def page_of(method: str, reply: Reply, command: Namespace) -> Iterable[Block]:
    """The reply for people."""
    seen = shown(reply)
    match method:
        case "devices":
            return _devices(cast("wire_devices.DevicesReply", seen), command)
        case "pools":
            return _pools(cast("wire_devices.PoolsReply", seen))
        case "claims":
            return _claims(cast("wire_replies.ClaimsReply", seen))
        case "claim" | "allocate":
            return _claim(cast("wire_replies.ClaimReply", seen))
        case "free":
            return _freed(cast("wire_replies.FreeReply", seen))
        case "explain_device":
            return _explained_device(cast("wire_devices.ExplainDeviceReply", seen))
        case "explain_request":
            return _explained_request(cast("wire_replies.ExplainRequestReply", seen))
        case "disable":
            return _disabled(cast("wire_upkeep.DisableReply", seen))
        case "enable":
            return _enabled(cast("wire_upkeep.EnableReply", seen))
        case "clean":
            return _cleaned(cast("wire_upkeep.CleanReply", seen))
        case "status":
            return _status(cast("wire_status.StatusReply", seen))
        case "history":
            return _history(cast("wire_history.HistoryReply", seen))
        case "adopt":
            return _adopted(cast("wire_adoption.AdoptReply", seen))
        case "reload":
            return _reloaded(cast("wire_reload.ReloadReply", seen))
        case "version":
            return _version(cast("wire_replies.VersionReply", seen))
        case _:
            raise AssertionError(f"{method} has no page")


def document_of(method: str, reply: Reply) -> str | None:
    """The text that a program will read, where the reply is made of nothing else."""
    if method != "render":
        return None
    rendered = cast("wire_replies.RenderReply", shown(reply, harmless=False))
    return rendered.domain if rendered.domain is not None else "".join(f"{element}\n" for element in rendered.elements)


def refusal_page(reply: Reply) -> tuple[str, Iterable[Block]]:
    """A refusal in a sentence; where no devices meet the requests, the funnel that says why."""
    refusal = cast("wire_refusals.RefusalAnswer", shown(reply)).refusal
    if refusal.code != "no-devices":
        return refusal.message, ()
    from pcipt_agent.views.text_explain import funnel_page

    return refusal.message, funnel_page(refusal.funnel)


def _devices(reply: wire_devices.DevicesReply, command: Namespace) -> Iterable[Block]:
    from pcipt_agent.views.text_devices import device_table, device_tree

    return [device_table(reply.devices) if command.table else device_tree(reply.devices)]


def _pools(reply: wire_devices.PoolsReply) -> Iterable[Block]:
    from pcipt_agent.views.text_pools import pools_page

    return pools_page(reply)


def _claims(reply: wire_replies.ClaimsReply) -> Iterable[Block]:
    from pcipt_agent.views.text_claims import claim_table

    return [claim_table(reply.claims)] if reply.claims else ["no claim"]


def _claim(reply: wire_replies.ClaimReply) -> Iterable[Block]:
    from pcipt_agent.views.text_claims import claim_page

    return claim_page(reply)


def _freed(reply: wire_replies.FreeReply) -> Iterable[Block]:
    from pcipt_agent.views.text_claims import free_text

    return [free_text(reply)]


def _explained_device(reply: wire_devices.ExplainDeviceReply) -> Iterable[Block]:
    from pcipt_agent.views.text_explain import explain_device_page

    return explain_device_page(reply)


def _explained_request(reply: wire_replies.ExplainRequestReply) -> Iterable[Block]:
    from pcipt_agent.views.text_explain import explain_request_page

    return explain_request_page(reply)


def _disabled(reply: wire_upkeep.DisableReply) -> Iterable[Block]:
    from pcipt_agent.views.text_upkeep import disable_page

    return disable_page(reply)


def _enabled(reply: wire_upkeep.EnableReply) -> Iterable[Block]:
    from pcipt_agent.views.text_upkeep import enable_page

    return enable_page(reply)


def _cleaned(reply: wire_upkeep.CleanReply) -> Iterable[Block]:
    from pcipt_agent.views.text_upkeep import clean_text

    return [clean_text(reply)]


def _status(reply: wire_status.StatusReply) -> Iterable[Block]:
    from pcipt_agent.views.text_status import status_page

    return status_page(reply)


def _history(reply: wire_history.HistoryReply) -> Iterable[Block]:
    from pcipt_agent.views.text_history import history_page

    return history_page(reply)


def _adopted(reply: wire_adoption.AdoptReply) -> Iterable[Block]:
    from pcipt_agent.views.text_adoption import adopt_page

    return adopt_page(reply)


def _reloaded(reply: wire_reload.ReloadReply) -> Iterable[Block]:
    from pcipt_agent.views.text_reload import reload_page

    return reload_page(reply)


def _version(reply: wire_replies.VersionReply) -> Iterable[Block]:
    from importlib.metadata import version

    return [f"pcipt {version('pcipt-agent')}", f"agent {reply.agent} on {reply.host}, API {reply.api}, rules {reply.rules}"]
