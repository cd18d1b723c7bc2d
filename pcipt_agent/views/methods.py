# SPDX-License-Identifier: Apache-2.0
"""The RPC interface as a table: method → payload and reply; the published JSON Schema is made from it.

Does not know: who answers (the daemon joins each method to a flow), oslo.messaging.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic.json_schema import models_json_schema

from pcipt_agent.views import wire, wire_adoption, wire_devices, wire_history, wire_reload, wire_replies, wire_status, wire_upkeep
from pcipt_agent.views.contract import TOPIC, VERSION
from pcipt_agent.views.notices import NOTICES
from pcipt_agent.views.wire_refusals import RefusalAnswer


@dataclass(frozen=True, slots=True)
class Method:
    """What one RPC method takes as its arguments, and answers where it does not refuse."""

    payload: type[wire.Payload]
    reply: type[wire_replies.Reply]


METHODS: Final[Mapping[str, Method]] = {
    "claim": Method(wire.ClaimPayload, wire_replies.ClaimReply),
    "allocate": Method(wire.AllocatePayload, wire_replies.ClaimReply),
    "free": Method(wire.FreePayload, wire_replies.FreeReply),
    "render": Method(wire.RenderPayload, wire_replies.RenderReply),
    "claims": Method(wire.ClaimsPayload, wire_replies.ClaimsReply),
    "devices": Method(wire.DevicesPayload, wire_devices.DevicesReply),
    "pools": Method(wire.PoolsPayload, wire_devices.PoolsReply),
    "explain_device": Method(wire.ExplainDevicePayload, wire_devices.ExplainDeviceReply),
    "explain_request": Method(wire.ExplainRequestPayload, wire_replies.ExplainRequestReply),
    "disable": Method(wire_upkeep.DisablePayload, wire_upkeep.DisableReply),
    "enable": Method(wire_upkeep.EnablePayload, wire_upkeep.EnableReply),
    "clean": Method(wire_upkeep.CleanPayload, wire_upkeep.CleanReply),
    "adopt": Method(wire_adoption.AdoptPayload, wire_adoption.AdoptReply),
    "reload": Method(wire_reload.ReloadPayload, wire_reload.ReloadReply),
    "status": Method(wire_status.StatusPayload, wire_status.StatusReply),
    "history": Method(wire_history.HistoryPayload, wire_history.HistoryReply),
    "version": Method(wire.VersionPayload, wire_replies.VersionReply),
}


def schema() -> dict[str, object]:
    """The interface as JSON Schema: a definition a model, and which of them a method takes and answers and a notification has."""
    payloads = {method.payload for method in METHODS.values()}
    answers = {method.reply for method in METHODS.values()} | {RefusalAnswer} | set(NOTICES.values())
    _, document = models_json_schema(
        [(model, "validation") for model in sorted(payloads, key=lambda each: each.__name__)]
        + [(model, "serialization") for model in sorted(answers, key=lambda each: each.__name__)],
        ref_template="#/$defs/{model}",
    )
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"RPC interface of {TOPIC}, version {VERSION}",
        "methods": {
            name: {
                "arguments": {"$ref": f"#/$defs/{method.payload.__name__}"},
                "answer": {"anyOf": [{"$ref": f"#/$defs/{method.reply.__name__}"}, {"$ref": f"#/$defs/{RefusalAnswer.__name__}"}]},
            }
            for name, method in METHODS.items()
        },
        "notifications": {
            event_type: {"payload": {"$ref": f"#/$defs/{payload.__name__}"}} for event_type, payload in NOTICES.items()
        },
        "$defs": document["$defs"],
    }
