# SPDX-License-Identifier: Apache-2.0
"""Matching: every want gets as many things as it needs out of those it may have, nobody the same thing; or the reason why not.

Bipartite matching by augmenting paths (Kuhn), with two turns. Wants of several things are not split into slots: a path runs from
want to want ("take one of mine, I take one of hers"), so a step costs wants², not things. And the answer is the preferred one: want
by want, thing by thing, each gets the best that still leaves a way for all others. Which ones do is read off the matching at hand:
those nobody holds, and those whose holder could move on. When there is no way, the wants on the failing paths together need more
things than there are for them (Hall), and these are the reason.

Things are bits of an integer (`core.deviceset`): devices, or whole PFs.

Does not know: what the things are, which is better (`prefer` says), requests, NUMA, PFs and VFs.
Source: H. W. Kuhn, The Hungarian method, 1955; P. Hall, On representatives of subsets, 1935.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pcipt_agent.core.deviceset import EMPTY, DeviceSet, indexes

Prefer = Callable[[int, DeviceSet], int]
"""(which want, the things that leave a way for the others; never empty) → the one it gets."""


@dataclass(frozen=True, slots=True)
class Want:
    """`count` things out of `candidates`."""

    count: int
    candidates: DeviceSet


@dataclass(frozen=True, slots=True)
class Shortage:
    """These wants need `needed` things together, and `things` are all that any of them may have: fewer."""

    wants: tuple[int, ...]
    needed: int
    things: DeviceSet


def match(wants: Sequence[Want], prefer: Prefer) -> tuple[tuple[int, ...], ...] | Shortage:
    """For each want its things in the order given out, the best that all can have; or a set of wants that can't be met together."""
    matching = _Matching(wants)
    for want in range(len(wants)):
        matching.fill(want)
        while matching.missing(want):
            stuck = matching.augment(want)
            if stuck:
                return _shortage(wants, stuck)
    return tuple(matching.settle(want, prefer) for want in range(len(wants)))


def can_take(wants: Sequence[Want], things: DeviceSet) -> bool:
    """Whether all of the things could be given to these wants, whatever they miss then."""
    matching = _Matching(wants)
    return all(matching.place(index) for index in indexes(things))


def cover(wants: Sequence[Want], things: DeviceSet) -> tuple[DeviceSet, ...] | None:
    """For each want which of the things it holds, where every want has what it needs and none of the things is left over.

    None where that can't be. What is once given away stays given away when wants move on, so the things come first.
    """
    matching = _Matching(wants)
    if not all(matching.place(index) for index in indexes(things)):
        return None
    for want in range(len(wants)):
        matching.fill(want)
        while matching.missing(want):
            if matching.augment(want):
                return None
    return tuple(matching.held(want) & things for want in range(len(wants)))


def _shortage(wants: Sequence[Want], stuck: Sequence[int]) -> Shortage:
    things = EMPTY
    for want in stuck:
        things |= wants[want].candidates
    return Shortage(tuple(sorted(stuck)), sum(wants[want].count for want in stuck), things)


