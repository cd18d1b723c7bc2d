# SPDX-License-Identifier: Apache-2.0
"""Invariants: a sound inventory has no violation, and each kind of unsound one is called by its name."""

from dataclasses import replace

import pytest
from immutables import Map

from pcipt_agent.core.claim import Claim, ClaimBook, Held
from pcipt_agent.core.device import DeviceType, HostUse, HostUseKind
from pcipt_agent.core.invariant import INVARIANTS, violations
from pcipt_agent.core.inventory import Inventory
from tests.support.planned import at, claimed, freed, host, inventory, pci, sriov, wanting, wish

SOUND = freed(
    claimed(
        claimed(inventory(host(pci("01:00.0"), *sriov("02:00.0", vfs=2))), "one", wish(wanting(1, DeviceType.VF))),
        "two",
        wish(wanting(1)),
    ),
    "gone",
)
ONE: Claim = SOUND.book.claims["one"]
TWO: Claim = SOUND.book.claims["two"]


def with_book(book: ClaimBook) -> Inventory:
    """All sets derived anew, so that only the book is unsound."""
    return inventory(SOUND.catalogue.host, SOUND.catalogue.rules, book)


def holding(claim: Claim, *held: Held) -> ClaimBook:
    book = SOUND.book
    changed = replace(claim, held=held)
    holders = book.holders.update({each.address: claim.claim_id for each in held})
    return replace(book, claims=book.claims.set(claim.claim_id, changed), holders=holders)


PF_HELD = replace(TWO.held[0], address=at("02:00.0"), device_type=DeviceType.PF)

USED = replace(pci("03:00.0"), host_uses=(HostUse(HostUseKind.SWAP, "swap on nvme0n1p2"),))
WITH_USED = inventory(host(USED))
CALLED_READY = replace(WITH_USED, catalogue=replace(WITH_USED.catalogue, ready=1))
WITH_PLAIN = inventory(host(pci("03:00.0")))
CALLED_UNLISTED = replace(WITH_PLAIN, catalogue=replace(WITH_PLAIN.catalogue, assignable=0))

UNSOUND = [
    (with_book(holding(TWO, *ONE.held)), "0000:02:00.1 is held 2 times: by one, two"),
    (with_book(replace(SOUND.book, holders=Map())), "0000:01:00.0 is filed under None and held by two"),
    (with_book(holding(TWO, PF_HELD)), "0000:02:00.1 is held by one, and its PF 0000:02:00.0 by two"),
    (replace(SOUND, held=0), "held is carried as 0 and derived as 5"),
    (replace(SOUND, blocked=0), "blocked is carried as 0 and derived as 2"),
    (replace(SOUND, beside_held=0), "beside_held is carried as 0 and derived as c"),
    (
        replace(SOUND, lost_vfs={at("02:00.0"): (at("02:00.7"),)}),
        "lost_vfs is carried as 0000:02:00.7 of 0000:02:00.0 and derived as none",
    ),
    (with_book(replace(SOUND.book, ended=Map({"one": 1.0}))), "claim one has ended and is held"),
    (with_book(holding(TWO, replace(TWO.held[0], request=4))), "claim two asked for {0: 1} (request → devices) and holds {4: 1}"),
    (with_book(replace(SOUND.book, claims=SOUND.book.claims.set("odd", ONE))), "claim one is filed under odd"),
    (CALLED_READY, "0000:03:00.0 is free, and used-by-host: the host uses it: swap on nvme0n1p2"),
    (CALLED_UNLISTED, "0000:03:00.0 is told to be free, and is not among the free"),
]


def test_a_sound_inventory_violates_nothing() -> None:
    assert violations(SOUND) == ()


@pytest.mark.parametrize(("unsound", "violation"), UNSOUND, ids=[violation for _, violation in UNSOUND])
def test_an_unsound_inventory_is_called_so(unsound: Inventory, violation: str) -> None:
    assert violation in violations(unsound)


def test_every_check_but_the_one_on_what_is_free_catches_something_here() -> None:
    """What is free is computed from what is held, so nothing can make it wrong from outside."""
    caught = [check for check in INVARIANTS if any(list(check(unsound)) for unsound, _ in UNSOUND)]
    assert caught == list(INVARIANTS[:-1])
