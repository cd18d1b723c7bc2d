# SPDX-License-Identifier: Apache-2.0
"""What every reader of domains promises; run on the one in memory and on libvirt's, with libvirt's test driver behind it."""

import threading
import time
from collections.abc import Iterator

import pytest

from pcipt_agent.adapters.hypervisor import LibvirtReader
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.domain import Domain, DomainDevice, Hypervisor
from pcipt_agent.ports import DomainReader
from tests.support.guests import Guests, MemoryGuests, TestDriverGuests, hostdev_xml, saw
from tests.support.ports import SteppingClock

ONE, TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
VF = PciAddress(0, 0x3B, 0, 2)
NODE = "/dev/vhost-vdpa-0"
Pair = tuple[DomainReader, Guests]


@pytest.fixture(params=["memory", "libvirt"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A reader that has seen libvirt, and the guests."""
    if request.param == "memory":
        memory = MemoryGuests(SteppingClock())
        memory.start()
        yield memory, memory
        memory.close()
        return
    guests = TestDriverGuests("test:///default")
    reader = LibvirtReader("test:///default", clock=SteppingClock())
    reader.start()
    saw(reader, lambda seen: seen.reachable)
    yield reader, guests
    reader.close()
    guests.leave()


def domain(seen: Hypervisor, uuid: str) -> Domain | None:
    return next((each for each in seen.domains if each.uuid == uuid), None)


def test_a_domain_is_seen_while_it_is_defined_and_running_while_it_runs(pair: Pair) -> None:
    reader, guests = pair
    device = DomainDevice(VF, None, True)
    guests.define(ONE, "g1", hostdev_xml(VF))
    assert saw(reader, lambda seen: domain(seen, ONE) == Domain(uuid=ONE, name="g1", running=False, devices=(device,)))
    guests.boot(ONE)
    assert saw(reader, lambda seen: domain(seen, ONE) == Domain(uuid=ONE, name="g1", running=True, devices=(device,)))
    guests.destroy(ONE)
    assert saw(reader, lambda seen: domain(seen, ONE) == Domain(uuid=ONE, name="g1", running=False, devices=(device,)))
    guests.undefine(ONE)
    assert saw(reader, lambda seen: domain(seen, ONE) is None)


def test_domains_are_in_the_order_of_their_names(pair: Pair) -> None:
    reader, guests = pair
    guests.define(ONE, "b", "")
    guests.define(TWO, "a", "")
    seen = saw(reader, lambda seen: domain(seen, ONE) is not None and domain(seen, TWO) is not None)
    assert [each.name for each in seen.domains if each.name != "test"] == ["a", "b"]


def test_a_device_was_shown_since_it_was_named_and_one_that_was_not_is_surely_unused(pair: Pair) -> None:
    reader, guests = pair
    start = saw(reader, lambda seen: seen.watched_since is not None).watched_since
    assert start is not None
    guests.define(ONE, "g1", hostdev_xml(VF) + f"<interface type='vdpa'><source dev='{NODE}'/></interface>")
    seen = saw(reader, lambda seen: VF in seen.shown and seen.watched_since is not None)
    assert NODE in seen.shown_nodes
    assert not seen.surely_unused_since(VF, start)
    assert seen.surely_unused_since(VF._replace(function=3), start)
    assert not seen.surely_unused_since(VF._replace(function=3), start - 1)


def test_a_look_waits_for_news_and_no_longer_than_it_is_told(pair: Pair) -> None:
    reader, guests = pair
    while reader.look(0.5) != reader.look(0.5):
        pass
    began = time.monotonic()
    threading.Timer(0.2, guests.define, (ONE, "g1", "")).start()
    reader.look(30)
    assert 0.1 < time.monotonic() - began < 10
    saw(reader, lambda seen: domain(seen, ONE) is not None)


def test_closing_ends_a_look_that_waits(pair: Pair) -> None:
    reader, _ = pair
    reader.look(0.5)
    threading.Timer(0.2, reader.close).start()
    began = time.monotonic()
    reader.look(30)
    assert time.monotonic() - began < 10
