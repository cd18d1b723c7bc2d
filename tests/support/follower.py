# SPDX-License-Identifier: Apache-2.0
"""`pcipt events --follow` in a process of its own, as an operator runs it."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.running import program, until


class Following:
    """Started, and following once `following` has entered it."""

    def __init__(self, process: "subprocess.Popen[bytes]", out: Path, err: Path) -> None:
        self.process = process
        self.out = out
        self.err = err

    def await_text(self, path: Path, text: str) -> None:
        """Whichever line it is on."""

        def there() -> bool:
            assert self.process.poll() is None, self.err.read_text()
            return text in path.read_text()

        until(there)

    def ctrl_c(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)


@contextmanager
def following(config_file: Path, *options: str) -> Iterator[Following]:
    """It follows when this is entered."""
    directory = config_file.parent
    out, err = directory / "events.out", directory / "events.err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        command = [program("pcipt"), "events", "--follow", "--config-file", str(config_file), *options]
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr)
    try:
        found = Following(process, out, err)
        found.await_text(err, "following the agent on compute1; Ctrl-C ends it")
        yield found
    finally:
        process.kill()
        process.wait(timeout=30)
