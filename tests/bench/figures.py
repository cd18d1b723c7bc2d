# SPDX-License-Identifier: Apache-2.0
"""A figure: one thing that was measured, beside its floor or its limit; what the benches' rows become in one table.

Does not know: how anything is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tests.bench.claims import CLAIM_LIMIT_US, RATIO_LIMIT, SELECTION_LIMIT_MS, ClaimRow, SelectionRow
from tests.bench.durable import DurableRow
from tests.bench.hints import BURST_LIMIT, HINT_LIMIT_MS, BurstRow, HintRow
from tests.bench.memory import LIMIT_MIB, MemoryRow
from tests.bench.rpc import LIMIT as RPC_LIMIT
from tests.bench.rpc import RpcRow
from tests.bench.scan import FIRST_LIMIT, RESCAN_LIMIT, ScanRow
from tests.bench.startup import StartupRow


@dataclass(frozen=True, slots=True)
class Figure:
    """`found` is held to `limit`, both in `unit`; `beside` says what it was measured against."""

    what: str
    beside: str
    found: float
    limit: float
    unit: str

    def with_slack(self, factor: float) -> "Figure":
        """The same, with a limit so many times as high; a count, which has no unit, is as it is."""
        return replace(self, limit=self.limit * factor) if self.unit else self

    @property
    def kept(self) -> bool:
        return self.found <= self.limit


def scan_figures(rows: Sequence[ScanRow]) -> list[Figure]:
    return [
        figure
        for row in rows
        for figure in (
            Figure(
                f"(a) first look and match, {row.functions} functions: {row.first_ms:.1f} ms",
                f"bare reads of the same {row.files} files: {row.floor_ms:.1f} ms",
                row.first_ratio,
                FIRST_LIMIT,
                "×",
            ),
            Figure(
                f"(a) rescan without a change, {row.functions} functions: {row.rescan_ms:.1f} ms",
                f"the same floor: {row.floor_ms:.1f} ms",
                row.rescan_ratio,
                RESCAN_LIMIT,
                "×",
            ),
        )
    ]


def claim_figures(rows: Sequence[ClaimRow]) -> list[Figure]:
    smallest, largest = rows[0], rows[-1]
    sizes = [
        Figure(
            f"(b) claim and free, no journal, {row.functions} functions: {row.claim_and_free_us:.1f} µs",
            f"the same at {smallest.functions}: {smallest.claim_and_free_us:.1f} µs",
            row.ratio,
            RATIO_LIMIT,
            "×",
        )
        for row in rows[1:]
    ]
    figure = f"(b) claim and free, no journal, {largest.functions} functions"
    return [*sizes, Figure(figure, "sanity", largest.claim_and_free_us, CLAIM_LIMIT_US, "µs")]


def selection_figures(rows: Sequence[SelectionRow]) -> list[Figure]:
    return [
        Figure(
            f"(b) 16 requests, 8 aliases, {row.functions} functions: {row.case}",
            "found" if row.found else "refused",
            row.median_ms,
            SELECTION_LIMIT_MS,
            "ms",
        )
        for row in rows
    ]


def durable_figures(rows: Sequence[DurableRow]) -> list[Figure]:
    return [
        figure
        for row in rows
        for figure in (
            Figure(
                f"(c) durable claim, {row.added_ms_per_sync:.0f} ms added per sync; the disk's sync: {row.sync_ms:.2f} ms",
                f"bare commit {row.bare_commit_ms:.2f} ms + 3 × claim {row.claim_without_journal_ms:.2f} ms",
                row.durable_claim_ms,
                row.limit_ms,
                "ms",
            ),
            Figure("(c) commits per durable claim", "counted in the log", row.commits_per_claim, 1.0, ""),
            Figure("(c) syncs per durable claim", "counted under the process", row.syncs_per_claim, 1.0, ""),
        )
    ]


def rpc_figures(rows: Sequence[RpcRow]) -> list[Figure]:
    return [
        Figure(
            f"(d) claim over RabbitMQ, {row.functions} functions: {row.claim_ms:.2f} ms",
            f"echo {row.echo_ms:.2f} ms + bare commit {row.bare_commit_ms:.2f} ms",
            row.ratio,
            RPC_LIMIT,
            "×",
        )
        for row in rows
    ]


def hint_figures(rows: Sequence[HintRow], burst: BurstRow) -> list[Figure]:
    ones = [
        Figure(
            f"(g) one hint, {row.functions} functions, to the published inventory: {row.case}",
            f"processor time; where nothing changed: {row.nothing_ms:.1f} ms; a look at everything: {row.whole_ms:.0f} ms",
            row.hint_ms,
            HINT_LIMIT_MS,
            "ms",
        )
        for row in rows
    ]
    return [
        *ones,
        Figure(
            f"(g) {burst.hints} hints in a burst, all changed: {burst.burst_ms:.1f} ms",
            f"the same, where nothing changed: {burst.nothing_ms:.1f} ms",
            burst.ratio,
            BURST_LIMIT,
            "×",
        ),
        Figure("(g) looks at one function in that burst", "counted by inotify", float(burst.most_opens), 1.0, ""),
    ]


def memory_figures(rows: Sequence[MemoryRow]) -> list[Figure]:
    return [
        Figure(
            f"(e) peak RSS of the daemon, {row.functions} functions",
            f"its imports alone: {row.imports_mib:.1f} MiB",
            row.daemon_mib,
            LIMIT_MIB,
            "MiB",
        )
        for row in rows
    ]


def startup_figures(rows: Sequence[StartupRow]) -> list[Figure]:
    return [
        Figure(f"(f) {row.command}: {row.command_ms:.0f} ms", f"{row.floor}: {row.floor_ms:.0f} ms", row.ratio, row.limit, "×")
        for row in rows
    ]
