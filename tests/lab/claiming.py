# SPDX-License-Identifier: Apache-2.0
"""Claims over RPC to the agent in a host, and what became of their devices there.

Does not know: guests, cards.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.lab.calling import call
from tests.lab.host import LabHost


@dataclass(frozen=True, slots=True)
class GivenDevices:
    """What a claim got: addresses in the order of its requests, and the XML that gives them to a guest."""

    claim_id: str
    consumer: str
    addresses: tuple[str, ...]
    xml: str


def claim(host: LabHost, *requests: Mapping[str, object], consumer: str, numa_nodes: Sequence[int] | None = None) -> GivenDevices:
    """Devices for a consumer; fails where the agent refuses."""
    claim_id = str(uuid.uuid4())
    reply = call(host, "claim", claim_id=claim_id, consumer=consumer, requests=list(requests), numa_nodes=numa_nodes)
    assert "devices" in reply, f"refused: {reply}"
    devices: list[dict[str, Any]] = reply["devices"]
    return GivenDevices(claim_id, consumer, tuple(each["address"] for each in devices), "".join(each["xml"] for each in devices))


def status_of(host: LabHost, address: str) -> str:
    """The agent's word for the device."""
    status = statuses(host, [address])[address]
    assert status is not None, f"{address} is not on the host"
    return status


def statuses(host: LabHost, addresses: Iterable[str]) -> dict[str, str | None]:
    """The agent's word for each; None where it is not on the host."""
    known = {device["address"]: device["status"] for device in call(host, "devices")["devices"]}
    return {address: known.get(address) for address in addresses}


def driver_of(host: LabHost, address: str) -> str | None:
    """What the host's kernel has bound to the function; None for nothing."""
    link = host.run("readlink", f"/sys/bus/pci/devices/{address}/driver", check=False).stdout.strip()
    return link.rpartition("/")[2] or None
