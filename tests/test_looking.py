# SPDX-License-Identifier: Apache-2.0
"""The thread that looks: at what is hinted at, once each; at everything in time; again while something settles; until the stop."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread

import pytest

from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.core.host import Host
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.flows.observing import Observer
from pcipt_agent.looking import AGAIN_SECONDS, GATHER_SECONDS, Looking
from pcipt_agent.ports import MOST_HINTED, Hints, HostReader
from tests.support.hinting import GivenHints
from tests.support.hosttree import HostTree, directory_in_memory
from tests.support.ledgers import memory_ledger
from tests.support.planned import at, host, pci, sriov
from tests.support.ports import GivenReader

NEVER = 3600.0
PF, *VFS = sriov("02:00.0", vfs=4)


@contextmanager
def looking(
    reader: HostReader,
    *sources: GivenHints,
    ledger: Ledger | None = None,
    interval: float = NEVER,
) -> Iterator[Looking]:
    """A thread that has looked once, and is stopped at the end."""
    observer = Observer(ledger or memory_ledger()[0], reader, ended_claims_kept_seconds=1e9)
    thread = Looking(observer, sources, interval_seconds=interval)
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()
        assert thread.join(10), "it does not stop"


def until(true: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.005)


def test_it_begins_with_a_look_at_everything() -> None:
    ledger, _ = memory_ledger()
    reader = GivenReader(host(pci("01:00.0")))
    with looking(reader, ledger=ledger):
        until(lambda: ledger.inventory.catalogue.host is reader.host)
    assert (reader.whole, reader.asked) == (1, [])


def test_a_burst_of_hints_is_one_look_at_each_address() -> None:
    reader, hints, others = GivenReader(host(PF, *VFS)), GivenHints(), GivenHints()
    burst = [pci(f"{bus:02x}:00.0").address for bus in range(256)]
    with looking(reader, hints, others):
        until(lambda: reader.whole == 1)
        for address in burst * 2:
            (hints if address.bus % 2 else others).hint([address])
        until(lambda: reader.asked)
        time.sleep(2 * GATHER_SECONDS)
    assert reader.asked == [tuple(burst)]
    assert reader.whole == 1
    assert hints.closed
    assert others.closed


def test_hints_that_keep_coming_are_looked_at_all_the_same() -> None:
    reader, hints = GivenReader(host(pci("01:00.0"))), GivenHints()
    with looking(reader, hints):
        until(lambda: reader.whole == 1)
        end = time.monotonic() + 4 * GATHER_SECONDS
        while time.monotonic() < end:
            hints.hint([at("01:00.0")])
            time.sleep(0.01)
    assert 2 <= len(reader.asked) <= 5


def test_a_hint_without_an_address_is_a_look_at_what_the_host_uses() -> None:
    reader, hints = GivenReader(host(pci("01:00.0"))), GivenHints()
    with looking(reader, hints):
        hints.hint()
        until(lambda: reader.asked)
    assert reader.asked == [()]


@pytest.mark.parametrize("hinted", [Hints(everything=True), Hints(frozenset([at("01:00.0")]), everything=True)])
def test_lost_hints_are_a_look_at_everything(hinted: Hints) -> None:
    reader, hints = GivenReader(host(pci("01:00.0"))), GivenHints()
    with looking(reader, hints):
        until(lambda: reader.whole == 1)
        hints.hint(hinted.addresses, everything=hinted.everything)
        until(lambda: reader.whole == 2)
    assert reader.asked == []


def test_more_addresses_than_are_worth_looking_at_one_by_one_are_everything() -> None:
    many = [pci("01:00.0").address._replace(domain=number) for number in range(MOST_HINTED + 1)]
    assert Hints(frozenset(many[1:])) | Hints() == Hints(frozenset(many[1:]))
    assert Hints(frozenset(many[1:])) | Hints(frozenset(many[:1])) == Hints(everything=True)


def test_everything_is_looked_at_each_interval_without_any_hint() -> None:
    reader = GivenReader(host(pci("01:00.0")))
    with looking(reader, interval=0.05):
        until(lambda: reader.whole >= 4)
    assert reader.asked == []


def test_another_interval_counts_for_the_wait_that_is_under_way() -> None:
    reader = GivenReader(host(pci("01:00.0")))
    with looking(reader) as thread:
        until(lambda: reader.whole == 1)
        thread.look_every(0.05)
        until(lambda: reader.whole > 3)


def test_a_pf_that_settles_is_looked_at_again_soon_and_then_left_in_peace() -> None:
    reader = GivenReader(host(PF, *VFS[:2]))
    with looking(reader) as thread:
        until(lambda: len(reader.asked) == 2)
        began = time.monotonic()
        reader.host = host(PF, *VFS)
        until(lambda: len(reader.asked) == 3)
        assert time.monotonic() - began > 3 * AGAIN_SECONDS, "each wait is twice the last"
        thread.stop()
    assert reader.asked == [(PF.address,)] * 3


def test_a_look_that_failed_is_made_again_soon() -> None:
    reader, hints = GivenReader(host(pci("01:00.0"))), GivenHints()
    with looking(reader, hints):
        until(lambda: reader.whole == 1)
        reader.problem = "Too many open files"
        hints.hint([at("01:00.0")])
        until(lambda: reader.asked)
        reader.problem = None
        until(lambda: reader.whole == 2, seconds=4 * AGAIN_SECONDS)


def test_a_storm_starves_neither_the_rescan_nor_the_stop() -> None:
    reader, storm = GivenReader(host(pci("01:00.0"))), GivenHints(Hints(frozenset([at("01:00.0")])))
    with looking(reader, storm, interval=2 * GATHER_SECONDS) as thread:
        until(lambda: reader.whole >= 3)
        assert len(reader.asked) >= 1
        began = time.monotonic()
        thread.stop()
        assert thread.join(5)
    assert time.monotonic() - began < 0.3


def test_a_storm_leaves_most_of_the_processor_to_others() -> None:
    reader, storm = GivenReader(host(pci("01:00.0"))), GivenHints(Hints(everything=True))
    with looking(reader, storm):
        until(lambda: reader.whole >= 1)
        begun, used = time.monotonic(), time.process_time()
        time.sleep(1.5)
        share = (time.process_time() - used) / (time.monotonic() - begun)
    assert share < 0.4


def test_it_stops_at_once_while_it_waits_gathers_or_rests() -> None:
    for hinted in (False, True):
        hints = GivenHints()
        with looking(GivenReader(host(pci("01:00.0"))), hints) as thread:
            if hinted:
                hints.hint([at("01:00.0")])
            time.sleep(0.02)
            began = time.monotonic()
            thread.stop()
            assert thread.join(5)
        assert time.monotonic() - began < 0.3


@pytest.fixture
def tree() -> Iterator[HostTree]:
    with directory_in_memory() as root:
        yield HostTree(root, host(PF, *VFS, pci("01:00.0"), pci("03:00.0")))


def ledger_of(tree: HostTree) -> tuple[Ledger, SysfsReader]:
    reader = SysfsReader(tree.root)
    ledger, _ = memory_ledger(reader.read())
    return ledger, reader


def test_a_function_that_comes_goes_or_changes_is_seen_by_its_hint_alone(tree: HostTree) -> None:
    ledger, reader = ledger_of(tree)
    hints = GivenHints()

    def seen() -> Host:
        return ledger.inventory.catalogue.host

    with looking(reader, hints, ledger=ledger):
        tree.plug(pci("04:00.0"))
        hints.hint([at("04:00.0")])
        until(lambda: at("04:00.0") in seen().devices)
        tree.unplug(at("01:00.0"))
        tree.bind(at("03:00.0"), "vfio-pci")
        hints.hint([at("01:00.0"), at("03:00.0")])
        until(lambda: at("01:00.0") not in seen().devices)
        until(lambda: seen().devices[at("03:00.0")].driver == "vfio-pci")
        tree.set_num_vfs(PF, VFS[:2])
        hints.hint([PF.address])
        until(lambda: len(seen().vfs_of(PF.address)) == 2)
    assert seen() == SysfsReader(tree.root).read()


def test_a_tree_that_changes_while_it_is_read_is_read_right_in_the_end(tree: HostTree) -> None:
    ledger, reader = ledger_of(tree)
    hints, ended = GivenHints(), Event()

    def churn() -> None:
        for number in range(150):
            tree.set_num_vfs(PF, [replace(vf, revision=number % 256) for vf in VFS[: number % 5]])
            device = pci("03:00.0", product=f"{number:04x}")
            tree.unplug(device.address)
            tree.plug(device)
            hints.hint([PF.address, *(vf.address for vf in VFS), device.address])
        ended.set()

    with looking(reader, hints, ledger=ledger):
        churning = Thread(target=churn)
        churning.start()
        churning.join()
        assert ended.is_set()
        expected = SysfsReader(tree.root).read()
        until(lambda: ledger.inventory.catalogue.host == expected)


def test_what_is_seen_while_the_tree_changes_is_never_half_a_function(tree: HostTree) -> None:
    """Whole directories are renamed under the reader: a function is there as it was written, or not there."""
    reader, ended = SysfsReader(tree.root), Event()
    expected = reader.read()
    bus = tree.root / "sys/bus/pci/devices"

    def churn() -> None:
        while not ended.is_set():
            for vf in VFS:
                (bus / str(vf.address)).rename(tree.root / "aside")
                tree.directory_of(vf.address).rename(tree.root / "aside-too")
                (tree.root / "aside-too").rename(tree.directory_of(vf.address))
                (tree.root / "aside").rename(bus / str(vf.address))

    churning = Thread(target=churn)
    churning.start()
    try:
        for number in range(300):
            seen = reader.read_at([vf.address for vf in VFS]) if number % 3 else reader.read()
            assert all(expected.devices[address] == device for address, device in seen.devices.items())
    finally:
        ended.set()
        churning.join()
    assert reader.read() == expected


def test_no_file_stays_open() -> None:
    before = set(Path("/proc/self/fd").iterdir())
    with looking(GivenReader(host(pci("01:00.0"))), GivenHints()):
        pass
    assert set(Path("/proc/self/fd").iterdir()) == before
