# SPDX-License-Identifier: Apache-2.0
"""The steps of a life: what callers, operators, guests, the machine and the agent's own rounds do.

Each does one thing to a Life and holds the reply to the account. What it raises as a Refusal is an answer, and counted by its code;
only the codes that `EXPECTED` names for the kind are answers that it may get.

Does not know: which step comes when (`soak.running`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from pcipt_agent.core.address import PciAddress, parse_address
from pcipt_agent.core.history import Span
from pcipt_agent.errors import BadConfiguration
from pcipt_agent.flows import adopting, claiming, upkeeping
from pcipt_agent.ports import Hints
from pcipt_agent.views.wire import AllocatePayload, ClaimPayload, FreePayload, RequestPayload
from pcipt_agent.views.wire_adoption import AdoptPayload
from pcipt_agent.views.wire_reload import ReloadPayload
from pcipt_agent.views.wire_replies import ClaimReply
from pcipt_agent.views.wire_upkeep import CleanPayload, DisablePayload, EnablePayload
from tests.soak import configuration, guests
from tests.soak.account import SoakFault, Told, expect
from tests.soak.life import Life
from tests.support.books import consumer_id

_ALIASES = ("plain", "plain", "vf", "vf", "vf", "pf", "disk")
_CONSUMERS = 12


def claim(life: Life) -> None:
    """By aliases mostly, a GPU with its audio, or one device by its address; now and then only to see what it would get."""
    rng = life.rng
    match rng.randrange(6):
        case 0:
            requests = [RequestPayload(alias="gpu"), RequestPayload(alias="audio")]
        case 1:
            requests = [RequestPayload(address=str(rng.choice(sorted(life.machine.whole.devices))))]
        case _:
            requests = [RequestPayload(alias=rng.choice(_ALIASES), count=rng.choice([1, 1, 1, 2, 3]))]
    payload = ClaimPayload(
        claim_id=life.new_id(),
        consumer=UUID(consumer_id(rng.randrange(_CONSUMERS))),
        requests=requests,
        numa_nodes=rng.choice([None, None, None, [0], [1]]),
        dry_run=rng.random() < 0.1,
    )
    inventory = life.agent.ledger.inventory
    reply = claiming.claim(life.agent.ledger, payload)
    addresses = _addresses(reply)
    expect(reply.changed, f"{payload.claim_id} is new, and was told to have been claimed before")
    for address in addresses:
        out = {address, inventory.catalogue.host.devices[address].parent or address, None} & life.account.disabled
        expect(not out, f"{address} was promised though {out} are disabled")
        expect(address not in inventory.book.dirty, f"{address} was promised though it is dirty")
        seen = [each.name for each in inventory.hypervisor.domains if address in {device.address for device in each.devices}]
        expect(not seen, f"{address} was promised though libvirt has shown it in {seen}")
    if payload.dry_run:
        expect(life.agent.ledger.inventory is inventory, "a dry run has changed something")
    else:
        life.account.note(payload.claim_id, Told(payload, str(payload.consumer), addresses, life.clock.seconds))


def _addresses(reply: ClaimReply) -> tuple[PciAddress, ...]:
    found = [parse_address(device.address) for device in reply.devices]
    return tuple(address for address in found if address is not None)


def retry(life: Life) -> None:
    """A caller that did not hear the answer asks again; whatever the rules have become, it is the same answer."""
    claim_id = _some_claim(life)
    told = None if claim_id is None else life.account.claims[claim_id]
    if told is not None and told.payload is not None:
        reply = claiming.claim(life.agent.ledger, told.payload)
        same = not reply.changed and _addresses(reply) == told.addresses
        expect(same, f"{claim_id} was told {told.addresses}, and now {reply}")


def late(life: Life) -> None:
    """A claim that arrives after it was freed."""
    if life.ended:
        claim_id = life.rng.choice(life.ended)
        payload = ClaimPayload(claim_id=claim_id, consumer=UUID(consumer_id(0)), requests=[RequestPayload(alias="vf")])
        if claim_id in life.agent.ledger.inventory.book.ended:
            claiming.claim(life.agent.ledger, payload)
            raise SoakFault(f"{claim_id} has ended, and was claimed again")


def _some_claim(life: Life) -> str | None:
    """One that is held, mostly."""
    return life.rng.choice(list(life.account.claims)) if life.account.claims else None


def allocate(life: Life) -> None:
    claim_id = _some_claim(life) if life.rng.random() < 0.9 else life.new_id()
    if claim_id is not None:
        claiming.allocate(life.agent.ledger, AllocatePayload(claim_id=claim_id))
        life.account.claims[claim_id].allocated = True


def free(life: Life) -> None:
    claim_id = _some_claim(life) if life.rng.random() < 0.9 else life.new_id()
    if claim_id is not None:
        told = life.account.claims.get(claim_id)
        reply = claiming.free(life.agent.ledger, FreePayload(claim_id=claim_id, unused=life.rng.random() < 0.5))
        expect(reply.changed, f"{claim_id} had not ended, and was told to have been freed before")
        life.has_ended(claim_id)
        dirty = {str(address) for address in life.agent.ledger.inventory.book.dirty}
        expect(told is not None or not reply.dirty, f"{claim_id} held nothing and left {reply.dirty} dirty")
        expect(set(reply.dirty) <= dirty, f"{reply.dirty} were told to be dirty, and {dirty} are")


def expire(life: Life) -> None:
    """Time passes, and the agent's own round finds what is overdue."""
    life.clock.seconds += life.rng.choice([60, 600, 3600])
    life.agent.guests.look(0)
    life.agent.expirer.turn()
    timeout = life.agent.reloader.running.settings.claim_timeout
    for claim_id in life.account.claims.keys() - life.agent.ledger.inventory.book.claims.keys():
        told = life.account.claims[claim_id]
        expect(not told.allocated, f"{claim_id} was allocated and has expired")
        expect(0 < timeout <= life.clock.seconds - told.claimed_at, f"{claim_id} has expired before its time")
        expect(life.known.reachable, f"{claim_id} has expired while libvirt could not be asked")
        had = [name for address in told.addresses for name in life.known.having(address)]
        expect(not had, f"{claim_id} has expired, and {had} have its devices")
        life.has_ended(claim_id)


