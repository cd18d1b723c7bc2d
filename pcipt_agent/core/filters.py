# SPDX-License-Identifier: Apache-2.0
"""The filters that a request's devices pass, in the order of asking, and each one's word on why a device did not pass.

A filter is a set of devices; what a request may have is the intersection of all. `candidates` works that out by the shortest way,
because every claim pays for it; `way_of` asks one filter after the other and counts, for those who want to know why. A property
test holds both to the same answer.

Devices that can't be used are dropped before NUMA is judged, so that a near device nobody can have hides no far one.

Does not know: how one is chosen of several (`core.selection`).
Source: nova/pci/stats.py, PciDeviceStats._filter_pools, of nova 34.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pcipt_agent.core.address import first_of
from pcipt_agent.core.alias import Alternative, GroupPolicy, Request
from pcipt_agent.core.catalogue import Kind, ids_fit
from pcipt_agent.core.device import Device, DeviceType
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, indexes, lowest
from pcipt_agent.core.funnel import Dropped, RequestFunnel, Stage
from pcipt_agent.core.guest import Guest
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.numa import Affinity, affinity

_NAMED = 4
"""Addresses that a reason names before it counts the rest."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request, asked of one inventory for one guest."""

    inventory: Inventory
    request: Request
    guest: Guest
    affinity: Affinity
    own_mates: DeviceSet
    """What only shares an IOMMU group with the asking consumer's own devices."""
    company: DeviceSet
    """Coupled devices whose company the consumer has already, or can have with the same claim."""

    @staticmethod
    def of(
        inventory: Inventory, request: Request, guest: Guest, *, own_mates: DeviceSet = EMPTY, company: DeviceSet = EMPTY
    ) -> "Question":
        near = affinity(inventory.catalogue, request.numa_policy, guest)
        return Question(inventory, request, guest, near, own_mates, company)

    @property
    def candidates(self) -> DeviceSet:
        """The devices that the request may have now, each alone or in `company`."""
        lonely = self.inventory.catalogue.coupled & ~self.company
        return self.in_any_company & ~lonely if lonely else self.in_any_company

    @property
    def in_any_company(self) -> DeviceSet:
        """The devices that the request might have now, whatever they need with them."""
        catalogue, request = self.inventory.catalogue, self.request
        if request.address is not None:
            index = catalogue.index_of.get(request.address)
            on_offer = EMPTY if index is None else 1 << index & catalogue.offered
        else:
            on_offer = catalogue.on_offer(request.device_type, request.alternatives)
        inventory = self.inventory
        found = on_offer & ~(inventory.spoken_for | inventory.blocked | inventory.shared & ~self.own_mates)
        return found if self.affinity.allowed is None else found & self.affinity.allowed


Passing = Callable[[Question], DeviceSet]
Clause = Callable[[Question, int], str]


@dataclass(frozen=True, slots=True)
class Filter:
    """`passing` may hold devices that earlier filters dropped; `clause` says of one that it dropped why."""

    name: str
    passing: Passing
    clause: Clause


def _device(question: Question, index: int) -> Device:
    return question.inventory.catalogue.devices[index]


def _other_ids(question: Question, index: int) -> str:
    device = question.inventory.catalogue.devices[index]
    return f"it is {device.vendor_id}:{device.product_id}"


def _ids(question: Question) -> DeviceSet:
    found = EMPTY
    for (vendor_id, product_id), devices in question.inventory.catalogue.by_ids.items():
        if any(ids_fit(vendor_id, product_id, wanted) for wanted in question.request.alternatives):
            found |= devices
    return found


def _whose(fits: Callable[[Kind, Alternative], bool]) -> Passing:
    def passing(question: Question) -> DeviceSet:
        found = EMPTY
        for kind, devices in question.inventory.catalogue.by_kind.items():
            if any(fits(kind, wanted) for wanted in question.request.alternatives):
                found |= devices
        return found

    return passing


def _kind_of(question: Question, index: int) -> Kind:
    kind = question.inventory.catalogue.kind_of(index)
    assert kind is not None, "what no entry matches was dropped before"
    return kind


def _lacking(question: Question, index: int) -> str:
    kind = _kind_of(question, index)
    missing = [sorted(wanted.traits - kind.traits) for wanted in question.request.alternatives if _up_to_class(kind, wanted)]
    fewest = min(missing, key=len)
    return f"it lacks {', '.join(fewest)}"


def _migratable(question: Question, index: int) -> str:
    spec = question.inventory.catalogue.spec_of[index]
    assert spec is not None, "what no entry matches was dropped before"
    if spec.tags.live_migratable is None:
        return f"entry {spec.entry} has no live_migratable"
    return f"entry {spec.entry}'s live_migratable is {'yes' if spec.tags.live_migratable else 'no'}"


def _of_type(question: Question) -> DeviceSet:
    catalogue, wanted = question.inventory.catalogue, question.request.device_type
    return catalogue.assignable if wanted is None else catalogue.by_type.get(wanted, EMPTY)


