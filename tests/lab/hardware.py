# SPDX-License-Identifier: Apache-2.0
"""A compute host's hardware as a value, and the command line by which QEMU makes it.

Every card has a name, by which a test asks for its address, and sits in a root port of its own: on the NUMA node it names, or on
the machine's first bus, whose devices are of no known node. A card can be pulled and put back: a `Part` says the same to the
monitor as to the command line.

Does not know: disks, networks, what the cards are used for.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import assert_never

Value = str | int | bool


@dataclass(frozen=True, slots=True)
class Part:
    """One of QEMU's devices, as its command line and its monitor take it."""

    driver: str
    name: str
    bus: str
    properties: tuple[tuple[str, Value], ...] = ()

    def said(self) -> Mapping[str, Value]:
        """For `device_add`."""
        return {"driver": self.driver, "id": self.name, "bus": self.bus, **dict(self.properties)}


@dataclass(frozen=True, slots=True)
class Igb:
    """Intel 82576: a NIC with up to 7 VFs."""

    name: str
    node: int | None = None


@dataclass(frozen=True, slots=True)
class Nvme:
    """A disk; with VFs each of them is a controller of its own, and all of them reach the same namespace."""

    name: str
    node: int | None = None
    vfs: int = 4


@dataclass(frozen=True, slots=True)
class VirtioNic:
    """A NIC of virtio's, whose VFs have a variant driver, and can be vDPA devices."""

    name: str
    node: int | None = None
    vfs: int = 2


@dataclass(frozen=True, slots=True)
class ConventionalPair:
    """Two NICs behind a bridge to conventional PCI, where nothing is told apart: one IOMMU group. They are NAME.0 and NAME.1."""

    name: str
    node: int | None = None


@dataclass(frozen=True, slots=True)
class EmptySlot:
    """A root port with nothing in it; a card is put into it while the host runs."""

    name: str
    node: int | None = None


@dataclass(frozen=True, slots=True)
class Switch:
    """A PCI Express switch, with a card below each of its ports."""

    name: str
    node: int | None
    below: tuple["Igb | Nvme | EmptySlot", ...]


Card = Igb | Nvme | VirtioNic | ConventionalPair | EmptySlot | Switch


@dataclass(frozen=True, slots=True)
class Machine:
    """A compute host. Each NUMA node has one CPU and the same share of memory; each socket the same number of nodes."""

    name: str
    nodes: int
    sockets: int
    memory_mib: int
    cards: tuple[Card, ...]


BIG = Machine(
    name="big",
    nodes=4,
    sockets=2,
    memory_mib=4096,
    cards=(
        Igb("nic-nowhere"),
        Igb("nic0", 0),
        Igb("nic1", 1),
        Igb("nic3", 3),
        Nvme("nvme2", 2),
        VirtioNic("vnic2", 2),
        ConventionalPair("pair"),
        Switch("switch", 1, (Nvme("nvme1", 1, vfs=0), EmptySlot("slot1", 1))),
        EmptySlot("slot"),
    ),
)
"""Two sockets of two NUMA nodes each, and one of every kind."""

SMALL = Machine(
    name="small", nodes=2, sockets=2, memory_mib=2048, cards=(Igb("nic0", 0), Igb("nic1", 1), Nvme("nvme0", 0), EmptySlot("slot"))
)
"""For what needs a host of its own: it starts sooner."""

MACHINES = {machine.name: machine for machine in (BIG, SMALL)}
"""What a person may choose from."""

SMALL_CHANGED = replace(SMALL, name="small-changed", cards=(Nvme("another", 0, vfs=0), *SMALL.cards[1:]))
"""The small one with another card in the slot of nic0: what a technician did while it was off."""

VF_QUEUES, VF_INTERRUPTS = 2, 1
"""Of each VF of an NVMe disk: queues for commands of its administrator and for I/O."""

DISK_SECTORS = 131072
"""Of 512 octets, that each NVMe disk has; what is written to it is not kept."""

EVERY_MACHINE = {**MACHINES, SMALL_CHANGED.name: SMALL_CHANGED}


def arguments(machine: Machine) -> list[str]:
    """QEMU's words for CPUs, memory, IOMMU, NUMA nodes and cards. Which of them there are does not depend on the order of cards."""
    per_socket, share = machine.nodes // machine.sockets, machine.memory_mib // machine.nodes
    words = ["-machine", "q35,kernel-irqchip=split", "-m", f"{machine.memory_mib}M"]
    words += ["-smp", f"{machine.nodes},sockets={machine.sockets},cores={per_socket}"]
    for node in range(machine.nodes):
        words += ["-object", f"memory-backend-ram,id=memory{node},size={share}M"]
        words += ["-numa", f"node,nodeid={node},cpus={node},memdev=memory{node}"]
    words += _device(Part("intel-iommu", "iommu", "", (("intremap", "on"), ("caching-mode", True))))
    for node in range(machine.nodes):
        words += _device(Part("pxb-pcie", _bus(node), "pcie.0", (("bus_nr", 0x20 * (node + 1)), ("numa_node", node))))
    for number, card in enumerate(machine.cards, start=1):
        words += _device(Part("pcie-root-port", port(card), _bus(card.node), (("chassis", number), ("slot", number))))
        words += _card(card, port(card), number_of(machine, card))
    return words


