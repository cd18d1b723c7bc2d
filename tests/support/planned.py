# SPDX-License-Identifier: Apache-2.0
"""Hosts, rules and inventories in few words, for tests of the core: `pci("3b:00.0")`, `sriov("5e:00.0", vfs=4)`.

Ids say the role: 8086:0001 is a plain function, 8086:00f0 a PF, 8086:00f1 a VF, unless told otherwise.

Does not know: /sys, files.
"""

from collections.abc import Iterable
from dataclasses import replace
from uuid import NAMESPACE_DNS, uuid5

from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.alias import Alias, Alternative, GroupPolicy, NumaPolicy, Request, RuleSet
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.claim import ClaimBook, Wish
from pcipt_agent.core.decide import Allocate, ClaimDevices, Command, Free, decide
from pcipt_agent.core.device import Device, DeviceType, Sriov
from pcipt_agent.core.domain import Domain, DomainDevice, Hypervisor
from pcipt_agent.core.guest import Guest
from pcipt_agent.core.host import Host, NumaNode
from pcipt_agent.core.inventory import Inventory, after, inventory_of
from pcipt_agent.core.spec import AddressGlob, DeviceSpec, Tags

PLAIN, PF, VF = "0001", "00f0", "00f1"
GPU, AUDIO = "000a", "000b"


def at(text: str) -> PciAddress:
    """The address written without its domain (3b:00.0) or with it."""
    address = parse_address(text if text.count(":") == 2 else f"0000:{text}")
    assert address is not None, text
    return address


def pci(address: str, *, product: str = PLAIN, numa_node: int | None = 0) -> Device:
    where = at(address)
    return Device(
        address=where,
        device_type=DeviceType.PCI,
        vendor_id="8086",
        product_id=product,
        numa_node=numa_node,
        iommu_group=where.bus << 8 | where.slot << 3 | where.function,
    )


def sriov(address: str, *, vfs: int, numa_node: int | None = 0, vf_product: str = VF) -> tuple[Device, ...]:
    """A PF and its VFs at the functions that follow it."""
    first = pci(address, product=PF, numa_node=numa_node)
    pf = replace(first, device_type=DeviceType.PF, sriov=Sriov(64, vfs, vf_product, 1, 1))
    return pf, *(_vf(pf, number, vf_product) for number in range(vfs))


def _vf(pf: Device, number: int, product: str) -> Device:
    place = (pf.address.bus << 8 | pf.address.slot << 3 | pf.address.function) + 1 + number
    address = PciAddress(pf.address.domain, place >> 8, place >> 3 & 0x1F, place & 7)
    return replace(
        pf,
        address=address,
        device_type=DeviceType.VF,
        product_id=product,
        sriov=None,
        parent=pf.address,
        vf_number=number,
        iommu_group=place,
    )


def gpu(address: str, *, driver: str | None = "nvidia", numa_node: int | None = 0) -> tuple[Device, Device]:
    """A card whose functions are 8086:000a and 8086:000b, the second an audio function with its driver, in IOMMU group `bus`."""
    group = at(address).bus
    card = replace(pci(address, product=GPU, numa_node=numa_node), driver=driver, iommu_group=group)
    beside = card.address._replace(function=card.address.function + 1)
    return card, replace(card, address=beside, product_id=AUDIO, driver="snd_hda_intel")


def host(*devices: Device, sockets: tuple[int | None, ...] = (0, 1)) -> Host:
    """`sockets`: by NUMA node."""
    return Host(
        devices={device.address: device for device in sorted(devices, key=lambda each: each.address)},
        numa_nodes={node: NumaNode(node, frozenset({node}), socket) for node, socket in enumerate(sockets)},
        boot_id="boot-1",
    )


def rules(*specs: DeviceSpec, aliases: Iterable[Alias] = ()) -> RuleSet:
    """Without entries, one that matches every device."""
    return RuleSet(specs=specs or (entry(1),), aliases={alias.name: alias for alias in aliases})


def entry(number: int, *, product: str | None = None, address: str | None = None, tags: Tags | None = None) -> DeviceSpec:
    glob = AddressGlob() if address is None else AddressGlob(*at(address))
    return DeviceSpec(entry=number, source=f'{{"entry": {number}}}', product_id=product, address=glob, tags=tags or Tags())


def inventory(
    host: Host, ruleset: RuleSet | None = None, book: ClaimBook | None = None, *, domains: Iterable[Domain] = ()
) -> Inventory:
    """`domains`: what libvirt, which can be asked, shows."""
    seen = Hypervisor(reachable=True, problem=None, domains=tuple(domains))
    return inventory_of(catalogue_of(host, ruleset or rules()), book or ClaimBook(), "0.0", seen)


def domain(name: str, *addresses: str, running: bool = True) -> Domain:
    """A domain that has these devices; its UUID follows from its name."""
    devices = tuple(DomainDevice(at(address), None, managed=True) for address in addresses)
    return Domain(uuid=str(uuid5(NAMESPACE_DNS, name)), name=name, running=running, devices=devices)


def wanting(
    count: int, device_type: DeviceType = DeviceType.PCI, *products: str, policy: NumaPolicy = NumaPolicy.LEGACY
) -> Request:
    """A request for `count` devices of the type, of any of the products (any at all without)."""
    alternatives = tuple(Alternative(product_id=product) for product in products) or (Alternative(),)
    return Request(count=count, numa_policy=policy, device_type=device_type, alternatives=alternatives)


def wish(*requests: Request, nodes: Iterable[int] | None = None, isolate: bool = False) -> Wish:
    return Wish(
        consumer="4c0e1b6e-6f1f-4d3c-9a52-2a0f4f6a7b10",
        requests=requests,
        guest=Guest(None if nodes is None else frozenset(nodes)),
        group_policy=GroupPolicy.ISOLATE if isolate else GroupPolicy.NONE,
    )


def obey(before: Inventory, command: Command) -> Inventory:
    """The inventory after the command; raises what deciding raises."""
    current = before
    for event in decide(before, command):
        current = after(current, event, f"0.{int(current.generation[2:]) + 1}")
    return current


def claimed(before: Inventory, claim_id: str, content: Wish) -> Inventory:
    return obey(before, ClaimDevices(claim_id=claim_id, wish=content, at=1.0))


def allocated(before: Inventory, claim_id: str) -> Inventory:
    return obey(before, Allocate(claim_id=claim_id, at=1.5))


def freed(before: Inventory, claim_id: str) -> Inventory:
    return obey(before, Free(claim_id=claim_id, at=2.0))


def held_by(current: Inventory, claim_id: str) -> list[str]:
    """The addresses that the claim holds, without their domain, in order of choice."""
    return [str(each.address).removeprefix("0000:") for each in current.book.claims[claim_id].held]
