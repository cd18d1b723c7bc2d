# SPDX-License-Identifier: Apache-2.0
"""Company: devices that a claim can have only if it takes others of their IOMMU group too.

A group is opened by taking all that is movable in it; then its other members are to be had as well. Which groups to open is tried,
the fewest first and the best liked before others. Whether one choice of groups will do is no search: a matching that gives away all
that must be taken grows into one that satisfies every want without letting go of it (Mendelsohn and Dulmage), and what is left over
is the usual choice. Groups that are alike to every want, and without relatives, stand for one another, so that it matters how many
of them are opened and not which.

Where PFs and VFs shut each other out there may be no such growing; then the seats are tried one by one. Which groups to open is a
packing problem like `core.contest`'s, so the work is bounded in the same way: small cases are exact, and where the bound ends the
search the answer is that it was not decided, never a wrong no.

Does not know: how a choice is made among devices that need nobody, what a refusal says.
Source: N. S. Mendelsohn and A. L. Dulmage, Some generalizations of the problem of distinct representatives, 1958.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.contest import EFFORT, Chosen, Excluded, effort_of
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, indexes, lowest, set_of, union
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.matching import Prefer, Shortage, Want, can_take, cover

Solve = Callable[[Sequence[Want]], Chosen | Shortage | Excluded]

_MOST_RUNS = 64
"""Runs of alike groups that one search looks at."""
_MOST_SEATS = 64
"""Devices that are seated one by one."""


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
    catalogue, found = inventory.catalogue, EMPTY
    for each in catalogue.hindrances.values() if catalogue.coupled & own_mates else ():
        for index in indexes(each.coupled & own_mates):
            if not each.movable & ~(inventory.held | 1 << index):
                found |= 1 << index
    return found & catalogue.coupled


def openings_of(inventory: Inventory, wants: Sequence[Want], lonely: DeviceSet, *, apart: bool) -> tuple[Opening, ...]:
    """The groups of which a claim of these wants could open each alone; `lonely` are the coupled devices that lack company."""
    wanted = lonely & union(want.candidates for want in wants)
    known: dict[object, bool] = {}
    found = []
    for each in inventory.catalogue.hindrances.values() if wanted else ():
        opening = Opening(each.group, each.movable & ~inventory.held, each.coupled & wanted)
        if opening.opens:
            likeness = _likeness(inventory.catalogue, wants, opening)
            if likeness not in known:
                things, seats = _things(inventory.catalogue, wants, opening.needed, apart=apart)
                known[likeness] = things.bit_count() == opening.needed.bit_count() and can_take(seats, things)
            if known[likeness]:
                found.append(opening)
    return tuple(found)


def choose_in_company(
    catalogue: Catalogue, wants: Sequence[Want], openings: Sequence[Opening], *, apart: bool, solve: Solve
) -> Chosen | Unopened:
    """`wants` have what the openings open among their candidates; `openings` are in the order of preference. `solve` chooses where
    nothing needs company."""
    search = _Search(catalogue, wants, openings, apart=apart, solve=solve)
    for count in range(_fewest(wants, openings), len(openings) + 1):
        found = search.open(count, 0, ())
        if found is not None:
            return found
        if not search.goes_on():
            break
    return Unopened(tuple(each.group for each in openings), search.decided)


def in_order(catalogue: Catalogue, wants: Sequence[Want], openings: Sequence[Opening], prefer: Prefer) -> tuple[Opening, ...]:
    """As the wants like them best, the first want before the others; of those that are alike no more than the wants can take."""
    left = {each.group: each for each in openings}
    likeness = {each.group: _likeness(catalogue, wants, each) for each in openings}
    opens_of = dict[object, DeviceSet]()
    for each in openings:
        opens_of[likeness[each.group]] = opens_of.get(likeness[each.group], EMPTY) | each.opens
    most, taken = sum(want.count for want in wants), Counter[object]()
    ordered, rest = list[Opening](), union(opens_of.values())
    for number, want in enumerate(wants):
        while want.candidates & rest:
            group = catalogue.devices[prefer(number, want.candidates & rest)].iommu_group
            assert group is not None, "what an opening opens is in its group"
            ordered.append(left.pop(group))
            taken[likeness[group]] += ordered[-1].needed.bit_count()
            rest &= ~ordered[-1].opens if taken[likeness[group]] < most else ~opens_of[likeness[group]]
    return tuple(ordered)


def _fewest(wants: Sequence[Want], openings: Sequence[Opening]) -> int:
    """No fewer groups can do: so many devices are missing, and each group has so many for those who miss them."""
    closed = union(each.opens for each in openings)
    anything = union(want.candidates for want in wants)
    fewest = 1
    for count, candidates in ((sum(want.count for want in wants), anything), *((want.count, want.candidates) for want in wants)):
        missing = count - (candidates & ~closed).bit_count()
        gains = accumulate(sorted(((each.opens & candidates).bit_count() for each in openings), reverse=True))
        fewest = max(fewest, 1 + sum(gain < missing for gain in gains))
    return fewest


def _likeness(catalogue: Catalogue, wants: Sequence[Want], opening: Opening) -> object:
    """Equal for groups of which one is as good as the other; relatives tie a group to others, so that it is like none."""
    if any(catalogue.kinship.relatives(index) for index in indexes(opening.needed | opening.opens)):
        return opening.group

    def who(devices: DeviceSet) -> tuple[tuple[int, ...], ...]:
        return tuple(sorted(tuple(want.candidates >> index & 1 for want in wants) for index in indexes(devices)))

    return who(opening.needed), who(opening.opens & ~opening.needed)


def _things(catalogue: Catalogue, wants: Sequence[Want], needed: DeviceSet, *, apart: bool) -> tuple[DeviceSet, list[Want]]:
    """What is needed, and the wants, as devices; or as whole PFs where no two devices of one may be taken."""
    if not apart:
        return needed, list(wants)
    unit_of = catalogue.kinship.unit_of
    shut = union(catalogue.kinship.unit(index) for index in indexes(needed))
    seats = [set_of(unit_of(index) for index in indexes(want.candidates & (needed | ~shut))) for want in wants]
    return set_of(unit_of(index) for index in indexes(needed)), [
        Want(want.count, each) for want, each in zip(wants, seats, strict=True)
    ]


@dataclass(frozen=True, slots=True)
class _Seats:
    """What has been taken so far."""

    counts: tuple[int, ...]
    """By want: how many it still needs."""
    taken: tuple[DeviceSet, ...]
    shut: DeviceSet
    """What is taken, and what that shuts out."""


class _Search:
    def __init__(
        self, catalogue: Catalogue, wants: Sequence[Want], openings: Sequence[Opening], *, apart: bool, solve: Solve
    ) -> None:
        self._catalogue, self._wants, self._apart, self._solve = catalogue, wants, apart, solve
        self._closed = union(each.opens for each in openings)
        self._most = sum(want.count for want in wants)
        runs = _runs(openings, [_likeness(catalogue, wants, each) for each in openings])
        self._runs = runs[:_MOST_RUNS]
        self._effort_left = EFFORT
        self.decided = len(runs) <= _MOST_RUNS

    def open(self, count: int, first: int, opened: tuple[Opening, ...]) -> Chosen | None:
        """A choice that opens so many groups more, none of a run before the `first`."""
        if not count:
            return self._try(opened)
        if first == len(self._runs):
            return None
        run = self._runs[first]
        # What is like it and better liked comes first: this one is for when those do not suffice.
        usable = run.openings if run.after is None or self._runs[run.after].openings[-1] in opened else ()
        for take in range(min(count, len(usable)), -1, -1):
            more = (*opened, *usable[:take])
            if sum(each.needed.bit_count() for each in more) <= self._most and self.goes_on():
                found = self.open(count - take, first + 1, more)
                if found is not None:
                    return found
        return None

    def goes_on(self) -> bool:
        if self._effort_left <= 0:
            self.decided = False
        return self._effort_left > 0

    def _try(self, opened: Sequence[Opening]) -> Chosen | None:
        barred = self._closed & ~union(each.opens for each in opened)
        wants = [replace(want, candidates=want.candidates & ~barred) for want in self._wants]
        needed = union(each.needed for each in opened)
        self._effort_left -= effort_of(wants)
        things, seats = _things(self._catalogue, wants, needed, apart=self._apart)
        held = cover(seats, things) if things.bit_count() == needed.bit_count() else None
        if held is None:
            return None
        start = _Seats(tuple(want.count for want in wants), (EMPTY,) * len(wants), EMPTY)
        seated = start
        for number, each in enumerate(held):
            for index in indexes(needed):
                if each >> (self._catalogue.kinship.unit_of(index) if self._apart else index) & 1:
                    seated = self._with(seated, number, index)
        found = self._rest(wants, seated)
        tied = not self._apart and any(
            self._catalogue.kinship.relatives(index) for index in indexes(needed | self._clashing(wants))
        )
        if found is None and tied:
            return self._one_by_one(wants, needed, start)
        return found

    def _clashing(self, wants: Sequence[Want]) -> DeviceSet:
        """The candidates that are PFs with VFs here."""
        return union(want.candidates for want in wants) & set_of(self._catalogue.kinship.members)

    def _one_by_one(self, wants: Sequence[Want], needed: DeviceSet, start: _Seats) -> Chosen | None:
        if needed.bit_count() > _MOST_SEATS:
            self.decided = False
            return None
        for seated in self._seated(wants, needed, start):
            found = self._rest(wants, seated)
            if found is not None:
                return found
        return None

    def _seated(self, wants: Sequence[Want], needed: DeviceSet, seats: _Seats) -> Iterator[_Seats]:
        """Every way of giving each needed device to a want; wants that are alike are one."""
        if not needed:
            yield seats
            return
        index = lowest(needed)
        tried = set[tuple[Want, int]]()
        for number, want in enumerate(wants):
            self._effort_left -= 1
            if not self.goes_on() or seats.shut >> index & 1:
                return
            key = (want, seats.counts[number])
            if seats.counts[number] and want.candidates >> index & 1 and key not in tried:
                tried.add(key)
                yield from self._seated(wants, needed & needed - 1, self._with(seats, number, index))

    def _with(self, seats: _Seats, number: int, index: int) -> _Seats:
        counts = tuple(count - (want == number) for want, count in enumerate(seats.counts))
        taken = tuple(each | 1 << index if want == number else each for want, each in enumerate(seats.taken))
        shut = self._catalogue.kinship.unit(index) if self._apart else 1 << index | self._catalogue.kinship.relatives(index)
        return _Seats(counts, taken, seats.shut | shut)

    def _rest(self, wants: Sequence[Want], seats: _Seats) -> Chosen | None:
        """The usual choice of what is left, beside what has been seated."""
        left = [Want(count, want.candidates & ~seats.shut) for count, want in zip(seats.counts, wants, strict=True)]
        self._effort_left -= effort_of(left)
        found = self._solve(left)
        if isinstance(found, tuple):
            return tuple((*rest, *indexes(taken)) for rest, taken in zip(found, seats.taken, strict=True))
        if isinstance(found, Excluded) and not found.decided:
            self.decided = False
        return None


@dataclass(frozen=True, slots=True)
class _Run:
    """Groups that are alike and follow each other in the order of preference."""

    openings: tuple[Opening, ...]
    after: int | None
    """The run before it that it is like."""


def _runs(openings: Sequence[Opening], likenesses: Sequence[object]) -> list[_Run]:
    runs = list[_Run]()
    last = dict[object, int]()
    before: object = None
    for opening, likeness in zip(openings, likenesses, strict=True):
        if runs and likeness == before:
            runs[-1] = replace(runs[-1], openings=(*runs[-1].openings, opening))
        else:
            runs.append(_Run((opening,), last.get(likeness)))
            last[likeness] = len(runs) - 1
        before = likeness
    return runs
