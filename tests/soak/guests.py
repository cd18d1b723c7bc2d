# SPDX-License-Identifier: Apache-2.0
"""The guests that libvirt knows: eight domains that come, start, end and go, and outlive every restart of the agent.

Does not know: who holds what.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from pcipt_agent.core.address import PciAddress
from tests.soak.machine import VDPA_NODE
from tests.support.books import consumer_id
from tests.support.guests import MemoryGuests, hostdev_xml
from tests.support.planned import at

VDPA: Final = at("86:00.1")
"""The function that the machine's vDPA device is over."""
NUMBER: Final = 8


@dataclass(frozen=True, slots=True)
class Guest:
    name: str
    devices: tuple[PciAddress, ...]
    running: bool


@dataclass(slots=True)
class Known:
    """UUID → guest. Every method tells the reader too; the UUIDs are the first consumers'."""

    guests: dict[str, Guest] = field(default_factory=dict)
    reachable: bool = True

    def show(self, domains: MemoryGuests) -> None:
        """To a reader that knows of none."""
        if not self.reachable:
            domains.break_off("Connection refused")
            return
        domains.start()
        for uuid, guest in self.guests.items():
            self._show(domains, uuid, guest)

    def name(self, domains: MemoryGuests, number: int, devices: Sequence[PciAddress], *, running: bool) -> None:
        """The domain has these devices now, whatever it had."""
        uuid = consumer_id(number)
        self.guests[uuid] = Guest(f"guest-{number}", tuple(devices), running)
        self._show(domains, uuid, self.guests[uuid])

    def puzzle(self, domains: MemoryGuests, rng: Random) -> None:
        if self.guests:
            domains.puzzle(rng.choice(sorted(self.guests)), "Extra content at the end of the document")

    def end(self, domains: MemoryGuests, rng: Random) -> None:
        """Some domain is stopped; one that is, is gone."""
        if not self.guests:
            return
        uuid = rng.choice(sorted(self.guests))
        guest = self.guests[uuid]
        if guest.running:
            self.guests[uuid] = Guest(guest.name, guest.devices, running=False)
            domains.destroy(uuid)
        else:
            del self.guests[uuid]
            domains.undefine(uuid)

    def break_off_or_reconnect(self, domains: MemoryGuests) -> None:
        """While it can't be asked nothing happens to the domains, so that a sighting is never older than what is known here."""
        self.reachable = not self.reachable
        if self.reachable:
            self.show(domains)
        else:
            domains.break_off("Connection refused")

    def leave(self, domains: MemoryGuests) -> None:
        """It can be asked, and knows none."""
        self.reachable = True
        self.show(domains)
        for uuid in self.guests:
            domains.undefine(uuid)
        self.guests.clear()

    def having(self, address: PciAddress) -> list[str]:
        return [guest.name for guest in self.guests.values() if address in guest.devices]

    def _show(self, domains: MemoryGuests, uuid: str, guest: Guest) -> None:
        domains.define(uuid, guest.name, "".join(map(_element, guest.devices)))
        if guest.running:
            domains.boot(uuid)


def _element(address: PciAddress) -> str:
    if address == VDPA:
        return f"<interface type='vdpa'><source dev='{VDPA_NODE}'/></interface>"
    return hostdev_xml(address)
