# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests.lab shell`, typed as the README says, in a terminal of its own."""

import os
import pty
import select
import shlex
import subprocess
import sys
import time
from pathlib import Path

from tests.machine import CHECKOUT

COMMAND = "python3 -m tests.lab shell"
TYPED = b"pcipt devices --format json | grep -c type-VF; until pcipt status > /dev/null; do sleep 1; done; echo all is well\n"
"""status: exit code 0 once nothing needs attention; right after its start the agent has not asked libvirt yet."""
SECONDS = 600.0
"""For the whole; a host more that is switched on beside the one of the other tests."""


def test_a_person_gets_a_prompt_beside_an_agent_with_vfs_and_leaves_nothing_behind() -> None:
    assert f"# {COMMAND}" in (CHECKOUT / "README.rst").read_text()
    terminal, theirs = pty.openpty()
    shell = subprocess.Popen(
        [sys.executable, *shlex.split(COMMAND)[1:]],
        cwd=CHECKOUT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        _shown(terminal, "root@compute1:")
        emulators = _emulators_of(shell.pid)
        assert len(emulators) == 1
        os.write(terminal, TYPED)
        said = _shown(terminal, "\nall is well")
        assert any(line.strip().endswith("18") for line in said.splitlines()), said
        os.write(terminal, b"exit\n")
        assert shell.wait(timeout=60) == 0
        assert not any(Path(f"/proc/{pid}").exists() for pid in emulators)
    finally:
        shell.kill()
        shell.wait()
        os.close(terminal)


def _shown(terminal: int, wanted: str) -> str:
    """What the terminal shows until it shows this."""
    text, until = "", time.monotonic() + SECONDS
    while wanted not in text:
        ready, _, _ = select.select([terminal], [], [], max(0.0, until - time.monotonic()))
        assert ready, f"no {wanted!r} within {SECONDS:g} s:\n{text}"
        try:
            text += os.read(terminal, 65536).decode(errors="replace")
        except OSError:  # EIO: nobody has it open on the other side
            raise AssertionError(f"it ended before {wanted!r}:\n{text}") from None
    return text


def _emulators_of(parent: int) -> set[int]:
    """The processes of this one's that emulate a host."""
    children = set[int]()
    for thread in Path(f"/proc/{parent}/task").iterdir():
        children |= set(map(int, (thread / "children").read_text().split()))
    return {pid for pid in children if b"pcipt-agent/lab/emulator-" in Path(f"/proc/{pid}/cmdline").read_bytes()}
