# SPDX-License-Identifier: Apache-2.0
"""A captured host: its description, under a head that says when, where and by what it was seen.

For a public report what identifies the one piece of hardware, or the host's place in a network, is left out; what decides about
devices stays, so that the same answers come of it.

Does not know: where the host was read, where the text goes.
"""

from dataclasses import dataclass, replace
from datetime import datetime

from pcipt_agent.core.device import Device, HostUse, HostUseKind
from pcipt_agent.core.host import Host
from pcipt_agent.views.description import description_of

LEFT_OUT = "left out"
"""In place of a serial number: that there is one decides about remote_managed, and that it can be read about a warning."""
_TELLING = frozenset({HostUseKind.ADDRESS, HostUseKind.ROUTE, HostUseKind.MOUNTED})
"""What the host uses a device for, where the particulars are addresses of a network or names that somebody gave."""
_NO_BOOT = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """When and how the host was seen."""

    at: datetime
    where: str
    kernel: str | None
    version: str
    """Of this program."""
    serials: bool
    """Whether they are in the text."""


def captured(host: Host, sighting: Sighting) -> str:
    """The text; `views.description` reads the same host back."""
    kernel = f", kernel {sighting.kernel}" if sighting.kernel else ""
    lines = [
        f"Captured {sighting.at:%Y-%m-%d %H:%M:%S}Z by pcipt-agent {sighting.version} from {sighting.where}{kernel}.",
        "Run on it: pcipt devices --host THIS-FILE; or [agent] host_root = THIS-FILE.",
    ]
    if not sighting.serials:
        lines.append("Left out: serial numbers, MAC and network addresses, mount points, the boot id.")
    return "".join(f"# {_one_line(line)}\n" for line in lines) + "\n" + description_of(host)


def without_serials(host: Host) -> Host:
    """The host without what identifies it."""
    devices = {address: _without_serials(device) for address, device in host.devices.items()}
    return replace(host, devices=devices, boot_id=_NO_BOOT)


def _without_serials(device: Device) -> Device:
    return replace(
        device,
        serial=None if device.serial is None else LEFT_OUT,
        netdevs=tuple(replace(each, mac=None) for each in device.netdevs),
        host_uses=tuple(_bare(each) for each in device.host_uses),
    )


def _bare(use: HostUse) -> HostUse:
    """The kind decides, and it stays; of the clause nothing does, however it is worded."""
    return replace(use, detail=LEFT_OUT) if use.kind in _TELLING else use


def _one_line(text: str) -> str:
    """What a person typed may hold a line break, and a comment ends there."""
    return "".join(character if character.isprintable() else "?" for character in text)
