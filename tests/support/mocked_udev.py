# SPDX-License-Identifier: Apache-2.0
"""udev under umockdev: a child process in which libudev hears what the test says, and answers what our adapter makes of it.

    told(("event", "net", "pci0000:3a/0000:3b:00.0/net/ens1", "add"), ("take",))

umockdev's preload library stands between libudev and the kernel, so it must be there when the process starts.

Does not know: what the right answer is.
Source: umockdev_testbed_add_devicev, umockdev_testbed_uevent (umockdev.h).
"""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
Step = tuple[str, ...]


def told(*steps: Step, most: int = 2000) -> list[object]:
    """What the adapter says at each `take`, in order: the addresses as text, or "everything", which more than `most` events are.

    umockdev holds some ten events that nobody has taken.

    ("event", SUBSYSTEM, PATH, ACTION)     udev tells of the device at PATH below /sys/devices
    ("lose",)                              events are lost: the socket's buffer overflows
    ("take",)
    ("exit",)                              the adapter is closed; the answer is how many sockets are open more than before
    """
    with tempfile.TemporaryDirectory() as files:  # a testbed's own; it would leave them
        child = subprocess.run(
            [sys.executable, "-m", "tests.support.mocked_udev", json.dumps(steps), str(most)],
            env={**os.environ, "LD_PRELOAD": "libumockdev-preload.so.0", "TMPDIR": files},
            cwd=CHECKOUT,
            check=True,
            stdout=subprocess.PIPE,
            timeout=60,
        )
    answers: list[object] = json.loads(child.stdout)
    return answers


class Testbed:
    """umockdev's, by its C interface: its Python one needs the machine's own python3."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libumockdev.so.0")
        self._library.umockdev_testbed_new.restype = ctypes.c_void_p
        self._library.umockdev_testbed_add_devicev.restype = ctypes.c_char_p
        self._bed = ctypes.c_void_p(self._library.umockdev_testbed_new())
        self._nothing = (ctypes.c_char_p * 1)(None)

    def event(self, subsystem: str, path: str, action: str) -> None:
        """Of a device that is there from then on, with all that it is below."""
        place = f"/sys/devices/{path}"
        if not Path(place).exists():
            parent, _, name = path.rpartition("/")
            above = f"/sys/devices/{parent}".encode() if parent and Path(f"/sys/devices/{parent}").exists() else None
            added = self._library.umockdev_testbed_add_devicev(
                self._bed, subsystem.encode(), (name if above else path).encode(), above, self._nothing, self._nothing
            )
            assert added == place.encode(), added
        self._library.umockdev_testbed_uevent(self._bed, place.encode(), action.encode())


def _main(steps: list[list[str]], most: int) -> None:
    # Only here, because only the child needs them, and it is libudev's first use that umockdev must see.
    from pcipt_agent.adapters.udev import listening
    from tests.support.overflowing import overflowing_socket

    bed, answers = Testbed(), list[object]()
    before = _open_sockets()
    events = listening(most)
    for step, *arguments in steps:
        match step:
            case "event":
                bed.event(*arguments)
            case "lose":
                with overflowing_socket() as full:
                    os.dup2(full.fileno(), events.fileno())
            case "take":
                hints = events.take()
                answers.append("everything" if hints.everything else sorted(map(str, hints.addresses)))
            case "exit":
                events.close()
                answers.append(_open_sockets() - before)
    print(json.dumps(answers))


def _open_sockets() -> int:
    """umockdev's own thread opens an eventfd when it likes."""
    files = list(Path("/proc/self/fd").iterdir())
    return len([file for file in files if file.is_symlink() and str(file.readlink()).startswith("socket:")])


if __name__ == "__main__":
    _main(json.loads(sys.argv[1]), int(sys.argv[2]))
