# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests.fresh bookworm`: the README's two commands on a fresh Debian, to see that they need nothing else.

Makes a minimal system (git and python3, nothing more) with debootstrap, clones the committed checkout into it, and runs the
commands there as root, in namespaces of their own, so that nothing stays mounted or running. How this machine reaches its
registries (apt's configuration, certificates, pip's environment) is lent to it. The minimal system is cached; the run works on a
copy beside it (the lab's image is made in there: /tmp may be memory), so the next one is fresh again.

Does not know: what the commands do.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab.cache import cached, temporary
from tests.lab.chroots import MIRROR, BuildFailed, Chroot, bootstrap, checked, lend_registries, require_root
from tests.machine import CHECKOUT, say

COMMANDS = ("python3 -m tests.demo", "python3 -m tests")
PACKAGES = ("git", "python3", "ca-certificates")


def minimal(suite: str) -> Path:
    """The cached minimal system of `suite`, made on first use."""
    inputs = [suite, *PACKAGES, os.environ.get(MIRROR, "")]
    return cached(f"minimal-{suite}", inputs, build=lambda at: bootstrap(at, suite, packages=PACKAGES), about=f"a minimal {suite}")


def main() -> int:
    """0 where every command passed."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.fresh", description="The README's two commands on a fresh Debian.")
    parser.add_argument("suite", choices=["bookworm", "trixie"], help="Debian 12 or 13")
    parser.add_argument("command", nargs="?", help=f"another command instead of {' and '.join(COMMANDS)}")
    arguments = parser.parse_args()
    require_root()
    try:
        return _run(arguments.suite, [arguments.command] if arguments.command else COMMANDS)
    except BuildFailed as error:
        sys.exit(f"pcipt-agent: {error}")


def _run(suite: str, commands: Sequence[str]) -> int:
    system = minimal(suite)
    with temporary("fresh") as run:
        root = run / "root"
        checked(["cp", "-a", "--reflink=auto", str(system), str(root)])
        checked(["git", "clone", "--quiet", str(CHECKOUT), str(root / "srv/pcipt-agent")])
        fresh = Chroot(root, lend_registries(root))
        for command in commands:
            say(f"{suite}: {command}")
            started = time.monotonic()
            code = fresh.call(f"cd /srv/pcipt-agent && {command}")
            say(f"{suite}: {command}: exit code {code} after {time.monotonic() - started:.0f} s")
            if code:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
