# SPDX-License-Identifier: Apache-2.0
"""The compute host's system: Debian 13 with libvirt, QEMU and systemd, as a real compute host has them.

What differs from a host of metal is what emulation makes slow and a test does not need: timers that tidy up, keys made at first
boot, drivers of the emulated board. The management NIC is known by its MAC address and named mgmt0; its address is fixed
(QEMU's user network gives every machine its own), so nothing waits for a network.

Does not know: machines, the agent, guests.
"""

import lzma
import shutil
from pathlib import Path

from tests.lab import agent, guest_files, wheels
from tests.lab.cache import cached
from tests.lab.chroots import Chroot, checked
from tests.lab.debians import kernel_version
from tests.lab.modules import check_version

MANAGEMENT_MAC = "52:54:00:00:00:01"
"""Of the NIC that becomes mgmt0."""

SSH = "/root/.ssh"
PLACES = (agent.VENV, agent.SOURCE, wheels.PLACE, guest_files.PLACE, SSH)
"""Empty here; the image has something there."""

_UNUSED_MODULES = (
    # What udev and systemd would load for the emulated board and processor, each a second or so, and nothing of ours needs.
    *("iTCO_wdt", "lpc_ich", "i2c_i801", "pcspkr", "psmouse", "serio_raw", "cfg80211", "vsock_loopback", "binfmt_misc"),
    *("aesni_intel", "ghash_clmulni_intel", "sha1_ssse3", "sha256_ssse3", "sha512_ssse3", "crct10dif_pclmul", "crc32_pclmul"),
)
_FILES = {
    "etc/hostname": "lab\n",
    "etc/hosts": "127.0.0.1 localhost\n127.0.1.1 lab\n",
    "etc/resolv.conf": "",
    "etc/apt/sources.list": "",
    "etc/machine-id": "",
    "etc/fstab": "/dev/vda / ext4 noatime 0 0\n",
    "etc/systemd/network/10-mgmt0.link": f"[Match]\nMACAddress={MANAGEMENT_MAC}\n\n[Link]\nName=mgmt0\n",
    "etc/systemd/network/10-mgmt0.network": (
        f"[Match]\nMACAddress={MANAGEMENT_MAC}\n\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n"
        "IPv6AcceptRA=no\nLinkLocalAddressing=no\n"
    ),
    "etc/modprobe.d/lab.conf": "".join(f"install {name} /bin/true\n" for name in _UNUSED_MODULES),
    "etc/ssh/sshd_config.d/lab.conf": (
        "HostKey /etc/ssh/ssh_host_ed25519_key\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        "UsePAM no\nUseDNS no\nMaxSessions 100\n"
    ),
}
_UNUSED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "fstrim.timer", "e2scrub_all.timer", "man-db.timer"),
    *("systemd-networkd-wait-online.service", "e2scrub_reap.service", "cron.service", "libvirt-guests.service"),
    *("nvmf-autoconnect.service", "nvmefc-boot-connections.service", "systemd-binfmt.service", "getty@tty1.service"),
    *("modprobe@drm.service", "modprobe@efi_pstore.service"),
)
_LOADED = (
    # What the lab's hosts do load: unpacked, as xz takes longer in an emulation than reading.
    *(
        "kvm",
        "kvm-amd",
        "ccp",
        "irqbypass",
        "igb",
        "igbvf",
        "i2c-algo-bit",
        "dca",
        "nvme",
        "nvme-core",
        "nvme-auth",
        "nvme-keyring",
    ),
    *(
        "virtio_net",
        "net_failover",
        "failover",
        "ahci",
        "libahci",
        "libata",
        "scsi_mod",
        "scsi_common",
        "evdev",
        "button",
        "configfs",
    ),
    *("vfio", "vfio-pci", "vfio-pci-core", "vfio_iommu_type1", "vdpa", "vhost_vdpa", "vhost", "vhost_iotlb", "fuse", "nfnetlink"),
    *("qemu_fw_cfg", "ip_tables", "x_tables", "autofs4", "tun", "crc32c-intel"),
)
_SETUP = f"""
usermod --password '*' root
systemctl --quiet enable systemd-networkd.service ssh.service
systemctl --quiet mask {" ".join(_UNUSED)}
depmod "$(ls /lib/modules)"
ldconfig
touch /etc/.updated /var/.updated  # nothing is left to be done at the first boot
"""


def system(debian: Path, drivers: Path) -> Path:
    """The root directory of the system, made on first use of its Debian and the drivers that are built for it."""
    inputs = [str(debian), str(drivers), *PLACES, *_LOADED, _SETUP, repr(_FILES)]
    return cached("system", inputs, build=lambda at: _make(at, debian, drivers), about="the compute host's system")


def _make(root: Path, debian: Path, drivers: Path) -> None:
    checked(["cp", "-a", "--reflink=auto", f"{debian}/.", str(root)])
    kernel = kernel_version(root)
    check_version(drivers, kernel=kernel)
    _take_modules(root / "usr/lib/modules" / kernel, drivers)
    for path, text in _FILES.items():
        (root / path).unlink(missing_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    for place in PLACES:
        (root / place.removeprefix("/")).mkdir(parents=True, exist_ok=True)
    Chroot(root).run(_SETUP)


def _take_modules(folder: Path, drivers: Path) -> None:
    """Ours are there; those that are loaded in the lab are unpacked."""
    (folder / "updates").mkdir()
    for module in drivers.glob("*.ko"):
        shutil.copy(module, folder / "updates")
    for packed in [path for name in _LOADED for path in folder.rglob(f"{name}.ko.xz")]:
        packed.with_suffix("").write_bytes(lzma.decompress(packed.read_bytes()))
        packed.unlink()
