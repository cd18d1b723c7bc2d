# SPDX-License-Identifier: Apache-2.0
"""The commands, and what happens if one is obeyed now.

The life of a claim is the table `LIFE`: (state, command) → what it does. Deciding reads an inventory and returns events; it changes
nothing, so a dry run is a decision that nobody appends. A claim_id that was freed before it was ever claimed has ended all the
same: its claim may still be on the way, and would otherwise take devices that nobody is going to free. What an operator says of a
device (`core.upkeep`) is no part of that life.

Does not know: the clock, the journal, the caller's wire format, libvirt.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pcipt_agent.core import upkeep
from pcipt_agent.core.adoption import Adopt, adopted
from pcipt_agent.core.claim import Allocated, Claim, Claimed, ClaimState, Event, Expired, Fingerprint, Freed, Held, Wish
from pcipt_agent.core.inventory import Inventory
from pcipt_agent.core.onetime import made_dirty
from pcipt_agent.core.sameness import differences
from pcipt_agent.core.selection import select
from pcipt_agent.core.upkeep import Clean, Disable, Enable
from pcipt_agent.errors import ClaimDiffers, ClaimEnded, ClaimIsAllocated, ClaimUnknown


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDevices:
    """Choose devices for the wish and promise them."""

    claim_id: str
    wish: Wish
    at: float
    """Seconds since the epoch."""
    by: str | None = None
    """Whose call it is, as far as the transport tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocate:
    """A guest has the devices now."""

    claim_id: str
    at: float
    """Seconds since the epoch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Free:
    """The promise is over."""

    claim_id: str
    at: float
    """Seconds since the epoch."""
    unused: bool = False
    """The caller says that no guest has had the devices; it is believed only where libvirt has shown no other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expire:
    """Nobody has allocated it in time, and nobody has the devices."""

    claim_id: str
    at: float
    """Seconds since the epoch."""


ClaimCommand = ClaimDevices | Allocate | Free | Expire | Adopt
Command = ClaimCommand | Disable | Enable | Clean


class Life(StrEnum):
    """Where a claim_id is in its life."""

    ABSENT = "absent"
    CLAIMED = "claimed"
    ALLOCATED = "allocated"
    ENDED = "ended"


def life_of(inventory: Inventory, claim_id: str) -> Life:
    claim = inventory.book.claims.get(claim_id)
    if claim is not None:
        return Life.CLAIMED if claim.state is ClaimState.CLAIMED else Life.ALLOCATED
    return Life.ENDED if claim_id in inventory.book.ended else Life.ABSENT


def decide(inventory: Inventory, command: Command) -> tuple[Event, ...]:
    """What happens if `command` is obeyed now; empty when it already holds. Raises only `Refusal`."""
    match command:
        case Disable():
            return upkeep.disable(inventory, command)
        case Enable():
            return upkeep.enable(inventory, command)
        case Clean():
            return upkeep.clean(inventory, command)
        case _:
            return LIFE[life_of(inventory, command.claim_id), type(command)].obey(inventory, command)


def _choose(inventory: Inventory, command: ClaimCommand) -> tuple[Event, ...]:
    assert isinstance(command, ClaimDevices)
    wish = command.wish
    chosen = select(inventory, wish)
    held = tuple(_hold(inventory, request, index) for request, indexes in enumerate(chosen) for index in indexes)
    claim = Claim(
        claim_id=command.claim_id,
        wish=wish,
        held=held,
        state=ClaimState.CLAIMED,
        claimed_at=command.at,
        claimed_by=command.by,
    )
    return (Claimed(claim),)


def _hold(inventory: Inventory, request: int, index: int) -> Held:
    device, spec = inventory.catalogue.devices[index], inventory.catalogue.spec_of[index]
    assert spec is not None, "selection hands out assignable devices only"
    return Held(
        request=request,
        address=device.address,
        device_type=device.device_type,
        managed=spec.tags.managed,
        entry=spec.source,
        fingerprint=Fingerprint.of(device),
        one_time_use=spec.tags.one_time_use,
    )


def _adopt(inventory: Inventory, command: ClaimCommand) -> tuple[Event, ...]:
    assert isinstance(command, Adopt)
    return (Claimed(adopted(inventory, command)),)


def _compare(inventory: Inventory, command: ClaimCommand) -> tuple[Event, ...]:
    assert isinstance(command, ClaimDevices)
    differing = differences(inventory.book.claims[command.claim_id].wish, command.wish)
    if differing:
        raise ClaimDiffers(command.claim_id, differing)
    return ()


