# SPDX-License-Identifier: Apache-2.0
"""Every moment at which a process could be killed, with the files as they would be left.

The process is traced and stopped before and after each of its system calls, which is every moment at which files can have changed:
a kill -9 there leaves exactly the files that are seen. So one run shows what would otherwise take a run for each moment.

Source: ptrace(2). A child of ours may be traced where Yama restricts it to descendants (kernel.yama.ptrace_scope=1).
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.journals import CHECKOUT

_SEIZE, _INTERRUPT, _NEXT_CALL = 0x4206, 0x4207, 24

Files = dict[str, bytes]
"""Name → content."""


def stops(script: str, state: Path) -> list[Files]:
    """The states of the directory's files from where the script calls `here()` to its end, each once, in order."""
    head = "import sys\nfrom pathlib import Path\nstate = Path(sys.argv[1])\ndef here():\n    print(flush=True)\n    input()\n"
    command = [sys.executable, "-c", head + script, str(state)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "\n"
        _trace(_SEIZE, process.pid)
        _trace(_INTERRUPT, process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        found: list[Files] = []
        try:
            for _ in _calls(process.pid):
                files = {path.name: path.read_bytes() for path in sorted(state.iterdir())}
                if not found or files != found[-1]:
                    found.append(files)
            process.returncode = 0  # it was waited for here
        finally:
            if process.returncode is None:
                process.kill()  # a process that is stopped would be waited for without end
    return found


def left(files: Files, directory: Path) -> Path:
    """A directory of its own with these files."""
    directory.mkdir(mode=0o700)
    for name, content in files.items():
        (directory / name).write_bytes(content)
    return directory


def _calls(pid: int) -> Iterator[None]:
    """Each time that it has been stopped; raises AssertionError where it ended badly."""
    while True:
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status) or os.WIFSIGNALED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return
        yield
        number = os.WSTOPSIG(status)
        _trace(_NEXT_CALL, pid, 0 if number & 0x7F == signal.SIGTRAP else number)


def _trace(request: int, pid: int, data: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.restype = ctypes.c_long
    if libc.ptrace(ctypes.c_long(request), ctypes.c_long(pid), ctypes.c_void_p(0), ctypes.c_void_p(data)) == -1:
        raise OSError(ctypes.get_errno(), "ptrace")