def hint(life: Life) -> None:
    """The machine changes, and what udev tells is looked at."""
    life.agent.observer.look_at(Hints(life.machine.change()))
    if not life.unhinted and life.rng.random() < 0.05:
        life.look_at_all_as_new()


def unhinted(life: Life) -> None:
    """The machine changes, and nobody tells; or somebody opens a device."""
    life.unhinted = True
    if life.rng.random() < 0.3:
        life.machine.open_or_close()
    else:
        life.machine.change()


def rescan(life: Life) -> None:
    life.look()
    if life.rng.random() < 0.1:
        life.look_at_all_as_new()


def reload(life: Life) -> None:
    """Of a file that is right, wrong or half written; what is not taken changes nothing."""
    write = life.rng.choice([configuration.good, configuration.good, configuration.mistaken, configuration.half_written])
    life.config_file.write_text(write(life.rng))
    before = life.agent.ledger.inventory
    dry_run = life.rng.random() < 0.2
    try:
        life.agent.reloader.reload(ReloadPayload(dry_run=dry_run))
    except BadConfiguration:
        expect(write is not configuration.good or any(before.book.claims), "a file without mistakes was not taken")
        expect(life.agent.ledger.inventory is before, "a reload was refused and has changed something")
        raise
    expect(write is not configuration.mistaken, "a file with a mistake was taken")
    expect(not dry_run or life.agent.ledger.inventory is before, "a dry run has changed something")


def disable(life: Life) -> None:
    place = _place(life)
    payload = DisablePayload(host=True, reason="fan") if place is None else DisablePayload(address=str(place), reason="link")
    upkeeping.disable(life.agent.ledger, payload)
    life.account.disabled.add(place)


def enable(life: Life) -> None:
    disabled = sorted(life.account.disabled, key=str)
    place = life.rng.choice(disabled) if disabled and life.rng.random() < 0.9 else _place(life)
    upkeeping.enable(life.agent.ledger, EnablePayload(host=True) if place is None else EnablePayload(address=str(place)))
    life.account.disabled.discard(place)


