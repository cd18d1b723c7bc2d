# SPDX-License-Identifier: Apache-2.0
"""Selection: which free devices satisfy the requests of a guest, all of them or none; or the funnel that says why not.

Order of choice: near the guest's NUMA nodes before unknown before far; then least harm (a VF of a PF that is in use already, then a
device whose handing out takes nothing usable from others); then address. Requests choose in their order, and each gets the best
that still leaves a way for all others. Most of the time nobody is in another's way and choosing one after the other is that answer;
where it fails, `core.matching` and `core.contest` find it, or prove that there is none.

What needs others of its IOMMU group beside it (`core.company`) is chosen only where devices that need nobody do not suffice.

Under `isolate` every device of the guest comes from another PF, so whole PFs are matched, and a PF never meets its VF.

Does not know: claims' ids, how the devices are held afterwards, how a funnel is shown.
Source: the order is our own. nova differs: it takes the pool with the fewest tags, the device freed last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from pcipt_agent.core.address import first_of
from pcipt_agent.core.alias import GroupPolicy, Request
from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.claim import Wish
from pcipt_agent.core.company import Unopened, choose_in_company, in_order, openings_of, satisfied
from pcipt_agent.core.contest import EFFORT, Chosen, Excluded, resolve
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, indexes, lowest, set_of, union
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
    if isinstance(chosen, _Refused):
        raise Unsatisfied(_funnel(wish, chosen.questions, chosen.why))
    return chosen


def explain(inventory: Inventory, wish: Wish) -> tuple[Funnel, Chosen | None]:
    """What `select` would choose (None where it would refuse), and every request's way through the filters."""
    chosen = _choose(inventory, wish)
    if isinstance(chosen, _Refused):
        return _funnel(wish, chosen.questions, chosen.why), None
    return _funnel(wish, _taken_along(inventory, wish, chosen), None), chosen


@dataclass(frozen=True, slots=True)
class _Refused:
    """Why the requests can't be met together; the questions as they were asked last."""

    why: Shortage | Excluded | Unopened
    questions: tuple[Question, ...]


def _choose(inventory: Inventory, wish: Wish) -> Chosen | _Refused:
    questions = _questions(inventory, wish)
    chooser = _Chooser(inventory, tuple(each.affinity for each in questions), wish.group_policy is GroupPolicy.ISOLATE)
    found = chooser.solve(_wants(questions))
    if isinstance(found, tuple):
        return found
    if inventory.catalogue.coupled:
        return _choose_in_company(chooser, questions, found)
    return _Refused(found, questions)


def _choose_in_company(chooser: "_Chooser", questions: tuple[Question, ...], alone: Shortage | Excluded) -> Chosen | _Refused:
    """Where devices that need nobody do not suffice; `alone` says so."""
    inventory, company = chooser.inventory, questions[0].company
    lonely = inventory.catalogue.coupled & ~company
    anybody = [Want(each.request.count, each.in_any_company) for each in questions]
    openings = openings_of(inventory, anybody, lonely, apart=chooser.apart)
    if not openings:
        return _Refused(alone, questions)
    company |= union(each.opens for each in openings)
    questions = tuple(replace(each, company=company) for each in questions)
    wants = _wants(questions)
    at_most = chooser.solve(wants)
    if isinstance(at_most, Shortage) or (isinstance(at_most, Excluded) and at_most.decided):
        return _Refused(at_most, questions)
    liked = in_order(inventory.catalogue, wants, openings, chooser.fresh().prefer)
    left_out = union(each.opens for each in openings) & ~union(each.opens for each in liked)
    wants = [replace(want, candidates=want.candidates & ~left_out) for want in wants]
    found = choose_in_company(inventory.catalogue, wants, liked, apart=chooser.apart, solve=chooser.solve_quickly)
    if isinstance(found, tuple):
        return found
    undecided = isinstance(alone, Excluded) and not alone.decided
    return _Refused(replace(found, decided=found.decided and not undecided), questions)


def _wants(questions: Sequence[Question]) -> list[Want]:
    return [Want(each.request.count, each.candidates) for each in questions]


