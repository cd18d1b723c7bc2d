# SPDX-License-Identifier: Apache-2.0
"""Whether a look can have missed a device, by what was heard since the look before."""

import pytest

from pcipt_agent.adapters.hypervisor.watch import DomainEvent, EventKind, SeenDomain, may_have_missed

DEFINED, UNDEFINED, STARTED, STOPPED = EventKind.DEFINED, EventKind.UNDEFINED, EventKind.STARTED, EventKind.STOPPED
ADDED, REMOVED = EventKind.DEVICE_ADDED, EventKind.DEVICE_REMOVED


def seen(*, running: bool = True, persistent: bool = True, problem: str | None = None) -> SeenDomain:
    return SeenDomain(uuid="u", name="g", running=running, persistent=persistent, problem=problem)


def missed(kinds: list[EventKind], domain: SeenDomain | None) -> bool:
    return may_have_missed([DomainEvent("u", kind) for kind in kinds], [] if domain is None else [domain])


@pytest.mark.parametrize(
    ("kinds", "domain"),
    [
        ([], None),
        ([DEFINED], seen(running=False)),
        ([DEFINED, STARTED], seen()),
        ([STARTED], seen(persistent=False)),
        ([ADDED, ADDED], seen()),
        ([STOPPED, UNDEFINED], None),
        ([REMOVED], seen()),
        ([STOPPED, STARTED], seen()),
        ([UNDEFINED, DEFINED], seen()),
    ],
)
def test_nothing_was_missed_where_all_that_was_named_is_still_there(kinds: list[EventKind], domain: SeenDomain | None) -> None:
    assert not missed(kinds, domain)


@pytest.mark.parametrize(
    ("kinds", "domain"),
    [
        ([STARTED, STOPPED], None),
        ([STARTED, STOPPED], seen(running=False)),
        ([STARTED], seen(running=False)),
        ([STARTED], None),
        ([STARTED], seen(problem="it could not be asked")),
        ([DEFINED, UNDEFINED], None),
        ([DEFINED], seen(persistent=False)),
        ([DEFINED, DEFINED], seen()),
        ([ADDED, REMOVED], seen()),
        ([ADDED], seen(running=False)),
        ([STARTED, STOPPED, STARTED], seen()),
    ],
)
def test_what_was_named_and_may_be_gone_may_have_been_missed(kinds: list[EventKind], domain: SeenDomain | None) -> None:
    assert missed(kinds, domain)


def test_events_of_two_domains_are_not_confused() -> None:
    events = [DomainEvent("u", STARTED), DomainEvent("other", STOPPED)]
    assert not may_have_missed(events, [seen()])