class _Matching:
    """Who holds what for now (`loose`: may still be exchanged), and what nobody holds. Things settled are in neither."""

    def __init__(self, wants: Sequence[Want]) -> None:
        self._wants = wants
        self._loose: list[DeviceSet] = [EMPTY] * len(wants)
        self._spare: DeviceSet = EMPTY
        for want in wants:
            self._spare |= want.candidates
        self._like = _likenesses(wants, self._spare)

    def missing(self, want: int) -> int:
        return self._wants[want].count - self._loose[want].bit_count()

    def held(self, want: int) -> DeviceSet:
        return self._loose[want]

    def place(self, index: int) -> bool:
        """Gives the spare thing to a want that misses some, others moving things on where needed; False where none can."""
        thing = 1 << index
        waiting = [want for want, each in enumerate(self._wants) if each.candidates & thing]
        gives = dict.fromkeys(waiting, (-1, thing))
        for asked in waiting:
            if self.missing(asked):
                self._spare ^= thing
                self._hand_down(asked, gives)
                return True
            for other, each in enumerate(self._wants):
                if other not in gives and self._loose[asked] & each.candidates:
                    gives[other] = (asked, self._loose[asked] & each.candidates)
                    waiting.append(other)
        return False

    def _hand_down(self, last: int, gives: Mapping[int, tuple[int, DeviceSet]]) -> None:
        """`last` takes one thing of the want that gives to it, that one of the next, and the first (-1) what is spare."""
        taker = last
        while taker >= 0:
            giver, things = gives[taker]
            given = things & -things
            self._loose[taker] |= given
            if giver >= 0:
                self._loose[giver] ^= given
            taker = giver

    def fill(self, want: int) -> None:
        """Gives `want` spare things in order, as far as they go."""
        spare = self._wants[want].candidates & self._spare
        self._take(want, _some(spare, min(self.missing(want), spare.bit_count())))

    def augment(self, want: int) -> tuple[int, ...]:
        """Some of what `want` misses, others moving on where needed; empty then, else all wants that were asked in vain."""
        asked_by = {want: want}
        waiting = [want]
        for each in waiting:
            candidates = self._wants[each].candidates
            spare = candidates & self._spare
            if spare:
                self._pass_on(each, asked_by)
                return ()
            for other, loose in enumerate(self._loose):
                if other not in asked_by and loose & candidates:
                    asked_by[other] = each
                    waiting.append(other)
        return tuple(waiting)

    def settle(self, want: int, prefer: Prefer) -> tuple[int, ...]:
        """Gives `want` for good, one after the other, the things that it prefers among those which leave a way for all."""
        settled: list[int] = []
        choice: DeviceSet | None = None
        for _ in range(self._wants[want].count):
            if choice is None:
                choice = self._open_to(want)
            index = prefer(want, choice)
            settled.append(index)
            self._hand_over(want, index)
            # While one like it is at hand, whoever could move on still can, and nobody else.
            alike = (self._spare | self._loose[want]) & self._like[index]
            choice = choice ^ 1 << index if alike else None
        return tuple(settled)

    def _open_to(self, want: int) -> DeviceSet:
        """Its own and spare things, and those of every want that could take another instead, directly or by a chain."""
        open_things = self._spare | self._loose[want]
        fixed = [other for other, loose in enumerate(self._loose) if loose]
        while True:
            moving = [other for other in fixed if self._wants[other].candidates & open_things]
            if not moving:
                return open_things & self._wants[want].candidates
            for other in moving:
                open_things |= self._loose[other]
            fixed = [other for other in fixed if other not in moving]

    def _hand_over(self, want: int, index: int) -> None:
        """Takes the open thing out of the matching, as one of those that `want` needs."""
        thing = 1 << index
        if self._loose[want] & thing:
            self._loose[want] ^= thing
            return
        given = self._loose[want] & self._like[index] or self._loose[want]
        given &= -given
        self._loose[want] ^= given
        self._spare |= given
        if self._spare & thing:
            self._spare ^= thing
            return
        holder = next(other for other, loose in enumerate(self._loose) if loose & thing)
        self._loose[holder] ^= thing
        same = self._spare & self._like[index]
        if same:
            self._take(holder, same & -same)
            return
        stuck = self.augment(holder)
        assert not stuck, "a holder of a thing that is open can move on"

    def _take(self, want: int, thing: DeviceSet) -> None:
        self._loose[want] |= thing
        self._spare ^= thing

    def _pass_on(self, last: int, asked_by: dict[int, int]) -> None:
        """`last` takes spare things, and each on the way back as many from the next."""
        path = [last]
        while asked_by[path[-1]] != path[-1]:
            path.append(asked_by[path[-1]])
        spare = self._wants[last].candidates & self._spare
        steps = [(giver, asker, self._loose[giver] & self._wants[asker].candidates) for giver, asker in pairwise(path)]
        amount = min(self.missing(path[-1]), spare.bit_count(), *(things.bit_count() for _, _, things in steps))
        self._take(last, _some(spare, amount))
        for giver, asker, things in steps:
            given = _some(things, amount)
            self._loose[giver] ^= given
            self._loose[asker] |= given


def _some(things: DeviceSet, amount: int) -> DeviceSet:
    """So many of the things, the lowest."""
    left = things
    for _ in range(amount):
        left &= left - 1
    return things ^ left


def _likenesses(wants: Sequence[Want], things: DeviceSet) -> dict[int, DeviceSet]:
    """Thing → those that exactly the same wants may have, itself included."""
    parts = [things]
    for candidates in {want.candidates for want in wants}:
        split = [(part & candidates, part & ~candidates) for part in parts]
        parts = [part for both in split for part in both if part]
    return {index: part for part in parts for index in indexes(part)}
