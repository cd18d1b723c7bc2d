# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests.bench`: measures every figure that the project promises, each against a floor of the same run.

    python3 -m tests.bench                        hosts of 64, 512, 4096 and 16384 functions
    python3 -m tests.bench --functions 512        up to 512, as the tests do
    python3 -m tests.bench --only durable         one part
    python3 -m tests.bench --slack 1.5            limits half as much again, for a machine that others use too

Prints a table as it goes. A figure over its limit is measured twice more, because machines are noisy, and the best of three counts;
all three are printed. Exit code 1 where one is still over. What is counted (commits, syncs) has no slack.

Does not know: how a figure is measured (`bench.scan`, `bench.claims`, …).
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import figures
from tests.bench.claims import claim_rows, selection_rows
from tests.bench.durable import durable_rows
from tests.bench.figures import Figure
from tests.bench.hints import hint_rows
from tests.bench.memory import memory_row
from tests.bench.rpc import rpc_row
from tests.bench.scan import scan_rows
from tests.bench.startup import startup_rows
from tests.support.broker import broker

SIZES = (64, 512, 4096, 16384)
TRIES = 3


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: sizes of host, and the one of those for what is measured at one size."""

    sizes: tuple[int, ...]

    @property
    def most(self) -> int:
        return min(4096, self.sizes[-1])

    @property
    def rounds(self) -> int:
        """Of what takes milliseconds a time."""
        return 300 if self.sizes[-1] > 512 else 100


def _scan(directory: Path, extent: Extent) -> list[Figure]:
    return figures.scan_figures(scan_rows(directory, extent.sizes))


def _claims(_: Path, extent: Extent) -> list[Figure]:
    return figures.claim_figures(claim_rows(extent.sizes))


def _selection(_: Path, _extent: Extent) -> list[Figure]:
    return figures.selection_figures(selection_rows())


def _durable(directory: Path, extent: Extent) -> list[Figure]:
    return figures.durable_figures(durable_rows(directory, extent.rounds))


def _rpc(directory: Path, extent: Extent) -> list[Figure]:
    with broker() as url:
        return figures.rpc_figures([rpc_row(directory, url, extent.most, extent.rounds)])


def _hints(directory: Path, extent: Extent) -> list[Figure]:
    return figures.hint_figures(*hint_rows(directory, extent.most))


def _memory(directory: Path, extent: Extent) -> list[Figure]:
    return figures.memory_figures([memory_row(directory, extent.most)])


def _startup(directory: Path, extent: Extent) -> list[Figure]:
    return figures.startup_figures(startup_rows(directory, 15 if extent.sizes[-1] > 512 else 7))


Measure = Callable[[Path, Extent], list[Figure]]
PARTS: Mapping[str, tuple[Measure, str | None]] = {
    "scan": (_scan, "/dev/shm"),
    "claims": (_claims, None),
    "selection": (_selection, None),
    "durable": (_durable, None),
    "rpc": (_rpc, None),
    "hints": (_hints, "/dev/shm"),
    "memory": (_memory, "/dev/shm"),
    "startup": (_startup, None),
}
"""Part → what measures it, and the directory it works in where that is not the temporary one: trees are best in memory."""


def main() -> int:
    """0 where every figure keeps its limit."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--functions", type=int, choices=SIZES, default=SIZES[-1], help="the largest host (default: 16384)")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part; may be repeated")
    parser.add_argument("--slack", type=float, default=1.0, help="factor on the limits of what is timed (default: 1)")
    arguments = parser.parse_args()
    extent = Extent(tuple(size for size in SIZES if size <= arguments.functions))
    print(f"{'found':>10}  {'limit':>9}  what; against", flush=True)
    over = [figure for part in arguments.only or PARTS for figure in _measured(part, extent, arguments.slack)]
    for figure in over:
        print(f"over its limit in {TRIES} tries: {figure.what}", file=sys.stderr)
    return 1 if over else 0


def _measured(part: str, extent: Extent, slack: float) -> Sequence[Figure]:
    """Measures and prints one part; the figures that were over their limit in every try, told apart by their place."""
    measure, place = PARTS[part]
    over: dict[int, Figure] = {}
    for attempt in range(TRIES):
        with tempfile.TemporaryDirectory(dir=place if place and os.access(place, os.W_OK) else None) as directory:
            found = [figure.with_slack(slack) for figure in measure(Path(directory), extent)]
        shown = {index: figure for index, figure in enumerate(found) if attempt == 0 or index in over}
        for figure in shown.values():
            _show(figure, attempt)
        over = {index: figure for index, figure in shown.items() if not figure.kept}
        if not over:
            return ()
    return tuple(over.values())


def _show(figure: Figure, attempt: int) -> None:
    mark = "" if figure.kept else "  OVER"
    again = f"  (try {attempt + 1})" if attempt else ""
    found, limit = f"{figure.found:.2f} {figure.unit}", f"{figure.limit:.4g} {figure.unit}"
    print(f"{found:>10}  {limit:>9}  {figure.what}; {figure.beside}{mark}{again}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
