# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests`: sets up what the tests need on this machine, and runs all of them.

    python3 -m tests            everything, in this order; stops at the first part that fails
    python3 -m tests fast       one part or several, by name

Does not know: how a test works; what a part needs is `tests.machine`'s business.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Mapping

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
    "lab": ["pytest", "-q", "--durations=15", "tests/lab"],
    "bench": ["python", "-m", "tests.bench", "--functions", "512", "--slack", "1.5"],
}
"""Part → the command, run from the checkout with the virtual environment's programs."""

IN_THE_LAB = frozenset({"image", "lab"})
"""They need its packages, and root, for debootstrap and chroot."""


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
    prepare(extras="[test]", packages=[*TEST, *(LAB if IN_THE_LAB.intersection(asked) else ())])
    environment = {**os.environ, "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    for part in asked:
        command = PARTS[part]
        say(f"{part}: {' '.join(command)}")
        started = time.monotonic()
        root = _root(environment) if part in IN_THE_LAB else []
        program = str(VENV / "bin" / command[0])
        code = subprocess.run([*root, program, *command[1:]], cwd=CHECKOUT, env=environment, check=False).returncode
        say(f"{part}: {'passed' if code == 0 else f'failed, exit code {code}'} in {time.monotonic() - started:.0f} s")
        if code:
            return code
    return 0


def _root(environment: Mapping[str, str]) -> list[str]:
    """What goes before a command that only root can do."""
    kept = [f"{name}={environment[name]}" for name in ("PATH", "HOME", "XDG_CACHE_HOME") if name in environment]
    return [] if os.geteuid() == 0 else ["sudo", "env", *kept]


if __name__ == "__main__":
    sys.exit(main())
