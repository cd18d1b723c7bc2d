# SPDX-License-Identifier: Apache-2.0
"""The two Debians of the host's release: the one that it boots, and one to build in.

Compilers and headers are so not in the host. But drivers that are built in one must fit the kernel of the other, and Debian
releases kernels: both are made anew when the packages of either change.

Does not know: what is built, what the host needs beyond packages.
"""

from pathlib import Path

from tests.lab.cache import cached
from tests.lab.chroots import Chroot, bootstrap

SUITE = "trixie"

_HOST_PACKAGES = (
    *("linux-image-amd64", "systemd", "systemd-sysv", "libpam-systemd", "udev", "dbus", "polkitd", "kmod", "procps", "e2fsprogs"),
    *("libvirt-daemon-system", "libvirt-clients", "qemu-system-x86", "qemu-utils", "ovmf"),
    *("python3", "python3-venv", "pciutils", "iproute2", "openssh-server", "busybox-static", "nvme-cli", "less"),
)
_BUILD_PACKAGES = (
    *("linux-headers-amd64", "linux-source", "make", "gcc", "xz-utils", "libc6-dev", "libelf-dev"),
    *("python3-dev", "python3-venv", "libvirt-dev", "pkg-config", "ca-certificates"),
)
_BOTH = (SUITE, *_HOST_PACKAGES, "and", *_BUILD_PACKAGES)


def debian() -> Path:
    """The root directory of the one that the host's system is made of, made on first use."""
    about = f"Debian {SUITE} with libvirt and QEMU"
    return cached("debian", _BOTH, build=lambda at: bootstrap(at, SUITE, packages=_HOST_PACKAGES), about=about)


def builder() -> Chroot:
    """The one to build in, made on first use."""
    about = f"a system to build in, Debian {SUITE} with compilers"
    return Chroot(cached("builder", _BOTH, build=lambda at: bootstrap(at, SUITE, packages=_BUILD_PACKAGES), about=about))


def kernel_version(root: Path) -> str:
    """Of the one kernel in a root directory: 6.12.48+deb13-amd64."""
    (kernel,) = root.glob("boot/vmlinuz-*")
    return kernel.name.removeprefix("vmlinuz-")
