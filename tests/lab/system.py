# SPDX-License-Identifier: Apache-2.0
"""The compute host's system: Debian 13 with libvirt, QEMU and systemd, as a real compute host has them.

What differs from a host of metal is what emulation makes slow and a test does not need: timers that tidy up, keys made at first
boot, an initramfs with every driver there is. The management NIC is known by its MAC address and named mgmt0; its address is fixed
(QEMU's user network gives every machine its own), so nothing waits for a network.

Does not know: machines, the agent, guests.
"""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab.builder import SUITE
from tests.lab.cache import cached
from tests.lab.chroots import Chroot, bootstrap
from tests.lab.modules import INPUTS, check_version, modules

MANAGEMENT_MAC = "52:54:00:00:00:01"
"""Of the NIC that becomes mgmt0."""

PLACES = ("opt/pcipt-agent", "srv/wheels", "srv/pcipt-agent", "srv/guest", "root/.ssh")
"""Empty here; the image has something there."""

_PACKAGES = (
    *("linux-image-amd64", "systemd", "systemd-sysv", "libpam-systemd", "udev", "dbus", "polkitd", "kmod", "procps", "e2fsprogs"),
    *("libvirt-daemon-system", "libvirt-clients", "qemu-system-x86", "qemu-utils", "ovmf"),
    *("python3", "python3-venv", "pciutils", "iproute2", "openssh-server", "busybox-static", "nvme-cli", "less"),
)

_FILES = {
    # Drivers of the root disk and no others: 40 MB of them would be unpacked at each boot.
    "etc/initramfs-tools/conf.d/lab": "MODULES=list\n",
    "etc/initramfs-tools/hooks/lab": (
        '#!/bin/sh\n[ "$1" = prereqs ] && exit 0\n. /usr/share/initramfs-tools/hook-functions\n'
        "manual_add_modules virtio_pci virtio_blk ext4\n"
    ),
    "etc/hostname": "lab\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 lab\n",
    "etc/resolv.conf": "",
    "etc/machine-id": "",
    "etc/fstab": "/dev/vda / ext4 noatime 0 0\n",
    "etc/systemd/network/10-mgmt0.link": f"[Match]\nMACAddress={MANAGEMENT_MAC}\n\n[Link]\nName=mgmt0\n",
    "etc/systemd/network/10-mgmt0.network": (
        f"[Match]\nMACAddress={MANAGEMENT_MAC}\n\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n"
        "IPv6AcceptRA=no\nLinkLocalAddressing=no\n"
    ),
    "etc/ssh/sshd_config.d/lab.conf": (
        "HostKey /etc/ssh/ssh_host_ed25519_key\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        "UsePAM no\nUseDNS no\nMaxSessions 100\n"
    ),
}
_UNUSED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer", "man-db.timer"),
    *("systemd-networkd-wait-online.service", "e2scrub_reap.service", "systemd-pcrphase.service"),
)
_SETUP = f"""
usermod --password '*' root
systemctl --quiet enable systemd-networkd.service ssh.service
systemctl --quiet mask {" ".join(_UNUSED)}
depmod "$(ls /lib/modules)"
update-initramfs -c -k all
"""


def system() -> Path:
    """The root directory of the system, made on first use."""
    recipe = [SUITE, *INPUTS, *_PACKAGES, *PLACES, _SETUP, repr(_FILES)]
    return cached("system", recipe, build=_make, about=f"the compute host's system, Debian {SUITE} with libvirt and QEMU")


def kernel_version(root: Path) -> str:
    """Of the one kernel there: 6.12.48+deb13-amd64."""
    (kernel,) = root.glob("boot/vmlinuz-*")
    return re.sub("^vmlinuz-", "", kernel.name)


def _make(root: Path) -> None:
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(modules)
        bootstrap(root, SUITE, packages=_PACKAGES)
    check_version(building.result(), kernel=kernel_version(root))
    updates = root / "lib/modules" / kernel_version(root) / "updates"
    updates.mkdir()
    for module in building.result().glob("*.ko"):
        shutil.copy(module, updates)
    _write(root, _FILES)
    for place in PLACES:
        (root / place).mkdir(parents=True, exist_ok=True)
    Chroot(root).run(_SETUP)


def _write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).unlink(missing_ok=True)
        (root / path).write_text(text, encoding="utf-8")
        (root / path).chmod(0o755 if text.startswith("#!") else 0o644)
