# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every named point of every decision: nothing told is lost, nothing is promised twice, the retry is answered alike."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.core.invariant import violations
from pcipt_agent.errors import ClaimEnded
from tests.support.crash import CALLS, call
from tests.support.ledgers import book_on, ledger_over

CHECKOUT = Path(__file__).resolve().parents[2]
DURABLE_AT = {"decided": False, "rendered": False, "appended": True, "published": True}


def run(state: Path, point: str, nth: int) -> tuple[list[str], int]:
    """What callers were told before the end, and the exit code."""
    command = [sys.executable, "-m", "tests.support.crash", str(state), point, str(nth)]
    done = subprocess.run(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    return done.stdout.splitlines(), done.returncode


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What callers are told where nothing dies."""
    told, code = run(tmp_path_factory.mktemp("whole") / "state", "decided", 0)
    assert (len(told), code) == (len(CALLS), 0)
    return told


@pytest.mark.parametrize("nth", range(1, len(CALLS) + 1))
@pytest.mark.parametrize("point", DURABLE_AT)
def test_a_kill_at_any_point_loses_nothing_and_promises_nothing_twice(
    tmp_path: Path, whole: list[str], point: str, nth: int
) -> None:
    state = tmp_path / "state"
    told, code = run(state, point, nth)
    assert (told, code) == (whole[: nth - 1], -signal.SIGKILL)
    journal = SqliteJournal(state)
    ledger = ledger_over(journal)
    assert len(list(journal.decisions())) == nth - 1 + DURABLE_AT[point]
    assert violations(ledger.inventory) == ()
    retried = [f"{CALLS[nth - 1]}: {call(ledger, CALLS[nth - 1])}"]
    rest = [f"{line}: {call(ledger, line)}" for line in CALLS[nth:]]
    assert told + retried + rest == whole
    assert violations(ledger.inventory) == ()
    journal.close()
    assert set(book_on(state).claims) == {"c3"}


def test_a_caller_who_retries_everything_is_answered_alike_or_told_that_it_has_ended(tmp_path: Path, whole: list[str]) -> None:
    state = tmp_path / "state"
    run(state, "published", len(CALLS))
    journal = SqliteJournal(state)
    ledger = ledger_over(journal)
    before = ledger.inventory
    for line, answer in zip(CALLS, whole, strict=True):
        if line in ("claim c1", "claim c2", "allocate c1"):
            with pytest.raises(ClaimEnded):
                call(ledger, line)
        else:
            assert f"{line}: {call(ledger, line)}" == answer
    assert ledger.inventory is before
    journal.close()
