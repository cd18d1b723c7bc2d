# SPDX-License-Identifier: Apache-2.0
"""`python3 -m tests.fresh bookworm`: the README's two commands on a fresh Debian, to see that they need nothing else.

Makes a minimal system (git and python3, nothing more) with debootstrap, clones the committed checkout into it, and runs the
commands there as root, in a mount namespace of their own, so that nothing stays mounted. How this machine reaches its registries
(apt's configuration, certificates, pip's environment) is lent to it. The minimal system is cached; the run works on a copy, so the
next one is fresh again.

Does not know: what the commands do.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.machine import CHECKOUT, say

COMMANDS = ("python3 -m tests.demo", "python3 -m tests")
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "pcipt-agent"


def minimal(suite: str) -> Path:
    """The cached minimal system of `suite`, made on first use."""
    root = CACHE / f"minimal-{suite}"
    if not root.exists():
        if shutil.which("debootstrap") is None:
            sys.exit("pcipt-agent: debootstrap is missing; as root, run: apt-get install debootstrap")
        CACHE.mkdir(parents=True, exist_ok=True)
        making = root.with_suffix(".making")
        shutil.rmtree(making, ignore_errors=True)
        say(f"making a minimal {suite}")
        command = ["debootstrap", "--variant=minbase", "--include=git,python3,ca-certificates", suite, str(making)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        making.rename(root)
    return root


def lend_registries(root: Path) -> dict[str, str]:
    """Copies what lets this machine's apt and pip reach their registries; returns the environment that goes with it."""
    for source in ("etc/ssl/certs", "etc/apt/apt.conf.d", "usr/local/share/ca-certificates"):
        if (Path("/") / source).is_dir():
            shutil.rmtree(root / source, ignore_errors=True)  # its absolute links would lead out of the root
            shutil.copytree(Path("/") / source, root / source)
    for source in ("etc/pip.conf", "etc/resolv.conf", "etc/hosts"):
        if (Path("/") / source).is_file():
            shutil.copy(Path("/") / source, root / source)
    lent = (
        "PIP_CERT",
        "PIP_INDEX_URL",
        "PIP_DEFAULT_TIMEOUT",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "http_proxy",
        "https_proxy",
        "no_proxy",
    )
    kept = {name: os.environ[name] for name in lent if name in os.environ}
    return {"HOME": "/root", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **kept}


def run_in(root: Path, command: str, environment: dict[str, str]) -> int:
    """Runs a shell command inside, with /proc, /sys and /dev of its own mount namespace; returns its exit code."""
    inside = f"cd /srv/pcipt-agent && {command}"
    mounts = "; ".join(f"mount --rbind /{each} {root}/{each}" for each in ("proc", "sys", "dev"))
    script = f"set -e; mount --make-rprivate /; {mounts}; exec chroot {root} /bin/sh -c '{inside}'"
    return subprocess.run(["unshare", "--mount", "/bin/sh", "-c", script], check=False, env=environment).returncode


def main() -> int:
    """0 where every command passed."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.fresh", description="The README's two commands on a fresh Debian.")
    parser.add_argument("suite", choices=["bookworm", "trixie"], help="Debian 12 or 13")
    parser.add_argument("command", nargs="?", help=f"another command instead of {' and '.join(COMMANDS)}")
    arguments = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("pcipt-agent: debootstrap and chroot need root; run: sudo python3 -m tests.fresh " + arguments.suite)
    with tempfile.TemporaryDirectory(prefix="pcipt-fresh-") as directory:
        root = Path(directory) / "root"
        subprocess.run(["cp", "-a", "--reflink=auto", str(minimal(arguments.suite)), str(root)], check=True)
        environment = lend_registries(root)
        subprocess.run(["git", "clone", "--quiet", str(CHECKOUT), str(root / "srv/pcipt-agent")], check=True)
        for command in [arguments.command] if arguments.command else COMMANDS:
            say(f"{arguments.suite}: {command}")
            started = time.monotonic()
            code = run_in(root, command, environment)
            say(f"{arguments.suite}: {command}: exit code {code} after {time.monotonic() - started:.0f} s")
            if code:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
