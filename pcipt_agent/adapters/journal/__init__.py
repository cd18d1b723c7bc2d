# SPDX-License-Identifier: Apache-2.0
"""The journal: decisions that survive kill -9 and power loss, in SQLite; and what is past."""

from pcipt_agent.adapters.journal.checking import verify
from pcipt_agent.adapters.journal.store import SqliteJournal

__all__ = ["SqliteJournal", "verify"]
