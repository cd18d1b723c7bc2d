# SPDX-License-Identifier: Apache-2.0
"""What libvirt says of its domains while they are watched, and whether a look after it can have missed something.

A look sees what domains name at that moment. One that was started and has ended before the look is seen by its events alone, and
they don't say which devices it had. Then nobody can say any more that a device was never shown.

Does not know: libvirt, XML, threads.
Source: virDomainEventType, VIR_DOMAIN_EVENT_ID_DEVICE_ADDED and _REMOVED.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto


class EventKind(Enum):
    """Those after which a domain may name other devices than before."""

    DEFINED = auto()
    UNDEFINED = auto()
    STARTED = auto()
    STOPPED = auto()
    DEVICE_ADDED = auto()
    DEVICE_REMOVED = auto()


@dataclass(frozen=True, slots=True)
class DomainEvent:
    """It happened to the domain of that UUID."""

    uuid: str
    kind: EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenDomain:
    """One domain of one look."""

    uuid: str
    name: str
    running: bool
    persistent: bool
    documents: tuple[str, ...] = ()
    """Its XML as libvirt wrote it: the live one if it runs, then the persistent one if it has one."""
    problem: str | None = None
    """Why its documents could not be had, or not be understood."""


_ENDS = frozenset([EventKind.UNDEFINED, EventKind.STOPPED, EventKind.DEVICE_REMOVED])
_NAMES = frozenset([EventKind.DEFINED, EventKind.STARTED, EventKind.DEVICE_ADDED])


def may_have_missed(events: Sequence[DomainEvent], seen: Iterable[SeenDomain]) -> bool:
    """Whether a device can have been named and not been seen; `events` are those since the look before began, in order."""
    by_domain: dict[str, list[EventKind]] = defaultdict(list)
    for event in events:
        by_domain[event.uuid].append(event.kind)
    found = {domain.uuid: domain for domain in seen}
    return any(_missed(kinds, found.get(uuid)) for uuid, kinds in by_domain.items())


def _missed(kinds: Sequence[EventKind], domain: SeenDomain | None) -> bool:
    """One domain's events: it named something and is not there to be asked, or something ended or was replaced since."""
    first = next((place for place, kind in enumerate(kinds) if kind in _NAMES), None)
    if first is None:
        return False
    if any(kind in _ENDS for kind in kinds[first:]) or kinds.count(EventKind.DEFINED) > 1:
        return True
    if domain is None or domain.problem is not None:
        return True
    lived = EventKind.STARTED in kinds or EventKind.DEVICE_ADDED in kinds
    return (lived and not domain.running) or (EventKind.DEFINED in kinds and not domain.persistent)
