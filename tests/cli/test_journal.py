# SPDX-License-Identifier: Apache-2.0
"""`pcipt journal` as it is typed; what it does to the files is in `adapters/journal/test_backup.py`."""

import json
import shutil
from pathlib import Path

from pcipt_agent.core.claim import Claimed
from tests.support.books import claim, decision
from tests.support.journals import book_read_in, started
from tests.support.running import configured, pcipt


def test_a_backup_and_a_restore_say_what_they_hold(tmp_path: Path) -> None:
    config = ("--config-file", str(configured(tmp_path, tmp_path, "")))
    state, file = tmp_path / "state", str(tmp_path / "backup")
    journal = started(state)
    journal.append(decision(Claimed(claim(1))))
    done = pcipt("journal", "backup", file, *config)
    assert (done.returncode, done.stdout) == (0, f"{file}: 1 claim, 0 ended claim_ids, 2 records\n")
    refused = pcipt("journal", "restore", file, *config)
    assert refused.returncode == 2
    assert refused.stderr.endswith("has the journal; stop it first: systemctl stop pcipt-agent.service\n")
    journal.append(decision(Claimed(claim(2))))
    journal.close()
    done = pcipt("journal", "restore", file, "--format", "json", *config)
    assert json.loads(done.stdout) == {
        "state_path": str(state),
        "replaced": f"{state}/replaced-1",
        "claims": 1,
        "ended": 0,
        "records": 2,
    }
    assert set(book_read_in(state).claims) == {"c1"}


def test_a_restore_says_what_comes_next(tmp_path: Path) -> None:
    config = ("--config-file", str(configured(tmp_path, tmp_path, "")))
    started(tmp_path / "state").close()
    file = str(tmp_path / "backup")
    pcipt("journal", "backup", file, *config)
    said = pcipt("journal", "restore", file, *config).stdout
    assert f"what was there is kept in {tmp_path}/state/replaced-1\n" in said
    assert "next: start the agent: systemctl start pcipt-agent.service" in said


def test_a_restore_finds_a_name_for_what_was_there_whatever_an_operator_has_removed(tmp_path: Path) -> None:
    config = ("--config-file", str(configured(tmp_path, tmp_path, "")))
    started(tmp_path / "state").close()
    file = str(tmp_path / "backup")
    pcipt("journal", "backup", file, *config)
    for _ in range(2):
        pcipt("journal", "restore", file, *config)
    shutil.rmtree(tmp_path / "state/replaced-1")
    for kept in ("replaced-1", "replaced-3"):
        assert f"is kept in {tmp_path}/state/{kept}\n" in pcipt("journal", "restore", file, *config).stdout
