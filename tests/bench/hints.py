# SPDX-License-Identifier: Apache-2.0
"""What a hint costs, from the address to the inventory that everybody sees: processor time of the thread that looks.

Beside it stands what bare reads of the same functions take (the function, its PF, and what the host uses), and what a look at
everything would have cost. Of a burst it is counted how often each function's directory was opened.
"""

import ctypes
import gc
import os
import statistics
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.core.address import PciAddress
from pcipt_agent.core.device import Device
from pcipt_agent.flows.ledger import Ledger
from pcipt_agent.flows.observing import Observer
from pcipt_agent.ports import Hints
from tests.bench.scan import RULES
from tests.support.hosttree import HostTree
from tests.support.ledgers import ledger_over
from tests.support.machines import sriov_host
from tests.support.ports import MemoryDisk, MemoryJournal

HINT_LIMIT_MS = 5.0
BURST = 256
BURST_LIMIT = 3.0
"""Times the processor time of reading the same functions again where nothing has changed."""


@dataclass(frozen=True, slots=True)
class HintRow:
    """One kind of happening; medians."""

    functions: int
    case: str
    hint_ms: float
    nothing_ms: float
    """The same hint, where nothing has changed: the reading alone."""
    whole_ms: float
    """A look at everything that finds nothing changed."""


@dataclass(frozen=True, slots=True)
class BurstRow:
    """One burst of hints of different functions, all of which have changed."""

    functions: int
    hints: int
    burst_ms: float
    nothing_ms: float
    most_opens: int
    """Of one function's directory."""

    @property
    def ratio(self) -> float:
        return self.burst_ms / self.nothing_ms


class _Bench:
    """A host whose tree is in memory, and who looks at it."""

    def __init__(self, root: Path, functions: int) -> None:
        self.host = sriov_host(functions)
        self.tree = HostTree(root, self.host)
        reader = SysfsReader(root)
        self.ledger: Ledger = ledger_over(MemoryJournal(MemoryDisk()), reader.read(), ruleset=RULES)
        self._observer = Observer(self.ledger, reader, ended_claims_kept_seconds=1e9)
        self.vfs = [device for device in self.host.devices.values() if device.parent is not None]

    def look_ms(self, addresses: Sequence[PciAddress] | None = None) -> float:
        """At everything where no addresses are given."""
        hints = Hints(everything=True) if addresses is None else Hints(frozenset(addresses))
        gc.collect()
        start = time.thread_time()
        self._observer.look_at(hints)
        return (time.thread_time() - start) * 1000


def hint_rows(directory: Path, functions: int, *, rounds: int = 9) -> tuple[tuple[HintRow, ...], BurstRow]:
    """Over one tree, made in `directory`."""
    bench = _Bench(directory / "host", functions)
    gc.freeze()  # the bench's own objects are no part of what it costs
    try:
        whole = statistics.median(bench.look_ms() for _ in range(3))
        return _hints(bench, whole, rounds), _burst(bench, min(BURST, functions // 2))
    finally:
        gc.unfreeze()


def _hints(bench: _Bench, whole_ms: float, rounds: int) -> tuple[HintRow, ...]:
    tree, vfs = bench.tree, bench.vfs[:: max(1, len(bench.vfs) // rounds)][:rounds]
    cases: dict[str, Callable[[Device], None]] = {
        "a VF is bound to another driver": lambda vf: _rebind(tree, vf),
        "a VF goes": lambda vf: tree.unplug(vf.address),
        "a VF comes": lambda vf: tree.plug(vf),
    }
    rows = []
    for case, happen in cases.items():
        found, nothing = [], []
        for vf in vfs:
            before = bench.ledger.inventory
            happen(vf)
            found.append(bench.look_ms([vf.address]))
            assert bench.ledger.inventory.generation != before.generation
            nothing.append(bench.look_ms([vf.address]))
        rows.append(HintRow(len(bench.host.devices), case, statistics.median(found), statistics.median(nothing), whole_ms))
    return tuple(rows)


def _rebind(tree: HostTree, device: Device) -> None:
    tree.unbind(device.address)
    tree.bind(device.address, "vfio-pci")


def _burst(bench: _Bench, hints: int) -> BurstRow:
    addresses = [vf.address for vf in bench.vfs[-hints:]]
    found, nothing = [], []
    for number in range(3):
        for address in addresses:
            bench.tree.write(address, "driver_override", content=b"driver-%d\n" % number)
        found.append(bench.look_ms(addresses))
        nothing.append(bench.look_ms(addresses))
        assert bench.ledger.inventory.catalogue.host.devices[addresses[0]].driver_override == f"driver-{number}"
    for address in addresses:
        bench.tree.write(address, "driver_override", content=b"counted\n")
    opens = _most_opens([bench.tree.directory_of(address) for address in addresses], lambda: bench.look_ms(addresses))
    return BurstRow(len(bench.host.devices), hints, statistics.median(found), statistics.median(nothing), opens)


_IN_OPEN, _IN_ISDIR = 0x20, 0x40000000
_EVENT = struct.Struct("iIII")


def _most_opens(directories: Sequence[Path], work: Callable[[], object]) -> int:
    """How often `work` opened the one of them that it opened most; inotify(7) counts."""
    libc = ctypes.CDLL(None, use_errno=True)
    queue = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    for directory in directories:
        assert libc.inotify_add_watch(queue, os.fsencode(directory), _IN_OPEN) > 0, os.strerror(ctypes.get_errno())
    try:
        work()
        opened: Counter[int] = Counter()
        while events := _read(queue):
            place = 0
            while place < len(events):
                watch, mask, _, length = _EVENT.unpack_from(events, place)
                assert watch > 0, "more events than the queue holds"
                opened[watch] += length == 0 and bool(mask & _IN_ISDIR)
                place += _EVENT.size + length
        assert len(opened) == len(directories)
        return max(opened.values())
    finally:
        os.close(queue)


def _read(queue: int) -> bytes:
    try:
        return os.read(queue, 1 << 20)
    except BlockingIOError:
        return b""
