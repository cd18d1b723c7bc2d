# SPDX-License-Identifier: Apache-2.0
"""What the agent knows of itself, as it comes to know it."""

from collections.abc import Iterator

import pytest

from pcipt_agent.errors import HostError
from pcipt_agent.views.agent_facts import Failure, HintFacts, Scan, TransportFacts
from pcipt_agent.vitals import Sources, TimedReader, Vitals
from tests.support.ledgers import memory_ledger, small_host
from tests.support.planned import at
from tests.support.ports import GivenReader, MemoryJournal, SteppingClock

SOURCES = Sources(
    rules_loaded_at=lambda: 5.0,
    reload_failure=lambda: Failure(6.0, "no JSON"),
    hints=lambda: HintFacts(working=True, problem=None),
    transport=lambda: TransportFacts(where="unix:///a", broker=False, notifications=True, notifications_lost=0),
    claim_timeout_seconds=lambda: 60.0,
    staying=lambda: {"c1": "open"},
)


def stopwatch() -> Iterator[float]:
    yield from (10.0, 10.25, 20.0, 20.5, 30.0, 31.0)


def known(reader: TimedReader) -> tuple[Scan | None, Failure | None]:
    return reader.scan, reader.failure


def timed(given: GivenReader) -> TimedReader:
    laps = stopwatch()
    return TimedReader(given, SteppingClock(100.0), stopwatch=lambda: next(laps))


def test_a_reading_is_timed_and_a_failed_one_keeps_the_last() -> None:
    given = GivenReader(small_host())
    reader = timed(given)
    assert known(reader) == (None, None)
    assert reader.read() is given.host
    assert known(reader) == (Scan(101.0, 0.25), None)
    given.problem = "Input/output error"
    with pytest.raises(HostError):
        reader.read()
    assert known(reader) == (Scan(101.0, 0.25), Failure(102.0, "/sys/bus/pci/devices: Input/output error"))
    given.problem = None


def test_a_reading_that_succeeds_ends_the_failure() -> None:
    given = GivenReader(small_host(), "gone")
    reader = timed(given)
    with pytest.raises(HostError):
        reader.read()
    given.problem = None
    reader.read()
    assert reader.failure is None


def test_a_look_at_a_few_addresses_is_passed_on() -> None:
    given = GivenReader(small_host())
    assert timed(given).read_at([at("3b:00.0")]) is given.host
    assert given.asked == [(at("3b:00.0"),)]


def test_the_facts_are_those_of_the_moment() -> None:
    ledger, disk = memory_ledger()
    reader = timed(GivenReader(small_host()))
    vitals = Vitals(ledger, MemoryJournal(disk), host="compute1", reader=reader, sources=SOURCES)
    assert vitals.facts().scan is None
    reader.read()
    facts = vitals.facts()
    assert (facts.host, facts.scan, facts.rules_loaded_at, facts.reload_failure) == (
        "compute1",
        Scan(101.0, 0.25),
        5.0,
        Failure(6.0, "no JSON"),
    )
    assert (facts.standing.claim_timeout_seconds, facts.standing.staying) == (60.0, {"c1": "open"})
    assert (facts.journal.records, facts.journal.size_bytes, facts.journal.unwritable) == (1, 100, None)
    assert facts.standing.at > facts.started_at


def test_libvirt_is_away_since_the_first_time_that_it_could_not_be_asked() -> None:
    ledger, disk = memory_ledger()
    vitals = Vitals(ledger, MemoryJournal(disk), host="h", reader=timed(GivenReader(small_host())), sources=SOURCES)
    vitals.libvirt(reachable=True)
    assert vitals.facts().libvirt_lost_at is None
    vitals.libvirt(reachable=False)
    since = vitals.facts().libvirt_lost_at
    vitals.libvirt(reachable=False)
    assert vitals.facts().libvirt_lost_at == since is not None
    vitals.libvirt(reachable=True)
    assert vitals.facts().libvirt_lost_at is None
