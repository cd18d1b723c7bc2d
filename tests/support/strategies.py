# SPDX-License-Identifier: Apache-2.0
"""Hypothesis: small hosts, rules, requests and commands, odd ones among them.

Small on purpose: everything is within a few functions of everything else, so that relatives meet, ids repeat and devices run out.

Does not know: what is right (`tests.support.brute`, the state machine's own model).
"""

from contextlib import suppress
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from pcipt_agent.core.alias import Alternative, GroupPolicy, NumaPolicy, Readiness, Request, RuleSet
from pcipt_agent.core.catalogue import catalogue_of
from pcipt_agent.core.claim import ClaimBook, Wish
from pcipt_agent.core.device import Device, DeviceType, Fault, FaultKind, HostUse, HostUseKind
from pcipt_agent.core.guest import Guest
from pcipt_agent.core.host import Host
from pcipt_agent.core.inventory import Inventory, inventory_of
from pcipt_agent.core.spec import DeviceSpec, Tags
from pcipt_agent.errors import Refusal
from tests.support.planned import (
    AUDIO,
    GPU,
    PF,
    PLAIN,
    VF,
    at,
    claimed,
    entry,
    gpu,
    host,
    inventory,
    pci,
    rules,
    sriov,
    wanting,
)

NODES = st.sampled_from([0, 1, 2, None])
PRODUCTS = (PLAIN, PF, VF, "000a", "000b")


@st.composite
def _plain(draw: st.DrawFn, bus: int) -> tuple[Device, ...]:
    device = pci(f"{bus:02x}:00.0", product=draw(st.sampled_from([PLAIN, "000a"])), numa_node=draw(NODES))
    oddness = draw(st.sampled_from(["none", "none", "none", "fault", "bridge", "no group"]))
    match oddness:
        case "fault":
            return (replace(device, faults=(Fault(FaultKind.MISSING_FILE, "vendor"),)),)
        case "bridge":
            return (replace(device, class_code=0x060400),)
        case "no group":
            return (replace(device, iommu_group=None),)
        case _:
            return (device,)


@st.composite
def _card(draw: st.DrawFn, bus: int) -> tuple[Device, ...]:
    product = draw(st.sampled_from([VF, VF, "000b"]))
    pf, *vfs = sriov(f"{bus:02x}:00.0", vfs=draw(st.sampled_from([2, 3, 4, 1, 0])), numa_node=draw(NODES), vf_product=product)
    serial = draw(st.sampled_from([None, "SN1"]))
    odd = draw(st.sampled_from(["none", "none", "none", "vdpa", "two kinds", "no pf", "settling"]))
    if odd == "vdpa" and vfs:
        vfs[0] = replace(vfs[0], device_type=DeviceType.VDPA)
    if odd == "settling" and vfs:
        del vfs[draw(st.integers(0, len(vfs) - 1))]
    if odd == "two kinds" and vfs:
        vfs[-1] = replace(vfs[-1], product_id="000a")
    if odd == "no pf":
        fault = Fault(FaultKind.VF_WITHOUT_PF, "physfn")
        return tuple(replace(vf, faults=(fault,), serial=serial) for vf in vfs)
    return tuple(replace(device, serial=serial) for device in (pf, *vfs))


@st.composite
def _board(draw: st.DrawFn, bus: int) -> tuple[Device, ...]:
    """Two or three functions in one IOMMU group, some of them with VFs, each with a driver or none."""
    node, group = draw(NODES), bus << 8
    first = pci(f"{bus:02x}:00.0", product=draw(st.sampled_from([PLAIN, "000a"])), numa_node=node)
    devices = [first, pci(f"{bus:02x}:00.1", product="000b", numa_node=node)]
    third = draw(st.sampled_from(["none", "none", "plain", "bridge", "card"]))
    if third in ("plain", "bridge"):
        devices.append(replace(pci(f"{bus:02x}:00.2", numa_node=node), class_code=0x060400 if third == "bridge" else None))
    if third == "card":
        devices += sriov(f"{bus:02x}:00.2", vfs=draw(st.sampled_from([1, 2])), numa_node=node)
    return tuple(_bound(draw, replace(device, iommu_group=group)) for device in devices)