@dataclass(frozen=True, slots=True)
class _Chooser:
    """The choice where no device needs company."""

    inventory: Inventory
    affinities: tuple[Affinity, ...]
    apart: bool

    def fresh(self) -> "_Choice":
        return _Choice(self.inventory, self.affinities)

    def solve(self, wants: Sequence[Want], effort: int = EFFORT) -> Chosen | Shortage | Excluded:
        found = _one_after_the_other(wants, self.fresh(), apart=self.apart)
        if found is not None:
            return found
        for number, want in enumerate(wants):
            if want.candidates.bit_count() < want.count:
                return Shortage((number,), want.count, want.candidates)
        if self.apart:
            return _isolated(self.inventory, wants, self.affinities)
        return resolve(self.inventory.catalogue, wants, lambda: self.fresh().prefer, effort=effort)

    def solve_quickly(self, wants: Sequence[Want]) -> Chosen | Shortage | Excluded:
        """As one of many tries."""
        return self.solve(wants, EFFORT // 8)


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
                gone |= catalogue.kinship.unit(index) if apart else 1 << index | catalogue.kinship.relatives(index)
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
        unit = self.catalogue.kinship.unit_of(index)
        if unit != index:
            self._beside |= self.catalogue.kinship.members[unit]
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
            self.devices[number] &= ~catalogue.kinship.unit(pf)
        self.pfs[number] = among
        index = self.choice.prefer(number, self.devices[number])
        self.device_of[catalogue.kinship.unit_of(index)] = index
        return catalogue.kinship.unit_of(index)


def _isolated(inventory: Inventory, wants: Sequence[Want], affinities: Sequence[Affinity]) -> Chosen | Shortage:
    catalogue = inventory.catalogue
    pfs = [_units(catalogue, want.candidates) for want in wants]
    apart = _ApartChoice(_Choice(inventory, affinities), [want.candidates for want in wants], [*pfs], {})
    found = match([Want(want.count, each) for want, each in zip(wants, pfs, strict=True)], apart.prefer)
    if isinstance(found, Shortage):
        return found
    return tuple(tuple(apart.device_of[unit] for unit in each) for each in found)


def _units(catalogue: Catalogue, devices: DeviceSet) -> DeviceSet:
    """The PFs of the devices, and the devices that have none."""
    units = EMPTY
    while devices:
        unit = catalogue.kinship.unit_of(lowest(devices))
        units |= 1 << unit
        devices &= ~catalogue.kinship.unit(unit)
    return units


def _questions(inventory: Inventory, wish: Wish) -> tuple[Question, ...]:
    own_mates = inventory.group_mates_of(wish.consumer)
    company = satisfied(inventory, own_mates)
    return tuple(Question.of(inventory, each, wish.guest, own_mates=own_mates, company=company) for each in wish.requests)


def _taken_along(inventory: Inventory, wish: Wish, chosen: Chosen) -> tuple[Question, ...]:
    """The questions as they were answered: what was chosen is in company."""
    questions = _questions(inventory, wish)
    company = questions[0].company | set_of(index for each in chosen for index in each) if questions else EMPTY
    return tuple(replace(each, company=company) for each in questions)


def _funnel(wish: Wish, questions: Sequence[Question], why: Shortage | Excluded | Unopened | None) -> Funnel:
    known: dict[Request, RequestFunnel] = {}
    reasons = Reasons()
    for number, question in enumerate(questions):
        if question.request not in known:
            known[question.request] = way_of(question, number, group_policy=wish.group_policy, reasons=reasons)
    ways = tuple(replace(known[request], index=number) for number, request in enumerate(wish.requests))
    if why is None or any(way.emptied_by is not None for way in ways):
        return Funnel(requests=ways)
    return Funnel(requests=ways, together=_in_words(questions[0].inventory.catalogue, why, wish.group_policy))


def _in_words(catalogue: Catalogue, why: Shortage | Excluded | Unopened, group_policy: GroupPolicy) -> str:
    match why:
        case Shortage():
            what = "devices of different PFs" if group_policy is GroupPolicy.ISOLATE else "devices"
            return _scarce(catalogue, why, what)
        case Excluded():
            return _exclusive(catalogue, why)
        case Unopened():
            return _whole(why)
        case _:
            assert_never(why)


def _scarce(catalogue: Catalogue, shortage: Shortage, what: str) -> str:
    there = _addresses(catalogue, shortage.things)
    return f"{_requests(shortage.wants)} {shortage.needed} {what} together, and all that fit are {there}"


def _exclusive(catalogue: Catalogue, excluded: Excluded) -> str:
    pfs = _addresses(catalogue, excluded.pfs)
    if excluded.decided:
        return f"there are devices enough, but not without handing out a PF beside a VF of its own; contested: {pfs}"
    return f"not decided: some ways of handing out the contested PFs or their VFs were tried in vain, and too many are left: {pfs}"


def _whole(unopened: Unopened) -> str:
    groups = first_of(unopened.groups, _NAMED)
    if unopened.decided:
        return f"there are devices enough, but not with all that one claim must take of their IOMMU groups: {groups}"
    return f"not decided: some ways of taking IOMMU groups whole were tried in vain, and too many are left: {groups}"


def _requests(numbers: Sequence[int]) -> str:
    names = [str(number + 1) for number in numbers]
    return f"request {names[0]} needs" if len(names) == 1 else f"requests {', '.join(names[:-1])} and {names[-1]} need"


def _addresses(catalogue: Catalogue, devices: DeviceSet) -> str:
    return first_of([catalogue.devices[index].address for index in indexes(devices)], _NAMED)