def _allocate(_inventory: Inventory, command: ClaimCommand) -> tuple[Event, ...]:
    assert isinstance(command, Allocate)
    return (Allocated(command.claim_id, command.at),)


def _end(inventory: Inventory, command: ClaimCommand) -> tuple[Event, ...]:
    assert isinstance(command, Free)
    claim = inventory.book.claims.get(command.claim_id)
    # Of a claim that was made later than now, the clock was set back: nobody can tell what libvirt has shown before and after it.
    unused = command.unused and (claim is None or claim.claimed_at <= command.at)
    dirty = () if claim is None else made_dirty(inventory, claim, unused=unused)
    return (Freed(command.claim_id, command.at, dirty),)


def _expire(inventory: Inventory, command: ClaimCommand) -> tuple[Event, ...]:
    assert isinstance(command, Expire)
    claim = inventory.book.claims[command.claim_id]
    return (Expired(command.claim_id, command.at, made_dirty(inventory, claim, unused=False)),)


def _already(_inventory: Inventory, _command: ClaimCommand) -> tuple[Event, ...]:
    return ()


def _refuse_ended(inventory: Inventory, command: ClaimCommand) -> tuple[Event, ...]:
    raise ClaimEnded(command.claim_id, inventory.book.ended[command.claim_id])


def _refuse_unknown(_inventory: Inventory, command: ClaimCommand) -> tuple[Event, ...]:
    raise ClaimUnknown(command.claim_id)


def _refuse_allocated(_inventory: Inventory, command: ClaimCommand) -> tuple[Event, ...]:
    raise ClaimIsAllocated(command.claim_id)


@dataclass(frozen=True, slots=True)
class Step:
    """What a command does to a claim_id."""

    becomes: Life
    """Where it is afterwards; the same where nothing happens or the command is refused."""
    answer: str
    """In a few words, for the picture of the life."""
    obey: Callable[[Inventory, ClaimCommand], tuple[Event, ...]]


LIFE: Final[Mapping[tuple[Life, type[ClaimCommand]], Step]] = {
    (Life.ABSENT, ClaimDevices): Step(Life.CLAIMED, "devices are chosen", _choose),
    (Life.ABSENT, Allocate): Step(Life.ABSENT, "refused: unknown", _refuse_unknown),
    (Life.ABSENT, Free): Step(Life.ENDED, "its id is used up", _end),
    (Life.ABSENT, Expire): Step(Life.ABSENT, "refused: unknown", _refuse_unknown),
    (Life.ABSENT, Adopt): Step(Life.ALLOCATED, "what a domain holds is its own", _adopt),
    (Life.CLAIMED, ClaimDevices): Step(Life.CLAIMED, "same answer; other content is refused", _compare),
    (Life.CLAIMED, Allocate): Step(Life.ALLOCATED, "a guest has them", _allocate),
    (Life.CLAIMED, Free): Step(Life.ENDED, "devices are given back", _end),
    (Life.CLAIMED, Expire): Step(Life.ENDED, "devices are given back", _expire),
    (Life.CLAIMED, Adopt): Step(Life.CLAIMED, "nothing", _already),
    (Life.ALLOCATED, ClaimDevices): Step(Life.ALLOCATED, "same answer; other content is refused", _compare),
    (Life.ALLOCATED, Allocate): Step(Life.ALLOCATED, "same answer", _already),
    (Life.ALLOCATED, Free): Step(Life.ENDED, "devices are given back", _end),
    (Life.ALLOCATED, Expire): Step(Life.ALLOCATED, "refused: allocated", _refuse_allocated),
    (Life.ALLOCATED, Adopt): Step(Life.ALLOCATED, "nothing", _already),
    (Life.ENDED, ClaimDevices): Step(Life.ENDED, "refused: ended", _refuse_ended),
    (Life.ENDED, Allocate): Step(Life.ENDED, "refused: ended", _refuse_ended),
    (Life.ENDED, Free): Step(Life.ENDED, "same answer", _already),
    (Life.ENDED, Expire): Step(Life.ENDED, "nothing", _already),
    (Life.ENDED, Adopt): Step(Life.ENDED, "refused: ended", _refuse_ended),
}
"""Every state meets every command; `views.lifecycle` draws it."""
