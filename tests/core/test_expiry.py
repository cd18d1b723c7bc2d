# SPDX-License-Identifier: Apache-2.0
"""What is overdue, and what libvirt has against its end."""

from dataclasses import replace

import pytest

from pcipt_agent.core.domain import Hypervisor
from pcipt_agent.core.expiry import kept_by_libvirt, kept_by_news, overdue
from pcipt_agent.core.inventory import Inventory, inventory_of
from tests.support.planned import allocated, claimed, domain, host, inventory, pci, wanting, wish

ASKED = Hypervisor(reachable=True, problem=None)


def three() -> Inventory:
    """Claims a and b, made at second 1, and c, which is allocated."""
    current = inventory(host(*(pci(f"0{bus}:00.0") for bus in (1, 2, 3))))
    for claim_id in ("b", "a", "c"):
        current = claimed(current, claim_id, wish(wanting(1)))
    return allocated(current, "c")


@pytest.mark.parametrize(
    ("at", "timeout", "expected"), [(10.9, 10, []), (11.0, 10, ["a", "b"]), (1e9, 0, [])], ids=["early", "on time", "never"]
)
def test_a_claim_is_overdue_once_the_timeout_is_over(at: float, timeout: float, expected: list[str]) -> None:
    assert [claim.claim_id for claim in overdue(three(), at, timeout)] == expected


def test_the_oldest_comes_first() -> None:
    current = three()
    younger = replace(current.book.claims["a"], claimed_at=5.0)
    book = replace(current.book, claims=current.book.claims.set("a", younger))
    found = overdue(inventory_of(current.catalogue, book, "0.0"), 100.0, 1)
    assert [claim.claim_id for claim in found] == ["b", "a"]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (ASKED, None),
        (replace(ASKED, domains=(domain("g", "02:00.0"),)), None),
        (replace(ASKED, domains=(domain("g", "01:00.0"),)), "0000:01:00.0 is named by domain g"),
        (replace(ASKED, domains=(replace(domain("g"), problem="line 3"),)), "nobody can tell what domain g names"),
        (Hypervisor(reachable=False, problem="hangs"), "libvirt can't be asked who has its devices: hangs"),
    ],
    ids=["nobody", "another device", "a domain", "a domain that is not understood", "not asked"],
)
def test_libvirt_keeps_what_a_domain_names_and_everything_while_it_is_silent(seen: Hypervisor, expected: str | None) -> None:
    current = claimed(inventory(host(pci("01:00.0"))), "c", wish(wanting(1)))
    under = inventory_of(current.catalogue, current.book, "0.0", seen)
    assert kept_by_libvirt(under, under.book.claims["c"]) == expected


@pytest.mark.parametrize(("since", "stays"), [(None, True), (1.0, False)])
def test_news_that_were_not_looked_at_keep_everything(since: float | None, stays: bool) -> None:
    current = inventory(host(pci("01:00.0")))
    under = inventory_of(current.catalogue, current.book, "0.0", replace(ASKED, watched_since=since))
    assert (kept_by_news(under) is not None) is stays
