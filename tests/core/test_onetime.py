# SPDX-License-Identifier: Apache-2.0
"""One-time use: what leaves a device dirty, and when the word "unused" is believed."""

from dataclasses import replace

import pytest
from immutables import Map

from pcipt_agent.core.decide import Allocate, ClaimDevices, Expire, Free
from pcipt_agent.core.domain import Hypervisor
from pcipt_agent.core.inventory import Inventory, inventory_of
from pcipt_agent.core.spec import Tags
from tests.support.planned import at, domain, entry, host, inventory, obey, pci, rules, wanting, wish

ADDRESS = at("01:00.0")
ONE_TIME = rules(entry(1, tags=Tags(one_time_use=True)))
WATCHED = Hypervisor(reachable=True, problem=None, watched_since=10.0)


def claimed_at(at: float, seen: Hypervisor = WATCHED) -> Inventory:
    return under(obey(inventory(host(pci("01:00.0")), ONE_TIME), ClaimDevices(claim_id="c", wish=wish(wanting(1)), at=at)), seen)


def under(current: Inventory, seen: Hypervisor) -> Inventory:
    return inventory_of(current.catalogue, current.book, current.generation, seen)


def is_dirty(current: Inventory, *, unused: bool = False) -> bool:
    return ADDRESS in obey(current, Free(claim_id="c", at=99.0, unused=unused)).book.dirty


def test_a_freed_device_of_one_time_use_is_dirty() -> None:
    assert is_dirty(claimed_at(20.0))


def test_an_expired_one_is_dirty_too() -> None:
    assert ADDRESS in obey(claimed_at(20.0), Expire(claim_id="c", at=99.0)).book.dirty


def test_a_device_without_the_tag_is_not() -> None:
    current = obey(inventory(host(pci("01:00.0"))), ClaimDevices(claim_id="c", wish=wish(wanting(1)), at=1.0))
    assert not is_dirty(current)


def test_a_tag_that_was_added_after_the_claim_is_meant() -> None:
    book = obey(inventory(host(pci("01:00.0"))), ClaimDevices(claim_id="c", wish=wish(wanting(1)), at=1.0)).book
    assert is_dirty(inventory(host(pci("01:00.0")), ONE_TIME, book))


def test_a_tag_that_was_taken_away_after_the_claim_still_holds_for_it() -> None:
    assert is_dirty(inventory(host(pci("01:00.0")), rules(), claimed_at(1.0).book))


def test_unused_is_believed_where_libvirt_was_watched_and_showed_no_domain() -> None:
    assert not is_dirty(claimed_at(20.0), unused=True)


def test_unused_is_not_believed_of_a_claim_of_the_future_as_the_clock_was_set_back() -> None:
    assert is_dirty(claimed_at(100.0), unused=True)


@pytest.mark.parametrize(
    "seen",
    [
        Hypervisor(),
        replace(WATCHED, watched_since=20.5),
        replace(WATCHED, shown=Map({ADDRESS: 21.0})),
        replace(WATCHED, shown=Map({ADDRESS: 20.0})),
        replace(WATCHED, domains=(replace(domain("g"), problem="line 3"),)),
    ],
    ids=["never asked", "watched too late", "shown since", "shown at that moment", "a domain that is not understood"],
)
def test_unused_is_not_believed_where_a_domain_may_have_had_it(seen: Hypervisor) -> None:
    assert is_dirty(claimed_at(20.0, seen), unused=True)


def test_what_a_domain_had_before_the_claim_says_nothing() -> None:
    assert not is_dirty(claimed_at(20.0, replace(WATCHED, shown=Map({ADDRESS: 19.0}))), unused=True)


def test_unused_is_not_believed_of_an_allocated_claim() -> None:
    assert is_dirty(obey(claimed_at(20.0), Allocate(claim_id="c", at=21.0)), unused=True)
