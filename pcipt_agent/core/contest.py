# SPDX-License-Identifier: Apache-2.0
"""Contest: matching where one thing of a claim can shut out another: a PF its VFs, and a VF its PF.

`core.matching` knows no such rule, so its answer may give away a PF and a VF of it. Then that PF is contested, and either the PF is
withdrawn or its VFs are; each side is tried, the one first that leaves the earlier request its choice. Withdrawing only takes away,
so a shortage on the way down is a proof for everything below it. PFs that are alike to every want (same wants for the PF, as many
VFs for each set of wants) stand for one another: what failed for one need not be tried with the next.

Which PFs to give away is a packing problem, hard in general, so the number of matchings is bounded. Where the bound ends the
search, one more way is tried: VFs first, crowding on few PFs, and the PFs from the rest. If that fails too, the answer is that it
was not decided, never a wrong no.

Does not know: requests, policies; nor `isolate`, under which a PF and its VFs are one thing and nothing is contested.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pcipt_agent.core.catalogue import Catalogue
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.deviceset import EMPTY, DeviceSet, indexes, set_of
from pcipt_agent.core.matching import Prefer, Shortage, Want, match

EFFORT = 3000
"""Things placed by all matchings of one search before it gives up; placing one of 4096 takes about 5 microseconds."""

LEAST_EFFORT = 16
"""What a matching costs at least: bounds the depth of a search over many PFs for a few things."""

Chosen = tuple[tuple[int, ...], ...]
"""For each want its things."""


@dataclass(frozen=True, slots=True)
class Excluded:
    """Enough devices for all, but not without a PF and a VF of it; `pfs` were contested at first sight. `decided`: that is
    proven."""

    pfs: DeviceSet
    decided: bool


def resolve(
    catalogue: Catalogue, wants: Sequence[Want], fresh: Callable[[], Prefer], *, effort: int = EFFORT
) -> Chosen | Shortage | Excluded:
    """As `match`, with no PF beside a VF of it. `fresh` gives a preference that has seen no choice yet."""
    found = match(wants, fresh())
    if isinstance(found, Shortage):
        return found
    clashes = _clashes(catalogue, found)
    if not clashes:
        return found
    if _crowded_out(catalogue, wants):
        return Excluded(set_of(clashes), decided=True)
    contest = _Contest(catalogue, fresh, _alike(catalogue, wants), effort - effort_of(wants))
    settled = contest.settle(wants, found, frozenset())
    decided = contest.effort_left > 0
    if settled is None and not decided:
        settled = _pfs_last(catalogue, wants, fresh())
    return Excluded(set_of(clashes), decided) if settled is None else settled


def _crowded_out(catalogue: Catalogue, wants: Sequence[Want]) -> bool:
    """Whether too few VFs would stay even if those PFs were given out that have the fewest: proven without a search."""
    pfs = catalogue.by_type.get(DeviceType.PF, EMPTY)
    for_pfs = [want for want in wants if want.candidates & ~pfs == EMPTY]
    for_vfs = [want for want in wants if want.candidates & pfs == EMPTY]
    vfs = _all(for_vfs)
    withdrawn = sorted((catalogue.kinship.members.get(pf, EMPTY) & vfs).bit_count() for pf in indexes(_all(for_pfs)))
    staying = vfs.bit_count() - sum(withdrawn[: sum(want.count for want in for_pfs)])
    return staying < sum(want.count for want in for_vfs)


def _all(wants: Sequence[Want]) -> DeviceSet:
    """What any of the wants may have."""
    found = EMPTY
    for want in wants:
        found |= want.candidates
    return found


def _pfs_last(catalogue: Catalogue, wants: Sequence[Want], prefer: Prefer) -> Chosen | None:
    """VFs crowd on as few PFs as they like, and the PFs are taken from the rest: two matchings, and good where PFs abound."""
    pfs = catalogue.by_type.get(DeviceType.PF, EMPTY)
    first = match([Want(0, EMPTY) if want.candidates & pfs else want for want in wants], prefer)
    if isinstance(first, Shortage):
        return None
    broken = set_of(catalogue.kinship.unit_of(index) for each in first for index in each)
    last = match(
        [Want(want.count, want.candidates & ~broken) if want.candidates & pfs else Want(0, EMPTY) for want in wants], prefer
    )
    if isinstance(last, Shortage):
        return None
    return tuple(vfs or found for vfs, found in zip(first, last, strict=True))


def effort_of(wants: Sequence[Want]) -> int:
    """What one matching costs."""
    return max(LEAST_EFFORT, sum(want.count for want in wants))


@dataclass(slots=True)
class _Contest:
    catalogue: Catalogue
    fresh: Callable[[], Prefer]
    alike: Mapping[int, frozenset[int]]
    effort_left: int

    def settle(self, wants: Sequence[Want], found: Chosen, decided: frozenset[int]) -> Chosen | None:
        """An answer without clashes for these wants, of which `found` is one with or without; None where there is none."""
        clashes = _clashes(self.catalogue, found)
        if not clashes:
            return found
        pf = clashes[0]
        others = self.alike[pf] - decided
        vfs = self.catalogue.kinship.members[pf]
        all_vfs = EMPTY
        for each in others:
            all_vfs |= self.catalogue.kinship.members[each]
        if _asked_first(self.catalogue, found, pf):
            ways = ((vfs, {pf}), (set_of(others), others))
        else:
            ways = ((1 << pf, {pf}), (all_vfs, others))
        for withdrawn, settled in ways:
            answer = self._without(withdrawn, wants, decided | settled)
            if answer is not None:
                return answer
        return None

    def _without(self, withdrawn: DeviceSet, wants: Sequence[Want], decided: frozenset[int]) -> Chosen | None:
        if self.effort_left <= 0:
            return None
        self.effort_left -= effort_of(wants)
        left = [Want(want.count, want.candidates & ~withdrawn) for want in wants]
        found = match(left, self.fresh())
        return None if isinstance(found, Shortage) else self.settle(left, found, decided)


def _clashes(catalogue: Catalogue, found: Chosen) -> list[int]:
    """The PFs that were given out together with a VF of theirs, in order of choice."""
    given = [index for each in found for index in each]
    taken = set_of(given)
    return [index for index in given if index in catalogue.kinship.members and catalogue.kinship.members[index] & taken]


def _asked_first(catalogue: Catalogue, found: Chosen, pf: int) -> bool:
    """Whether the PF went to an earlier want than the first of its VFs did."""
    takers = [want for want, each in enumerate(found) for index in each if catalogue.kinship.unit_of(index) == pf]
    holder = next(want for want, each in enumerate(found) if pf in each)
    return holder == takers[0]


def _alike(catalogue: Catalogue, wants: Sequence[Want]) -> dict[int, frozenset[int]]:
    """PF → the PFs that can stand for it, itself included; of those that some want may have and whose VFs another may."""
    anything = _all(wants)
    classes: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for pf, vfs in catalogue.kinship.members.items():
        if anything >> pf & 1 and anything & vfs:
            pf_for = tuple(want.candidates >> pf & 1 for want in wants)
            classes[pf_for, _parts(vfs & anything, wants)].append(pf)
    return {pf: frozenset(those) for those in classes.values() for pf in those}


def _parts(vfs: DeviceSet, wants: Sequence[Want]) -> tuple[tuple[tuple[bool, ...], int], ...]:
    """How many of the VFs there are for each set of wants that may have them."""
    parts: dict[tuple[bool, ...], DeviceSet] = {(): vfs}
    for want in wants:
        split: dict[tuple[bool, ...], DeviceSet] = {}
        for path, those in parts.items():
            for may, some in ((True, those & want.candidates), (False, those & ~want.candidates)):
                if some:
                    split[(*path, may)] = some
        parts = split
    return tuple(sorted((path, those.bit_count()) for path, those in parts.items()))
