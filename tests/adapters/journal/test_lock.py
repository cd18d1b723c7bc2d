# SPDX-License-Identifier: Apache-2.0
"""One daemon on one state directory."""

import subprocess
import sys
from pathlib import Path

import pytest

from pcipt_agent.errors import JournalError
from tests.support.journals import CHECKOUT, started


def test_the_holder_of_the_state_is_named(state: Path) -> None:
    started(state).close()
    script = "from tests.support.journals import *; started(Path(sys.argv[1])); print(1, flush=True); input()"
    command = [sys.executable, "-c", script, str(state)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "1\n"
        with pytest.raises(JournalError, match=f"process {holder.pid} is already running"):
            started(state)
        holder.communicate("\n")
    started(state).close()
