# SPDX-License-Identifier: Apache-2.0
"""Company: devices that a claim can have only if it takes others of their IOMMU group too.

A group is opened by taking all that is movable in it; then its other members are to be had as well. Which groups to open is tried,
the fewest first and the best liked before others, and in each try what must be taken is seated: each such device with one request
that may have it. The rest is the usual choice over what is left, and every device that needs nobody is part of it. Groups that are
alike to every request, and without relatives, stand for one another: what failed for one need not be tried with the next.

That is a packing problem like `core.contest`'s, so the work is bounded in the same way: small cases are exact, and where the bound
ends the search the answer is that it was not decided, never a wrong no.

Does not know: how a choice is made among devices that need nobody, PFs and VFs beyond being relatives, what a refusal says.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.contest import EFFORT, Chosen, Excluded, effort_of
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, indexes, lowest, union
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.matching import Prefer, Shortage, Want

Solve = Callable[[Sequence[Want]], Chosen | Shortage | Excluded]


@dataclass(frozen=True, slots=True)
class Opening:
    """An IOMMU group that a claim can open."""

    group: int
    needed: DeviceSet
    """What it must take."""
    opens: DeviceSet
    """What it can have then, and not otherwise."""


@dataclass(frozen=True, slots=True)
class Unopened:
    """No way was found to take these IOMMU groups as they must be taken. `decided`: there is none."""

    groups: tuple[int, ...]
    decided: bool


def satisfied(inventory: Inventory, own_mates: DeviceSet) -> DeviceSet:
    """The coupled devices whose company their consumer has already; `own_mates` is what shares groups with his devices alone."""
    found = EMPTY
    for each in inventory.catalogue.hindrances.values() if inventory.catalogue.coupled & own_mates else ():
        for index in indexes(each.coupled & own_mates):
            if not each.movable & ~(inventory.held | 1 << index):
                found |= 1 << index
    return found & inventory.catalogue.coupled


def openings_of(inventory: Inventory, wants: Sequence[Want], lonely: DeviceSet, *, apart: bool) -> tuple[Opening, ...]:
    """The groups that a claim of these wants alone could open; `lonely` are the coupled devices that lack company."""
    anything = union(want.candidates for want in wants)
    found = []
    for each in inventory.catalogue.hindrances.values() if anything & lonely else ():
        opening = Opening(each.group, each.movable & ~inventory.held, each.coupled & anything & lonely)
        if opening.opens and not opening.needed & ~anything:
            search = _Search(inventory.catalogue, wants, (opening,), apart=apart, solve=_nothing)
            if any(search.seated(opening.needed, search.begin())) or not search.decided:
                found.append(opening)
    return tuple(found)


def choose_in_company(
    catalogue: Catalogue, wants: Sequence[Want], openings: Sequence[Opening], *, apart: bool, solve: Solve
) -> Chosen | Unopened:
    """`wants` have what the openings open among their candidates; `openings` are in the order of preference. `solve` chooses where
    nothing needs company."""
    search = _Search(catalogue, wants, openings, apart=apart, solve=solve)
    for count in range(1, min(len(openings), sum(want.count for want in wants)) + 1):
        found = search.open(count, 0, search.begin())
        if found is not None:
            return found
    return Unopened(tuple(each.group for each in openings), search.decided)


def in_order(catalogue: Catalogue, wants: Sequence[Want], openings: Sequence[Opening], prefer: Prefer) -> tuple[Opening, ...]:
    """As the wants like them best, the first want before the others."""
    left = {each.group: each for each in openings}
    ordered = list[Opening]()
    for number, want in enumerate(wants):
        among = want.candidates & union(each.opens for each in left.values())
        while among:
            group = catalogue.devices[prefer(number, among)].iommu_group
            assert group is not None, "what an opening opens is in its group"
            ordered.append(left.pop(group))
            among &= ~ordered[-1].opens
    return (*ordered, *left.values())


def _nothing(_wants: Sequence[Want]) -> Excluded:
    return Excluded(EMPTY, decided=False)


@dataclass(frozen=True, slots=True)
class _Seats:
    """What has been taken so far."""

    counts: tuple[int, ...]
    """By want: how many it still needs."""
    taken: tuple[tuple[int, ...], ...]
    shut: DeviceSet
    """What is taken, and what that shuts out."""
    opened: DeviceSet


class _Search:
    def __init__(
        self, catalogue: Catalogue, wants: Sequence[Want], openings: Sequence[Opening], *, apart: bool, solve: Solve
    ) -> None:
        self._catalogue, self._wants, self._openings, self._apart, self._solve = catalogue, wants, openings, apart, solve
        self._closed = union(each.opens for each in openings)
        self._effort_left = EFFORT
        self.decided = True

    def begin(self) -> _Seats:
        return _Seats(tuple(want.count for want in self._wants), ((),) * len(self._wants), EMPTY, EMPTY)

    def open(self, count: int, first: int, seats: _Seats) -> Chosen | None:
        """A choice that opens so many groups more, none before the `first`."""
        if not count:
            return self._rest(seats)
        failed = set[object]()
        for place in range(first, len(self._openings) - count + 1):
            opening = self._openings[place]
            likeness = self._likeness(opening)
            if likeness in failed:
                continue
            for each in self.seated(opening.needed, replace(seats, opened=seats.opened | opening.opens)):
                found = self.open(count - 1, place + 1, each)
                if found is not None or not self._goes_on():
                    return found
            failed.add(likeness)
        return None

    def seated(self, needed: DeviceSet, seats: _Seats) -> Iterator[_Seats]:
        """Every way of giving each needed device to a want; wants that are alike are one."""
        if not needed:
            yield seats
            return
        index = lowest(needed)
        self._effort_left -= 1
        tried = set[tuple[Want, int]]()
        for number, want in enumerate(self._wants):
            key = (want, seats.counts[number])
            if not self._goes_on() or seats.shut >> index & 1:
                return
            if seats.counts[number] and want.candidates >> index & 1 and key not in tried:
                tried.add(key)
                yield from self.seated(needed & needed - 1, self._with(seats, number, index))

    def _with(self, seats: _Seats, number: int, index: int) -> _Seats:
        counts = tuple(count - (want == number) for want, count in enumerate(seats.counts))
        taken = tuple((*each, index) if want == number else each for want, each in enumerate(seats.taken))
        shut = self._catalogue.unit(index) if self._apart else 1 << index | self._catalogue.relatives[index]
        return replace(seats, counts=counts, taken=taken, shut=seats.shut | shut)

    def _rest(self, seats: _Seats) -> Chosen | None:
        barred = seats.shut | self._closed & ~seats.opened
        left = [Want(count, want.candidates & ~barred) for count, want in zip(seats.counts, self._wants, strict=True)]
        self._effort_left -= effort_of(left)
        found = self._solve(left)
        if isinstance(found, tuple):
            return tuple((*rest, *taken) for rest, taken in zip(found, seats.taken, strict=True))
        if isinstance(found, Excluded) and not found.decided:
            self.decided = False
        return None

    def _goes_on(self) -> bool:
        if self._effort_left <= 0:
            self.decided = False
        return self._effort_left > 0

    def _likeness(self, opening: Opening) -> object:
        """Equal for groups of which one is as good as the other; relatives tie a group to others, so that it is like none."""
        catalogue, members = self._catalogue, opening.needed | opening.opens
        if any(catalogue.relatives[index] for index in indexes(members)):
            return opening.group
        return self._who(opening.needed), self._who(opening.opens & ~opening.needed)

    def _who(self, devices: DeviceSet) -> tuple[tuple[int, ...], ...]:
        return tuple(sorted(tuple(want.candidates >> index & 1 for want in self._wants) for index in indexes(devices)))
