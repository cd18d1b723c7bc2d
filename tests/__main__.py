# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests`: sets up what the tests need on this machine, and runs all of them.

    python3 -m tests            everything, in this order; stops at the first part that fails
    python3 -m tests fast       one part or several, by name

Does not know: how a test works; what a part needs is `tests.machine`'s business.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Collection

from tests.lab.chroots import LENT_FILE_VARIABLES, LENT_VARIABLES, require_x86_64
from tests.machine import CHECKOUT, LAB, TEST, VENV, prepare, say

PARTS = {
    "format": ["ruff", "format", "--check", "--quiet", "."],
    "lint": ["ruff", "check", "--quiet", "."],
    "types": ["mypy"],
    "floors": ["lint-imports", "--no-logo"],
    "fast": ["pytest", "-q", "-n", "2", "--ignore=tests/services", "--ignore=tests/system", "--ignore=tests/lab"],
    "system": ["pytest", "-q", "-n", "2", "tests/system"],
    "services": ["pytest", "-q", "tests/services"],
    "image": ["python", "-m", "tests.lab", "build"],
    "lab": ["pytest", "-q", "-p", "no:cacheprovider", "--durations=15", "tests/lab"],
    "bench": ["python", "-m", "tests.bench", "--functions", "512", "--slack", "1.5"],
}
"""Part → the command, run from the checkout with the virtual environment's programs."""

IN_THE_LAB = frozenset({"image", "lab"})
"""They need its packages, an x86-64, and root, for debootstrap and chroot. What root writes is not in the checkout."""

SUDO = (
    "sudo",
    f"--preserve-env={','.join(['CI', 'PCIPT_LAB_HOST', 'XDG_CACHE_HOME', *LENT_VARIABLES, *LENT_FILE_VARIABLES])}",
    *("env", "PYTHONDONTWRITEBYTECODE=1"),
)
"""Before a command of theirs where we are not root. Values would be seen in the list of processes, and HOME's files be root's."""


def main() -> int:
    """Runs the parts that were asked for; 0 where all passed, else the first failure's exit code."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(
        prog="python3 -m tests", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; default: all")
    asked = parser.parse_args().part or list(PARTS)
    if unknown := [part for part in asked if part not in PARTS]:
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    root = _root(IN_THE_LAB.intersection(asked))
    prepare(extras="[test]", packages=[*TEST, *(LAB if IN_THE_LAB.intersection(asked) else ())])
    environment = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    for part in asked:
        command = PARTS[part]
        say(f"{part}: {' '.join(command)}")
        started = time.monotonic()
        program = str(VENV / "bin" / command[0])
        words = [*(root if part in IN_THE_LAB else []), program, *command[1:]]
        code = subprocess.run(words, cwd=CHECKOUT, env=environment, check=False).returncode
        say(f"{part}: {'passed' if code == 0 else f'failed, exit code {code}'} in {time.monotonic() - started:.0f} s")
        if code:
            return code
    return 0


def _root(parts: Collection[str]) -> list[str]:
    """What goes before a command of these parts, which only root can do; ends the program where they cannot be run here."""
    if not parts:
        return []
    require_x86_64()
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        sys.exit(f"pcipt-agent: not root and no sudo; as root, run: python3 -m tests {' '.join(sorted(parts))}")
    return [*SUDO]


if __name__ == "__main__":
    sys.exit(main())
