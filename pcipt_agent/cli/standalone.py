# SPDX-License-Identifier: Apache-2.0
"""Answers without the agent: the same reader, rules and answers, over a host that nobody has claimed anything of.

Does not know: the agent's claims; what it would show as claimed or blocked is free here.
"""

from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from oslo_config import cfg

from pcipt_agent.cli.configuration import sources_of
from pcipt_agent.cli.payloads import Call, Reply
from pcipt_agent.conf.loading import load
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.claim import ClaimBook
from pcipt_agent.core.host import Host
from pcipt_agent.core.inventory import Inventory, inventory_of
from pcipt_agent.errors import Refusal
from pcipt_agent.flows.describing import explain_request
from pcipt_agent.readers import reader_at
from pcipt_agent.views import wire, wire_replies
from pcipt_agent.views.device_answers import devices_reply, explain_device_reply
from pcipt_agent.views.pool_answers import pools_reply
from pcipt_agent.views.sentences import wire_refusal
from pcipt_agent.views.wire_refusals import RefusalAnswer

GENERATION: Final = "0.0"
"""No agent starts with it: its first start is 1."""


def answer(command: Namespace, call: Call) -> Reply:
    """What the agent would answer if it held no claim. Raises HostError and ConfigError."""
    host = read_host(command.host)
    rules = load(cfg.ConfigOpts(), sources_of(command), host_at=lambda _: host).rules
    inventory = inventory_of(catalogue_of(host, rules), ClaimBook(), GENERATION)
    try:
        return _ANSWERS[call.method](inventory, call.arguments).model_dump(mode="json")
    except Refusal as refusal:
        return RefusalAnswer(refusal=wire_refusal(refusal)).model_dump(mode="json")


def read_host(where: str) -> Host:
    """The host below a directory, or described in a file. Raises HostError."""
    return reader_at(Path(where)).read()


def _devices(inventory: Inventory, arguments: Mapping[str, object]) -> wire_replies.Reply:
    return devices_reply(inventory, wire.parse(wire.DevicesPayload, arguments))


def _pools(inventory: Inventory, _: Mapping[str, object]) -> wire_replies.Reply:
    return pools_reply(inventory)


def _explain_device(inventory: Inventory, arguments: Mapping[str, object]) -> wire_replies.Reply:
    return explain_device_reply(inventory, wire.parse(wire.ExplainDevicePayload, arguments))


def _explain_request(inventory: Inventory, arguments: Mapping[str, object]) -> wire_replies.Reply:
    return explain_request(inventory, wire.parse(wire.ExplainRequestPayload, arguments))


_ANSWERS: Final[Mapping[str, Callable[[Inventory, Mapping[str, object]], wire_replies.Reply]]] = {
    "devices": _devices,
    "pools": _pools,
    "explain_device": _explain_device,
    "explain_request": _explain_request,
}