def _bound(draw: st.DrawFn, device: Device) -> Device:
    match draw(st.sampled_from(["none", "host", "host", "host", "serial", "vdpa", "pcieport", "vfio", "variant", "used"])):
        case "none":
            return device
        case "host":
            return replace(device, driver="snd_hda_intel")
        case "serial":
            return replace(device, driver="mlx5_core", serial="SN2")
        case "vdpa" if device.device_type is DeviceType.VF:
            return replace(device, driver="vp_vdpa", device_type=DeviceType.VDPA)
        case "vdpa":
            return replace(device, driver="nvme")
        case "pcieport":
            return replace(device, driver="pcieport")
        case "vfio":
            return replace(device, driver="vfio-pci", vfio_driver=True)
        case "variant":
            return replace(device, driver="mlx5_vfio_pci", vfio_driver=True)
        case _:
            return replace(device, driver="ixgbe", host_uses=(HostUse(HostUseKind.ADDRESS, "eth0 has 192.0.2.7"),))


@st.composite
def hosts(draw: st.DrawFn, cards: int = 1, *, boards: bool = True) -> Host:
    """At least so many, and up to five, plain functions, SR-IOV cards and boards of one IOMMU group on three NUMA nodes."""
    kinds = draw(st.lists(st.sampled_from(["card", "card", "plain", *["board", "board"] * boards]), min_size=cards, max_size=5))
    devices: list[Device] = []
    for bus, kind in enumerate(kinds, start=1):
        devices += draw({"plain": _plain, "card": _card, "board": _board}[kind](bus))
    sockets = draw(st.sampled_from([(0, 0, 1), (0, 1, 1), (0, None, 1)]))
    return host(*devices, sockets=sockets)


@st.composite
def rule_sets(draw: st.DrawFn) -> RuleSet:
    """Up to two entries, and mostly one more that matches whatever they leave."""
    count = draw(st.integers(0, 2))
    entries = [draw(_entry(number)) for number in range(1, count + 1)]
    if draw(st.integers(0, 3)):
        entries.append(entry(count + 1))
    readiness = draw(st.sampled_from([Readiness.ENFORCE, Readiness.ENFORCE, Readiness.WARN]))
    return replace(rules(*entries), report_in_placement=draw(st.booleans()), readiness=readiness)


@st.composite
def _entry(draw: st.DrawFn, number: int) -> DeviceSpec:
    tags = Tags(
        physical_network=draw(st.sampled_from([None, None, "physnet1"])),
        remote_managed=draw(st.sampled_from([False, False, False, True])),
        managed=draw(st.sampled_from([True, True, True, False])),
        live_migratable=draw(st.sampled_from([None, True, False])),
        one_time_use=draw(st.sampled_from([False, False, True])),
        resource_class=draw(st.sampled_from([None, None, "CUSTOM_A"])),
        traits=draw(st.sampled_from([frozenset[str](), frozenset({"CUSTOM_T"})])),
    )
    product = draw(st.sampled_from([None, None, *PRODUCTS]))
    address = draw(st.sampled_from([None, None, None, "01:00.0", "02:00.0"]))
    return entry(number, product=product, address=address, tags=tags)


ALTERNATIVES = st.builds(
    Alternative,
    vendor_id=st.sampled_from([None, "8086"]),
    product_id=st.sampled_from([None, None, None, *PRODUCTS]),
    resource_class=st.sampled_from([None, None, None, None, "CUSTOM_A"]),
    traits=st.sampled_from([frozenset(), frozenset(), frozenset(), frozenset({"CUSTOM_T"})]),
    live_migratable=st.sampled_from([None, None, None, None, True, False]),
)


