# SPDX-License-Identifier: Apache-2.0
"""What callers and operators were told: the soak's own account, kept from replies alone.

Does not know: the book, sets, rules.
"""

from dataclasses import dataclass, field

from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.views.wire import ClaimPayload


class SoakFault(AssertionError):
    """The agent has done, or holds, what it must not."""


def expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SoakFault(otherwise)


@dataclass(slots=True)
class Told:
    """One claim that its caller believes to hold."""

    payload: ClaimPayload | None
    """None where it was adopted."""
    consumer: str
    addresses: tuple[PciAddress, ...]
    claimed_at: float
    allocated: bool = False


@dataclass(slots=True)
class Account:
    claims: dict[str, Told] = field(default_factory=dict)
    disabled: set[PciAddress | None] = field(default_factory=set)
    """None: the host."""

    def note(self, claim_id: str, told: Told) -> None:
        for address in told.addresses:
            holder = self.holder_of(address)
            expect(holder is None, f"{address} was promised to {claim_id}, and it is {holder}'s")
        self.claims[claim_id] = told

    def holder_of(self, address: PciAddress) -> str | None:
        return next((claim_id for claim_id, told in self.claims.items() if address in told.addresses), None)

    def compare(self, inventory: Inventory) -> None:
        """The book says the same."""
        book = inventory.book
        held = {claim_id: tuple(each.address for each in claim.held) for claim_id, claim in book.claims.items()}
        told = {claim_id: each.addresses for claim_id, each in self.claims.items()}
        expect(held == told, f"callers were told {told}, and the book holds {held}")
        filed = {address: claim_id for claim_id, each in self.claims.items() for address in each.addresses}
        expect(dict(book.holders.items()) == filed, f"holders are filed as {book.holders}, and callers were told {filed}")
        out = {*book.disabled, *([None] if book.host_disabled else [])}
        expect(out == self.disabled, f"operators were told that {self.disabled} are disabled, and the book says {out}")
