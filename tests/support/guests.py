# SPDX-License-Identifier: Apache-2.0
"""Guests: `ports.DomainReader` in memory, with domains that a test defines, starts and ends; and what does the same by libvirt.

The one in memory passes the same contract suite as the real one, so it can't lie about it.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import libvirt
from immutables import Map

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.domain import UNSEEN, Domain, Hypervisor
from pcipt_agent.ports import Clock, DomainReader
from pcipt_agent.views.domain_devices import domain_of

HEAD = "<memory>1024</memory><os><type>hvm</type></os>"


def domain_xml(uuid: str, name: str, devices: str = "") -> str:
    """A domain document that libvirt's test driver takes."""
    return f"<domain type='test'><name>{name}</name><uuid>{uuid}</uuid>{HEAD}<devices>{devices}</devices></domain>"


def hostdev_xml(address: PciAddress, *, managed: str = "yes") -> str:
    domain, bus, slot, function = address
    source = f"<address domain='{domain:#x}' bus='{bus:#x}' slot='{slot:#x}' function='{function:#x}'/>"
    return f"<hostdev mode='subsystem' type='pci' managed='{managed}'><source>{source}</source></hostdev>"


def saw(reader: DomainReader, wanted: Callable[[Hypervisor], bool], *, seconds: float = 20.0) -> Hypervisor:
    """The first sighting that is wanted; fails after so many seconds."""
    last = UNSEEN
    for _ in range(int(seconds * 20)):
        last = reader.look(0.05)
        if wanted(last):
            return last
    raise AssertionError(f"not seen in {seconds} s; last: {last}")


class Guests(Protocol):
    """The guests' side."""

    def define(self, uuid: str, name: str, devices: str) -> None: ...
    def boot(self, uuid: str) -> None: ...
    def destroy(self, uuid: str) -> None: ...
    def undefine(self, uuid: str) -> None: ...


class TestDriverGuests:
    """By libvirt's test driver."""

    __test__ = False

    def __init__(self, uri: str) -> None:
        self._libvirt = libvirt.open(uri)

    def define(self, uuid: str, name: str, devices: str) -> None:
        self._libvirt.defineXML(domain_xml(uuid, name, devices))

    def create(self, uuid: str, name: str, devices: str) -> None:
        """One that is gone when it ends."""
        self._libvirt.createXML(domain_xml(uuid, name, devices))

    def boot(self, uuid: str) -> None:
        self._libvirt.lookupByUUIDString(uuid).create()

    def destroy(self, uuid: str) -> None:
        self._libvirt.lookupByUUIDString(uuid).destroy()

    def undefine(self, uuid: str) -> None:
        self._libvirt.lookupByUUIDString(uuid).undefine()

    def leave(self) -> None:
        """No domain but the driver's own is there, and the connection is closed."""
        for domain in self._libvirt.listAllDomains(0):
            if domain.name() != "test":
                if domain.isActive():
                    domain.destroy()
                if domain.UUIDString() in {each.UUIDString() for each in self._libvirt.listAllDomains(0)}:
                    domain.undefine()
        self._libvirt.close()


class MemoryGuests:
    """A `DomainReader` and the guests it sees, in one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._fresh = False
        self._closed = False
        self._now = UNSEEN

    def start(self) -> None:
        """libvirt answers, and is watched."""
        self._set(replace(self._now, reachable=True, problem=None, version=(10, 0, 0), watched_since=self._clock.now()))

    def break_off(self, problem: str) -> None:
        """libvirt can't be asked."""
        self._set(replace(self._now, reachable=False, problem=problem, watched_since=None))

    def puzzle(self, uuid: str, problem: str) -> None:
        """The domain's XML can't be understood."""
        self._replace(uuid, problem=problem)

    def look(self, wait_seconds: float) -> Hypervisor:
        with self._changed:
            self._changed.wait_for(lambda: self._fresh or self._closed, wait_seconds)
            self._fresh = False
            return self._now

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def define(self, uuid: str, name: str, devices: str) -> None:
        self._put(domain_of(uuid, name, [domain_xml(uuid, name, devices)], running=False))

    def boot(self, uuid: str) -> None:
        self._replace(uuid, running=True)

    def destroy(self, uuid: str) -> None:
        self._replace(uuid, running=False)

    def undefine(self, uuid: str) -> None:
        self._set(replace(self._now, domains=tuple(each for each in self._now.domains if each.uuid != uuid)))

    def _replace(self, uuid: str, *, running: bool | None = None, problem: str | None = None) -> None:
        domain = next(each for each in self._now.domains if each.uuid == uuid)
        self._put(replace(domain, running=domain.running if running is None else running, problem=problem))

    def _put(self, domain: Domain) -> None:
        others = [each for each in self._now.domains if each.uuid != domain.uuid]
        domains = sorted([*others, domain], key=lambda each: each.name)
        at = self._clock.now()
        addresses: Map[PciAddress, float] = self._now.shown.update(
            {each.address: at for each in domain.devices if each.address is not None}
        )
        nodes: Map[str, float] = self._now.shown_nodes.update(
            {each.vdpa_node: at for each in domain.devices if each.vdpa_node is not None}
        )
        self._set(replace(self._now, domains=tuple(domains), shown=addresses, shown_nodes=nodes))

    def _set(self, now: Hypervisor) -> None:
        with self._changed:
            self._now, self._fresh = now, True
            self._changed.notify_all()