@st.composite
def requests(draw: st.DrawFn, current: Host) -> Request:
    """By alternatives mostly, by the address of some device now and then."""
    policy = draw(st.sampled_from(NumaPolicy))
    if draw(st.integers(0, 3)) == 0:
        return Request(count=1, numa_policy=policy, address=draw(st.sampled_from(sorted(current.devices) or [at("01:00.0")])))
    return Request(
        count=draw(st.sampled_from([1, 1, 1, 2, 3])),
        numa_policy=policy,
        device_type=draw(st.sampled_from([DeviceType.VF, DeviceType.VF, DeviceType.PF, DeviceType.PCI, DeviceType.PCI])),
        alternatives=tuple(draw(st.lists(ALTERNATIVES, min_size=1, max_size=2))),
    )


@st.composite
def wishes(draw: st.DrawFn, current: Host) -> Wish:
    return Wish(
        consumer=draw(st.sampled_from(["consumer-1", "consumer-2"])),
        requests=tuple(draw(st.lists(requests(current), min_size=1, max_size=draw(st.sampled_from([1, 1, 3]))))),
        guest=draw(guests()),
        group_policy=draw(st.sampled_from(GroupPolicy)),
    )


def guests() -> st.SearchStrategy[Guest]:
    nodes = st.sampled_from([None, None, frozenset({0}), frozenset({1, 2}), frozenset({7})])
    return st.builds(Guest, numa_nodes=nodes)


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests for one guest, of one inventory."""

    inventory: Inventory
    wish: Wish


@st.composite
def asked_of_boards(draw: st.DrawFn) -> Asked:
    """Of a host where nearly everything needs company, with a claim standing already, the same consumer's or another's."""
    devices: list[Device] = []
    for bus in range(1, draw(st.integers(1, 4)) + 1):
        devices += [*gpu(f"{bus:02x}:00.0", driver=draw(st.sampled_from(["nvidia", "nvidia", None])), numa_node=draw(NODES))]
        devices += draw(_beside(bus))
    machine = host(*devices)
    current = inventory(machine)
    if draw(st.booleans()):
        with suppress(Refusal):
            current = claimed(current, "one", draw(wishes(machine)))
    products = st.lists(st.sampled_from([GPU, AUDIO, PLAIN, VF]), min_size=1, max_size=3).map(tuple)
    kinds = st.sampled_from([DeviceType.PCI, DeviceType.PCI, DeviceType.PCI, DeviceType.VF, DeviceType.PF])
    wanted = st.builds(
        lambda count, device_type, ids: wanting(count, device_type, *ids), st.sampled_from([1, 1, 2, 3]), kinds, products
    )
    requests = tuple(draw(st.lists(wanted, min_size=1, max_size=4)))
    return Asked(current, replace(draw(wishes(machine)), requests=requests))


@st.composite
def _beside(draw: st.DrawFn, bus: int) -> tuple[Device, ...]:
    """What shares the IOMMU group of a GPU, or the bus alone."""
    group = draw(st.sampled_from([bus, bus, bus + 0x100]))
    match draw(st.sampled_from(["nothing", "plain", "vfs", "vfs"])):
        case "plain":
            plain = pci(f"{bus:02x}:00.2")
            return (replace(plain, iommu_group=group, driver=draw(st.sampled_from([None, "nvme"]))),)
        case "vfs":
            pf, *vfs = sriov(f"{bus:02x}:00.2", vfs=2)
            driver = draw(st.sampled_from([None, "ixgbevf"]))
            return pf, *(replace(vf, iommu_group=group, driver=driver) for vf in vfs)
        case _:
            return ()


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    """With a claim or two standing already, where they could be had."""
    machine = draw(hosts())
    version = draw(st.sampled_from([None, (9, 0, 0), (10, 0, 0)]))
    current = inventory_of(catalogue_of(machine, draw(rule_sets()), version), ClaimBook(), "0.0")
    for claim_id in draw(st.sampled_from([(), ("one",), ("one", "two")])):
        try:
            current = claimed(current, claim_id, draw(wishes(machine)))
        except Refusal:
            continue
    return Asked(current, replace(draw(wishes(machine)), requests=tuple(draw(st.lists(requests(machine), min_size=1, max_size=4)))))
