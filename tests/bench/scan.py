# SPDX-License-Identifier: Apache-2.0
"""What a look at the host costs, against reading the same files with bare os calls and making nothing of them.

The floor is not told which files those are: it takes what the reader has touched, by access time, in a tree whose access times were
set back before. Both open a function's directory once and its files relative to it, which is the cheapest way; they run in turn,
so that what else the machine does falls on both, and a ratio is the median of the rounds' ratios.
"""

import gc
import os
import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pcipt_agent.adapters.sysfs import SysfsReader
from pcipt_agent.core.alias import RuleSet
from pcipt_agent.core.catalogue import Catalogue, catalogue_of
from pcipt_agent.core.host import Host
from pcipt_agent.core.spec import AddressGlob, DeviceSpec, Tags
from tests.support.hosttree import HostTree
from tests.support.machines import sriov_host

SIZES = (64, 512, 4096, 16384)
FIRST_LIMIT, RESCAN_LIMIT = 2.0, 1.3

RULES = RuleSet(
    specs=(
        DeviceSpec(entry=1, source="", vendor_id="10de", product_id="20b5"),
        DeviceSpec(entry=2, source="", address=AddressGlob(0, 1, 0, 0), tags=Tags(physical_network="physnet1")),
        DeviceSpec(entry=3, source="", vendor_id="15b3", product_id="101e", address=AddressGlob(None, 2), tags=Tags(trusted=True)),
        DeviceSpec(entry=4, source="", vendor_id="15b3", product_id="101e"),
    ),
    aliases={},
)
"""Entries as operators write them: one for no device here, one for a PF and its VFs, one for a bus, one for the rest."""


@dataclass(frozen=True, slots=True)
class ScanRow:
    """One size of host; medians."""

    functions: int
    files: int
    """That one look reads, links and directories included."""
    floor_ms: float
    first_ms: float
    """The first look, and the match against the rules."""
    rescan_ms: float
    """A look that finds nothing changed."""
    first_ratio: float
    rescan_ratio: float


def scan_rows(directory: Path, sizes: Sequence[int] = SIZES, *, rounds: int = 7) -> tuple[ScanRow, ...]:
    """One row a size, over trees that are made in `directory` (which is best in memory) and removed again."""
    return tuple(_row(directory / f"host-{functions}", functions, rounds=rounds) for functions in sizes)


def _row(root: Path, functions: int, *, rounds: int) -> ScanRow:
    host = sriov_host(functions)
    HostTree(root, host)
    try:
        reader = SysfsReader(root)
        floor = _Floor(root, reader.read)
        assert reader.read() == host
        gc.collect()
        gc.freeze()  # the bench's own objects are no part of what either costs
        return _measure(root, functions, rounds=rounds, reader=reader, floor=floor)
    finally:
        gc.unfreeze()
        shutil.rmtree(root)


def _measure(root: Path, functions: int, *, rounds: int, reader: SysfsReader, floor: "_Floor") -> ScanRow:
    floors, firsts, rescans = [], [], []
    seen, written = reader.read(), _last_write(root)
    for _ in range(rounds):
        floors.append(_milliseconds(floor.read))
        firsts.append(_milliseconds(lambda: _first_look(root)))
        rescans.append(_milliseconds(lambda: _same(reader, seen)))
    assert _last_write(root) == written, "a look writes nothing"
    return ScanRow(
        functions=functions,
        files=floor.files,
        floor_ms=statistics.median(floors),
        first_ms=statistics.median(firsts),
        rescan_ms=statistics.median(rescans),
        first_ratio=statistics.median(ours / bare for ours, bare in zip(firsts, floors, strict=True)),
        rescan_ratio=statistics.median(ours / bare for ours, bare in zip(rescans, floors, strict=True)),
    )


def _first_look(root: Path) -> Catalogue:
    return catalogue_of(SysfsReader(root).read(), RULES)


def _same(reader: SysfsReader, seen: Host) -> None:
    assert reader.read() is seen


def _milliseconds(work: Callable[[], object]) -> float:
    gc.collect()
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def _last_write(root: Path) -> int:
    """When anything was last made, removed or renamed in the tree, in ns."""
    return max(Path(path).stat().st_mtime_ns for path, _, _ in os.walk(root))


_OLD_NS = 1
"""An access time that any read makes newer, also where the file system notes the first read after a change alone (relatime)."""
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_CLOEXEC


@dataclass(slots=True)
class _Share:
    """What is read of one function, relative to its directory."""

    listed: list[str]
    links: list[str]
    files: list[str]


class _Floor:
    """Reads what `look` read, and does nothing with it."""

    def __init__(self, root: Path, look: Callable[[], object]) -> None:
        self._bus = root / "sys/bus/pci/devices"
        self._shares = {path.name: _Share([], [], []) for path in self._bus.iterdir()}
        self._elsewhere = _Share([], [], [])
        _age(str(root))
        look()
        for entry in _touched(str(root)):
            self._note(Path(entry.path), entry)
        shares = [self._elsewhere, *self._shares.values()]
        self.files = sum(len(share.listed) + len(share.links) + len(share.files) for share in shares)
        assert self.files > len(self._shares), "this file system keeps no access times: the floor can't be taken from it"

    def _note(self, path: Path, entry: "os.DirEntry[str]") -> None:
        if path.parent == self._bus:
            return  # the link by which the function's directory is opened
        home = next((place for place, name in enumerate(path.parts) if name in self._shares), None)
        share = self._elsewhere if home is None else self._shares[path.parts[home]]
        name = str(path) if home is None else "/".join(path.parts[home + 1 :]) or "."
        kind = share.links if entry.is_symlink() else share.listed if entry.is_dir() else share.files
        kind.append(name)

    def read(self) -> None:
        _read(self._elsewhere, None)
        bus = os.open(self._bus, _DIRECTORY)
        for name, share in self._shares.items():
            directory = os.open(name, _DIRECTORY, dir_fd=bus)
            _read(share, directory)
            os.close(directory)
        os.close(bus)


def _read(share: _Share, directory: int | None) -> None:
    for name in share.listed:
        if name == "." and directory is not None:
            os.listdir(directory)
        else:
            listed = os.open(name, _DIRECTORY, dir_fd=directory)
            os.listdir(listed)
            os.close(listed)
    for name in share.links:
        os.readlink(name, dir_fd=directory)
    for name in share.files:
        file = os.open(name, _FILE, dir_fd=directory)
        os.read(file, 4096)
        os.close(file)


def _age(directory: str) -> None:
    """Everything below was last read long ago, also by this."""
    for entry in list(os.scandir(directory)):
        if entry.is_dir(follow_symlinks=False):
            _age(entry.path)
        else:
            os.utime(entry.path, ns=(_OLD_NS, _OLD_NS), follow_symlinks=False)
    os.utime(directory, ns=(_OLD_NS, _OLD_NS))


def _touched(directory: str) -> "Iterator[os.DirEntry[str]]":
    """What has been read since, each directory told before it is listed here."""
    for entry in list(os.scandir(directory)):
        if entry.stat(follow_symlinks=False).st_atime_ns != _OLD_NS:
            yield entry
        if entry.is_dir(follow_symlinks=False):
            yield from _touched(entry.path)