def _of_network(question: Question, index: int) -> str:
    spec = question.inventory.catalogue.spec_of[index]
    assert spec is not None, "what no entry matches was dropped before"
    return f"it is of physical_network {spec.tags.physical_network}: for ports only, as report_in_placement is on"


def _unready(question: Question, index: int) -> str:
    return "; ".join(why.detail for why in question.inventory.catalogue.not_ready(index))


def _holder(question: Question, index: int) -> str:
    claim = question.inventory.book.holder_of(_device(question, index).address)
    assert claim is not None, "a held device has a holder"
    return f"{claim.state} by claim {claim.claim_id}"


def _occupant(question: Question, index: int) -> str:
    names = [domain.name for domain in question.inventory.domains_of[_device(question, index).address]]
    return f"occupied: domain {first_of(names, _NAMED)} has it without a claim"


def _last_claim(question: Question, index: int) -> str:
    dirty = question.inventory.book.dirty[_device(question, index).address]
    return f"dirty since claim {dirty.claim_id} ended"


def _out_of_service(question: Question, index: int) -> str:
    book, device = question.inventory.book, _device(question, index)
    if book.host_disabled is not None:
        return f"the host is disabled: {book.host_disabled.reason}"
    own = book.disabled.get(device.address)
    if own is not None:
        return f"disabled: {own.reason}"
    assert device.parent is not None, "it is a VF of a PF that is disabled"
    return f"its PF {device.parent} is disabled: {book.disabled[device.parent].reason}"


def _blockers(question: Question, index: int) -> str:
    return f"blocked by {first_of(question.inventory.blockers_of(_device(question, index)), _NAMED)}"


def _company(question: Question, index: int) -> str:
    inventory = question.inventory
    mates = inventory.catalogue.kinship.group_mates(index) & (inventory.held | inventory.occupied)
    if inventory.shared >> index & 1 and not question.own_mates >> index & 1:
        named = first_of([inventory.catalogue.devices[mate].address for mate in indexes(mates)], _NAMED)
        return f"its IOMMU group {_device(question, index).iommu_group} is another guest's: it has {named}"
    (lonely,) = inventory.catalogue.warnings(index, beside=mates)[:1]
    return lonely.detail + _not_to_be_had(inventory, inventory.catalogue.company_of(index) & ~mates)


def _not_to_be_had(inventory: Inventory, company: DeviceSet) -> str:
    """What of the company can't be asked for now; empty where all of it can."""
    for index in indexes(company & inventory.kept):
        address = inventory.catalogue.devices[index].address
        return f"; {address} is {inventory.status(address)} now"
    return ""


def _near_enough(question: Question) -> DeviceSet:
    allowed = question.affinity.allowed
    return question.inventory.catalogue.assignable if allowed is None else allowed


def _where(question: Question, index: int) -> str:
    node = _device(question, index).numa_node
    guest = ", ".join(map(str, sorted(question.guest.numa_nodes or ())))
    return f"NUMA node {'unknown' if node is None else node}, guest on {guest}"


def _up_to_class(kind: Kind, wanted: Alternative) -> bool:
    return kind.fits_ids(wanted) and kind.fits_resource_class(wanted)


def _up_to_traits(kind: Kind, wanted: Alternative) -> bool:
    return _up_to_class(kind, wanted) and kind.fits_traits(wanted)


_MATCHED: Final = Filter("assignable", lambda q: q.inventory.catalogue.assignable, lambda _q, _i: "no device_spec entry matches it")

OF_AN_ALIAS: Final = (
    Filter("ids", _ids, _other_ids),
    _MATCHED,
    Filter("resource-class", _whose(_up_to_class), lambda q, i: f"its resource class is {_kind_of(q, i).resource_class}"),
    Filter("traits", _whose(_up_to_traits), _lacking),
    Filter("live-migratable", _whose(Kind.fits), _migratable),
    Filter("device-type", _of_type, lambda q, i: f"it is {_device(q, i).device_type}"),
    Filter("physical-network", lambda q: ~q.inventory.catalogue.networked, _of_network),
)
"""What the alias says, and what no alias gets. Each asks the alternatives that all earlier ones were content with."""

OF_AN_ADDRESS: Final = (
    Filter("address", lambda q: q.inventory.catalogue.all_devices, lambda _q, _i: "another device was named"),
    _MATCHED,
)
"""Only the named device is asked, so the first drops nothing that anyone would want listed. Who names a device means it, whatever
its kind; the rules and the NUMA policy hold all the same."""

