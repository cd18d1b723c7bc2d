# SPDX-License-Identifier: Apache-2.0
"""The machine that the doctor runs on: a journal is replayed while its agent writes it, and no fact stands in another's way."""

import os
import threading
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest

from pcipt_agent.adapters.journal import SqliteJournal
from pcipt_agent.adapters.journal.files import JournalFiles
from pcipt_agent.adapters.journal.replay import Replayed
from pcipt_agent.cli.this_machine import read_journal
from pcipt_agent.core.agreement import DamagedJournal, Journal
from pcipt_agent.core.claim import ClaimBook, Claimed, Decision
from pcipt_agent.core.diagnosis import Unseen
from tests.support.books import BOOT, claim, decision
from tests.support.journals import started


def a_decision(number: int) -> Decision:
    return decision(Claimed(claim(number)))


def written(directory: Path) -> SqliteJournal:
    journal = started(directory)
    for number in range(3):
        journal.append(a_decision(number))
    return journal


def test_a_journal_that_is_whole_is_replayed_while_the_agent_has_it(tmp_path: Path) -> None:
    with closing(written(tmp_path)):
        assert read_journal(JournalFiles(tmp_path)) == Journal(str(tmp_path / "journal.db"), 4, 3)


def test_nothing_is_changed_by_looking(tmp_path: Path) -> None:
    with closing(written(tmp_path)) as journal:
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        read_journal(JournalFiles(tmp_path))
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
        journal.append(a_decision(7))


def test_one_that_is_being_written_is_never_taken_for_damaged(tmp_path: Path) -> None:
    """The agent appends and compacts as fast as it can; every look is the journal, or could not be told."""
    with closing(written(tmp_path)) as journal:
        stop = threading.Event()

        def write() -> None:
            for number in count(100):
                if stop.is_set():
                    return
                journal.append(a_decision(number))
                if number % 20 == 0:
                    journal.compact(ClaimBook(), BOOT, 1.0)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            found = [read_journal(JournalFiles(tmp_path)) for _ in range(200)]
        finally:
            stop.set()
            writer.join()
    assert not [each for each in found if isinstance(each, DamagedJournal)]
    assert [each for each in found if isinstance(each, Journal)]


class WrittenWhileRead(JournalFiles):
    """The first so many looks find it torn, because it changes between one file and the next."""

    def __init__(self, directory: Path, torn: int) -> None:
        super().__init__(directory)
        self._torn = torn

    def replayed(self) -> Replayed:
        if self._torn == 0:
            return super().replayed()
        self._torn -= 1
        os.utime(self.database, ns=(self._torn, self._torn))
        raise self.distrust("record 3 is missing")


@pytest.mark.parametrize("torn", [1, 4, 5])
def test_what_changed_while_it_was_read_is_read_again_and_not_for_ever(torn: int, tmp_path: Path) -> None:
    written(tmp_path).close()
    found = read_journal(WrittenWhileRead(tmp_path, torn))
    assert isinstance(found, Journal if torn < 5 else Unseen)


def test_damage_is_found_and_the_way_out_is_said(tmp_path: Path) -> None:
    written(tmp_path).close()
    database = tmp_path / "journal.db"
    octets = bytearray(database.read_bytes())
    octets[len(octets) - 40] ^= 1
    database.write_bytes(octets)
    found = read_journal(JournalFiles(tmp_path))
    assert isinstance(found, DamagedJournal)
    assert found.path == str(database)
    assert "mkdir" in found.way_out


def test_without_a_journal_there_is_none(tmp_path: Path) -> None:
    assert read_journal(JournalFiles(tmp_path)) is None
    assert read_journal(JournalFiles(tmp_path / "none")) is None
    assert list(tmp_path.iterdir()) == []
