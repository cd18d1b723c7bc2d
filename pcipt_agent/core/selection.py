# SPDX-License-Identifier: Apache-2.0
"""Selection: which free devices satisfy the requests of a guest, all of them or none; or the funnel that says why not.

Order of choice: near the guest's NUMA nodes before unknown before far; then least harm (a VF of a PF that is in use already, then a
device whose handing out takes nothing usable from others); then address. Requests choose in their order, and each gets the best
that still leaves a way for all others. Most of the time nobody is in another's way and choosing one after the other is that answer;
where it fails, `core.matching` and `core.contest` find it, or prove that there is none.

Under `isolate` every device of the guest comes from another PF, so whole PFs are matched, and a PF never meets its VF.

Does not know: claims' ids, how the devices are held afterwards, how a funnel is shown.
Source: the order is our own. nova differs: it takes the pool with the fewest tags, the device freed last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pcipt_agent.core.address import first_of
from pcipt_agent.core.alias import GroupPolicy, Request
from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.claim import Wish
from pcipt_agent.core.contest import Chosen, Excluded, resolve
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, indexes, lowest
from pcipt_agent.core.filters import Question, Reasons, way_of
from pcipt_agent.core.funnel import Funnel, RequestFunnel, Unsatisfied
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.matching import Shortage, Want, match
from pcipt_agent.core.numa import Affinity

_NAMED = 8
"""Addresses that a reason names before it counts the rest."""


def select(inventory: Inventory, wish: Wish) -> Chosen:
    """For each request the indexes of its devices, in order of choice. Raises Unsatisfied."""
    chosen = _choose(inventory, wish)
    if isinstance(chosen, str):
        raise Unsatisfied(_funnel(inventory, wish, chosen))
    return chosen


def explain(inventory: Inventory, wish: Wish) -> tuple[Funnel, Chosen | None]:
    """What `select` would choose (None where it would refuse), and every request's way through the filters."""
    chosen = _choose(inventory, wish)
    if isinstance(chosen, str):
        return _funnel(inventory, wish, chosen), None
    return _funnel(inventory, wish, None), chosen


def _choose(inventory: Inventory, wish: Wish) -> Chosen | str:
    """The choice, or why not all can be met together."""
    questions = _questions(inventory, wish)
    wants = [Want(each.request.count, each.candidates) for each in questions]
    affinities = [each.affinity for each in questions]
    apart = wish.group_policy is GroupPolicy.ISOLATE
    found = _one_after_the_other(wants, _Choice(inventory, affinities), apart=apart)
    if found is not None:
        return found
    if any(want.candidates.bit_count() < want.count for want in wants):
        return ""
    if apart:
        return _isolated(inventory, wants, affinities)
    settled = resolve(inventory.catalogue, wants, lambda: _Choice(inventory, affinities).prefer)
    match settled:
        case Shortage():
            return _scarce(inventory.catalogue, settled, "devices")
        case Excluded():
            return _exclusive(inventory.catalogue, settled)
        case _:
            return settled


def _one_after_the_other(wants: Sequence[Want], choice: "_Choice", *, apart: bool) -> Chosen | None:
    """Each takes what it likes best of what is left; None where one finds nothing."""
    catalogue, gone = choice.catalogue, EMPTY
    chosen: list[tuple[int, ...]] = []
    for number, want in enumerate(wants):
        found = list[int]()
        for _ in range(want.count):
            among = want.candidates & ~gone if gone else want.candidates
            if not among:
                return None
            index = choice.prefer(number, among)
            found.append(index)
            if len(found) < want.count or number + 1 < len(wants):
                gone |= catalogue.unit(index) if apart else 1 << index | catalogue.relatives[index]
        chosen.append(tuple(found))
    return tuple(chosen)


