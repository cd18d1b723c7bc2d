# SPDX-License-Identifier: Apache-2.0
"""Guests: let the ledger see what libvirt's domains hold, and say what an operator should know of it, once.

While libvirt can't be asked, what it said last stands: no device becomes free because nobody can say that it is not.

Does not know: libvirt, XML, what follows from a device that is occupied (`core.inventory`).
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import assert_never

from pcipt_agent.core.address import PciAddress, first_of
from pcipt_agent.core.device import Device
from pcipt_agent.core.domain import UNSEEN, Domain, Hypervisor, vdpa_nodes
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.ports import DomainReader, Held, NotHeld, ProcessReader, Unknown

LOG = logging.getLogger(__name__)

_NAMED = 4
"""So many domains or processes are named; the rest is counted."""


class Guests:
    """One thread's: `look` is called by one caller at a time."""

    def __init__(self, ledger: Ledger, reader: DomainReader) -> None:
        self._ledger = ledger
        self._reader = reader
        self._said = UNSEEN.problem
        self._occupied: Mapping[PciAddress, tuple[str, ...]] = {}
        self._puzzling: Mapping[str, str] = {}

    def look(self, wait_seconds: float) -> None:
        """The ledger has what libvirt was last seen with; waits so long for news of it."""
        hypervisor = self._reader.look(wait_seconds)
        inventory = self._ledger.inventory
        self._ledger.observe_hypervisor(_with_nodes(hypervisor, vdpa_nodes(inventory.catalogue.host)))
        self._say_reachable(hypervisor)
        self._say_puzzling(hypervisor.domains)
        self._say_occupied(self._ledger.inventory)

    def _say_reachable(self, hypervisor: Hypervisor) -> None:
        problem = None if hypervisor.reachable else hypervisor.problem
        if problem == self._said:
            return
        if problem is not None:
            LOG.warning("libvirt can't be asked: %s; nothing is freed by itself", problem)
        else:
            LOG.info("libvirt can be asked%s", "" if self._said == UNSEEN.problem else " again")
        self._said = problem

    def _say_puzzling(self, domains: tuple[Domain, ...]) -> None:
        puzzling = {domain.uuid: domain.problem for domain in domains if domain.problem is not None}
        for domain in domains:
            if domain.problem is not None and self._puzzling.get(domain.uuid) != domain.problem:
                LOG.warning("domain %s (%s) can't be understood: %s", domain.name, domain.uuid, domain.problem)
        self._puzzling = puzzling

    def _say_occupied(self, inventory: Inventory) -> None:
        occupied = {
            address: tuple(domain.name for domain in domains)
            for address, domains in inventory.domains_of.items()
            if address in inventory.catalogue.index_of and inventory.book.holder_of(address) is None
        }
        for address, names in occupied.items():
            if self._occupied.get(address) != names:
                LOG.warning("device %s is occupied by domain %s", address, first_of(names, _NAMED))
        for address in self._occupied.keys() - occupied.keys():
            LOG.info("device %s is not occupied any more", address)
        self._occupied = occupied


def held_open(processes: ProcessReader, device: Device) -> str | None:
    """Why some process may have the device open, in a clause; None where none has."""
    match processes.holding(device):
        case NotHeld():
            return None
        case Held(pids):
            return f"process {first_of(pids, _NAMED)} has it open"
        case Unknown(why):
            return f"nobody can tell whether a process has it open: {why}"
        case never:
            assert_never(never)


def _with_nodes(hypervisor: Hypervisor, address_of: Mapping[str, PciAddress]) -> Hypervisor:
    """A vDPA device that was shown by its node is shown by the address of the function that it is over."""
    shown = {address_of[node]: at for node, at in hypervisor.shown_nodes.items() if node in address_of}
    newer = {address: at for address, at in shown.items() if at > hypervisor.shown.get(address, at - 1)}
    return replace(hypervisor, shown=hypervisor.shown.update(newer)) if newer else hypervisor