TO_BE_HAD: Final = (
    Filter("ready", lambda q: q.inventory.catalogue.ready, _unready),
    Filter("not-claimed", lambda q: ~q.inventory.held, _holder),
    Filter("not-occupied", lambda q: ~q.inventory.occupied, _occupant),
    Filter("not-dirty", lambda q: ~q.inventory.dirty, _last_claim),
    Filter("not-disabled", lambda q: ~q.inventory.disabled, _out_of_service),
    Filter("not-blocked", lambda q: ~q.inventory.blocked, _blockers),
    Filter("iommu-group", lambda q: ~(q.inventory.shared & ~q.own_mates | q.inventory.catalogue.coupled & ~q.company), _company),
    Filter(
        "not-remote-managed",
        lambda q: ~q.inventory.catalogue.remote_managed,
        lambda _q, _i: "it is remote-managed: for ports only",
    ),
    Filter(
        "not-vdpa",
        lambda q: ~q.inventory.catalogue.by_type.get(DeviceType.VDPA, EMPTY),
        lambda _q, _i: "a vDPA device is over it: for ports only",
    ),
    Filter("numa-policy", _near_enough, _where),
)


def why_not_had(inventory: Inventory, index: int) -> str | None:
    """What the first of `TO_BE_HAD` that drops the device says of it, whoever asks; None where none does."""
    device = inventory.catalogue.devices[index]
    question = Question.of(inventory, Request(count=1, device_type=device.device_type, address=device.address), Guest())
    return next((each.clause(question, index) for each in TO_BE_HAD if not each.passing(question) >> index & 1), None)


class Reasons:
    """What filters said of the devices that they dropped, each asked once in a funnel: it may be of 16 requests, each short of
    4096 devices."""

    def __init__(self) -> None:
        self._said: dict[tuple[Clause, tuple[Alternative, ...]], dict[int, Dropped]] = {}

    def of(self, question: Question, dropped: DeviceSet, clause: Clause) -> tuple[Dropped, ...]:
        # What a device lacks depends on what was asked for; all other reasons lie in the device, the guest and the inventory.
        asked = question.request.alternatives if clause is _lacking else ()
        said = self._said.setdefault((clause, asked), {})
        # Devices of one kind lack the same; what no entry matches, and so is of no kind, was dropped before.
        alike = question.inventory.catalogue.by_kind.values() if clause is _lacking else ()
        for those in alike:
            if those & dropped and lowest(those) not in said:
                why = clause(question, lowest(those))
                said.update((index, Dropped(_device(question, index).address, why)) for index in indexes(those))
        for index in () if alike else indexes(dropped):
            if index not in said:
                said[index] = Dropped(_device(question, index).address, clause(question, index))
        return tuple(map(said.__getitem__, indexes(dropped)))


def way_of(question: Question, index: int, *, group_policy: GroupPolicy, reasons: Reasons) -> RequestFunnel:
    """Request number `index`, counted through all filters; the first that leaves too few says why of each that it took out."""
    request = question.request
    stages: list[Stage] = []
    short: tuple[str, DeviceSet, Clause] | None = None
    left, filters = _asked(question)
    for each in filters:
        before, left = left, left & each.passing(question)
        stages.append(Stage(each.name, left.bit_count(), _note(question, each.name, left)))
        if short is None and left.bit_count() < request.count:
            short = each.name, before & ~left, each.clause
    if group_policy is GroupPolicy.ISOLATE:
        alone, sharing = _apart(question.inventory, left)
        stages.append(Stage("group-policy", alone.bit_count(), "isolate: one device of each PF"))
        if short is None and alone.bit_count() < request.count:
            short = "group-policy", sharing, _shares
    if short is None:
        return RequestFunnel(index=index, request=request, stages=tuple(stages))
    name, dropped, clause = short
    because = reasons.of(question, dropped, clause)
    return RequestFunnel(index=index, request=request, stages=tuple(stages), emptied_by=name, dropped=because)


def _asked(question: Question) -> tuple[DeviceSet, Sequence[Filter]]:
    """The devices that are asked, and by which filters."""
    catalogue, request = question.inventory.catalogue, question.request
    if request.address is None:
        return catalogue.all_devices, (*OF_AN_ALIAS, *TO_BE_HAD)
    index = catalogue.index_of.get(request.address)
    return (EMPTY if index is None else 1 << index), (*OF_AN_ADDRESS, *TO_BE_HAD)


def _note(question: Question, name: str, left: DeviceSet) -> str | None:
    match name:
        case "address" if not left:
            return "no such device on this host"
        case "numa-policy":
            return question.affinity.note
        case _:
            return None


def _apart(inventory: Inventory, devices: DeviceSet) -> tuple[DeviceSet, DeviceSet]:
    """The first device of each PF, and those that share it."""
    alone, rest = EMPTY, devices
    while rest:
        index = lowest(rest)
        alone |= 1 << index
        rest &= ~inventory.catalogue.kinship.unit(index)
    return alone, devices & ~alone


def _shares(question: Question, index: int) -> str:
    catalogue = question.inventory.catalogue
    return f"another device of {catalogue.devices[catalogue.kinship.unit_of(index)].address} is counted"