class _Choice:
    """The order of choice, and what has been chosen so far: a PF is in use once one VF of it is."""

    def __init__(self, inventory: Inventory, affinities: Sequence[Affinity]) -> None:
        self.catalogue = inventory.catalogue
        self._affinities = affinities
        self._beside = inventory.beside_held

    def prefer(self, number: int, among: DeviceSet) -> int:
        """What request `number` likes best of a set that is not empty."""
        index = lowest(self._best(self._affinities[number], among))
        unit = self.catalogue.unit_of[index]
        if unit != index:
            self._beside |= self.catalogue.members[unit]
        return index

    def _best(self, affinity: Affinity, among: DeviceSet) -> DeviceSet:
        for place in (affinity.near, affinity.unknown):
            there = place & among
            if there:
                among = there
                break
        return self._beside & among or self.catalogue.harmless & among or among


@dataclass(slots=True)
class _ApartChoice:
    """The same choice where whole PFs are matched: it is offered PFs, and remembers which device of each it took."""

    choice: _Choice
    devices: list[DeviceSet]
    """By want: those of the PFs still open to it. What is closed once never opens again, so each PF is taken out once."""
    pfs: list[DeviceSet]
    device_of: dict[int, int]
    """PF (or device without one), by index → the device chosen of it."""

    def prefer(self, number: int, among: DeviceSet) -> int:
        catalogue = self.choice.catalogue
        for pf in indexes(self.pfs[number] & ~among):
            self.devices[number] &= ~catalogue.unit(pf)
        self.pfs[number] = among
        index = self.choice.prefer(number, self.devices[number])
        self.device_of[catalogue.unit_of[index]] = index
        return catalogue.unit_of[index]


def _isolated(inventory: Inventory, wants: Sequence[Want], affinities: Sequence[Affinity]) -> Chosen | str:
    catalogue = inventory.catalogue
    pfs = [_units(catalogue, want.candidates) for want in wants]
    apart = _ApartChoice(_Choice(inventory, affinities), [want.candidates for want in wants], [*pfs], {})
    found = match([Want(want.count, each) for want, each in zip(wants, pfs, strict=True)], apart.prefer)
    if isinstance(found, Shortage):
        return _scarce(catalogue, found, "devices of different PFs")
    return tuple(tuple(apart.device_of[unit] for unit in each) for each in found)


def _units(catalogue: Catalogue, devices: DeviceSet) -> DeviceSet:
    """The PFs of the devices, and the devices that have none."""
    units = EMPTY
    while devices:
        unit = catalogue.unit_of[lowest(devices)]
        units |= 1 << unit
        devices &= ~catalogue.unit(unit)
    return units


def _questions(inventory: Inventory, wish: Wish) -> list[Question]:
    own = inventory.group_mates_of(wish.consumer)
    return [Question.of(inventory, request, wish.guest, own) for request in wish.requests]


def _funnel(inventory: Inventory, wish: Wish, together: str | None) -> Funnel:
    known: dict[Request, RequestFunnel] = {}
    reasons = Reasons()
    for number, question in enumerate(_questions(inventory, wish)):
        if question.request not in known:
            known[question.request] = way_of(question, number, group_policy=wish.group_policy, reasons=reasons)
    ways = [replace(known[request], index=number) for number, request in enumerate(wish.requests)]
    alone = all(way.emptied_by is None for way in ways)
    return Funnel(requests=tuple(ways), together=together if alone else None)


def _scarce(catalogue: Catalogue, shortage: Shortage, what: str) -> str:
    there = _addresses(catalogue, shortage.things)
    return f"{_requests(shortage.wants)} {shortage.needed} {what} together, and all that fit are {there}"


def _exclusive(catalogue: Catalogue, excluded: Excluded) -> str:
    pfs = _addresses(catalogue, excluded.pfs)
    if excluded.decided:
        return f"there are devices enough, but not without handing out a PF beside a VF of its own; contested: {pfs}"
    return f"not decided: some ways of handing out the contested PFs or their VFs were tried in vain, and too many are left: {pfs}"


def _requests(numbers: Sequence[int]) -> str:
    names = [str(number + 1) for number in numbers]
    return f"request {names[0]} needs" if len(names) == 1 else f"requests {', '.join(names[:-1])} and {names[-1]} need"


def _addresses(catalogue: Catalogue, devices: DeviceSet) -> str:
    return first_of([catalogue.devices[index].address for index in indexes(devices)], _NAMED)