def number_of(machine: Machine, card: Card) -> int:
    """Tells its MAC addresses from others': by its place in the machine, and where it has none there, the last."""
    return next((0x10 * place for place, each in enumerate(machine.cards, start=1) if each == card), 0xF0)


def port(card: Card) -> str:
    """The root port, or port of a switch, that a card sits in."""
    return f"port-{card.name}"


def parts(card: Card, bus: str, number: int) -> tuple[Part, ...]:
    """What a card is made of, in the order in which it is put in. `number` tells its MAC addresses from others'."""
    match card:
        case Igb(name):
            return (Part("igb", name, bus, _nic(name, number)),)
        case Nvme(name, _, vfs):
            return _nvme(name, bus, vfs)
        case VirtioNic(name, _, vfs):
            return _virtio(name, bus, number, vfs)
        case ConventionalPair(name):
            bridge = Part("pcie-pci-bridge", f"{name}-bridge", bus)
            nics = (f"{name}.{function}" for function in (0, 1))
            return (bridge, *(Part("e1000", nic, bridge.name, _nic(nic, number + slot)) for slot, nic in enumerate(nics)))
        case Switch(name):
            return (Part("x3130-upstream", name, bus),)
        case EmptySlot():
            return ()
        case _:
            assert_never(card)


def networks(card: Card) -> tuple[str, ...]:
    """The networks that a card's NICs are on; one without any has no link."""
    match card:
        case Igb(name):
            return (name,)
        case VirtioNic(name, _, vfs):
            return (name, *(f"{name}-vf{number}" for number in range(vfs)))
        case ConventionalPair(name):
            return (f"{name}.0", f"{name}.1")
        case Nvme() | EmptySlot() | Switch():
            return ()
        case _:
            assert_never(card)


def disks(card: Card) -> tuple[Mapping[str, Value], ...]:
    """The block devices that are behind a card's namespaces, as `blockdev-add` takes them."""
    if not isinstance(card, Nvme):
        return ()
    return ({"driver": "null-co", "node-name": _disk(card.name), "size": 512 * DISK_SECTORS, "read-zeroes": True},)


def _disk(name: str) -> str:
    return f"disk-{name}"


def _card(card: Card, bus: str, number: int) -> Iterator[str]:
    for disk in disks(card):
        yield from ("-blockdev", json.dumps(disk))
    for network in networks(card):
        yield from ("-netdev", f"user,id=net-{network},restrict=on")
    for part in parts(card, bus, number):
        yield from _device(part)
    if isinstance(card, Switch):
        for place, below in enumerate(card.below, start=1):
            ids = (("chassis", number), ("slot", place))
            yield from _device(Part("xio3130-downstream", port(below), card.name, ids))
            yield from _card(below, port(below), number + place)


def _nvme(name: str, bus: str, vfs: int) -> tuple[Part, ...]:
    namespace = Part("nvme-ns", f"{name}-namespace", name, (("drive", _disk(name)),))
    if not vfs:
        return (Part("nvme", name, bus, (("serial", name),)), namespace)
    subsystem = Part("nvme-subsys", f"{name}-subsystem", "")
    own: tuple[tuple[str, Value], ...] = (("serial", name), ("subsys", subsystem.name))
    queues, interrupts = VF_QUEUES * vfs, VF_INTERRUPTS * vfs
    shared = (("sriov_max_vfs", vfs), ("sriov_vq_flexible", queues), ("sriov_vi_flexible", interrupts))
    in_all = (("max_ioqpairs", queues + 2), ("msix_qsize", interrupts + 6))  # the rest is the PF's
    return (subsystem, Part("nvme", name, bus, (*own, *shared, *in_all)), namespace)


def _virtio(name: str, bus: str, number: int, vfs: int) -> tuple[Part, ...]:
    """VFs before their PF, which takes them; their place says which number each has."""
    common = (("iommu_platform", True), ("ats", True))
    each = (
        Part(
            "virtio-net-pci",
            f"{name}-vf{vf}",
            bus,
            (*_nic(f"{name}-vf{vf}", number + 1 + vf), ("addr", f"0.{vf + 1}"), ("sriov-pf", name), *common),
        )
        for vf in range(vfs)
    )
    return (*each, Part("virtio-net-pci", name, bus, (*_nic(name, number), ("addr", "0.0"), *common)))


def _nic(network: str, number: int) -> tuple[tuple[str, Value], ...]:
    """No boot ROM: the firmware would try each NIC."""
    return (("netdev", f"net-{network}"), ("mac", f"52:54:00:10:00:{number:02x}"), ("romfile", ""))


def _device(part: Part) -> tuple[str, str]:
    said = {key: value for key, value in part.said().items() if value != "" or key == "romfile"}
    return "-device", json.dumps(said)


def _bus(node: int | None) -> str:
    return "pcie.0" if node is None else f"node{node}"
