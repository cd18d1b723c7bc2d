# SPDX-License-Identifier: Apache-2.0
"""`pcipt` inside the test's own process: the same command line and streams, without the price of a new Python each time."""

from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import BytesIO, TextIOWrapper

from pcipt_agent.cli import run


@dataclass(frozen=True, slots=True)
class Streams:
    """What was written to standard output and error."""

    out: BytesIO
    err: BytesIO


@dataclass(frozen=True, slots=True)
class Done:
    """As `subprocess.run` tells it."""

    returncode: int
    stdout: str
    stderr: str


@contextmanager
def captured(encoding: str = "utf-8") -> Iterator[Streams]:
    """Standard output and error in memory, as a terminal of that encoding would have them."""
    streams = Streams(BytesIO(), BytesIO())
    out = TextIOWrapper(streams.out, encoding=encoding, write_through=True)
    err = TextIOWrapper(streams.err, encoding=encoding, write_through=True)
    with redirect_stdout(out), redirect_stderr(err):
        yield streams
    out.detach()
    err.detach()


def pcipt_inside(*arguments: str) -> Done:
    """One command line; usage that argparse refuses ends with its exit code too."""
    with captured() as streams:
        try:
            code = run(arguments)
        except SystemExit as end:
            code = int(end.code or 0)
    return Done(code, streams.out.getvalue().decode(), streams.err.getvalue().decode())
