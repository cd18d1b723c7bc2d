# SPDX-License-Identifier: Apache-2.0
"""A Debian to build in, so that compilers and headers are not in the host.

It has the host's release, kernel headers and Python.

Does not know: what is built.
"""

from pathlib import Path

from tests.lab.cache import cached
from tests.lab.chroots import Chroot, bootstrap

SUITE = "trixie"
"""The host's Debian."""

_PACKAGES = (
    *("linux-headers-amd64", "linux-source", "make", "gcc", "xz-utils", "libc6-dev", "libelf-dev"),
    *("python3-dev", "python3-venv", "libvirt-dev", "pkg-config", "ca-certificates"),
)


def builder() -> Chroot:
    """The system to build in, made on first use."""
    return Chroot(cached("builder", [SUITE, *_PACKAGES], build=_make, about=f"a system to build in, Debian {SUITE} with compilers"))


def _make(root: Path) -> None:
    bootstrap(root, SUITE, packages=_PACKAGES)
