# SPDX-License-Identifier: Apache-2.0
"""What libvirt's domains hold, as last seen; a sighting beside `core.host`'s, of guests instead of hardware.

A device that a domain names and no claim holds is occupied: somebody started a guest without asking us. While libvirt can't
be asked the last sighting stands, because what was not seen to end goes on.

Does not know: libvirt, XML (`views.domain_devices`), claims.
Source: libvirt's formatdomain, "Host device assignment", "vDPA devices", "NVMe disk".
"""

from collections import defaultdict
from dataclasses import dataclass, field

from immutables import Map

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.host import Host

Version = tuple[int, int, int]
"""Major, minor, release."""


@dataclass(frozen=True, slots=True)
class DomainDevice:
    """One host device in a domain's XML: by address, or a vDPA device by its node (/dev/vhost-vdpa-0)."""

    address: PciAddress | None
    vdpa_node: str | None
    managed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """One guest that libvirt knows. A running one holds what its live and what its persistent definition name."""

    uuid: str
    """As Placement and nova write it: lower case, with dashes."""
    name: str
    running: bool
    devices: tuple[DomainDevice, ...] = ()
    problem: str | None = None
    """Why its XML could not be understood, whole or in part; what could be is in `devices`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypervisor:
    """libvirt as last seen. Without any sighting: not reachable, no domains."""

    reachable: bool = False
    problem: str | None = "it has not been asked yet"
    """Why it can't be asked now; None where it can."""
    version: Version | None = None
    """libvirt's; until it was reached its library's here, which is of the same package; None where there is none."""
    qemu_version: Version | None = None
    domains: tuple[Domain, ...] = ()
    """In the order of their names."""
    watched_since: float | None = None
    """Since when (seconds since the epoch) no domain can have come and gone unseen; None while it can't be asked."""
    shown: "Map[PciAddress, float]" = field(default_factory=Map)
    """Address → when a domain last named it, as far as this run of the agent has seen."""
    shown_nodes: "Map[str, float]" = field(default_factory=Map)
    """As `shown`, of vDPA devices by their node."""
    iommu: bool | None = None
    """Whether libvirt says that the host has an IOMMU that works; None where it said nothing."""

    @property
    def puzzling(self) -> tuple[Domain, ...]:
        """Domains that may name more devices than is known of them."""
        return tuple(domain for domain in self.domains if domain.problem is not None)

    def surely_unused_since(self, address: PciAddress, at: float) -> bool:
        """Whether libvirt was watched all the time since `at` (seconds since the epoch) and no domain named the device."""
        watched = self.watched_since is not None and self.watched_since <= at
        return watched and self.shown.get(address, at - 1) < at and not self.puzzling


UNSEEN = Hypervisor()


def domains_by_device(host: Host, hypervisor: Hypervisor) -> dict[PciAddress, tuple[Domain, ...]]:
    """Address → the domains that name it, on the host or not; a vDPA device stands for the function that it is over."""
    named = any(each.vdpa_node for domain in hypervisor.domains for each in domain.devices)
    nodes = vdpa_nodes(host) if named else {}
    found: dict[PciAddress, list[Domain]] = defaultdict(list)
    for domain in hypervisor.domains:
        for each in domain.devices:
            address = each.address if each.vdpa_node is None else nodes.get(each.vdpa_node)
            if address is not None and domain not in found[address]:
                found[address].append(domain)
    return {address: tuple(domains) for address, domains in found.items()}


def vdpa_nodes(host: Host) -> dict[str, PciAddress]:
    """Node of a vDPA device (/dev/vhost-vdpa-0) → the function that it is over."""
    return {each.node: device.address for device in host.devices.values() for each in device.vdpa if each.node is not None}
