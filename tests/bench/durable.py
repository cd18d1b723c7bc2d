# SPDX-License-Identifier: Apache-2.0
"""(c) What durability costs: a claim through the ledger and the real journal, against a bare one-row SQLite commit.

Both with the same settings, in the same directory, in turn, so that what else the disk does falls on both. The limit is the bare
commit plus three times the claim without a journal. A shim under the process counts its syncs, and in a second run adds 2 ms to
each, which is a slow disk: there a second sync would show as a factor of two. The shim is compiled here, so this needs gcc.

    python -m tests.bench.durable        prints the rows
"""

import ctypes
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.adapters.journal.wal import commits
from pcipt_agent.core.alias import Alternative, Request
from pcipt_agent.core.claim import Wish
from pcipt_agent.core.decide import ClaimDevices, Free, decide
from pcipt_agent.core.device import DeviceType
from pcipt_agent.core.inventory import Inventory, after
from pcipt_agent.flows.ledger import Ledger
from tests.support.ledgers import ledger_over
from tests.support.machines import sriov_host
from tests.support.planned import rules

FUNCTIONS: Final = 4096
ADDED_MS: Final = (0.0, 2.0)
_MOMENTS = random.Random(1)
CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class DurableRow:
    """Medians of one run, in milliseconds; `limit_ms` is the bare commit plus three claims without a journal."""

    added_ms_per_sync: float
    sync_ms: float
    bare_commit_ms: float
    claim_without_journal_ms: float
    durable_claim_ms: float
    limit_ms: float
    syncs_per_claim: float
    commits_per_claim: float


def durable_rows(directory: Path, rounds: int) -> tuple[DurableRow, ...]:
    """One row for the disk that `directory` is on, and one with each sync slower. `directory` is an empty one."""
    shim = directory / "sync_shim.so"
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise RuntimeError("the bench of the journal compiles a shim that counts syncs: apt-get install gcc libc6-dev")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", shim, Path(__file__).with_name("sync_shim.c"), "-ldl"], check=True)
    return tuple(_in_child(directory / f"added-{added}", rounds, shim, added) for added in ADDED_MS)


def _in_child(directory: Path, rounds: int, shim: Path, added_ms: float) -> DurableRow:
    directory.mkdir()
    environment = {**os.environ, "LD_PRELOAD": str(shim), "SYNC_DELAY_US": str(int(added_ms * 1000))}
    command = [sys.executable, "-m", "tests.bench.durable", str(directory), str(rounds), str(added_ms)]
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, check=True)
    return DurableRow(**json.loads(done.stdout))


def _measured(directory: Path, rounds: int, added_ms: float) -> DurableRow:
    """In the child, where the shim is."""
    state = directory / "state"
    journal = SqliteJournal(state)
    ledger = ledger_over(journal, sriov_host(FUNCTIONS), ruleset=rules())
    times: dict[str, list[float]] = {"sync": [], "bare": [], "alone": [], "durable": []}
    syncs = []
    with closing(bare_database(state / "bare.db")) as database, (state / "synced").open("wb") as file:
        _claim_durably(ledger, -1)  # a new log's first frame comes with a sync of the log's header
        for number in range(rounds):
            times["sync"].append(milliseconds(_write_and_sync, file.fileno()))
            times["alone"].append(milliseconds(_claim_alone, ledger.inventory, number))
            turns = ["bare", "durable"]
            _MOMENTS.shuffle(turns)  # what went before leaves its mark on the next sync
            for turn in turns:
                before = _syncs()
                if turn == "bare":
                    times[turn].append(milliseconds(database.execute, "INSERT INTO row (body) VALUES ('one row')"))
                else:
                    times[turn].append(milliseconds(_claim_durably, ledger, number))
                    syncs.append(_syncs() - before)
            ledger.obey(Free(claim_id=f"c{number}", at=1.0), render=_generation)
    made = commits((state / "journal.db-wal").read_bytes())
    journal.close()
    sync, bare, alone, durable = (statistics.median(each) for each in times.values())
    return DurableRow(
        added_ms_per_sync=added_ms,
        sync_ms=sync,
        bare_commit_ms=bare,
        claim_without_journal_ms=alone,
        durable_claim_ms=durable,
        limit_ms=bare + 3 * alone,
        syncs_per_claim=statistics.fmean(syncs),
        commits_per_claim=(made - 1) / rounds / 2,
    )


def bare_database(path: Path) -> sqlite3.Connection:
    """With the settings of the journal, and one table of one column."""
    connection = sqlite3.connect(path, isolation_level=None)
    for setting in ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 0"):
        connection.execute(f"PRAGMA {setting}")
    connection.execute("CREATE TABLE row (number INTEGER PRIMARY KEY, body TEXT)")
    return connection


def _write_and_sync(descriptor: int) -> None:
    os.pwrite(descriptor, bytes(4096), 0)
    os.fdatasync(descriptor)


def _claim_alone(inventory: Inventory, number: int) -> Inventory:
    for event in decide(inventory, _command(number)):
        inventory = after(inventory, event, "next")
    return inventory


def _claim_durably(ledger: Ledger, number: int) -> str:
    return ledger.obey(_command(number), render=_generation)


def _command(number: int) -> ClaimDevices:
    request = Request(count=1, alias="vf", device_type=DeviceType.VF, alternatives=(Alternative(vendor_id="15b3"),))
    wish = Wish(consumer="4c0e1b6e-6f1f-4d3c-9a52-2a0f4f6a7b10", requests=(request,))
    return ClaimDevices(claim_id=f"c{number}", wish=wish, at=1.0)


def _generation(before: Inventory, after: Inventory) -> str:
    return f"{before.generation} {after.generation}"


def _syncs() -> int:
    return int(ctypes.CDLL(None).syncs_so_far())


def milliseconds(what: Callable[..., object], *arguments: object) -> float:
    """From a moment of its own: a disk that completes by a clock (a throttled one) favours what is asked at its tick."""
    time.sleep(_MOMENTS.uniform(0.0, 0.008))
    start = time.perf_counter()
    what(*arguments)
    return 1000 * (time.perf_counter() - start)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        print(json.dumps(asdict(_measured(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))))
    else:
        with tempfile.TemporaryDirectory() as here:
            for row in durable_rows(Path(here), 300):
                print(row)