def _place(life: Life) -> PciAddress | None:
    """Some device, here or not; the host now and then."""
    return None if life.rng.random() < 0.05 else life.rng.choice(sorted(life.machine.whole.devices))


def clean(life: Life) -> None:
    dirty = sorted(life.agent.ledger.inventory.book.dirty)
    address = life.rng.choice(dirty) if dirty else life.rng.choice(sorted(life.machine.whole.devices))
    upkeeping.clean(life.agent.ledger, CleanPayload(address=str(address)))
    expect(address not in life.agent.ledger.inventory.book.dirty, f"{address} was cleaned and is dirty")


def adopt(life: Life) -> None:
    names = [guest.name for guest in life.known.guests.values()]
    domain = life.rng.choice([None, *names, "nobody"])
    payload = AdoptPayload(domain=domain, dry_run=life.rng.random() < 0.2)
    before = life.agent.ledger.inventory
    reply = adopting.adopt(life.agent.ledger, payload, new_id=life.new_id)
    if payload.dry_run:
        expect(life.agent.ledger.inventory is before, "a dry run has changed something")
        return
    for each in reply.adopted:
        expect(each.claim_id is not None, f"{each} was adopted under no claim_id")
        addresses = [parse_address(address) for address in each.addresses]
        told = Told(None, each.consumer, tuple(filter(None, addresses)), life.clock.seconds, allocated=True)
        life.account.note(str(each.claim_id), told)


def guest(life: Life) -> None:
    """A domain is started with what its consumer holds, or with what nobody gave it; ends; or libvirt does."""
    known, domains, rng = life.known, life.agent.domains, life.rng
    number = rng.randrange(guests.NUMBER)
    held = [each for told in life.account.claims.values() if told.consumer == consumer_id(number) for each in told.addresses]
    any_two = rng.sample(sorted(life.machine.whole.devices), 2)
    happening = rng.randrange(12)
    if not known.reachable or happening == 0:
        known.break_off_or_reconnect(domains)
    elif happening <= 4:
        known.name(domains, number, held or any_two[:1], running=True)
    elif happening == 5:
        known.name(domains, number, any_two, running=rng.random() < 0.5)
    elif happening == 6:
        known.puzzle(domains, rng)
    else:
        known.end(domains, rng)
    if rng.random() < 0.8:
        life.agent.guests.look(0)


def ask(life: Life) -> None:
    """Whose a device is, by its history."""
    address = life.rng.choice(sorted(life.machine.whole.devices))
    told = list(life.agent.journal.history(address=address))
    open_now = [span.claim_id for span in told if isinstance(span, Span) and span.until is None]
    holder = life.account.holder_of(address)
    expect(open_now == ([] if holder is None else [holder]), f"{address} is {holder}'s, and its history says {open_now}")


@dataclass(frozen=True, slots=True)
class Kind:
    weight: int
    do: Callable[[Life], None]
    codes: frozenset[str] = frozenset()
    """Of the refusals that it may get."""


def _kind(weight: int, do: Callable[[Life], None], *codes: str) -> Kind:
    return Kind(weight, do, frozenset(codes))


KINDS: Final[Mapping[str, Kind]] = {
    "claim": _kind(26, claim, "no-devices", "unknown-alias"),
    "retry": _kind(4, retry),
    "late claim": _kind(2, late, "claim-ended"),
    "allocate": _kind(10, allocate, "claim-unknown"),
    "free": _kind(13, free),
    "expiry": _kind(5, expire),
    "hint": _kind(14, hint),
    "change without a hint": _kind(2, unhinted),
    "full look": _kind(4, rescan),
    "reload": _kind(2, reload, "bad-configuration"),
    "disable": _kind(2, disable, "device-unknown"),
    "enable": _kind(4, enable, "device-unknown"),
    "clean": _kind(5, clean, "device-unknown"),
    "adopt": _kind(2, adopt, "libvirt-unreachable", "domain-unknown"),
    "guest": _kind(6, guest),
    "history": _kind(2, ask),
}
