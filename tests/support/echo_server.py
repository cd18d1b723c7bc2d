# SPDX-License-Identifier: Apache-2.0
"""`python -m tests.support.echo_server URL`: an echo server as a process of its own, which tests may kill or stop.

Prints a line when it serves, and ends when its standard input does.

Does not know: what is called.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.bus import Echo, serving


@contextmanager
def echo_process(url: str) -> Iterator[subprocess.Popen[str]]:
    """The process, once it serves; it is ended in whatever state it is then."""
    command = [sys.executable, "-m", "tests.support.echo_server", url]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "serving\n"
        yield child
    finally:
        child.kill()
        child.communicate()


if __name__ == "__main__":
    with serving(sys.argv[1], Echo()):
        print("serving", flush=True)
        sys.stdin.read()
