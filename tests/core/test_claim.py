# SPDX-License-Identifier: Apache-2.0
"""Claims, the book of them, and the events that change it."""

from dataclasses import replace

import pytest

from pcipt_agent.core.claim import Allocated, Claimed, ClaimState, Event, Fingerprint, Freed, evolve, forget_ended
from tests.support.planned import at, claimed, host, inventory, pci, sriov, wanting, wish

BOOK = claimed(inventory(host(pci("01:00.0"))), "c", wish(wanting(1))).book
CLAIM = BOOK.claims["c"]
EMPTY = evolve(BOOK, Freed("c", 5.0))


def test_a_claim_is_filed_by_id_and_by_address() -> None:
    assert BOOK.holder_of(at("01:00.0")) == CLAIM
    assert BOOK.holder_of(at("02:00.0")) is None


def test_events_leave_the_earlier_book_as_it_was() -> None:
    evolve(BOOK, Allocated("c"))
    evolve(BOOK, Freed("c", 5.0))
    assert BOOK.claims["c"].state is ClaimState.CLAIMED
    assert "c" not in BOOK.ended


def test_allocated_says_that_a_guest_has_it() -> None:
    assert evolve(BOOK, Allocated("c")).claims["c"] == replace(CLAIM, state=ClaimState.ALLOCATED)


def test_freed_gives_the_devices_back_and_remembers_the_id() -> None:
    assert (len(EMPTY.claims), len(EMPTY.holders), dict(EMPTY.ended.items())) == (0, 0, {"c": 5.0})


def test_an_id_that_was_never_claimed_ends_without_touching_others() -> None:
    book = evolve(BOOK, Freed("other", 6.0))
    assert book.claims == BOOK.claims
    assert book.ended["other"] == 6.0


def test_a_claim_of_several_devices_holds_and_frees_all_of_them() -> None:
    current = claimed(inventory(host(pci("01:00.0"), pci("02:00.0"))), "d", wish(wanting(2)))
    assert len(current.book.holders) == 2
    assert len(evolve(current.book, Freed("d", 1.0)).holders) == 0


def test_a_book_replayed_from_its_events_is_the_book() -> None:
    events: list[Event] = [Claimed(CLAIM), Allocated("c"), Freed("c", 5.0)]
    book = forget_ended(EMPTY, before=9.0)
    for event in events:
        book = evolve(book, event)
    assert book == EMPTY


@pytest.mark.parametrize(("before", "kept"), [(5.0, {"c": 5.0, "d": 7.0}), (5.1, {"d": 7.0}), (9.0, {})])
def test_ended_ids_older_than_a_moment_are_forgotten(before: float, kept: dict[str, float]) -> None:
    book = evolve(EMPTY, Freed("d", 7.0))
    assert dict(forget_ended(book, before).ended.items()) == kept


def test_forgetting_touches_no_claim() -> None:
    book = evolve(BOOK, Freed("d", 7.0))
    assert forget_ended(book, 9.0).claims == BOOK.claims
    assert forget_ended(book, 9.0).holders == BOOK.holders


_, VF = sriov("03:00.0", vfs=1)
SEEN = Fingerprint.of(replace(VF, serial="SN1", subsystem_vendor_id="8086"))


@pytest.mark.parametrize(
    ("now", "parts"),
    [
        (SEEN, ()),
        (replace(SEEN, serial="SN2"), ("serial",)),
        (replace(SEEN, serial=None), ()),
        (replace(SEEN, subsystem_vendor_id=None), ("subsystem_vendor_id",)),
        (replace(SEEN, vendor_id="10de", vf_number=3), ("vendor_id", "vf_number")),
        (replace(SEEN, parent=None), ("parent",)),
    ],
)
def test_other_hardware_is_told_by_the_parts_that_differ(now: Fingerprint, parts: tuple[str, ...]) -> None:
    assert SEEN.differing(now) == parts
