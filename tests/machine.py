# SPDX-License-Identifier: Apache-2.0
"""What this machine must have before a command of the project can run, and getting it there.

Run by the machine's own python3, before anything is installed: standard library only. Debian packages come by apt (through sudo
where we are not root), Python packages into `.venv` in the checkout. What is already there is not installed again, so the second
run of a command starts at once.

Does not know: tests, the demonstration; they name what they need.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
VENV = CHECKOUT / ".venv"

RUN = {"python3-venv": "ensurepip"}
"""Debian package → the Python module that shows it is there."""

_DEBIAN_12 = 'VERSION_ID="12"' in Path("/etc/os-release").read_text(encoding="utf-8")

TEST = {
    "rabbitmq-server": "/usr/sbin/rabbitmq-server",
    "libvirt0" if _DEBIAN_12 else "libvirt-common": "/usr/share/libvirt/schemas/domain.rng",
    "gcc": "/usr/bin/gcc",
    "iproute2": "/usr/bin/ip",
    "umockdev": "/usr/bin/umockdev-run",
    "libc6-dev": "/usr/include/stdio.h",
    "libvirt-clients": "/usr/bin/virsh",
    "libvirt-daemon": "/usr/sbin/libvirtd",
    "libvirt-dev": "/usr/include/libvirt/libvirt.h",
    "pkg-config": "/usr/bin/pkg-config",
    "python3-dev": "/usr/bin/python3-config",
    "systemd": "/usr/bin/systemd-analyze",
    "udev": "/usr/bin/udevadm",
    "zsh": "/usr/bin/zsh",
}
"""Debian package → a file that shows it is there."""

LAB = {
    "debian-archive-keyring": "/usr/share/keyrings/debian-archive-keyring.gpg",
    "debootstrap": "/usr/sbin/debootstrap",
    "e2fsprogs": "/usr/sbin/mke2fs",
    "openssh-client": "/usr/bin/ssh",
    "zstd": "/usr/bin/zstd",
}
"""The same, for the lab; what emulates it and runs in it comes from its own Debians."""

POLICY = Path("/usr/sbin/policy-rc.d")
_NOTHING_STARTS = "#!/bin/sh\n# of pcipt-agent's tests, while they install packages; it may be removed\nexit 101\n"


def say(text: str) -> None:
    print(f"== {text}", flush=True)


def prepare(*, extras: str = "", packages: Sequence[str] = ()) -> Path:
    """Installs what is missing; returns the virtual environment's python. `extras` as pip writes them: `[test]`."""
    whole = VENV / f"made-{hashlib.sha256(sys.version.encode()).hexdigest()[:16]}"
    provide([*packages, *([] if whole.exists() or _has_ensurepip() else ["python3-venv"])])
    python = VENV / "bin" / "python"
    if not whole.exists():  # or it was cut off, or is of another Python: the system's was upgraded
        say(f"making a virtual environment in {VENV.name}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
        whole.touch()
    stamp = VENV / f"installed-{_dependency_key(extras)}"
    if not stamp.exists():
        say(f"installing the agent and its Python packages {extras}".rstrip())
        target = f"{CHECKOUT}{extras}"
        subprocess.run([str(python), "-m", "pip", "install", "-qq", "--editable", target], check=True)
        stamp.touch()
    return python


def provide(packages: Sequence[str]) -> None:
    """Those Debian packages that are missing are installed."""
    shows = TEST | LAB
    if missing := [package for package in packages if package not in shows or not Path(shows[package]).exists()]:
        _apt_install(missing)


def _has_ensurepip() -> bool:
    probe = [sys.executable, "-c", "import ensurepip, venv; ensurepip.version()"]
    return subprocess.run(probe, check=False, stderr=subprocess.DEVNULL).returncode == 0


def _dependency_key(extras: str) -> str:
    """Changes when pyproject.toml or the extras do."""
    text = (CHECKOUT / "pyproject.toml").read_bytes() + extras.encode()
    return hashlib.sha256(text).hexdigest()[:16]


def _apt_install(packages: Sequence[str]) -> None:
    say(f"installing {' '.join(packages)}")
    if shutil.which("apt-get") is None:
        sys.exit(f"pcipt-agent: no apt-get here; install the equivalent of: {' '.join(packages)}")
    root = [] if os.geteuid() == 0 else ["sudo"]
    if root and shutil.which("sudo") is None:
        sys.exit(f"pcipt-agent: not root and no sudo; as root, run: apt-get install --no-install-recommends {' '.join(packages)}")
    _apt_get(root, "update")
    with services_left_stopped(root):
        _apt_get(root, "-y", "install", "--no-install-recommends", *packages)


def _apt_get(root: Sequence[str], *words: str) -> None:
    """Waits for another that installs (a fresh machine upgrades itself, say); ends the program with its output where it fails."""
    command = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *words]
    log = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if log.returncode:
        sys.exit(f"{log.stdout}\npcipt-agent: that was: {' '.join(command)}")


@contextmanager
def services_left_stopped(root: Sequence[str], policy: Path = POLICY) -> Iterator[None]:
    """Debian starts a service as it installs it (a broker on all interfaces, say) unless policy-rc.d forbids it.

    The operator's own stays; ours, where a run was killed, does not.
    """
    if policy.exists() and policy.read_bytes() != _NOTHING_STARTS.encode():
        yield
        return
    subprocess.run([*root, "tee", str(policy)], input=_NOTHING_STARTS, text=True, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([*root, "chmod", "755", str(policy)], check=True)
    try:
        yield
    finally:
        subprocess.run([*root, "rm", "-f", str(policy)], check=True)
